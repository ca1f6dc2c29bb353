//! Takes secrets out of what an MCP server prints or answers.
//!
//! Owns the secrets of one MCP server for as long as it runs, in the spellings in which they come back. Never keeps
//! what it has read.

use std::collections::BTreeSet;
use std::fmt;
use std::fmt::Write as _;
use std::ops::Range;

use base64::Engine;
use base64::prelude::BASE64_STANDARD_NO_PAD;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use footbridge_shared::params::Secret;
use footbridge_shared::params::Secrets;
use footbridge_shared::rpc;
use memchr::memmem::Finder;
use url::Url;
use zeroize::Zeroizing;

/// Shorter values would blank common words, and are no secrets worth the name.
const MIN_BYTES: usize = 6;

/// A part of a URL's path that is at least as long may be a key, as some services have them.
const MIN_SEGMENT: usize = 16;

/// The words in front of credentials (IANA, HTTP Authentication Schemes, and what is used beside them): no secrets.
const SCHEMES: [&str; 12] = [
    "basic",
    "bearer",
    "digest",
    "dpop",
    "gnap",
    "hoba",
    "mutual",
    "negotiate",
    "oauth",
    "privatetoken",
    "apikey",
    "api-key",
];

/// Replaces secrets by `***`.
#[derive(Default)]
pub(super) struct Redactor {
    needles: Vec<Zeroizing<Vec<u8>>>,
    longest: usize,
}

impl fmt::Debug for Redactor {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Redactor({} spellings)", self.needles.len())
    }
}

impl Redactor {
    /// Of an environment, and of other secrets of the same server.
    pub(super) fn new<'a>(secrets: impl IntoIterator<Item = &'a Secret>) -> Self {
        let values = secrets.into_iter().map(Secret::expose);
        // A value of several lines, such as a key file, comes out line by line.
        Self::of(values.flat_map(|value| std::iter::once(value).chain(value.lines())))
    }

    /// Of the headers that go to a remote server, and of what its URL may hold.
    pub(super) fn of_remote(headers: &Secrets, url: &Url) -> Self {
        // `Bearer <key>` comes back as the key alone.
        let values = headers.values().map(|secret| secret.expose());
        let values =
            values.flat_map(|value| std::iter::once(value).chain(value.split_whitespace()));
        let values = values.filter(|value| !SCHEMES.contains(&&*value.to_ascii_lowercase()));
        let pairs = url.query().unwrap_or_default().split('&');
        let pairs = pairs.map(|pair| pair.split_once('=').map_or(pair, |(_, value)| value));
        let decoded = Zeroizing::new(
            url.query_pairs()
                .map(|(_, value)| value.into_owned())
                .collect::<Vec<_>>(),
        );
        let segments = url
            .path()
            .split('/')
            .filter(|segment| segment.len() >= MIN_SEGMENT);
        Self::of(
            values
                .chain(pairs)
                .chain(decoded.iter().map(String::as_str))
                .chain(segments)
                .chain(url.query())
                .chain(url.password()),
        )
    }

    fn of<'a>(texts: impl Iterator<Item = &'a str>) -> Self {
        let texts: BTreeSet<&str> = texts.filter(|text| text.len() >= MIN_BYTES).collect();
        let needles: Vec<Zeroizing<Vec<u8>>> = texts.into_iter().flat_map(spellings).collect();
        let longest = needles.iter().map(|needle| needle.len()).max().unwrap_or(0);
        Self { needles, longest }
    }

    /// How many bytes behind a cut must be known so that no part of a secret is left before it.
    pub(super) fn longest(&self) -> usize {
        self.longest
    }

    /// A whole text without its secrets.
    pub(super) fn redact_text(&self, text: &str) -> String {
        self.redact(text.as_bytes(), usize::MAX)
    }

    /// The first `max` bytes without their secrets, as text. A secret that begins before the cut goes as a whole.
    pub(super) fn redact(&self, bytes: &[u8], max: usize) -> String {
        let end = max.min(bytes.len());
        let seen = &bytes[..bytes.len().min(max.saturating_add(self.longest))];
        let mut hits: Vec<Range<usize>> = Vec::new();
        for needle in &self.needles {
            // Made each time: a finder would keep a copy that nobody overwrites.
            let finder = Finder::new(needle.as_slice());
            // Found with overlaps: of `aXaXa`, each `aXa` is the secret.
            let mut from = 0;
            while let Some(at) = finder.find(&seen[from..]) {
                hits.push(from + at..from + at + needle.len());
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

/// A secret as it is, in a JSON string, in a URL, and in base64 alone or with more behind it.
fn spellings(text: &str) -> Vec<Zeroizing<Vec<u8>>> {
    let bytes = text.as_bytes();
    let whole = &bytes[..bytes.len() - bytes.len() % 3];
    let quoted = Zeroizing::new(rpc::quoted(text));
    let mut all = vec![
        text.to_owned(),
        quoted.trim_matches('"').to_owned(),
        percent_encoded(text),
    ];
    for part in [bytes, whole] {
        all.push(BASE64_STANDARD_NO_PAD.encode(part));
        all.push(BASE64_URL_SAFE_NO_PAD.encode(part));
    }
    let mut all: Vec<Zeroizing<Vec<u8>>> = all
        .into_iter()
        .map(|text| Zeroizing::new(text.into_bytes()))
        .collect();
    all.sort_unstable_by(|left, right| left.cmp(right));
    all.dedup();
    all
}

/// As a value stands in a query or a form (RFC 3986, 2.1 and 2.3).
fn percent_encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
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
    fn a_secret_is_found_in_the_spellings_in_which_it_comes_back() {
        let secret = "pass\"w/rd+1";
        let redactor = Redactor::new(&[Secret::new(secret)]);
        for spelled in [
            secret.to_owned(),
            rpc::quoted(secret),
            "key=pass%22w%2Frd%2B1&".to_owned(),
            BASE64_STANDARD_NO_PAD.encode(secret),
            base64::prelude::BASE64_URL_SAFE.encode(secret),
            BASE64_STANDARD_NO_PAD.encode(format!("{secret}:more")),
        ] {
            let shown = redactor.redact_text(&spelled);
            assert!(shown.contains("***"), "{spelled}: {shown}");
            assert!(shown.len() < 12, "{spelled}: {shown}");
        }
        assert!(!format!("{redactor:?}").contains("pass"));
    }

    #[test]
    fn of_a_remote_server_credentials_are_secret_and_their_scheme_is_not() {
        let headers = [
            ("Authorization", "Bearer s3cret-key"),
            ("X-Api-Key", "other-key"),
        ];
        let headers = headers.map(|(name, value)| (name.to_owned(), Secret::new(value)));
        let url = "https://a.example/s/0123456789abcdefgh/mcp?key=qu3ry%20key&x=1&y";
        let redactor = Redactor::of_remote(&headers.into(), &Url::parse(url).unwrap());
        for (text, shown) in [
            ("Bearer realm=\"a.example\"", "Bearer realm=\"a.example\""),
            ("no s3cret-key", "no ***"),
            ("Bearer s3cret-key", "***"),
            ("wrong: other-key!", "wrong: ***!"),
            ("key=qu3ry%20key", "key=***"),
            ("qu3ry key", "***"),
            ("/s/0123456789abcdefgh/mcp", "/s/***/mcp"),
            (url, "https://a.example/s/***/mcp?***"),
        ] {
            assert_eq!(redactor.redact_text(text), shown);
        }
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
