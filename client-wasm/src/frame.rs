//! What a frame of the native dialect is: the envelope is opened, payloads stay as text.
//! Owns how messages are decoded and encoded on this side of the wire.
//! Never decides what to do about one.

use std::time::Duration;

use crate::fault::Fault;
use crate::json::{Members, Object};

/// One frame from the bridge. Payloads borrow from the frame's text.
#[derive(Debug)]
pub(crate) enum Frame<'a> {
    /// The MCP server asks something of us. `id` is JSON text.
    Request {
        id: &'a str,
        method: String,
        params: Option<&'a str>,
    },
    /// The MCP server tells us something.
    Notification {
        method: String,
        params: Option<&'a str>,
    },
    /// A call of ours succeeded.
    Result { id: u64, result: &'a str },
    /// A call of ours failed.
    Error { id: u64, error: &'a str },
    /// The bridge speaks for itself.
    Control(Control),
    /// Nothing we know: an unknown control frame, or a message that breaks the rules.
    Other,
}

/// The bridge's control frames that this side acts on.
#[derive(Debug)]
pub(crate) enum Control {
    /// The MCP server is being started.
    Starting,
    /// The MCP server answers.
    Ready,
    /// The session is ending.
    Closing,
    /// The MCP server is ready for the first time; the whole frame describes it.
    Initialized,
    /// A line of the server process's standard error.
    Stderr(String),
    /// Something went wrong.
    Error(Fault),
    /// The session outlives its socket.
    Resumable(Pass),
    /// We are back at the session.
    Resumed(Resumed),
    /// So many of our frames have arrived.
    Ack(u64),
    /// The bridge is there.
    Pong,
}

/// The right to come back to a session.
#[derive(Debug, Clone)]
pub(crate) struct Pass {
    pub(crate) token: String,
    /// How long the bridge waits without a socket.
    pub(crate) window: Duration,
}

/// What the bridge says first to who has come back.
#[derive(Debug)]
pub(crate) struct Resumed {
    /// Whether nothing is missing.
    pub(crate) recovered: bool,
    /// How many of our frames the bridge has.
    pub(crate) received: u64,
    pub(crate) pass: Pass,
}

impl<'a> Frame<'a> {
    /// Reads one frame. What cannot be understood is `Other`: the bridge may know more words.
    pub(crate) fn decode(text: &'a str) -> Self {
        Members::decode(text)
            .and_then(|members| Self::of(&members))
            .unwrap_or(Self::Other)
    }

    fn of(members: &Members<'a>) -> Option<Self> {
        if members.get("jsonrpc").is_none() {
            return Control::of(members).map(Self::Control);
        }
        let params = members.some("params");
        let id = members.some("id");
        if let Some(method) = members.string("method") {
            return Some(match id {
                Some(id) => Self::Request { id, method, params },
                None => Self::Notification { method, params },
            });
        }
        let id = id?.parse().ok()?;
        if let Some(error) = members.some("error") {
            return Some(Self::Error { id, error });
        }
        // A `null` result is a result.
        members
            .get("result")
            .map(|result| Self::Result { id, result })
    }
}

impl Frame<'_> {
    /// Whether the frame is one of those that both sides count.
    pub(crate) fn is_numbered(&self) -> bool {
        match self {
            Self::Control(control) => control.is_numbered(),
            Self::Request { .. }
            | Self::Notification { .. }
            | Self::Result { .. }
            | Self::Error { .. }
            | Self::Other => true,
        }
    }
}

impl Control {
    fn of(members: &Members<'_>) -> Option<Self> {
        match members.string("type")?.as_str() {
            "state" => match members.string("state")?.as_str() {
                "starting" => Some(Self::Starting),
                "ready" => Some(Self::Ready),
                "closing" => Some(Self::Closing),
                _ => None,
            },
            "initialized" => Some(Self::Initialized),
            "stderr" => members.string("line").map(Self::Stderr),
            "error" => Fault::from_control(members).map(Self::Error),
            "resumable" => Pass::of(members).map(Self::Resumable),
            "resumed" => Some(Self::Resumed(Resumed {
                recovered: members.get("recovered")? == "true",
                received: number(members, "received").unwrap_or(0),
                pass: Pass::of(members)?,
            })),
            "ack" => number(members, "received").map(Self::Ack),
            "pong" => Some(Self::Pong),
            _ => None,
        }
    }

    fn is_numbered(&self) -> bool {
        match self {
            Self::Resumable(_) | Self::Resumed(_) | Self::Ack(_) | Self::Pong => false,
            // It is about the session, which it ends, or about this socket alone.
            Self::Error(_) => false,
            Self::Starting | Self::Ready | Self::Closing | Self::Initialized | Self::Stderr(_) => {
                true
            }
        }
    }
}

impl Pass {
    fn of(members: &Members<'_>) -> Option<Self> {
        Some(Self {
            token: members.string("token")?,
            window: Duration::from_millis(number(members, "window_ms")?),
        })
    }
}

fn number(members: &Members<'_>, name: &str) -> Option<u64> {
    members.get(name)?.parse().ok()
}

/// A member of a notification's params, as JSON text.
pub(crate) fn param<'a>(params: Option<&'a str>, name: &str) -> Option<&'a str> {
    Members::decode(params?)?.some(name)
}

/// Params that ask for progress: the caller's text with a `_meta.progressToken` in it, and the
/// token, as JSON text. A token that the caller chose is kept.
/// `None` when the params are not an object, or their `_meta` is neither object nor null.
pub(crate) fn ask_for_progress(params: Option<&str>, token: u64) -> Option<(String, String)> {
    let token = token.to_string();
    let params = params.unwrap_or("{}");
    let Some(meta) = Members::decode(params)?.get("_meta") else {
        let params = insert("_meta", &insert("progressToken", &token, "{}")?, params)?;
        return Some((params, token));
    };
    let with_token = if meta == "null" {
        insert("progressToken", &token, "{}")?
    } else {
        match Members::decode(meta)?.get("progressToken") {
            None => insert("progressToken", &token, meta)?,
            Some("null") => {
                let own = Members::decode(meta)?.get("progressToken")?;
                replace(meta, own, &token)?
            }
            Some(own) => return Some((params.to_owned(), own.to_owned())),
        }
    };
    Some((replace(params, meta, &with_token)?, token))
}

/// `object`, a JSON object's text, with one more member at its start.
pub(crate) fn insert(name: &str, value: &str, object: &str) -> Option<String> {
    let rest = object.trim_start().strip_prefix('{')?;
    let comma = if rest.trim_start().starts_with('}') {
        ""
    } else {
        ","
    };
    Some(format!("{{\"{name}\":{value}{comma}{rest}"))
}

/// `whole` with `other` in the place of `part`, which is a slice of it.
fn replace(whole: &str, part: &str, other: &str) -> Option<String> {
    let start = (part.as_ptr() as usize).checked_sub(whole.as_ptr() as usize)?;
    let (before, after) = (whole.get(..start)?, whole.get(start + part.len()..)?);
    Some([before, other, after].concat())
}

/// A request of ours. `params` is JSON text.
pub(crate) fn request(id: u64, method: &str, params: Option<&str>) -> String {
    let message = Object::message()
        .raw("id", &id.to_string())
        .string("method", method);
    message.maybe_raw("params", params).finish()
}

/// A notification of ours. `params` is JSON text.
pub(crate) fn notification(method: &str, params: Option<&str>) -> String {
    Object::message()
        .string("method", method)
        .maybe_raw("params", params)
        .finish()
}

/// Tells the MCP server that nobody waits for a call any more.
pub(crate) fn cancelled(id: u64, reason: &str) -> String {
    let params = Object::new()
        .raw("requestId", &id.to_string())
        .string("reason", reason);
    notification("notifications/cancelled", Some(&params.finish()))
}

/// The answer to a request of the MCP server. `id` and `result` are JSON text.
pub(crate) fn result(id: &str, result: &str) -> String {
    Object::message()
        .raw("id", id)
        .raw("result", result)
        .finish()
}

/// The refusal of a request of the MCP server. `id` is JSON text.
pub(crate) fn error(id: &str, code: i64, message: &str) -> String {
    let error = Object::new()
        .raw("code", &code.to_string())
        .string("message", message);
    Object::message()
        .raw("id", id)
        .raw("error", &error.finish())
        .finish()
}

/// Asks the bridge to start or stop sending `stderr` frames.
pub(crate) fn stderr(enabled: bool) -> String {
    let enabled = if enabled { "true" } else { "false" };
    Object::new()
        .string("type", "stderr")
        .raw("enabled", enabled)
        .finish()
}

/// Asks the bridge to keep the session when the socket is lost.
pub(crate) fn resumable() -> String {
    Object::new().string("type", "resumable").finish()
}

/// Tells the bridge how many of its frames have arrived.
pub(crate) fn ack(received: u64) -> String {
    Object::new()
        .string("type", "ack")
        .raw("received", &received.to_string())
        .finish()
}

/// Asks the bridge whether it is there.
pub(crate) fn ping() -> String {
    Object::new().string("type", "ping").finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(params: &str) -> String {
        ask_for_progress(Some(params), 7).map_or_else(|| "refused".to_owned(), |(text, _)| text)
    }

    #[test]
    fn a_progress_token_joins_the_params_without_touching_the_rest() {
        for (params, expected) in [
            ("{}", r#"{"_meta":{"progressToken":7}}"#),
            (r#"{"n":1.50}"#, r#"{"_meta":{"progressToken":7},"n":1.50}"#),
            (
                r#"{"a":1,"_meta":{}}"#,
                r#"{"a":1,"_meta":{"progressToken":7}}"#,
            ),
            (
                r#"{"_meta":{"x":{"progressToken":1}},"a":2}"#,
                r#"{"_meta":{"progressToken":7,"x":{"progressToken":1}},"a":2}"#,
            ),
            (
                r#"{"_meta":null,"a":2}"#,
                r#"{"_meta":{"progressToken":7},"a":2}"#,
            ),
            (
                r#"{"_meta":{"progressToken":null}}"#,
                r#"{"_meta":{"progressToken":7}}"#,
            ),
            (
                r#"{"_meta":{"progressToken":"mine"}}"#,
                r#"{"_meta":{"progressToken":"mine"}}"#,
            ),
            (r#"{"_meta":[]}"#, "refused"),
            ("[1]", "refused"),
        ] {
            assert_eq!(asked(params), expected, "for {params}");
        }
    }

    #[test]
    fn a_result_that_is_null_is_still_a_result() {
        let frame = Frame::decode(r#"{"jsonrpc":"2.0","id":3,"result":null}"#);
        assert!(
            matches!(
                frame,
                Frame::Result {
                    id: 3,
                    result: "null"
                }
            ),
            "{frame:?}"
        );
    }

    #[test]
    fn what_is_not_understood_is_ignored() {
        for text in [
            "",
            "[]",
            "7",
            r#"{"type":"from_the_future","x":1}"#,
            r#"{"type":"state","state":"dreaming"}"#,
            r#"{"jsonrpc":"2.0"}"#,
            r#"{"jsonrpc":"2.0","id":"not ours","result":{}}"#,
            r#"{"jsonrpc":"2.0","id":1}"#,
        ] {
            let frame = Frame::decode(text);
            assert!(matches!(frame, Frame::Other), "{text}: {frame:?}");
        }
    }
}
