//! AutoGen Studio's envelope, and bare JSON-RPC beside it; the only module that knows it.
//!
//! Owns what the envelope leaves out: which request an `operation` became, which elicitation an answer is for,
//! and whether the browser has shown that it speaks JSON-RPC.

mod asked;
mod frames;
mod operation;

use std::collections::HashMap;
use std::collections::VecDeque;

use chrono::DateTime;
use chrono::Utc;
use footbridge_shared::rpc;
use footbridge_shared::rpc::Id;
use footbridge_shared::rpc::Malformed;
use footbridge_shared::rpc::Message;
use footbridge_shared::rpc::Notification;
use footbridge_shared::rpc::Request;
use footbridge_shared::rpc::Response;
use serde_json::Value;
use serde_json::json;

use crate::dialect::Failure;
use crate::dialect::Greeting;
use crate::dialect::Inbound;
use crate::dialect::Outbound;
use crate::dialect::Turn;
use crate::dialect::decode_rpc;
use crate::dialect::refusal;
use crate::dialect::to_text;
use asked::Asked;
use frames::Speech;
use frames::error_frame;
use frames::is_json_rpc;
use frames::stamp;
use frames::stderr_tail;
use operation::Operation;

/// How many unasked messages wait for the first frame that shows how the browser speaks.
const WAITING: usize = 256;

#[derive(Debug)]
pub(super) struct Studio {
    session_id: String,
    greeted: bool,
    /// Answers to frames that came before `initialized`, which must be the first frame.
    early: Vec<String>,
    speech: Speech,
    operations: HashMap<Id, Operation>,
    next_operation: u64,
    asked: HashMap<String, Asked>,
    next_asked: u64,
}

impl Studio {
    pub(super) fn new(session_id: &str) -> Self {
        Self {
            session_id: session_id.to_owned(),
            greeted: false,
            early: Vec::new(),
            speech: Speech::Unknown(VecDeque::new()),
            operations: HashMap::new(),
            next_operation: 0,
            asked: HashMap::new(),
            next_asked: 0,
        }
    }

    pub(super) fn decode(&mut self, text: String, now: DateTime<Utc>, turn: &mut Turn) {
        let mut answers = Turn::default();
        // The usual frame is one well-formed message; anything else is worth a closer look.
        if let Ok(message) = Message::parse(text.as_str()) {
            self.settle(Speech::JsonRpc, now, turn);
            answers.inbound.push(Inbound::Message(message));
        } else if is_json_rpc(&text) {
            self.settle(Speech::JsonRpc, now, turn);
            if let Err(malformed) = decode_rpc(text, &mut answers) {
                answers.to_browser.push(refusal(&malformed));
            }
        } else {
            match serde_json::from_str::<Value>(&text) {
                Ok(Value::Object(_)) => {
                    self.settle(Speech::Envelope, now, turn);
                    self.decode_envelope(&text, now, &mut answers);
                }
                Ok(_) => answers.to_browser.push(error_frame(
                    "Invalid message format: a frame must be a JSON object",
                    now,
                )),
                Err(_) => answers
                    .to_browser
                    .push(error_frame("Invalid message format", now)),
            }
        }
        turn.inbound.append(&mut answers.inbound);
        self.send(answers.to_browser, turn);
    }

    pub(super) fn refuse(
        &mut self,
        text: &str,
        why: &Malformed,
        now: DateTime<Utc>,
        turn: &mut Turn,
    ) {
        let frame = if is_json_rpc(text) {
            self.settle(Speech::JsonRpc, now, turn);
            refusal(why)
        } else {
            error_frame(&format!("Invalid message format: {why}"), now)
        };
        self.send(vec![frame], turn);
    }

    fn send(&mut self, mut frames: Vec<String>, turn: &mut Turn) {
        if self.greeted {
            turn.to_browser.append(&mut frames)
        } else {
            self.early.append(&mut frames)
        }
    }

    fn decode_envelope(&mut self, text: &str, now: DateTime<Utc>, turn: &mut Turn) {
        let frame: operation::Frame<'_> = match serde_json::from_str(text) {
            Ok(frame) => frame,
            Err(_) => {
                return turn.to_browser.push(error_frame(
                    "Invalid message format: a member has the wrong type",
                    now,
                ));
            }
        };
        match frame.kind() {
            "operation" => self.start_operation(&frame, now, turn),
            "ping" => turn
                .to_browser
                .push(to_text(&json!({ "type": "pong", "timestamp": stamp(now) }))),
            "elicitation_response" => self.answer(&frame, asked::Kind::Elicitation, now, turn),
            "sampling_response" => self.answer(&frame, asked::Kind::Sampling, now, turn),
            other => turn
                .to_browser
                .push(error_frame(&format!("Unknown message type: {other}"), now)),
        }
    }

    fn start_operation(
        &mut self,
        frame: &operation::Frame<'_>,
        now: DateTime<Utc>,
        turn: &mut Turn,
    ) {
        match Operation::parse(frame) {
            Ok((operation, params)) => self.request(operation, params.as_deref(), turn),
            Err(problem) => turn.to_browser.push(operation::error(
                frame.operation_name(),
                frame.id(),
                &problem,
                now,
            )),
        }
    }

    fn request(&mut self, operation: Operation, params: Option<&str>, turn: &mut Turn) {
        self.next_operation += 1;
        let id = Id::text(&format!("footbridge/operation/{}", self.next_operation));
        let request = Request::new(id.clone(), operation.method(), params);
        self.operations.insert(id, operation);
        turn.inbound.push(Inbound::Message(request.into()));
    }

    fn answer(
        &mut self,
        frame: &operation::Frame<'_>,
        kind: asked::Kind,
        now: DateTime<Utc>,
        turn: &mut Turn,
    ) {
        let name = kind.name();
        let Some(request_id) = frame.request_id() else {
            return turn.to_browser.push(error_frame(
                &format!("Missing request_id in {name} response"),
                now,
            ));
        };
        let Some(asked) = self
            .asked
            .get(&request_id)
            .filter(|asked| asked.kind == kind)
        else {
            let problem = format!("Unknown {name} request_id: {request_id}");
            return turn.to_browser.push(to_text(
                &json!({ "type": "operation_error", "error": problem, "timestamp": stamp(now) }),
            ));
        };
        match asked::response(frame, asked) {
            Ok((response, details)) => {
                turn.inbound.push(Inbound::Message(response.into()));
                self.asked.remove(&request_id);
                let details = json!({ "request_id": request_id, "response": details, "status": "completed" });
                turn.to_browser.push(self.activity(name, kind.answered(), &details, now));
            }
            Err(problem) => turn.to_browser.push(to_text(
                &json!({ "type": "operation_error", "error": problem, "request_id": request_id, "timestamp": stamp(now) }),
            )),
        }
    }

    pub(super) fn encode(&mut self, outbound: Outbound, now: DateTime<Utc>, turn: &mut Turn) {
        match outbound {
            Outbound::Initialized(greeting) => self.greet(&greeting, now, turn),
            Outbound::Message(Message::Response(response)) => {
                self.encode_response(response, now, turn)
            }
            Outbound::Message(message) => self.encode_unasked(message, now, turn),
            Outbound::Withdrawn(id) => self.withdraw(&id, now, turn),
            Outbound::Failed(failure) => self.encode_failure(&failure, now, turn),
            Outbound::State(_) | Outbound::Stderr(_) | Outbound::Draining => {}
            Outbound::Resumable(_) | Outbound::Resumed { .. } | Outbound::Ack(_) => {}
        }
    }

    fn greet(&mut self, greeting: &Greeting, now: DateTime<Utc>, turn: &mut Turn) {
        let server_info = greeting
            .server_info
            .as_deref()
            .map_or("null", |info| info.get());
        turn.to_browser.push(format!(
            r#"{{"type":"initialized","session_id":{},"capabilities":{},"server_info":{server_info},"protocol_version":{},"timestamp":{}}}"#,
            rpc::quoted(&self.session_id),
            greeting.capabilities,
            rpc::quoted(&greeting.protocol_version),
            rpc::quoted(&stamp(now)),
        ));
        self.greeted = true;
        turn.to_browser.append(&mut self.early);
    }

    fn settle(&mut self, speech: Speech, now: DateTime<Utc>, turn: &mut Turn) {
        if matches!(self.speech, Speech::JsonRpc)
            || matches!(
                (&self.speech, &speech),
                (Speech::Envelope, Speech::Envelope)
            )
        {
            return;
        }
        if let Speech::Unknown(waiting) = std::mem::replace(&mut self.speech, speech) {
            for message in waiting {
                self.encode_unasked(message, now, turn);
            }
        }
    }

    fn encode_response(&mut self, response: Response, now: DateTime<Utc>, turn: &mut Turn) {
        let operation = response.id().and_then(|id| self.operations.remove(id));
        let Some(operation) = operation else {
            return turn.to_browser.push(Message::from(response).into_text());
        };
        match operation.finish(&response, now) {
            operation::Outcome::Frame(frame) => turn.to_browser.push(frame),
            operation::Outcome::NextPage(operation, params) => {
                self.request(operation, Some(&params), turn)
            }
        }
    }

    /// A notification or a request of the MCP server.
    fn encode_unasked(&mut self, message: Message, now: DateTime<Utc>, turn: &mut Turn) {
        match &mut self.speech {
            Speech::JsonRpc => self.send(vec![message.into_text()], turn),
            Speech::Envelope => self.encode_in_envelope(&message, now, turn),
            Speech::Unknown(waiting) if waiting.len() < WAITING => waiting.push_back(message),
            Speech::Unknown(_) => {
                self.settle(Speech::Envelope, now, turn);
                self.encode_in_envelope(&message, now, turn);
            }
        }
    }

    fn encode_in_envelope(&mut self, message: &Message, now: DateTime<Utc>, turn: &mut Turn) {
        let frames = match message {
            Message::Notification(notification) => {
                self.forget_cancelled(notification);
                let params = notification.params().unwrap_or("{}");
                let method = rpc::quoted(notification.method());
                let details = format!(
                    r#"{{"message_type":"ServerNotification","method":{method},"params":{params},"content":{{"method":{method},"params":{params},"jsonrpc":"2.0"}}}}"#
                );
                vec![self.activity_raw(
                    "protocol",
                    &format!("MCP {}", notification.method()),
                    &details,
                    now,
                )]
            }
            Message::Request(request) => match asked::Kind::of(request.method()) {
                Some(kind) => self.ask(kind, request, now),
                None => {
                    let error = json!({
                        "code": rpc::METHOD_NOT_FOUND,
                        "message": format!("{} has no word in AutoGen Studio's envelope", request.method()),
                    });
                    turn.inbound.push(Inbound::Message(
                        Response::error(request.id().clone(), &error.to_string()).into(),
                    ));
                    return;
                }
            },
            Message::Response(_) => Vec::new(),
        };
        self.send(frames, turn);
    }

    fn ask(&mut self, kind: asked::Kind, request: &Request, now: DateTime<Utc>) -> Vec<String> {
        self.next_asked += 1;
        let request_id = format!("{}-{}", kind.name(), self.next_asked);
        let (message, details, frame) =
            asked::frames(kind, request, &request_id, &self.session_id, now);
        self.asked.insert(
            request_id,
            Asked {
                kind,
                id: request.id().clone(),
            },
        );
        vec![self.activity(kind.name(), &message, &details, now), frame]
    }

    /// A server that asks and cancels for ever must not fill the list.
    fn forget_cancelled(&mut self, notification: &Notification) {
        if notification.method() != "notifications/cancelled" {
            return;
        }
        let id = notification
            .params()
            .and_then(|params| Id::from_json(&params[rpc::member(params, "requestId")?]));
        if let Some(id) = id {
            self.asked.retain(|_, asked| asked.id != id);
        }
    }

    fn withdraw(&mut self, id: &Id, now: DateTime<Utc>, turn: &mut Turn) {
        let Some(request_id) = self
            .asked
            .iter()
            .find(|(_, asked)| asked.id == *id)
            .map(|(key, _)| key.clone())
        else {
            return;
        };
        let Some(asked) = self.asked.remove(&request_id) else {
            return;
        };
        let message = format!("The {} request was not answered in time", asked.kind.name());
        let details = json!({ "request_id": request_id, "status": "timeout" });
        turn.to_browser
            .push(self.activity("error", &message, &details, now));
    }

    fn encode_failure(&mut self, failure: &Failure, now: DateTime<Utc>, turn: &mut Turn) {
        let fault = &failure.fault;
        if failure.during_handshake {
            turn.to_browser.push(operation::error(
                Some("initialize"),
                None,
                &fault.message,
                now,
            ));
        }
        let mut frame = json!({
            "type": "error", "error": fault.message, "code": fault.code.name(), "side": fault.code.side(), "timestamp": stamp(now),
        });
        if let Some(hint) = &fault.hint {
            frame["hint"] = hint.as_str().into();
        }
        if let Some(report) = &fault.data {
            frame["data"] = serde_json::to_value(report).unwrap_or(Value::Null);
            frame["error"] = format!("{}{}", fault.message, stderr_tail(report)).into();
        }
        turn.to_browser.push(to_text(&frame));
    }

    fn activity(&self, kind: &str, message: &str, details: &Value, now: DateTime<Utc>) -> String {
        self.activity_raw(kind, message, &details.to_string(), now)
    }

    fn activity_raw(&self, kind: &str, message: &str, details: &str, now: DateTime<Utc>) -> String {
        format!(
            r#"{{"type":"mcp_activity","activity_type":"{kind}","message":{},"details":{details},"session_id":{},"timestamp":{}}}"#,
            rpc::quoted(message),
            rpc::quoted(&self.session_id),
            rpc::quoted(&stamp(now)),
        )
    }
}
