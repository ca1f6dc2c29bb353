//! The browser's end of a session: its socket, what waits to be written to it, and whether it is still there.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::io;
use std::task::Context;
use std::task::Poll;

use footbridge_shared::fault::Fault;
use footbridge_shared::fault::FaultCode;
use futures_util::Sink;
use futures_util::SinkExt;
use futures_util::Stream;
use futures_util::StreamExt;
use poem::web::websocket::CloseCode;
use poem::web::websocket::Message as Frame;
use tokio::time::Instant;
use tokio::time::timeout;

use super::ahead::Ahead;
use super::pace::Pace;
use crate::config::Limits;
use crate::meters;
use crate::meters::Traffic;

/// RFC 6455, 5.5: a control frame has at most 125 bytes, two of which are the code.
const MAX_REASON: usize = 123;

/// A WebSocket, as poem gives it or as a test plays it.
pub trait Browser:
    Stream<Item = io::Result<Frame>> + Sink<Frame, Error = io::Error> + Unpin + Send + 'static
{
}

impl<T: Stream<Item = io::Result<Frame>> + Sink<Frame, Error = io::Error> + Unpin + Send + 'static>
    Browser for T
{
}

/// What came of one turn with the browser.
#[derive(Debug)]
pub(super) enum Heard {
    /// A text frame.
    Text(String),
    /// Everything that waited is written.
    Wrote,
    /// It has sent enough for a moment.
    Paused,
    /// The socket is closed or broken.
    Left,
    /// A frame is over the hard limit; nothing more can be read.
    TooLarge,
}

/// A socket and what waits for it.
#[derive(Debug)]
pub(super) struct Line<B> {
    socket: B,
    backlog: VecDeque<Frame>,
    n_bytes: usize,
    unflushed: bool,
    /// Since when something waits and nothing moves.
    waits_since: Option<Instant>,
    last_heard: Instant,
    last_ping: Instant,
    is_open: bool,
    /// What the browser's bytes were not, once they have shown that they are no WebSocket frames.
    broken: Option<Broken>,
    ahead: Ahead,
    pace: Pace,
    traffic: Traffic,
    limits: Limits,
}

/// How bytes can be wrong that a WebSocket brings: RFC 6455, 7.1.7, wants the browser to be told.
#[derive(Clone, Copy, Debug)]
enum Broken {
    /// Frames that the protocol does not have.
    Protocol,
    /// A text that is not UTF-8.
    Text,
}

impl Broken {
    /// poem flattens tungstenite's error to its text.
    fn of(error: &io::Error) -> Option<Self> {
        let text = error.to_string();
        if text.starts_with("UTF-8 encoding error") {
            return Some(Self::Text);
        }
        // A connection that just ended is a protocol error as well, and nobody is left to be told.
        (text.starts_with("WebSocket protocol error")
            && !text.contains("without closing handshake"))
        .then_some(Self::Protocol)
    }

    fn close(self) -> Frame {
        let (code, reason) = match self {
            Self::Protocol => (CloseCode::Protocol, "Not a frame of RFC 6455."),
            Self::Text => (CloseCode::Invalid, "A text that is not UTF-8."),
        };
        Frame::Close(Some((code, reason.to_owned())))
    }
}

impl<B: Browser> Line<B> {
    pub(super) fn new(socket: B, limits: &Limits, now: Instant) -> Self {
        Self {
            socket,
            backlog: VecDeque::new(),
            n_bytes: 0,
            unflushed: false,
            waits_since: None,
            last_heard: now,
            last_ping: now,
            is_open: true,
            broken: None,
            ahead: Ahead::new(limits),
            pace: Pace::new(limits, now),
            traffic: Traffic::default(),
            limits: limits.clone(),
        }
    }

    /// Whether more may wait for the browser.
    pub(super) fn has_room(&self) -> bool {
        self.backlog.len() < self.limits.backlog_messages
            && self.n_bytes < self.limits.backlog_bytes
    }

    pub(super) fn push(&mut self, text: String) {
        let had_room = self.has_room();
        self.traffic.to_browser(text.len());
        self.n_bytes += text.len();
        self.backlog.push_back(Frame::Text(text));
        if had_room && !self.has_room() {
            meters::reached(if self.n_bytes >= self.limits.backlog_bytes {
                "backlog_bytes"
            } else {
                "backlog_messages"
            });
        }
        self.waits_since.get_or_insert_with(Instant::now);
    }

    /// The last frame held so many messages more than one.
    pub(super) fn held_more(&mut self, n_messages: usize) {
        self.pace.took(n_messages, 0, self.last_heard);
    }

    /// Writes what waits, and gives one frame if it may; if not, it reads a few ahead, to notice when the browser leaves.
    /// Cancel-safe: whatever was not done stays to be done.
    pub(super) async fn turn(&mut self, may_read: bool) -> Heard {
        poll_fn(|context| self.poll_turn(context, may_read)).await
    }

    fn poll_turn(&mut self, context: &mut Context<'_>, may_read: bool) -> Poll<Heard> {
        if self.unflushed || !self.backlog.is_empty() {
            match self.poll_write(context) {
                Poll::Ready(Ok(())) => return Poll::Ready(Heard::Wrote),
                Poll::Ready(Err(_)) => return self.leave(),
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
        loop {
            if !may_read && !self.ahead.has_room() {
                return Poll::Pending;
            }
            let frame = match self.socket.poll_next_unpin(context) {
                Poll::Ready(Some(Ok(frame))) => frame,
                Poll::Ready(Some(Err(error))) if is_too_large(&error) => {
                    return Poll::Ready(Heard::TooLarge);
                }
                Poll::Ready(Some(Err(error))) => {
                    self.broken = Broken::of(&error);
                    return self.leave_behind(may_read);
                }
                Poll::Ready(None) => return self.leave_behind(may_read),
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
                Frame::Close(_) => return self.leave_behind(may_read),
                // The session has to learn that there is a wait to be ended.
                Frame::Ping(_) | Frame::Pong(_) if self.pace.is_paused() => {
                    return Poll::Ready(Heard::Paused);
                }
                Frame::Ping(_) | Frame::Pong(_) => continue,
            };
            if may_read {
                return Poll::Ready(Heard::Text(text));
            }
            self.ahead.push(text);
        }
    }

    /// The browser has left, perhaps with frames before that still have to be handed on.
    fn leave_behind(&mut self, may_read: bool) -> Poll<Heard> {
        self.ahead.leave(Instant::now() + self.limits.stall_timeout);
        self.poll_left(may_read)
    }

    /// It has left altogether once the MCP server has taken what it sent before.
    fn poll_left(&mut self, may_read: bool) -> Poll<Heard> {
        if may_read && self.ahead.is_empty() {
            self.leave()
        } else {
            Poll::Pending
        }
    }

    fn leave(&mut self) -> Poll<Heard> {
        self.is_open = false;
        Poll::Ready(Heard::Left)
    }

    fn poll_write(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.backlog.is_empty() {
            match self.socket.poll_ready_unpin(context) {
                Poll::Ready(Ok(())) => {}
                other @ (Poll::Ready(Err(_)) | Poll::Pending) => return other,
            }
            if let Some(frame) = self.backlog.pop_front() {
                if let Frame::Text(text) = &frame {
                    self.n_bytes -= text.len();
                }
                self.socket.start_send_unpin(frame)?;
                self.unflushed = true;
                self.waits_since = Some(Instant::now());
            }
        }
        let flushed = self.socket.poll_flush_unpin(context);
        if let Poll::Ready(Ok(())) = flushed {
            self.unflushed = false;
            self.waits_since = None;
        }
        flushed
    }

    /// When [`Self::check`] is next needed.
    pub(super) fn deadline(&self) -> Instant {
        let ping = self.last_ping + self.limits.ping_interval;
        let pong = if self.last_heard < self.last_ping {
            self.last_ping + self.limits.pong_timeout
        } else {
            ping
        };
        let stall = self
            .waits_since
            .map_or(ping, |since| since + self.limits.stall_timeout);
        let pace = self.pace.deadline().unwrap_or(ping);
        let left = self.ahead.ends().unwrap_or(ping);
        ping.min(pong).min(stall).min(pace).min(left)
    }

    /// Sends a ping when one is due, and says when the browser is gone without a word.
    pub(super) fn check(&mut self, now: Instant, is_read: bool) -> Result<(), Fault> {
        if self
            .waits_since
            .is_some_and(|since| now >= since + self.limits.stall_timeout)
        {
            self.is_open = false;
            meters::reached("stall_timeout");
            return Err(Fault::new(
                FaultCode::BrowserStalled,
                "The browser did not read in time.",
            ));
        }
        if self.ahead.ends().is_some_and(|ends| now >= ends) {
            self.is_open = false;
            return Err(Fault::new(FaultCode::SessionEnded, "The browser left."));
        }
        self.pace.check(now)?;
        if !is_read || self.pace.is_paused() {
            // Its pongs wait unread behind a message that the MCP server does not take yet.
            self.last_heard = now;
        }
        if self.last_heard < self.last_ping && now >= self.last_ping + self.limits.pong_timeout {
            self.is_open = false;
            meters::reached("pong_timeout");
            return Err(Fault::new(
                FaultCode::BrowserStalled,
                "The browser did not answer a ping in time.",
            ));
        }
        if now >= self.last_ping + self.limits.ping_interval {
            self.last_ping = now;
            self.backlog.push_back(Frame::Ping(Vec::new()));
            self.waits_since.get_or_insert(now);
        }
        Ok(())
    }

    /// Writes what waits, closes with the reason's code, and reads to the end so that the code arrives.
    pub(super) async fn close(&mut self, reason: &Fault) {
        let limit = self.limits.close_timeout;
        if !self.is_open {
            let broken = self.broken;
            let farewell = async {
                if let Some(broken) = broken {
                    self.socket.send(broken.close()).await?;
                }
                self.socket.close().await
            };
            let _ = timeout(limit, farewell).await;
            return;
        }
        let text = cut(&reason.message, MAX_REASON);
        let farewell = async {
            poll_fn(|context| self.poll_write(context)).await?;
            self.socket
                .send(Frame::Close(Some((
                    CloseCode::from(reason.code.close_code()),
                    text,
                ))))
                .await?;
            while let Some(Ok(frame)) = self.socket.next().await {
                if let Frame::Close(_) = frame {
                    break;
                }
            }
            self.socket.close().await
        };
        if timeout(limit, farewell).await.is_err() {
            meters::reached("close_timeout");
        }
    }
}

fn length(frame: &Frame) -> usize {
    match frame {
        Frame::Text(text) => text.len(),
        Frame::Binary(bytes) | Frame::Ping(bytes) | Frame::Pong(bytes) => bytes.len(),
        Frame::Close(_) => 0,
    }
}

/// poem flattens tungstenite's error to its text.
fn is_too_large(error: &io::Error) -> bool {
    let text = error.to_string();
    text.contains("too long") || text.contains("too large") || text.contains("Space limit exceeded")
}

fn cut(text: &str, limit: usize) -> String {
    let end = (0..=limit.min(text.len()))
        .rev()
        .find(|end| text.is_char_boundary(*end))
        .unwrap_or(0);
    text[..end].to_owned()
}
