//! What an operator may allow: a host, every host below one, or a network.
//!
//! Owns how that is written and what it covers. Never judges an address.

use std::net::IpAddr;
use std::str::FromStr;

use ipnet::IpNet;
use url::Host;

use crate::egress::addresses::covers;

/// One entry of the list of allowed upstreams.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Allowed {
    what: What,
    /// The only port it is for; absent: every port.
    port: Option<u16>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum What {
    /// The host of this name, wherever it is.
    Name(String),
    /// Every host whose name ends like this; it begins with a dot.
    Below(String),
    /// Every host with an address of this network.
    Network(IpNet),
}

impl Allowed {
    /// The host and port of a URL.
    pub(super) fn of(host: &Host<&str>, port: Option<u16>) -> Self {
        let what = match host {
            Host::Domain(name) => What::Name(normal(name)),
            Host::Ipv4(address) => What::Network(IpAddr::V4(*address).into()),
            Host::Ipv6(address) => What::Network(IpAddr::V6(*address).into()),
        };
        Self { what, port }
    }

    /// Whether it is for a host of this name at this port.
    pub(super) fn has_name(&self, name: &str, port: Option<u16>) -> bool {
        let named = match &self.what {
            What::Name(known) => *known == name,
            What::Below(end) => name.ends_with(end.as_str()) && name.len() > end.len(),
            What::Network(_) => false,
        };
        named && self.is_for(port)
    }

    /// Whether it is for this address at this port.
    pub(super) fn has_address(&self, address: IpAddr, port: Option<u16>) -> bool {
        match &self.what {
            What::Name(_) | What::Below(_) => false,
            What::Network(network) => covers(network, address) && self.is_for(port),
        }
    }

    fn is_for(&self, port: Option<u16>) -> bool {
        self.port.is_none() || self.port == port
    }
}

impl FromStr for Allowed {
    type Err = String;

    /// Reads `HOST`, `HOST:PORT`, `*.DOMAIN`, an address or a CIDR; the error is the end of a sentence.
    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || {
            "must be a host, host:port, *.domain, an address or a CIDR such as 10.0.0.0/8."
                .to_owned()
        };
        if let Ok(network) = text.parse::<IpNet>() {
            return Ok(Self {
                what: What::Network(network.trunc()),
                port: None,
            });
        }
        if let Ok(address) = text.parse::<IpAddr>() {
            return Ok(Self {
                what: What::Network(address.into()),
                port: None,
            });
        }
        if text.contains("://") {
            return Err(
                "must be a host without scheme and path, such as mcp.example.com.".to_owned(),
            );
        }
        let (host, port) = split_port(text).ok_or_else(wrong)?;
        if let Some(domain) = host.strip_prefix("*.") {
            return match Host::parse(domain) {
                Ok(Host::Domain(domain)) if is_proper(&domain) => Ok(Self {
                    what: What::Below(format!(".{}", normal(&domain))),
                    port,
                }),
                Ok(_) | Err(_) => Err(wrong()),
            };
        }
        match Host::parse(host) {
            Ok(Host::Domain(name)) if !is_proper(&name) => Err(wrong()),
            Ok(Host::Domain(name)) => Ok(Self::of(&Host::Domain(&name), port)),
            Ok(Host::Ipv4(address)) => Ok(Self::of(&Host::Ipv4(address), port)),
            Ok(Host::Ipv6(address)) => Ok(Self::of(&Host::Ipv6(address), port)),
            Err(_) => Err(wrong()),
        }
    }
}

/// The one spelling of a name: lower case, without the dot of the root.
pub(super) fn normal(name: &str) -> String {
    let name = name.strip_suffix('.').unwrap_or(name);
    name.to_ascii_lowercase()
}

/// The host and the port of `HOST` or `HOST:PORT`; `None` when the port is none.
fn split_port(text: &str) -> Option<(&str, Option<u16>)> {
    // The colons of an IPv6 address are inside brackets.
    let after_address = text.rfind(']').map_or(0, |bracket| bracket + 1);
    match text[after_address..].rfind(':') {
        None => Some((text, None)),
        Some(colon) => {
            let (host, port) = text.split_at(after_address + colon);
            let port = port.get(1..)?.parse().ok().filter(|port| *port != 0)?;
            Some((host, Some(port)))
        }
    }
}

fn is_proper(name: &str) -> bool {
    let name = name.strip_suffix('.').unwrap_or(name);
    let label = |label: &str| {
        !label.is_empty()
            && label
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
    };
    name.split('.').all(label)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allowed(text: &str) -> Allowed {
        text.parse().unwrap()
    }

    #[test]
    fn names_cover_what_they_say_and_nothing_else() {
        for (text, name, port, expected) in [
            ("intranet", "intranet", 80, true),
            ("Intranet.", "intranet", 80, true),
            ("intranet:8080", "intranet", 8080, true),
            ("intranet:8080", "intranet", 80, false),
            ("intranet", "other", 80, false),
            ("example.com", "api.example.com", 443, false),
            ("*.example.com", "api.example.com", 443, true),
            ("*.example.com", "a.b.example.com", 443, true),
            ("*.example.com", "example.com", 443, false),
            ("*.example.com", ".example.com", 443, false),
            ("*.example.com", "badexample.com", 443, false),
            ("*.example.com:8443", "api.example.com", 443, false),
            ("bücher.example", "xn--bcher-kva.example", 443, true),
        ] {
            let found = allowed(text).has_name(name, Some(port));
            assert_eq!(found, expected, "{text} {name}:{port}");
        }
        // A port that is not known is no port that was allowed.
        assert!(!allowed("intranet:8080").has_name("intranet", None));
        assert!(allowed("intranet").has_name("intranet", None));
    }

    #[test]
    fn networks_and_addresses_cover_addresses() {
        for (text, address, port, expected) in [
            ("10.0.0.0/8", "10.9.8.7", 80, true),
            ("10.1.2.3/8", "10.9.8.7", 80, true),
            ("10.0.0.0/8", "11.0.0.1", 80, false),
            ("10.0.0.1", "10.0.0.1", 80, true),
            ("10.0.0.1", "10.0.0.2", 80, false),
            ("10.0.0.1:80", "10.0.0.1", 80, true),
            ("10.0.0.1:80", "10.0.0.1", 81, false),
            ("fd00::/8", "fd12::1", 80, true),
            ("fd12::1", "fd12::1", 80, true),
            ("[fd12::1]", "fd12::1", 80, true),
            ("[fd12::1]:80", "fd12::1", 80, true),
            ("[fd12::1]:80", "fd12::1", 81, false),
        ] {
            let address = address.parse().unwrap();
            let found = allowed(text).has_address(address, Some(port));
            assert_eq!(found, expected, "{text} {address}:{port}");
        }
    }

    #[test]
    fn what_is_neither_is_refused() {
        for text in [
            "",
            "*",
            "*.",
            "*.*",
            "*.10.0.0.1",
            "a.*.example",
            "https://example.com",
            "example.com/mcp",
            "example.com:",
            "example.com:0",
            "example.com:99999",
            "10.0.0.0/33",
            "user@example.com",
            "a b",
            "a..b",
        ] {
            assert!(text.parse::<Allowed>().is_err(), "{text}");
        }
    }
}
