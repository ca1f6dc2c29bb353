//! Writes messages to an MCP server's standard input.
//!
//! Owns the pipe: it is closed when this ends. Never waits for an answer.

use std::io;

use footbridge_shared::rpc::Message;
use tokio::io::AsyncWrite;
use tokio::io::AsyncWriteExt as _;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

/// Messages taken from the queue at once.
const BATCH_MESSAGES: usize = 64;

/// Bytes that are collected for one write; a longer message is written alone.
const BATCH_BYTES: usize = 256 * 1024;

/// Writes until the queue is closed and empty; after `stop`, what is still in it.
///
/// # Errors
/// The MCP server does not read any more.
pub(super) async fn write<W: AsyncWrite + Unpin>(
    mut stdin: W,
    mut queue: mpsc::Receiver<Message>,
    stop: CancellationToken,
) -> io::Result<()> {
    let mut batch = Vec::with_capacity(BATCH_MESSAGES);
    let mut bytes = Vec::new();
    loop {
        tokio::select! {
            n_messages = queue.recv_many(&mut batch, BATCH_MESSAGES) => if n_messages == 0 {
                return Ok(());
            },
            () = stop.cancelled(), if !queue.is_closed() => {
                queue.close();
                continue;
            }
        }
        for message in batch.drain(..) {
            let line = line(message);
            if bytes.is_empty() {
                bytes = line;
            } else {
                bytes.extend_from_slice(&line);
            }
            if bytes.len() >= BATCH_BYTES {
                stdin.write_all(&bytes).await?;
                bytes = Vec::new();
            }
        }
        if !bytes.is_empty() {
            stdin.write_all(&bytes).await?;
            bytes.clear();
        }
    }
}

/// A message as one line. Between the tokens of JSON a line end is as good as a space, and it cannot stand
/// anywhere else, so nothing else changes.
fn line(message: Message) -> Vec<u8> {
    let mut line = message.into_text().into_bytes();
    let mut from = 0;
    while let Some(at) = memchr::memchr2(b'\n', b'\r', &line[from..]) {
        line[from + at] = b' ';
        from += at + 1;
    }
    line.push(b'\n');
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_becomes_one_line_and_keeps_every_other_byte() {
        let text = "{\n\t\"jsonrpc\": \"2.0\",\r\n\t\"method\": \"a\\nb\"\n}";
        let line = line(Message::parse(text).unwrap());
        assert_eq!(
            String::from_utf8(line).unwrap(),
            "{ \t\"jsonrpc\": \"2.0\",  \t\"method\": \"a\\nb\" }\n"
        );
    }

    #[tokio::test]
    async fn what_is_queued_is_written_after_stop_and_then_the_pipe_closes() {
        let (sender, queue) = mpsc::channel(200);
        for id in 0..150 {
            let text = format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"a"}}"#);
            sender.send(Message::parse(text).unwrap()).await.unwrap();
        }
        let stop = CancellationToken::new();
        stop.cancel();
        let mut written = Vec::new();
        write(&mut written, queue, stop).await.unwrap();
        assert_eq!(written.iter().filter(|byte| **byte == b'\n').count(), 150);
        assert!(sender.is_closed());
    }
}
