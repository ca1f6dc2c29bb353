//! The proxies that outgoing connections take, and which go without one.
//!
//! Owns that choice. Never shows a proxy's credentials: its URL is a secret.

use footbridge_shared::params::Secret;
use url::Host;
use url::Url;

use crate::egress::allowed::Allowed;
use crate::egress::allowed::normal;

/// A proxy for outgoing connections.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proxy {
    host: String,
    url: Secret,
}

impl Proxy {
    /// Reads `[http[s]://][user:password@]host[:port]`.
    ///
    /// # Errors
    /// The end of a sentence that does not repeat the text, which may hold a password.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let text = if text.contains("://") {
            text.to_owned()
        } else {
            format!("http://{text}")
        };
        let url = Url::parse(&text).map_err(|_| "is not a URL")?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err("must begin with http:// or https://");
        }
        let host = url.host_str().ok_or("names no host")?;
        Ok(Self {
            host: normal(host),
            url: Secret::new(url.as_str()),
        })
    }

    /// The whole URL, credentials included.
    pub fn url(&self) -> &Secret {
        &self.url
    }
}

/// The proxies of a bridge. By default there are none.
#[derive(Clone, Debug, Default)]
pub struct Proxies {
    http: Option<Proxy>,
    https: Option<Proxy>,
    takes_loopback: bool,
    direct: Direct,
}

/// Which hosts are reached without a proxy.
#[derive(Clone, Debug)]
enum Direct {
    /// All of them.
    Everything,
    /// These.
    These(Vec<Allowed>),
}

impl Default for Direct {
    fn default() -> Self {
        Self::These(Vec::new())
    }
}

impl Proxies {
    /// A proxy that an operator named for the bridge: everything takes it.
    pub fn named(proxy: Proxy) -> Self {
        Self {
            http: Some(proxy.clone()),
            https: Some(proxy),
            takes_loopback: true,
            direct: Direct::default(),
        }
    }

    /// The proxies that a machine uses for `http://` and `https://`: for everything but this machine itself.
    pub fn of_machine(http: Option<Proxy>, https: Option<Proxy>) -> Self {
        Self {
            http,
            https,
            takes_loopback: false,
            direct: Direct::default(),
        }
    }

    /// Leaves out the hosts of a `NO_PROXY` list: names with everything below them, addresses, CIDRs, or `*`.
    #[must_use]
    pub fn without(mut self, list: &str) -> Self {
        let mut these = Vec::new();
        for item in list.split(',').map(str::trim) {
            if item == "*" {
                self.direct = Direct::Everything;
                return self;
            }
            let name = item.strip_prefix('*').unwrap_or(item);
            let name = name.strip_prefix('.').unwrap_or(name);
            these.extend(name.parse::<Allowed>());
            these.extend(format!("*.{name}").parse::<Allowed>());
        }
        self.direct = Direct::These(these);
        self
    }

    /// Whether a host of this name is one of the proxies.
    pub(super) fn has(&self, name: &str) -> bool {
        let mut proxies = [&self.http, &self.https].into_iter().flatten();
        proxies.any(|proxy| proxy.host == name)
    }

    /// The proxy on the way to a URL.
    pub(super) fn on_the_way_to(&self, url: &Url, is_loopback: bool) -> Option<&Proxy> {
        if is_loopback && !self.takes_loopback {
            return None;
        }
        let port = url.port_or_known_default();
        let direct = match (&self.direct, url.host()) {
            (Direct::Everything, _) | (_, None) => true,
            (Direct::These(these), Some(Host::Domain(name))) => {
                let name = normal(name);
                these.iter().any(|entry| entry.has_name(&name, port))
            }
            (Direct::These(these), Some(Host::Ipv4(address))) => these
                .iter()
                .any(|entry| entry.has_address(address.into(), port)),
            (Direct::These(these), Some(Host::Ipv6(address))) => these
                .iter()
                .any(|entry| entry.has_address(address.into(), port)),
        };
        let proxy = if url.scheme() == "https" {
            self.https.as_ref()
        } else {
            self.http.as_ref()
        };
        proxy.filter(|_| !direct)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proxy(text: &str) -> Proxy {
        Proxy::parse(text).unwrap()
    }

    #[test]
    fn a_proxy_is_a_url_and_its_password_is_not_shown() {
        let found = proxy("user:s3cret@Proxy.example:3128");
        assert_eq!(
            found.url().expose(),
            "http://user:s3cret@proxy.example:3128/"
        );
        assert!(!format!("{found:?}").contains("s3cret"));
        for (text, problem) in [
            ("", "is not a URL"),
            (
                "socks5://user:s3cret@proxy",
                "must begin with http:// or https://",
            ),
            ("http://a b", "is not a URL"),
        ] {
            assert_eq!(Proxy::parse(text), Err(problem), "{text}");
        }
    }

    #[test]
    fn a_list_of_exceptions_is_kept() {
        let list = "internal.example, .b.example,*.c.example,10.0.0.0/8,[::1],host:8443,,%";
        let proxies = Proxies::named(proxy("proxy")).without(list);
        for (url, taken) in [
            ("https://a.example/", true),
            ("http://a.example/", true),
            ("https://internal.example/", false),
            ("https://Internal.Example./", false),
            ("https://x.internal.example/", false),
            ("https://xinternal.example/", true),
            ("https://b.example/", false),
            ("https://x.b.example/", false),
            ("https://x.c.example/", false),
            ("https://10.1.2.3/", false),
            ("https://11.1.2.3/", true),
            ("https://[::1]/", false),
            ("https://host:8443/", false),
            ("https://host/", true),
        ] {
            let url = Url::parse(url).unwrap();
            assert_eq!(proxies.on_the_way_to(&url, false).is_some(), taken, "{url}");
        }
        let none = Proxies::named(proxy("proxy")).without("a.example, *");
        let url = Url::parse("https://b.example/").unwrap();
        assert_eq!(none.on_the_way_to(&url, false), None);
    }

    #[test]
    fn the_proxies_of_a_machine_are_by_scheme_and_not_for_itself() {
        let https = proxy("https://secure.example");
        let machine = Proxies::of_machine(None, Some(https.clone()));
        let (plain, secure) = ("http://a.example/", "https://a.example/");
        let (plain, secure) = (Url::parse(plain).unwrap(), Url::parse(secure).unwrap());
        assert_eq!(machine.on_the_way_to(&plain, false), None);
        assert_eq!(machine.on_the_way_to(&secure, false), Some(&https));
        assert_eq!(machine.on_the_way_to(&secure, true), None);
        let named = Proxies::named(https.clone());
        assert_eq!(named.on_the_way_to(&plain, true), Some(&https));
        assert!(named.has("secure.example") && !named.has("a.example"));
    }
}
