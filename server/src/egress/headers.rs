//! Which headers may be sent to an MCP server.
//!
//! Owns what a header must look like and whose each name is. Never sees where a header goes.

/// Headers that say how one message travels: only the bridge writes them.
const TRANSPORT: &[&str] = &[
    "connection",
    "expect",
    "host",
    "http2-settings",
    "keep-alive",
    "last-event-id",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// How the names of further ones begin.
const TRANSPORT_BEGINNINGS: &[&str] = &["accept", "content-", "mcp-", "proxy-"];

/// Headers with which a caller could pass for somebody else.
const IDENTITY: &[&str] = &[
    "cookie",
    "forwarded",
    "origin",
    "referer",
    "user-agent",
    "via",
    "x-real-ip",
];

/// How the names of further ones begin.
const IDENTITY_BEGINNINGS: &[&str] = &["x-forwarded-"];

/// Headers that carry a caller's own credentials.
const CREDENTIALS: &[&str] = &["api-key", "apikey", "authorization"];

/// How the names of further ones begin.
const CREDENTIALS_BEGINNINGS: &[&str] = &["x-"];

/// Whose a header is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Owner {
    /// The bridge's: nobody else may set it.
    Transport,
    /// The operator's: it says who asks.
    Identity,
    /// The caller's: credentials, and what a service defines for itself.
    Caller,
    /// Unknown; the operator's.
    Unknown,
}

/// Whose the header of a name is, whatever its case.
pub fn owner(name: &str) -> Owner {
    let name = name.to_ascii_lowercase();
    let is_one_of = |names: &[&str], beginnings: &[&str]| {
        names.contains(&name.as_str()) || beginnings.iter().any(|start| name.starts_with(start))
    };
    if is_one_of(TRANSPORT, TRANSPORT_BEGINNINGS) {
        Owner::Transport
    } else if is_one_of(IDENTITY, IDENTITY_BEGINNINGS) {
        Owner::Identity
    } else if is_one_of(CREDENTIALS, CREDENTIALS_BEGINNINGS) {
        Owner::Caller
    } else {
        Owner::Unknown
    }
}

/// Whether a name can be a header's that somebody else than the bridge writes.
///
/// # Errors
/// The end of a sentence.
pub fn check_name(name: &str) -> Result<(), &'static str> {
    // A `token` of RFC 9110, 5.6.2.
    let proper = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    if name.is_empty() || !name.bytes().all(proper) {
        return Err("is not the name of a header");
    }
    match owner(name) {
        Owner::Transport => Err("is a header that only the bridge writes; leave it out"),
        Owner::Identity | Owner::Caller | Owner::Unknown => Ok(()),
    }
}

/// Whether a text can be a header's value.
///
/// # Errors
/// The end of a sentence that does not repeat the value.
pub fn check_value(value: &str) -> Result<(), &'static str> {
    if value.bytes().all(|byte| (b' '..=b'~').contains(&byte)) {
        return Ok(());
    }
    Err("must hold only visible ASCII characters and spaces")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_header_is_somebodys() {
        for (names, expected) in [
            (
                "Host connection Keep-Alive TE trailer transfer-encoding upgrade content-length Content-Type \
                 content-encoding accept Accept-Encoding proxy-authorization Proxy-Connection mcp-session-id \
                 MCP-Protocol-Version mcp-param-x Last-Event-ID expect http2-settings",
                Owner::Transport,
            ),
            (
                "cookie Origin referer forwarded X-Forwarded-For x-forwarded-host X-Real-IP user-agent via",
                Owner::Identity,
            ),
            (
                "Authorization x-api-key X-Anything api-key ApiKey x-forwardedx",
                Owner::Caller,
            ),
            ("date set-cookie foo private-token x", Owner::Unknown),
        ] {
            for name in names.split_whitespace() {
                assert_eq!(owner(name), expected, "{name}");
            }
        }
    }

    #[test]
    fn names_are_tokens_and_values_are_visible() {
        for name in ["", "a b", "a:b", "a\r\nb", "ä", "(a)", "a\0"] {
            assert_eq!(
                check_name(name),
                Err("is not the name of a header"),
                "{name:?}"
            );
        }
        assert!(check_name("HOST").unwrap_err().contains("only the bridge"));
        assert_eq!(check_name("X-Key_1"), Ok(()));
        for value in ["a\r\nHost: b", "a\nb", "a\0", "a\tb", "ä", "\u{7f}"] {
            assert!(check_value(value).is_err(), "{value:?}");
        }
        assert_eq!(check_value("Bearer a-b.c~d+e/f="), Ok(()));
        assert_eq!(check_value(""), Ok(()));
    }
}
