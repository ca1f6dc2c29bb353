//! What the bridge itself says, and hears, on the `native` dialect: frames without a member `jsonrpc`.

use chrono::DateTime;
use chrono::Utc;
use serde::Deserialize;
use serde::Serialize;
use serde_json::value::RawValue;

use crate::api::Era;
use crate::api::SessionState;
use crate::api::Transport;
use crate::api::rfc3339;
use crate::fault::Side;
use crate::fault::UpstreamReport;

/// The subprotocol of the `native` dialect.
pub const NATIVE_SUBPROTOCOL: &str = "footbridge.v1";
/// The subprotocol of stock MCP SDK clients.
pub const MCP_SUBPROTOCOL: &str = "mcp";

/// A control frame from the bridge.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum FromBridge<'a> {
    /// What the session is doing: at once when the socket opens, and at each change.
    State {
        /// The state entered.
        state: SessionState,
        /// The session.
        session_id: &'a str,
        /// When.
        #[serde(serialize_with = "rfc3339")]
        timestamp: DateTime<Utc>,
    },
    /// The MCP server is ready.
    Initialized {
        /// The session.
        session_id: &'a str,
        /// The server's capabilities, as it gave them.
        capabilities: &'a RawValue,
        /// The server's name and version, as it gave them.
        server_info: Option<&'a RawValue>,
        /// The negotiated revision.
        protocol_version: &'a str,
        /// Which family of revisions that is of.
        era: Era,
        /// The server's instructions (a JSON string), as it gave them.
        instructions: Option<&'a RawValue>,
        /// How the server is reached.
        transport: Transport,
        /// When.
        #[serde(serialize_with = "rfc3339")]
        timestamp: DateTime<Utc>,
    },
    /// A line of the server's standard error.
    Stderr {
        /// The line, redacted.
        line: &'a str,
        /// When it was passed on.
        #[serde(serialize_with = "rfc3339")]
        timestamp: DateTime<Utc>,
    },
    /// Answers [`FromBrowser::Ping`].
    Pong {
        /// When.
        #[serde(serialize_with = "rfc3339")]
        timestamp: DateTime<Utc>,
    },
    /// The session now outlives its socket.
    Resumable {
        /// Opens the way back, once.
        token: &'a str,
        /// How long the bridge waits without a socket, in milliseconds.
        window_ms: u64,
        /// When.
        #[serde(serialize_with = "rfc3339")]
        timestamp: DateTime<Utc>,
    },
    /// So many of the browser's numbered frames have arrived.
    Ack {
        /// How many, since both began to count.
        received: u64,
    },
    /// The browser is back.
    Resumed {
        /// Whether both go on where they were; otherwise both begin to count anew.
        recovered: bool,
        /// How many of the browser's numbered frames have arrived.
        received: u64,
        /// Opens the way back the next time.
        token: &'a str,
        /// How long the bridge waits without a socket, in milliseconds.
        window_ms: u64,
        /// When.
        #[serde(serialize_with = "rfc3339")]
        timestamp: DateTime<Utc>,
    },
    /// The bridge is going away; the socket closes soon.
    Draining {
        /// When.
        #[serde(serialize_with = "rfc3339")]
        timestamp: DateTime<Utc>,
    },
    /// What went wrong.
    Error {
        /// For people.
        error: &'a str,
        /// For programs: a name of [`crate::fault::FaultCode`].
        code: &'static str,
        /// Whose doing it was.
        side: Side,
        /// The way out, when there is one.
        #[serde(skip_serializing_if = "Option::is_none")]
        hint: Option<&'a str>,
        /// How the MCP server ended, when that is what went wrong.
        #[serde(skip_serializing_if = "Option::is_none")]
        data: Option<&'a UpstreamReport>,
        /// When.
        #[serde(serialize_with = "rfc3339")]
        timestamp: DateTime<Utc>,
    },
}

/// A control frame from the browser.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum FromBrowser {
    /// Starts or stops [`FromBridge::Stderr`].
    Stderr {
        /// Whether lines are wanted.
        enabled: bool,
    },
    /// Wants a [`FromBridge::Pong`].
    Ping,
    /// Wants the session to outlive its socket.
    Resumable,
    /// So many of the bridge's numbered frames have arrived.
    Ack {
        /// How many, since both began to count.
        received: u64,
    },
}
