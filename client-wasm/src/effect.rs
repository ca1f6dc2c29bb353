//! What a session's client is asked, and what it asks of the world.
//! Owns these words; never acts on one.

use std::borrow::Cow;
use std::rc::Rc;
use std::time::Duration;

use crate::fault::Fault;

/// What the client asks of the world, in order.
#[derive(Debug)]
pub(crate) enum Effect {
    /// Ask the bridge for a new session, and open its socket.
    Begin,
    /// Open another socket for the same session, with this query and the number of the attempt,
    /// which grows from one to the next, also from page to page.
    Connect(String),
    /// The socket is lost: nothing that it still brings counts. It is not closed, because the
    /// bridge would end the session for a close frame that reaches it.
    Abandon,
    /// Close those.
    CloseAbandoned,
    /// Put a frame on the socket.
    Send(Rc<str>),
    /// The session's state changed, with a word for why when it is detached or closed.
    State(State, Option<Cow<'static, str>>),
    /// The way back to the session has a new key. `taken_up` says that the session is that of an
    /// earlier page.
    Pass { token: String, taken_up: bool },
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
    /// Report back when so much time has passed; for `Timer::Retry`, at any moment before.
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
    /// The bridge must hear by then how much has arrived.
    Ack,
    /// Something must have arrived by then.
    Silence,
    /// The bridge must have answered `ping` by then.
    Pong,
    /// The next socket is to be tried by then.
    Retry,
    /// The bridge must have taken us back by then.
    Try,
    /// The bridge keeps the session until then.
    Window,
    /// A socket that lasts until then is a good one.
    Steady,
}

/// The session's state as a program sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    Connecting,
    Starting,
    Ready,
    Detached,
    Closed,
}

impl State {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Connecting => "connecting",
            Self::Starting => "starting",
            Self::Ready => "ready",
            Self::Detached => "detached",
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
