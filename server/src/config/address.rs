//! Addresses people write: where to listen, the public URL, the origins of pages.
//!
//! Owns their one spelling, so that later they are compared as text. Never opens a socket.

use std::net::IpAddr;
use std::net::SocketAddr;
use std::net::ToSocketAddrs;

use crate::config::error::ConfigError;

/// Resolves `HOST:PORT`. The address that comes out is the one to check and to bind: names such as `0` or `0x0` are
/// spellings of "every address".
///
/// # Errors
/// A sentence when the text is not `HOST:PORT` or the host has no address.
pub fn listen(text: &str) -> Result<SocketAddr, ConfigError> {
    let wrong = |problem: String| ConfigError::new(format!("--listen {text:?} {problem}"));
    let example = "must be HOST:PORT, such as 127.0.0.1:8000 or [::1]:8000.";
    let proper = text
        .rsplit_once(':')
        .is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok());
    if !proper {
        return Err(wrong(example.to_owned()));
    }
    let addresses: Vec<SocketAddr> = text
        .to_socket_addrs()
        .map_err(|error| wrong(format!("has no address: {error}.")))?
        .collect();
    // `localhost` usually means both families; the URL that is printed then looks the same everywhere.
    addresses
        .iter()
        .find(|address| address.is_ipv4())
        .or(addresses.first())
        .copied()
        .ok_or_else(|| wrong("has no address.".to_owned()))
}

/// Whether only programs of this machine can reach an address.
pub fn is_loopback(address: IpAddr) -> bool {
    address.to_canonical().is_loopback()
}

/// Reads the origin of a page as a browser spells it: `scheme://host[:port]` in lower case, without the default port.
/// `null`, which stands for every page without an origin, is kept as it is.
///
/// # Errors
/// A sentence when the text is more or less than an origin.
pub fn origin(text: &str) -> Result<String, ConfigError> {
    if text == "null" {
        return Ok(text.to_owned());
    }
    let wrong = |problem| ConfigError::new(format!("--allow-origin {text:?} {problem}"));
    if text.contains('*') {
        return Err(wrong("must name one origin; patterns are not possible."));
    }
    let (scheme, authority) = text
        .split_once("://")
        .ok_or_else(|| wrong("must be scheme://host[:port], such as https://app.example.com."))?;
    if authority.contains(['/', '?', '#']) {
        return Err(wrong(
            "must end after the host or port: an origin has no path.",
        ));
    }
    spelled(scheme, authority)
        .ok_or_else(|| wrong("must be scheme://host[:port], such as https://app.example.com."))
}

/// Reads the URL people reach the bridge by, without a trailing slash.
///
/// # Errors
/// A sentence when it is not an `http` or `https` URL, or has a query, a fragment or a password.
pub fn public_url(text: &str) -> Result<String, ConfigError> {
    let wrong = || {
        ConfigError::new(format!(
            "--public-url {text:?} must be http:// or https:// with a host, an optional port and an optional path."
        ))
    };
    let (scheme, rest) = text.split_once("://").ok_or_else(wrong)?;
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/-._~%".contains(&byte);
    if !matches!(scheme.to_ascii_lowercase().as_str(), "http" | "https") || !path.bytes().all(plain)
    {
        return Err(wrong());
    }
    let origin = spelled(scheme, authority).ok_or_else(wrong)?;
    Ok(format!("{origin}{}", path.trim_end_matches('/')))
}

/// Scheme and authority in their one spelling; `None` when one of them is not proper.
fn spelled(scheme: &str, authority: &str) -> Option<String> {
    let scheme = scheme.to_ascii_lowercase();
    let authority = authority.to_ascii_lowercase();
    let proper_scheme = scheme.starts_with(|first: char| first.is_ascii_lowercase())
        && scheme
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte));
    // The colons of an IPv6 address are inside brackets.
    let after_address = authority.rfind(']').map_or(0, |bracket| bracket + 1);
    let (host, port) = match authority[after_address..].rfind(':') {
        Some(colon) => (
            &authority[..after_address + colon],
            Some(authority[after_address + colon + 1..].parse::<u16>().ok()?),
        ),
        None => (authority.as_str(), None),
    };
    let proper_host = match host.strip_prefix('[') {
        Some(address) => address
            .strip_suffix(']')?
            .parse::<std::net::Ipv6Addr>()
            .is_ok(),
        None => {
            !host.is_empty()
                && host
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte))
        }
    };
    if !proper_scheme || !proper_host {
        return None;
    }
    let default = matches!(
        (scheme.as_str(), port),
        ("http", Some(80)) | ("https", Some(443))
    );
    Some(match port {
        Some(port) if !default => format!("{scheme}://{host}:{port}"),
        Some(_) | None => format!("{scheme}://{host}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_odd_spellings_are_resolved_before_they_are_judged() {
        for (text, loopback) in [
            ("127.0.0.1:8000", true),
            ("127.9.9.9:0", true),
            ("localhost:8000", true),
            ("[::1]:8000", true),
            ("[::ffff:127.0.0.1]:8000", true),
            ("0.0.0.0:8000", false),
            ("0:8000", false),
            ("0x0:8000", false),
            ("[::]:8000", false),
            ("[::ffff:0.0.0.0]:8000", false),
            ("192.0.2.1:8000", false),
        ] {
            let address = listen(text).unwrap();
            assert_eq!(is_loopback(address.ip()), loopback, "{text} is {address}");
        }
    }

    #[test]
    fn an_address_without_host_or_port_is_refused() {
        for text in [
            "",
            "8000",
            ":8000",
            "localhost",
            "localhost:",
            "127.0.0.1:99999",
        ] {
            let sentence = listen(text).unwrap_err().to_string();
            assert!(sentence.contains("must be HOST:PORT"), "{sentence}");
        }
    }

    #[test]
    fn origins_get_the_spelling_of_a_browser() {
        for (text, spelling) in [
            ("null", "null"),
            ("http://localhost:5173", "http://localhost:5173"),
            ("HTTPS://App.Example.com:443", "https://app.example.com"),
            ("http://[::1]:80", "http://[::1]"),
            ("https://example.com:8443", "https://example.com:8443"),
            ("chrome-extension://abcdef", "chrome-extension://abcdef"),
        ] {
            assert_eq!(origin(text).as_deref(), Ok(spelling));
        }
        for text in [
            "",
            "*",
            "Null",
            "example.com",
            "https://*.example.com",
            "https://example.com/",
            "https://example.com/app",
            "https://",
            "https://:8000",
            "https://a b",
            "https://exämple.com",
            "https://user@example.com",
            "https://example.com:port",
            "https://[::1",
            "http://::1:80",
        ] {
            assert!(origin(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_public_url_may_have_a_path_and_nothing_after_it() {
        for (text, spelling) in [
            ("https://Tools.example.com/", "https://tools.example.com"),
            (
                "https://example.com:8443/mcp/",
                "https://example.com:8443/mcp",
            ),
            ("http://localhost:9000", "http://localhost:9000"),
        ] {
            assert_eq!(public_url(text).as_deref(), Ok(spelling));
        }
        for text in [
            "",
            "example.com",
            "ws://example.com",
            "https://",
            "https://example.com/?a=1",
            "https://example.com/#a",
            "https://u:p@example.com/",
        ] {
            assert!(public_url(text).is_err(), "{text}");
        }
    }
}
