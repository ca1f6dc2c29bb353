//! The notes a client can add; they live as long as the process.
//! Owns their texts and bounds. Never tells anyone that one was added.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

/// Notes kept at most; adding another is refused.
const MAX_NOTES: usize = 100;
/// Bytes in one note at most.
const MAX_TEXT: usize = 64 * 1024;
/// Characters in a note's name at most.
const MAX_NAME: usize = 64;

/// Why a note was not added.
#[derive(Debug, thiserror::Error)]
pub(super) enum Refusal {
    #[error(
        "The name {0:?} is not a note's name: use 1 to {MAX_NAME} lower-case letters, digits and hyphens."
    )]
    Name(String),
    #[error("The text is too long: a note holds at most {MAX_TEXT} bytes.")]
    Text,
    #[error("There are {MAX_NOTES} notes already: replace one of them by adding it again.")]
    Full,
}

/// Notes by name.
#[derive(Debug)]
pub(super) struct Notes(Mutex<BTreeMap<String, String>>);

impl Default for Notes {
    fn default() -> Self {
        let welcome = "Notes added with the tool `add_note` appear beside this one.";
        Self(Mutex::new(BTreeMap::from([(
            "welcome".to_owned(),
            welcome.to_owned(),
        )])))
    }
}

impl Notes {
    /// Adds or replaces a note. True when it is new.
    pub(super) fn add(&self, name: &str, text: String) -> Result<bool, Refusal> {
        let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if name.is_empty() || name.len() > MAX_NAME || !name.chars().all(allowed) {
            return Err(Refusal::Name(name.to_owned()));
        }
        if text.len() > MAX_TEXT {
            return Err(Refusal::Text);
        }
        let mut notes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if notes.len() >= MAX_NOTES && !notes.contains_key(name) {
            return Err(Refusal::Full);
        }
        Ok(notes.insert(name.to_owned(), text).is_none())
    }

    pub(super) fn read(&self, name: &str) -> Option<String> {
        let notes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        notes.get(name).cloned()
    }

    pub(super) fn names(&self) -> Vec<String> {
        let notes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        notes.keys().cloned().collect()
    }
}
