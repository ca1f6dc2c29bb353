//! The tools that ask the client something back: sampling, elicitation, roots.
//! Owns the two ways of asking: a request of its own in the legacy eras, a result that asks for
//! input in the modern one. Never invents an answer.

use rmcp::handler::server::tool::InputResponses;
use rmcp::handler::server::wrapper::Parameters;
use rmcp::model::{
    CallToolResponse, CallToolResult, CancelledNotificationParam, ContentBlock, InputRequests,
    InputRequiredResult, ServerRequest,
};
use rmcp::service::{PeerRequestOptions, RequestContext, ServiceError};
use rmcp::{ErrorData, RoleServer, tool, tool_router};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use super::Demo;
use super::question::Question;

/// The name of the only question in a result that asks for input.
const QUESTION: &str = "question";

#[derive(Debug, Deserialize, JsonSchema)]
struct AskSampling {
    /// What to ask the client's model.
    prompt: String,
    /// How long the answer may be.
    #[serde(default = "two_hundred")]
    #[schemars(range(min = 1, max = 10_000))]
    max_tokens: u32,
}

fn two_hundred() -> u32 {
    200
}

/// What became of a question.
enum Asked {
    /// The client's result, as JSON.
    Answer(Value),
    /// To be put to the client, which then calls again.
    Pending(InputRequiredResult),
    /// There will be no answer, for this reason.
    Unanswered(String),
}

#[tool_router(router = asking_tools, vis = "pub(super)")]
impl Demo {
    /// Asks the client's model and returns what it says.
    #[tool(
        title = "Ask the model (sampling)",
        annotations(read_only_hint = true, open_world_hint = true)
    )]
    async fn ask_sampling(
        &self,
        Parameters(AskSampling { prompt, max_tokens }): Parameters<AskSampling>,
        InputResponses(responses): InputResponses,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let asked = self
            .ask(
                Question::Sampling { prompt, max_tokens },
                responses,
                &context,
            )
            .await?;
        Ok(with_answer(asked, |answer| {
            let model = answer["model"].as_str().unwrap_or("unnamed");
            let mut content = vec![ContentBlock::text(format!("The model ({model}) says:"))];
            content.extend(blocks(&answer["content"]));
            CallToolResult::success(content)
        }))
    }

    /// Shows the user a form and returns what the user said.
    #[tool(
        title = "Ask the user (elicitation)",
        annotations(read_only_hint = true, open_world_hint = true)
    )]
    async fn ask_elicitation(
        &self,
        InputResponses(responses): InputResponses,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let asked = self.ask(Question::Elicitation, responses, &context).await?;
        Ok(with_answer(asked, |answer| {
            CallToolResult::structured(json!({
                "action": answer["action"],
                "content": answer["content"],
            }))
        }))
    }

    /// Asks the client for its roots and returns them.
    #[tool(
        title = "Ask for the roots",
        annotations(read_only_hint = true, open_world_hint = false)
    )]
    async fn list_roots(
        &self,
        InputResponses(responses): InputResponses,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let asked = self.ask(Question::Roots, responses, &context).await?;
        Ok(with_answer(asked, |answer| {
            CallToolResult::structured(json!({ "roots": answer["roots"] }))
        }))
    }

    async fn ask(
        &self,
        question: Question,
        responses: Option<rmcp::model::InputResponses>,
        context: &RequestContext<RoleServer>,
    ) -> Result<Asked, ErrorData> {
        let capabilities = context.client_capabilities().unwrap_or_default();
        if !question.is_answered_by(&capabilities) {
            let capability = question.capability();
            return Ok(Asked::Unanswered(format!(
                "The client cannot be asked: it does not declare the capability `{capability}`."
            )));
        }
        if context.peer.peer_info().is_some() {
            return self.request(question.server_request()?, context).await;
        }
        Ok(match responses {
            Some(mut responses) => match responses.remove(QUESTION) {
                Some(answer) => Asked::Answer(answer),
                None => Asked::Unanswered(format!("The client left out `{QUESTION}`.")),
            },
            None => Asked::Pending(InputRequiredResult::from_input_requests(
                InputRequests::from([(QUESTION.to_owned(), question.input_request()?)]),
            )),
        })
    }

    /// Asks with a request of its own, and takes it back when nobody waits for the answer any more.
    async fn request(
        &self,
        request: ServerRequest,
        context: &RequestContext<RoleServer>,
    ) -> Result<Asked, ErrorData> {
        let broken = |error: ServiceError| ErrorData::internal_error(error.to_string(), None);
        let handle = context
            .peer
            .send_cancellable_request(request, PeerRequestOptions::no_options())
            .await
            .map_err(broken)?;
        let id = handle.id.clone();
        let response = tokio::select! {
            response = handle.await_response() => response,
            () = context.ct.cancelled() => {
                let reason = "the call it belonged to was cancelled".to_owned();
                let params = CancelledNotificationParam::new(Some(id), Some(reason));
                // A client that is gone needs no word of it.
                let _ = context.peer.notify_cancelled(params).await;
                return Err(ErrorData::internal_error("The call was cancelled.", None));
            }
            () = self.ended.cancelled() => {
                return Ok(Asked::Unanswered("The client left without an answer.".to_owned()));
            }
        };
        match response {
            Ok(result) => serde_json::to_value(result)
                .map(Asked::Answer)
                .map_err(|error| ErrorData::internal_error(error.to_string(), None)),
            Err(ServiceError::McpError(error)) => Ok(Asked::Unanswered(format!(
                "The client refused with error {}: {}",
                error.code.0, error.message
            ))),
            Err(error) => Err(broken(error)),
        }
    }
}

/// The tool's result, once the question has an answer.
fn with_answer(asked: Asked, result: impl FnOnce(&Value) -> CallToolResult) -> CallToolResponse {
    match asked {
        Asked::Answer(answer) => result(&answer).into(),
        Asked::Pending(input_required) => input_required.into(),
        Asked::Unanswered(reason) => CallToolResult::error(vec![ContentBlock::text(reason)]).into(),
    }
}

/// The blocks of a sampled message: one of them, or a list.
fn blocks(content: &Value) -> Vec<ContentBlock> {
    let blocks = content
        .as_array()
        .map_or(std::slice::from_ref(content), Vec::as_slice);
    blocks
        .iter()
        .map(|block| {
            // Only a tool's use is not content a tool can return; it is shown as it is.
            ContentBlock::deserialize(block)
                .unwrap_or_else(|_| ContentBlock::text(block.to_string()))
        })
        .collect()
}
