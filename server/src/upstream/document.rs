//! A document that the operator named, fetched whole.
//!
//! Owns the way to it and when it is given up. Never follows a redirect out of the document's origin.

use std::time::Duration;

use tokio::time::timeout;
use url::Url;

use super::client::client;
use super::failure;
use crate::egress::Egress;
use crate::egress::authority;

/// Fetches a document within `limit`; of a larger one the first `max_bytes` and one more. The operator wrote its URL
/// down, so its host is allowed.
///
/// # Errors
/// A sentence.
pub async fn document(
    url: &Url,
    egress: &Egress,
    max_bytes: usize,
    limit: Duration,
) -> Result<Vec<u8>, String> {
    let host = authority(url);
    timeout(limit, fetch(url, &host, egress, max_bytes, limit))
        .await
        .unwrap_or_else(|_| Err(format!("{host} did not answer within {limit:?}.")))
}

async fn fetch(
    url: &Url,
    host: &str,
    egress: &Egress,
    max_bytes: usize,
    limit: Duration,
) -> Result<Vec<u8>, String> {
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
