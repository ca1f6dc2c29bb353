//! The MCP server of the official conformance suite's server half: the tools, resources and prompts that the suite
//! expects, on the official Rust SDK, over Streamable HTTP on loopback.
//!
//! `conformance_server [--modern-only]` prints its URL. Never used by the bridge itself.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use hyper_util::rt::TokioExecutor;
use hyper_util::rt::TokioIo;
use hyper_util::server::conn::auto;
use hyper_util::service::TowerToHyperService;
use rmcp::ErrorData;
use rmcp::RoleServer;
use rmcp::ServerHandler;
use rmcp::model::CallToolRequestParams;
use rmcp::model::CallToolResponse;
use rmcp::model::CompleteRequestParams;
use rmcp::model::CompleteResult;
use rmcp::model::ErrorCode;
use rmcp::model::GetPromptRequestParams;
use rmcp::model::GetPromptResponse;
use rmcp::model::Implementation;
use rmcp::model::InitializeRequestParams;
use rmcp::model::InitializeResult;
use rmcp::model::InputResponses;
use rmcp::model::ListPromptsResult;
use rmcp::model::ListResourceTemplatesResult;
use rmcp::model::ListResourcesResult;
use rmcp::model::ListToolsResult;
use rmcp::model::PaginatedRequestParams;
use rmcp::model::ProgressNotificationParam;
use rmcp::model::ReadResourceRequestParams;
use rmcp::model::ReadResourceResponse;
use rmcp::model::ServerCapabilities;
use rmcp::model::ServerConfig;
use rmcp::model::ServerRequest;
use rmcp::model::SubscribeRequestParams;
use rmcp::model::SubscriptionFilter;
use rmcp::model::UnsubscribeRequestParams;
use rmcp::service::RequestContext;
use rmcp::service::SubscriptionContext;
use rmcp::transport::streamable_http_server::StreamableHttpServerConfig;
use rmcp::transport::streamable_http_server::StreamableHttpService;
use rmcp::transport::streamable_http_server::session::local::LocalSessionManager;
use serde::de::DeserializeOwned;
use serde_json::Value;
use serde_json::json;
use tokio::net::TcpListener;
use tokio::sync::broadcast;
use tokio::task::JoinSet;

const PNG: &str = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR4nGP4z8DwHwAFAAH/iZk9HQAAAABJRU5ErkJggg==";
const WAV: &str = "UklGRiQAAABXQVZFZm10IBAAAAABAAEAQB8AAIA+AAACABAAZGF0YQAAAAA=";

/// What the suite's server is asked to wait between two steps.
const STEP: Duration = Duration::from_millis(50);

#[derive(Clone)]
struct Fixture {
    modern_only: bool,
    changes: broadcast::Sender<Change>,
}

#[derive(Clone, Copy, Debug)]
enum Change {
    Tools,
    Prompts,
}

/// A result of the SDK from the JSON the suite describes; the SDK leaves out what older revisions do not have.
fn result<T: DeserializeOwned>(mut json: Value) -> Result<T, ErrorData> {
    json["resultType"] = "complete".into();
    typed(json)
}

/// A typed value of the SDK from the JSON the suite describes.
fn typed<T: DeserializeOwned>(json: Value) -> Result<T, ErrorData> {
    serde_json::from_value(json).map_err(|error| ErrorData::internal_error(error.to_string(), None))
}

fn text(text: impl Into<String>) -> Value {
    json!({ "content": [{ "type": "text", "text": text.into() }] })
}

fn form(message: &str, properties: &Value, required: &[&str]) -> Value {
    json!({
        "method": "elicitation/create",
        "params": {
            "mode": "form",
            "message": message,
            "requestedSchema": { "type": "object", "properties": properties, "required": required },
        },
    })
}

fn sampling(prompt: &str, max_tokens: u32) -> Value {
    let content = json!({ "type": "text", "text": prompt });
    json!({
        "method": "sampling/createMessage",
        "params": { "messages": [{ "role": "user", "content": content }], "maxTokens": max_tokens },
    })
}

fn roots() -> Value {
    json!({ "method": "roots/list", "params": {} })
}

/// What a call asks the client before it can be answered.
struct Round {
    /// The state that comes with the answers; `None` is a call without any.
    after: Option<&'static str>,
    requests: Vec<(&'static str, Value)>,
    state: Option<&'static str>,
}

/// What the client has said so far.
enum Said {
    /// To be put to it.
    Pending(Value),
    Answers(Vec<Value>),
}

/// Asks what a round asks for, in the way of the client's era.
async fn ask(
    rounds: &[Round],
    state: Option<&str>,
    responses: Option<&InputResponses>,
    context: &RequestContext<RoleServer>,
) -> Result<Said, ErrorData> {
    if !stands_alone(context) {
        let mut answers = Vec::new();
        for (_, request) in rounds.iter().flat_map(|round| &round.requests) {
            let request: ServerRequest = typed(request.clone())?;
            let result = context
                .peer
                .send_request(request)
                .await
                .map_err(|error| ErrorData::internal_error(error.to_string(), None))?;
            answers.push(serde_json::to_value(result).unwrap_or_default());
        }
        return Ok(Said::Answers(answers));
    }
    let round = if responses.is_none() && state.is_none() {
        rounds.first()
    } else {
        let asked = rounds.iter().position(|round| round.state == state);
        let asked = asked
            .ok_or_else(|| ErrorData::invalid_params("requestState is not one of ours", None))?;
        let keys = rounds[asked].requests.iter().map(|(key, _)| *key);
        let answers: Option<Vec<Value>> = keys
            .map(|key| {
                responses?
                    .get(key)
                    .filter(|answer| answer.is_object())
                    .cloned()
            })
            .collect();
        match answers {
            Some(answers) if asked + 1 == rounds.len() => return Ok(Said::Answers(answers)),
            Some(_) => rounds.get(asked + 1),
            None => rounds.get(asked),
        }
    };
    let round = round.ok_or_else(|| ErrorData::internal_error("there is nothing to ask", None))?;
    debug_assert!(round.after.is_none() || state.is_some());
    let requests: serde_json::Map<String, Value> = round
        .requests
        .iter()
        .map(|(key, request)| ((*key).to_owned(), request.clone()))
        .collect();
    let mut pending = json!({ "resultType": "input_required", "inputRequests": requests });
    if let Some(state) = round.state {
        pending["requestState"] = state.into();
    }
    Ok(Said::Pending(pending))
}

/// The rounds of a tool that asks; `None` for one that does not.
fn rounds(tool: &str, arguments: &Value, capabilities: &Value) -> Option<Vec<Round>> {
    let once = |requests, state| {
        vec![Round {
            after: None,
            requests,
            state,
        }]
    };
    let name = json!({ "name": { "type": "string" } });
    Some(match tool {
        "test_sampling" => once(
            vec![(
                "sampling",
                sampling(arguments["prompt"].as_str().unwrap_or_default(), 100),
            )],
            None,
        ),
        "test_elicitation" => {
            let properties = json!({
                "username": { "type": "string", "description": "User's response" },
                "email": { "type": "string", "description": "User's email address" },
            });
            let message = arguments["message"].as_str().unwrap_or_default();
            once(
                vec![("input", form(message, &properties, &["username", "email"]))],
                None,
            )
        }
        "test_elicitation_sep1034_defaults" => {
            let properties = json!({
                "name": { "type": "string", "default": "John Doe" },
                "age": { "type": "integer", "default": 30 },
                "score": { "type": "number", "default": 95.5 },
                "status": { "type": "string", "enum": ["active", "inactive", "pending"], "default": "active" },
                "verified": { "type": "boolean", "default": true },
            });
            once(
                vec![("input", form("Please check the defaults", &properties, &[]))],
                None,
            )
        }
        "test_elicitation_sep1330_enums" => {
            let titled = |last: &str| {
                json!([
                    { "const": "value1", "title": format!("First {last}") },
                    { "const": "value2", "title": format!("Second {last}") },
                    { "const": "value3", "title": format!("Third {last}") },
                ])
            };
            let plain = json!(["option1", "option2", "option3"]);
            let properties = json!({
                "untitledSingle": { "type": "string", "enum": plain },
                "titledSingle": { "type": "string", "oneOf": titled("Option") },
                "legacyEnum": { "type": "string", "enum": ["opt1", "opt2", "opt3"], "enumNames": ["Option One", "Option Two", "Option Three"] },
                "untitledMulti": { "type": "array", "items": { "type": "string", "enum": plain } },
                "titledMulti": { "type": "array", "items": { "anyOf": titled("Choice") } },
            });
            once(
                vec![("input", form("Please choose", &properties, &[]))],
                None,
            )
        }
        "test_input_required_result_elicitation" => once(
            vec![("user_name", form("What is your name?", &name, &["name"]))],
            None,
        ),
        "test_input_required_result_sampling" => once(
            vec![(
                "capital_question",
                sampling("What is the capital of France?", 100),
            )],
            None,
        ),
        "test_input_required_result_list_roots" => once(vec![("client_roots", roots())], None),
        "test_input_required_result_request_state"
        | "test_input_required_result_tampered_state" => {
            let ok = json!({ "ok": { "type": "boolean" } });
            once(
                vec![("confirm", form("Please confirm", &ok, &["ok"]))],
                Some("sealed-state-1"),
            )
        }
        "test_input_required_result_multiple_inputs" => once(
            vec![
                ("user_name", form("What is your name?", &name, &["name"])),
                ("greeting", sampling("Generate a greeting", 50)),
                ("client_roots", roots()),
            ],
            Some("sealed-state-1"),
        ),
        "test_input_required_result_multi_round" => {
            let color = json!({ "color": { "type": "string" } });
            let first = form("Step 1: What is your name?", &name, &["name"]);
            let second = form("Step 2: What is your favorite color?", &color, &["color"]);
            vec![
                Round {
                    after: None,
                    requests: vec![("step1", first)],
                    state: Some("state-round-1"),
                },
                Round {
                    after: Some("state-round-1"),
                    requests: vec![("step2", second)],
                    state: Some("state-round-2"),
                },
            ]
        }
        "test_input_required_result_capabilities" => {
            let all = [
                (
                    "elicitation",
                    "who",
                    form("What is your name?", &name, &["name"]),
                ),
                ("sampling", "greeting", sampling("Generate a greeting", 50)),
                ("roots", "where", roots()),
            ];
            let declared = all
                .into_iter()
                .filter(|(capability, _, _)| capabilities.get(capability).is_some());
            once(
                declared.map(|(_, key, request)| (key, request)).collect(),
                None,
            )
        }
        _ => return None,
    })
}

/// Name, description, arguments that are required strings.
const TOOLS: &[(&str, &str, &[&str])] = &[
    ("test_simple_text", "Returns a text.", &[]),
    ("test_image_content", "Returns an image.", &[]),
    ("test_audio_content", "Returns a sound.", &[]),
    ("test_embedded_resource", "Returns a resource.", &[]),
    (
        "test_multiple_content_types",
        "Returns several kinds of content.",
        &[],
    ),
    ("test_tool_with_logging", "Logs what it does.", &[]),
    ("test_error_handling", "Fails.", &[]),
    ("test_tool_with_progress", "Reports its progress.", &[]),
    ("test_sampling", "Asks the client's model.", &["prompt"]),
    ("test_elicitation", "Asks the user.", &["message"]),
    (
        "test_elicitation_sep1034_defaults",
        "Asks the user, with defaults.",
        &[],
    ),
    (
        "test_elicitation_sep1330_enums",
        "Asks the user, with enumerations.",
        &[],
    ),
    (
        "test_input_required_result_elicitation",
        "Asks the user inside its answer.",
        &[],
    ),
    (
        "test_input_required_result_sampling",
        "Asks the model inside its answer.",
        &[],
    ),
    (
        "test_input_required_result_list_roots",
        "Asks for the roots inside its answer.",
        &[],
    ),
    (
        "test_input_required_result_request_state",
        "Has a state to be echoed.",
        &[],
    ),
    (
        "test_input_required_result_multiple_inputs",
        "Asks several things at once.",
        &[],
    ),
    ("test_input_required_result_multi_round", "Asks twice.", &[]),
    (
        "test_input_required_result_tampered_state",
        "Knows its own state.",
        &[],
    ),
    (
        "test_input_required_result_capabilities",
        "Asks what the client can answer.",
        &[],
    ),
    (
        "test_missing_capability",
        "Needs the capability `sampling`.",
        &[],
    ),
    ("test_logging_tool", "Logs when it is asked to.", &[]),
    (
        "test_streaming_elicitation",
        "Asks the user inside its answer.",
        &[],
    ),
    (
        "test_trigger_tool_change",
        "Says that the tools have changed.",
        &[],
    ),
    (
        "test_trigger_prompt_change",
        "Says that the prompts have changed.",
        &[],
    ),
];

fn input_schema(name: &str, required: &[&str]) -> Value {
    if name == "json_schema_2020_12_tool" {
        return json!({
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "type": "object",
            "allOf": [{ "anyOf": [{ "required": ["name"] }, { "required": ["address"] }] }],
            "if": { "required": ["address"] }, "then": { "required": ["name"] }, "else": {},
            "$defs": { "address": { "$anchor": "address", "type": "object", "properties": { "street": { "type": "string" }, "city": { "type": "string" } } } },
            "properties": { "name": { "type": "string" }, "address": { "$ref": "#/$defs/address" } },
            "additionalProperties": false,
        });
    }
    let properties: serde_json::Map<String, Value> = required
        .iter()
        .map(|name| ((*name).to_owned(), json!({ "type": "string" })))
        .collect();
    json!({ "type": "object", "properties": properties, "required": required })
}

fn complete_text(tool: &str, answers: &[Value]) -> Value {
    let all: Vec<String> = answers.iter().map(Value::to_string).collect();
    let all = all.join(" ");
    text(match tool {
        "test_sampling" => format!(
            "LLM response: {}",
            answers[0]["content"]["text"].as_str().unwrap_or(&all)
        ),
        "test_elicitation" => format!("User response: {all}"),
        "test_elicitation_sep1034_defaults" | "test_elicitation_sep1330_enums" => {
            format!(
                "Elicitation completed: action={}, content={}",
                answers[0]["action"].as_str().unwrap_or_default(),
                answers[0]["content"]
            )
        }
        "test_input_required_result_elicitation" => {
            format!(
                "Hello, {}!",
                answers[0]["content"]["name"].as_str().unwrap_or_default()
            )
        }
        "test_input_required_result_request_state" => format!("state-ok {all}"),
        _ => all,
    })
}

impl Fixture {
    /// A tool that asks nothing.
    async fn plain(
        &self,
        tool: &str,
        context: &RequestContext<RoleServer>,
    ) -> Result<Value, ErrorData> {
        let image = json!({ "type": "image", "data": PNG, "mimeType": "image/png" });
        let resource = |uri: &str, mime_type: &str, text: &str| json!({ "type": "resource", "resource": { "uri": uri, "mimeType": mime_type, "text": text } });
        Ok(match tool {
            "test_simple_text" => text("This is a simple text response for testing."),
            "test_image_content" => json!({ "content": [image] }),
            "test_audio_content" => {
                json!({ "content": [{ "type": "audio", "data": WAV, "mimeType": "audio/wav" }] })
            }
            "test_embedded_resource" => json!({
                "content": [resource("test://embedded-resource", "text/plain", "This is an embedded resource content.")],
            }),
            "test_multiple_content_types" => json!({ "content": [
                { "type": "text", "text": "Multiple content types test:" },
                image,
                resource("test://mixed-content-resource", "application/json", r#"{"test":"data","value":123}"#),
            ]}),
            "test_error_handling" => {
                let mut result = text("This tool intentionally returns an error for testing");
                result["isError"] = true.into();
                result
            }
            "test_tool_with_progress" => {
                for progress in [0.0, 50.0, 100.0] {
                    if let Some(token) = context.meta.get_progress_token() {
                        let params =
                            ProgressNotificationParam::new(token, progress).with_total(100.0);
                        let _ = context.peer.notify_progress(params).await;
                    }
                    tokio::time::sleep(STEP).await;
                }
                text("Progress has been reported.")
            }
            "test_tool_with_logging" | "test_logging_tool" => {
                for message in [
                    "Tool execution started",
                    "Tool processing data",
                    "Tool execution completed",
                ] {
                    log(context, message).await?;
                    tokio::time::sleep(STEP).await;
                }
                text("Messages have been logged.")
            }
            "test_trigger_tool_change" => self.changed(Change::Tools, context).await,
            "test_trigger_prompt_change" => self.changed(Change::Prompts, context).await,
            "json_schema_2020_12_tool" => text("The schema is what matters."),
            _ => {
                return Err(ErrorData::invalid_params(
                    format!("There is no tool {tool:?}."),
                    None,
                ));
            }
        })
    }

    async fn changed(&self, change: Change, context: &RequestContext<RoleServer>) -> Value {
        // Nobody may be listening.
        let _ = self.changes.send(change);
        if !stands_alone(context) {
            let _ = match change {
                Change::Tools => context.peer.notify_tool_list_changed().await,
                Change::Prompts => context.peer.notify_prompt_list_changed().await,
            };
        }
        text("It has changed.")
    }
}

/// A log message of level `info`: for everyone in a session, elsewhere for who asks for it.
#[expect(
    deprecated,
    reason = "logging is deprecated in the newest revision and part of all others"
)]
async fn log(context: &RequestContext<RoleServer>, message: &str) -> Result<(), ErrorData> {
    let is_wanted = !stands_alone(context) || has_meta(context, "logLevel");
    if is_wanted {
        let params = typed(json!({ "level": "info", "logger": "conformance", "data": message }))?;
        let _ = context.peer.notify_logging_message(params).await;
    }
    Ok(())
}

/// Whether a request is of the stateless revision.
fn stands_alone(context: &RequestContext<RoleServer>) -> bool {
    has_meta(context, "protocolVersion")
}

fn has_meta(context: &RequestContext<RoleServer>, name: &str) -> bool {
    let name = format!("io.modelcontextprotocol/{name}");
    serde_json::to_value(&context.meta).is_ok_and(|meta| meta.get(&name).is_some())
}

fn capabilities(context: &RequestContext<RoleServer>) -> Value {
    context
        .client_capabilities()
        .and_then(|capabilities| serde_json::to_value(capabilities).ok())
        .unwrap_or_default()
}

#[expect(
    deprecated,
    reason = "logging is deprecated in the newest revision and part of all others"
)]
impl ServerHandler for Fixture {
    fn get_info(&self) -> ServerConfig {
        ServerConfig::new(
            ServerCapabilities::builder()
                .enable_logging()
                .enable_completions()
                .enable_prompts()
                .enable_prompts_list_changed()
                .enable_resources()
                .enable_resources_subscribe()
                .enable_tools()
                .enable_tool_list_changed()
                .build(),
        )
        .with_server_info(Implementation::new("conformance-fixture", "1.0.0"))
    }

    async fn initialize(
        &self,
        request: InitializeRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<InitializeResult, ErrorData> {
        if self.modern_only {
            let data =
                json!({ "supported": ["2026-07-28"], "requested": request.protocol_version });
            return Err(ErrorData::new(
                ErrorCode(-32022),
                "Unsupported protocol version",
                Some(data),
            ));
        }
        context.peer.set_peer_info(request.clone());
        self.negotiate_initialize(&request)
    }

    async fn list_tools(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        let json_schema = (
            "json_schema_2020_12_tool",
            "Has a schema with everything.",
            &[][..],
        );
        let tools: Vec<Value> = TOOLS
            .iter()
            .chain([&json_schema])
            .map(|(name, description, required)| {
                json!({ "name": name, "description": description, "inputSchema": input_schema(name, required) })
            })
            .collect();
        Ok(ListToolsResult::with_all_items(typed(tools.into())?))
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let declared = capabilities(&context);
        let tool = match &*request.name {
            "test_streaming_elicitation" => "test_input_required_result_elicitation",
            name => name,
        };
        if tool == "test_missing_capability" && declared.get("sampling").is_none() {
            let data = json!({ "requiredCapabilities": { "sampling": {} } });
            return Err(ErrorData::new(
                ErrorCode(-32021),
                "The capability `sampling` is needed.",
                Some(data),
            ));
        }
        if tool == "test_missing_capability" {
            return typed_response(text("It is there."));
        }
        let arguments = request.arguments.map_or(Value::Null, Value::Object);
        let Some(rounds) = rounds(tool, &arguments, &declared) else {
            return typed_response(self.plain(tool, &context).await?);
        };
        match ask(
            &rounds,
            request.request_state.as_deref(),
            request.input_responses.as_ref(),
            &context,
        )
        .await?
        {
            Said::Pending(pending) => {
                typed::<rmcp::model::InputRequiredResult>(pending).map(Into::into)
            }
            Said::Answers(answers) => typed_response(complete_text(tool, &answers)),
        }
    }

    async fn list_resources(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListResourcesResult, ErrorData> {
        Ok(ListResourcesResult::with_all_items(typed(json!([
            { "uri": "test://static-text", "name": "text", "description": "A text.", "mimeType": "text/plain" },
            { "uri": "test://static-binary", "name": "binary", "description": "An image.", "mimeType": "image/png" },
            { "uri": "test://watched-resource", "name": "watched", "description": "Changes.", "mimeType": "text/plain" },
        ]))?))
    }

    async fn list_resource_templates(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListResourceTemplatesResult, ErrorData> {
        Ok(ListResourceTemplatesResult::with_all_items(typed(json!([
            { "uriTemplate": "test://template/{id}/data", "name": "template", "description": "By id.", "mimeType": "application/json" },
        ]))?))
    }

    async fn read_resource(
        &self,
        request: ReadResourceRequestParams,
        _: RequestContext<RoleServer>,
    ) -> Result<ReadResourceResponse, ErrorData> {
        let uri = request.uri.as_str();
        let plain = |text: &str| json!({ "uri": uri, "mimeType": "text/plain", "text": text });
        let template = uri
            .strip_prefix("test://template/")
            .and_then(|rest| rest.strip_suffix("/data"));
        let content = match (uri, template) {
            ("test://static-text", _) => plain("This is the content of the static text resource."),
            ("test://static-binary", _) => {
                json!({ "uri": uri, "mimeType": "image/png", "blob": PNG })
            }
            ("test://watched-resource", _) => plain("This resource is watched."),
            (_, Some(id)) => {
                let data =
                    json!({ "id": id, "templateTest": true, "data": format!("Data for ID: {id}") });
                json!({ "uri": uri, "mimeType": "application/json", "text": data.to_string() })
            }
            (_, None) => {
                return Err(ErrorData::resource_not_found(
                    "Resource not found",
                    Some(json!({ "uri": uri })),
                ));
            }
        };
        result::<rmcp::model::ReadResourceResult>(
            json!({ "contents": [content], "ttlMs": 0, "cacheScope": "private" }),
        )
        .map(Into::into)
    }

    async fn subscribe(
        &self,
        _: SubscribeRequestParams,
        _: RequestContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        Ok(())
    }

    async fn unsubscribe(
        &self,
        _: UnsubscribeRequestParams,
        _: RequestContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        Ok(())
    }

    async fn list_prompts(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListPromptsResult, ErrorData> {
        let argument =
            |name: &str| json!({ "name": name, "description": "An argument.", "required": true });
        Ok(ListPromptsResult::with_all_items(typed(json!([
            { "name": "test_simple_prompt", "description": "A simple prompt." },
            { "name": "test_prompt_with_arguments", "description": "With arguments.", "arguments": [argument("arg1"), argument("arg2")] },
            { "name": "test_prompt_with_embedded_resource", "description": "With a resource.", "arguments": [argument("resourceUri")] },
            { "name": "test_prompt_with_image", "description": "With an image." },
            { "name": "test_input_required_result_prompt", "description": "Asks the user." },
        ]))?))
    }

    async fn get_prompt(
        &self,
        request: GetPromptRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<GetPromptResponse, ErrorData> {
        let request = serde_json::to_value(request).unwrap_or_default();
        let user = |content: Value| json!({ "role": "user", "content": content });
        let said = |text: String| user(json!({ "type": "text", "text": text }));
        let argument = |name: &str| {
            request["arguments"][name]
                .as_str()
                .unwrap_or_default()
                .to_owned()
        };
        let messages = match request["name"].as_str().unwrap_or_default() {
            "test_simple_prompt" => vec![said("This is a simple prompt for testing.".to_owned())],
            "test_prompt_with_arguments" => vec![said(format!(
                "Prompt with arguments: arg1='{}', arg2='{}'",
                argument("arg1"),
                argument("arg2")
            ))],
            "test_prompt_with_embedded_resource" => vec![
                user(json!({ "type": "resource", "resource": {
                    "uri": argument("resourceUri"), "mimeType": "text/plain", "text": "Embedded resource content for testing.",
                }})),
                said("Please process the embedded resource above.".to_owned()),
            ],
            "test_prompt_with_image" => vec![
                user(json!({ "type": "image", "data": PNG, "mimeType": "image/png" })),
                said("Please analyze the image above.".to_owned()),
            ],
            "test_input_required_result_prompt" => {
                let properties = json!({ "context": { "type": "string" } });
                let question = form(
                    "What context should the prompt use?",
                    &properties,
                    &["context"],
                );
                let rounds = [Round {
                    after: None,
                    requests: vec![("user_context", question)],
                    state: None,
                }];
                let responses: Option<InputResponses> = typed(request["inputResponses"].clone())?;
                match ask(&rounds, None, responses.as_ref(), &context).await? {
                    Said::Pending(pending) => {
                        return typed::<rmcp::model::InputRequiredResult>(pending).map(Into::into);
                    }
                    Said::Answers(answers) => vec![said(format!(
                        "Use this context: {}",
                        answers[0]["content"]["context"]
                    ))],
                }
            }
            name => {
                return Err(ErrorData::invalid_params(
                    format!("There is no prompt {name:?}."),
                    None,
                ));
            }
        };
        result::<rmcp::model::GetPromptResult>(json!({ "messages": messages })).map(Into::into)
    }

    async fn complete(
        &self,
        _: CompleteRequestParams,
        _: RequestContext<RoleServer>,
    ) -> Result<CompleteResult, ErrorData> {
        result(
            json!({ "completion": { "values": ["paris", "park", "party"], "total": 3, "hasMore": false } }),
        )
    }

    async fn set_level(
        &self,
        _: rmcp::model::SetLevelRequestParams,
        _: RequestContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        Ok(())
    }

    fn accepted_subscription_filter(
        &self,
        requested: &SubscriptionFilter,
    ) -> Option<SubscriptionFilter> {
        Some(requested.supported_by(&self.get_info().capabilities))
    }

    async fn listen(&self, subscription: SubscriptionContext) -> Result<(), ErrorData> {
        let mut changes = self.changes.subscribe();
        loop {
            let change = tokio::select! {
                () = subscription.cancelled() => return Ok(()),
                change = changes.recv() => change,
            };
            // The sink sends only what this subscription asked for.
            let _ = match change {
                Ok(Change::Tools) => subscription.sink().notify_tool_list_changed().await,
                Ok(Change::Prompts) => subscription.sink().notify_prompt_list_changed().await,
                Err(broadcast::error::RecvError::Lagged(_)) => Ok(()),
                Err(broadcast::error::RecvError::Closed) => return Ok(()),
            };
        }
    }
}

fn typed_response(result: Value) -> Result<CallToolResponse, ErrorData> {
    self::result::<rmcp::model::CallToolResult>(result).map(Into::into)
}

#[tokio::main]
#[expect(clippy::print_stdout, reason = "the URL is what its starter waits for")]
async fn main() -> std::io::Result<()> {
    let modern_only = std::env::args().any(|argument| argument == "--modern-only");
    let fixture = Fixture {
        modern_only,
        changes: broadcast::Sender::new(64),
    };
    let service = StreamableHttpService::new(
        move || Ok(fixture.clone()),
        Arc::new(LocalSessionManager::default()),
        StreamableHttpServerConfig::default(),
    );
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    println!("http://{}/mcp", listener.local_addr()?);
    let mut connections = JoinSet::new();
    loop {
        let (stream, _) = listener.accept().await?;
        let service = TowerToHyperService::new(service.clone());
        connections.spawn(async move {
            let _ = auto::Builder::new(TokioExecutor::new())
                .serve_connection(TokioIo::new(stream), service)
                .await;
        });
        while connections.try_join_next().is_some() {}
    }
}
