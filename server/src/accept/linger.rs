//! A TCP connection that is ended in order, whatever the peer was still sending.
//!
//! Closing a socket with bytes unread makes the kernel reset the connection, and a reset may overtake the last words
//! on their way: a close code that the page never sees. So whoever is done with a connection leaves it here: it is
//! shut for writing, and what still comes is thrown away until the peer is done as well, at most a moment.
//! Never looks at what comes.

use std::io;
use std::io::IoSlice;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Context;
use std::task::Poll;
use std::time::Duration;

use tokio::io::AsyncRead;
use tokio::io::AsyncReadExt;
use tokio::io::AsyncWrite;
use tokio::io::AsyncWriteExt;
use tokio::io::ReadBuf;
use tokio::net::TcpStream;
use tokio::runtime::Handle;
use tokio::sync::Semaphore;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Where connections end: a task for each, held by the accept loop.
#[derive(Clone, Debug)]
pub(super) struct Ending {
    pub(super) tasks: TaskTracker,
    /// At most so many at once; any more are closed as the kernel does it.
    pub(super) places: Arc<Semaphore>,
    /// How long a peer may go on sending after the last word.
    pub(super) limit: Duration,
    /// Nothing is waited for once it is cancelled.
    pub(super) stop: CancellationToken,
    pub(super) runtime: Handle,
}

/// A connection that ends that way when it is dropped.
#[derive(Debug)]
pub(super) struct Lingering {
    /// Taken by the drop alone.
    stream: Option<TcpStream>,
    ending: Ending,
}

impl Lingering {
    pub(super) fn new(stream: TcpStream, ending: Ending) -> Self {
        Self {
            stream: Some(stream),
            ending,
        }
    }

    /// The socket itself, for its settings.
    pub(super) fn tcp(&self) -> Option<&TcpStream> {
        self.stream.as_ref()
    }

    fn stream(&mut self) -> io::Result<Pin<&mut TcpStream>> {
        self.stream
            .as_mut()
            .map(Pin::new)
            .ok_or_else(|| io::ErrorKind::NotConnected.into())
    }
}

impl Drop for Lingering {
    fn drop(&mut self) {
        let Some(stream) = self.stream.take() else {
            return;
        };
        let Ok(place) = Arc::clone(&self.ending.places).try_acquire_owned() else {
            return;
        };
        let (stop, limit) = (self.ending.stop.clone(), self.ending.limit);
        let end = async move {
            let _ = stop
                .run_until_cancelled(timeout(limit, exhaust(stream)))
                .await;
            drop(place);
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

impl AsyncRead for Lingering {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.stream()?.poll_read(context, buffer)
    }
}

impl AsyncWrite for Lingering {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.stream()?.poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.stream()?.poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream
            .as_ref()
            .is_some_and(AsyncWrite::is_write_vectored)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream()?.poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream()?.poll_shutdown(context)
    }
}
