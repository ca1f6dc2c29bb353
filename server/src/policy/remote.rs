//! What a caller may send to a remote MCP server: which URL, which headers.

use std::collections::HashSet;

use footbridge_shared::fault::Fault;
use footbridge_shared::fault::FaultCode;
use footbridge_shared::params::Secret;
use footbridge_shared::params::Secrets;
use url::Url;

use crate::egress::check_form;
use crate::egress::headers;
use crate::egress::headers::Owner;

/// Headers a caller may give.
const HEADERS: usize = 32;

/// Bytes the names and values of all headers may have together.
const HEADER_BYTES: usize = 8 * 1024;

/// Bytes a URL may have.
const URL_BYTES: usize = 4 * 1024;

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
    check_form(&url).map_err(|problem| wrong("url", problem))?;
    Ok(url)
}

/// Checks the headers that are to be sent with every request.
pub(super) fn check_headers(given: &Secrets, author: Author<'_>) -> Result<(), Fault> {
    if given.len() > HEADERS {
        return Err(wrong(
            "headers",
            &format!("must have at most {HEADERS} entries"),
        ));
    }
    let total: usize = given
        .iter()
        .map(|(name, value)| name.len() + value.expose().len())
        .sum();
    if total > HEADER_BYTES {
        return Err(wrong(
            "headers",
            &format!("must have at most {HEADER_BYTES} bytes in all"),
        ));
    }
    let mut names = HashSet::new();
    for (name, value) in given {
        check_header(name, value, author)?;
        if !names.insert(name.to_ascii_lowercase()) {
            return Err(wrong(
                &format!("headers.{name}"),
                "is there twice: upper and lower case are the same in the name of a header",
            ));
        }
    }
    Ok(())
}

fn check_header(name: &str, value: &Secret, author: Author<'_>) -> Result<(), Fault> {
    let field = format!("headers.{name}");
    headers::check_name(name).map_err(|problem| wrong(&field, problem))?;
    headers::check_value(value.expose()).map_err(|problem| wrong(&field, problem))?;
    let Author::Caller { extra, token } = author else {
        return Ok(());
    };
    let is_allowed = match headers::owner(name) {
        Owner::Caller => true,
        Owner::Transport | Owner::Identity | Owner::Unknown => {
            extra.iter().any(|extra| extra.eq_ignore_ascii_case(name))
        }
    };
    if !is_allowed {
        return Err(
            wrong(&field, "is not a header that callers may set").hint(format!(
                "Callers may set authorization, api-key, apikey and x-…; whoever runs the bridge can allow others with \
                 --allow-header {name}."
            )),
        );
    }
    if holds(value.expose(), token) {
        return Err(wrong(
            &field,
            "holds the token of this bridge, which is sent nowhere",
        )
        .hint("Use the credentials of the MCP server."));
    }
    Ok(())
}

/// Checks that a caller's URL does not give away the bridge's own token.
pub(super) fn check_url_for(url: &Url, token: Option<&Secret>) -> Result<(), Fault> {
    if holds(url.as_str(), token) {
        return Err(wrong(
            "url",
            "holds the token of this bridge, which is sent nowhere",
        )
        .hint("Use the credentials of the MCP server."));
    }
    Ok(())
}

fn holds(text: &str, token: Option<&Secret>) -> bool {
    token.is_some_and(|token| text.contains(token.expose()))
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
            "X-Real-IP",
            "Sec-Fetch-Site",
            "date",
            "",
            "a b",
            "a:b",
            "ä",
        ] {
            let fault = check(name, "v", caller).unwrap_err();
            assert_eq!(fault.code, FaultCode::InvalidField, "{name}");
            assert_eq!(fault.field, Some(format!("server_params.headers.{name}")));
        }
        for name in ["Host", "mcp-session-id", "content-type"] {
            assert!(check(name, "v", Author::Operator).is_err(), "{name}");
        }
        for name in ["date", "User-Agent", "cookie", "X-Forwarded-For"] {
            assert!(check(name, "v", Author::Operator).is_ok(), "{name}");
        }
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
        let twice = ["x-key", "X-Key"].map(|name| (name.to_owned(), Secret::new("v")));
        assert!(check_headers(&twice.into(), caller).is_err());
    }

    #[test]
    fn what_only_the_bridge_writes_cannot_be_allowed() {
        let caller = Author::Caller {
            extra: &["host".to_owned(), "user-agent".to_owned()],
            token: None,
        };
        assert!(check("Host", "v", caller).is_err());
        assert!(check("User-Agent", "v", caller).is_ok());
    }

    #[test]
    fn a_url_is_short_and_holds_neither_credentials_nor_the_bridges_token() {
        let token = Secret::new("0123456789abcdef");
        let long = format!("https://a.example/{}", "x".repeat(URL_BYTES));
        for text in [&long, "", "a.example/mcp", "https://me:s3cret@a.example/"] {
            let fault = url(text).unwrap_err();
            assert_eq!(fault.field.as_deref(), Some("server_params.url"), "{text}");
            assert!(!fault.message.contains("s3cret"));
        }
        let with_token = url("https://a.example/?k=0123456789abcdef").unwrap();
        let fault = check_url_for(&with_token, Some(&token)).unwrap_err();
        assert!(!format!("{fault:?}").contains("0123456789abcdef"));
        assert_eq!(check_url_for(&with_token, None), Ok(()));
    }
}
