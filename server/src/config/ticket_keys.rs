//! The keys that seal tickets: a file of them, one per line, or one made at the start.
//!
//! Owns what such a file must look like. Never prints a key, right or wrong.

use std::fmt;
use std::io;
use std::path::Path;
use std::path::PathBuf;

use base64::Engine;
use base64::alphabet;
use base64::engine::DecodePaddingMode;
use base64::engine::GeneralPurpose;
use base64::engine::GeneralPurposeConfig;

use crate::config::error::ConfigError;
use crate::config::token;

/// Bytes of a key.
const KEY_BYTES: usize = 32;
/// The most keys a file may hold: every session id of a ticket is tried with each.
const MOST_KEYS: usize = 16;
/// A file of keys is small; anything longer is another file.
const MOST_BYTES: u64 = 64 * 1024;

const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// One key. It cannot be printed.
#[derive(Clone, PartialEq, Eq)]
pub struct TicketKey([u8; KEY_BYTES]);

impl TicketKey {
    /// A key of these bytes.
    pub fn new(bytes: [u8; KEY_BYTES]) -> Self {
        Self(bytes)
    }

    /// The bytes, for the one place that derives from them.
    pub fn expose(&self) -> &[u8; KEY_BYTES] {
        &self.0
    }
}

impl fmt::Debug for TicketKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("***")
    }
}

/// Keys of which the newest seals and all open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TicketKeys {
    /// The one that seals.
    pub newest: TicketKey,
    /// Those that only open.
    pub older: Vec<TicketKey>,
}

impl TicketKeys {
    /// One new random key.
    ///
    /// # Errors
    /// When the system has no randomness to give.
    pub fn random() -> Result<Self, getrandom::Error> {
        let mut key = [0; KEY_BYTES];
        getrandom::fill(&mut key)?;
        Ok(Self {
            newest: TicketKey(key),
            older: Vec::new(),
        })
    }

    /// Reads the text of a file: a key per line, the newest last; empty lines and those that begin with `#` say
    /// nothing.
    ///
    /// # Errors
    /// The rest of a sentence that begins with the file. It names the line and never what stands there.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut keys: Vec<TicketKey> = Vec::new();
        for (index, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let number = index + 1;
            let key = parse_key(line).ok_or_else(|| {
                format!(
                    "line {number} must be a key of {KEY_BYTES} bytes in hex or base64; make one with: openssl rand \
                     -hex {KEY_BYTES}"
                )
            })?;
            if key.0.iter().all(|byte| *byte == key.0[0]) {
                return Err(format!(
                    "line {number} is not a random key; make one with: openssl rand -hex {KEY_BYTES}"
                ));
            }
            if keys.contains(&key) {
                return Err(format!("line {number} repeats a key"));
            }
            keys.push(key);
        }
        if keys.len() > MOST_KEYS {
            return Err(format!(
                "has {} keys; at most {MOST_KEYS} are possible, so take old ones out",
                keys.len()
            ));
        }
        let newest = keys.pop().ok_or_else(|| {
            format!("holds no key; add one with: openssl rand -hex {KEY_BYTES} >> FILE")
        })?;
        Ok(Self {
            newest,
            older: keys,
        })
    }

    /// Reads a file of keys.
    ///
    /// # Errors
    /// A sentence that names the file when it cannot be read or is not as [`Self::parse`] wants it.
    pub fn read(path: &Path) -> Result<Self, ConfigError> {
        let text = read_small(path)
            .map_err(|error| ConfigError::unreadable("--ticket-keys", path, &error))?;
        Self::parse(&text).map_err(|problem| {
            ConfigError::new(format!("--ticket-keys: {} {problem}.", path.display()))
        })
    }
}

/// A file of keys, and what stood in it when it was last read.
#[derive(Clone, Debug)]
pub struct TicketKeyFile {
    /// Where it is; it is read again while the bridge runs.
    pub path: PathBuf,
    /// What it held.
    pub keys: TicketKeys,
}

impl TicketKeyFile {
    /// Reads the file that a setting names. The second value is a warning when others on this machine can read it.
    ///
    /// # Errors
    /// As [`TicketKeys::read`].
    pub fn open(path: &Path) -> Result<(Self, Option<String>), ConfigError> {
        let keys = TicketKeys::read(path)?;
        let is_open = token::readable_by_others(path)
            .map_err(|error| ConfigError::unreadable("--ticket-keys", path, &error))?;
        let warning = is_open.then(|| {
            format!(
                "Other users of this machine can read the keys in {0}; run: chmod 600 {0}",
                path.display()
            )
        });
        let path = path.to_owned();
        Ok((Self { path, keys }, warning))
    }
}

/// Reads a file that must be one: a pipe would never end, and would give nothing the second time.
fn read_small(path: &Path) -> io::Result<String> {
    let found = std::fs::metadata(path)?;
    if !found.is_file() {
        return Err(io::Error::other("it is not a file"));
    }
    if found.len() > MOST_BYTES {
        return Err(io::Error::other("it is too long to be a file of keys"));
    }
    std::fs::read_to_string(path)
}

fn parse_key(text: &str) -> Option<TicketKey> {
    let bytes = if text.len() == KEY_BYTES * 2 {
        from_hex(text)?
    } else {
        let standard = text.replace('-', "+").replace('_', "/");
        BASE64.decode(standard).ok()?
    };
    bytes.try_into().ok().map(TicketKey)
}

fn from_hex(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16);
    text.as_bytes()
        .chunks_exact(2)
        .map(|pair| u8::try_from(digit(pair[0])? * 16 + digit(pair[1])?).ok())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEX: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1F";
    const BASE64_OF_IT: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
    const OTHER: &str = "_-ECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8";

    #[test]
    fn the_last_key_seals_and_every_spelling_is_understood() {
        let keys = TicketKeys::parse(&format!("# old\n{HEX}\n\n  {OTHER}\r\n")).unwrap();
        assert_eq!(keys.older.len(), 1);
        assert_eq!(keys.newest.expose()[..2], [0xff, 0xe1]);
        for text in [HEX, BASE64_OF_IT, BASE64_OF_IT.trim_end_matches('=')] {
            let alone = TicketKeys::parse(text).unwrap();
            assert_eq!(alone.newest, keys.older[0]);
        }
        assert!(!format!("{keys:?}").contains("31"), "{keys:?}");
    }

    #[test]
    fn a_file_that_is_wrong_is_named_by_its_line_and_not_repeated() {
        let many: String = (0..17).fold(String::new(), |text, n| format!("{text}{n:064x}\n"));
        for (text, problem) in [
            ("", "holds no key"),
            ("# only words\n\n", "holds no key"),
            ("s3cret", "line 1 must be a key of 32 bytes"),
            ("\n#\ns3cret", "line 3 must be a key of 32 bytes"),
            (&HEX[1..], "line 1 must be a key of 32 bytes"),
            (&"z".repeat(64), "line 1 must be a key of 32 bytes"),
            (&"é".repeat(32), "line 1 must be a key of 32 bytes"),
            (&"0".repeat(64), "line 1 is not a random key"),
            (&format!("{HEX}\n{BASE64_OF_IT}"), "line 2 repeats a key"),
            (many.trim_start_matches("0".repeat(64).as_str()), ""),
        ] {
            let found = TicketKeys::parse(text);
            if problem.is_empty() {
                assert!(found.is_ok(), "16 keys are possible");
                continue;
            }
            let sentence = found.unwrap_err();
            assert!(sentence.starts_with(problem), "{sentence}");
            assert!(!sentence.contains("s3cret"), "{sentence}");
        }
        let more = format!("{many}{HEX}").replace(&format!("{:064x}\n", 0), "");
        assert!(
            TicketKeys::parse(&more)
                .unwrap_err()
                .starts_with("has 17 keys")
        );
    }

    #[test]
    fn what_is_no_file_of_keys_is_not_read() {
        for path in ["/dev/null", "/", "/nowhere/keys"] {
            let sentence = TicketKeys::read(Path::new(path)).unwrap_err().to_string();
            assert!(
                sentence.starts_with(&format!("--ticket-keys: cannot read {path}: ")),
                "{sentence}"
            );
        }
    }

    proptest::proptest! {
        #[test]
        fn no_text_makes_the_parser_panic(text in "(?s).{0,300}") {
            let _ = TicketKeys::parse(&text);
        }
    }
}
