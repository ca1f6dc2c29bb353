//! What every request must pass before anything looks at it: who is addressed, which page asks, who may.
//!
//! Owns the order of the checks, which is the same for every path: the head, `Host`, `Origin`, the rate of the peer,
//! the credential. Runs in front of every route, static files, unknown paths and the WebSocket upgrade included.
//! Never looks at a body.

mod credentials;
mod jwt;
mod keys;
mod names;
mod peers;
mod proxy;
mod rates;
mod signatures;

use std::net::IpAddr;
use std::num::NonZeroU32;
use std::time::Duration;

use footbridge_shared::fault::Fault;
use footbridge_shared::fault::FaultCode;
use poem::Request;
use poem::http::HeaderMap;
use poem::http::HeaderName;
use poem::http::Version;
use poem::http::header;
use poem::http::header::InvalidHeaderName;

pub use self::credentials::offered_subprotocols;
pub use self::keys::KeyRing;
pub use self::keys::KeySet;

use self::credentials::Digest;
use self::credentials::bearer;
use self::credentials::brings_bearer;
use self::names::Names;
use self::rates::Connects;
use self::rates::Failures;
use crate::config::Auth;
use crate::config::Config;
use crate::config::Limits;
use crate::meters;
use crate::principal::Principal;

/// What every request must pass.
#[derive(Debug)]
pub struct Gate {
    names: Names,
    forwarders: Vec<ipnet::IpNet>,
    demand: Demand,
    metrics_token: Option<Digest>,
    hint: &'static str,
    failures: Failures,
    connects: Connects,
    limits: Limits,
}

/// What a request must bring to show who asks.
#[derive(Debug)]
enum Demand {
    Token(Digest),
    Jwt(Box<jwt::Checker>),
    Proxy(proxy::Rule),
    Nothing,
}

/// What a request shows of who asks.
enum Shown {
    Somebody(Principal),
    Nothing,
    /// Nobody, but it may read the metrics.
    MetricsToken,
}

/// A request that has passed.
#[derive(Clone, Debug)]
pub struct Admission {
    /// The page's origin; empty for a caller that is not a page.
    pub origin: String,
    /// Whether the page is of another origin than the bridge's own, and so needs CORS headers.
    pub needs_cors: bool,
    /// Who brought a valid credential; `None` when there was none. A wrong one does not get this far.
    pub principal: Option<Principal>,
    /// Whether it brought the token for the metrics, and asks for them.
    pub reads_metrics: bool,
    /// Where the request comes from.
    pub peer: IpAddr,
    /// How to get a credential.
    hint: &'static str,
    is_operator: bool,
}

/// Where the metrics are.
pub const METRICS: &str = "/metrics";

impl Gate {
    /// The gate of a bridge that listens on this port. `keys` are those that JWTs are checked with.
    ///
    /// # Errors
    /// When the header of a proxy has no proper name.
    pub fn new(config: &Config, port: u16, keys: KeyRing) -> Result<Self, InvalidHeaderName> {
        let limits = config.limits.clone();
        let demand = match &config.auth {
            Auth::Token(token) => Demand::Token(Digest::of(token.expose())),
            Auth::Jwt(jwt) => {
                Demand::Jwt(Box::new(jwt::Checker::new(jwt, keys, limits.jwks_timeout)))
            }
            Auth::Proxy(proxy) => Demand::Proxy(proxy::Rule::new(proxy)?),
            Auth::None => Demand::Nothing,
        };
        let hint = match &demand {
            Demand::Token(_) | Demand::Nothing => {
                "Send it as `Authorization: Bearer <token>`; the bridge prints it when it starts."
            }
            Demand::Jwt(_) => {
                "Send a JWT of the bridge's identity provider as `Authorization: Bearer <JWT>`."
            }
            Demand::Proxy(_) => "Reach the bridge through its proxy, and sign in there.",
        };
        Ok(Self {
            names: Names::new(config, port),
            forwarders: config.forwarders.clone(),
            demand,
            metrics_token: config
                .metrics_token
                .as_ref()
                .map(|token| Digest::of(token.expose())),
            hint,
            failures: Failures::new(&limits),
            connects: Connects::new(&limits),
            limits,
        })
    }

    /// Whether a request may go on. Only JWTs of an unknown key are waited for, until the keys have been read anew.
    ///
    /// # Errors
    /// The fault to answer with: 400, 401, 403, 421, 429 or 431.
    pub async fn admit(&self, request: &Request) -> Result<Admission, Fault> {
        self.check_head(request)?;
        let host = self.names.check_host(request)?;
        let origin = self.names.check_origin(request)?;
        let needs_cors = !origin.is_empty() && !origin.ends_with(&format!("://{host}"));
        let peer = self.peer(request);
        let shown = self.authenticate(request, peer).await?;
        let (principal, reads_metrics) = match shown {
            Shown::Somebody(principal) => (Some(principal), false),
            Shown::Nothing => (None, false),
            Shown::MetricsToken => (None, true),
        };
        let is_operator = match self.demand {
            Demand::Token(_) | Demand::Nothing => principal.is_some(),
            Demand::Jwt(_) | Demand::Proxy(_) => false,
        };
        Ok(Admission {
            origin,
            needs_cors,
            principal,
            reads_metrics,
            peer,
            hint: self.hint,
            is_operator,
        })
    }

    /// Where a request comes from: the TCP peer, or whom a proxy that is believed was asked by.
    pub fn peer(&self, request: &Request) -> IpAddr {
        let tcp = peers::tcp_peer(request);
        peers::peer(tcp, request.headers(), &self.forwarders)
    }

    /// Counts a session that somebody asks for.
    ///
    /// # Errors
    /// 429 when it is one too many for now.
    pub fn count_connect(&self, principal: &Principal) -> Result<(), Fault> {
        self.connects.take(principal).map_err(|wait| {
            // The burst is what is used up; the rate is when there is more.
            meters::reached("connects_per_minute");
            too_many("You ask for too many sessions in a short time.", wait)
        })
    }

    /// Says in the log again and again that nobody needs a credential, as long as it is waited for.
    pub async fn remind(&self) {
        match self.demand {
            Demand::Nothing => loop {
                tokio::time::sleep(self.limits.no_auth_warning).await;
                tracing::warn!("--no-auth: every program of this machine may use this bridge");
            },
            Demand::Token(_) | Demand::Jwt(_) | Demand::Proxy(_) => std::future::pending().await,
        }
    }

    fn check_head(&self, request: &Request) -> Result<(), Fault> {
        if request.version() != Version::HTTP_11 {
            return Err(Fault::new(
                FaultCode::BadRequest,
                "The bridge speaks HTTP/1.1 only.",
            ));
        }
        let headers = request.headers();
        // Two readings of where a body ends are how requests are smuggled (RFC 9112, 6.3). hyper takes the length away
        // before it is seen here, and ends the connection; should that change, it is refused.
        if headers.contains_key(header::TRANSFER_ENCODING)
            && headers.contains_key(header::CONTENT_LENGTH)
        {
            return Err(Fault::new(
                FaultCode::BadRequest,
                "A request has either Content-Length or Transfer-Encoding, not both.",
            ));
        }
        // `name: value\r\n` each, after `METHOD target HTTP/1.1\r\n`, before `\r\n`.
        let n_bytes: usize = headers
            .iter()
            .map(|(name, value)| name.as_str().len() + value.len() + 4)
            .sum();
        let target = request.original_uri().to_string();
        let line = request.method().as_str().len() + target.len() + 12;
        if n_bytes + line + 2 > self.limits.head_bytes {
            meters::reached("head_bytes");
            return Err(Fault::new(
                FaultCode::HeadTooLarge,
                format!(
                    "A request head may have at most {} bytes.",
                    self.limits.head_bytes
                ),
            ));
        }
        if headers.len() > self.limits.headers {
            meters::reached("headers");
            return Err(Fault::new(
                FaultCode::HeadTooLarge,
                format!(
                    "A request may have at most {} headers.",
                    self.limits.headers
                ),
            ));
        }
        Ok(())
    }

    /// What a request shows of who asks. A wrong credential is refused even where none is needed.
    async fn authenticate(&self, request: &Request, peer: IpAddr) -> Result<Shown, Fault> {
        let headers = request.headers();
        // The token for the metrics is wrong everywhere else.
        let for_metrics = self
            .metrics_token
            .as_ref()
            .filter(|_| request.uri().path() == METRICS && brings_bearer(headers));
        let brings_one = match &self.demand {
            Demand::Nothing => return Ok(Shown::Somebody(Principal::anyone())),
            Demand::Token(_) | Demand::Jwt(_) => brings_bearer(headers),
            Demand::Proxy(rule) => rule.is_claimed(headers),
        };
        if !brings_one && for_metrics.is_none() {
            return Ok(Shown::Nothing);
        }
        let key = peers::rate_key(peer);
        // A right one has to wait too: the answer would say that it is right.
        if let Some(wait) = self.failures.wait(key) {
            return Err(too_many("Too many wrong credentials came from here.", wait));
        }
        if let (Some(expected), Ok(Some(given))) = (for_metrics, bearer(headers))
            && expected.is_of(given)
        {
            return Ok(Shown::MetricsToken);
        }
        let shown = match &self.demand {
            Demand::Nothing => Ok(Some(Principal::anyone())),
            Demand::Token(expected) => bearer(headers)
                .map_err(str::to_owned)
                .and_then(|given| of_token(expected, given)),
            Demand::Jwt(checker) => match bearer(headers) {
                Ok(Some(token)) => {
                    let principal = checker.principal(token).await;
                    principal.map(Some).map_err(str::to_owned)
                }
                Ok(None) => Ok(None),
                Err(sentence) => Err(sentence.to_owned()),
            },
            Demand::Proxy(_) if !brings_one => Err("The token is wrong.".to_owned()),
            Demand::Proxy(rule) => rule.user(headers, peers::tcp_peer(request)),
        };
        let principal = shown.map_err(|sentence| {
            self.failures.count(key);
            unauthorized(&sentence, self.hint)
        })?;
        Ok(principal.map_or(Shown::Nothing, Shown::Somebody))
    }
}

fn of_token(expected: &Digest, given: Option<&str>) -> Result<Option<Principal>, String> {
    match given {
        None => Ok(None),
        Some(given) if expected.is_of(given) => Ok(Some(Principal::token())),
        Some(_) => Err("The token is wrong.".to_owned()),
    }
}

impl Admission {
    /// Who calls, for a route that needs to know.
    ///
    /// # Errors
    /// [`FaultCode::Unauthorized`] when the request brought no credential.
    pub fn principal(&self) -> Result<&Principal, Fault> {
        self.principal
            .as_ref()
            .ok_or_else(|| unauthorized("This route needs a credential.", self.hint))
    }

    /// Whether it is whoever runs the bridge: they have its own token, or need none on a machine of theirs. Among the
    /// people of an identity provider or a proxy there is no such person.
    pub fn is_operator(&self) -> bool {
        self.is_operator
    }
}

fn unauthorized(message: &str, hint: &str) -> Fault {
    Fault::new(FaultCode::Unauthorized, message).hint(hint)
}

fn too_many(message: &str, wait: Duration) -> Fault {
    let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
    let seconds = u32::try_from(seconds).unwrap_or(u32::MAX);
    let seconds = NonZeroU32::new(seconds).unwrap_or(NonZeroU32::MIN);
    Fault::new(FaultCode::TooManyRequests, message)
        .hint(format!("Try again in {seconds} s."))
        .retry_after(seconds)
}

/// The one value of a header; an error when there are several, or when it is not visible ASCII.
fn only<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<Option<&'a str>, ()> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (None, _) => Ok(None),
        (Some(value), None) => value.to_str().map(Some).map_err(|_| ()),
        (Some(_), Some(_)) => Err(()),
    }
}

#[cfg(test)]
mod tests;
