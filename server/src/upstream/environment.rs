//! What a child process sees of the bridge's environment, and what of it must never be shown.

use std::ffi::OsString;

use footbridge_shared::params::Secrets;

/// What is inherited: the list of the MCP TypeScript SDK, and what decides how text, times and temporary files come
/// out. Everything else, the bridge's own token included, stays with the bridge.
const INHERITED: [&str; 11] = [
    "HOME", "LOGNAME", "PATH", "SHELL", "TERM", "USER", "LANG", "LC_ALL", "LC_CTYPE", "TZ",
    "TMPDIR",
];

/// Shorter values are too common in ordinary text to hide.
const SHORTEST_SECRET: usize = 6;

/// The environment of a child: the inherited variables, then the caller's.
pub(super) fn of_child(env: &Secrets) -> Vec<(OsString, OsString)> {
    let inherited = INHERITED
        .iter()
        .filter_map(|name| Some((OsString::from(name), std::env::var_os(name)?)));
    // A value that begins so is a shell function (CVE-2014-6271).
    let inherited = inherited.filter(|(_, value)| !value.to_string_lossy().starts_with("()"));
    inherited
        .chain(
            env.iter()
                .map(|(name, value)| (name.into(), value.expose().into())),
        )
        .collect()
}

/// Hides the values of an environment in a child's own words.
#[derive(Clone)]
pub(super) struct Redactor {
    values: Vec<String>,
}

impl Redactor {
    pub(super) fn new(env: &Secrets) -> Self {
        let mut values: Vec<String> = env
            .values()
            .map(|value| value.expose().to_owned())
            .filter(|value| value.len() >= SHORTEST_SECRET)
            .collect();
        // A value that holds another must be hidden first, or the rest of it would stay.
        values.sort_by_key(|value| std::cmp::Reverse(value.len()));
        Self { values }
    }

    pub(super) fn redact(&self, text: String) -> String {
        self.values.iter().fold(text, |text, value| {
            if text.contains(value.as_str()) {
                text.replace(value.as_str(), "***")
            } else {
                text
            }
        })
    }
}
