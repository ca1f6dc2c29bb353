//! Takes secrets out of what an MCP server prints.
//!
//! Owns the secrets of one MCP server for as long as it runs. Never keeps what it has read.

use std::ops::Range;

use footbridge_shared::params::Secret;
use memchr::memmem::Finder;

/// Shorter values would blank common words, and are no secrets worth the name.
const MIN_BYTES: usize = 6;

/// Replaces the values of an environment, and other secrets, by `***`.
#[derive(Debug)]
pub(super) struct Redactor {
    finders: Vec<Finder<'static>>,
    longest: usize,
}

impl Redactor {
    pub(super) fn new<'a>(secrets: impl IntoIterator<Item = &'a Secret>) -> Self {
        let mut texts: Vec<&str> = secrets
            .into_iter()
            .map(Secret::expose)
            // A value of several lines, such as a key file, comes out line by line.
            .flat_map(|value| std::iter::once(value).chain(value.lines()))
            .filter(|text| text.len() >= MIN_BYTES)
            .collect();
        texts.sort_unstable();
        texts.dedup();
        let longest = texts.iter().map(|text| text.len()).max().unwrap_or(0);
        let finders = texts
            .into_iter()
            .map(|text| Finder::new(text).into_owned())
            .collect();
        Self { finders, longest }
    }

    /// How many bytes behind a cut must be known so that no part of a secret is left before it.
    pub(super) fn longest(&self) -> usize {
        self.longest
    }

    /// The first `max` bytes without their secrets, as text. A secret that begins before the cut goes as a whole.
    pub(super) fn redact(&self, bytes: &[u8], max: usize) -> String {
        let end = max.min(bytes.len());
        let seen = &bytes[..bytes.len().min(max.saturating_add(self.longest))];
        let mut hits: Vec<Range<usize>> = Vec::new();
        for finder in &self.finders {
            let length = finder.needle().len();
            // Found with overlaps: of `aXaXa`, each `aXa` is the secret.
            let mut from = 0;
            while let Some(at) = finder.find(&seen[from..]) {
                hits.push(from + at..from + at + length);
                from += at + 1;
            }
        }
        if hits.is_empty() {
            return String::from_utf8_lossy(&bytes[..end]).into_owned();
        }
        hits.sort_unstable_by_key(|hit| hit.start);
        let mut text = String::with_capacity(end);
        let mut done = 0;
        for hit in hits.into_iter().filter(|hit| hit.start < end) {
            if hit.start >= done {
                text.push_str(&String::from_utf8_lossy(&bytes[done..hit.start]));
                text.push_str("***");
            }
            done = done.max(hit.end);
        }
        if done < end {
            text.push_str(&String::from_utf8_lossy(&bytes[done..end]));
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(secrets: &[&str], text: &str, max: usize) -> String {
        let secrets: Vec<Secret> = secrets.iter().copied().map(Secret::new).collect();
        Redactor::new(&secrets).redact(text.as_bytes(), max)
    }

    #[test]
    fn secrets_are_replaced_wherever_they_stand() {
        assert_eq!(
            check(&["s3cret!"], "a s3cret! b s3cret!", 99),
            "a *** b ***"
        );
        assert_eq!(check(&["s3cret!"], "nothing", 99), "nothing");
        assert_eq!(
            check(&["secret", "my-secret-key"], "x my-secret-key y", 99),
            "x *** y"
        );
        assert_eq!(check(&["abcdef", "defghi"], "-abcdefghi-", 99), "-***-");
        assert_eq!(check(&["abcabcabc"], "abcabcabcabc", 99), "***");
    }

    #[test]
    fn short_values_stay() {
        assert_eq!(check(&["12345", ""], "12345", 99), "12345");
    }

    #[test]
    fn each_line_of_a_long_value_is_a_secret() {
        assert_eq!(
            check(&["-----\nMIIBVAIB\n"], "key: MIIBVAIB", 99),
            "key: ***"
        );
    }

    #[test]
    fn a_cut_leaves_no_part_of_a_secret() {
        for max in 0..12 {
            let shown = check(&["s3cret!"], "ab s3cret! cd", max);
            assert!(!shown.contains('s'), "{max}: {shown}");
        }
        assert_eq!(check(&["s3cret!"], "s3cret!s3cret!s3cret!", 8), "******");
    }
}
