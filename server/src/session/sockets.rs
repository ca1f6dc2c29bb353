//! The WebSocket under a session: what kinds of ends it has, and what its errors mean.
//!
//! Never reads or writes one.

use std::io;

use futures_util::Sink;
use futures_util::Stream;
use poem::web::websocket::CloseCode;
use poem::web::websocket::Message as Frame;

/// A WebSocket, as poem gives it or as a test plays it.
pub trait Browser:
    Stream<Item = io::Result<Frame>> + Sink<Frame, Error = io::Error> + Unpin + Send + 'static
{
}

impl<T: Stream<Item = io::Result<Frame>> + Sink<Frame, Error = io::Error> + Unpin + Send + 'static>
    Browser for T
{
}

/// Any of them.
pub type Socket = Box<dyn Browser>;

/// How a socket ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Parting {
    /// The browser is done with the session.
    Done,
    /// The socket is gone, and the browser perhaps not.
    Lost,
}

impl Parting {
    /// What a close frame says. A page that is left or reloaded closes its sockets with 1001 (RFC 6455, 7.4.1).
    pub(super) fn of(frame: Option<&(CloseCode, String)>) -> Self {
        match frame {
            Some((CloseCode::Away, _)) => Self::Lost,
            Some(_) | None => Self::Done,
        }
    }
}

/// How bytes can be wrong that a WebSocket brings: RFC 6455, 7.1.7, wants the browser to be told.
#[derive(Clone, Copy, Debug)]
pub(super) enum Broken {
    /// Frames that the protocol does not have.
    Protocol,
    /// A text that is not UTF-8.
    Text,
}

impl Broken {
    /// poem flattens tungstenite's error to its text.
    pub(super) fn of(error: &io::Error) -> Option<Self> {
        let text = error.to_string();
        if text.starts_with("UTF-8 encoding error") {
            return Some(Self::Text);
        }
        // A connection that just ended is a protocol error as well, and nobody is left to be told.
        (text.starts_with("WebSocket protocol error")
            && !text.contains("without closing handshake"))
        .then_some(Self::Protocol)
    }

    pub(super) fn close(self) -> Frame {
        let (code, reason) = match self {
            Self::Protocol => (CloseCode::Protocol, "Not a frame of RFC 6455."),
            Self::Text => (CloseCode::Invalid, "A text that is not UTF-8."),
        };
        Frame::Close(Some((code, reason.to_owned())))
    }
}

/// poem flattens tungstenite's error to its text.
pub(super) fn is_too_large(error: &io::Error) -> bool {
    let text = error.to_string();
    text.contains("too long") || text.contains("too large") || text.contains("Space limit exceeded")
}

/// The bytes that a frame carries.
pub(super) fn length(frame: &Frame) -> usize {
    match frame {
        Frame::Text(text) => text.len(),
        Frame::Binary(bytes) | Frame::Ping(bytes) | Frame::Pong(bytes) => bytes.len(),
        Frame::Close(_) => 0,
    }
}
