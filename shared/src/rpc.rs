//! JSON-RPC 2.0 messages, classified but not interpreted.
//!
//! Owns the envelope: which kind a message is, its id, its method, and where its payload stands in the text.
//! Never parses a payload and never re-serializes one: a message keeps the text it came in, and an edit
//! replaces exactly one member of it.

mod depth;
mod edit;
mod members;
mod splice;

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;

use serde::Deserialize;
use serde::Deserializer;
use serde_json::value::RawValue;

pub use depth::is_deeper_than;
pub use depth::too_deep;
pub use edit::edit;
pub use members::Members;
pub use members::member;
pub use members::quoted;
pub use members::split_batch;
use splice::put_params;
use splice::splice;

/// The longest string id accepted, in bytes of its JSON text.
pub const MAX_ID_BYTES: usize = 256;

/// A request id: a string or an integer, kept as the JSON text it was written in.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Id(Box<str>);

impl Id {
    /// An integer id.
    pub fn number(number: u64) -> Self {
        Self(number.to_string().into())
    }

    /// A string id.
    pub fn text(text: &str) -> Self {
        Self(quoted(text).into())
    }

    /// Reads an id from its JSON text; `None` when it is neither a string nor an integer, or is too long.
    pub fn from_json(json: &str) -> Option<Self> {
        let integer = json.strip_prefix('-').unwrap_or(json);
        let is_integer = !integer.is_empty() && integer.bytes().all(|byte| byte.is_ascii_digit());
        let is_string = json.starts_with('"');
        (json.len() <= MAX_ID_BYTES && (is_integer || is_string)).then(|| Self(json.into()))
    }

    /// The id as JSON: `7` or `"seven"`.
    pub fn as_json(&self) -> &str {
        &self.0
    }

    /// The integer, when the id is one that fits.
    pub fn as_number(&self) -> Option<u64> {
        self.0.parse().ok()
    }
}

impl fmt::Debug for Id {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl fmt::Display for Id {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// One message in either direction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// Wants exactly one [`Response`].
    Request(Request),
    /// Answers a [`Request`].
    Response(Response),
    /// Wants no answer.
    Notification(Notification),
}

/// A request, as the text it came in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    text: String,
    id: Id,
    id_at: Range<usize>,
    method: Box<str>,
    params_at: Option<Range<usize>>,
}

/// An answer, as the text it came in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    text: String,
    id: Option<Id>,
    id_at: Option<Range<usize>>,
    outcome: Outcome,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Outcome {
    Result(Range<usize>),
    Error(Range<usize>),
}

/// A notification, as the text it came in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notification {
    text: String,
    method: Box<str>,
    params_at: Option<Range<usize>>,
}

/// Why a text is not a JSON-RPC message.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// Not JSON at all (JSON-RPC -32700).
    #[error("the frame is not JSON")]
    NotJson,
    /// JSON, but not a request, response or notification (JSON-RPC -32600).
    #[error("{problem}")]
    Shape {
        /// What is wrong, as a sentence without a full stop.
        problem: &'static str,
        /// The id to answer under, when one could be read and the sender waits for an answer.
        id: Option<Id>,
    },
}

impl Malformed {
    /// The JSON-RPC error code that says this.
    pub fn rpc_code(&self) -> i64 {
        match self {
            Self::NotJson => PARSE_ERROR,
            Self::Shape { .. } => INVALID_REQUEST,
        }
    }

    /// The id to answer under, when there is one.
    pub fn id(&self) -> Option<&Id> {
        match self {
            Self::NotJson => None,
            Self::Shape { id, .. } => id.as_ref(),
        }
    }
}

const NOT_AN_OBJECT: &str = "a message must be a JSON object";

/// JSON-RPC: the text is not JSON.
pub const PARSE_ERROR: i64 = -32700;
/// JSON-RPC: the JSON is not a valid message.
pub const INVALID_REQUEST: i64 = -32600;
/// JSON-RPC: no such method.
pub const METHOD_NOT_FOUND: i64 = -32601;
/// JSON-RPC: the receiver failed.
pub const INTERNAL_ERROR: i64 = -32603;

/// The envelope's members, each told apart by presence. Members not named here stay in the text untouched.
#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow, default)]
    jsonrpc: Option<Cow<'a, str>>,
    #[serde(borrow, default, deserialize_with = "present")]
    id: Option<&'a RawValue>,
    #[serde(borrow, default)]
    method: Option<Cow<'a, str>>,
    #[serde(borrow, default, deserialize_with = "present")]
    params: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "present")]
    result: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "present")]
    error: Option<&'a RawValue>,
}

/// Tells "present and null" from "absent", which `Option` alone does not.
fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<&'de RawValue>, D::Error> {
    <&RawValue>::deserialize(deserializer).map(Some)
}

impl Message {
    /// Classifies one JSON text by which members it has.
    ///
    /// # Errors
    /// [`Malformed`] when the text is not JSON or not one JSON-RPC 2.0 message. A batch is not one message:
    /// see [`split_batch`].
    pub fn parse(text: impl Into<String>) -> Result<Self, Malformed> {
        let text = text.into();
        let envelope: Envelope<'_> = match serde_json::from_str(&text) {
            Ok(envelope) => envelope,
            Err(error) => return Err(why_unreadable(&text, &error)),
        };
        // serde reads a struct from an array too.
        if !text.trim_start().starts_with('{') {
            return Err(Malformed::Shape {
                problem: NOT_AN_OBJECT,
                id: None,
            });
        }
        let span = |raw: &RawValue| {
            let start = raw.get().as_ptr() as usize - text.as_ptr() as usize;
            start..start + raw.get().len()
        };
        let shape = |problem| Malformed::Shape {
            problem,
            id: envelope.id.and_then(|raw| Id::from_json(raw.get())),
        };
        if envelope.jsonrpc.as_deref() != Some("2.0") {
            return Err(shape("\"jsonrpc\" must be \"2.0\""));
        }
        let id_at = envelope.id.map(span);
        let id = envelope.id.and_then(|raw| Id::from_json(raw.get()));
        let is_null = envelope.id.is_some_and(|raw| raw.get() == "null");
        match (envelope.method, envelope.result, envelope.error) {
            (Some(method), None, None) => {
                let method = Box::from(&*method);
                let params_at = envelope.params.map(span);
                match (id, id_at) {
                    (Some(id), Some(id_at)) => Ok(Self::Request(Request {
                        text,
                        id,
                        id_at,
                        method,
                        params_at,
                    })),
                    (None, Some(_)) => Err(Malformed::Shape {
                        problem: "\"id\" must be an integer or a string of at most 254 bytes",
                        id: None,
                    }),
                    (_, None) => Ok(Self::Notification(Notification {
                        text,
                        method,
                        params_at,
                    })),
                }
            }
            (None, Some(result), None) if id.is_some() => {
                let outcome = Outcome::Result(span(result));
                Ok(Self::Response(Response {
                    text,
                    id,
                    id_at,
                    outcome,
                }))
            }
            (None, None, Some(error)) if id.is_some() || is_null || id_at.is_none() => {
                let outcome = Outcome::Error(span(error));
                Ok(Self::Response(Response {
                    text,
                    id,
                    id_at,
                    outcome,
                }))
            }
            (Some(_), _, _) => Err(shape(
                "a message has either \"method\" or an outcome, not both",
            )),
            // Its sender waits for no answer, and has that id for a request of its own.
            (None, Some(_), Some(_)) => Err(Malformed::Shape {
                problem: "a response has either \"result\" or \"error\", not both",
                id: None,
            }),
            (None, None, None) => Err(shape("a message needs \"method\", \"result\" or \"error\"")),
            (None, _, _) => Err(shape("a response needs the \"id\" of its request")),
        }
    }

    /// The message as JSON text.
    pub fn text(&self) -> &str {
        match self {
            Self::Request(request) => &request.text,
            Self::Response(response) => &response.text,
            Self::Notification(notification) => &notification.text,
        }
    }

    /// The message as JSON text, without a copy.
    pub fn into_text(self) -> String {
        match self {
            Self::Request(request) => request.text,
            Self::Response(response) => response.text,
            Self::Notification(notification) => notification.text,
        }
    }
}

impl From<Request> for Message {
    fn from(request: Request) -> Self {
        Self::Request(request)
    }
}

impl From<Response> for Message {
    fn from(response: Response) -> Self {
        Self::Response(response)
    }
}

impl From<Notification> for Message {
    fn from(notification: Notification) -> Self {
        Self::Notification(notification)
    }
}

impl Request {
    /// Writes a request. `params` is JSON text.
    pub fn new(id: Id, method: &str, params: Option<&str>) -> Self {
        let mut text = String::from("{\"jsonrpc\":\"2.0\",\"id\":");
        let start = text.len();
        text.push_str(id.as_json());
        let id_at = start..text.len();
        let params_at = finish_call(&mut text, method, params);
        Self {
            text,
            id,
            id_at,
            method: method.into(),
            params_at,
        }
    }

    /// The request's id.
    pub fn id(&self) -> &Id {
        &self.id
    }

    /// The method's name.
    pub fn method(&self) -> &str {
        &self.method
    }

    /// The params as JSON text.
    pub fn params(&self) -> Option<&str> {
        self.params_at.clone().map(|at| &self.text[at])
    }

    /// The same request with other params (JSON text); every other byte stays.
    pub fn with_params(mut self, params: &str) -> Self {
        let at = put_params(&mut self.text, self.params_at.take(), params);
        self.id_at = at.shift.apply(&self.id_at);
        self.params_at = Some(at.range);
        self
    }

    /// The same request under another id; every other byte stays.
    pub fn with_id(mut self, id: Id) -> Self {
        let shift = splice(&mut self.text, &self.id_at, id.as_json());
        self.params_at = self.params_at.map(|at| shift.apply(&at));
        self.id_at.end = self.id_at.start + id.as_json().len();
        self.id = id;
        self
    }
}

impl Response {
    /// Writes a response that succeeded. `result` is JSON text.
    pub fn result(id: Id, result: &str) -> Self {
        Self::write(id, "result", result, Outcome::Result)
    }

    /// Writes a response that failed. `error` is the JSON text of a JSON-RPC error object.
    pub fn error(id: Id, error: &str) -> Self {
        Self::write(id, "error", error, Outcome::Error)
    }

    fn write(id: Id, member: &str, payload: &str, outcome: fn(Range<usize>) -> Outcome) -> Self {
        let mut text = String::with_capacity(payload.len() + 48);
        text.push_str("{\"jsonrpc\":\"2.0\",\"id\":");
        let start = text.len();
        text.push_str(id.as_json());
        let id_at = start..text.len();
        text.push_str(",\"");
        text.push_str(member);
        text.push_str("\":");
        let start = text.len();
        text.push_str(payload);
        let outcome = outcome(start..text.len());
        text.push('}');
        Self {
            text,
            id: Some(id),
            id_at: Some(id_at),
            outcome,
        }
    }

    /// The id of the request this answers; `None` when the peer could not tell which one failed.
    pub fn id(&self) -> Option<&Id> {
        self.id.as_ref()
    }

    /// The result's or the error object's JSON text.
    pub fn outcome(&self) -> Result<&str, &str> {
        match &self.outcome {
            Outcome::Result(at) => Ok(&self.text[at.clone()]),
            Outcome::Error(at) => Err(&self.text[at.clone()]),
        }
    }

    /// The same response under another id; every other byte stays. A response without an id keeps having none.
    pub fn with_id(mut self, id: Id) -> Self {
        let Some(id_at) = self.id_at.clone() else {
            return self;
        };
        let shift = splice(&mut self.text, &id_at, id.as_json());
        self.outcome = match self.outcome {
            Outcome::Result(at) => Outcome::Result(shift.apply(&at)),
            Outcome::Error(at) => Outcome::Error(shift.apply(&at)),
        };
        self.id_at = Some(id_at.start..id_at.start + id.as_json().len());
        self.id = Some(id);
        self
    }
}

impl Notification {
    /// Writes a notification. `params` is JSON text.
    pub fn new(method: &str, params: Option<&str>) -> Self {
        let mut text = String::from("{\"jsonrpc\":\"2.0\"");
        let params_at = finish_call(&mut text, method, params);
        Self {
            text,
            method: method.into(),
            params_at,
        }
    }

    /// The method's name.
    pub fn method(&self) -> &str {
        &self.method
    }

    /// The params as JSON text.
    pub fn params(&self) -> Option<&str> {
        self.params_at.clone().map(|at| &self.text[at])
    }

    /// The same notification with other params (JSON text); every other byte stays.
    pub fn with_params(mut self, params: &str) -> Self {
        let at = put_params(&mut self.text, self.params_at.take(), params);
        self.params_at = Some(at.range);
        self
    }

    /// The same notification with one member of `params` replaced by other JSON text; every other byte stays.
    /// Unchanged when `params` has no such member.
    pub fn with_param(mut self, name: &str, value: &str) -> Self {
        let Some(params_at) = self.params_at.clone() else {
            return self;
        };
        let Some(at) = member(&self.text[params_at.clone()], name) else {
            return self;
        };
        let at = params_at.start + at.start..params_at.start + at.end;
        let shift = splice(&mut self.text, &at, value);
        self.params_at = Some(params_at.start..shift.move_index(params_at.end));
        self
    }
}

fn finish_call(text: &mut String, method: &str, params: Option<&str>) -> Option<Range<usize>> {
    text.push_str(",\"method\":");
    text.push_str(&quoted(method));
    let at = params.map(|params| {
        text.push_str(",\"params\":");
        let start = text.len();
        text.push_str(params);
        start..text.len()
    });
    text.push('}');
    at
}

fn why_unreadable(text: &str, error: &serde_json::Error) -> Malformed {
    if error.is_syntax() || error.is_eof() {
        return Malformed::NotJson;
    }
    let problem = if text.trim_start().starts_with('{') {
        "the message has a member of the wrong type, or the same member twice"
    } else {
        NOT_AN_OBJECT
    };
    Malformed::Shape {
        problem,
        id: only_id(text),
    }
}

/// The id of a message that cannot be read further, unless it has several: an answer without it would leave its
/// sender waiting.
fn only_id(text: &str) -> Option<Id> {
    let members: Members<'_> = serde_json::from_str(text).ok()?;
    let mut ids = members.0.iter().filter(|(name, _)| name == "id");
    match (ids.next(), ids.next()) {
        (Some((_, id)), None) => Id::from_json(id.get()),
        (None | Some(_), _) => None,
    }
}

#[cfg(test)]
mod tests;
