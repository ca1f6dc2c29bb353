//! Our connection to an MCP server: a queue each way and the tasks that move messages.
//!
//! Owns processes and connections. Never knows that browsers exist, and never decides what a message means.

mod environment;
mod lines;
mod program;
mod spawner;
mod stderr;
mod stdio;

use std::path::Path;

use footbridge_shared::fault::Fault;
use footbridge_shared::fault::FaultCode;
use footbridge_shared::params::ServerParams;
use footbridge_shared::rpc::Message;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::config::Limits;
use crate::policy::Approved;

/// What an MCP server sends, in order. `Gone` is the last item.
#[derive(Debug)]
pub enum FromUpstream {
    /// A message.
    Message(Message),
    /// A line of standard error, redacted and without its line end.
    Stderr(String),
    /// The server is gone and everything it sent has been read.
    Gone(Fault),
}

/// A connected MCP server. Dropping it ends the server too, without waiting for it.
#[derive(Debug)]
pub struct Upstream {
    /// Towards the MCP server.
    pub sender: mpsc::Sender<Message>,
    /// From the MCP server. `None` after [`FromUpstream::Gone`].
    pub receiver: mpsc::Receiver<FromUpstream>,
    stop: CancellationToken,
    tasks: JoinSet<()>,
}

/// Starts an MCP server or connects to one. `program` is this binary, which supervises child processes.
///
/// # Errors
/// A fault that says why it could not be started or reached, and what to do.
pub async fn connect(
    approved: &Approved,
    program: &Path,
    limits: &Limits,
) -> Result<Upstream, Fault> {
    match approved.params() {
        ServerParams::Stdio(params) => stdio::connect(params, program, limits).await,
        ServerParams::Sse(_) | ServerParams::Http(_) | ServerParams::Named(_) => Err(Fault::new(
            FaultCode::NotSupported,
            "This bridge reaches MCP servers over stdio only.",
        )),
    }
}

impl Upstream {
    /// Ends the MCP server in order: closes its input, waits, SIGTERM, waits, SIGKILL. Nothing of it is left when
    /// this returns. The waits are [`Limits::stop_stdin_wait`] and [`Limits::stop_term_wait`].
    pub async fn stop(self) {
        let Self {
            sender,
            receiver,
            stop,
            mut tasks,
        } = self;
        // A closed queue is what closes the server's input, and what lets its last words be thrown away.
        drop(sender);
        drop(receiver);
        stop.cancel();
        while tasks.join_next().await.is_some() {}
    }

    /// A test double: the far ends of both queues come back.
    pub fn memory(capacity: usize) -> (Self, mpsc::Receiver<Message>, mpsc::Sender<FromUpstream>) {
        let (sender, at_server) = mpsc::channel(capacity);
        let (from_server, receiver) = mpsc::channel(capacity);
        let upstream = Self {
            sender,
            receiver,
            stop: CancellationToken::new(),
            tasks: JoinSet::new(),
        };
        (upstream, at_server, from_server)
    }
}
