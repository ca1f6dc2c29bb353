//! Errors as the outside sees them: a stable code, whose doing it was, a sentence, and the way out.
//!
//! Owns the one table of codes with their HTTP status, close code and JSON-RPC code.
//! Never holds a secret: whoever builds a [`Fault`] has redacted its texts.

use std::num::NonZeroU32;

use serde::Deserialize;
use serde::Serialize;

/// Whose doing an error was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    /// What the browser sent.
    Browser,
    /// Footbridge itself.
    Bridge,
    /// The MCP server, or the way to it.
    Upstream,
}

impl Side {
    /// The side's name on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Browser => "browser",
            Self::Bridge => "bridge",
            Self::Upstream => "upstream",
        }
    }
}

macro_rules! fault_codes {
    ($($(#[doc = $doc:literal])+ $variant:ident = $name:literal, $side:ident, $http:literal, $close:literal, $rpc:literal;)+) => {
        /// What went wrong: the part of an error that programs branch on.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
        pub enum FaultCode {
            $($(#[doc = $doc])+ #[serde(rename = $name)] $variant,)+
        }

        impl FaultCode {
            /// Every code, in the order of the table.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// The code's stable name on the wire.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name),+ }
            }

            /// Whose doing it is.
            pub const fn side(self) -> Side {
                match self { $(Self::$variant => Side::$side),+ }
            }

            /// The HTTP status of a route that refuses for this reason.
            pub const fn http_status(self) -> u16 {
                match self { $(Self::$variant => $http),+ }
            }

            /// The WebSocket close code of a session that ends for this reason; 0 when it goes on.
            pub const fn close_code(self) -> u16 {
                match self { $(Self::$variant => $close),+ }
            }

            /// The JSON-RPC code of an answer the bridge gives for this reason.
            /// Ours are outside -32768..-32000, so that none can be taken for the MCP server's.
            pub const fn rpc_code(self) -> i64 {
                match self { $(Self::$variant => $rpc),+ }
            }
        }
    };
}

fault_codes! {
    /// The body, the query or the frame cannot be read.
    BadRequest = "bad_request", Browser, 400, 4400, -31400;
    /// No credential, or a wrong one.
    Unauthorized = "unauthorized", Browser, 401, 4401, -31401;
    /// The page's origin is not allowed.
    OriginDenied = "origin_denied", Browser, 403, 4403, -31403;
    /// Policy does not let this caller reach these server params.
    ParamsDenied = "params_denied", Browser, 403, 4403, -31404;
    /// No such route.
    NotFound = "not_found", Browser, 404, 4404, -31405;
    /// The session is unknown, has ended, or is somebody else's.
    SessionUnknown = "session_unknown", Browser, 404, 4004, -31406;
    /// The ticket is not genuine, has expired, has been used, or was issued to another origin.
    TicketInvalid = "ticket_invalid", Browser, 403, 4004, -31407;
    /// The route does not take this method.
    MethodNotAllowed = "method_not_allowed", Browser, 405, 4400, -31408;
    /// The request did not arrive in time.
    RequestTimeout = "request_timeout", Browser, 408, 4408, -31409;
    /// A session with this id is already open.
    SessionInUse = "session_in_use", Browser, 409, 4409, -31410;
    /// Another socket has taken the session up.
    TakenOver = "taken_over", Browser, 409, 4409, -31411;
    /// The body, the params or the URL made from them are over a limit.
    TooLarge = "too_large", Browser, 413, 1009, -31413;
    /// The body is not `application/json`.
    UnsupportedMediaType = "unsupported_media_type", Browser, 415, 4400, -31415;
    /// The request head is over a limit.
    HeadTooLarge = "head_too_large", Browser, 431, 4400, -31430;
    /// The `Host` header names somebody else.
    HostDenied = "host_denied", Browser, 421, 4403, -31421;
    /// A field of the body is missing or wrong.
    InvalidField = "invalid_field", Browser, 422, 4400, -31422;
    /// `server_params` of a socket URL is missing or cannot be read.
    ParamsInvalid = "params_invalid", Browser, 422, 4000, -31423;
    /// The caller already has as many pending tickets or sessions as it may, asks too often, or brought too many wrong
    /// credentials.
    TooManyRequests = "too_many_requests", Browser, 429, 4429, -31429;
    /// A frame is not JSON, or not a message of this dialect.
    FrameMalformed = "frame_malformed", Browser, 400, 0, -32700;
    /// A frame is over the size limit.
    FrameTooLarge = "frame_too_large", Browser, 413, 1009, -31431;
    /// A request with the same id is still being answered.
    IdInFlight = "id_in_flight", Browser, 400, 0, -31432;
    /// The session already has as many requests in flight as it may.
    TooManyInFlight = "too_many_in_flight", Browser, 429, 0, -31433;
    /// The browser did not read, or did not answer a ping, in time.
    BrowserStalled = "browser_stalled", Browser, 408, 4408, -31434;
    /// Nothing happened in the session for too long.
    SessionIdle = "session_idle", Browser, 408, 4408, -31435;
    /// The browser did not answer a request of the MCP server in time.
    AnswerTimeout = "answer_timeout", Browser, 408, 0, -31436;
    /// The session was ended by `DELETE`, or its browser left.
    SessionEnded = "session_ended", Browser, 404, 1000, -31437;
    /// Our bug.
    Internal = "internal", Bridge, 500, 4500, -31500;
    /// What was asked for is not built yet.
    NotSupported = "not_supported", Bridge, 501, 4500, -31501;
    /// The bridge is at its capacity.
    TooManySessions = "too_many_sessions", Bridge, 503, 4429, -31503;
    /// The bridge is shutting down.
    ShuttingDown = "shutting_down", Bridge, 503, 1012, -31504;
    /// The bridge cannot start another process: it has as many as it may, or the system gives it no more.
    TooManyChildren = "too_many_children", Bridge, 503, 4429, -31505;
    /// The bridge has to keep an audit log and cannot write it.
    AuditUnavailable = "audit_unavailable", Bridge, 503, 4500, -31510;
    /// The MCP server could not be started or reached.
    UpstreamFailed = "upstream_failed", Upstream, 502, 4502, -31521;
    /// The MCP server did not become ready in time.
    UpstreamStartTimeout = "upstream_start_timeout", Upstream, 504, 4502, -31522;
    /// The MCP server refused the handshake, or speaks no revision of MCP we know.
    UpstreamRefused = "upstream_refused", Upstream, 502, 4502, -31523;
    /// The MCP server went away. Calls in flight may or may not have run.
    UpstreamExited = "upstream_exited", Upstream, 502, 4502, -31524;
    /// The MCP server did not answer a request in time.
    UpstreamTimeout = "upstream_timeout", Upstream, 504, 0, -31525;
    /// The MCP server sent a message over the size limit.
    UpstreamTooLarge = "upstream_too_large", Upstream, 502, 4502, -31526;
    /// The name of the MCP server's host cannot be resolved.
    UpstreamDns = "upstream_dns", Upstream, 502, 4502, -31527;
    /// No connection to the MCP server: refused, no route, or not made in time.
    UpstreamUnreachable = "upstream_unreachable", Upstream, 502, 4502, -31528;
    /// No secure connection to the MCP server: its certificate or its TLS is not accepted.
    UpstreamTls = "upstream_tls", Upstream, 502, 4502, -31529;
    /// The MCP server wants other credentials (HTTP 401).
    UpstreamUnauthorized = "upstream_unauthorized", Upstream, 502, 4502, -31530;
    /// The MCP server forbids it (HTTP 403).
    UpstreamForbidden = "upstream_forbidden", Upstream, 502, 4502, -31531;
    /// There is no MCP server at this URL (HTTP 404).
    UpstreamNotFound = "upstream_not_found", Upstream, 502, 4502, -31532;
    /// The MCP server, or what stands before it, failed (HTTP 5xx).
    UpstreamServerError = "upstream_server_error", Upstream, 502, 4502, -31533;
    /// The MCP server did not take the request (any other HTTP status, 429 and redirects included).
    UpstreamRejected = "upstream_rejected", Upstream, 502, 4502, -31534;
    /// What answers at this URL does not speak MCP.
    UpstreamNotMcp = "upstream_not_mcp", Upstream, 502, 4502, -31535;
    /// The connection broke before the answer was complete. The call may or may not have run.
    UpstreamDropped = "upstream_dropped", Upstream, 502, 4502, -31536;
    /// The MCP server asked for further input more often than it may during one call.
    UpstreamAsksTooOften = "upstream_asks_too_often", Upstream, 502, 0, -31538;
}

/// What becomes of a session in which an error happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Session {
    /// Other calls work as before.
    GoesOn,
    /// The socket closes.
    Ends,
}

impl Session {
    /// Its name on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            Self::GoesOn => "goes_on",
            Self::Ends => "ends",
        }
    }
}

/// An error as the browser sees it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Fault {
    /// What went wrong, for programs.
    pub code: FaultCode,
    /// What went wrong, for people.
    #[serde(skip)]
    pub message: String,
    /// Path of the field that is to blame, when one is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    /// The way out, when there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// What the MCP server did, when that is what went wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data: Option<Box<UpstreamReport>>,
    /// In how many seconds to try again, where that is known: the header `Retry-After` (RFC 9110, 10.2.3).
    #[serde(skip)]
    pub retry_after: Option<NonZeroU32>,
}

/// What is known of an MCP server that failed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct UpstreamReport {
    /// The program, without its arguments.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub command: Option<String>,
    /// The exit code, when it exited by itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exit_code: Option<i32>,
    /// The signal that ended it, when one did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signal: Option<i32>,
    /// The HTTP status it answered with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub http_status: Option<u16>,
    /// What it asked for with that status: its `WWW-Authenticate` header (RFC 9110, 11.6.1).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub www_authenticate: Option<String>,
    /// The last lines of its standard error, redacted.
    #[serde(skip_serializing_if = "String::is_empty", default)]
    pub stderr: String,
}

impl Fault {
    /// An error with nothing but its code and sentence.
    pub fn new(code: FaultCode, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            field: None,
            hint: None,
            data: None,
            retry_after: None,
        }
    }

    /// Says in how many seconds to try again.
    #[must_use]
    pub fn retry_after(mut self, seconds: NonZeroU32) -> Self {
        self.retry_after = Some(seconds);
        self
    }

    /// Names the field that is to blame.
    #[must_use]
    pub fn field(mut self, field: impl Into<String>) -> Self {
        self.field = Some(field.into());
        self
    }

    /// Adds the way out.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Adds what the MCP server did.
    #[must_use]
    pub fn data(mut self, data: UpstreamReport) -> Self {
        self.data = Some(Box::new(data));
        self
    }

    /// The JSON-RPC error object that says this, marked as the bridge's own by `data.source`.
    /// Of what the MCP server did it also says whether the session can still be used.
    pub fn to_rpc_error(&self, session: Session) -> String {
        let mut data = serde_json::Map::new();
        data.insert("source".to_owned(), "bridge".into());
        data.insert("code".to_owned(), self.code.name().into());
        data.insert("side".to_owned(), self.code.side().name().into());
        if self.code.side() == Side::Upstream {
            data.insert("session".to_owned(), session.name().into());
        }
        if let Some(hint) = &self.hint {
            data.insert("hint".to_owned(), hint.as_str().into());
        }
        if let Some(report) = &self.data
            && let Ok(serde_json::Value::Object(members)) = serde_json::to_value(report)
        {
            data.extend(members);
        }
        serde_json::json!({ "code": self.code.rpc_code(), "message": self.message, "data": data })
            .to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_has_its_own_name_and_rpc_code_outside_the_reserved_range() {
        for code in FaultCode::ALL {
            let same_name = FaultCode::ALL
                .iter()
                .filter(|other| other.name() == code.name())
                .count();
            let same_rpc = FaultCode::ALL
                .iter()
                .filter(|other| other.rpc_code() == code.rpc_code())
                .count();
            assert_eq!((same_name, same_rpc), (1, 1), "{}", code.name());
            let reserved = (-32768..=-32000).contains(&code.rpc_code());
            assert_eq!(
                reserved,
                *code == FaultCode::FrameMalformed,
                "{}",
                code.name()
            );
            assert!((400..600).contains(&code.http_status()));
            let close = code.close_code();
            assert!(close == 0 || (1000..1016).contains(&close) || (4000..5000).contains(&close));
        }
    }

    #[test]
    fn an_rpc_error_of_the_bridge_says_that_it_is_the_bridges() {
        let error = Fault::new(FaultCode::UpstreamExited, "gone").data(UpstreamReport {
            exit_code: Some(3),
            ..UpstreamReport::default()
        });
        assert_eq!(
            error.to_rpc_error(Session::Ends),
            r#"{"code":-31524,"data":{"code":"upstream_exited","exit_code":3,"session":"ends","side":"upstream","source":"bridge"},"message":"gone"}"#
        );
    }
}
