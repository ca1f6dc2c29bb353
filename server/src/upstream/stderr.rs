//! Reads an MCP server's standard error: what is shown of it, and what is kept for the report of its end.
//!
//! Owns the pace at which lines are shown and the tail that is kept. Never makes the MCP server wait.

use std::future::Future;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::AsyncRead;
use tokio::io::AsyncReadExt as _;
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::FromUpstream;
use super::redact::Redactor;
use crate::meters;
use crate::supervise::Verdict;

/// Bytes read at once.
const CHUNK_BYTES: usize = 64 * 1024;

/// How many seconds' worth of lines are shown at once: a stack trace is read as a whole.
const BURST: usize = 4;

/// Blank lines in a row that are shown when something follows.
const BLANK_LINES: u32 = 100;

/// Bytes of standard error in an exit report.
const REPORT_BYTES: usize = 4096;

/// How long a pipe of a process that is gone may take to end. Only somebody who was handed it holds it open.
const END_WAIT: Duration = Duration::from_millis(500);

/// How long lines may be missing from what is shown before it says so.
const SILENCE: Duration = Duration::from_secs(1);

/// Reads; after `ending` only what is there already. `Ok(false)` is the end.
pub(super) async fn read_or_end(
    ending: &CancellationToken,
    read: impl Future<Output = io::Result<bool>>,
) -> io::Result<bool> {
    let mut read = std::pin::pin!(read);
    tokio::select! {
        result = &mut read => result,
        () = ending.cancelled() => timeout(END_WAIT, read).await.unwrap_or(Ok(false)),
    }
}

/// Shows lines in the session, redacted, as far as they can be taken; the rest is counted.
#[derive(Debug)]
pub(super) struct Display {
    queue: mpsc::Sender<FromUpstream>,
    redactor: Arc<Redactor>,
    /// What is shown, such as `standard error`.
    what: &'static str,
    per_second: usize,
    tokens: usize,
    refilled: Instant,
    is_flooded: bool,
    n_dropped: u64,
}

impl Display {
    /// Bytes of a line; the rest of it is cut off.
    pub(super) const MAX_BYTES: usize = 8 * 1024;

    pub(super) fn new(
        queue: mpsc::Sender<FromUpstream>,
        redactor: Arc<Redactor>,
        what: &'static str,
        lines_per_second: usize,
    ) -> Self {
        Self {
            queue,
            redactor,
            what,
            per_second: lines_per_second,
            tokens: lines_per_second.saturating_mul(BURST),
            refilled: Instant::now(),
            is_flooded: false,
            n_dropped: 0,
        }
    }

    /// Shows a line, or counts it as dropped.
    pub(super) fn show(&mut self, prefix: &str, line: &[u8], max_chars: usize) {
        if !self.is_ready() {
            self.n_dropped += 1;
            return;
        }
        self.flush();
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let redacted = self.redactor.redact(line, Self::MAX_BYTES);
        let mut text = format!("{prefix}{redacted}");
        let is_cut = match redacted.char_indices().nth(max_chars) {
            Some((at, _)) => {
                text.truncate(prefix.len() + at);
                true
            }
            None => line.len() > Self::MAX_BYTES,
        };
        if is_cut {
            text.push('…');
        }
        if self.queue.try_send(FromUpstream::Stderr(text)).is_ok() {
            self.tokens = self.tokens.saturating_sub(1);
        } else {
            self.n_dropped += 1;
        }
    }

    /// Says how many lines are missing, if any, as soon as there is room.
    pub(super) fn flush(&mut self) {
        if self.n_dropped == 0 {
            return;
        }
        let lines = if self.n_dropped == 1 {
            "line was"
        } else {
            "lines were"
        };
        let notice = format!("({} {lines} left out of {})", self.n_dropped, self.what);
        if self.queue.try_send(FromUpstream::Stderr(notice)).is_ok() {
            self.n_dropped = 0;
        }
    }

    fn is_ready(&mut self) -> bool {
        if self.tokens == 0 {
            // A second's worth at a time: a flood is shown in pieces that can be read, not line by line with gaps.
            let seconds = self.refilled.elapsed().as_secs();
            if seconds == 0 {
                if !std::mem::replace(&mut self.is_flooded, true) {
                    meters::reached("stderr_lines");
                }
                return false;
            }
            self.is_flooded = false;
            self.refilled = Instant::now();
            let seconds = usize::try_from(seconds).map_or(BURST, |seconds| seconds.min(BURST));
            self.tokens = self.per_second.saturating_mul(seconds);
        }
        true
    }
}

/// What is left of standard error at its end.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Remains {
    /// The last lines, redacted.
    pub(super) text: String,
    /// What the supervisor said about the end of the command.
    pub(super) verdict: Option<Verdict>,
}

/// Reads standard error until its end.
#[derive(Debug)]
pub(super) struct Stderr {
    display: Display,
    tail: Tail,
    /// The line being read, up to what can be shown of it.
    line: Vec<u8>,
    /// Blank lines that are shown only if something follows: the supervisor's record begins with one.
    n_blank: u32,
}

impl Stderr {
    /// `keep` is how many bytes are kept for the report.
    pub(super) fn new(display: Display, keep: usize) -> Self {
        Self {
            display,
            tail: Tail::new(keep.max(REPORT_BYTES)),
            line: Vec::new(),
            n_blank: 0,
        }
    }

    /// Reads until the end, as fast as it comes.
    pub(super) async fn read<R: AsyncRead + Unpin>(
        mut self,
        mut reader: R,
        ending: CancellationToken,
    ) -> Remains {
        let mut chunk = vec![0; CHUNK_BYTES];
        loop {
            let mut n_bytes = 0;
            let read = async {
                n_bytes = reader.read(&mut chunk).await?;
                Ok(n_bytes > 0)
            };
            let read = read_or_end(&ending, read);
            let more = if self.display.n_dropped > 0 {
                match timeout(SILENCE, read).await {
                    Ok(more) => more,
                    Err(_) => {
                        self.display.flush();
                        continue;
                    }
                }
            } else {
                read.await
            };
            if !matches!(more, Ok(true)) {
                break;
            }
            self.tail.push(&chunk[..n_bytes]);
            self.show(&chunk[..n_bytes]);
        }
        if !self.line.is_empty() {
            self.end_line();
        }
        self.display.flush();
        self.tail.remains(&self.display.redactor)
    }

    fn show(&mut self, mut chunk: &[u8]) {
        let max = Display::MAX_BYTES + self.display.redactor.longest() + 1;
        while !chunk.is_empty() {
            if self.line.is_empty()
                && !self.display.is_ready()
                && let Some(last) = memchr::memrchr(b'\n', chunk)
            {
                // A flood is counted, not looked at.
                let n_lines = memchr::memchr_iter(b'\n', chunk).count();
                self.display.n_dropped += n_lines as u64;
                chunk = &chunk[last + 1..];
                continue;
            }
            let end = memchr::memchr(b'\n', chunk);
            let piece = &chunk[..end.unwrap_or(chunk.len())];
            let room = max.saturating_sub(self.line.len());
            self.line.extend_from_slice(&piece[..piece.len().min(room)]);
            let Some(end) = end else { return };
            self.end_line();
            chunk = &chunk[end + 1..];
        }
    }

    fn end_line(&mut self) {
        if self.line.is_empty() {
            self.n_blank = (self.n_blank + 1).min(BLANK_LINES);
            return;
        }
        let n_blank = std::mem::take(&mut self.n_blank);
        if Verdict::from_line(&self.line).is_none() {
            for _ in 0..n_blank {
                self.display.show("", b"", usize::MAX);
            }
            self.display.show("", &self.line, usize::MAX);
        }
        self.line.clear();
    }
}

/// The last bytes of a stream.
#[derive(Debug)]
struct Tail {
    bytes: Vec<u8>,
    keep: usize,
    is_cut: bool,
}

impl Tail {
    fn new(keep: usize) -> Self {
        Self {
            bytes: Vec::new(),
            keep,
            is_cut: false,
        }
    }

    fn push(&mut self, chunk: &[u8]) {
        if chunk.len() >= self.keep {
            self.is_cut |= chunk.len() > self.keep || !self.bytes.is_empty();
            self.bytes.clear();
            self.bytes
                .extend_from_slice(&chunk[chunk.len() - self.keep..]);
            return;
        }
        // Moved only once it has doubled, so that each byte is moved at most once.
        if self.bytes.len() + chunk.len() > 2 * self.keep {
            let excess = self.bytes.len() + chunk.len() - self.keep;
            self.bytes.drain(..excess);
            self.is_cut = true;
        }
        self.bytes.extend_from_slice(chunk);
    }

    fn remains(&self, redactor: &Redactor) -> Remains {
        let mut bytes = self.bytes.as_slice();
        if self.is_cut {
            // What is left of a secret whose beginning is gone would not be found.
            let from = memchr::memchr(b'\n', bytes).map_or(redactor.longest(), |at| at + 1);
            bytes = &bytes[from.min(bytes.len())..];
        }
        let mut verdict = None;
        loop {
            bytes = bytes.trim_ascii_end();
            let begin = memchr::memrchr(b'\n', bytes).map_or(0, |at| at + 1);
            let Some(said) = Verdict::from_line(&bytes[begin..]) else {
                break;
            };
            // Two records when the command could not be started; the first one says why.
            verdict = match (said, verdict) {
                (Verdict::NotStarted(_), _) | (_, None) => Some(said),
                (Verdict::Exit(_) | Verdict::Signal(_), Some(last)) => Some(last),
            };
            bytes = &bytes[..begin];
        }
        let mut text = redactor.redact(bytes, usize::MAX);
        if text.len() > REPORT_BYTES {
            let mut from = text.ceil_char_boundary(text.len() - REPORT_BYTES);
            // A whole first line reads better, unless there is only one.
            from += text[from..].find('\n').map_or(0, |at| at + 1);
            text.drain(..from);
        }
        Remains { text, verdict }
    }
}

#[cfg(test)]
mod tests;
