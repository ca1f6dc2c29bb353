//! What a caller may send to a remote MCP server: which URL, which headers.

use footbridge_shared::fault::Fault;
use footbridge_shared::fault::FaultCode;
use footbridge_shared::params::Secret;
use footbridge_shared::params::Secrets;
use url::Url;

/// Headers a caller may give.
const HEADERS: usize = 32;

/// Bytes the names and values of all headers may have together.
const HEADER_BYTES: usize = 8 * 1024;

/// Bytes a URL may have.
const URL_BYTES: usize = 4 * 1024;

/// Headers that carry credentials by convention.
const CREDENTIALS: [&str; 4] = ["authorization", "api-key", "apikey", "x-api-key"];

/// Headers that the transport writes, or that tell who is asking from where; nobody may set them.
const RESERVED: [&str; 20] = [
    "accept",
    "connection",
    "expect",
    "forwarded",
    "host",
    "keep-alive",
    "last-event-id",
    "origin",
    "proxy-authorization",
    "proxy-connection",
    "referer",
    "te",
    "trailer",
    "trailers",
    "transfer-encoding",
    "upgrade",
    "user-agent",
    "via",
    "x-real-ip",
    "cookie2",
];

/// Beginnings of such names.
const RESERVED_BEGINNINGS: [&str; 7] = [
    "accept-",
    "access-control-",
    "content-",
    "mcp-",
    "proxy-",
    "sec-",
    "x-forwarded-",
];

/// Who wrote the params.
#[derive(Clone, Copy, Debug)]
pub(super) enum Author<'a> {
    /// The operator, in the catalogue.
    Operator,
    /// A caller, who may also set these headers.
    Caller {
        extra: &'a [String],
        token: Option<&'a Secret>,
    },
}

/// Reads the URL of a remote server.
pub(super) fn url(text: &str) -> Result<Url, Fault> {
    if text.len() > URL_BYTES {
        return Err(wrong(
            "url",
            &format!("must have at most {URL_BYTES} bytes"),
        ));
    }
    let url = Url::parse(text).map_err(|error| wrong("url", &format!("is not a URL: {error}")))?;
    if matches!(url.scheme(), "http" | "https") {
        return Ok(url);
    }
    Err(wrong("url", "must begin with https:// or http://"))
}

/// The host of a URL, with its port when that is not the usual one.
pub(super) fn label(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    url.port()
        .map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}

/// Checks the headers that are to be sent with every request.
pub(super) fn check_headers(headers: &Secrets, author: Author<'_>) -> Result<(), Fault> {
    if headers.len() > HEADERS {
        return Err(wrong(
            "headers",
            &format!("must have at most {HEADERS} entries"),
        ));
    }
    let total: usize = headers
        .iter()
        .map(|(name, value)| name.len() + value.expose().len())
        .sum();
    if total > HEADER_BYTES {
        return Err(wrong(
            "headers",
            &format!("must have at most {HEADER_BYTES} bytes in all"),
        ));
    }
    for (name, value) in headers {
        check_header(name, value, author)?;
    }
    Ok(())
}

fn check_header(name: &str, value: &Secret, author: Author<'_>) -> Result<(), Fault> {
    let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    if name.is_empty() || !name.bytes().all(is_token) {
        return Err(wrong(
            "headers",
            &format!("has the name {name:?}, which no HTTP header can have"),
        ));
    }
    let field = format!("headers.{name}");
    let is_visible = |byte: u8| matches!(byte, b' '..=b'~' | b'\t');
    if !value.expose().bytes().all(is_visible) {
        return Err(wrong(&field, "must hold visible ASCII characters only"));
    }
    let lower = name.to_ascii_lowercase();
    if RESERVED.contains(&lower.as_str())
        || RESERVED_BEGINNINGS
            .iter()
            .any(|beginning| lower.starts_with(beginning))
    {
        return Err(wrong(
            &field,
            "is a header that the bridge writes itself or that nobody may set; leave it out",
        ));
    }
    let Author::Caller { extra, token } = author else {
        return Ok(());
    };
    let is_allowed = CREDENTIALS.contains(&lower.as_str())
        || lower.starts_with("x-")
        || extra.iter().any(|extra| extra.eq_ignore_ascii_case(name));
    if !is_allowed {
        return Err(
            wrong(&field, "is not a header that callers may set").hint(format!(
                "Callers may set {} and x-…; others are allowed with --allow-header {name}.",
                CREDENTIALS.join(", ")
            )),
        );
    }
    if token.is_some_and(|token| value.expose().contains(token.expose())) {
        return Err(wrong(
            &field,
            "holds the token of this bridge, which must not be sent elsewhere",
        )
        .hint("Use the credentials of the MCP server."));
    }
    Ok(())
}

fn wrong(field: &str, problem: &str) -> Fault {
    let field = format!("server_params.{field}");
    Fault::new(FaultCode::InvalidField, format!("{field} {problem}.")).field(field)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(name: &str, value: &str, author: Author<'_>) -> Result<(), Fault> {
        check_headers(&[(name.to_owned(), Secret::new(value))].into(), author)
    }

    #[test]
    fn callers_may_set_credentials_and_headers_of_their_own() {
        let caller = Author::Caller {
            extra: &["Cookie".to_owned()],
            token: None,
        };
        for name in [
            "Authorization",
            "x-api-key",
            "X-Anything",
            "api-key",
            "cookie",
        ] {
            assert!(check(name, "v", caller).is_ok(), "{name}");
        }
        for name in [
            "Host",
            "content-length",
            "Content-Type",
            "Transfer-Encoding",
            "connection",
            "Upgrade",
            "te",
            "Proxy-Authorization",
            "Mcp-Session-Id",
            "mcp-protocol-version",
            "Last-Event-ID",
            "Origin",
            "X-Forwarded-For",
            "forwarded",
            "Accept",
            "User-Agent",
            "accept-encoding",
            "Sec-Fetch-Site",
            "date",
            "",
            "a b",
            "a:b",
            "ä",
        ] {
            let fault = check(name, "v", caller).unwrap_err();
            assert_eq!(fault.code, FaultCode::InvalidField, "{name}");
        }
        for name in ["Host", "mcp-session-id", "content-type"] {
            assert!(check(name, "v", Author::Operator).is_err(), "{name}");
        }
        assert!(check("date", "v", Author::Operator).is_ok());
    }

    #[test]
    fn values_are_plain_and_never_the_bridges_own_token() {
        let token = Secret::new("0123456789abcdef");
        let caller = Author::Caller {
            extra: &[],
            token: Some(&token),
        };
        for value in ["a\r\nHost: b", "a\0", "é", "Bearer 0123456789abcdef"] {
            let fault = check("authorization", value, caller).unwrap_err();
            assert_eq!(
                fault.field.as_deref(),
                Some("server_params.headers.authorization")
            );
            assert!(!format!("{fault:?}").contains("0123456789abcdef"));
        }
        let many = (0..=HEADERS)
            .map(|n| (format!("x-{n}"), Secret::new("v")))
            .collect();
        assert!(check_headers(&many, caller).is_err());
        assert!(check("x-long", &"v".repeat(HEADER_BYTES), caller).is_err());
    }
}
