//! Who asks: the name that sessions, tickets, limits and the audit log are kept under.
//!
//! Owns the spelling of such names. Never holds a credential, so it may be logged.

use std::fmt;
use std::sync::Arc;

use serde::Serialize;
use serde::Serializer;

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

    /// Reads a name that [`Self::as_str`] gave.
    pub fn from_name(name: &str) -> Self {
        Self(name.into())
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
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
