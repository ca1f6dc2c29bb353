//! Assembly: binds, serves until told to stop, drains.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use footbridge_shared::params::Secret;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::info;
use tracing::warn;

use crate::accept;
use crate::accept::Door;
use crate::audit;
use crate::config::Auth;
use crate::config::Config;
use crate::gate::Gate;
use crate::http;
use crate::http::App;
use crate::meters;
use crate::policy::Policy;
use crate::policy::follow;
use crate::sessions::Sessions;
use crate::tickets::Tickets;
use crate::tls::Tls;

/// A bridge that has bound its port and not begun to serve.
#[derive(Debug)]
pub struct Bound {
    listener: TcpListener,
    address: SocketAddr,
    config: Config,
}

impl Bound {
    /// Binds the port.
    ///
    /// # Errors
    /// When the address is in use or not this machine's.
    pub async fn bind(config: Config) -> io::Result<Self> {
        let listener = TcpListener::bind(config.listen).await?;
        let address = listener.local_addr()?;
        Ok(Self {
            listener,
            address,
            config,
        })
    }

    /// The address bound; its port is the real one when port 0 was asked for.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The URL to open in a browser. The token is in the fragment, which never leaves the browser.
    pub fn page_url(&self) -> String {
        let base = self.config.public_url.clone().unwrap_or_else(|| {
            let scheme = self.config.tls.as_ref().map_or("http", |_| "https");
            format!("{scheme}://{}", self.address)
        });
        let base = base.trim_end_matches('/');
        match &self.config.auth {
            Auth::Token(token) => format!("{base}/#token={}", Secret::expose(token)),
            Auth::None => format!("{base}/"),
        }
    }

    /// Serves until `stop` is cancelled, then drains; how many sessions did not end in time.
    ///
    /// # Errors
    /// When the system has no randomness for the tickets' key, or the certificate has become unreadable.
    pub async fn serve(self, stop: CancellationToken) -> io::Result<usize> {
        let limits = self.config.limits.clone();
        for limit in limits.list() {
            meters::bound(limit.name, limit.value);
        }
        let tls = self.config.tls.clone().map(Tls::new).transpose();
        let tls = tls.map_err(io::Error::other)?;
        let behind_proxy = self.config.behind_tls_proxy;
        let sessions = Sessions::new(limits.clone());
        let file = self.config.servers_file.clone();
        let app = Arc::new(App {
            gate: Gate::new(&self.config, self.address.port()),
            policy: policy(&self.config),
            tickets: Tickets::new(&self.config).map_err(io::Error::other)?,
            sessions: sessions.clone(),
            config: self.config,
        });
        let drained = async {
            stop.cancelled().await;
            info!("draining");
            sessions.drain(limits.drain_timeout).await
        };
        let door = Door {
            listener: self.listener,
            tls: tls.as_ref().map(Tls::acceptor),
            behind_proxy,
            limits: &limits,
            stop: stop.clone(),
        };
        let accepting = accept::serve(door, http::routes(Arc::clone(&app)));
        let mut watches = JoinSet::new();
        if let Some(tls) = tls {
            watches.spawn(tls.watch(|problem| reloaded("tls", problem)));
        }
        let following = async {
            if let Some(file) = file {
                follow(&app.policy, file, &stop).await;
            }
        };
        let (n_left, (), (), ()) =
            tokio::join!(drained, accepting, following, app.tickets.tend(&stop));
        Ok(n_left)
    }
}

fn reloaded(what: &'static str, problem: Option<&str>) {
    match problem {
        None => info!(what, "read again"),
        Some(problem) => warn!(
            what,
            problem, "could not be read again; the old one stays in use"
        ),
    }
    meters::reloaded(what, problem.is_none());
    audit::record(&audit::Record::Reloaded { what, problem });
}

fn policy(config: &Config) -> Policy {
    let token = match &config.auth {
        Auth::Token(token) => Some(token.clone()),
        Auth::None => None,
    };
    let policy = Policy::new(
        config.commands,
        config.catalogue.clone(),
        Arc::clone(&config.egress),
    )
    .with_headers(config.allow_headers.clone(), token)
    .with_limits(config.limits.clone())
    .with_sandbox(Arc::clone(&config.sandbox), config.roots.clone());
    if let Some(file) = &config.servers_file {
        policy.replace(config.catalogue.clone(), file.sandboxes().clone());
    }
    policy
}
