//! The rules that turn server params into approved ones.
//!
//! Owns the decision "may this caller reach this server?". Never starts anything.

mod approved;
mod follow;
mod inputs;
pub mod process;
mod remote;

use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::PoisonError;
use std::sync::RwLock;

use footbridge_shared::fault::Fault;
use footbridge_shared::fault::FaultCode;
use footbridge_shared::params::NamedServer;
use footbridge_shared::params::Secret;
use footbridge_shared::params::ServerParams;
use footbridge_shared::params::StdioParams;

use crate::catalogue::Catalogue;
use crate::catalogue::CatalogueEntry;
use crate::config::Commands;
use crate::config::Limits;
use crate::config::sandbox::Sandbox;
use crate::config::sandbox::Sandboxes;
use crate::egress::Egress;
use crate::egress::authority;

use self::approved::Listed;

pub use self::approved::Approved;
#[cfg(test)]
pub(crate) use self::approved::approved_for_tests;
pub use self::follow::follow;

/// The servers of the catalogue, and how those of them are shut in that have a way of their own.
#[derive(Clone, Debug)]
struct Offered {
    catalogue: Arc<Catalogue>,
    sandboxes: Arc<Sandboxes>,
}

/// What one bridge lets its callers reach.
#[derive(Debug)]
pub struct Policy {
    commands: Commands,
    /// Replaced as a whole, and never held while anything is waited for.
    offered: RwLock<Offered>,
    limits: Limits,
    egress: Arc<Egress>,
    sandbox: Arc<Sandbox>,
    /// Directories that callers may start programs in; empty: any.
    roots: Vec<PathBuf>,
    /// Headers that callers may set beyond the usual ones.
    headers: Vec<String>,
    token: Option<Secret>,
}

impl Policy {
    /// The rules of a bridge.
    pub fn new(commands: Commands, catalogue: Catalogue, egress: Arc<Egress>) -> Self {
        Self {
            commands,
            offered: RwLock::new(Offered {
                catalogue: Arc::new(catalogue),
                sandboxes: Arc::default(),
            }),
            limits: Limits::default(),
            egress,
            sandbox: Arc::default(),
            roots: Vec::new(),
            headers: Vec::new(),
            token: None,
        }
    }

    /// Lets callers set further headers, and keeps the bridge's own token from being sent anywhere.
    #[must_use]
    pub fn with_headers(mut self, headers: Vec<String>, token: Option<Secret>) -> Self {
        (self.headers, self.token) = (headers, token);
        self
    }

    /// Gives the limits that those of a server of the catalogue are put over.
    #[must_use]
    pub fn with_limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// The servers that can be reached by name, now.
    pub fn catalogue(&self) -> Arc<Catalogue> {
        self.offered().catalogue
    }

    fn offered(&self) -> Offered {
        let offered = self.offered.read();
        offered.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Offers other servers by name from now on. What was approved before stays approved.
    pub fn replace(&self, catalogue: Catalogue, sandboxes: Sandboxes) {
        let mut offered = self.offered.write().unwrap_or_else(PoisonError::into_inner);
        *offered = Offered {
            catalogue: Arc::new(catalogue),
            sandboxes: Arc::new(sandboxes),
        };
    }

    /// Shuts processes in, and holds those that callers name to these directories.
    #[must_use]
    pub fn with_sandbox(mut self, sandbox: Arc<Sandbox>, roots: Vec<PathBuf>) -> Self {
        (self.sandbox, self.roots) = (sandbox, roots);
        self
    }

    /// Which commands may be started.
    pub fn commands(&self) -> Commands {
        self.commands
    }

    /// Accepts server params, or says why not.
    ///
    /// # Errors
    /// `invalid_field` names what is wrong, `params_denied` the way out, `not_supported` what is not built.
    pub fn approve(&self, params: &ServerParams) -> Result<Approved, Fault> {
        match params {
            ServerParams::Named(named) => self.approve_named(named),
            ServerParams::Stdio(stdio) => match self.commands {
                Commands::Any => self.approve_any(stdio),
                Commands::CatalogueOnly => self.approve_listed(stdio),
            },
            ServerParams::Sse(sse) => self.approve_remote(params, &sse.url),
            ServerParams::Http(http) => self.approve_remote(params, &http.url),
        }
    }

    /// Accepts server params that were accepted before, when the catalogue had this revision of the server.
    ///
    /// # Errors
    /// As [`Self::approve`], and `ticket_invalid` when the catalogue's entry has changed since or is gone.
    pub fn approve_again(
        &self,
        params: &ServerParams,
        revision: Option<&str>,
    ) -> Result<Approved, Fault> {
        let approved = self.approve(params);
        match &approved {
            Ok(again) if revision.is_none() || again.revision() == revision => approved,
            Err(_) if revision.is_none() => approved,
            Ok(_) | Err(_) => Err(Fault::new(
                FaultCode::TicketInvalid,
                "The server was changed in the bridge's catalogue, or taken out of it, after the ticket was issued.",
            )
            .hint("Ask for a new ticket with POST connect.")),
        }
    }

    /// Accepts a URL that a caller wrote out, as far as the rules for outgoing connections go.
    fn approve_remote(&self, params: &ServerParams, url: &str) -> Result<Approved, Fault> {
        let url = remote::url(url)?;
        self.egress.check_url(&url)?;
        remote::check_url_for(&url, self.token.as_ref())?;
        let author = remote::Author::Caller {
            extra: &self.headers,
            token: self.token.as_ref(),
        };
        remote::check_headers(params.secrets(), author)?;
        Ok(Approved {
            params: params.clone(),
            label: authority(&url),
            egress: Arc::new(self.egress.at_port_of(&url)),
            sandbox: Arc::clone(&self.sandbox),
            listed: None,
            secrets: Vec::new(),
        })
    }

    fn approve_named(&self, named: &NamedServer) -> Result<Approved, Fault> {
        let offered = self.offered();
        let Some(entry) = offered.catalogue.get(&named.server) else {
            let names: Vec<&str> = offered.catalogue.iter().map(|(name, _)| name).collect();
            return Err(
                wrong("server", "names no server of this bridge's catalogue")
                    .hint(format!("The catalogue has: {}.", names.join(", "))),
            );
        };
        let (params, values) = inputs::fill(entry, &named.inputs, self.token.as_ref())?;
        let mut approved = self.approve_entry(&offered, &named.server, entry, params)?;
        approved.secrets.extend(values.into_values());
        Ok(approved)
    }

    /// Accepts a command that is written out but is one of the catalogue's; the catalogue's own params are used.
    /// One with inputs can only be reached by its name: it is not whole without their values.
    fn approve_listed(&self, stdio: &StdioParams) -> Result<Approved, Fault> {
        let offered = self.offered();
        let listed = offered
            .catalogue
            .iter()
            .filter(|(_, entry)| entry.inputs.is_empty())
            .find(|(_, entry)| match &entry.params {
                ServerParams::Stdio(known) => {
                    known.command == stdio.command
                        && known.args == stdio.args
                        && (stdio.cwd.is_none() || stdio.cwd == known.cwd)
                        && (stdio.env.is_empty() || stdio.env == known.env)
                }
                ServerParams::Sse(_) | ServerParams::Http(_) | ServerParams::Named(_) => false,
            });
        match listed {
            Some((name, entry)) => self.approve_entry(&offered, name, entry, entry.params.clone()),
            None => Err(Fault::new(
                FaultCode::ParamsDenied,
                "This bridge starts only the commands of its catalogue, and this is none of them: add it to the \
                 --servers file.",
            )
            .hint(
                "A bridge that listens on a loopback address with a token, or with --no-auth and --allow-commands, \
                 starts any command.",
            )),
        }
    }

    /// Accepts what the operator has written down; the host of its URL is allowed by that.
    fn approve_entry(
        &self,
        offered: &Offered,
        name: &str,
        entry: &CatalogueEntry,
        params: ServerParams,
    ) -> Result<Approved, Fault> {
        let url = match &params {
            ServerParams::Sse(sse) => Some(&sse.url),
            ServerParams::Http(http) => Some(&http.url),
            ServerParams::Stdio(_) | ServerParams::Named(_) => None,
        };
        let mut egress = Arc::clone(&self.egress);
        if let Some(url) = url {
            remote::check_headers(params.secrets(), remote::Author::Operator)?;
            egress = Arc::new(self.egress.with_host_of(&remote::url(url)?));
        }
        let limits = self.limits.of_server(&entry.limits).map_err(|error| {
            Fault::new(
                FaultCode::Internal,
                format!("The server \"{name}\": {error}"),
            )
        })?;
        let has_own = entry.limits.iter().any(|(key, _)| key == "sessions");
        let listed = Listed {
            server: name.to_owned(),
            revision: entry.revision().to_owned(),
            sessions: has_own.then_some(limits.sessions),
            limits,
        };
        Ok(Approved {
            params,
            label: name.to_owned(),
            egress,
            sandbox: Arc::clone(offered.sandboxes.get(name).unwrap_or(&self.sandbox)),
            listed: Some(Arc::new(listed)),
            secrets: entry.secrets.clone(),
        })
    }

    fn approve_any(&self, stdio: &StdioParams) -> Result<Approved, Fault> {
        process::check(stdio)?;
        let cwd = process::directory(stdio.cwd.as_deref(), &self.roots)?;
        let program = Path::new(&stdio.command).file_name();
        let label = program.map_or_else(
            || stdio.command.clone(),
            |name| name.to_string_lossy().into_owned(),
        );
        Ok(Approved {
            params: ServerParams::Stdio(StdioParams {
                cwd,
                ..stdio.clone()
            }),
            label,
            egress: Arc::clone(&self.egress),
            sandbox: Arc::clone(&self.sandbox),
            listed: None,
            secrets: Vec::new(),
        })
    }
}

fn wrong(field: &str, problem: &str) -> Fault {
    let field = format!("server_params.{field}");
    Fault::new(FaultCode::InvalidField, format!("{field} {problem}.")).field(field)
}

#[cfg(test)]
mod tests;
