//! Who asks: the name that sessions, tickets, limits and the audit log are kept under.
//!
//! Owns the spelling of such names. Never holds a credential, so it may be logged.

use std::fmt;
use std::sync::Arc;

use serde::Serialize;
use serde::Serializer;

/// Bytes of the longest name that another party may give.
const LONGEST: usize = 256;

/// Who asks. Two requests of one principal may see the same sessions; nobody else may.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Principal(Arc<str>);

impl Principal {
    /// Whoever has the bridge's token.
    pub fn token() -> Self {
        Self("token".into())
    }

    /// Everyone, on a bridge that demands no credential.
    pub fn anyone() -> Self {
        Self("anyone".into())
    }

    /// Whoever an identity provider calls by this name (`iss` and `sub` of a JWT).
    ///
    /// # Errors
    /// The end of a sentence when the name cannot be one.
    pub fn of_issuer(issuer: &str, subject: &str) -> Result<Self, &'static str> {
        check(subject)?;
        Ok(Self(format!("jwt {issuer} {subject}").into()))
    }

    /// Whoever a proxy in front of the bridge calls by this name.
    ///
    /// # Errors
    /// The end of a sentence when the name cannot be one.
    pub fn behind_proxy(user: &str) -> Result<Self, &'static str> {
        check(user)?;
        Ok(Self(format!("proxy {user}").into()))
    }

    /// Reads a name that [`Self::as_str`] gave.
    pub fn from_name(name: &str) -> Self {
        Self(name.into())
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Names are written into logs and compared as they are.
fn check(name: &str) -> Result<(), &'static str> {
    if name.trim().is_empty() {
        return Err("names nobody");
    }
    if name.len() > LONGEST {
        return Err("names somebody by more than 256 bytes");
    }
    if name.chars().any(char::is_control) {
        return Err("names somebody with control characters");
    }
    Ok(())
}

impl Serialize for Principal {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl fmt::Display for Principal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_different_kinds_are_never_the_same() {
        let all = [
            Principal::token(),
            Principal::anyone(),
            Principal::of_issuer("https://id.example", "token").unwrap(),
            Principal::of_issuer("https://id.example", "ann").unwrap(),
            Principal::of_issuer("https://other.example", "ann").unwrap(),
            Principal::behind_proxy("token").unwrap(),
            Principal::behind_proxy("ann").unwrap(),
        ];
        for (n, one) in all.iter().enumerate() {
            assert_eq!(all.iter().position(|other| other == one), Some(n), "{one}");
            assert_eq!(Principal::from_name(one.as_str()), *one);
        }
    }

    #[test]
    fn a_name_that_would_spoil_a_log_or_names_nobody_is_none() {
        for name in ["", " ", "a\nb", "a\u{1b}[2J", "a\0"] {
            assert!(Principal::of_issuer("i", name).is_err(), "{name:?}");
            assert!(Principal::behind_proxy(name).is_err(), "{name:?}");
        }
        for (length, is_name) in [(256, true), (257, false)] {
            let name = "x".repeat(length);
            assert_eq!(Principal::behind_proxy(&name).is_ok(), is_name);
        }
    }
}
