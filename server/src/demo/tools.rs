//! The small tools, and what all tools' schemas have in common.
//! Owns their arguments and results. Never waits and never asks the client anything.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rmcp::handler::server::common::schema_for_output;
use rmcp::handler::server::wrapper::Parameters;
use rmcp::model::{CallToolResult, ContentBlock, ErrorCode, Resource, Tool};
use rmcp::service::RequestContext;
use rmcp::{ErrorData, RoleServer, tool, tool_router};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::changes::Change;
use super::{Demo, media, resources};

/// The code of the error that `fail` answers with; the range is the one JSON-RPC leaves to servers.
const DEMO_ERROR: ErrorCode = ErrorCode(-32050);

#[derive(Debug, Deserialize, JsonSchema)]
struct Echo {
    /// Comes back as it is.
    message: String,
}

#[derive(Debug, Deserialize, JsonSchema)]
struct Add {
    /// The first number.
    a: f64,
    /// The second number.
    b: f64,
}

#[derive(Debug, Serialize, JsonSchema)]
struct Sum {
    /// The first number plus the second.
    sum: f64,
}

#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum FailureMode {
    /// A tool result with `isError`, which a model gets to read.
    #[default]
    Tool,
    /// A JSON-RPC error with a code and data.
    Protocol,
}

#[derive(Debug, Deserialize, JsonSchema)]
struct Fail {
    /// The kind of failure.
    #[serde(default)]
    mode: FailureMode,
}

#[derive(Debug, Deserialize, JsonSchema)]
struct AddNote {
    /// Lower-case letters, digits and hyphens.
    #[schemars(length(min = 1, max = 64), regex(pattern = "^[a-z0-9-]+$"))]
    name: String,
    /// What the note says.
    text: String,
}

#[tool_router(router = plain_tools, vis = "pub(super)")]
impl Demo {
    /// Returns the message it is given.
    #[tool(
        title = "Echo",
        annotations(read_only_hint = true, idempotent_hint = true, open_world_hint = false)
    )]
    fn echo(&self, Parameters(Echo { message }): Parameters<Echo>) -> String {
        message
    }

    /// Adds two numbers.
    #[tool(
        title = "Add two numbers",
        output_schema = schema_for_output::<Sum>(),
        annotations(read_only_hint = true, idempotent_hint = true, open_world_hint = false)
    )]
    fn add(&self, Parameters(Add { a, b }): Parameters<Add>) -> CallToolResult {
        let sum = a + b;
        let text = vec![ContentBlock::text(format!("{a} + {b} = {sum}"))];
        // JSON has no word for infinity.
        if !sum.is_finite() {
            return CallToolResult::error(text);
        }
        let mut result = CallToolResult::success(text);
        result.structured_content = Some(json!(Sum { sum }));
        result
    }

    /// Returns a picture, a sound and a line of text about them.
    #[tool(
        title = "A picture and a sound",
        annotations(read_only_hint = true, idempotent_hint = true, open_world_hint = false)
    )]
    fn image(&self) -> CallToolResult {
        CallToolResult::success(vec![
            ContentBlock::text("A footbridge, drawn by this server, and the tone A."),
            ContentBlock::image(STANDARD.encode(media::picture()), "image/png"),
            ContentBlock::audio(STANDARD.encode(media::sound()), "audio/wav"),
        ])
    }

    /// Fails, in one of the two ways that a tool can.
    #[tool(
        title = "Fail",
        annotations(read_only_hint = true, idempotent_hint = true, open_world_hint = false)
    )]
    fn fail(
        &self,
        Parameters(Fail { mode }): Parameters<Fail>,
    ) -> Result<CallToolResult, ErrorData> {
        match mode {
            FailureMode::Tool => Ok(CallToolResult::error(vec![ContentBlock::text(
                "This tool failed, as you asked it to.",
            )])),
            FailureMode::Protocol => Err(ErrorData::new(
                DEMO_ERROR,
                "This call failed with a JSON-RPC error, as you asked it to.",
                Some(json!({ "mode": "protocol", "retry": false })),
            )),
        }
    }

    /// Adds a note, or replaces the one with the same name. It becomes a resource.
    #[tool(
        title = "Add a note",
        annotations(
            read_only_hint = false,
            destructive_hint = true,
            idempotent_hint = true,
            open_world_hint = false
        )
    )]
    async fn add_note(
        &self,
        Parameters(AddNote { name, text }): Parameters<AddNote>,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResult, String> {
        let is_new = self
            .notes
            .add(&name, text)
            .map_err(|refusal| refusal.to_string())?;
        let uri = resources::note_uri(&name);
        let change = if is_new {
            Change::List
        } else {
            Change::Updated(uri.clone())
        };
        self.changes.announce(&context.peer, change).await;
        let done = if is_new { "Added" } else { "Replaced" };
        Ok(CallToolResult::success(vec![
            ContentBlock::text(format!("{done} the note {name}.")),
            ContentBlock::resource_link(Resource::new(uri, name).with_mime_type("text/plain")),
        ]))
    }

    /// Moves demo://counter on by one and tells its subscribers.
    #[tool(
        title = "Move the counter",
        annotations(
            read_only_hint = false,
            destructive_hint = false,
            idempotent_hint = false,
            open_world_hint = false
        )
    )]
    async fn tick(&self, context: RequestContext<RoleServer>) -> String {
        let ticks = self.counter.fetch_add(1, Ordering::Relaxed) + 1;
        let change = Change::Updated(resources::COUNTER.to_owned());
        self.changes.announce(&context.peer, change).await;
        format!("The counter stands at {ticks}.")
    }
}

/// Takes the formats of Rust's number types out of a tool's schemas: JSON Schema has no such
/// formats, and validators warn of those they do not know.
pub(super) fn standardize(tool: &mut Tool) {
    let schemas = [Some(&mut tool.input_schema), tool.output_schema.as_mut()];
    for schema in schemas.into_iter().flatten() {
        let object = Arc::make_mut(schema);
        object.values_mut().for_each(without_number_formats);
    }
}

fn without_number_formats(schema: &mut Value) {
    match schema {
        Value::Object(object) => {
            if object.get("type").is_some_and(is_of_numbers) {
                object.remove("format");
            }
            object.values_mut().for_each(without_number_formats);
        }
        Value::Array(schemas) => schemas.iter_mut().for_each(without_number_formats),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn is_of_numbers(kind: &Value) -> bool {
    kind == "integer" || kind == "number"
}
