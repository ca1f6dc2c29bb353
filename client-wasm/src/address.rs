//! Where the bridge is: from what a program wrote to the URLs of routes and sockets.
//! Owns the rules for `url`; never looks at the page by itself.

use crate::fault::Fault;

const PREFIX: &str = "/api/mcp";

/// The bridge's address, absolute.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Address {
    /// Scheme, host and port: `http://127.0.0.1:8000`.
    origin: String,
    /// The API prefix: `/api/mcp`.
    prefix: String,
}

impl Address {
    /// Understands `url`: an origin, an absolute prefix, or a path on the page's own origin.
    /// `page` is the address of the page, when there is one.
    pub(crate) fn parse(url: Option<&str>, page: Option<&str>) -> Result<Self, Fault> {
        let url = url
            .map(str::trim)
            .filter(|url| !url.is_empty())
            .unwrap_or(PREFIX);
        if url.starts_with('/') && !url.starts_with("//") {
            let page = page.ok_or_else(|| {
                Fault::misuse(format!(
                    "url \"{url}\" is relative, and there is no page to resolve it against: \
                     write it in full, such as http://127.0.0.1:8000"
                ))
            })?;
            let (origin, _) = absolute(page)?;
            return Ok(Self {
                origin,
                prefix: prefix(url),
            });
        }
        let (origin, path) = absolute(url)?;
        Ok(Self {
            origin,
            prefix: prefix(path),
        })
    }

    /// The URL of a route under the prefix; `path` starts with a slash.
    pub(crate) fn route(&self, path: &str) -> String {
        format!("{}{}{path}", self.origin, self.prefix)
    }

    /// The URL of the socket whose path and query the bridge named.
    pub(crate) fn socket(&self, path_and_query: &str) -> Result<String, Fault> {
        if !path_and_query.starts_with('/') || path_and_query.starts_with("//") {
            return Err(Fault::not_a_bridge(
                "named a `websocket_url` that is not a path",
            ));
        }
        // `http` becomes `ws`, and `https` becomes `wss`.
        let host = self.origin.strip_prefix("http").unwrap_or(&self.origin);
        Ok(format!("ws{host}{path_and_query}"))
    }
}

/// Splits an absolute URL into its origin and the rest.
fn absolute(url: &str) -> Result<(String, &str), Fault> {
    let wrong = |why: &str| {
        Fault::misuse(format!(
            "url \"{}\" {why}: write an origin such as http://127.0.0.1:8000, or a path such as /api/mcp",
            url.split(['?', '#']).next().unwrap_or_default()
        ))
    };
    let (scheme, rest) = url
        .split_once(':')
        .and_then(|(scheme, rest)| Some((scheme, rest.strip_prefix("//")?)))
        .ok_or_else(|| wrong("has no scheme"))?;
    let scheme = match scheme.to_ascii_lowercase().as_str() {
        "http" | "ws" => "http",
        "https" | "wss" => "https",
        _ => return Err(wrong("is neither http nor https")),
    };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (host, path) = rest.split_at(end);
    if host.is_empty() {
        return Err(wrong("has no host"));
    }
    if host.contains('@') {
        return Err(Fault::misuse(
            "url carries a user name or password: give the bridge's token as `token`",
        ));
    }
    Ok((format!("{scheme}://{host}"), path))
}

/// A path without query, fragment and trailing slashes; the usual prefix when nothing is left.
fn prefix(path: &str) -> String {
    let path = path
        .split(['?', '#'])
        .next()
        .unwrap_or_default()
        .trim_end_matches('/');
    if path.is_empty() {
        PREFIX.to_owned()
    } else {
        path.to_owned()
    }
}

/// One path segment with everything escaped that could end it.
pub(crate) fn segment(text: &str) -> String {
    use std::fmt::Write as _;
    let mut escaped = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'.' | b'_' | b'-' => {
                escaped.push(char::from(byte));
            }
            _ => {
                // Writing to a String cannot fail.
                let _ = write!(escaped, "%{byte:02X}");
            }
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: Option<&str> = Some("https://app.example:8443/deep/page?x=1#y");

    fn route(url: &str, page: Option<&str>) -> String {
        Address::parse(Some(url), page)
            .map_or_else(|fault| fault.message, |address| address.route("/servers"))
    }

    #[test]
    fn an_origin_alone_gets_the_usual_prefix() {
        for url in [
            "http://127.0.0.1:8000",
            "http://127.0.0.1:8000/",
            " HTTP://127.0.0.1:8000// ",
            "ws://127.0.0.1:8000",
            "http://127.0.0.1:8000/#token=secret",
            "http://127.0.0.1:8000/api/mcp/",
        ] {
            assert_eq!(
                route(url, None),
                "http://127.0.0.1:8000/api/mcp/servers",
                "for {url}"
            );
        }
    }

    #[test]
    fn a_path_belongs_to_the_page() {
        assert_eq!(
            route("/api/mcp", PAGE),
            "https://app.example:8443/api/mcp/servers"
        );
        assert_eq!(
            route("/tools/mcp/", PAGE),
            "https://app.example:8443/tools/mcp/servers"
        );
        assert_eq!(route("", PAGE), "https://app.example:8443/api/mcp/servers");
        assert_eq!(route("/", PAGE), "https://app.example:8443/api/mcp/servers");
    }

    #[test]
    fn what_cannot_be_resolved_says_what_to_write() {
        for (url, page, expected) in [
            ("/api/mcp", None, "there is no page to resolve it against"),
            ("localhost:8000", PAGE, "has no scheme"),
            ("//host/x", PAGE, "has no scheme"),
            ("ftp://host", PAGE, "neither http nor https"),
            ("http:///x", PAGE, "has no host"),
            (
                "http://me:pw@host",
                PAGE,
                "give the bridge's token as `token`",
            ),
        ] {
            let message = route(url, page);
            assert!(message.contains(expected), "{url}: {message}");
        }
    }

    #[test]
    fn an_error_never_repeats_a_fragment() {
        assert!(!route("localhost:8000/#token=secret", PAGE).contains("secret"));
    }

    #[test]
    fn a_socket_is_as_safe_as_its_page() {
        let address = Address::parse(None, PAGE).unwrap();
        assert_eq!(
            address.socket("/api/mcp/ws/1?ticket=t").unwrap(),
            "wss://app.example:8443/api/mcp/ws/1?ticket=t"
        );
        let address = Address::parse(Some("http://[::1]:80"), None).unwrap();
        assert_eq!(address.socket("/s").unwrap(), "ws://[::1]:80/s");
    }

    #[test]
    fn a_socket_elsewhere_is_refused() {
        let address = Address::parse(None, PAGE).unwrap();
        for path in ["wss://evil.example/", "//evil.example/", "", "ws/1"] {
            assert!(address.socket(path).is_err(), "{path}");
        }
    }

    #[test]
    fn a_session_id_cannot_leave_its_segment() {
        assert_eq!(segment("a/../b?c#d é"), "a%2F..%2Fb%3Fc%23d%20%C3%A9");
    }
}
