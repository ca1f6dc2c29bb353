//! One WebSocket to the bridge: the browser's own handle and a stream of what arrives, as one value.
//! Owns the subprotocol and the close code; never reads a frame's meaning.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::Poll;

use futures_util::{Sink as _, StreamExt as _};
use gloo_net::websocket::futures::WebSocket;
use gloo_net::websocket::{Message, State, WebSocketError};

use crate::fault::{Fault, Side};

/// Names the native dialect.
const SUBPROTOCOL: &str = "footbridge.v1";

/// Bytes that may wait in the browser before new calls are refused.
const CONGESTED: u32 = 16 * 1024 * 1024;

/// What a socket has to say.
#[derive(Debug)]
pub(crate) enum Arrival {
    Frame(String),
    /// Always the last.
    Closed {
        code: u16,
        reason: String,
    },
}

/// The receiving side. It is read to its end, so that nothing is lost when either side closes.
#[derive(Debug)]
pub(crate) struct Socket {
    handle: Handle,
    stream: StreamOf,
}

struct StreamOf(WebSocket);

impl std::fmt::Debug for StreamOf {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_tuple("StreamOf")
            .field(&self.0.state())
            .finish()
    }
}

/// The sending side, which can also close.
#[derive(Debug, Clone)]
pub(crate) struct Handle(web_sys::WebSocket);

impl Socket {
    /// Starts to open a socket.
    pub(crate) fn connect(url: &str) -> Result<Self, Fault> {
        let raw = web_sys::WebSocket::new_with_str(url, SUBPROTOCOL).map_err(|_| {
            Fault::new(
                "unreachable",
                Side::Browser,
                "this environment refused to open a WebSocket to the bridge",
            )
            .with_hint("a page served over https needs a bridge served over https; Node must be 22 or newer")
        })?;
        let stream = WebSocket::try_from(raw.clone()).map_err(|_| {
            Fault::new(
                "internal",
                Side::Browser,
                "this environment's WebSocket cannot be listened to",
            )
        })?;
        Ok(Self {
            handle: Handle(raw),
            stream: StreamOf(stream),
        })
    }

    /// The side that sends and closes.
    pub(crate) fn handle(&self) -> Handle {
        self.handle.clone()
    }

    /// Waits until the socket is open, or never will be.
    pub(crate) async fn opened(&mut self) -> bool {
        poll_fn(|context| {
            // The sink is ready as soon as the socket is no longer connecting.
            if Pin::new(&mut self.stream.0).poll_ready(context).is_ready() {
                return Poll::Ready(matches!(self.stream.0.state(), State::Open));
            }
            // A refused socket stays "connecting" in Node 22, which reports an error and no close.
            // Nothing else can arrive before a socket is open.
            self.stream.0.poll_next_unpin(context).map(|_| false)
        })
        .await
    }

    /// Whether the bridge speaks the native dialect on this socket.
    pub(crate) fn speaks_native(&self) -> bool {
        self.stream.0.protocol() == SUBPROTOCOL
    }

    /// The next thing that arrives.
    pub(crate) async fn next(&mut self) -> Arrival {
        loop {
            match self.stream.0.next().await {
                Some(Ok(Message::Text(text))) => return Arrival::Frame(text),
                // The dialect has no binary frames, and an error event is followed by a close.
                Some(Ok(Message::Bytes(_)) | Err(WebSocketError::ConnectionError)) => {}
                Some(Err(WebSocketError::ConnectionClose(close))) => {
                    return Arrival::Closed {
                        code: close.code,
                        reason: close.reason,
                    };
                }
                Some(Err(_)) => {}
                None => {
                    return Arrival::Closed {
                        code: 1006,
                        reason: String::new(),
                    };
                }
            }
        }
    }
}

impl Handle {
    /// Sends one frame. A socket that is closing drops it, and its close is reported anyway.
    pub(crate) fn send(&self, text: &str) {
        let _ = self.0.send_with_str(text);
    }

    /// Whether so much waits to be sent that more would only pile up.
    pub(crate) fn is_congested(&self) -> bool {
        self.0.buffered_amount() > CONGESTED
    }

    /// Whether it is still being opened.
    pub(crate) fn is_connecting(&self) -> bool {
        self.0.ready_state() == web_sys::WebSocket::CONNECTING
    }

    /// Begins an orderly close.
    pub(crate) fn close(&self) {
        // 1000 is always allowed, so this cannot fail.
        let _ = self.0.close_with_code(1000);
    }
}
