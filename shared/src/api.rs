//! The bodies of the HTTP routes.

use std::fmt::Display;

use chrono::DateTime;
use chrono::Utc;
use serde::Serialize;
use serde::Serializer;
use serde_json::value::RawValue;

use crate::fault::Fault;
use crate::fault::UpstreamReport;

/// A moment as RFC 3339 in UTC with microseconds, such as `2026-11-23T14:03:06.594054+00:00`.
pub fn timestamp(moment: &DateTime<Utc>) -> impl Display + use<> {
    moment.format("%Y-%m-%dT%H:%M:%S%.6f%:z")
}

/// Serializes a moment as [`timestamp`] writes it.
pub fn rfc3339<S: Serializer>(moment: &DateTime<Utc>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&timestamp(moment))
}

/// The answer of `POST connect`.
#[derive(Clone, Debug, Serialize)]
pub struct ConnectResponse {
    /// Always true.
    pub status: bool,
    /// For people.
    pub message: String,
    /// The session to be opened.
    pub session_id: String,
    /// Path and query of the socket; no scheme or host.
    pub websocket_url: String,
    /// When this answer was made.
    #[serde(serialize_with = "rfc3339")]
    pub timestamp: DateTime<Utc>,
    /// Until when `websocket_url` opens the session.
    #[serde(serialize_with = "rfc3339")]
    pub expires_at: DateTime<Utc>,
    /// What the one who asked should know, one sentence each; absent when there is nothing.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
}

/// How an MCP server is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Transport {
    /// A child process.
    Stdio,
    /// HTTP+SSE (MCP 2024-11-05).
    Sse,
    /// Streamable HTTP.
    Http,
}

impl Transport {
    /// Every transport.
    pub const ALL: [Self; 3] = [Self::Stdio, Self::Sse, Self::Http];

    /// The transport's name on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Stdio => "stdio",
            Self::Sse => "sse",
            Self::Http => "http",
        }
    }
}

/// Which family of MCP revisions a server speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Era {
    /// Up to 2025-11-25: opened by `initialize`.
    Legacy,
    /// 2026-07-28: every request stands alone.
    Modern,
}

/// What a session is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SessionState {
    /// The MCP server is being started or greeted.
    Starting,
    /// The MCP server answers.
    Ready,
    /// The socket was lost, and the session waits for its browser to come back.
    Detached,
    /// The session is ending.
    Closing,
}

impl SessionState {
    /// Every state.
    pub const ALL: [Self; 4] = [Self::Starting, Self::Ready, Self::Detached, Self::Closing];

    /// The state's name on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Ready => "ready",
            Self::Detached => "detached",
            Self::Closing => "closing",
        }
    }
}

/// The answer of `GET status` for a session that is open.
#[derive(Clone, Debug, Serialize)]
pub struct StatusResponse {
    /// Always true.
    pub status: bool,
    /// For people.
    pub message: String,
    /// The session.
    pub session_id: String,
    /// Whether the MCP server is ready and a browser is attached.
    pub connected: bool,
    /// The MCP server's capabilities; null until it is ready.
    pub capabilities: Option<Box<RawValue>>,
    /// When the session was opened.
    #[serde(serialize_with = "rfc3339")]
    pub created_at: DateTime<Utc>,
    /// When a message last passed, in either direction.
    #[serde(serialize_with = "rfc3339")]
    pub last_activity: DateTime<Utc>,
    /// What the session is doing.
    pub state: SessionState,
    /// Since when.
    #[serde(serialize_with = "rfc3339")]
    pub state_since: DateTime<Utc>,
    /// Which words the browser speaks: `studio`, `mcp` or `native`.
    pub dialect: &'static str,
    /// How the MCP server is reached.
    pub transport: Transport,
    /// The catalogue's name of the server, or the program's or host's.
    pub label: String,
    /// Which family of revisions the server speaks; null until it is ready.
    pub era: Option<Era>,
    /// The negotiated revision; null until the server is ready.
    pub protocol_version: Option<String>,
    /// The server's name and version as it gives them; null until it is ready.
    pub server_info: Option<Box<RawValue>>,
    /// Whether a browser is attached.
    pub attached: bool,
    /// Requests of the browser that wait for an answer.
    pub calls_in_flight: usize,
    /// How often the MCP server was started again.
    pub restarts: u32,
    /// How the MCP server ended, when it has.
    pub exit: Option<UpstreamReport>,
}

/// The answer of `GET status` for a session that is not there, and of `DELETE`.
#[derive(Clone, Debug, Serialize)]
pub struct SessionNotice {
    /// Whether the session was there.
    pub status: bool,
    /// For people.
    pub message: &'static str,
    /// The session asked about.
    pub session_id: String,
}

/// One server of the catalogue, as far as a browser may know it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CatalogueServer {
    /// The name to connect by.
    pub name: String,
    /// A name for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// What the server is for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// How it is reached.
    pub transport: Transport,
    /// What it asks for, in the order to ask in.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub inputs: Vec<CatalogueInput>,
}

/// Something that a server of the catalogue asks for: a member of `server_params.inputs`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CatalogueInput {
    /// The name to give it by.
    pub name: String,
    /// A name for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// What it is for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Whether a session needs it.
    pub required: bool,
    /// Whether it must not be seen as it is typed.
    pub secret: bool,
    /// What the whole value must match, in the syntax of Rust's crate `regex`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pattern: Option<String>,
    /// The only values taken.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub options: Vec<String>,
    /// The value when none is given; absent when it is secret.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub default: Option<String>,
}

/// The answer of `GET servers`.
#[derive(Clone, Debug, Serialize)]
pub struct ServersResponse {
    /// Always true.
    pub status: bool,
    /// The catalogue.
    pub servers: Vec<CatalogueServer>,
    /// Whether other servers than these can be reached by giving a command.
    pub commands: bool,
}

/// The body of every refusal.
#[derive(Clone, Debug, Serialize)]
pub struct ErrorResponse<'a> {
    /// Always false.
    pub status: bool,
    /// For people.
    pub message: &'a str,
    /// For programs.
    pub error: &'a Fault,
}
