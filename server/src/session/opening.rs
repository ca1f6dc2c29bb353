//! What a session is opened with, and where it shows how it is.

use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicI64;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;

use chrono::DateTime;
use chrono::Utc;
use footbridge_shared::api::SessionState;
use footbridge_shared::api::Transport;
use footbridge_shared::fault::UpstreamReport;
use footbridge_shared::params::ServerParams;
use tokio::sync::watch;

use super::Tokens;
use super::Verdicts;
use crate::bridge::Profile;
use crate::dialect::DialectName;
use crate::dialect::Greeting;
use crate::policy::Approved;
use crate::principal::Principal;

/// What a session is opened with.
#[derive(Clone, Debug)]
pub struct Opening {
    /// Its id.
    pub id: String,
    /// Who opened it; nobody else may see or end it.
    pub principal: Principal,
    /// The page's origin; empty for a caller that is not a page.
    pub origin: String,
    /// Where the socket comes from.
    pub peer: Option<IpAddr>,
    /// Which MCP server to reach.
    pub approved: Approved,
    /// Which words the browser speaks.
    pub dialect: DialectName,
    /// What to declare to the MCP server; unused when the browser does its own handshake.
    pub profile: Profile,
    /// This binary.
    pub program: PathBuf,
    /// What other sessions found out about MCP servers.
    pub verdicts: Arc<Verdicts>,
}

impl Opening {
    /// How the MCP server is reached.
    pub fn transport(&self) -> Transport {
        transport(self.approved.params())
    }
}

/// How an MCP server with these params, looked up in the catalogue, is reached.
pub fn transport(params: &ServerParams) -> Transport {
    match params {
        ServerParams::Stdio(_) | ServerParams::Named(_) => Transport::Stdio,
        ServerParams::Sse(_) => Transport::Sse,
        ServerParams::Http(_) => Transport::Http,
    }
}

/// What changes rarely and the outside may ask for.
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// What the session is doing.
    pub state: SessionState,
    /// Since when.
    pub since: DateTime<Utc>,
    /// What the MCP server said of itself.
    pub greeting: Option<Arc<Greeting>>,
    /// Whether a browser is attached.
    pub attached: bool,
    /// How the MCP server ended.
    pub exit: Option<UpstreamReport>,
    /// How often the MCP server was started again.
    pub restarts: u32,
}

/// Frames of one direction.
#[derive(Debug, Default)]
pub struct Tally {
    /// How many.
    pub frames: AtomicU64,
    /// Their bytes.
    pub bytes: AtomicU64,
}

impl Tally {
    /// Counts a frame.
    pub fn count(&self, bytes: usize) {
        self.frames.fetch_add(1, Ordering::Relaxed);
        self.bytes.fetch_add(bytes as u64, Ordering::Relaxed);
    }
}

/// What changes with every message and the outside may ask for.
#[derive(Debug, Default)]
pub struct Pulse {
    /// When a message last passed, in milliseconds since the epoch.
    pub last_activity: AtomicI64,
    /// Requests of the browser that wait for an answer.
    pub calls_in_flight: AtomicUsize,
    /// What the browser has sent.
    pub from_browser: Tally,
    /// What was to be sent to the browser.
    pub to_browser: Tally,
}

/// Where a session shows how it is.
#[derive(Debug)]
pub struct Vitals {
    /// What changes rarely.
    pub snapshot: watch::Sender<Snapshot>,
    /// What changes with every message.
    pub pulse: Arc<Pulse>,
    /// What opens the session again.
    pub tokens: watch::Sender<Tokens>,
}
