//! A TCP connection: it counts for as long as it is open, also after it has become a WebSocket, and is ended in order
//! whatever the peer was still sending.
//!
//! Closing a socket with bytes unread makes the kernel reset the connection, and a reset may overtake the last words
//! on their way: a close code that the page never sees. So a connection that is dropped is shut for writing, and what
//! still comes is thrown away until the peer is done as well, at most a moment.
//! A peer that takes nothing of an answer for too long is cut off: otherwise anybody could keep a place, and all that
//! the system has buffered for it, for ever.
//! Owns the places that a connection takes, which it keeps until then. Never looks at what comes.

use std::future::Future;
use std::io;
use std::io::IoSlice;
use std::pin::Pin;
use std::task::Context;
use std::task::Poll;
use std::task::ready;
use std::time::Duration;

use tokio::io::AsyncRead;
use tokio::io::AsyncReadExt;
use tokio::io::AsyncWrite;
use tokio::io::AsyncWriteExt;
use tokio::io::ReadBuf;
use tokio::net::TcpStream;
use tokio::runtime::Handle;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::Sleep;
use tokio::time::sleep;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::peers::Peer;
use crate::meters;
use crate::meters::Counted;

/// Where connections end: a task for each, held by the accept loop.
#[derive(Clone, Debug)]
pub(super) struct Ending {
    pub(super) tasks: TaskTracker,
    /// How long a peer may go on sending after the last word.
    pub(super) limit: Duration,
    /// How long a peer may take nothing of what is written to it.
    pub(super) stall: Duration,
    /// Nothing is waited for once it is cancelled.
    pub(super) stop: CancellationToken,
    pub(super) runtime: Handle,
}

/// What a connection counts as: among all, among those of its address, and for the metrics.
pub(super) type Places = (Option<OwnedSemaphorePermit>, Peer, Counted);

/// A connection that ends in order when it is dropped.
#[derive(Debug)]
pub(super) struct Connection {
    /// Taken by the drop alone.
    open: Option<(TcpStream, Places)>,
    /// When the peer will have taken nothing for too long; only while something waits for it.
    stalls: Option<Pin<Box<Sleep>>>,
    ending: Ending,
}

impl Connection {
    pub(super) fn new(stream: TcpStream, places: Places, ending: Ending) -> Self {
        Self {
            open: Some((stream, places)),
            stalls: None,
            ending,
        }
    }

    /// The socket itself, for its settings.
    pub(super) fn tcp(&self) -> Option<&TcpStream> {
        self.open.as_ref().map(|(stream, _)| stream)
    }

    fn stream(&mut self) -> io::Result<Pin<&mut TcpStream>> {
        let stream = self.open.as_mut().map(|(stream, _)| Pin::new(stream));
        stream.ok_or_else(|| io::ErrorKind::NotConnected.into())
    }

    /// What came of a write, unless the peer has taken nothing for too long.
    fn written(
        &mut self,
        context: &mut Context<'_>,
        written: Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        if written.is_ready() {
            self.stalls = None;
            return written;
        }
        let limit = self.ending.stall;
        let stalls = self.stalls.get_or_insert_with(|| Box::pin(sleep(limit)));
        ready!(stalls.as_mut().poll(context));
        meters::reached("stall_timeout");
        // Nothing that is still buffered will be taken: the system need not keep it.
        if let Some((stream, _places)) = self.open.take() {
            let _ = stream.set_zero_linger();
        }
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        let Some((stream, places)) = self.open.take() else {
            return;
        };
        let (stop, limit) = (self.ending.stop.clone(), self.ending.limit);
        let end = async move {
            let exhausted = timeout(limit, exhaust(stream));
            let _ = stop.run_until_cancelled(exhausted).await;
            drop(places);
        };
        // Nobody asks how it went: the tracker holds the task, and whoever stops waits for it there.
        drop(self.ending.tasks.spawn_on(end, &self.ending.runtime));
    }
}

async fn exhaust(mut stream: TcpStream) -> io::Result<()> {
    stream.shutdown().await?;
    let mut thrown_away = vec![0; 4096];
    while stream.read(&mut thrown_away).await? > 0 {}
    Ok(())
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.stream()?.poll_read(context, buffer)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = self.stream()?.poll_write(context, bytes);
        self.written(context, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = self.stream()?.poll_write_vectored(context, slices);
        self.written(context, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.tcp().is_some_and(AsyncWrite::is_write_vectored)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream()?.poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream()?.poll_shutdown(context)
    }
}
