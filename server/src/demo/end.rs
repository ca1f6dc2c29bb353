//! The end of the input, noticed at once.
//! Owns the reader it wraps. Never changes what is read.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, ReadBuf};
use tokio_util::sync::CancellationToken;

/// A reader that cancels a token when it ends.
///
/// The SDK lets calls in flight finish for some seconds after the end of the input; those that
/// wait for the client never will, and would only delay the exit.
#[derive(Debug)]
pub(super) struct EndOfInput<R> {
    reader: R,
    ended: CancellationToken,
}

impl<R> EndOfInput<R> {
    pub(super) fn new(reader: R, ended: CancellationToken) -> Self {
        Self { reader, ended }
    }
}

impl<R: AsyncRead + Unpin> AsyncRead for EndOfInput<R> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let result = ready!(Pin::new(&mut self.reader).poll_read(context, buffer));
        if result.is_err() || (buffer.filled().len() == before && buffer.remaining() > 0) {
            self.ended.cancel();
        }
        Poll::Ready(result)
    }
}
