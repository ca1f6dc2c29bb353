//! The HTTP client of one upstream.
//!
//! Owns how a connection is made: addresses checked as they are resolved, TLS, proxy, redirects.

use std::time::Duration;

use footbridge_shared::fault::Fault;
use footbridge_shared::fault::FaultCode;

use crate::egress::Egress;

/// A client that connects to nothing `egress` forbids.
///
/// # Errors
/// `internal` when TLS cannot be set up.
pub(super) fn client(
    _egress: &Egress,
    connect_timeout: Duration,
) -> Result<reqwest::Client, Fault> {
    use rustls_platform_verifier::BuilderVerifierExt as _;
    let provider = std::sync::Arc::new(rustls::crypto::ring::default_provider());
    let tls = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .and_then(|builder| builder.with_platform_verifier())
        .map_err(|error| Fault::new(FaultCode::Internal, format!("{error}")))?
        .with_no_client_auth();
    reqwest::Client::builder()
        .tls_backend_preconfigured(tls)
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .connect_timeout(connect_timeout)
        .build()
        .map_err(|error| {
            Fault::new(
                FaultCode::Internal,
                format!("No HTTP client could be made: {error}."),
            )
        })
}

/// A connection that the rules forbid, or that cannot be made, as the resolver says it.
#[derive(Clone, Debug)]
pub(super) struct Denied(pub(super) Fault);

impl std::fmt::Display for Denied {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.0.message)
    }
}

impl std::error::Error for Denied {}
