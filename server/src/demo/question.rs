//! What the demo can ask a client, spelled for either era.
//! Owns the requests' contents. Never sends anything.

use rmcp::ErrorData;
use rmcp::model::{
    ClientCapabilities, ElicitRequest, ElicitRequestParams, ElicitationSchema, InputRequest,
    ServerRequest,
};
use serde_json::json;

/// Something only the client can answer.
#[derive(Debug)]
pub(super) enum Question {
    /// What the client's model says to this prompt.
    Sampling { prompt: String, max_tokens: u32 },
    /// What the user fills into a form.
    Elicitation,
    /// Which directories the client works in.
    Roots,
}

#[expect(
    deprecated,
    reason = "sampling and roots are deprecated in the newest revision and part of all others"
)]
impl Question {
    /// The capability a client declares when it can answer.
    pub(super) fn capability(&self) -> &'static str {
        match self {
            Self::Sampling { .. } => "sampling",
            Self::Elicitation => "elicitation",
            Self::Roots => "roots",
        }
    }

    pub(super) fn is_answered_by(&self, capabilities: &ClientCapabilities) -> bool {
        match self {
            Self::Sampling { .. } => capabilities.sampling.is_some(),
            // An elicitation capability without modes means forms: it is older than the modes.
            Self::Elicitation => capabilities
                .elicitation
                .as_ref()
                .is_some_and(|modes| modes.form.is_some() || modes.url.is_none()),
            Self::Roots => capabilities.roots.is_some(),
        }
    }

    /// As a request of its own: the legacy eras.
    pub(super) fn server_request(self) -> Result<ServerRequest, ErrorData> {
        Ok(match self {
            Self::Sampling { prompt, max_tokens } => {
                ServerRequest::CreateMessageRequest(sampling(prompt, max_tokens))
            }
            Self::Elicitation => ServerRequest::ElicitRequest(elicitation()?),
            Self::Roots => {
                ServerRequest::ListRootsRequest(rmcp::model::ListRootsRequest::default())
            }
        })
    }

    /// As part of a result that asks for input: the modern era.
    pub(super) fn input_request(self) -> Result<InputRequest, ErrorData> {
        Ok(match self {
            Self::Sampling { prompt, max_tokens } => {
                InputRequest::CreateMessage(sampling(prompt, max_tokens))
            }
            Self::Elicitation => InputRequest::Elicitation(elicitation()?),
            Self::Roots => InputRequest::ListRoots(rmcp::model::ListRootsRequest::default()),
        })
    }
}

#[expect(
    deprecated,
    reason = "sampling is deprecated in the newest revision and part of all others"
)]
fn sampling(prompt: String, max_tokens: u32) -> rmcp::model::CreateMessageRequest {
    use rmcp::model::{CreateMessageRequest, CreateMessageRequestParams, SamplingMessage};

    CreateMessageRequest::new(
        CreateMessageRequestParams::new(vec![SamplingMessage::user_text(prompt)], max_tokens)
            .with_system_prompt("Answer briefly."),
    )
}

fn elicitation() -> Result<ElicitRequest, ErrorData> {
    let requested_schema: ElicitationSchema = serde_json::from_value(json!({
        "type": "object",
        "properties": {
            "name": {
                "type": "string",
                "title": "Name",
                "description": "How to call you.",
                "minLength": 1,
                "maxLength": 80,
            },
            "email": { "type": "string", "title": "E-mail", "format": "email" },
            "age": { "type": "integer", "title": "Age", "minimum": 0, "maximum": 150 },
            "colour": {
                "type": "string",
                "title": "Favourite colour",
                "enum": ["blue", "green", "red"],
                "default": "green",
            },
            "subscribe": { "type": "boolean", "title": "Send me news", "default": false },
        },
        "required": ["name", "colour"],
    }))
    .map_err(|error| ErrorData::internal_error(error.to_string(), None))?;
    Ok(ElicitRequest::new(
        ElicitRequestParams::FormElicitationParams {
            meta: None,
            message: "Please introduce yourself. Nothing of this leaves the demo server."
                .to_owned(),
            requested_schema,
        },
    ))
}
