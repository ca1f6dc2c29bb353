//! An error as a program meets it, whatever it came from.
//! Owns the mapping from the wire's errors to codes, sides and sentences.
//! Never decides who is told.

use std::borrow::Cow;
use std::fmt;

use crate::frame;
use crate::json::{Members, Object};

/// What becomes a `FootbridgeError`.
#[derive(Debug, Clone)]
pub(crate) struct Fault {
    pub(crate) message: String,
    pub(crate) code: Cow<'static, str>,
    pub(crate) side: Side,
    /// The JSON-RPC code, when there is one.
    rpc_code: Option<i64>,
    hint: Option<String>,
    /// The HTTP status, when a route refused.
    status: Option<u16>,
    /// JSON.
    data: Option<String>,
}

/// Whose doing an error was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    /// The program that uses this package, or its browser.
    Browser,
    /// The bridge, or the way to it.
    Bridge,
    /// The MCP server's process or connection.
    Upstream,
    /// The MCP server answered with an error.
    Server,
}

impl Side {
    fn name(self) -> &'static str {
        match self {
            Self::Browser => "browser",
            Self::Bridge => "bridge",
            Self::Upstream => "upstream",
            Self::Server => "server",
        }
    }

    fn named(name: Option<&str>, otherwise: Self) -> Self {
        match name {
            Some("browser") => Self::Browser,
            Some("bridge") => Self::Bridge,
            Some("upstream") => Self::Upstream,
            _ => otherwise,
        }
    }
}

impl Fault {
    pub(crate) fn new(
        code: impl Into<Cow<'static, str>>,
        side: Side,
        message: impl Into<String>,
    ) -> Self {
        Self {
            message: message.into(),
            code: code.into(),
            side,
            rpc_code: None,
            hint: None,
            status: None,
            data: None,
        }
    }

    /// The program asked for something that cannot be.
    pub(crate) fn misuse(message: impl Into<String>) -> Self {
        Self::new("bad_request", Side::Browser, message)
    }

    pub(crate) fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// An `error` control frame.
    pub(crate) fn from_control(frame: &Members<'_>) -> Option<Self> {
        let message = frame.string("error")?;
        Some(Self {
            data: frame.some("data").map(str::to_owned),
            ..Self::named(message, frame)
        })
    }

    /// The error of a JSON-RPC answer: the bridge's own when it says so, else the MCP server's.
    pub(crate) fn from_rpc(error: &str) -> Self {
        let members = Members::decode(error);
        let read = members
            .as_ref()
            .and_then(|it| it.string("message").map(|message| (it, message)));
        let Some((members, message)) = read else {
            let message = "the MCP server answered with an error that breaks JSON-RPC";
            let mut fault = Self::new("server_error", Side::Server, message);
            fault.data = Some(error.to_owned());
            return fault;
        };
        let data = members.some("data");
        let ours = data
            .and_then(Members::decode)
            .filter(|data| data.string("source").as_deref() == Some("bridge"));
        let mut fault = match ours {
            Some(data) => Self::named(message, &data),
            None => Self::new("server_error", Side::Server, message),
        };
        fault.rpc_code = members.some("code").and_then(|code| code.parse().ok());
        fault.data = data.map(str::to_owned);
        fault
    }

    /// A route answered with an HTTP status that is not success.
    pub(crate) fn from_http(status: u16, body: &str) -> Self {
        let side = if status < 500 {
            Side::Browser
        } else {
            Side::Bridge
        };
        let body = Members::decode(body);
        let said = body
            .as_ref()
            .and_then(|it| Some((it.string("message")?, it.some("error"))));
        let mut fault = match said {
            Some((message, error)) => match error.and_then(Members::decode) {
                Some(error) => Self {
                    side: Side::named(error.string("side").as_deref(), side),
                    data: error
                        .some("field")
                        .map(|field| Object::new().raw("field", field).finish()),
                    ..Self::named(message, &error)
                },
                None => Self::new("http_error", side, message),
            },
            None => Self::not_a_bridge(format_args!("answered with HTTP status {status}")),
        };
        fault.status = Some(status);
        fault
    }

    /// An error of the bridge, whose `code`, `side` and `hint` are among `members`.
    fn named(message: String, members: &Members<'_>) -> Self {
        let code = members
            .string("code")
            .map_or(Cow::Borrowed("internal"), Cow::Owned);
        let side = Side::named(members.string("side").as_deref(), Side::Bridge);
        Self {
            hint: members.string("hint"),
            ..Self::new(code, side, message)
        }
    }

    /// Something answers at the url, but it does not speak as a bridge does.
    pub(crate) fn not_a_bridge(what: impl fmt::Display) -> Self {
        Self::new(
            "unexpected_answer",
            Side::Bridge,
            format!("the bridge {what}, not as a bridge does"),
        )
        .with_hint("check that `url` is the bridge's origin or its API prefix")
    }

    /// The socket ended, and no `error` frame had said why.
    pub(crate) fn from_close(code: u16, reason: &str) -> Self {
        let sentence = match code {
            1000 => "the session was closed",
            1001 => "the bridge is going away",
            1005 => "the bridge closed the socket without saying why",
            1006 => "the socket was lost, or the bridge refused it",
            1008 => "the bridge closed the socket: a rule was broken",
            1009 => "the bridge closed the socket: a frame was too large",
            1011 => "the bridge closed the socket: the MCP server failed, or the bridge did",
            1012 => "the bridge is restarting",
            1013 => "the bridge has no room for another session: try again later",
            4000 | 4400 => "the bridge could not read what the socket was opened with",
            4401 | 4403 => "the bridge does not allow this",
            4004 | 4404 => {
                "the session is unknown, has ended, or its ticket has expired: connect again"
            }
            4408 => "the bridge waited too long for this side",
            4409 => "the session is open elsewhere",
            4429 => "the bridge has no room for another session: try again later",
            4500 => "something went wrong inside the bridge",
            4502 => "the MCP server could not be started, or went away",
            _ => "the bridge closed the socket",
        };
        let message = if reason.is_empty() {
            format!("{sentence} (close code {code})")
        } else {
            format!("{sentence} (close code {code}: {reason})")
        };
        let mut fault = Self::new("socket_closed", Side::Bridge, message);
        let data = Object::new()
            .raw("close_code", &code.to_string())
            .string("reason", reason);
        fault.data = Some(data.finish());
        fault
    }

    /// The session is gone, or no longer ours, though its socket alone was lost.
    pub(crate) fn lost(reason: &str, sentence: &str) -> Self {
        let code = match reason {
            "taken_over" => "taken_over",
            "shutting_down" => "shutting_down",
            _ => "session_lost",
        };
        let message = format!("the session is lost: {sentence}");
        let mut fault = Self::new(code, Side::Bridge, message)
            .with_hint("connect again; calls whose `data.may_have_run` is true may have run");
        fault.data = Some(Object::new().string("reason", reason).finish());
        fault
    }

    /// The same for a call that it leaves without an answer.
    pub(crate) fn of_call(&self, may_have_run: bool) -> Self {
        let data = self.data.as_deref().unwrap_or("{}");
        let run = if may_have_run { "true" } else { "false" };
        Self {
            // Data of the bridge that is no object stays as it is.
            data: frame::insert("may_have_run", run, data).or_else(|| self.data.clone()),
            ..self.clone()
        }
    }

    /// The members of a `FootbridgeError`.
    pub(crate) fn to_json(&self) -> String {
        Object::new()
            .string("message", &self.message)
            .string("code", &self.code)
            .string("side", self.side.name())
            .maybe_raw(
                "rpcCode",
                self.rpc_code.map(|code| code.to_string()).as_deref(),
            )
            .maybe_string("hint", self.hint.as_deref())
            .maybe_raw(
                "status",
                self.status.map(|status| status.to_string()).as_deref(),
            )
            .maybe_raw("data", self.data.as_deref())
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rpc(error: &str) -> String {
        Fault::from_rpc(error).to_json()
    }

    #[test]
    fn an_error_of_the_mcp_server_keeps_its_code_and_data() {
        assert_eq!(
            rpc(r#"{"code":-32602,"message":"no such tool","data":{"n":1.50}}"#),
            r#"{"message":"no such tool","code":"server_error","side":"server","rpcCode":-32602,"data":{"n":1.50}}"#
        );
    }

    #[test]
    fn an_error_of_the_bridge_is_told_apart_by_its_data() {
        assert_eq!(
            rpc(
                r#"{"code":-32001,"message":"gone","data":{"source":"bridge","code":"upstream_exited","side":"upstream","hint":"reconnect"}}"#
            ),
            r#"{"message":"gone","code":"upstream_exited","side":"upstream","rpcCode":-32001,"hint":"reconnect","data":{"source":"bridge","code":"upstream_exited","side":"upstream","hint":"reconnect"}}"#
        );
    }

    #[test]
    fn a_server_that_only_looks_like_a_bridge_is_still_the_server() {
        for data in [
            r#""bridge""#,
            r#"{"source":"other","code":"x"}"#,
            "[1]",
            "null",
        ] {
            let fault = rpc(&format!(r#"{{"code":1,"message":"m","data":{data}}}"#));
            assert!(
                fault.contains(r#""code":"server_error","side":"server""#),
                "{fault}"
            );
        }
    }

    #[test]
    fn a_refused_route_keeps_code_hint_field_and_status() {
        let body = r#"{"status":false,"message":"no","error":{"code":"params_denied","field":"server_params.command","hint":"use the catalogue"}}"#;
        assert_eq!(
            Fault::from_http(403, body).to_json(),
            r#"{"message":"no","code":"params_denied","side":"browser","hint":"use the catalogue","status":403,"data":{"field":"server_params.command"}}"#
        );
    }

    #[test]
    fn a_page_that_is_no_bridge_is_named_as_such() {
        let fault = Fault::from_http(502, "<html>no</html>");
        assert_eq!(
            (fault.code.as_ref(), fault.status),
            ("unexpected_answer", Some(502))
        );
    }
}
