//! Reads messages from an MCP server's standard output.
//!
//! Owns the decoding of bytes into messages. Never answers, and never gives up on an MCP server for printing
//! something else in between.

use std::borrow::Cow;

use footbridge_shared::params::EncodingErrors;
use footbridge_shared::rpc::Message;
use footbridge_shared::rpc::split_batch;
use tokio::io::AsyncRead;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::FromUpstream;
use super::lines::LineError;
use super::lines::Lines;
use super::messages;
use super::stderr::Display;
use super::stderr::read_or_end;

/// Characters of a line that is not a message, as it is shown.
const SHOWN_CHARS: usize = 200;

/// Reads standard output until its end.
#[derive(Debug)]
pub(super) struct Stdout<R> {
    pub(super) lines: Lines<R>,
    pub(super) encoding_errors: EncodingErrors,
    pub(super) json_depth: usize,
    pub(super) queue: mpsc::Sender<FromUpstream>,
    pub(super) display: Display,
    /// The process is gone: nothing more is coming.
    pub(super) ending: CancellationToken,
}

/// How standard output ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    Closed,
    TooLarge,
}

impl<R: AsyncRead + Unpin> Stdout<R> {
    /// Reads until the end. When nobody takes the messages any more they are read all the same, so that the MCP
    /// server does not get stuck writing them while it is asked to end.
    pub(super) async fn read(mut self) -> End {
        let mut n_skipped: u64 = 0;
        let end = loop {
            match self.relay_lines(&mut n_skipped).await {
                Ok(()) => {}
                Err(LineError::TooLong) => break End::TooLarge,
                Err(LineError::Io(_)) => break End::Closed,
            }
            match read_or_end(&self.ending, self.lines.fill()).await {
                Ok(true) => {}
                Ok(false) | Err(_) => {
                    if let Some(line) = self.lines.rest() {
                        let items = decode(line, self.encoding_errors, self.json_depth);
                        self.relay(items, &mut n_skipped).await;
                    }
                    break End::Closed;
                }
            }
        };
        self.display.flush();
        if n_skipped > 0 {
            tracing::debug!(
                lines = n_skipped,
                "the MCP server printed lines that are not messages"
            );
        }
        end
    }

    async fn relay_lines(&mut self, n_skipped: &mut u64) -> Result<(), LineError> {
        loop {
            let items = match self.lines.take() {
                None => return Ok(()),
                Some(line) => decode(line?, self.encoding_errors, self.json_depth),
            };
            self.relay(items, n_skipped).await;
        }
    }

    async fn relay(&mut self, items: Decoded, n_skipped: &mut u64) {
        match items {
            Decoded::Blank => {}
            Decoded::One(Ok(message)) => self.send(message).await,
            Decoded::One(Err(noise)) => self.skip(&noise, n_skipped),
            Decoded::Many(items) => {
                for item in items {
                    match item {
                        Ok(message) => self.send(message).await,
                        Err(noise) => self.skip(&noise, n_skipped),
                    }
                }
            }
        }
    }

    async fn send(&self, message: Message) {
        // Fails when the session is over.
        let _ = self.queue.send(FromUpstream::Message(message)).await;
    }

    fn skip(&mut self, noise: &Noise, n_skipped: &mut u64) {
        *n_skipped += 1;
        tracing::debug!(
            bytes = noise.text.len(),
            reason = noise.reason,
            "skipped a line of standard output"
        );
        self.display.show(
            &format!("stdout (not {}): ", noise.reason),
            &noise.text,
            SHOWN_CHARS,
        );
    }
}

/// What a line held.
#[derive(Debug)]
enum Decoded {
    Blank,
    One(Result<Message, Noise>),
    /// A batch of protocol revision 2025-03-26.
    Many(Vec<Result<Message, Noise>>),
}

/// Something that is not a message.
#[derive(Debug, PartialEq, Eq)]
struct Noise {
    reason: &'static str,
    text: Vec<u8>,
}

impl Noise {
    /// Keeps as much of it as can be shown or hides a secret, not 16 MiB.
    fn new(reason: &'static str, text: &[u8]) -> Self {
        let text = text[..text.len().min(Display::MAX_BYTES)].to_vec();
        Self { reason, text }
    }
}

fn decode(line: &[u8], encoding_errors: EncodingErrors, json_depth: usize) -> Decoded {
    let line = line
        .strip_prefix(b"\xef\xbb\xbf")
        .unwrap_or(line)
        .trim_ascii();
    if line.is_empty() {
        return Decoded::Blank;
    }
    let text: Cow<'_, str> = match (str::from_utf8(line), encoding_errors) {
        (Ok(text), _) => Cow::Borrowed(text),
        (Err(_), EncodingErrors::Strict) => {
            return Decoded::One(Err(Noise::new("UTF-8", line)));
        }
        (Err(_), EncodingErrors::Ignore) => line.utf8_chunks().map(|chunk| chunk.valid()).collect(),
        (Err(_), EncodingErrors::Replace) => String::from_utf8_lossy(line),
    };
    let parse = |text: &str| {
        messages::message(text, json_depth).map_err(|reason| Noise::new(reason, text.as_bytes()))
    };
    match split_batch(&text) {
        Some(items) if !items.is_empty() => Decoded::Many(items.into_iter().map(parse).collect()),
        Some(_) | None => Decoded::One(parse(&text)),
    }
}

/// What [`decode`] makes of a line, for the fuzz targets: texts of messages, and noise.
#[cfg(feature = "fuzzing")]
pub(super) fn items(line: &[u8], encoding_errors: EncodingErrors) -> Vec<Result<String, Vec<u8>>> {
    let item = |item: Result<Message, Noise>| match item {
        Ok(message) => Ok(message.into_text()),
        Err(noise) => Err(noise.text),
    };
    match decode(line, encoding_errors, 64) {
        Decoded::Blank => Vec::new(),
        Decoded::One(one) => vec![item(one)],
        Decoded::Many(many) => many.into_iter().map(item).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PING: &str = r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#;

    fn texts(line: &[u8], encoding_errors: EncodingErrors) -> Vec<String> {
        let text = |item: Result<Message, Noise>| match item {
            Ok(message) => message.into_text(),
            Err(noise) => format!("not {}", noise.reason),
        };
        match decode(line, encoding_errors, 64) {
            Decoded::Blank => Vec::new(),
            Decoded::One(item) => vec![text(item)],
            Decoded::Many(items) => items.into_iter().map(text).collect(),
        }
    }

    #[test]
    fn a_message_is_found_between_a_bom_spaces_and_a_carriage_return() {
        for line in [
            PING.to_owned(),
            format!("{PING}\r"),
            format!("\u{feff}{PING}"),
            format!("  {PING}\t"),
        ] {
            assert_eq!(texts(line.as_bytes(), EncodingErrors::Strict), [PING]);
        }
        for line in ["", "\r", " \t", "\u{feff}"] {
            assert!(texts(line.as_bytes(), EncodingErrors::Strict).is_empty());
        }
    }

    #[test]
    fn a_batch_is_split_and_what_is_not_a_message_is_told_apart() {
        let batch = format!("[{PING}, 7 ,{PING}]");
        assert_eq!(
            texts(batch.as_bytes(), EncodingErrors::Strict),
            [PING, "not JSON-RPC", PING]
        );
        for line in ["[]", "[1", "hello", "{}", "7"] {
            assert_eq!(
                texts(line.as_bytes(), EncodingErrors::Strict),
                ["not JSON-RPC"],
                "{line}"
            );
        }
    }

    #[test]
    fn bytes_that_are_not_utf8_are_treated_as_asked() {
        let line = b"{\"jsonrpc\":\"2.0\",\"method\":\"a\xffb\"}";
        assert_eq!(texts(line, EncodingErrors::Strict), ["not UTF-8"]);
        assert_eq!(
            texts(line, EncodingErrors::Ignore),
            [r#"{"jsonrpc":"2.0","method":"ab"}"#]
        );
        assert_eq!(
            texts(line, EncodingErrors::Replace),
            ["{\"jsonrpc\":\"2.0\",\"method\":\"a\u{fffd}b\"}"]
        );
    }
}
