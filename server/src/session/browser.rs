//! The browser's end of a session: its socket, what waits to be written to it, and whether it is still there.

mod reading;

use std::future::poll_fn;
use std::io;
use std::task::Context;
use std::task::Poll;

use footbridge_shared::fault::Fault;
use footbridge_shared::fault::FaultCode;
use futures_util::SinkExt;
use futures_util::StreamExt;
use poem::web::websocket::CloseCode;
use poem::web::websocket::Message as Frame;
use tokio::time::Instant;
use tokio::time::timeout;

use super::ahead::Ahead;
use super::outgoing::Hoard;
use super::outgoing::Outgoing;
use super::pace::Pace;
use super::resume::Counting;
use super::sockets::Broken;
use super::sockets::Parting;
use super::sockets::Socket;
use crate::config::Limits;
use crate::meters;
use crate::meters::Traffic;

/// RFC 6455, 5.5: a control frame has at most 125 bytes, two of which are the code.
const MAX_REASON: usize = 123;

/// What came of one turn with the browser.
#[derive(Debug)]
pub(super) enum Heard {
    /// A text frame.
    Text(String),
    /// Everything that waited is written.
    Wrote,
    /// It has sent enough for a moment.
    Paused,
    /// The browser has acknowledged frames.
    Acknowledged,
    /// The socket is closed or broken.
    Left(Parting),
    /// A frame is over the hard limit; nothing more can be read.
    TooLarge,
}

/// A socket, or the place of one that was lost, and what waits for it.
pub(super) struct Line {
    socket: Option<Socket>,
    outgoing: Outgoing,
    /// What the browser has sent, once frames are counted.
    counting: Option<Counting>,
    may_be_resumable: bool,
    unflushed: bool,
    /// Since when something waits and nothing moves.
    waits_since: Option<Instant>,
    /// Since when nothing is acknowledged although no more can be kept.
    unheard_since: Option<Instant>,
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

impl Line {
    /// `may_be_resumable`: the browser speaks a dialect in which it can ask for that.
    pub(super) fn new(
        socket: Socket,
        may_be_resumable: bool,
        limits: &Limits,
        hoard: Hoard,
        now: Instant,
    ) -> Self {
        Self {
            socket: Some(socket),
            outgoing: Outgoing::new(limits, hoard),
            counting: None,
            may_be_resumable,
            unflushed: false,
            waits_since: None,
            unheard_since: None,
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

    /// Whether a browser is there.
    pub(super) fn is_attached(&self) -> bool {
        self.socket.is_some()
    }

    /// Whether the session outlives its socket.
    pub(super) fn is_resumable(&self) -> bool {
        self.counting.is_some()
    }

    /// Whether more may wait for the browser.
    pub(super) fn has_room(&self) -> bool {
        self.outgoing.has_room()
    }

    /// Whether the MCP server may be read. The last case is that of acknowledgements which cannot be reached behind
    /// what the MCP server does not take.
    pub(super) fn may_take(&self) -> bool {
        self.has_room()
            && (self.is_attached() || !self.outgoing.is_hoard_full())
            && (self.outgoing.may_keep_more() || (self.is_attached() && !self.ahead.has_room()))
    }

    pub(super) fn push(&mut self, text: String) {
        self.traffic.to_browser(text.len());
        self.outgoing.push(text);
        if self.is_attached() {
            self.waits_since.get_or_insert_with(Instant::now);
        }
        self.note_keeping();
    }

    /// For a frame that is about the socket.
    pub(super) fn push_plain(&mut self, text: String) {
        self.traffic.to_browser(text.len());
        self.push_frame(Frame::Text(text));
    }

    fn push_frame(&mut self, frame: Frame) {
        if self.is_attached() {
            self.outgoing.push_plain(frame);
            self.waits_since.get_or_insert_with(Instant::now);
        }
    }

    fn note_keeping(&mut self) {
        if self.outgoing.may_keep_more() {
            self.unheard_since = None;
        } else if self.is_attached() {
            self.unheard_since.get_or_insert_with(Instant::now);
        }
    }

    /// From here on the bridge's frames are counted and kept.
    pub(super) fn keep(&mut self) {
        self.outgoing.keep();
    }

    /// How many of the browser's numbered frames have arrived, for the browser to be told.
    pub(super) fn tell_received(&mut self) -> u64 {
        self.counting.as_mut().map_or(0, Counting::tell)
    }

    /// The socket is lost; what waits and what was read goes on waiting.
    pub(super) fn detach(&mut self) -> Option<Socket> {
        self.is_open = false;
        self.unflushed = false;
        (self.waits_since, self.unheard_since) = (None, None);
        self.socket.take()
    }

    /// Another socket is there. What the browser has not got is written next; false when that cannot be done, and
    /// then both begin to count anew.
    pub(super) fn attach(&mut self, socket: Socket, received: Option<u64>, now: Instant) -> bool {
        self.socket = Some(socket);
        self.is_open = true;
        (self.last_heard, self.last_ping) = (now, now);
        let recovered = received.is_some_and(|received| self.outgoing.recover(received));
        if !recovered {
            self.outgoing.restart();
            self.ahead.forget();
            self.counting = Some(Counting::default());
        }
        self.note_keeping();
        recovered
    }

    /// For the first frame on a socket.
    pub(super) fn push_first(&mut self, text: String) {
        self.traffic.to_browser(text.len());
        self.outgoing.push_first(Frame::Text(text));
        self.waits_since.get_or_insert_with(Instant::now);
    }

    /// The last frame held so many messages more than one.
    pub(super) fn held_more(&mut self, n_messages: usize) {
        self.pace.took(n_messages, 0, self.last_heard);
    }

    fn poll_write(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Some(socket) = &mut self.socket else {
            return Poll::Ready(Ok(()));
        };
        while !self.outgoing.is_empty() {
            match socket.poll_ready_unpin(context) {
                Poll::Ready(Ok(())) => {}
                other @ (Poll::Ready(Err(_)) | Poll::Pending) => return other,
            }
            if let Some(frame) = self.outgoing.next() {
                socket.start_send_unpin(frame)?;
                self.unflushed = true;
                self.waits_since = Some(Instant::now());
            }
        }
        let flushed = socket.poll_flush_unpin(context);
        if let Poll::Ready(Ok(())) = flushed {
            self.unflushed = false;
            self.waits_since = None;
        }
        flushed
    }

    /// When [`Self::check`] is next needed.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.socket.as_ref()?;
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
        let unheard = self
            .unheard_since
            .map_or(ping, |since| since + self.limits.stall_timeout);
        let told = self.counting.as_ref().and_then(Counting::deadline);
        let rest = pace.min(left).min(unheard).min(told.unwrap_or(ping));
        Some(ping.min(pong).min(stall).min(rest))
    }

    /// Sends a ping when one is due, and says when the browser is gone without a word.
    pub(super) fn check(&mut self, now: Instant, is_read: bool) -> Result<(), Fault> {
        if !self.is_attached() {
            return Ok(());
        }
        let is_over = |since: Instant| now >= since + self.limits.stall_timeout;
        let reads = !self.waits_since.is_some_and(is_over);
        if !reads || self.unheard_since.is_some_and(is_over) {
            let sentence = if reads {
                "The browser did not acknowledge in time what it was sent."
            } else {
                "The browser did not read in time."
            };
            self.is_open = false;
            meters::reached("stall_timeout");
            return Err(Fault::new(FaultCode::BrowserStalled, sentence));
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
            self.push_frame(Frame::Ping(Vec::new()));
        }
        Ok(())
    }

    /// Writes what waits, closes with the reason's code, and reads to the end so that the code arrives.
    pub(super) async fn close(&mut self, reason: &Fault) {
        let limit = self.limits.close_timeout;
        if !self.is_open {
            let (broken, Some(socket)) = (self.broken, &mut self.socket) else {
                return;
            };
            let farewell = async {
                if let Some(broken) = broken {
                    socket.send(broken.close()).await?;
                }
                socket.close().await
            };
            let _ = timeout(limit, farewell).await;
            return;
        }
        let text = cut(&reason.message, MAX_REASON);
        let farewell = async {
            poll_fn(|context| self.poll_write(context)).await?;
            let Some(socket) = &mut self.socket else {
                return Ok(());
            };
            let code = CloseCode::from(reason.code.close_code());
            socket.send(Frame::Close(Some((code, text)))).await?;
            while let Some(Ok(frame)) = socket.next().await {
                if let Frame::Close(_) = frame {
                    break;
                }
            }
            socket.close().await
        };
        if timeout(limit, farewell).await.is_err() {
            meters::reached("close_timeout");
        }
    }
}

fn cut(text: &str, limit: usize) -> String {
    let end = (0..=limit.min(text.len()))
        .rev()
        .find(|end| text.is_char_boundary(*end))
        .unwrap_or(0);
    text[..end].to_owned()
}
