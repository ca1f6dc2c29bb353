//! Reading a socket: what of a frame is about the socket itself is dealt with here.

use std::future::poll_fn;
use std::task::Context;
use std::task::Poll;

use futures_util::StreamExt;
use poem::web::websocket::Message as Frame;
use tokio::time::Instant;

use super::Heard;
use super::Line;
use crate::dialect;
use crate::dialect::Kind;
use crate::session::resume::Counting;
use crate::session::sockets::Broken;
use crate::session::sockets::Parting;
use crate::session::sockets::is_too_large;
use crate::session::sockets::length;

impl Line {
    /// Writes what waits, and gives one frame if it may; if not, it reads a few ahead, to notice when the browser leaves.
    /// Cancel-safe: whatever was not done stays to be done.
    pub(in crate::session) async fn turn(&mut self, may_read: bool) -> Heard {
        poll_fn(|context| self.poll_turn(context, may_read)).await
    }

    fn poll_turn(&mut self, context: &mut Context<'_>, may_read: bool) -> Poll<Heard> {
        if self.socket.is_some() && (self.unflushed || !self.outgoing.is_empty()) {
            match self.poll_write(context) {
                Poll::Ready(Ok(())) => return Poll::Ready(Heard::Wrote),
                Poll::Ready(Err(_)) => return self.leave(Parting::Lost),
                Poll::Pending => {}
            }
        }
        if may_read && let Some(text) = self.ahead.pop() {
            return Poll::Ready(Heard::Text(text));
        }
        if self.ahead.has_left() {
            return self.poll_left(may_read);
        }
        if self.pace.is_paused() && !self.pace.may_read(Instant::now()) {
            return Poll::Pending;
        }
        self.poll_read(context, may_read)
    }

    fn poll_read(&mut self, context: &mut Context<'_>, may_read: bool) -> Poll<Heard> {
        loop {
            if !may_read && !self.ahead.has_room() {
                return Poll::Pending;
            }
            let Some(socket) = &mut self.socket else {
                return Poll::Pending;
            };
            let frame = match socket.poll_next_unpin(context) {
                Poll::Ready(Some(Ok(frame))) => frame,
                Poll::Ready(Some(Err(error))) if is_too_large(&error) => {
                    return Poll::Ready(Heard::TooLarge);
                }
                Poll::Ready(Some(Err(error))) => {
                    self.broken = Broken::of(&error);
                    let parting = match self.broken {
                        Some(_) => Parting::Done,
                        None => Parting::Lost,
                    };
                    return self.leave_behind(parting, may_read);
                }
                Poll::Ready(None) => return self.leave_behind(Parting::Lost, may_read),
                Poll::Pending => {
                    self.pace.drained();
                    return Poll::Pending;
                }
            };
            self.last_heard = Instant::now();
            let n_bytes = length(&frame);
            self.traffic.from_browser(n_bytes);
            self.pace.took(1, n_bytes, self.last_heard);
            let text = match frame {
                Frame::Text(text) => text,
                // A page that sends a Blob by mistake is told the same as for any frame that is not JSON.
                Frame::Binary(bytes) => String::from_utf8(bytes).unwrap_or_default(),
                Frame::Close(close) => {
                    return self.leave_behind(Parting::of(close.as_ref()), may_read);
                }
                // The session has to learn that there is a wait to be ended.
                Frame::Ping(_) | Frame::Pong(_) if self.pace.is_paused() => {
                    return Poll::Ready(Heard::Paused);
                }
                Frame::Ping(_) | Frame::Pong(_) => continue,
            };
            if self.count(&text) {
                return Poll::Ready(Heard::Acknowledged);
            }
            if may_read {
                return Poll::Ready(Heard::Text(text));
            }
            self.ahead.push(text);
        }
    }

    /// The browser has left, perhaps with frames before that still have to be handed on.
    fn leave_behind(&mut self, parting: Parting, may_read: bool) -> Poll<Heard> {
        if parting == Parting::Lost && self.is_resumable() {
            return self.leave(parting);
        }
        self.ahead.leave(Instant::now() + self.limits.stall_timeout);
        self.poll_left(may_read)
    }

    /// It has left altogether once the MCP server has taken what it sent before.
    fn poll_left(&mut self, may_read: bool) -> Poll<Heard> {
        if may_read && self.ahead.is_empty() {
            self.leave(Parting::Done)
        } else {
            Poll::Pending
        }
    }

    fn leave(&mut self, parting: Parting) -> Poll<Heard> {
        self.is_open = false;
        Poll::Ready(Heard::Left(parting))
    }

    /// Counts a frame; whether that is all there is to it.
    fn count(&mut self, text: &str) -> bool {
        let Some(counting) = &mut self.counting else {
            if self.may_be_resumable && dialect::kind(text) == Kind::Resumable {
                self.counting = Some(Counting::default());
            }
            return false;
        };
        match dialect::kind(text) {
            Kind::Numbered => counting.heard(text.len(), self.last_heard),
            Kind::Unnumbered | Kind::Resumable => {}
            Kind::Ack(received) => {
                self.outgoing.acknowledge(received);
                self.unheard_since = None;
                self.note_keeping();
                return true;
            }
        }
        false
    }

    /// How many frames the browser is to be told of now, if it is.
    pub(in crate::session) fn take_ack(&mut self) -> Option<u64> {
        let counting = self.counting.as_mut()?;
        self.socket.as_ref()?;
        counting.take_due(Instant::now())
    }
}
