//! Our connection to an MCP server: a queue each way and the tasks that move messages.
//!
//! Owns processes and connections. Never knows that browsers exist, and never decides what a message means.

use footbridge_shared::fault::Fault;
use footbridge_shared::rpc::Message;
use tokio::sync::mpsc;

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

/// A connected MCP server.
#[derive(Debug)]
pub struct Upstream {
    /// Towards the MCP server.
    pub sender: mpsc::Sender<Message>,
    /// From the MCP server. `None` after [`FromUpstream::Gone`].
    pub receiver: mpsc::Receiver<FromUpstream>,
}
