//! Secrets in what an MCP server prints.

use footbridge::fuzzing;
use footbridge_shared::params::Secret;
use footbridge_shared::params::Secrets;

use crate::input::Input;

/// A secret of six bytes or more is never shown, nor is what is no secret lost.
pub fn run(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let n_secrets = usize::from(input.byte() % 4);
    let max = usize::from(input.byte()) * 16;
    let secrets: Secrets = (0..n_secrets)
        .map(|n| {
            let text = String::from_utf8_lossy(input.line()).into_owned();
            (format!("KEY{n}"), Secret::new(text))
        })
        .collect();
    let line = input.rest();
    let shown = fuzzing::redacted(&secrets, line, max);
    for secret in secrets.values().map(Secret::expose) {
        // What takes a secret's place, and what takes the place of bytes that are not UTF-8, can be part of another.
        let is_told_apart = !secret.contains(['*', char::REPLACEMENT_CHARACTER]);
        assert!(
            secret.len() < 6 || !is_told_apart || !shown.contains(secret),
            "{secret:?} is shown in {shown:?}"
        );
    }
    if secrets.values().all(|secret| secret.expose().len() < 6) {
        assert_eq!(shown, String::from_utf8_lossy(&line[..line.len().min(max)]));
    }
}
