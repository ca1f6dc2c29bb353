//! Every number, path and permission the bridge runs under.
//!
//! Owns the defaults and the only reading of flags, environment and files; the rest of the server gets values.
//! Never consulted while running: constructors take what they need.
//!
//! In reading order: [`settings`] (what people may say, and where), `file` (one of those places), `precedence` (which
//! place wins), [`startup`] (the rules that make a [`Config`] of it), then their parts: [`address`], [`auth`],
//! [`token`], `transport`, [`ticket_keys`], [`upstreams`], [`sandbox`], [`servers`], [`limits`], [`error`].

pub mod address;
pub mod auth;
pub mod error;
mod file;
pub mod limits;
mod precedence;
pub mod sandbox;
pub mod servers;
pub mod settings;
pub mod startup;
pub mod ticket_keys;
pub mod token;
mod transport;
pub mod upstreams;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::ValueEnum;

use footbridge_shared::params::Secret;
use ipnet::IpNet;
use serde::Deserialize;

pub use self::auth::Auth;
use crate::catalogue::Catalogue;
use crate::config::sandbox::Sandbox;
use crate::config::servers::ServersFile;
use crate::config::ticket_keys::TicketKeyFile;
use crate::egress::Egress;
use crate::tls;

/// What one bridge runs under, checked and complete.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where to listen; port 0 takes a free one.
    pub listen: SocketAddr,
    /// The URL people reach the bridge by, when it is not `http://{listen}`: scheme, host, optional port and path.
    pub public_url: Option<String>,
    /// Origins of pages, besides the bridge's own, that may use it.
    pub allow_origins: Vec<String>,
    /// Who may use the bridge.
    pub auth: Auth,
    /// The proxies whose word on where a request came from is believed (`X-Forwarded-For`).
    pub forwarders: Vec<IpNet>,
    /// The certificate and key to speak TLS with; without them the bridge speaks plain HTTP.
    pub tls: Option<tls::Files>,
    /// Whether a proxy stands in front, so that every connection comes from its address.
    pub behind_tls_proxy: bool,
    /// What reads `/metrics`, and nothing else.
    pub metrics_token: Option<Secret>,
    /// Which commands may be started.
    pub commands: Commands,
    /// The named servers, as they were at the start.
    pub catalogue: Catalogue,
    /// Where they are written, to be read again when it changes.
    pub servers_file: Option<ServersFile>,
    /// What outgoing HTTP connections may reach, and how.
    pub egress: Arc<Egress>,
    /// Headers that callers may send to remote servers beyond the usual ones.
    pub allow_headers: Vec<String>,
    /// How far MCP servers that are processes are shut in.
    pub sandbox: Arc<Sandbox>,
    /// Directories that callers may start programs in; empty: any.
    pub roots: Vec<PathBuf>,
    /// How server params travel in the socket's URL.
    pub params_in_url: ParamsInUrl,
    /// Where the audit log goes, when one is kept.
    pub audit: Option<AuditLog>,
    /// The file of the keys that seal tickets; absent: a random one at every start.
    pub ticket_keys: Option<TicketKeyFile>,
    /// The bridges that may open each other's tickets, when they have the same keys.
    pub deployment: String,
    /// This bridge among them: session ids begin with it.
    pub node: u16,
    /// This binary: it supervises the children (`footbridge supervise`) and is the `demo` server.
    pub program: PathBuf,
    /// Every bound.
    pub limits: Limits,
}

/// Where the audit log goes, and what it promises.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditLog {
    /// The file; `-` is standard error.
    pub path: PathBuf,
    /// Whether no session may begin while it cannot be written.
    pub required: bool,
    /// Whether each record is on the disk before the next is written.
    pub sync: bool,
}

/// Which commands may be started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Commands {
    /// Any: the caller is trusted like a user of this machine.
    Any,
    /// Only those of the catalogue, matched exactly.
    CatalogueOnly,
}

/// How server params travel in the socket's URL.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, ValueEnum, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ParamsInUrl {
    /// As decodable base64 JSON with secret values blanked, beside a ticket.
    #[default]
    Signed,
    /// Sealed in the ticket; nothing can be read.
    Sealed,
}

/// Every bound of the bridge.
#[derive(Clone, Debug, PartialEq)]
pub struct Limits {
    /// TCP connections at once; further ones wait to be accepted.
    pub connections: usize,
    /// TCP connections at once from one address (IPv6: one /64) of another machine; over it: 429, or closed with TLS.
    pub connections_per_peer: usize,
    /// From accepting a connection to its complete request head, the TLS handshake included; then it is closed.
    pub head_timeout: Duration,
    /// Bytes of a request head, and of its target; over it: 431.
    pub head_bytes: usize,
    /// Headers of a request; over it: 431.
    pub headers: usize,
    /// Bytes of a request body; over it: 413.
    pub body_bytes: usize,
    /// From the head to the complete body; then 408.
    pub body_timeout: Duration,
    /// Wrong credentials a peer may bring per minute; then everything it brings a credential with is 429 for a while.
    pub failed_auth_per_minute: usize,
    /// Sessions a principal may ask for per minute, in the long run; over it: 429, or close code 4429.
    pub connects_per_minute: usize,
    /// Sessions a principal may ask for at once, when it has not asked for a while.
    pub connects_burst: usize,
    /// Peers, and principals, whose rates are remembered at once; further ones are not limited.
    pub rate_keys: usize,
    /// Between two warnings in the log of a bridge that demands no credential.
    pub no_auth_warning: Duration,
    /// Bytes of a JWKS document; a larger one is not read.
    pub jwks_bytes: usize,
    /// How long reading or fetching a JWKS document may take.
    pub jwks_timeout: Duration,
    /// Between two times that a JWKS document is fetched from its URL.
    pub jwks_refresh: Duration,
    /// The least time between two fetches when JWTs name a key that is unknown.
    pub jwks_pause: Duration,
    /// How long a ticket opens its session.
    pub ticket_life: Duration,
    /// Tickets issued and neither used nor expired; over it: 429.
    pub pending_tickets: usize,
    /// Tickets of one caller issued and neither used nor expired; over it: 429.
    pub pending_tickets_per_principal: usize,
    /// Tickets of other bridges with the same keys that were used here and have not expired; over it: close code 4429.
    pub used_tickets: usize,
    /// Bytes of server params as JSON that travel in a URL; longer ones are kept in memory.
    pub params_bytes: usize,
    /// Bytes of a socket's path and query; what would make it longer is kept in memory.
    pub socket_url_bytes: usize,
    /// Bytes kept in memory in all of what is too long for a URL, until it is opened or the ticket expires; over it:
    /// 429, and 413 for what alone is longer.
    pub kept_params_bytes: usize,
    /// Sessions at once; over it: 503, or close code 4429.
    pub sessions: usize,
    /// Sessions at once of one caller; over it: 429, or close code 4429.
    pub sessions_per_principal: usize,
    /// Bytes of a frame from the browser; over it: close code 1009.
    pub frame_bytes: usize,
    /// Messages a browser may send each second, once its burst is used up; then it is not read for a moment.
    pub messages_per_second: usize,
    /// Messages a browser may send at once.
    pub messages_burst: usize,
    /// Bytes a browser may send each second, and at once; then it is not read for a moment.
    pub bytes_per_second: usize,
    /// How long a browser may go on sending faster than that without a pause; then close code 4429.
    pub flood_timeout: Duration,
    /// Levels of arrays and objects in a frame from the browser; over it the frame gets an error.
    pub json_depth: usize,
    /// Bytes of a string that is the id of a browser's request; over it the request gets an error.
    pub id_bytes: usize,
    /// Requests of a browser that wait for an answer; a further one gets an error.
    pub calls_in_flight: usize,
    /// Requests of an MCP server that wait for the browser's answer; a further one gets an error.
    pub asks_in_flight: usize,
    /// Messages that wait for a slow browser; then the MCP server is not read.
    pub backlog_messages: usize,
    /// Bytes that wait for a slow browser; then the MCP server is not read.
    pub backlog_bytes: usize,
    /// How long a browser may not read while something waits for it; then close code 4408.
    pub stall_timeout: Duration,
    /// How long a session waits for a browser that may come back.
    pub resume_window: Duration,
    /// Bytes that a session keeps until its browser acknowledges them; then its MCP server is not read.
    pub resume_bytes: usize,
    /// Bytes that all sessions keep that way together; one that goes over it keeps nothing.
    pub resume_bytes_total: usize,
    /// Messages in the queue to, and in the queue from, an MCP server.
    pub upstream_queue: usize,
    /// Bytes of one message from an MCP server; over it the server is stopped.
    pub upstream_message_bytes: usize,
    /// From the start of an MCP server to the end of the handshake.
    pub start_timeout: Duration,
    /// How long an MCP server may neither answer a call nor report progress; then the call gets an error.
    pub request_timeout: Duration,
    /// How long a call may take in all, progress or not.
    pub request_timeout_max: Duration,
    /// How long a `studio` browser may take to answer an elicitation or a sampling request.
    pub answer_timeout: Duration,
    /// How long an MCP server over stdio may take to say whether it knows the stateless revisions, before the bridge
    /// greets it the older way too.
    pub probe_timeout: Duration,
    /// How often an MCP server may ask for further input during one call (`input_required`, MCP 2026-07-28).
    pub input_rounds: usize,
    /// Resources a browser may be subscribed to at once.
    pub subscriptions: usize,
    /// Between two pings to a browser.
    pub ping_interval: Duration,
    /// From a ping to its pong; then the socket counts as dead.
    pub pong_timeout: Duration,
    /// How long a session may pass no message at all; then close code 4408.
    pub idle_timeout: Duration,
    /// How long a session may live in all.
    pub session_life: Duration,
    /// Bytes of a server's standard error that are kept.
    pub stderr_bytes: usize,
    /// Lines of a server's standard error that are shown each second, and four times as many at once; the rest is
    /// counted.
    pub stderr_lines: usize,
    /// Child processes at once; over it: close code 4429.
    pub children: usize,
    /// Files and sockets that one process of a server may have open, from the sandbox level `basic` on.
    pub child_open_files: usize,
    /// Bytes that a file a server writes may grow to, from the sandbox level `basic` on.
    pub child_file_bytes: usize,
    /// Processes and threads the bridge's user may have in all before a server can start no more, from the sandbox
    /// level `basic` on; not held against root.
    pub child_user_processes: usize,
    /// Processes and threads of one server, from the sandbox level `cgroup` on.
    pub child_processes: usize,
    /// Bytes of memory of one server, from the sandbox level `cgroup` on.
    pub child_memory_bytes: usize,
    /// Percent of one processor that one server may use, from the sandbox level `cgroup` on.
    pub child_cpu_percent: usize,
    /// From closing a server's standard input to SIGTERM.
    pub stop_stdin_wait: Duration,
    /// From SIGTERM to SIGKILL.
    pub stop_term_wait: Duration,
    /// How long a browser may take to read what is left and to answer a close; then the socket is cut.
    pub close_timeout: Duration,
    /// How long a shutdown waits for sessions to end.
    pub drain_timeout: Duration,
    /// Records of the audit log that wait to be written; further ones are lost, and how many is recorded.
    pub audit_queue: usize,
    /// Refused requests that the audit log records each second; of further ones it records how many.
    pub audit_refusals: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 2000,
            connections_per_peer: 64,
            head_timeout: Duration::from_secs(10),
            head_bytes: 32 * 1024,
            headers: 64,
            body_bytes: 64 * 1024,
            body_timeout: Duration::from_secs(10),
            failed_auth_per_minute: 10,
            connects_per_minute: 120,
            connects_burst: 60,
            rate_keys: 10_000,
            no_auth_warning: Duration::from_secs(60),
            jwks_bytes: 256 * 1024,
            jwks_timeout: Duration::from_secs(10),
            jwks_refresh: Duration::from_secs(300),
            jwks_pause: Duration::from_secs(30),
            ticket_life: Duration::from_secs(60),
            pending_tickets: 1000,
            pending_tickets_per_principal: 200,
            used_tickets: 100_000,
            params_bytes: 4096,
            socket_url_bytes: 6144,
            kept_params_bytes: 16 * 1024 * 1024,
            sessions: 500,
            sessions_per_principal: 100,
            frame_bytes: 4 * 1024 * 1024,
            messages_per_second: 1000,
            messages_burst: 2000,
            bytes_per_second: 16 * 1024 * 1024,
            flood_timeout: Duration::from_secs(10),
            json_depth: 64,
            id_bytes: 128,
            calls_in_flight: 256,
            asks_in_flight: 64,
            backlog_messages: 1024,
            backlog_bytes: 8 * 1024 * 1024,
            stall_timeout: Duration::from_secs(30),
            resume_window: Duration::from_secs(120),
            resume_bytes: 4 * 1024 * 1024,
            resume_bytes_total: 256 * 1024 * 1024,
            upstream_queue: 64,
            upstream_message_bytes: 16 * 1024 * 1024,
            start_timeout: Duration::from_secs(60),
            request_timeout: Duration::from_secs(600),
            request_timeout_max: Duration::from_secs(3600),
            answer_timeout: Duration::from_secs(60),
            probe_timeout: Duration::from_secs(5),
            input_rounds: 10,
            subscriptions: 1_000,
            ping_interval: Duration::from_secs(20),
            pong_timeout: Duration::from_secs(20),
            idle_timeout: Duration::from_secs(2 * 3600),
            session_life: Duration::from_secs(12 * 3600),
            stderr_bytes: 64 * 1024,
            stderr_lines: 50,
            children: 200,
            child_open_files: 1024,
            child_file_bytes: 1024 * 1024 * 1024,
            child_user_processes: 8192,
            child_processes: 256,
            child_memory_bytes: 1024 * 1024 * 1024,
            child_cpu_percent: 100,
            stop_stdin_wait: Duration::from_secs(2),
            stop_term_wait: Duration::from_secs(3),
            close_timeout: Duration::from_secs(2),
            drain_timeout: Duration::from_secs(10),
            audit_queue: 4096,
            audit_refusals: 20,
        }
    }
}
