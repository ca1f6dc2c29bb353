//! A ticket as it travels: what is inside, what it is bound to, and its spelling.
//!
//! Owns the layout of the contents. Pure: the same ring and text always give the same answer, and no text panics.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use footbridge_shared::params::Secret;
use footbridge_shared::params::SecretValues;
use footbridge_shared::params::ServerParams;
use serde::Deserialize;
use serde::Serialize;
use serde_json::Map;
use serde_json::Value;
use serde_json::value::RawValue;
use sha2::Digest;
use sha2::Sha256;
use uuid::Uuid;
use zeroize::Zeroizing;

use crate::bridge::Profile;
use crate::tickets::Grant;
use crate::tickets::keys::Ring;

/// What is inside a ticket.
#[derive(Debug, Serialize, Deserialize)]
pub struct Contents {
    /// Milliseconds since the epoch.
    pub(super) expires: i64,
    /// This ticket and no other.
    pub(super) unique: u128,
    /// The process that issued it: the only one that knows whether it is still pending.
    pub(super) issuer: u64,
    /// Who asked for it.
    pub(super) principal: String,
    /// The page's origin; empty for a caller that is not a page.
    pub(super) origin: String,
    /// What it opens.
    pub(super) load: Load,
    /// What the server's entry in the catalogue was known by, if it is one of it.
    pub(super) revision: Option<String>,
}

/// What a ticket opens, or where that is.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Load {
    /// The params stand in the URL, all but their secret values.
    Secrets(Map<String, Value>, Declared),
    /// The params.
    Params(Value, Declared),
    /// The issuer keeps it.
    Kept,
}

/// What to declare to the MCP server.
#[derive(Serialize, Deserialize)]
pub(super) struct Declared {
    capabilities: Box<RawValue>,
    client_info: Box<RawValue>,
}

impl std::fmt::Debug for Load {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("***")
    }
}

impl Load {
    /// The secret values alone: the rest is in the URL.
    pub(super) fn secrets(grant: &Grant) -> Self {
        let secrets = grant.params.secrets().iter();
        let secrets = secrets.map(|(name, secret)| (name.clone(), secret.expose().into()));
        Self::Secrets(secrets.collect(), Declared::of(&grant.profile))
    }

    /// Everything.
    pub(super) fn whole(grant: &Grant) -> Self {
        let params = grant.params.to_json(SecretValues::Exposed);
        Self::Params(params, Declared::of(&grant.profile))
    }

    /// What is opened; `None` when the issuer keeps it. `visible` is what stands in the URL.
    pub(super) fn unload(self, visible: Option<&str>) -> Option<(ServerParams, Profile)> {
        let read = |value: &Value| ServerParams::from_json(value, "server_params").ok();
        match self {
            Self::Secrets(secrets, declared) => {
                let params = read(&serde_json::from_str(visible?).ok()?)?;
                let secret = |(name, value): (String, Value)| {
                    Some((name, Secret::new(value.as_str()?.to_owned())))
                };
                let secrets = secrets.into_iter().map(secret).collect::<Option<_>>()?;
                Some((params.with_secrets(secrets), declared.into_profile()))
            }
            Self::Params(params, declared) => Some((read(&params)?, declared.into_profile())),
            Self::Kept => None,
        }
    }
}

impl Declared {
    fn of(profile: &Profile) -> Self {
        Self {
            capabilities: profile.capabilities.clone(),
            client_info: profile.client_info.clone(),
        }
    }

    fn into_profile(self) -> Profile {
        Profile {
            capabilities: self.capabilities,
            client_info: self.client_info,
        }
    }
}

/// What a ticket is bound to beside its contents.
#[derive(Clone, Copy, Debug)]
pub struct Bound<'a> {
    /// The bridges that may open it.
    pub deployment: &'a str,
    /// The session id in the URL's path.
    pub session_id: &'a str,
    /// What `server_params` says, decoded; `None` when it is the ticket itself.
    ///
    /// The text that is going to be used is bound, not the base64 around it: whoever spells that anew on the way (a
    /// client that encodes its query again, a proxy) changes nothing of what is authenticated.
    pub visible: Option<&'a str>,
}

impl Bound<'_> {
    /// Each part with its length, so that no two can be confused.
    fn to_bytes(self) -> Vec<u8> {
        let mut bound = b"footbridge/ticket/v1".to_vec();
        for part in [self.deployment, self.session_id] {
            bound.extend_from_slice(&(part.len() as u64).to_be_bytes());
            bound.extend_from_slice(part.as_bytes());
        }
        match self.visible {
            Some(visible) => {
                bound.push(1);
                bound.extend_from_slice(&Sha256::digest(visible));
            }
            None => bound.push(0),
        }
        bound
    }
}

/// The contents as they travel; `None` when the system has no randomness to give.
pub(super) fn seal(ring: &Ring, contents: &Contents, bound: Bound<'_>) -> Option<String> {
    let text = serde_json::to_vec(contents).ok()?;
    let sealed = ring.seal(text, &bound.to_bytes())?;
    Some(URL_SAFE_NO_PAD.encode(sealed))
}

/// Opens a ticket; `None` for any text that one of the keys did not seal for exactly this.
pub fn open(ring: &Ring, ticket: &str, bound: Bound<'_>) -> Option<Contents> {
    let sealed = URL_SAFE_NO_PAD.decode(ticket.trim_end_matches('=')).ok()?;
    read(&Zeroizing::new(ring.open(&sealed, &bound.to_bytes())?))
}

/// Reads what was sealed: the part of [`open`] behind the encryption.
pub fn read(contents: &[u8]) -> Option<Contents> {
    serde_json::from_slice(contents).ok()
}

impl Contents {
    pub(super) fn unique(&self) -> Uuid {
        Uuid::from_u128(self.unique)
    }
}
