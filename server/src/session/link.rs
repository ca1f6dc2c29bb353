//! The way to the MCP server: being started, up, or down; and what moves over it.
//!
//! Owns the upstream of one session. Never decides what a message means.

use std::collections::VecDeque;
use std::pin::Pin;

use footbridge_shared::fault::Fault;
use footbridge_shared::rpc::Message;

use crate::upstream::FromUpstream;
use crate::upstream::Upstream;

/// An MCP server that is being started or connected to.
pub(super) type Starting = Pin<Box<dyn Future<Output = Result<Upstream, Fault>> + Send>>;

/// Starts the MCP server or connects to it, each time it is called.
pub(super) type Start = Box<dyn FnMut() -> Starting + Send>;

/// Towards the MCP server.
pub(super) enum Link {
    Starting(Starting),
    Up(Upstream),
    Down,
}

/// What has moved.
pub(super) enum Moved {
    Started(Result<Upstream, Fault>),
    Received(Option<FromUpstream>),
    Sent,
}

impl Link {
    /// Starts the MCP server once more, when nothing is left of the last one.
    pub(super) fn again(self, next: Starting) -> Self {
        Self::Starting(Box::pin(async move {
            self.stop().await;
            next.await
        }))
    }

    /// Ends what is up.
    pub(super) async fn stop(self) {
        if let Self::Up(upstream) = self {
            upstream.stop().await;
        }
    }

    /// Moves messages to and from the MCP server, or waits for it to start. Cancel-safe.
    pub(super) async fn step(&mut self, outbox: &mut VecDeque<Message>, may_read: bool) -> Moved {
        let upstream = match self {
            Self::Starting(started) => return Moved::Started(started.await),
            Self::Down => return std::future::pending().await,
            Self::Up(upstream) => upstream,
        };
        tokio::select! {
            permit = upstream.sender.reserve(), if !outbox.is_empty() => {
                match permit {
                    Ok(permit) => {
                        if let Some(message) = outbox.pop_front() {
                            permit.send(message);
                        }
                        while !outbox.is_empty() {
                            let Ok(permit) = upstream.sender.try_reserve() else { break };
                            if let Some(message) = outbox.pop_front() {
                                permit.send(message);
                            }
                        }
                    }
                    // It takes nothing more; its last words come from the receiver.
                    Err(_) => outbox.clear(),
                }
                Moved::Sent
            }
            item = upstream.receiver.recv(), if may_read => Moved::Received(item),
            else => std::future::pending().await,
        }
    }

    /// The next message that has arrived already.
    pub(super) fn try_receive(&mut self) -> Option<FromUpstream> {
        match self {
            Self::Up(upstream) => upstream.receiver.try_recv().ok(),
            Self::Starting(_) | Self::Down => None,
        }
    }

    /// Counts how full the queue towards the MCP server is.
    pub(super) fn note_fullness(&mut self) {
        if let Self::Up(upstream) = self {
            upstream.note_fullness();
        }
    }
}
