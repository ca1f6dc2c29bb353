//! Getting an MCP server ready: which revision it speaks, and what it says of itself.
//!
//! Speaks the legacy handshake (`initialize`, MCP basic/lifecycle of 2024-11-05 to 2025-11-25).
//! A further era is a further way from [`Handshake::open`] to [`Step::Done`].

use footbridge_shared::api::Era;
use footbridge_shared::fault::Fault;
use footbridge_shared::fault::FaultCode;
use footbridge_shared::rpc;
use footbridge_shared::rpc::Id;
use footbridge_shared::rpc::Message;
use footbridge_shared::rpc::Notification;
use footbridge_shared::rpc::Request;
use footbridge_shared::rpc::Response;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::dialect::Greeting;

/// The revision proposed, and the older ones accepted.
const LEGACY: [&str; 4] = ["2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05"];

/// What is declared to the MCP server on the browser's behalf.
#[derive(Clone, Debug)]
pub struct Profile {
    /// MCP client capabilities: a JSON object.
    pub capabilities: Box<RawValue>,
    /// The client's name and version: a JSON object.
    pub client_info: Box<RawValue>,
}

/// A handshake under way.
#[derive(Debug)]
pub(super) struct Handshake {
    profile: Profile,
    waits_for: Option<Id>,
}

/// What a message of the MCP server leads to.
#[derive(Debug)]
pub(super) enum Step {
    /// Nothing yet; a message is for the browser, once it may hear it.
    Wait(Option<Message>),
    /// This goes to the MCP server.
    Send(Message),
    /// The server is ready, once it has heard the last word.
    Done { greeting: Greeting, last: Message },
    /// The server cannot be used.
    Failed(Fault),
}

impl Handshake {
    pub(super) fn new(profile: Profile) -> Self {
        Self {
            profile,
            waits_for: None,
        }
    }

    /// The first message.
    pub(super) fn open(&mut self, id: Id) -> Message {
        let params = format!(
            r#"{{"protocolVersion":"{}","capabilities":{},"clientInfo":{}}}"#,
            LEGACY[0], self.profile.capabilities, self.profile.client_info
        );
        self.waits_for = Some(id.clone());
        Request::new(id, "initialize", Some(&params)).into()
    }

    pub(super) fn on_message(&mut self, message: Message) -> Step {
        match message {
            Message::Response(response) if response.id() == self.waits_for.as_ref() => {
                finish(&response)
            }
            Message::Response(response) if response.id().is_none() => finish(&response),
            Message::Response(_) => Step::Wait(None),
            Message::Request(request) if request.method() == "ping" => {
                Step::Send(Response::result(request.id().clone(), "{}").into())
            }
            message @ (Message::Request(_) | Message::Notification(_)) => Step::Wait(Some(message)),
        }
    }
}

fn finish(response: &Response) -> Step {
    let result = match response.outcome() {
        Ok(result) => result,
        Err(error) => {
            let said = rpc::member(error, "message")
                .and_then(|at| serde_json::from_str::<String>(&error[at]).ok());
            return Step::Failed(Fault::new(
                FaultCode::UpstreamRefused,
                format!(
                    "The MCP server refused the handshake: {}",
                    said.as_deref().unwrap_or("it gave no reason")
                ),
            ));
        }
    };
    match parse_greeting(result) {
        Ok(greeting) if LEGACY.contains(&greeting.protocol_version.as_str()) => Step::Done {
            greeting,
            last: Notification::new("notifications/initialized", None).into(),
        },
        Ok(greeting) => Step::Failed(
            Fault::new(
                FaultCode::UpstreamRefused,
                format!(
                    "The MCP server speaks protocol revision {:?}, which Footbridge does not know.",
                    greeting.protocol_version
                ),
            )
            .hint(format!("Known revisions: {}.", LEGACY.join(", "))),
        ),
        Err(_) => Step::Failed(Fault::new(
            FaultCode::UpstreamRefused,
            "The MCP server's answer to initialize is not an InitializeResult.",
        )),
    }
}

/// Reads an `InitializeResult` one level deep.
pub(super) fn parse_greeting(result: &str) -> Result<Greeting, serde_json::Error> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct InitializeResult {
        protocol_version: String,
        capabilities: Box<RawValue>,
        server_info: Option<Box<RawValue>>,
        instructions: Option<Box<RawValue>>,
    }
    let said: InitializeResult = serde_json::from_str(result)?;
    Ok(Greeting {
        capabilities: said.capabilities,
        server_info: said.server_info,
        instructions: said.instructions,
        protocol_version: said.protocol_version,
        era: Era::Legacy,
        result: RawValue::from_string(result.to_owned())?,
    })
}
