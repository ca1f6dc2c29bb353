//! A text that must not be seen.
//!
//! Owns what may be done with one: compare it, hand it on, forget it. Never prints it.

use std::fmt;

use serde_json::Value;
use subtle::ConstantTimeEq;
use zeroize::Zeroize;

/// A text that must not be seen: debug output has `***` in its place, it has no other output, and its memory is
/// overwritten when it is dropped.
///
/// ```compile_fail,E0277
/// println!("{}", footbridge_shared::params::Secret::new("it cannot be printed"));
/// ```
///
/// ```compile_fail,E0277
/// let _ = serde_json::to_string(&footbridge_shared::params::Secret::new("nor written as JSON"));
/// ```
#[derive(Clone, Default)]
pub struct Secret(String);

impl Secret {
    /// Wraps a secret text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text itself, for the one place that hands it on.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

/// In a time that tells at most whether the lengths are the same: one side may be a guess.
impl PartialEq for Secret {
    fn eq(&self, other: &Self) -> bool {
        self.0.as_bytes().ct_eq(other.0.as_bytes()).into()
    }
}

impl Eq for Secret {}

impl Drop for Secret {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("***")
    }
}

/// Overwrites every text in a JSON value: one that secrets were read from and that is not needed any more.
pub fn wipe(value: &mut Value) {
    match value {
        Value::String(text) => text.zeroize(),
        Value::Array(items) => items.iter_mut().for_each(wipe),
        Value::Object(members) => members.values_mut().for_each(wipe),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_equal_when_their_texts_are() {
        let secret = Secret::new("s3cret");
        assert_eq!(secret, Secret::new("s3cret"));
        for other in ["", "s3cre", "s3creT", "S3cret", "s3crets"] {
            assert_ne!(secret, Secret::new(other), "{other:?}");
        }
        assert_eq!(Secret::default(), Secret::new(""));
    }

    #[test]
    fn a_wiped_value_keeps_its_shape_and_no_text() {
        let mut value = serde_json::json!({ "env": { "KEY": "s3cret" }, "args": ["s3cret", 1, null], "on": true });
        wipe(&mut value);
        assert_eq!(
            value,
            serde_json::json!({ "env": { "KEY": "" }, "args": ["", 1, null], "on": true })
        );
    }
}
