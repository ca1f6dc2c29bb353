//! The last lines of an MCP server's standard error, for a browser that asks late and for errors.

use std::collections::VecDeque;

use crate::meters;

/// The last lines of standard error.
#[derive(Debug)]
pub(super) struct StderrTail {
    lines: VecDeque<String>,
    n_bytes: usize,
    limit: usize,
    has_dropped: bool,
}

impl StderrTail {
    pub(super) fn new(limit: usize) -> Self {
        Self {
            lines: VecDeque::new(),
            n_bytes: 0,
            limit,
            has_dropped: false,
        }
    }

    pub(super) fn lines(&self) -> impl Iterator<Item = &String> {
        self.lines.iter()
    }

    pub(super) fn push(&mut self, line: String) {
        self.n_bytes += line.len();
        self.lines.push_back(line);
        while self.n_bytes > self.limit {
            let Some(oldest) = self.lines.pop_front() else {
                break;
            };
            self.n_bytes -= oldest.len();
            // Once per session: a server that talks a lot reaches it with every line from then on.
            if !std::mem::replace(&mut self.has_dropped, true) {
                meters::reached("stderr_bytes");
            }
        }
    }

    /// The last of them, short enough for an error.
    pub(super) fn tail(&self) -> String {
        let from = self.lines.len().saturating_sub(20);
        self.lines
            .iter()
            .skip(from)
            .map(String::as_str)
            .collect::<Vec<_>>()
            .join("\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_many_bytes_as_the_limit_are_kept_and_one_more_drops_the_oldest_line() {
        let mut tail = StderrTail::new(10);
        tail.push("12345".to_owned());
        tail.push("67890".to_owned());
        assert_eq!(tail.tail(), "12345\n67890");
        tail.push("x".to_owned());
        assert_eq!(tail.tail(), "67890\nx");
    }
}
