//! Our connection to an MCP server: a queue each way and the tasks that move messages.
//!
//! Owns processes and connections. Never knows that browsers exist, and never decides what a message means.

use std::path::Path;

use footbridge_shared::fault::Fault;
use footbridge_shared::fault::FaultCode;
use footbridge_shared::params::ServerParams;
use footbridge_shared::rpc::Id;
use footbridge_shared::rpc::Message;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

pub use self::document::document;
use crate::config::Limits;
use crate::meters;
use crate::policy::Approved;

#[cfg(unix)]
mod children;
mod client;
#[cfg(unix)]
mod command;
mod document;
#[cfg(unix)]
mod environment;
mod events;
mod failure;
#[cfg(all(unix, feature = "fuzzing"))]
pub(crate) mod fuzzing;
mod http;
#[cfg(unix)]
mod launch;
#[cfg(unix)]
mod lines;
mod messages;
#[cfg(test)]
mod played;
mod redact;
mod remote;
#[cfg(unix)]
mod spawner;
mod sse;
#[cfg(unix)]
mod stderr;
#[cfg(unix)]
mod stdin;
#[cfg(unix)]
mod stdio;
#[cfg(unix)]
mod stdout;

/// What an MCP server sends, in order. `Gone` is the last item.
#[derive(Debug)]
pub enum FromUpstream {
    /// A message.
    Message(Message),
    /// A line of standard error, redacted and without its line end.
    Stderr(String),
    /// A request will not be answered; the connection goes on.
    Failed {
        /// The request's id.
        id: Id,
        /// Why.
        fault: Fault,
    },
    /// The server no longer knows the session that `initialize` began, and waits for another `initialize`.
    /// It has not acted on the message, if there is one.
    Forgotten(Option<Message>),
    /// The connection broke for this reason and has been made anew: every request without an answer is lost, and the
    /// server waits for `initialize`.
    Reconnected(Fault),
    /// The server is gone and everything it sent has been read.
    Gone(Fault),
}

/// A connected MCP server. Dropping it ends the server too, without waiting for that.
#[derive(Debug)]
pub struct Upstream {
    /// Towards the MCP server. Closed once it is gone.
    pub sender: mpsc::Sender<Message>,
    /// From the MCP server. `None` after [`FromUpstream::Gone`].
    pub receiver: mpsc::Receiver<FromUpstream>,
    /// Whatever moves messages between the queues and the wire; all of it ends by itself after `stop`.
    tasks: JoinSet<()>,
    /// Asks the tasks to end the MCP server.
    stop: CancellationToken,
    /// Whether the queue to the MCP server has been full and not half empty since.
    was_full: bool,
}

/// Starts an MCP server or connects to one. `program` is this binary: it supervises the process.
///
/// # Errors
/// A [`Fault`] of the upstream's side when the MCP server cannot be started, of the browser's side when a field
/// of the params is wrong.
pub async fn connect(
    approved: &Approved,
    program: &Path,
    limits: &Limits,
) -> Result<Upstream, Fault> {
    match approved.params() {
        #[cfg(unix)]
        ServerParams::Stdio(params) => {
            let request = launch::Request {
                params,
                sandbox: approved.sandbox(),
                program,
            };
            stdio::connect(request, approved.secrets(), limits).await
        }
        #[cfg(not(unix))]
        ServerParams::Stdio(_) => Err(Fault::new(
            FaultCode::NotSupported,
            "MCP servers over stdio are not supported on this system.",
        )),
        ServerParams::Sse(params) => sse::connect(params, approved.egress(), limits).await,
        ServerParams::Http(params) => http::connect(params, approved.egress(), limits),
        ServerParams::Named(_) => Err(Fault::new(
            FaultCode::Internal,
            "The catalogue's entry was not looked up.",
        )),
    }
}

impl Upstream {
    fn new(
        (sender, receiver): (mpsc::Sender<Message>, mpsc::Receiver<FromUpstream>),
        tasks: JoinSet<()>,
        stop: CancellationToken,
    ) -> Self {
        Self {
            sender,
            receiver,
            tasks,
            stop,
            was_full: false,
        }
    }

    /// Counts the moment at which the queue to the MCP server is full; once, until it has been half empty.
    pub fn note_fullness(&mut self) {
        let room = self.sender.capacity();
        if room == 0 && !std::mem::replace(&mut self.was_full, true) {
            meters::reached("upstream_queue");
        } else if room * 2 >= self.sender.max_capacity() {
            self.was_full = false;
        }
    }

    /// Ends the MCP server in order: closes its input, waits, SIGTERM to its processes, waits, SIGKILL.
    /// Messages already in the queue are still written. Returns when nothing of it is left.
    pub async fn stop(self) {
        let Self {
            sender,
            receiver,
            mut tasks,
            stop,
            was_full: _,
        } = self;
        stop.cancel();
        // Nobody reads any more: what the MCP server still says is thrown away instead of holding it up.
        drop((sender, receiver));
        while tasks.join_next().await.is_some() {}
    }

    /// A test double: the far ends of both queues come back.
    pub fn memory(capacity: usize) -> (Self, mpsc::Receiver<Message>, mpsc::Sender<FromUpstream>) {
        let (sender, from_bridge) = mpsc::channel(capacity);
        let (to_bridge, receiver) = mpsc::channel(capacity);
        let upstream = Self::new((sender, receiver), JoinSet::new(), CancellationToken::new());
        (upstream, from_bridge, to_bridge)
    }
}
