//! What a request brings to show who asks.
//!
//! Owns where a token may stand, and how secrets are compared. Never keeps a secret: only its digest, so that neither
//! its length nor its beginning can be found out by the time that a comparison takes.

use std::fmt;

use poem::http::HeaderMap;
use poem::http::header;
use sha2::Sha256;
use subtle::ConstantTimeEq;

use crate::gate::only;

/// The subprotocol by which a WebSocket client that can set no header brings its credential.
const BEARER_SUBPROTOCOL: &str = "bearer.";

/// What is kept of a secret.
#[derive(Clone)]
pub(super) struct Digest([u8; 32]);

impl fmt::Debug for Digest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("***")
    }
}

impl Digest {
    pub(super) fn of(secret: &str) -> Self {
        Self(<Sha256 as sha2::Digest>::digest(secret).into())
    }

    /// Whether it is of this text.
    pub(super) fn is_of(&self, text: &str) -> bool {
        self.0.ct_eq(&Self::of(text).0).into()
    }
}

/// The subprotocols that a WebSocket client offers, credentials left out.
pub fn offered_subprotocols(headers: &HeaderMap) -> Vec<&str> {
    subprotocols(headers)
        .filter(|name| !name.starts_with(BEARER_SUBPROTOCOL))
        .collect()
}

fn subprotocols(headers: &HeaderMap) -> impl Iterator<Item = &str> {
    let lines = headers
        .get_all(header::SEC_WEBSOCKET_PROTOCOL)
        .iter()
        .filter_map(|value| value.to_str().ok());
    lines
        .flat_map(|line| line.split(','))
        .map(str::trim)
        .filter(|name| !name.is_empty())
}

/// Whether a request brings a credential, right or wrong.
pub(super) fn brings_bearer(headers: &HeaderMap) -> bool {
    headers.contains_key(header::AUTHORIZATION)
        || subprotocols(headers).any(|name| name.starts_with(BEARER_SUBPROTOCOL))
}

/// The token or JWT that a request brings.
///
/// # Errors
/// A sentence when there are several or one that cannot be read.
pub(super) fn bearer(headers: &HeaderMap) -> Result<Option<&str>, &'static str> {
    let line = only(headers, &header::AUTHORIZATION)
        .map_err(|()| "The Authorization header cannot be read.")?;
    let of_header = line
        .map(|line| {
            let (scheme, token) = line.split_once(' ').unwrap_or((line, ""));
            if scheme.eq_ignore_ascii_case("bearer") {
                Ok(token.trim())
            } else {
                Err("The Authorization header must have the scheme Bearer.")
            }
        })
        .transpose()?;
    let of_subprotocols =
        subprotocols(headers).filter_map(|name| name.strip_prefix(BEARER_SUBPROTOCOL));
    let mut all = of_header.into_iter().chain(of_subprotocols);
    let first = all.next();
    // Which of two would count is a question nobody should have to ask.
    if all.any(|other| Some(other) != first) {
        return Err("The request brings two credentials.");
    }
    Ok(first)
}
