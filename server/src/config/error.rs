//! Why the bridge cannot start as it was configured: one sentence for the person who did it.
//!
//! Owns how a setting is named in such a sentence. Never holds a secret: a wrong token is not repeated.

use std::path::Path;

/// One sentence that names the setting, key or file, and the way out.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ConfigError(String);

impl ConfigError {
    /// An error that is already a sentence.
    pub fn new(sentence: impl Into<String>) -> Self {
        Self(sentence.into())
    }

    /// A file that a setting names cannot be written.
    pub fn unwritable(setting: &str, path: &Path, error: &std::io::Error) -> Self {
        Self(format!(
            "{setting}: cannot write {}: {error}.",
            path.display()
        ))
    }

    /// A file that a setting names cannot be read.
    pub fn unreadable(setting: &str, path: &Path, error: &std::io::Error) -> Self {
        Self(format!(
            "{setting}: cannot read {}: {error}.",
            path.display()
        ))
    }
}

/// The known word nearest to a wrong one, as ` (did you mean "…"?)`; empty when none is near.
pub fn suggestion<'a>(wrong: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    let nearest = known
        .into_iter()
        .map(|word| (distance(wrong, word), word))
        .min()
        .filter(|(distance, word)| *distance <= word.len().div_ceil(4));
    match nearest {
        Some((_, word)) => format!(" (did you mean \"{word}\"?)"),
        None => String::new(),
    }
}

/// How many characters must be added, removed or replaced to get from one word to the other.
fn distance(left: &str, right: &str) -> usize {
    let right: Vec<char> = right.chars().collect();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (line, from) in left.chars().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], line + 1);
        for (column, to) in right.iter().enumerate() {
            let replaced = diagonal + usize::from(from != *to);
            diagonal = row[column + 1];
            row[column + 1] = replaced.min(diagonal + 1).min(row[column] + 1);
        }
    }
    row[right.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_near_word_is_suggested_and_a_far_one_is_not() {
        let known = ["listen", "token", "token_file"];
        assert_eq!(suggestion("listne", known), " (did you mean \"listen\"?)");
        assert_eq!(
            suggestion("tokenfile", known),
            " (did you mean \"token_file\"?)"
        );
        assert_eq!(suggestion("colour", known), "");
    }
}
