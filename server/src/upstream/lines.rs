//! Cuts a stream of bytes into lines.
//!
//! Owns the one buffer of a stream: it grows for a long line and shrinks back. Never looks into a line.

use std::io;

use tokio::io::AsyncRead;
use tokio::io::AsyncReadExt as _;

/// The usual size of the buffer: what a pipe holds.
const BUFFER_BYTES: usize = 64 * 1024;

/// Why there is no next line.
#[derive(Debug, thiserror::Error)]
pub(super) enum LineError {
    #[error("a line is longer than the limit")]
    TooLong,
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// A stream that is read line by line.
#[derive(Debug)]
pub(super) struct Lines<R> {
    reader: R,
    buffer: Vec<u8>,
    /// Where the next line begins.
    start: usize,
    /// Up to where no line end was found.
    scanned: usize,
    /// Bytes of the longest line.
    limit: usize,
}

impl<R: AsyncRead + Unpin> Lines<R> {
    pub(super) fn new(reader: R, limit: usize) -> Self {
        Self {
            reader,
            buffer: Vec::with_capacity(BUFFER_BYTES),
            start: 0,
            scanned: 0,
            limit,
        }
    }

    /// The next complete line that is already here, without its `\n`.
    pub(super) fn take(&mut self) -> Option<Result<&[u8], LineError>> {
        let Some(at) = memchr::memchr(b'\n', &self.buffer[self.scanned..]) else {
            self.scanned = self.buffer.len();
            return (self.scanned - self.start > self.limit).then_some(Err(LineError::TooLong));
        };
        let line = self.start..self.scanned + at;
        self.start = line.end + 1;
        self.scanned = self.start;
        if line.len() > self.limit {
            return Some(Err(LineError::TooLong));
        }
        Some(Ok(&self.buffer[line]))
    }

    /// Reads once; false at the end of the stream. Cancel-safe.
    pub(super) async fn fill(&mut self) -> io::Result<bool> {
        self.make_room();
        Ok(self.reader.read_buf(&mut self.buffer).await? > 0)
    }

    /// What stands behind the last line end once the stream has ended.
    pub(super) fn rest(&mut self) -> Option<&[u8]> {
        let rest = &self.buffer[self.start..];
        self.start = self.buffer.len();
        self.scanned = self.start;
        (!rest.is_empty()).then_some(rest)
    }

    fn make_room(&mut self) {
        if self.start > 0 {
            // Only the beginning of one line is left to move: every complete one has been taken.
            self.buffer.drain(..self.start);
            self.scanned -= self.start;
            self.start = 0;
            if self.buffer.capacity() > 4 * BUFFER_BYTES {
                self.buffer.shrink_to(BUFFER_BYTES);
            }
        }
        if self.buffer.capacity() == self.buffer.len() {
            // Doubling, so that a long line is copied a fixed number of times.
            self.buffer.reserve(self.buffer.len().max(BUFFER_BYTES));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn read(chunks: &[&str], limit: usize) -> Vec<String> {
        let mut builder = Vec::new();
        for chunk in chunks {
            builder.extend_from_slice(chunk.as_bytes());
        }
        let (mut far, near) = tokio::io::duplex(5);
        let mut lines = Lines::new(near, limit);
        let write = async {
            use tokio::io::AsyncWriteExt as _;
            let _ = far.write_all(&builder).await;
            drop(far);
        };
        let collect = async move {
            let mut seen = Vec::new();
            loop {
                while let Some(line) = lines.take() {
                    match line {
                        Ok(line) => seen.push(String::from_utf8_lossy(line).into_owned()),
                        Err(_) => {
                            seen.push("TOO LONG".to_owned());
                            return seen;
                        }
                    }
                }
                if !lines.fill().await.unwrap() {
                    seen.extend(
                        lines
                            .rest()
                            .map(|rest| String::from_utf8_lossy(rest).into_owned()),
                    );
                    return seen;
                }
            }
        };
        tokio::join!(write, collect).1
    }

    #[tokio::test]
    async fn lines_come_out_whole_however_they_arrive() {
        assert_eq!(
            read(&["one\n\ntwo and more\nthr", "ee"], 99).await,
            ["one", "", "two and more", "three"]
        );
        assert!(read(&[], 99).await.is_empty());
    }

    #[tokio::test]
    async fn a_line_of_exactly_the_limit_passes_and_one_byte_more_does_not() {
        assert_eq!(read(&["12345678\n"], 8).await, ["12345678"]);
        assert_eq!(read(&["ok\n123456789\n"], 8).await, ["ok", "TOO LONG"]);
        assert_eq!(read(&["123456789"], 8).await, ["TOO LONG"]);
    }

    #[tokio::test]
    async fn the_buffer_shrinks_after_a_long_line() {
        let long = "x".repeat(1024 * 1024);
        let text = format!("{long}\nshort\n");
        let mut lines = Lines::new(text.as_bytes(), usize::MAX);
        while lines.fill().await.unwrap() {
            while lines.take().is_some() {}
        }
        assert!(lines.buffer.capacity() <= 4 * BUFFER_BYTES);
    }
}
