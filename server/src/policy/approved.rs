//! Server params that policy has accepted, and what goes with them.
//!
//! Owns what may be asked of them. Never made anywhere but in `policy`.

use std::sync::Arc;

use footbridge_shared::params::Secret;
use footbridge_shared::params::ServerParams;

use crate::config::Limits;
use crate::config::sandbox::Sandbox;
use crate::egress::Egress;

/// Params that policy has accepted. Only [`Policy`](super::Policy) can make one, and only this can become an upstream.
#[derive(Clone, Debug)]
pub struct Approved {
    pub(super) params: ServerParams,
    pub(super) label: String,
    pub(super) egress: Arc<Egress>,
    pub(super) sandbox: Arc<Sandbox>,
    /// What the catalogue says beside the params, when they are a server's of it.
    pub(super) listed: Option<Arc<Listed>>,
    /// What must not be seen and is not all of a variable or header.
    pub(super) secrets: Vec<Secret>,
}

/// What the catalogue says of a server beside how to reach it.
#[derive(Debug)]
pub(super) struct Listed {
    pub(super) server: String,
    pub(super) revision: String,
    pub(super) limits: Limits,
    pub(super) sessions: Option<usize>,
}

impl Approved {
    /// What HTTP connections to it may reach.
    pub fn egress(&self) -> &Egress {
        &self.egress
    }

    /// The params, never `ServerParams::Named`.
    pub fn params(&self) -> &ServerParams {
        &self.params
    }

    /// The catalogue's name of the server, or the program's or host's: safe to log.
    pub fn label(&self) -> &str {
        &self.label
    }

    /// The name of the catalogue's server; `None` when the params are the caller's own.
    pub fn server(&self) -> Option<&str> {
        self.listed.as_deref().map(|listed| &*listed.server)
    }

    /// What [`Policy::approve_again`](super::Policy::approve_again) knows the catalogue's entry by.
    pub fn revision(&self) -> Option<&str> {
        self.listed.as_deref().map(|listed| &*listed.revision)
    }

    /// The limits of the session, when the catalogue has some for this server.
    pub fn limits(&self) -> Option<&Limits> {
        self.listed.as_deref().map(|listed| &listed.limits)
    }

    /// How many sessions this server may have at once, when the catalogue says so.
    pub fn sessions(&self) -> Option<usize> {
        self.listed.as_deref().and_then(|listed| listed.sessions)
    }

    /// How far it is shut in, when it is a process.
    pub fn sandbox(&self) -> &Sandbox {
        &self.sandbox
    }

    /// What must not be seen in what the server says, beside the values of its environment or headers.
    pub fn secrets(&self) -> &[Secret] {
        &self.secrets
    }
}

/// Approved params without a policy, for the tests of what comes after it.
#[cfg(test)]
pub(crate) fn approved_for_tests(params: ServerParams, label: &str) -> Approved {
    Approved {
        params,
        label: label.to_owned(),
        egress: Arc::default(),
        sandbox: Arc::default(),
        listed: None,
        secrets: Vec::new(),
    }
}
