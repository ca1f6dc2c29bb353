//! Assembly: binds, serves until told to stop, drains.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use footbridge_shared::params::Secret;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tracing::info;

use crate::accept;
use crate::config::Auth;
use crate::config::Config;
use crate::gate::Gate;
use crate::http;
use crate::http::App;
use crate::policy::Policy;
use crate::policy::follow;
use crate::sessions::Sessions;
use crate::tickets::Tickets;

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
        let base = self
            .config
            .public_url
            .clone()
            .unwrap_or_else(|| format!("http://{}", self.address));
        let base = base.trim_end_matches('/');
        match &self.config.auth {
            Auth::Token(token) => format!("{base}/#token={}", Secret::expose(token)),
            Auth::None => format!("{base}/"),
        }
    }

    /// Serves until `stop` is cancelled, then drains; how many sessions did not end in time.
    ///
    /// # Errors
    /// When the system has no randomness for the tickets' key.
    pub async fn serve(self, stop: CancellationToken) -> io::Result<usize> {
        let limits = self.config.limits.clone();
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
        let accepting = accept::serve(
            self.listener,
            http::routes(Arc::clone(&app)),
            &limits,
            stop.clone(),
            limits.drain_timeout,
        );
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
