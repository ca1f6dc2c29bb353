//! How a supervised command ended, as a line of text.
//!
//! Owns the spelling, both ways. Never says more than that.

use std::fmt;
use std::io;
use std::io::Write as _;

/// Begins a line of the supervisor's own on standard error.
const RECORD: &str = "\u{1e}footbridge ";

/// How the command ended: the last line on standard error, written when nothing else is left to write there.
///
/// An exit code alone could not say it: all of its 256 values may be the command's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It exited with this code.
    Exit(i32),
    /// This signal ended it.
    Signal(i32),
    /// It could not be started, for this operating system error.
    NotStarted(i32),
}

impl fmt::Display for Verdict {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exit(code) => write!(formatter, "exit {code}"),
            Self::Signal(number) => write!(formatter, "signal {number}"),
            Self::NotStarted(errno) => write!(formatter, "error {errno}"),
        }
    }
}

impl Verdict {
    /// Reads a line of standard error, without its line end; `None` when the command wrote it.
    pub fn from_line(line: &[u8]) -> Option<Self> {
        let text = str::from_utf8(line).ok()?.strip_prefix(RECORD)?;
        let (word, number) = text.split_once(' ')?;
        let number = number.parse().ok()?;
        match word {
            "exit" => Some(Self::Exit(number)),
            "signal" => Some(Self::Signal(number)),
            "error" => Some(Self::NotStarted(number)),
            _ => None,
        }
    }

    pub(super) fn write(self) {
        // The line end before it closes a line that the command left open. Whoever read this may be gone.
        let _ = io::stderr().write_all(format!("\n{RECORD}{self}\n").as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_verdict_is_read_as_it_was_written_and_nothing_else_is_one() {
        for verdict in [
            Verdict::Exit(255),
            Verdict::Signal(9),
            Verdict::NotStarted(8),
        ] {
            assert_eq!(
                Verdict::from_line(format!("{RECORD}{verdict}").as_bytes()),
                Some(verdict)
            );
        }
        for line in [
            "",
            "exit 3",
            "footbridge exit 3",
            "\u{1e}footbridge exit",
            "\u{1e}footbridge exit x",
        ] {
            assert_eq!(Verdict::from_line(line.as_bytes()), None, "{line}");
        }
    }
}
