//! A document that the operator named, fetched whole.
//!
//! Owns the way to it. Never follows a redirect out of the document's origin.

use std::time::Duration;

use url::Url;

use super::client::client;
use super::failure;
use crate::egress::Egress;
use crate::egress::authority;

/// Fetches a document; of a larger one the first `max_bytes` and one more. The operator wrote its URL down, so its host
/// is allowed. The caller waits no longer than `limit`, and counts it when that is reached.
///
/// # Errors
/// A sentence.
pub async fn document(
    url: &Url,
    egress: &Egress,
    max_bytes: usize,
    limit: Duration,
) -> Result<Vec<u8>, String> {
    let host = &*authority(url);
    // The caller gives up first.
    let limit = limit.saturating_mul(2);
    let egress = egress.with_host_of(url);
    egress.check_url(url).map_err(|fault| fault.message)?;
    let client = client(&egress, limit, url.scheme() == "https").map_err(|fault| fault.message)?;
    let broken = |error: reqwest::Error| failure::of_error(&error, host).message;
    let mut response = client.get(url.clone()).send().await.map_err(broken)?;
    if !response.status().is_success() {
        return Err(format!(
            "{host} answered with status {}.",
            response.status()
        ));
    }
    let mut whole = Vec::new();
    while let Some(part) = response.chunk().await.map_err(broken)? {
        whole.extend_from_slice(&part);
        if whole.len() > max_bytes {
            whole.truncate(max_bytes + 1);
            break;
        }
    }
    Ok(whole)
}
