//! Which hosts the bridge may connect to for its callers, and by which way.
//!
//! Owns the rules about URLs and addresses. Never makes a connection: `upstream` does, and asks here first, for the
//! URL and again for every address that a name turns out to have.

mod addresses;
mod way;

use std::net::IpAddr;
use std::str::FromStr;
use std::sync::Arc;

use footbridge_shared::fault::Fault;
use footbridge_shared::fault::FaultCode;
use ipnet::IpNet;
use url::Host;
use url::Url;

pub use addresses::Special;
pub use addresses::special;
pub use way::Proxy;
pub use way::Way;

/// What outgoing HTTP connections may reach, and how.
#[derive(Clone, Debug, Default)]
pub struct Egress {
    allowed: Vec<Allowed>,
    allows_loopback: bool,
    way: Arc<Way>,
}

/// Something an operator allows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Allowed {
    /// A host by its name, and all below it when `below`; on any port, or on one.
    Host {
        /// In lower case, without a dot at the end.
        name: String,
        /// Whether it stands for the names below it.
        below: bool,
        /// The port.
        port: Option<u16>,
    },
    /// Addresses.
    Net(IpNet),
}

impl FromStr for Allowed {
    type Err = String;

    /// Reads `host`, `host:port`, `*.example.com`, an address, or a network such as `10.0.0.0/8`.
    fn from_str(text: &str) -> Result<Self, String> {
        if let Ok(net) = text.parse::<IpNet>() {
            return Ok(Self::Net(net.trunc()));
        }
        if let Ok(address) = text.trim_matches(['[', ']']).parse::<IpAddr>() {
            return Ok(Self::Net(address.into()));
        }
        let (name, port) = match text.rsplit_once(':') {
            Some((name, port)) => (
                name,
                Some(
                    port.parse::<u16>()
                        .map_err(|_| format!("{port:?} is not a port"))?,
                ),
            ),
            None => (text, None),
        };
        let (name, below) = match name.strip_prefix("*.") {
            Some(name) => (name, true),
            None => (name, false),
        };
        match Host::parse(name) {
            Ok(Host::Domain(name)) => Ok(Self::Host {
                name: plain(&name),
                below,
                port,
            }),
            Ok(Host::Ipv4(_) | Host::Ipv6(_)) | Err(_) => {
                Err("it is neither a host name nor an address nor a network".to_owned())
            }
        }
    }
}

impl Allowed {
    fn has_host(&self, host: &str, at: Option<u16>) -> bool {
        match self {
            Self::Host { name, below, port } => {
                let is_below = || {
                    host.strip_suffix(name.as_str())
                        .is_some_and(|rest| rest.ends_with('.'))
                };
                let is_named = if *below { is_below() } else { host == name };
                is_named && port.is_none_or(|port| Some(port) == at)
            }
            Self::Net(_) => false,
        }
    }

    fn has_address(&self, address: IpAddr) -> bool {
        match self {
            Self::Host { .. } => false,
            Self::Net(net) => net.contains(&address),
        }
    }
}

impl Egress {
    /// The rules of a bridge. `allows_loopback`: callers may reach this machine's own ports.
    pub fn new(allowed: Vec<Allowed>, allows_loopback: bool, way: Way) -> Self {
        Self {
            allowed,
            allows_loopback,
            way: Arc::new(way),
        }
    }

    /// How connections are made.
    pub fn way(&self) -> &Way {
        &self.way
    }

    /// The same rules, with the host of this URL allowed: an operator has written it down.
    #[must_use]
    pub fn with_host_of(&self, url: &Url) -> Self {
        let mut egress = self.clone();
        egress.allowed.extend(match url.host() {
            Some(Host::Domain(name)) => Some(Allowed::Host {
                name: plain(name),
                below: false,
                port: url.port_or_known_default(),
            }),
            Some(Host::Ipv4(address)) => Some(Allowed::Net(IpAddr::V4(address).into())),
            Some(Host::Ipv6(address)) => Some(Allowed::Net(IpAddr::V6(address).into())),
            None => None,
        });
        egress
    }

    /// Whether a URL may be asked for.
    ///
    /// # Errors
    /// `params_denied` with what is wrong and the way out.
    pub fn check_url(&self, url: &Url) -> Result<(), Fault> {
        if !url.username().is_empty() || url.password().is_some() {
            return Err(
                denied("The URL of an MCP server must not hold a user name or password.")
                    .hint("Put credentials into server_params.headers."),
            );
        }
        if url.fragment().is_some() {
            return Err(
                denied("The URL of an MCP server must not have a fragment (#).")
                    .hint("Leave it out."),
            );
        }
        let port = url.port_or_known_default();
        let is_open = match url.host() {
            Some(Host::Domain(name)) => {
                let name = plain(name);
                self.allows_host(&name, port) || (is_local(&name) && self.allows_loopback)
            }
            Some(Host::Ipv4(address)) => self.check_literal(IpAddr::V4(address))?,
            Some(Host::Ipv6(address)) => self.check_literal(IpAddr::V6(address))?,
            None => return Err(denied("The URL of an MCP server must have a host.")),
        };
        match url.scheme() {
            "https" => Ok(()),
            "http" if is_open => Ok(()),
            "http" => Err(denied("The URL of an MCP server must begin with https://: what is sent over http:// can be read on the way.")
                .hint(way_out(url.host_str().unwrap_or_default()))),
            _ => Err(denied("The URL of an MCP server must begin with https:// or http://.")),
        }
    }

    /// An address that is written out; whether it is one that an operator allows, or this machine's.
    fn check_literal(&self, address: IpAddr) -> Result<bool, Fault> {
        self.check_address(&address.to_string(), address)?;
        Ok(special(address).is_some()
            || self
                .allowed
                .iter()
                .any(|allowed| allowed.has_address(address)))
    }

    /// Whether every address of a host may be connected to.
    ///
    /// # Errors
    /// `params_denied`. The addresses themselves are not shown: they may tell of a network the caller should not know.
    pub fn check_addresses(&self, host: &str, addresses: &[IpAddr]) -> Result<(), Fault> {
        let host = plain(host);
        // The port was judged with the URL; a name allowed on one port is not resolved for another.
        let is_allowed = self.allowed.iter().any(|allowed| match allowed {
            Allowed::Host { port, .. } => allowed.has_host(&host, *port),
            Allowed::Net(_) => false,
        });
        if is_allowed {
            return Ok(());
        }
        addresses
            .iter()
            .try_for_each(|address| self.check_address(&host, *address))
    }

    fn check_address(&self, host: &str, address: IpAddr) -> Result<(), Fault> {
        if self
            .allowed
            .iter()
            .any(|allowed| allowed.has_address(address))
        {
            return Ok(());
        }
        let what = match special(address) {
            None => return Ok(()),
            Some(Special::Loopback) if self.allows_loopback => return Ok(()),
            Some(Special::Loopback) => "an address of the bridge's own machine",
            Some(Special::Other(what)) => what,
        };
        Err(denied(format!(
            "{host} is or has {what}, which this bridge does not connect to."
        ))
        .hint(way_out(host)))
    }

    fn allows_host(&self, host: &str, port: Option<u16>) -> bool {
        self.allowed
            .iter()
            .any(|allowed| allowed.has_host(host, port))
    }
}

fn is_local(host: &str) -> bool {
    host == "localhost" || host.ends_with(".localhost")
}

fn plain(host: &str) -> String {
    host.trim_end_matches('.').to_ascii_lowercase()
}

fn way_out(host: &str) -> String {
    format!("If it is meant to be reached, start the bridge with --allow-upstream {host}.")
}

fn denied(sentence: impl Into<String>) -> Fault {
    Fault::new(FaultCode::ParamsDenied, sentence).field("server_params.url")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn egress(allowed: &[&str], allows_loopback: bool) -> Egress {
        let allowed = allowed.iter().map(|text| text.parse().unwrap()).collect();
        Egress::new(allowed, allows_loopback, Way::default())
    }

    fn check(egress: &Egress, url: &str) -> bool {
        egress.check_url(&Url::parse(url).unwrap()).is_ok()
    }

    #[test]
    fn what_is_public_is_open_over_tls_and_what_is_special_is_closed() {
        let egress = egress(&[], false);
        for url in [
            "https://a.example/mcp",
            "https://8.8.8.8/",
            "https://[2606:4700::1111]:8443/",
        ] {
            assert!(check(&egress, url), "{url}");
        }
        for url in [
            "http://a.example/",
            "http://8.8.8.8/",
            "ftp://a.example/",
            "https://me@a.example/",
            "https://:secret@a.example/",
            "https://a.example/#x",
            "https://0x7f.1/",
            "https://2130706433/",
            "https://0177.0.0.1/",
            "https://①②⑦.0.0.1/",
            "https://127.0.0.1./",
            "https://[::1]/",
            "https://[::ffff:10.0.0.1]/",
            "https://[64:ff9b::a00:1]/",
            "https://169.254.169.254/latest/meta-data",
            "http://localhost/",
            "http://localhost./",
        ] {
            let fault = egress.check_url(&Url::parse(url).unwrap()).unwrap_err();
            assert_eq!(fault.code, FaultCode::ParamsDenied, "{url}");
            assert!(!fault.message.contains("secret"));
        }
    }

    #[test]
    fn this_machine_is_open_when_the_bridge_is_for_this_machine() {
        let egress = egress(&[], true);
        for url in [
            "http://localhost:3000/",
            "http://app.localhost./",
            "http://127.0.0.1:1/",
            "http://[::1]/",
            "https://localhost/",
        ] {
            assert!(check(&egress, url), "{url}");
        }
        for url in [
            "http://10.0.0.1/",
            "http://localhost.example/",
            "http://a.example/",
        ] {
            assert!(!check(&egress, url), "{url}");
        }
        assert!(
            egress
                .check_addresses("a.example", &["127.0.0.1".parse().unwrap()])
                .is_ok()
        );
    }

    #[test]
    fn an_operator_opens_hosts_ports_and_networks() {
        let egress = egress(
            &[
                "Intern.example.",
                "one.example:8080",
                "*.below.example",
                "10.1.0.0/16",
                "192.168.7.7",
            ],
            false,
        );
        for url in [
            "http://intern.example/",
            "http://INTERN.example.:99/",
            "http://one.example:8080/",
            "http://a.b.below.example/",
            "http://10.1.2.3/",
            "https://192.168.7.7/",
        ] {
            assert!(check(&egress, url), "{url}");
        }
        for url in [
            "http://one.example/",
            "http://below.example/",
            "http://xbelow.example/",
            "http://10.2.0.1/",
            "http://x.intern.example/",
        ] {
            assert!(!check(&egress, url), "{url}");
        }
        let private = ["10.9.9.9".parse().unwrap()];
        assert!(egress.check_addresses("intern.example", &private).is_ok());
        assert!(egress.check_addresses("other.example", &private).is_err());
        for wrong in ["", "a b", "a:b", "10.0.0.0/99", "http://a"] {
            assert!(wrong.parse::<Allowed>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn one_special_address_closes_a_name_and_is_not_shown() {
        let egress = egress(&[], false);
        let addresses = ["8.8.8.8".parse().unwrap(), "10.20.30.40".parse().unwrap()];
        assert!(egress.check_addresses("a.example", &addresses[..1]).is_ok());
        let fault = egress.check_addresses("a.example", &addresses).unwrap_err();
        assert!(!format!("{fault:?}").contains("10.20"), "{fault:?}");
        assert!(fault.hint.unwrap().contains("--allow-upstream a.example"));
    }

    #[test]
    fn a_host_that_an_operator_wrote_down_is_open_on_its_port() {
        let url = Url::parse("http://10.0.0.5:9000/mcp").unwrap();
        let egress = egress(&[], false).with_host_of(&url);
        assert!(check(&egress, "http://10.0.0.5:9000/"));
        let url = Url::parse("http://inner:9000/mcp").unwrap();
        let egress = egress.with_host_of(&url);
        assert!(check(&egress, "http://inner:9000/"));
        assert!(!check(&egress, "http://inner:9001/"));
    }

    proptest::proptest! {
        #[test]
        fn no_special_address_is_open_unless_it_is_allowed(bits: u32, allows_loopback: bool) {
            let address = IpAddr::V4(std::net::Ipv4Addr::from_bits(bits));
            let rules = egress(&[], allows_loopback);
            let is_open = rules.check_addresses("a.example", &[address]).is_ok();
            let expected = match special(address) {
                None => true,
                Some(Special::Loopback) => allows_loopback,
                Some(Special::Other(_)) => false,
            };
            proptest::prop_assert_eq!(is_open, expected);
            let allowed = egress(&[&address.to_string()], false);
            proptest::prop_assert!(allowed.check_addresses("a.example", &[address]).is_ok());
        }
    }
}
