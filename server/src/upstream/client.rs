//! The HTTP client of one upstream.
//!
//! Owns how a connection is made: addresses checked as they are resolved, TLS, proxy, redirects.
//! Never decides what may be reached; that is [`Egress`].

use std::error::Error;
use std::fmt;
use std::net::IpAddr;
use std::net::SocketAddr;
use std::time::Duration;

use footbridge_shared::fault::Fault;
use footbridge_shared::fault::FaultCode;
use reqwest::Client;
use reqwest::Proxy;
use reqwest::StatusCode;
use reqwest::dns::Addrs;
use reqwest::dns::Name;
use reqwest::dns::Resolve;
use reqwest::dns::Resolving;
use reqwest::redirect::Attempt;
use reqwest::redirect::Policy;

use super::failure;
use crate::egress::Egress;

#[cfg(test)]
mod tests;

/// Redirects in a row that are followed.
const REDIRECTS: usize = 3;

/// Streams stay open for long; a connection whose peer is gone without a word is noticed by this.
const KEEPALIVE: Duration = Duration::from_secs(30);

/// How long a connection waits for a next request. A call that meets the peer's own close is lost, and nobody knows
/// whether it has run: Node.js closes after 5 s, what usually stands before a public server after a minute.
const IDLE: Duration = Duration::from_secs(4);
const IDLE_TLS: Duration = Duration::from_secs(50);

/// How long the peer of an HTTP/2 connection may take to say that it is there.
const KEEPALIVE_TIMEOUT: Duration = Duration::from_secs(20);

/// A client that connects to no name whose addresses `egress` forbids, and follows no redirect out of its origin.
/// An address that is written out is not resolved: the URL itself is the caller's to check.
///
/// # Errors
/// `upstream_tls` when an `https` URL is to be reached and TLS cannot be set up, `internal` otherwise.
pub(super) fn client(
    egress: &Egress,
    connect_timeout: Duration,
    is_https: bool,
) -> Result<Client, Fault> {
    let internal = |error: reqwest::Error| {
        Fault::new(
            FaultCode::Internal,
            format!("No HTTP client could be made: {error}."),
        )
    };
    let tls = egress.way().tls();
    let proxies = egress.clone();
    let mut builder = Client::builder()
        // The environment was read when the bridge started.
        .no_proxy()
        .proxy(Proxy::custom(move |url| {
            let proxy = proxies.proxy_for(url)?;
            Some(proxy.url().expose().to_owned())
        }))
        .dns_resolver(Guarded(egress.clone()))
        .redirect(redirects(egress))
        .referer(false)
        .tcp_nodelay(true)
        .tcp_keepalive(KEEPALIVE)
        .pool_idle_timeout(if is_https { IDLE_TLS } else { IDLE })
        .http2_keep_alive_interval(KEEPALIVE)
        .http2_keep_alive_timeout(KEEPALIVE_TIMEOUT)
        .connect_timeout(connect_timeout);
    builder = match tls {
        Ok(tls) => builder.use_preconfigured_tls((*tls).clone()),
        Err(reason) if is_https => {
            return Err(Fault::new(
                FaultCode::UpstreamTls,
                format!("No secure connection can be made: {reason}."),
            )
            .hint("Install the system's certificates, or name a file of certificates with --upstream-ca."));
        }
        Err(_) => builder.use_preconfigured_tls(without_certificates()?),
    };
    builder.build().map_err(internal)
}

/// TLS that believes nobody, for a machine without certificates that wants `http` alone.
fn without_certificates() -> Result<rustls::ClientConfig, Fault> {
    let provider = std::sync::Arc::new(rustls::crypto::ring::default_provider());
    let builder = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| {
            Fault::new(
                FaultCode::Internal,
                format!("TLS cannot be set up: {error}."),
            )
        })?;
    Ok(builder
        .with_root_certificates(rustls::RootCertStore::empty())
        .with_no_client_auth())
}

/// Follows only what stays where it is: the same origin, with the same method and body. What is not followed is
/// returned, so that the reader learns of it.
fn redirects(egress: &Egress) -> Policy {
    let egress = egress.clone();
    Policy::custom(move |attempt: Attempt<'_>| {
        let keeps_method = matches!(
            attempt.status(),
            StatusCode::TEMPORARY_REDIRECT | StatusCode::PERMANENT_REDIRECT
        );
        let same_origin = attempt
            .previous()
            .iter()
            .all(|url| url.origin() == attempt.url().origin());
        let n_before = attempt.previous().len();
        if keeps_method
            && same_origin
            && n_before <= REDIRECTS
            && egress.check_url(attempt.url()).is_ok()
        {
            attempt.follow()
        } else {
            attempt.stop()
        }
    })
}

/// A resolver that gives only addresses which may be connected to.
struct Guarded(Egress);

impl Resolve for Guarded {
    fn resolve(&self, name: Name) -> Resolving {
        let egress = self.0.clone();
        Box::pin(async move {
            let host = name.as_str();
            let found: Vec<SocketAddr> = tokio::net::lookup_host((host, 0))
                .await
                .map_err(|_| Denied(failure::unresolved(host)))?
                .collect();
            if !egress.is_proxy(host) {
                let addresses: Vec<IpAddr> = found.iter().map(SocketAddr::ip).collect();
                egress.check_addresses(host, &addresses).map_err(|fault| {
                    tracing::debug!(host, ?addresses, "a name was not connected to");
                    Denied(fault)
                })?;
            }
            let addresses: Addrs = Box::new(found.into_iter());
            Ok(addresses)
        })
    }
}

/// A connection that the rules forbid, or that cannot be made, as the resolver says it.
#[derive(Clone, Debug)]
pub(super) struct Denied(pub(super) Fault);

impl fmt::Display for Denied {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0.message)
    }
}

impl Error for Denied {}
