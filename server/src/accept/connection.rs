//! A TCP connection that counts for as long as it is open, also after it has become a WebSocket.

use std::io;
use std::io::IoSlice;
use std::pin::Pin;
use std::task::Context;
use std::task::Poll;

use tokio::io::AsyncRead;
use tokio::io::AsyncWrite;
use tokio::io::ReadBuf;
use tokio::net::TcpStream;
use tokio::sync::OwnedSemaphorePermit;

use super::linger::Lingering;
use super::peers::Peer;
use crate::meters::Counted;

/// A connection and the places it takes.
#[derive(Debug)]
pub(super) struct Connection {
    stream: Lingering,
    _permit: Option<OwnedSemaphorePermit>,
    _peer: Peer,
    _counted: Counted,
}

impl Connection {
    pub(super) fn new(
        stream: Lingering,
        permit: Option<OwnedSemaphorePermit>,
        peer: Peer,
        counted: Counted,
    ) -> Self {
        Self {
            stream,
            _permit: permit,
            _peer: peer,
            _counted: counted,
        }
    }

    pub(super) fn tcp(&self) -> Option<&TcpStream> {
        self.stream.tcp()
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, bytes)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
