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
use crate::meters;

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
        .unwrap_or_else(|_| {
            meters::reached("jwks_timeout");
            Err(format!("{host} did not answer within {limit:?}."))
        })
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

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;

    #[tokio::test]
    async fn a_document_that_does_not_come_is_not_waited_for() {
        // The system takes the connection, and nobody answers.
        let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = silent.local_addr().unwrap();
        let url = Url::parse(&format!("http://{address}/keys")).unwrap();
        let limit = Duration::from_millis(300);
        let fetched = document(&url, &Egress::default(), 100, limit).await;
        let sentence = format!("{address} did not answer within 300ms.");
        assert_eq!(fetched, Err(sentence));
    }
}
