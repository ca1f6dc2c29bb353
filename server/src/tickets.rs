//! The right to open one session, once, soon, from one origin.
//!
//! Owns the sealing key and the list of tickets that may still be redeemed. What a ticket grants is sealed in it,
//! not kept in a table; the list only makes sure that each is redeemed once.
//! Never lets a secret be read from a URL: secret values travel encrypted.

use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::PoisonError;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chacha20poly1305::AeadInOut;
use chacha20poly1305::KeyInit;
use chacha20poly1305::XChaCha20Poly1305;
use chacha20poly1305::XNonce;
use chrono::DateTime;
use chrono::TimeDelta;
use chrono::Utc;
use footbridge_shared::fault::Fault;
use footbridge_shared::fault::FaultCode;
use footbridge_shared::params::SecretValues;
use footbridge_shared::params::ServerParams;
use serde::Deserialize;
use serde::Serialize;
use serde_json::Value;
use sha2::Digest;
use sha2::Sha256;

use crate::bridge::Profile;
use crate::config::Limits;
use crate::config::ParamsInUrl;
use crate::meters;
use crate::principal::Principal;

/// First byte of every ticket: the version of its layout.
const VERSION: u8 = 1;
/// Which key sealed it; there is one until keys are configured.
const KEY_ID: u8 = 0;
const NONCE_BYTES: usize = 24;

/// Issues tickets and redeems each once.
#[derive(Debug)]
pub struct Tickets {
    key: Key,
    /// The tickets that may still be redeemed, with the end of their life.
    pending: Mutex<HashMap<String, DateTime<Utc>>>,
    limits: Limits,
    mode: ParamsInUrl,
}

struct Key(XChaCha20Poly1305);

impl std::fmt::Debug for Key {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("***")
    }
}

/// What a ticket stands for.
#[derive(Clone, Debug)]
pub struct Grant {
    /// Who asked for it.
    pub principal: Principal,
    /// The page's origin; empty for a caller that is not a page.
    pub origin: String,
    /// What to reach.
    pub params: ServerParams,
    /// What to declare to the MCP server.
    pub profile: Profile,
    /// What the server's entry in the catalogue was known by when the ticket was issued, if it is one of it.
    pub revision: Option<String>,
}

/// A ticket as it goes into the socket's URL.
#[derive(Clone, Debug)]
pub struct Issued {
    /// The query `server_params`.
    pub server_params: String,
    /// The query `ticket`; absent when `server_params` is the ticket.
    pub ticket: Option<String>,
    /// The end of its life.
    pub expires: DateTime<Utc>,
}

/// What is inside a ticket.
#[derive(Serialize, Deserialize)]
struct Contents {
    /// Milliseconds since the epoch.
    expires: i64,
    unique: String,
    principal: String,
    origin: String,
    capabilities: Box<serde_json::value::RawValue>,
    client_info: Box<serde_json::value::RawValue>,
    /// All params when they are sealed; otherwise only their secret values.
    params: Value,
    #[serde(default)]
    revision: Option<String>,
}

impl Tickets {
    /// Tickets under a new random key: they end with the process.
    ///
    /// # Errors
    /// When the system has no randomness to give.
    pub fn new(limits: &Limits, mode: ParamsInUrl) -> Result<Self, getrandom::Error> {
        let mut key = [0; 32];
        getrandom::fill(&mut key)?;
        Ok(Self {
            key: Key(XChaCha20Poly1305::new(&key.into())),
            pending: Mutex::default(),
            limits: limits.clone(),
            mode,
        })
    }

    /// Seals a grant for one session id.
    ///
    /// # Errors
    /// Params over the size limit, too many tickets pending, or no randomness.
    pub fn issue(
        &self,
        session_id: &str,
        grant: &Grant,
        now: DateTime<Utc>,
    ) -> Result<Issued, Fault> {
        let visible = grant.params.to_json(SecretValues::Blanked).to_string();
        let whole = grant.params.to_json(SecretValues::Exposed);
        let n_bytes = whole.to_string().len();
        if n_bytes > self.limits.params_bytes {
            meters::reached("params_bytes");
            let limit = self.limits.params_bytes;
            return Err(Fault::new(
                FaultCode::TooLarge,
                format!("server_params has {n_bytes} bytes; {limit} are allowed."),
            )
            .field("server_params")
            .hint("Put the server into the catalogue, or raise limits.params_bytes."));
        }
        let life = TimeDelta::from_std(self.limits.ticket_life).unwrap_or(TimeDelta::MAX);
        let expires = now + life;
        let unique = self.reserve(expires, now)?;
        let params = match self.mode {
            ParamsInUrl::Sealed => whole,
            ParamsInUrl::Signed => exposed_secrets(&grant.params),
        };
        let contents = Contents {
            expires: expires.timestamp_millis(),
            unique,
            principal: grant.principal.as_str().to_owned(),
            origin: grant.origin.clone(),
            capabilities: grant.profile.capabilities.clone(),
            client_info: grant.profile.client_info.clone(),
            params,
            revision: grant.revision.clone(),
        };
        match self.mode {
            ParamsInUrl::Sealed => {
                let server_params = self.seal(&contents, session_id, "")?;
                Ok(Issued {
                    server_params,
                    ticket: None,
                    expires,
                })
            }
            ParamsInUrl::Signed => {
                let ticket = self.seal(&contents, session_id, &visible)?;
                let server_params = base64::engine::general_purpose::STANDARD.encode(&visible);
                Ok(Issued {
                    server_params,
                    ticket: Some(ticket),
                    expires,
                })
            }
        }
    }

    fn reserve(&self, expires: DateTime<Utc>, now: DateTime<Utc>) -> Result<String, Fault> {
        let unique = uuid::Uuid::new_v4().simple().to_string();
        let mut pending = self.pending.lock().unwrap_or_else(PoisonError::into_inner);
        if pending.len() >= self.limits.pending_tickets {
            pending.retain(|_, expires| *expires > now);
        }
        if pending.len() >= self.limits.pending_tickets {
            meters::reached("pending_tickets");
            return Err(Fault::new(
                FaultCode::TooManyRequests,
                "Too many sessions wait to be opened.",
            )
            .hint("Open the sockets of the sessions asked for, or try again in a minute."));
        }
        pending.insert(unique.clone(), expires);
        meters::ticket();
        Ok(unique)
    }

    fn seal(&self, contents: &Contents, session_id: &str, visible: &str) -> Result<String, Fault> {
        let internal = |_| Fault::new(FaultCode::Internal, "The bridge could not make a ticket.");
        let mut nonce = [0; NONCE_BYTES];
        getrandom::fill(&mut nonce).map_err(|_| {
            Fault::new(FaultCode::Internal, "The system has no randomness to give.")
        })?;
        let mut sealed = serde_json::to_vec(contents)
            .map_err(|_| Fault::new(FaultCode::Internal, "The bridge could not write a ticket."))?;
        self.key
            .0
            .encrypt_in_place(
                &XNonce::from(nonce),
                &bound_to(session_id, visible),
                &mut sealed,
            )
            .map_err(internal)?;
        let mut ticket = vec![VERSION, KEY_ID];
        ticket.extend_from_slice(&nonce);
        ticket.append(&mut sealed);
        Ok(URL_SAFE_NO_PAD.encode(ticket))
    }

    /// Redeems the ticket of a socket's URL, once. `visible` is the decoded `server_params` (JSON), empty when
    /// `server_params` is the ticket itself.
    ///
    /// # Errors
    /// [`FaultCode::TicketInvalid`], without saying more than the caller may know.
    pub fn redeem(
        &self,
        session_id: &str,
        visible: &str,
        ticket: &str,
        origin: &str,
        now: DateTime<Utc>,
    ) -> Result<Grant, Fault> {
        let contents = self
            .open(session_id, visible, ticket)
            .ok_or_else(|| invalid("The ticket is not valid for this URL."))?;
        if contents.expires < now.timestamp_millis() {
            meters::reached("ticket_life");
            return Err(invalid("The ticket has expired."));
        }
        if contents.origin != origin {
            return Err(invalid("The ticket was issued to another origin."));
        }
        let params = grant_params(&contents, visible)?;
        self.use_up(&contents.unique, now)?;
        Ok(Grant {
            principal: Principal::from_name(&contents.principal),
            origin: contents.origin,
            params,
            profile: Profile {
                capabilities: contents.capabilities,
                client_info: contents.client_info,
            },
            revision: contents.revision,
        })
    }

    fn open(&self, session_id: &str, visible: &str, ticket: &str) -> Option<Contents> {
        let bytes = URL_SAFE_NO_PAD.decode(ticket.trim_end_matches('=')).ok()?;
        let (head, sealed) = bytes.split_at_checked(2 + NONCE_BYTES)?;
        let (version, nonce) = head.split_at(2);
        if version != [VERSION, KEY_ID] {
            return None;
        }
        let nonce: [u8; NONCE_BYTES] = nonce.try_into().ok()?;
        let mut opened = sealed.to_vec();
        self.key
            .0
            .decrypt_in_place(
                &XNonce::from(nonce),
                &bound_to(session_id, visible),
                &mut opened,
            )
            .ok()?;
        serde_json::from_slice(&opened).ok()
    }

    /// A ticket that is no longer listed has been used, or its time is long over.
    fn use_up(&self, unique: &str, now: DateTime<Utc>) -> Result<(), Fault> {
        let mut pending = self.pending.lock().unwrap_or_else(PoisonError::into_inner);
        match pending.remove(unique) {
            Some(expires) if expires >= now => Ok(()),
            Some(_) | None => Err(invalid("The ticket has been used.")),
        }
    }

    /// How the params of a URL without a separate ticket are to be read.
    pub fn mode(&self) -> ParamsInUrl {
        self.mode
    }
}

fn invalid(message: &str) -> Fault {
    Fault::new(FaultCode::TicketInvalid, message)
        .hint("Ask for a new one with POST connect; each opens one session, once, soon.")
}

fn exposed_secrets(params: &ServerParams) -> Value {
    params
        .secrets()
        .iter()
        .map(|(name, secret)| (name.clone(), Value::from(secret.expose())))
        .collect::<serde_json::Map<_, _>>()
        .into()
}

fn grant_params(contents: &Contents, visible: &str) -> Result<ServerParams, Fault> {
    let unreadable = || Fault::new(FaultCode::Internal, "The ticket's params cannot be read.");
    if visible.is_empty() {
        return ServerParams::from_json(&contents.params, "server_params")
            .map_err(|_| unreadable());
    }
    let shown = serde_json::from_str(visible).map_err(|_| unreadable())?;
    let params = ServerParams::from_json(&shown, "server_params").map_err(|_| unreadable())?;
    let secrets = contents.params.as_object().ok_or_else(unreadable)?;
    let secret = |(name, value): (&String, &Value)| {
        (
            name.clone(),
            footbridge_shared::params::Secret::new(value.as_str().unwrap_or_default()),
        )
    };
    Ok(params.with_secrets(secrets.iter().map(secret).collect()))
}

/// What a ticket is bound to beside its contents; each part with its length, so that no two can be confused.
fn bound_to(session_id: &str, visible: &str) -> Vec<u8> {
    let digest = Sha256::digest(visible.as_bytes());
    let mut bound = b"footbridge/ticket/v1".to_vec();
    bound.extend_from_slice(&(session_id.len() as u64).to_be_bytes());
    bound.extend_from_slice(session_id.as_bytes());
    bound.extend_from_slice(&digest);
    bound
}

#[cfg(test)]
mod tests;
