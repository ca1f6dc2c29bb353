//! The environment of an MCP server: what it inherits and what the caller adds.
//!
//! Owns the list of what is inherited. Never passes on anything else: the bridge's environment may hold secrets.

use std::ffi::OsString;
use std::path::PathBuf;

use footbridge_shared::params::Secrets;

use crate::sandbox::bubblewrap::cache_variables;

/// Who and where the user is, as the official SDKs inherit it; and, since programs garble text, misread dates
/// or fail to write temporary files without them: the locale, the time zone and the directory for such files.
const INHERITED: [&str; 11] = [
    "HOME", "LOGNAME", "PATH", "SHELL", "TERM", "USER", "LANG", "LC_ALL", "LC_CTYPE", "TZ",
    "TMPDIR",
];

/// The bridge's search path for programs.
pub(super) fn path() -> Option<OsString> {
    std::env::var_os("PATH")
}

/// The whole environment of an MCP server. The policy has checked the names of what is added.
pub(super) fn of_child(added: &Secrets) -> Vec<(OsString, OsString)> {
    merge(|name| std::env::var_os(name), added)
}

/// Tells package runners of caches they can write, for a process to which most of the disk is read-only. What the
/// caller has said stays.
pub(super) fn move_caches(
    environment: &mut Vec<(OsString, OsString)>,
    added: &Secrets,
    writable: &[PathBuf],
) {
    // The directory for temporary files is a private one, under its usual name.
    environment.retain(|(name, _)| name != "TMPDIR" || added.contains_key("TMPDIR"));
    let home = environment.iter().find(|(name, _)| name == "HOME");
    let home = home
        .map(|(_, home)| PathBuf::from(home))
        .unwrap_or_default();
    for (name, place) in cache_variables(&home, writable) {
        if !added.contains_key(name) {
            environment.push((name.into(), place.into()));
        }
    }
}

fn merge(
    inherited: impl Fn(&str) -> Option<OsString>,
    added: &Secrets,
) -> Vec<(OsString, OsString)> {
    let inherited = INHERITED
        .iter()
        .filter(|name| !added.contains_key(**name))
        .filter_map(|name| Some((OsString::from(name), inherited(name)?)))
        // Old shells run such a value as a function.
        .filter(|(_, value)| !value.as_encoded_bytes().starts_with(b"()"));
    let added = added
        .iter()
        .map(|(name, value)| (name.into(), value.expose().into()));
    inherited.chain(added).collect()
}

#[cfg(test)]
mod tests {
    use footbridge_shared::params::Secret;

    use super::*;

    #[test]
    fn only_listed_variables_are_inherited_and_the_callers_win() {
        let check = |added: &[(&str, &str)]| -> Vec<String> {
            let inherited = |name: &str| match name {
                "PATH" => Some("/bin".into()),
                "SHELL" => Some("() { :; }".into()),
                "SECRET" => Some("x".into()),
                _ => None,
            };
            let added = added
                .iter()
                .map(|(name, value)| ((*name).to_owned(), Secret::new(*value)))
                .collect();
            merge(inherited, &added)
                .into_iter()
                .map(|(name, value)| {
                    format!("{}={}", name.to_string_lossy(), value.to_string_lossy())
                })
                .collect()
        };
        assert_eq!(check(&[]), ["PATH=/bin"]);
        assert_eq!(check(&[("_A1", "b"), ("PATH", "/x")]), ["PATH=/x", "_A1=b"]);
    }

    #[test]
    fn caches_are_moved_only_where_the_caller_has_not_said_otherwise() {
        let added: Secrets = [("npm_config_cache".to_owned(), Secret::new("/mine"))].into();
        let pairs = |list: &[(&str, &str)]| -> Vec<(OsString, OsString)> {
            list.iter()
                .map(|(name, value)| (name.into(), value.into()))
                .collect()
        };
        let mut environment = pairs(&[
            ("HOME", "/home/a"),
            ("TMPDIR", "/var/x"),
            ("npm_config_cache", "/mine"),
        ]);
        move_caches(&mut environment, &added, &[]);
        let expected = [
            ("HOME", "/home/a"),
            ("npm_config_cache", "/mine"),
            ("XDG_CACHE_HOME", "/tmp/.cache"),
        ];
        assert_eq!(environment, pairs(&expected));
    }
}
