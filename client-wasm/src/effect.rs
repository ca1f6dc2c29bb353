//! What a session's client is asked, and what it asks of the world.
//! Owns these words; never acts on one.

use std::time::Duration;

use crate::fault::Fault;

/// What the client asks of the world, in order.
#[derive(Debug)]
pub(crate) enum Effect {
    /// Put a frame on the socket.
    Send(String),
    /// The session's state changed.
    State(State),
    /// The MCP server is ready; the text is the whole `initialized` frame.
    Ready(String),
    /// A call succeeded; the text is its result.
    Resolve { call: u64, result: String },
    /// A call failed.
    Reject { call: u64, fault: Fault },
    /// A call made progress; the text is the notification's params.
    Progress { call: u64, params: String },
    /// The MCP server asks for something this page answers.
    Ask {
        ask: u64,
        method: String,
        params: String,
    },
    /// The MCP server, or the end of the session, withdrew what it asked.
    Withdraw { ask: u64 },
    /// The MCP server tells something.
    Notification { method: String, params: String },
    /// A line of the server process's standard error.
    Stderr(String),
    /// Report back when so much time has passed.
    StartTimer(Timer, Duration),
    /// That report is no longer wanted.
    StopTimer(Timer),
    /// Close the socket, or stop trying to open it.
    CloseSocket,
    /// The session is over. Nothing follows.
    Closed {
        code: u16,
        reason: String,
        fault: Option<Fault>,
    },
}

/// What a timer is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Timer {
    /// The MCP server must be ready by then.
    Ready,
    /// The socket must be closed by then.
    Closed,
    /// This call must have an answer, or progress, by then.
    Call(u64),
}

/// The session's state as a program sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    Connecting,
    Starting,
    Ready,
    Closed,
}

impl State {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Connecting => "connecting",
            Self::Starting => "starting",
            Self::Ready => "ready",
            Self::Closed => "closed",
        }
    }
}

/// A request that a program wants answered.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) method: String,
    /// JSON text of an object.
    pub(crate) params: Option<String>,
    /// How long to wait without an answer or progress.
    pub(crate) timeout: Option<Duration>,
    /// Whether the program wants to hear of progress.
    pub(crate) progress: bool,
}

/// For sentences. Beyond what a timer can hold it is all the same.
pub(crate) fn milliseconds(duration: Duration) -> u64 {
    let whole = duration.as_secs().saturating_mul(1000);
    whole.saturating_add(u64::from(duration.subsec_millis()))
}
