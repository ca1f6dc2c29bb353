//! What an MCP server asks of the user through AutoGen Studio's envelope: elicitation and sampling.

use chrono::DateTime;
use chrono::Utc;
use footbridge_shared::rpc::Id;
use footbridge_shared::rpc::Request;
use footbridge_shared::rpc::Response;
use serde_json::Value;
use serde_json::json;
use serde_json::value::RawValue;

use crate::dialect::studio::frames::stamp;
use crate::dialect::studio::operation::Frame;
use crate::dialect::studio::operation::text;
use crate::dialect::to_text;

/// JSON-RPC error of a sampling request that the user refused (MCP, client/sampling, error handling).
const USER_REJECTED: i64 = -1;

/// A request of the MCP server that waits for an answer.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) kind: Kind,
    pub(super) id: Id,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Elicitation,
    Sampling,
}

impl Kind {
    pub(super) fn of(method: &str) -> Option<Self> {
        match method {
            "elicitation/create" => Some(Self::Elicitation),
            "sampling/createMessage" => Some(Self::Sampling),
            _ => None,
        }
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Elicitation => "elicitation",
            Self::Sampling => "sampling",
        }
    }

    pub(super) fn answered(self) -> &'static str {
        match self {
            Self::Elicitation => "User responded to elicitation request",
            Self::Sampling => "Browser responded to sampling request",
        }
    }
}

/// The activity's message and details, and the frame that asks.
pub(super) fn frames(
    kind: Kind,
    request: &Request,
    request_id: &str,
    session_id: &str,
    now: DateTime<Utc>,
) -> (String, Value, String) {
    let params: Value = request
        .params()
        .and_then(|params| serde_json::from_str(params).ok())
        .unwrap_or(Value::Null);
    let base =
        json!({ "request_id": request_id, "session_id": session_id, "timestamp": stamp(now) });
    let Value::Object(mut frame) = base else {
        return Default::default();
    };
    match kind {
        Kind::Elicitation => {
            let message = params["message"].as_str().unwrap_or_default().to_owned();
            frame.insert("type".to_owned(), "elicitation_request".into());
            frame.insert("message".to_owned(), message.as_str().into());
            for name in ["requestedSchema", "mode", "url", "elicitationId"] {
                if let Some(value) = params.get(name) {
                    frame.insert(name.to_owned(), value.clone());
                }
            }
            let details = json!({
                "request_id": request_id, "message": message, "requestedSchema": params["requestedSchema"],
                "context": "Tool is requesting additional information from user",
            });
            (
                format!("Tool requesting user input: {message}"),
                details,
                to_text(&frame),
            )
        }
        Kind::Sampling => {
            let n_messages = params["messages"].as_array().map_or(0, Vec::len);
            let details = json!({
                "request_id": request_id, "params": params,
                "context": "Tool is requesting AI to generate a response",
            });
            frame.insert("type".to_owned(), "sampling_request".into());
            frame.insert("params".to_owned(), params);
            (
                format!("Tool requested AI sampling for {n_messages} message(s)"),
                details,
                to_text(&frame),
            )
        }
    }
}

/// The answer for the MCP server, and how the activity shows it; or the sentence that says what is wrong.
pub(super) fn response(frame: &Frame<'_>, asked: &Asked) -> Result<(Response, Value), String> {
    let id = asked.id.clone();
    match asked.kind {
        Kind::Elicitation => {
            let action = text(frame.action).unwrap_or_default();
            let content = frame.data.map(RawValue::get).filter(|data| *data != "null");
            let result = match (&*action, content) {
                ("accept", content) => format!(r#"{{"action":"accept","content":{}}}"#, content.unwrap_or("{}")),
                ("decline" | "cancel", _) => format!(r#"{{"action":"{action}"}}"#),
                _ => return Err("The action of an elicitation response must be \"accept\", \"decline\" or \"cancel\"".to_owned()),
            };
            let details = serde_json::from_str(&result).unwrap_or(Value::Null);
            Ok((Response::result(id, &result), details))
        }
        Kind::Sampling => {
            if let Some(result) = frame.result.filter(|result| result.get().starts_with('{')) {
                let details = serde_json::from_str(result.get()).unwrap_or(Value::Null);
                return Ok((Response::result(id, result.get()), details));
            }
            match text(frame.error) {
                Some(message) => {
                    let error = json!({ "code": USER_REJECTED, "message": message });
                    Ok((Response::error(id, &error.to_string()), error))
                }
                None => Err(
                    "A sampling response needs a \"result\" object, or an \"error\" text to refuse"
                        .to_owned(),
                ),
            }
        }
    }
}
