//! Which hosts the bridge may connect to for its callers, and by which way.
//!
//! Owns the rules about URLs and addresses. Never makes a connection: `upstream` does, and asks here first, for the
//! URL and again for every address that a name turns out to have.

mod addresses;
mod allowed;
pub mod headers;
mod proxy;
#[cfg(test)]
mod tests;
mod way;

use std::net::IpAddr;
use std::sync::Arc;

use footbridge_shared::fault::Fault;
use footbridge_shared::fault::FaultCode;
use url::Host;
use url::Url;

pub use self::allowed::Allowed;
pub use self::proxy::Proxies;
pub use self::proxy::Proxy;
pub use self::way::Way;
pub use self::way::authorities;

use self::addresses::Class;
use self::allowed::normal;

/// The field that a URL of a caller comes in.
const FIELD: &str = "server_params.url";

/// What outgoing HTTP connections may reach, and how. By default that is the public internet over `https://`, without
/// a proxy.
#[derive(Clone, Debug, Default)]
pub struct Egress {
    allowed: Vec<Allowed>,
    allows_loopback: bool,
    way: Arc<Way>,
    /// The port of the connections to come, for entries that allow one port only.
    port: Option<u16>,
}

impl Egress {
    /// The rules of a bridge: the public internet, what an operator allows besides, and perhaps this machine.
    pub fn new(allowed: Vec<Allowed>, allows_loopback: bool, way: Way) -> Self {
        Self {
            allowed,
            allows_loopback,
            way: Arc::new(way),
            port: None,
        }
    }

    /// How connections are made.
    pub fn way(&self) -> &Way {
        &self.way
    }

    /// The same rules for connections to the port of this URL alone.
    /// Without it [`Self::check_addresses`] heeds no entry that allows one port only.
    #[must_use]
    pub fn at_port_of(&self, url: &Url) -> Self {
        Self {
            port: url.port_or_known_default(),
            ..self.clone()
        }
    }

    /// The same rules for the port of this URL, with its host allowed there: an operator has written it down.
    #[must_use]
    pub fn with_host_of(&self, url: &Url) -> Self {
        let mut egress = self.at_port_of(url);
        let entry = url.host().map(|host| Allowed::of(&host, egress.port));
        egress.allowed.extend(entry);
        egress
    }

    /// Whether the bridge may send a request to a URL. The addresses of a name are still to be checked, when they are
    /// known.
    ///
    /// # Errors
    /// `invalid_field` when it is no proper URL of an MCP server, `params_denied` with the way out when it leads where
    /// callers may not go. Neither repeats the path or the query.
    pub fn check_url(&self, url: &Url) -> Result<(), Fault> {
        check_form(url).map_err(|problem| {
            Fault::new(
                FaultCode::InvalidField,
                format!("The URL of the MCP server {problem}."),
            )
            .field(FIELD)
        })?;
        let port = url.port_or_known_default();
        let (allowed, loopback) = match url.host() {
            None => return Ok(()),
            Some(Host::Domain(name)) => {
                let name = normal(name);
                let allowed = self.allows_name(&name, port);
                let loopback = is_localhost(&name);
                if !allowed && loopback && !self.allows_loopback {
                    return Err(denied(url, Class::Loopback.name()));
                }
                if !allowed && !loopback && self.way.proxies().has(&name) {
                    return Err(denied(url, "the bridge's own proxy"));
                }
                (allowed, loopback)
            }
            Some(Host::Ipv4(address)) => self.check_literal(url, address.into())?,
            Some(Host::Ipv6(address)) => self.check_literal(url, address.into())?,
        };
        if url.scheme() == "https" || allowed || loopback {
            return Ok(());
        }
        let host = authority(url);
        Err(Fault::new(
            FaultCode::ParamsDenied,
            format!("The bridge does not speak http:// with {host}: everyone on the way could read along."),
        )
        .field(FIELD)
        .hint(format!(
            "Use https://, or have the bridge started with --allow-upstream {host}."
        )))
    }

    /// Whether the bridge may connect to a host of this name that has these addresses: every one of them must pass.
    ///
    /// # Errors
    /// `params_denied`, which says what kind of address it is and not which.
    pub fn check_addresses(&self, name: &str, addresses: &[IpAddr]) -> Result<(), Fault> {
        let name = normal(name);
        if self.allows_name(&name, self.port) {
            return Ok(());
        }
        let refused = addresses.iter().find_map(|address| {
            let class = addresses::class(*address);
            let passes = match class {
                // Names of this machine may be spoken to without TLS, so they must be this machine's.
                None => !is_localhost(&name),
                Some(Class::Loopback) => self.allows_loopback,
                Some(Class::Private | Class::LinkLocal | Class::Multicast | Class::Reserved) => {
                    false
                }
            };
            (!passes && !self.allows_address(*address, self.port)).then_some(class)
        });
        let Some(class) = refused else {
            return Ok(());
        };
        let kind = class.map_or("an address of another machine", Class::name);
        Err(Fault::new(
            FaultCode::ParamsDenied,
            format!("The host {name} has {kind}, and the bridge does not connect to those."),
        )
        .field(FIELD)
        .hint(way_out(&name)))
    }

    /// Whether a host of this name is a proxy of the bridge, which may be anywhere.
    pub fn is_proxy(&self, name: &str) -> bool {
        self.way.proxies().has(&normal(name))
    }

    /// The proxy on the way to a URL, when there is one. It then resolves the name, and judges the addresses.
    pub fn proxy_for(&self, url: &Url) -> Option<&Proxy> {
        let is_loopback = match url.host() {
            None => false,
            Some(Host::Domain(name)) => is_localhost(&normal(name)),
            Some(Host::Ipv4(address)) => address.is_loopback(),
            Some(Host::Ipv6(address)) => address.to_canonical().is_loopback(),
        };
        self.way.proxies().on_the_way_to(url, is_loopback)
    }

    /// Whether an operator allowed this address, and whether it is this machine.
    fn check_literal(&self, url: &Url, address: IpAddr) -> Result<(bool, bool), Fault> {
        let allowed = self.allows_address(address, url.port_or_known_default());
        let class = addresses::class(address);
        let loopback = self.allows_loopback && class == Some(Class::Loopback);
        match class {
            Some(class) if !allowed && !loopback => Err(denied(url, class.name())),
            Some(_) | None => Ok((allowed, loopback)),
        }
    }

    fn allows_name(&self, name: &str, port: Option<u16>) -> bool {
        self.allowed.iter().any(|entry| entry.has_name(name, port))
    }

    fn allows_address(&self, address: IpAddr, port: Option<u16>) -> bool {
        self.allowed
            .iter()
            .any(|entry| entry.has_address(address, port))
    }
}

/// Whether a URL has the parts of an MCP server's and no others.
///
/// # Errors
/// The end of a sentence.
pub fn check_form(url: &Url) -> Result<(), &'static str> {
    if !matches!(url.scheme(), "http" | "https") {
        return Err("must begin with http:// or https://");
    }
    if url.host().is_none() {
        return Err("must name a host");
    }
    if url.port() == Some(0) {
        return Err("must have a port above 0");
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("must not hold a user name or password; send credentials in a header");
    }
    if url.fragment().is_some() {
        return Err("must not have a fragment (#…)");
    }
    Ok(())
}

/// The host of a URL, and its port when that is not the scheme's own: what may be shown and logged.
pub fn authority(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    url.port()
        .map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}

fn is_localhost(name: &str) -> bool {
    name == "localhost" || name.ends_with(".localhost")
}

fn denied(url: &Url, kind: &str) -> Fault {
    let host = authority(url);
    Fault::new(
        FaultCode::ParamsDenied,
        format!("The bridge does not connect to {host}: it is {kind}."),
    )
    .field(FIELD)
    .hint(way_out(&host))
}

fn way_out(host: &str) -> String {
    format!(
        "Whoever runs the bridge can allow it with --allow-upstream {host}, or put the server into the --servers file."
    )
}
