//! The token: given, read from a file, or made.
//!
//! Owns what a token must look like. Never prints one, right or wrong.

use std::path::Path;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use footbridge_shared::params::Secret;

use crate::config::error::ConfigError;

/// Characters a token must have at least. Shorter ones can be guessed.
const SHORTEST: usize = 16;

/// Checks a token that a person chose; `setting` is where it came from.
///
/// # Errors
/// A sentence that names the setting when the token is empty, too short, or cannot travel in a header.
pub fn check(setting: &str, token: Secret) -> Result<Secret, ConfigError> {
    check_text(token, "; leave it out to get a random token.")
        .map_err(|problem| ConfigError::new(format!("{setting} {problem}")))
}

/// `way_out` ends the sentence when there is too little of it.
fn check_text(secret: Secret, way_out: &str) -> Result<Secret, String> {
    let text = secret.expose();
    if text.is_empty() {
        return Err(format!("is empty{way_out}"));
    }
    if !text
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || b"-._~+/=".contains(&byte))
    {
        return Err("may hold only letters, digits and the characters - . _ ~ + / =.".to_owned());
    }
    if text.len() < SHORTEST {
        return Err(format!("must have at least {SHORTEST} characters{way_out}"));
    }
    Ok(secret)
}

/// Reads the file of a token or another secret: one line, its line end left out. `setting` named the file, `noun`
/// says what it holds. The second value is a warning when others on this machine can read the file.
///
/// # Errors
/// A sentence that names the file when it cannot be read or holds no proper secret.
pub fn read(
    setting: &str,
    noun: &str,
    path: &Path,
) -> Result<(Secret, Option<String>), ConfigError> {
    let unreadable = |error| ConfigError::unreadable(setting, path, &error);
    let text = std::fs::read_to_string(path).map_err(unreadable)?;
    let line = text.strip_suffix('\n').unwrap_or(&text);
    let line = line.strip_suffix('\r').unwrap_or(line);
    let secret = check_text(Secret::new(line), ".").map_err(|problem| {
        ConfigError::new(format!("The {noun} in {} {problem}", path.display()))
    })?;
    let warning = readable_by_others(path).map_err(unreadable)?.then(|| {
        format!(
            "Other users of this machine can read the {noun} in {0}; run: chmod 600 {0}",
            path.display()
        )
    });
    Ok((secret, warning))
}

/// Whether other users of this machine can read a file.
#[cfg(unix)]
pub(super) fn readable_by_others(path: &Path) -> std::io::Result<bool> {
    use std::os::unix::fs::PermissionsExt;
    Ok(std::fs::metadata(path)?.permissions().mode() & 0o044 != 0)
}

/// Whether other users of this machine can read a file: not known here.
#[cfg(not(unix))]
#[expect(clippy::unnecessary_wraps, reason = "one signature for every system")]
pub(super) fn readable_by_others(_path: &Path) -> std::io::Result<bool> {
    Ok(false)
}

/// A new token of 256 random bits.
///
/// # Errors
/// A sentence when the system gives no random bytes.
pub fn random() -> Result<Secret, ConfigError> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(|error| {
        ConfigError::new(format!(
            "The system gives no random bytes for a token: {error}."
        ))
    })?;
    Ok(Secret::new(BASE64_URL_SAFE_NO_PAD.encode(bytes)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_that_is_empty_short_or_cannot_travel_is_refused_and_not_repeated() {
        for (token, problem) in [
            ("", "is empty"),
            ("short-secret", "at least 16 characters"),
            ("a token with spaces in it", "may hold only"),
            ("tökentökentökentöken", "may hold only"),
        ] {
            let sentence = check("--token", Secret::new(token))
                .unwrap_err()
                .to_string();
            assert!(sentence.starts_with("--token "), "{sentence}");
            assert!(sentence.contains(problem), "{sentence}");
            assert!(token.is_empty() || !sentence.contains(token), "{sentence}");
        }
        assert!(check("--token", Secret::new("0123456789abcdef")).is_ok());
    }

    #[test]
    fn random_tokens_are_proper_long_and_different() {
        let (one, other) = (random().unwrap(), random().unwrap());
        assert_eq!(one.expose().len(), 43);
        assert_ne!(one, other);
        assert!(check("--token", one).is_ok());
    }
}
