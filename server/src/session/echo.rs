//! A session's socket without a session: what comes goes back. For the Autobahn test suite alone.
//!
//! Owns no reading, writing or closing of its own: all three are the line's, as in a session.
//! Never part of the product: it needs the cargo feature `echo`.
#![cfg(feature = "echo")]

use std::io;
use std::pin::Pin;
use std::task::Context;
use std::task::Poll;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use footbridge_shared::fault::Fault;
use footbridge_shared::fault::FaultCode;
use futures_util::Sink;
use futures_util::SinkExt;
use futures_util::Stream;
use futures_util::StreamExt;
use poem::web::websocket::Message as Frame;
use tokio::time::Instant;
use tokio::time::sleep_until;

use crate::config::Limits;
use crate::session::browser::Heard;
use crate::session::browser::Line;
use crate::session::outgoing::Hoard;
use crate::session::sockets::Socket;

/// What a text begins with that stands for a binary frame; no case of the suite sends it.
const BINARY: &str = "\u{0}a binary frame: ";

/// Gives back what comes until the socket is closed or broken.
pub(crate) async fn echo(socket: Socket, limits: Limits) {
    let socket = Box::new(Binary(socket));
    let mut line = Line::new(socket, false, &limits, Hoard::default(), Instant::now());
    let reason = loop {
        let (deadline, may_read) = (line.deadline(), line.has_room());
        let heard = tokio::select! {
            heard = line.turn(may_read) => Some(heard),
            () = sleep_until(deadline.unwrap_or_else(Instant::now)) => None,
        };
        match heard {
            Some(Heard::Text(text)) => line.push(text),
            Some(Heard::Wrote | Heard::Paused | Heard::Acknowledged) => {}
            Some(Heard::Left(_)) => break Fault::new(FaultCode::SessionEnded, "The browser left."),
            Some(Heard::TooLarge) => {
                break Fault::new(FaultCode::FrameTooLarge, "A frame is too large.");
            }
            None => {
                if let Err(fault) = line.check(Instant::now(), may_read) {
                    break fault;
                }
            }
        }
    };
    line.close(&reason).await;
}

/// A socket whose binary frames are texts to the line, which makes no difference between the two, and are binary again
/// when they go back.
struct Binary(Socket);

impl Stream for Binary {
    type Item = io::Result<Frame>;

    fn poll_next(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame>>> {
        self.0.poll_next_unpin(context).map_ok(|frame| match frame {
            Frame::Binary(bytes) => Frame::Text(format!("{BINARY}{}", STANDARD.encode(bytes))),
            frame @ (Frame::Text(_) | Frame::Ping(_) | Frame::Pong(_) | Frame::Close(_)) => frame,
        })
    }
}

impl Sink<Frame> for Binary {
    type Error = io::Error;

    fn poll_ready(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.poll_ready_unpin(context)
    }

    fn start_send(mut self: Pin<&mut Self>, frame: Frame) -> io::Result<()> {
        let bytes = match &frame {
            Frame::Text(text) => text
                .strip_prefix(BINARY)
                .and_then(|base64| STANDARD.decode(base64).ok()),
            Frame::Binary(_) | Frame::Ping(_) | Frame::Pong(_) | Frame::Close(_) => None,
        };
        self.0.start_send_unpin(bytes.map_or(frame, Frame::Binary))
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.poll_flush_unpin(context)
    }

    fn poll_close(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.poll_close_unpin(context)
    }
}
