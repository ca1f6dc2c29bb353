//! What every request must pass before anything looks at it: who is addressed, which page asks, who may.
//!
//! Owns the lists of hosts and origins and the digest of the token. Runs in front of every route, static files,
//! unknown paths and the WebSocket upgrade included. Never looks at a body.

use footbridge_shared::fault::Fault;
use footbridge_shared::fault::FaultCode;
use footbridge_shared::params::Secret;
use poem::Request;
use poem::http::HeaderMap;
use poem::http::HeaderName;
use poem::http::Method;
use poem::http::header;
use sha2::Digest;
use sha2::Sha256;
use subtle::ConstantTimeEq;

use crate::config::Auth;
use crate::config::Config;
use crate::meters;
use crate::principal::Principal;

/// The subprotocol by which a WebSocket client that can set no header brings the token.
const BEARER_SUBPROTOCOL: &str = "bearer.";

/// What every request must pass.
#[derive(Debug)]
pub struct Gate {
    /// Lower case, with the port unless it is the scheme's own.
    hosts: Vec<String>,
    origins: Vec<String>,
    token: Option<[u8; 32]>,
    metrics_token: Option<[u8; 32]>,
    /// The port that a `Host` need not name.
    usual_port: &'static str,
    head_bytes: usize,
    headers: usize,
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
}

/// Where the metrics are.
pub const METRICS: &str = "/metrics";

impl Gate {
    /// The gate of a bridge that listens on this port.
    pub fn new(config: &Config, port: u16) -> Self {
        let (scheme, usual_port) = match config.tls {
            Some(_) => ("https", "443"),
            None => ("http", "80"),
        };
        let mut hosts = Vec::new();
        let mut origins = Vec::new();
        let mut names = vec![
            "127.0.0.1".to_owned(),
            "localhost".to_owned(),
            "[::1]".to_owned(),
        ];
        let ip = config.listen.ip();
        if !ip.is_loopback() && !ip.is_unspecified() {
            names.push(if ip.is_ipv6() {
                format!("[{ip}]")
            } else {
                ip.to_string()
            });
        }
        for name in names {
            hosts.push(with_port(scheme, &name, port));
            origins.push(format!("{scheme}://{}", with_port(scheme, &name, port)));
        }
        if let Some(url) = &config.public_url
            && let Some((scheme, host)) = scheme_and_host(url, usual_port)
        {
            hosts.push(host.clone());
            origins.push(format!("{scheme}://{host}"));
        }
        origins.extend(
            config
                .allow_origins
                .iter()
                .map(|origin| origin.to_ascii_lowercase()),
        );
        let digest = |token: &Secret| Sha256::digest(token.expose()).into();
        let token = match &config.auth {
            Auth::Token(token) => Some(digest(token)),
            Auth::None => None,
        };
        Self {
            hosts,
            origins,
            token,
            metrics_token: config.metrics_token.as_ref().map(digest),
            usual_port,
            head_bytes: config.limits.head_bytes,
            headers: config.limits.headers,
        }
    }

    /// Whether a request may go on.
    ///
    /// # Errors
    /// The fault to answer with: 400, 401, 403, 421 or 431.
    pub fn admit(&self, request: &Request) -> Result<Admission, Fault> {
        let headers = request.headers();
        self.check_head(request)?;
        let host = self.check_host(request)?;
        let origin = self.check_origin(request)?;
        let needs_cors = !origin.is_empty() && !origin.ends_with(&format!("://{host}"));
        let (principal, reads_metrics) = if self.is_for_metrics(request) {
            (None, true)
        } else {
            (self.authenticate(headers)?, false)
        };
        Ok(Admission {
            origin,
            needs_cors,
            principal,
            reads_metrics,
        })
    }

    fn check_head(&self, request: &Request) -> Result<(), Fault> {
        let headers = request.headers();
        let n_bytes: usize = headers
            .iter()
            .map(|(name, value)| name.as_str().len() + value.len() + 4)
            .sum();
        let target = request
            .original_uri()
            .path_and_query()
            .map_or(0, |target| target.as_str().len());
        if headers.len() > self.headers {
            meters::reached("headers");
            return Err(Fault::new(
                FaultCode::HeadTooLarge,
                format!("A request may have at most {} headers.", self.headers),
            ));
        }
        if n_bytes > self.head_bytes || target > self.head_bytes {
            meters::reached("head_bytes");
            return Err(Fault::new(
                FaultCode::HeadTooLarge,
                format!("A request head may have at most {} bytes.", self.head_bytes),
            ));
        }
        // Two readings of where a body ends are how requests are smuggled (RFC 9112, 6.3).
        if headers.contains_key(header::TRANSFER_ENCODING)
            && headers.contains_key(header::CONTENT_LENGTH)
        {
            return Err(Fault::new(
                FaultCode::BadRequest,
                "A request has either Content-Length or Transfer-Encoding, not both.",
            ));
        }
        Ok(())
    }

    fn check_host(&self, request: &Request) -> Result<String, Fault> {
        let host = only(request.headers(), header::HOST)
            .map_err(|()| {
                Fault::new(
                    FaultCode::BadRequest,
                    "A request needs exactly one Host header.",
                )
            })?
            .ok_or_else(|| {
                Fault::new(
                    FaultCode::BadRequest,
                    "A request needs exactly one Host header.",
                )
            })?;
        let host = normal_host(host, self.usual_port);
        if let Some(authority) = request.original_uri().authority()
            && normal_host(authority.as_str(), self.usual_port) != host
        {
            return Err(Fault::new(
                FaultCode::BadRequest,
                "The request target and the Host header name different hosts.",
            ));
        }
        if self.hosts.contains(&host) {
            return Ok(host);
        }
        Err(Fault::new(
            FaultCode::HostDenied,
            "This bridge does not answer to that host name.",
        )
        .hint("Use the URL it printed when it started, or set --public-url."))
    }

    fn check_origin(&self, request: &Request) -> Result<String, Fault> {
        let denied = || {
            Fault::new(
                FaultCode::OriginDenied,
                "Pages of this origin may not use the bridge.",
            )
            .hint("Start it with --allow-origin and the page's origin.")
        };
        let headers = request.headers();
        match only(headers, header::ORIGIN).map_err(|()| denied())? {
            Some(origin) => {
                let origin = origin.to_ascii_lowercase();
                if self.origins.contains(&origin) {
                    Ok(origin)
                } else {
                    Err(denied())
                }
            }
            None if headers.contains_key(header::ORIGIN) => Err(denied()),
            None if is_cross_site(headers) && !is_navigation(request) => Err(denied()),
            None => Ok(String::new()),
        }
    }

    /// Whether a request asks for the metrics with their own token, which is wrong everywhere else.
    fn is_for_metrics(&self, request: &Request) -> bool {
        let Some(expected) = &self.metrics_token else {
            return false;
        };
        request.uri().path() == METRICS
            && matches!(credential(request.headers()), Ok(Some(given)) if is_token(given, expected))
    }

    /// Who brings a credential. A wrong credential is refused even where none is needed.
    fn authenticate(&self, headers: &HeaderMap) -> Result<Option<Principal>, Fault> {
        let Some(expected) = &self.token else {
            return Ok(Some(Principal::anyone()));
        };
        let Some(given) = credential(headers)? else {
            return Ok(None);
        };
        if is_token(given, expected) {
            Ok(Some(Principal::token()))
        } else {
            Err(unauthorized("The token is wrong."))
        }
    }
}

fn is_token(given: &str, expected: &[u8; 32]) -> bool {
    let digest: [u8; 32] = Sha256::digest(given).into();
    digest.ct_eq(expected).into()
}

impl Admission {
    /// Who calls, for a route that needs to know.
    ///
    /// # Errors
    /// [`FaultCode::Unauthorized`] when the request brought no credential.
    pub fn principal(&self) -> Result<&Principal, Fault> {
        self.principal
            .as_ref()
            .ok_or_else(|| unauthorized("This route needs the bridge's token."))
    }
}

fn unauthorized(message: &str) -> Fault {
    Fault::new(FaultCode::Unauthorized, message)
        .hint("Send it as `Authorization: Bearer <token>`; the bridge prints it when it starts.")
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

fn credential(headers: &HeaderMap) -> Result<Option<&str>, Fault> {
    let line = only(headers, header::AUTHORIZATION)
        .map_err(|()| unauthorized("The Authorization header cannot be read."))?;
    if let Some(line) = line {
        let (scheme, token) = line.split_once(' ').unwrap_or((line, ""));
        if !scheme.eq_ignore_ascii_case("bearer") {
            return Err(unauthorized(
                "The Authorization header must have the scheme Bearer.",
            ));
        }
        return Ok(Some(token.trim()));
    }
    Ok(subprotocols(headers).find_map(|name| name.strip_prefix(BEARER_SUBPROTOCOL)))
}

/// The one value of a header; an error when there are several, or when it is not visible ASCII.
fn only(headers: &HeaderMap, name: HeaderName) -> Result<Option<&str>, ()> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (None, _) => Ok(None),
        (Some(value), None) => value.to_str().map(Some).map_err(|_| ()),
        (Some(_), Some(_)) => Err(()),
    }
}

fn is_cross_site(headers: &HeaderMap) -> bool {
    headers
        .get("sec-fetch-site")
        .is_some_and(|site| site == "cross-site" || site == "same-site")
}

/// A person who follows a link to the page; it cannot be framed, so nothing of another site can use it.
fn is_navigation(request: &Request) -> bool {
    let is = |name: &str, value: &str| {
        request
            .headers()
            .get(name)
            .is_some_and(|given| given == value)
    };
    request.method() == Method::GET
        && is("sec-fetch-mode", "navigate")
        && is("sec-fetch-dest", "document")
}

fn normal_host(host: &str, usual_port: &str) -> String {
    let host = host.to_ascii_lowercase();
    let (name, port) = match host.rfind(':') {
        Some(at) if !host.ends_with(']') => (&host[..at], Some(&host[at + 1..])),
        Some(_) | None => (host.as_str(), None),
    };
    let name = name.strip_suffix('.').unwrap_or(name);
    port.filter(|port| *port != usual_port)
        .map_or_else(|| name.to_owned(), |port| format!("{name}:{port}"))
}

fn with_port(scheme: &str, name: &str, port: u16) -> String {
    let is_default = matches!((scheme, port), ("http", 80) | ("https", 443));
    if is_default {
        name.to_owned()
    } else {
        format!("{name}:{port}")
    }
}

/// Scheme and host of a URL, lower case, with the port unless it is the scheme's own.
fn scheme_and_host(url: &str, usual_port: &str) -> Option<(String, String)> {
    let (scheme, rest) = url.split_once("://")?;
    let scheme = scheme.to_ascii_lowercase();
    let host = normal_host(rest.split(['/', '?', '#']).next()?, usual_port);
    let host = if scheme == "https" {
        host.strip_suffix(":443").unwrap_or(&host).to_owned()
    } else {
        host
    };
    Some((scheme, host))
}

#[cfg(test)]
mod tests;
