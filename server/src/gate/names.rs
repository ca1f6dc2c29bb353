//! Who is addressed, and which page asks.
//!
//! Owns the lists of hosts and origins. Never believes that a request without an `Origin` comes from no page: the
//! `Sec-Fetch-Site` of newer browsers is heeded too.

use footbridge_shared::fault::Fault;
use footbridge_shared::fault::FaultCode;
use poem::Request;
use poem::http::HeaderMap;
use poem::http::Method;
use poem::http::header;

use crate::config::Config;
use crate::gate::only;

/// The names the bridge answers to, and the origins it answers.
#[derive(Debug)]
pub(super) struct Names {
    /// Lower case, with the port unless it is the scheme's own.
    hosts: Vec<String>,
    origins: Vec<String>,
    /// The port that a `Host` need not name.
    usual_port: &'static str,
}

impl Names {
    /// Those of a bridge that listens on this port.
    pub(super) fn new(config: &Config, port: u16) -> Self {
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
        Self {
            hosts,
            origins,
            usual_port,
        }
    }

    /// The host that a request names, in its one spelling.
    ///
    /// # Errors
    /// 400 when it names none or several, 421 when it names somebody else.
    pub(super) fn check_host(&self, request: &Request) -> Result<String, Fault> {
        let none = || {
            Fault::new(
                FaultCode::BadRequest,
                "A request needs exactly one Host header.",
            )
        };
        let host = only(request.headers(), &header::HOST)
            .map_err(|()| none())?
            .ok_or_else(none)?;
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

    /// The origin of the page that asks; empty when it is no page.
    ///
    /// # Errors
    /// 403 when pages of that origin may not ask.
    pub(super) fn check_origin(&self, request: &Request) -> Result<String, Fault> {
        let denied = || {
            Fault::new(
                FaultCode::OriginDenied,
                "Pages of this origin may not use the bridge.",
            )
            .hint("Start it with --allow-origin and the page's origin.")
        };
        let headers = request.headers();
        match only(headers, &header::ORIGIN).map_err(|()| denied())? {
            Some(origin) => {
                let origin = origin.to_ascii_lowercase();
                if self.origins.contains(&origin) {
                    Ok(origin)
                } else {
                    Err(denied())
                }
            }
            None if is_cross_site(headers) && !is_navigation(request) => Err(denied()),
            None => Ok(String::new()),
        }
    }
}

fn is_cross_site(headers: &HeaderMap) -> bool {
    headers
        .get_all("sec-fetch-site")
        .iter()
        .any(|site| site != "same-origin" && site != "none")
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
