//! The right to open one session, once, soon, from one origin.
//!
//! Owns the making of session ids and socket URLs, the key ring, and the list of tickets that may still be redeemed.
//! What a ticket grants is sealed in it; only what is too long for a URL is kept here until the ticket's end.
//! Never lets a secret be read from a URL: secret values travel encrypted.
//!
//! In reading order: [`seal`] (a ticket as it travels), [`keys`] (what it is sealed with), `watch` (those keys while
//! the bridge runs), `ids` (session ids), `pending` (each ticket once), `redeeming` (what a ticket is good for),
//! `exposed` (what a URL had better not show).

mod exposed;
mod ids;
pub mod keys;
mod pending;
mod redeeming;
pub mod seal;
mod watch;

pub use self::redeeming::Presented;

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::RwLock;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::DateTime;
use chrono::TimeDelta;
use chrono::Utc;
use footbridge_shared::fault::Fault;
use footbridge_shared::fault::FaultCode;
use footbridge_shared::params::SecretValues;
use footbridge_shared::params::ServerParams;
use serde_json::Value;
use tokio::time::MissedTickBehavior;
use tokio::time::interval;
use tokio_util::sync::CancellationToken;
use tracing::warn;
use uuid::Uuid;

use crate::bridge::Profile;
use crate::config::Config;
use crate::config::Limits;
use crate::config::ParamsInUrl;
use crate::config::ticket_keys::TicketKeyFile;
use crate::config::ticket_keys::TicketKeys;
use crate::meters;
use crate::principal::Principal;
use crate::tickets::keys::Ring;
use crate::tickets::pending::Bounds;
use crate::tickets::pending::Entry;
use crate::tickets::pending::Full;
use crate::tickets::pending::Lists;
use crate::tickets::pending::Pending;
use crate::tickets::seal::Bound;
use crate::tickets::seal::Contents;
use crate::tickets::seal::Load;
use crate::tickets::watch::Watched;

/// How often the file of keys is read and what has expired is freed.
const TEND_EVERY: Duration = Duration::from_secs(1);
/// The longest command or URL that the URL of kept params still names.
const OUTLINE_BYTES: usize = 256;

/// Issues tickets and redeems each once.
#[derive(Debug)]
pub struct Tickets {
    ring: RwLock<Arc<Ring>>,
    key_file: Option<TicketKeyFile>,
    pending: Pending,
    limits: Limits,
    mode: ParamsInUrl,
    deployment: String,
    node: u16,
    /// This process, among those that have the same keys.
    issuer: u64,
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

/// What a ticket opens, when that is too long for a URL.
#[derive(Debug)]
struct Kept {
    params: ServerParams,
    profile: Profile,
    n_bytes: usize,
}

/// A session that may be opened.
#[derive(Clone, Debug)]
pub struct Issued {
    /// The session.
    pub session_id: String,
    /// Path and query of its socket.
    pub websocket_url: String,
    /// The end of the ticket's life.
    pub expires: DateTime<Utc>,
    /// What the one who asked should know, one sentence each.
    pub warnings: Vec<String>,
}

impl Kept {
    fn of(grant: &Grant, n_bytes_of_params: usize) -> Self {
        let declared = [&grant.profile.capabilities, &grant.profile.client_info];
        Self {
            n_bytes: declared
                .iter()
                .fold(n_bytes_of_params, |n, json| n + json.get().len()),
            params: grant.params.clone(),
            profile: grant.profile.clone(),
        }
    }
}

impl Tickets {
    /// The tickets of a bridge. Without configured keys there is a new random one, and they end with the process.
    ///
    /// # Errors
    /// When the system has no randomness to give.
    pub fn new(config: &Config) -> Result<Self, getrandom::Error> {
        let key_file = config.ticket_keys.clone();
        let keys = match &key_file {
            Some(file) => file.keys.clone(),
            None => TicketKeys::random()?,
        };
        Ok(Self {
            ring: RwLock::new(Arc::new(Ring::new(&keys))),
            key_file,
            pending: Pending::new(Mutex::new(Lists::default()), Bounds::of(&config.limits)),
            limits: config.limits.clone(),
            mode: config.params_in_url,
            deployment: config.deployment.clone(),
            node: config.node,
            issuer: getrandom::u64()?,
        })
    }

    /// Frees what has expired and reads the file of keys again, until told to stop.
    pub async fn tend(&self, stop: &CancellationToken) {
        let mut watched = self.key_file.as_ref().map(Watched::new);
        let mut ticks = interval(TEND_EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while stop.run_until_cancelled(ticks.tick()).await.is_some() {
            self.pending.sweep(Utc::now().timestamp_millis());
            if let Some(watched) = &mut watched
                && let Some(Some(keys)) = stop.run_until_cancelled(watched.read()).await
            {
                self.take_keys(&keys);
            }
        }
    }

    fn take_keys(&self, keys: &TicketKeys) {
        *self.ring.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(Ring::new(keys));
    }

    fn ring(&self) -> Arc<Ring> {
        Arc::clone(&self.ring.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Makes a session id and the URL that opens it; `under` is the path of all sockets.
    ///
    /// # Errors
    /// Params over the size limits, too many tickets pending, or no randomness.
    pub fn issue(&self, under: &str, grant: &Grant, now: DateTime<Utc>) -> Result<Issued, Fault> {
        let ring = self.ring();
        let session_id = ids::new(&ring, &self.deployment, self.node).ok_or_else(no_randomness)?;
        let life = TimeDelta::from_std(self.limits.ticket_life).unwrap_or(TimeDelta::MAX);
        let expires = now + life;
        let unique = random_unique()?;
        let url = |load| {
            let contents = Contents {
                expires: expires.timestamp_millis(),
                unique: unique.as_u128(),
                issuer: self.issuer,
                principal: grant.principal.as_str().to_owned(),
                origin: grant.origin.clone(),
                load,
                revision: grant.revision.clone(),
            };
            let query = self.query(&ring, &session_id, &contents, &grant.params)?;
            Ok::<_, Fault>(format!("{under}/{session_id}?{query}"))
        };
        let n_bytes = grant
            .params
            .to_json(SecretValues::Exposed)
            .to_string()
            .len();
        let load = match self.mode {
            ParamsInUrl::Signed => Load::secrets(grant),
            ParamsInUrl::Sealed => Load::whole(grant),
        };
        let with_all = (n_bytes <= self.limits.params_bytes).then(|| url(load));
        let (websocket_url, kept) = match with_all.transpose()? {
            Some(url) if url.len() <= self.limits.socket_url_bytes => (url, None),
            too_long => {
                let kept = Kept::of(grant, n_bytes);
                if kept.n_bytes > self.limits.kept_params_bytes {
                    return Err(match too_long {
                        Some(url) => self.url_too_long(url.len()),
                        None => self.params_too_long(n_bytes),
                    });
                }
                (url(Load::Kept)?, Some(Arc::new(kept)))
            }
        };
        if websocket_url.len() > self.limits.socket_url_bytes {
            return Err(self.url_too_long(websocket_url.len()));
        }
        let warnings = self.warnings(&session_id, &grant.params, kept.is_some());
        let entry = Entry {
            principal: grant.principal.clone(),
            kept,
        };
        let (end, now) = (expires.timestamp_millis(), now.timestamp_millis());
        self.pending.add(unique, end, entry, now).map_err(no_room)?;
        meters::ticket();
        Ok(Issued {
            warnings,
            session_id,
            websocket_url,
            expires,
        })
    }

    /// `server_params` and, when it is not the ticket itself, `ticket`.
    fn query(
        &self,
        ring: &Ring,
        session_id: &str,
        contents: &Contents,
        params: &ServerParams,
    ) -> Result<String, Fault> {
        let visible = match (self.mode, &contents.load) {
            (ParamsInUrl::Sealed, _) => None,
            (ParamsInUrl::Signed, Load::Kept) => Some(outline(params).to_string()),
            (ParamsInUrl::Signed, Load::Secrets(..) | Load::Params(..)) => {
                Some(params.to_json(SecretValues::Blanked).to_string())
            }
        };
        let bound = Bound {
            deployment: &self.deployment,
            session_id,
            visible: visible.as_deref(),
        };
        let ticket = seal::seal(ring, contents, bound).ok_or_else(no_randomness)?;
        Ok(match visible {
            None => format!("server_params={ticket}"),
            Some(visible) => {
                let shown = percent_encode(&STANDARD.encode(visible));
                format!("server_params={shown}&ticket={ticket}")
            }
        })
    }

    fn warnings(&self, session_id: &str, params: &ServerParams, is_kept: bool) -> Vec<String> {
        if self.mode == ParamsInUrl::Sealed || is_kept {
            return Vec::new();
        }
        let fields = exposed::fields(params);
        let warning = |field: String| {
            warn!(
                session = session_id,
                field, "a socket's URL shows what looks like a secret"
            );
            format!(
                "server_params.{field} looks as if it held a secret, and whoever sees websocket_url can read it: put \
                 it into env or headers, or start the bridge with --params-in-url sealed."
            )
        };
        fields.into_iter().map(warning).collect()
    }

    /// How the params of a URL without a separate ticket are to be read.
    pub fn mode(&self) -> ParamsInUrl {
        self.mode
    }

    fn params_too_long(&self, n_bytes: usize) -> Fault {
        meters::reached("params_bytes");
        let limit = self.limits.params_bytes;
        Fault::new(
            FaultCode::TooLarge,
            format!("server_params has {n_bytes} bytes; {limit} are allowed."),
        )
        .field("server_params")
        .hint("Put the server into the catalogue, or raise limits.params_bytes or limits.kept_params_bytes.")
    }

    fn url_too_long(&self, n_bytes: usize) -> Fault {
        meters::reached("socket_url_bytes");
        let limit = self.limits.socket_url_bytes;
        Fault::new(
            FaultCode::TooLarge,
            format!("The socket's URL would have {n_bytes} bytes; {limit} are allowed."),
        )
        .field("server_params")
        .hint("Put the server into the catalogue, or raise limits.socket_url_bytes or limits.kept_params_bytes.")
    }
}

/// What the URL says of params that it does not hold: enough to recognize them, and nothing that could be secret
/// but what would be visible anyway.
fn outline(params: &ServerParams) -> Value {
    let (kind, name, text) = match params {
        ServerParams::Named(named) => ("named", "server", &named.server),
        ServerParams::Stdio(stdio) => ("StdioServerParams", "command", &stdio.command),
        ServerParams::Sse(sse) => ("SseServerParams", "url", &sse.url),
        ServerParams::Http(http) => ("StreamableHttpServerParams", "url", &http.url),
    };
    let mut outline = serde_json::json!({ "type": kind, "kept": true });
    if text.len() <= OUTLINE_BYTES {
        outline[name] = text.as_str().into();
    }
    outline
}

/// Base64 as it may stand in a query (RFC 3986, 3.4).
fn percent_encode(base64: &str) -> String {
    base64
        .replace('+', "%2B")
        .replace('/', "%2F")
        .replace('=', "%3D")
}

fn random_unique() -> Result<Uuid, Fault> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(|_| no_randomness())?;
    Ok(Uuid::from_bytes(bytes))
}

fn no_randomness() -> Fault {
    Fault::new(FaultCode::Internal, "The system has no randomness to give.")
}

fn no_room(full: Full) -> Fault {
    let (limit, message) = match full {
        Full::InAll => ("pending_tickets", "Too many sessions wait to be opened."),
        Full::OfPrincipal => (
            "pending_tickets_per_principal",
            "Too many of your sessions wait to be opened.",
        ),
        Full::KeptBytes => (
            "kept_params_bytes",
            "Too many sessions with long params wait to be opened.",
        ),
    };
    meters::reached(limit);
    Fault::new(FaultCode::TooManyRequests, message).hint(format!(
        "Open the sockets of the sessions asked for, try again in a minute, or raise limits.{limit}."
    ))
}

#[cfg(test)]
mod tests;
