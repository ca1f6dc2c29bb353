//! The parsers of what an MCP server sends, for the crate `fuzz`.

use std::io;
use std::pin::Pin;
use std::task::Context;
use std::task::Poll;
use std::time::Duration;

use footbridge_shared::params::EncodingErrors;
use footbridge_shared::params::Secrets;
use futures_util::FutureExt;
use tokio::io::AsyncRead;
use tokio::io::ReadBuf;

use super::events::Parser;
use super::lines::Lines;
use super::redact::Redactor;
use super::stdout;

/// What a stream of events came to.
#[derive(Debug, PartialEq, Eq)]
pub struct Stream {
    /// The events: name and data.
    pub events: Vec<(String, String)>,
    /// Where to resume.
    pub last_id: Option<String>,
    /// How long to wait before that.
    pub retry: Option<Duration>,
    /// Whether an event was over the bound, which ends the reading.
    pub is_too_large: bool,
}

/// Reads `text/event-stream` that arrives in these chunks.
pub fn events(chunks: &[&[u8]], max_bytes: usize) -> Stream {
    let mut parser = Parser::new(max_bytes);
    let mut events = Vec::new();
    let is_too_large = chunks
        .iter()
        .any(|chunk| parser.push(chunk, &mut events).is_err());
    Stream {
        events: events
            .into_iter()
            .map(|event| (event.name, event.data))
            .collect(),
        last_id: parser.last_id().map(str::to_owned),
        retry: parser.retry(),
        is_too_large,
    }
}

/// The lines of a stream that arrives in these chunks, and whether one was over the limit, which ends the reading.
pub fn lines(chunks: &[&[u8]], limit: usize) -> (Vec<Vec<u8>>, bool) {
    let reader = Chunks {
        chunk: &[],
        later: chunks,
    };
    let mut lines = Lines::new(reader, limit);
    let mut read = Vec::new();
    loop {
        while let Some(line) = lines.take() {
            match line {
                Ok(line) => read.push(line.to_vec()),
                Err(_) => return (read, true),
            }
        }
        // Chunks are always ready and never fail.
        if !matches!(lines.fill().now_or_never(), Some(Ok(true))) {
            read.extend(lines.rest().map(<[u8]>::to_vec));
            return (read, false);
        }
    }
}

/// The messages in a line of standard output, and what is none; in order.
pub fn decoded(line: &[u8], encoding_errors: EncodingErrors) -> Vec<Result<String, Vec<u8>>> {
    stdout::items(line, encoding_errors)
}

/// A line of standard error as it is shown: its first `max` bytes without the secrets.
pub fn redacted(secrets: &Secrets, line: &[u8], max: usize) -> String {
    Redactor::new(secrets.values()).redact(line, max)
}

/// A reader that gives one chunk after the other.
struct Chunks<'a> {
    chunk: &'a [u8],
    later: &'a [&'a [u8]],
}

impl AsyncRead for Chunks<'_> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        while self.chunk.is_empty()
            && let Some((chunk, later)) = self.later.split_first()
        {
            (self.chunk, self.later) = (chunk, later);
        }
        let (now, rest) = self
            .chunk
            .split_at(self.chunk.len().min(buffer.remaining()));
        buffer.put_slice(now);
        self.chunk = rest;
        Poll::Ready(Ok(()))
    }
}
