//! JWTs of an identity provider (RFC 7519, checked as RFC 8725 advises).
//!
//! Owns what a JWT must say. Never lets the JWT choose how it is checked: the key decides the algorithm.

use std::time::Duration;

use jsonwebtoken::Algorithm;
use jsonwebtoken::Validation;
use jsonwebtoken::decode;
use jsonwebtoken::decode_header;
use jsonwebtoken::errors::ErrorKind;
use serde::Deserialize;

use crate::config::auth::Jwt;
use crate::gate::keys::KeyRing;
use crate::gate::keys::KeySet;
use crate::gate::signatures;
use crate::principal::Principal;

/// By how much the clocks of the issuer and the bridge may differ.
const LEEWAY: Duration = Duration::from_secs(30);

const ALGORITHMS: [Algorithm; 3] = [Algorithm::RS256, Algorithm::ES256, Algorithm::EdDSA];

/// What must be said; the crate calls it required.
const CLAIMS: [&str; 4] = ["exp", "iss", "aud", "sub"];

/// Checks JWTs of one issuer for one audience.
#[derive(Debug)]
pub(super) struct Checker {
    issuer: String,
    validation: Validation,
    keys: KeyRing,
    /// How long to wait for keys that are read anew.
    wait: Duration,
}

/// Why a JWT shows nobody.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Wrong {
    /// It names a key that is not there, or not yet.
    UnknownKey,
    /// Anything else.
    Because(&'static str),
}

#[derive(Deserialize)]
struct Claims {
    sub: String,
}

impl Checker {
    pub(super) fn new(jwt: &Jwt, keys: KeyRing, wait: Duration) -> Self {
        signatures::install();
        let mut validation = Validation::new(Algorithm::RS256);
        validation.leeway = LEEWAY.as_secs();
        validation.validate_nbf = true;
        validation.set_issuer(&[&jwt.issuer]);
        validation.set_audience(&[&jwt.audience]);
        validation.set_required_spec_claims(&CLAIMS);
        Self {
            issuer: jwt.issuer.clone(),
            validation,
            keys,
            wait,
        }
    }

    /// Who has this JWT.
    ///
    /// # Errors
    /// A sentence that says what is wrong with it, and nothing of what it holds.
    pub(super) async fn principal(&self, token: &str) -> Result<Principal, &'static str> {
        let mut checked = self.check(token, &self.keys.keys());
        if checked == Err(Wrong::UnknownKey) {
            // The issuer may have changed its keys since they were read.
            self.keys.refreshed(self.wait).await;
            checked = self.check(token, &self.keys.keys());
        }
        checked.map_err(|wrong| match wrong {
            Wrong::UnknownKey => "No key of the issuer is known for this JWT.",
            Wrong::Because(sentence) => sentence,
        })
    }

    fn check(&self, token: &str, keys: &KeySet) -> Result<Principal, Wrong> {
        const NONE: Wrong = Wrong::Because("The credential is not a JWT.");
        let header = decode_header(token).map_err(|error| {
            // An algorithm that the crate does not know, `none` above all.
            if matches!(error.kind(), ErrorKind::Json(_)) {
                Wrong::Because("The JWT has a header that cannot be read.")
            } else {
                NONE
            }
        })?;
        if !ALGORITHMS.contains(&header.alg) {
            return Err(Wrong::Because(
                "The JWT must be signed with RS256, ES256 or EdDSA.",
            ));
        }
        // Extensions that must be understood, and are not (RFC 7515, 4.1.11).
        if header.crit.is_some() {
            return Err(Wrong::Because(
                "The JWT uses extensions that are not known.",
            ));
        }
        let key = keys
            .find(header.kid.as_deref(), header.alg)
            .ok_or(Wrong::UnknownKey)?;
        let mut validation = self.validation.clone();
        validation.algorithms = vec![header.alg];
        let claims = decode::<Claims>(token, key, &validation)
            .map_err(|error| Wrong::Because(reason(error.kind())))?
            .claims;
        Principal::of_issuer(&self.issuer, &claims.sub)
            .map_err(|_| Wrong::Because("The JWT names nobody in \"sub\"."))
    }
}

#[expect(clippy::wildcard_enum_match_arm, reason = "the crate may add kinds")]
fn reason(kind: &ErrorKind) -> &'static str {
    match kind {
        ErrorKind::ExpiredSignature => "The JWT has expired.",
        ErrorKind::ImmatureSignature => "The JWT is not valid yet.",
        ErrorKind::InvalidIssuer => "The JWT is of another issuer.",
        ErrorKind::InvalidAudience => "The JWT is meant for somebody else.",
        ErrorKind::InvalidSignature => "The JWT is not signed by its issuer.",
        ErrorKind::MissingRequiredClaim(_) | ErrorKind::InvalidClaimFormat(_) => {
            "The JWT must have \"exp\", \"iss\", \"aud\" and \"sub\"."
        }
        _ => "The JWT cannot be read.",
    }
}

#[cfg(test)]
mod tests;
