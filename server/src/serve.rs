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
use crate::gate::KeyRing;
use crate::http;
use crate::http::App;
use crate::jwks::Refresher;
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

    /// Where it listens.
    pub fn local_url(&self) -> String {
        let scheme = self.config.tls.as_ref().map_or("http", |_| "https");
        format!("{scheme}://{}", self.address)
    }

    /// The URL to open in a browser. The token is in the fragment, which never leaves the browser.
    pub fn page_url(&self) -> String {
        let base = self
            .config
            .public_url
            .clone()
            .unwrap_or_else(|| self.local_url());
        let base = base.trim_end_matches('/');
        match &self.config.auth {
            Auth::Token(token) => format!("{base}/#token={}", Secret::expose(token)),
            Auth::None | Auth::Jwt(_) | Auth::Proxy(_) => format!("{base}/"),
        }
    }

    /// The token that the bridge demands, when it demands one.
    pub fn token(&self) -> Option<&Secret> {
        match &self.config.auth {
            Auth::Token(token) => Some(token),
            Auth::None | Auth::Jwt(_) | Auth::Proxy(_) => None,
        }
    }

    /// Serves until `stop` is cancelled, then drains; how many sessions did not end in time.
    ///
    /// # Errors
    /// When the system has no randomness for the tickets' key, the certificate has become unreadable, or the keys for
    /// JWTs are in a file that cannot be used.
    pub async fn serve(self, stop: CancellationToken) -> io::Result<usize> {
        let limits = self.config.limits.clone();
        for limit in limits.list() {
            meters::bound(limit.name, limit.value);
        }
        let tls = self.config.tls.clone().map(Tls::new).transpose();
        let tls = tls.map_err(io::Error::other)?;
        let behind_proxy = self.config.behind_tls_proxy;
        let keys = KeyRing::default();
        let refresher = refresher(&self.config, &keys).await?;
        let sessions = Sessions::new(limits.clone());
        let file = self.config.servers_file.clone();
        let app = Arc::new(App {
            gate: Gate::new(&self.config, self.address.port(), keys).map_err(io::Error::other)?,
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
        let refreshing = async {
            match refresher {
                Some(refresher) => refresher.run().await,
                None => std::future::pending().await,
            }
        };
        let meanwhile = async {
            tokio::select! {
                () = stop.cancelled() => {}
                () = app.gate.remind() => {}
                () = refreshing => {}
            }
        };
        let following = async {
            if let Some(file) = file {
                follow(&app.policy, file, &stop).await;
            }
        };
        let (n_left, (), (), (), ()) = tokio::join!(
            drained,
            accepting,
            meanwhile,
            following,
            app.tickets.tend(&stop)
        );
        Ok(n_left)
    }
}

async fn refresher(config: &Config, keys: &KeyRing) -> io::Result<Option<Refresher>> {
    let Auth::Jwt(jwt) = &config.auth else {
        return Ok(None);
    };
    let (source, egress) = (jwt.keys.clone(), Arc::clone(&config.egress));
    let mut refresher = Refresher::new(source, keys.clone(), egress, config.limits.clone());
    refresher.start().await?;
    Ok(Some(refresher))
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
    let secret = match &config.auth {
        Auth::Token(token) => Some(token.clone()),
        Auth::Proxy(proxy) => Some(proxy.secret.clone()),
        Auth::None | Auth::Jwt(_) => None,
    };
    let policy = Policy::new(
        config.commands,
        config.catalogue.clone(),
        Arc::clone(&config.egress),
    )
    .with_headers(config.allow_headers.clone(), secret)
    .with_limits(config.limits.clone())
    .with_sandbox(Arc::clone(&config.sandbox), config.roots.clone());
    if let Some(file) = &config.servers_file {
        policy.replace(config.catalogue.clone(), file.sandboxes().clone());
    }
    policy
}
