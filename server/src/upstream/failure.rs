//! What went wrong between us and a remote MCP server, said so that the reader knows what to do.
//!
//! Owns the sentences and hints. Never shows a URL's path or query, a header we sent, or a body; what it shows of a
//! server's own words has passed the redactor.

use std::error::Error;
use std::io::ErrorKind;
use std::time::Duration;

use footbridge_shared::fault::Fault;
use footbridge_shared::fault::FaultCode;
use footbridge_shared::fault::UpstreamReport;
use reqwest::StatusCode;
use reqwest::header::HeaderMap;
use reqwest::header::LOCATION;
use reqwest::header::RETRY_AFTER;
use reqwest::header::WWW_AUTHENTICATE;

use super::client::Denied;
use super::redact::Redactor;
use crate::meters;

/// Bytes of a server's header that are shown.
const SHOWN: usize = 500;

/// A request that got no complete answer. `is_sent` tells whether the server may have acted on it.
pub(super) fn of_error(error: &reqwest::Error, host: &str) -> Fault {
    let causes = || std::iter::successors(Error::source(error), |cause| (*cause).source());
    if let Some(denied) = causes().find_map(|cause| cause.downcast_ref::<Denied>()) {
        return denied.0.clone();
    }
    if let Some(reason) = causes().find_map(tls_reason) {
        return Fault::new(
            FaultCode::UpstreamTls,
            format!("No secure connection to the MCP server at {host}: {reason}."),
        )
        .hint("Check that the URL's scheme and port are right; a private certificate authority is made known with --upstream-ca.");
    }
    if causes().any(|cause| cause.to_string() == "dns error") {
        return unresolved(host);
    }
    let kind = causes().find_map(|cause| {
        cause
            .downcast_ref::<std::io::Error>()
            .map(std::io::Error::kind)
    });
    if error.is_connect() || (error.is_timeout() && kind.is_none()) {
        return unreachable(host, kind, error.is_timeout());
    }
    dropped(host)
}

/// The host's name means nothing to the resolver.
pub(super) fn unresolved(host: &str) -> Fault {
    Fault::new(
        FaultCode::UpstreamDns,
        format!("The host of the MCP server, {host}, cannot be resolved."),
    )
    .hint("Check the URL for a typing error, and that the bridge's machine can resolve the name.")
}

fn unreachable(host: &str, kind: Option<ErrorKind>, timed_out: bool) -> Fault {
    let (reason, hint) = match kind {
        Some(ErrorKind::ConnectionRefused) => (
            "the connection was refused",
            "Start the server, or check the URL's port: nothing listens there.",
        ),
        Some(ErrorKind::HostUnreachable | ErrorKind::NetworkUnreachable) => (
            "there is no route to it",
            "Check the bridge's network; a proxy is set with --upstream-proxy.",
        ),
        _ if timed_out => (
            "it did not accept the connection in time",
            "Check the URL and any firewall between, or raise server_params.timeout.",
        ),
        _ => (
            "the connection failed",
            "Check the URL and that the server runs.",
        ),
    };
    Fault::new(
        FaultCode::UpstreamUnreachable,
        format!("The MCP server at {host} cannot be reached: {reason}."),
    )
    .hint(hint)
}

/// The connection ended before the answer was complete.
pub(super) fn dropped(host: &str) -> Fault {
    Fault::new(
        FaultCode::UpstreamDropped,
        format!("The connection to the MCP server at {host} broke before the answer was complete."),
    )
    .hint("The call may or may not have run; look before you repeat it.")
}

/// Nothing came for as long as the params allow.
pub(super) fn silent(host: &str, after: Duration, field: &str) -> Fault {
    Fault::new(
        FaultCode::UpstreamTimeout,
        format!(
            "The MCP server at {host} sent nothing for {} s.",
            after.as_secs_f64()
        ),
    )
    .hint(format!(
        "The call may or may not have run. Raise server_params.{field} if the server needs longer."
    ))
}

/// A message or an event is over the bound.
pub(super) fn too_large(host: &str, max_bytes: usize) -> Fault {
    meters::reached("upstream_message_bytes");
    Fault::new(
        FaultCode::UpstreamTooLarge,
        format!("The MCP server at {host} sent a message of more than {max_bytes} bytes."),
    )
    .hint("Ask for less at once, or raise limits.upstream_message_bytes.")
}

/// What answers is no MCP server, or not the kind that was expected.
pub(super) fn not_mcp(host: &str, what: &str, hint: &str) -> Fault {
    Fault::new(
        FaultCode::UpstreamNotMcp,
        format!("What answers at {host} does not speak MCP there: {what}."),
    )
    .hint(hint)
}

/// An HTTP status that is not a success, without a JSON-RPC error beside it.
pub(super) fn of_status(
    status: StatusCode,
    headers: &HeaderMap,
    host: &str,
    redactor: &Redactor,
) -> Fault {
    let text = |name| {
        headers
            .get(name)
            .and_then(|value| value.to_str().ok())
            .map(|value| redactor.redact(value.as_bytes(), SHOWN))
    };
    let (code, what, hint) = match status.as_u16() {
        401 => (
            FaultCode::UpstreamUnauthorized,
            "wants other credentials".to_owned(),
            "Give them as a header, such as `Authorization: Bearer …`, in server_params.headers.".to_owned(),
        ),
        403 => (
            FaultCode::UpstreamForbidden,
            "does not allow this".to_owned(),
            "Check what the credentials in server_params.headers may do.".to_owned(),
        ),
        404 => (
            FaultCode::UpstreamNotFound,
            "knows no such address".to_owned(),
            "Check the path of the URL; MCP endpoints often end in /mcp or /sse.".to_owned(),
        ),
        429 => (
            FaultCode::UpstreamRejected,
            "gets too many requests".to_owned(),
            text(RETRY_AFTER).map_or_else(
                || "Wait before trying again.".to_owned(),
                |after| format!("It asks to wait: Retry-After is {after:?}."),
            ),
        ),
        300..=399 => (
            FaultCode::UpstreamRejected,
            "redirects elsewhere".to_owned(),
            text(LOCATION).and_then(|location| origin(&location)).map_or_else(
                || "Use the URL it redirects to.".to_owned(),
                |origin| format!("Redirects to other origins are not followed; if you trust {origin}, use a URL there."),
            ),
        ),
        500..=599 => (
            FaultCode::UpstreamServerError,
            "failed".to_owned(),
            "Try again later, and look into the server's own log.".to_owned(),
        ),
        _ => (
            FaultCode::UpstreamRejected,
            "did not take the request".to_owned(),
            "Check that the URL is that of an MCP endpoint.".to_owned(),
        ),
    };
    Fault::new(
        code,
        format!(
            "The MCP server at {host} {what}: HTTP status {}.",
            status.as_u16()
        ),
    )
    .hint(hint)
    .data(UpstreamReport {
        http_status: Some(status.as_u16()),
        www_authenticate: text(WWW_AUTHENTICATE),
        ..UpstreamReport::default()
    })
}

fn origin(location: &str) -> Option<String> {
    let url = url::Url::parse(location).ok()?;
    Some(url.origin().ascii_serialization())
}

/// The reason inside a TLS error, in words.
fn tls_reason(cause: &(dyn Error + 'static)) -> Option<String> {
    let mut inner = cause;
    // An `io::Error` hides what it wraps from `source()`, and the layers below wrap one in another.
    while let Some(wrapped) = inner
        .downcast_ref::<std::io::Error>()
        .and_then(std::io::Error::get_ref)
    {
        inner = wrapped;
    }
    let inner = inner.downcast_ref::<rustls::Error>()?;
    Some(if let rustls::Error::InvalidCertificate(error) = inner {
        format!("its certificate is not accepted ({error})")
    } else if matches!(inner, rustls::Error::InvalidMessage(_)) {
        "what answers does not speak TLS".to_owned()
    } else {
        inner.to_string()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_status_has_its_code_and_its_way_out() {
        let mut headers = HeaderMap::new();
        headers.insert(
            WWW_AUTHENTICATE,
            "Bearer resource_metadata=\"https://a/b\"".parse().unwrap(),
        );
        headers.insert(LOCATION, "https://b.example/secret?key=1".parse().unwrap());
        headers.insert(RETRY_AFTER, "7".parse().unwrap());
        for (status, code) in [
            (401, FaultCode::UpstreamUnauthorized),
            (403, FaultCode::UpstreamForbidden),
            (404, FaultCode::UpstreamNotFound),
            (418, FaultCode::UpstreamRejected),
            (429, FaultCode::UpstreamRejected),
            (302, FaultCode::UpstreamRejected),
            (500, FaultCode::UpstreamServerError),
            (503, FaultCode::UpstreamServerError),
        ] {
            let fault = of_status(
                StatusCode::from_u16(status).unwrap(),
                &headers,
                "a.example",
                &Redactor::default(),
            );
            assert_eq!(fault.code, code, "{status}");
            assert!(fault.hint.is_some());
            let data = fault.data.unwrap();
            assert_eq!(data.http_status, Some(status));
            assert!(data.www_authenticate.unwrap().contains("resource_metadata"));
        }
        let redirect = of_status(
            StatusCode::FOUND,
            &headers,
            "a.example",
            &Redactor::default(),
        );
        let hint = redirect.hint.unwrap();
        assert!(
            hint.contains("https://b.example") && !hint.contains("secret"),
            "{hint}"
        );
    }

    #[test]
    fn a_server_that_gives_a_secret_back_is_quoted_without_it() {
        let mut secrets = footbridge_shared::params::Secrets::new();
        secrets.insert(
            "authorization".to_owned(),
            footbridge_shared::params::Secret::new("Bearer s3cret-key"),
        );
        let url = url::Url::parse("https://a.example/").unwrap();
        let redactor = Redactor::of_remote(&secrets, &url);
        let mut headers = HeaderMap::new();
        let filler = "x".repeat(SHOWN - 3);
        headers.insert(
            WWW_AUTHENTICATE,
            format!("{filler}s3cret-key").parse().unwrap(),
        );
        headers.insert(RETRY_AFTER, "s3cret-key".parse().unwrap());
        headers.insert(LOCATION, "https://s3cret-key.example/".parse().unwrap());
        for status in [401, 302, 429] {
            let status = StatusCode::from_u16(status).unwrap();
            let shown = format!("{:?}", of_status(status, &headers, "a.example", &redactor));
            assert!(!shown.contains("s3c"), "{shown}");
            assert!(shown.contains("***"), "{shown}");
        }
    }
}
