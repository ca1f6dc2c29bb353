//! What waits for an answer, in both directions.

use std::time::Duration;

/// A request of the program that the MCP server has not answered.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) id: u64,
    pub(super) method: String,
    pub(super) timeout: Option<Duration>,
    pub(super) progress: bool,
    /// JSON text; present when progress was asked for.
    pub(super) token: Option<String>,
}

/// A request of the MCP server that the program has not answered.
#[derive(Debug)]
pub(super) struct Ask {
    pub(super) number: u64,
    /// The server's id, as JSON text.
    pub(super) id: String,
    pub(super) method: String,
}
