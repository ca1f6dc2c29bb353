//! The audit log: who connected, what was started or reached, what was refused and why, as JSON lines.
//!
//! Owns the file and the words of its records. Never gets a secret: a record has no member that could hold an
//! argument, a value of an environment, a header or a query. Never makes its caller wait: records queue for one
//! thread that writes them, and what is lost is counted and said.

mod file;
mod witness;
mod writer;

use std::io;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::OnceLock;
use std::sync::PoisonError;
use std::time::Duration;

use footbridge_shared::fault::Fault;
use footbridge_shared::fault::FaultCode;
use serde::Serialize;
use tokio::time::Instant;

use crate::meters;
use crate::principal::Principal;

pub use witness::Witness;
pub use witness::in_session;
pub use writer::Audit;
use writer::Queue;

/// Characters of a word that the other end chose. A real one is shorter.
const FOREIGN_CHARS: usize = 32;

/// One thing that happened. The names are the log's own: they do not change.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Record<'a> {
    /// The bridge has begun to keep this log.
    BridgeStarted {
        /// Its version.
        version: &'a str,
        /// Its process id.
        pid: u32,
    },
    /// The bridge ends in order; a log without this ends with a crash.
    BridgeStopped {
        /// Its process id.
        pid: u32,
    },
    /// A request did not pass the gate, or its credential was missing or wrong (`unauthorized`).
    RequestRefused {
        /// Where it came from.
        peer: Option<IpAddr>,
        /// The fault's code.
        code: &'static str,
        /// The HTTP method.
        method: &'a str,
    },
    /// So many further refused requests were not recorded one by one.
    RefusalsOmitted {
        /// How many.
        count: u64,
    },
    /// `POST connect` gave out a ticket.
    ConnectAccepted {
        /// The session that the ticket opens.
        session: &'a str,
        /// Who asked.
        principal: &'a Principal,
        /// The page's origin; empty for a caller that is not a page.
        origin: &'a str,
        /// Where it came from.
        peer: Option<IpAddr>,
        /// How the MCP server will be reached.
        transport: &'static str,
        /// The catalogue's name of the server, or the program's or host's.
        label: &'a str,
    },
    /// `POST connect` or an upgrade was refused to somebody who had passed the gate.
    ConnectDenied {
        /// The session, when its ticket was good.
        session: Option<&'a str>,
        /// Who asked; absent when the request brought neither a credential nor a good ticket.
        principal: Option<&'a Principal>,
        /// The page's origin; empty for a caller that is not a page.
        origin: &'a str,
        /// Where it came from.
        peer: Option<IpAddr>,
        /// The fault's code.
        code: &'static str,
        /// The field to blame, when there is one.
        field: Option<&'a str>,
    },
    /// A socket opened a session.
    SessionOpened {
        /// The session.
        session: &'a str,
        /// Whose it is.
        principal: &'a Principal,
        /// The page's origin; empty for a caller that is not a page.
        origin: &'a str,
        /// Where the socket came from.
        peer: Option<IpAddr>,
        /// How the browser speaks.
        dialect: &'static str,
        /// How the MCP server is reached.
        transport: &'static str,
        /// The catalogue's name of the server, or the program's or host's.
        label: &'a str,
    },
    /// A session lost its socket and waits for its browser.
    SessionDetached {
        /// The session.
        session: &'a str,
        /// Whose it is.
        principal: &'a Principal,
    },
    /// A session's browser came back.
    SessionResumed {
        /// The session.
        session: &'a str,
        /// Whose it is.
        principal: &'a Principal,
        /// Where the socket came from.
        peer: Option<IpAddr>,
        /// Whether it went on where it was.
        recovered: bool,
    },
    /// A session ended.
    SessionClosed {
        /// The session.
        session: &'a str,
        /// Whose it was.
        principal: &'a Principal,
        /// Why: a fault's code.
        code: &'static str,
        /// How long it was open.
        duration_ms: u64,
        /// Frames that the browser sent.
        frames_from_browser: u64,
        /// Frames for the browser.
        frames_to_browser: u64,
        /// Their bytes.
        bytes_from_browser: u64,
        /// Their bytes.
        bytes_to_browser: u64,
    },
    /// A process was started.
    Spawned {
        /// The session.
        session: &'a str,
        /// The program's absolute path.
        program: &'a str,
        /// SHA-256 over the program and its arguments, in hex: the same command gives the same value.
        argv: &'a str,
        /// The supervisor's process id.
        pid: Option<u32>,
        /// The sandbox level.
        sandbox: &'static str,
    },
    /// A process ended.
    Exited {
        /// The session.
        session: &'a str,
        /// The supervisor's process id.
        pid: Option<u32>,
        /// How: a fault's code.
        code: &'static str,
        /// Its exit code.
        exit_code: Option<i32>,
        /// The signal that ended it.
        signal: Option<i32>,
    },
    /// A connection to a remote MCP server was made and used.
    Reached {
        /// The session.
        session: &'a str,
        /// The host, with its port when it is not the scheme's own.
        host: &'a str,
        /// The address; the proxy's, when there is one between.
        address: IpAddr,
    },
    /// An MCP server asked the person in front of the page for something.
    Elicitation {
        /// The session.
        session: &'a str,
        /// `form` or `url`.
        mode: &'static str,
        /// The host of the URL.
        host: Option<&'a str>,
    },
    /// A file the bridge watches was read again.
    Reloaded {
        /// Which: `catalogue`, `tls`, `ticket_keys`, `jwks`.
        what: &'static str,
        /// What was wrong with it, when the old one was kept.
        problem: Option<&'a str>,
    },
    /// Records are missing before this one: the log could not be written for too long.
    Lost {
        /// How many.
        count: u64,
    },
}

/// Where the log is, and what it promises.
#[derive(Clone, Debug)]
pub struct Options {
    /// The file; `-` is standard error.
    pub path: PathBuf,
    /// Whether no session may begin while the log cannot be written.
    pub required: bool,
    /// Whether the disk has each record before the next is written.
    pub sync: bool,
    /// Records that may wait to be written.
    pub queue: usize,
    /// Refused requests recorded one by one each second.
    pub refusals: usize,
}

/// The way to the log. A static, as a logger is: whatever happens anywhere in the process goes into the one log.
static SINK: OnceLock<Sink> = OnceLock::new();

/// Opens the log and starts the thread that writes it, for the rest of the process.
///
/// # Errors
/// When the file cannot be opened or created, or there is a log already.
pub fn start(options: &Options) -> io::Result<Audit> {
    let (required, refusals) = (options.required, options.refusals);
    let (audit, queue) = writer::start(options)?;
    let sink = Sink {
        queue,
        required,
        refusals: Mutex::new(Window::new(refusals)),
    };
    SINK.set(sink)
        .map_err(|_| io::Error::other("this process has an audit log already"))?;
    record(&Record::BridgeStarted {
        version: env!("CARGO_PKG_VERSION"),
        pid: std::process::id(),
    });
    Ok(audit)
}

/// Writes a record, when the bridge was started with an audit log.
pub fn record(record: &Record<'_>) {
    if let Some(sink) = SINK.get() {
        sink.record(record);
    }
}

/// Whether a session may begin: not while a log that has to be there cannot be written.
///
/// # Errors
/// [`FaultCode::AuditUnavailable`].
pub fn permits() -> Result<(), Fault> {
    match SINK.get() {
        Some(sink) if sink.required && sink.queue.is_failing() => Err(Fault::new(
            FaultCode::AuditUnavailable,
            "The bridge cannot write its audit log, and starts no session without it.",
        )
        .hint("Whoever runs the bridge finds the reason in its log; try again once it is mended.")),
        Some(_) | None => Ok(()),
    }
}

/// A field's path without the part that a caller chose: `server_params.env` of `server_params.env.API_KEY`.
pub fn field(fault: &Fault) -> Option<&str> {
    let path = fault.field.as_deref()?;
    let end = path
        .match_indices('.')
        .nth(1)
        .map_or(path.len(), |(at, _)| at);
    Some(&path[..end])
}

/// A word that the other end chose, cut to what such a word has.
pub fn foreign(word: &str) -> &str {
    let end = word.char_indices().nth(FOREIGN_CHARS);
    &word[..end.map_or(word.len(), |(at, _)| at)]
}

struct Sink {
    queue: Queue,
    required: bool,
    refusals: Mutex<Window>,
}

impl Sink {
    fn record(&self, record: &Record<'_>) {
        // What anybody can cause without a credential must not be able to fill the disk.
        if matches!(record, Record::RequestRefused { .. }) && !self.may_record_refusal() {
            meters::reached("audit_refusals");
            self.queue.omit();
            return;
        }
        self.queue.push(line(record));
    }

    fn may_record_refusal(&self) -> bool {
        let mut window = self.refusals.lock().unwrap_or_else(PoisonError::into_inner);
        window.take(Instant::now())
    }
}

/// So many in a second.
struct Window {
    size: usize,
    began: Instant,
    n_taken: usize,
}

impl Window {
    fn new(size: usize) -> Self {
        Self {
            size,
            began: Instant::now(),
            n_taken: 0,
        }
    }

    fn take(&mut self, now: Instant) -> bool {
        if now.duration_since(self.began) >= Duration::from_secs(1) {
            (self.began, self.n_taken) = (now, 0);
        }
        self.n_taken += 1;
        self.n_taken <= self.size
    }
}

/// A record as it stands in the log.
fn line(record: &Record<'_>) -> String {
    #[derive(Serialize)]
    struct Line<'a> {
        timestamp: String,
        #[serde(flatten)]
        record: &'a Record<'a>,
    }
    let now = chrono::Utc::now();
    let line = Line {
        timestamp: now.to_rfc3339_opts(chrono::SecondsFormat::Micros, true),
        record,
    };
    let mut text = serde_json::to_string(&line).expect("its members are texts and numbers");
    text.push('\n');
    text
}

#[cfg(test)]
mod tests;
