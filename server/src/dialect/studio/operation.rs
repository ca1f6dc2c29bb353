//! An `operation` of AutoGen Studio's envelope: the request it becomes and the frame that answers it.

use std::borrow::Cow;

use chrono::DateTime;
use chrono::Utc;
use footbridge_shared::rpc;
use footbridge_shared::rpc::Members;
use footbridge_shared::rpc::Response;
use serde::Deserialize;
use serde_json::json;
use serde_json::value::RawValue;

use crate::dialect::studio::frames::stamp;
use crate::dialect::to_text;

/// How many pages of a list are followed; a server that offers more is answered with what came so far.
const PAGES: usize = 1000;

/// A frame of the envelope from the browser, one level deep.
#[derive(Debug, Deserialize)]
pub(super) struct Frame<'a> {
    #[serde(borrow, rename = "type")]
    kind: Option<&'a RawValue>,
    #[serde(borrow)]
    operation: Option<&'a RawValue>,
    #[serde(borrow)]
    id: Option<&'a RawValue>,
    #[serde(borrow)]
    tool_name: Option<&'a RawValue>,
    #[serde(borrow)]
    name: Option<&'a RawValue>,
    #[serde(borrow)]
    uri: Option<&'a RawValue>,
    #[serde(borrow)]
    arguments: Option<&'a RawValue>,
    #[serde(borrow)]
    request_id: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) action: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) data: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) result: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) error: Option<&'a RawValue>,
}

/// The text of a JSON string; `None` for anything else.
pub(super) fn text<'a>(raw: Option<&'a RawValue>) -> Option<Cow<'a, str>> {
    #[derive(Deserialize)]
    struct Text<'a>(#[serde(borrow)] Cow<'a, str>);
    serde_json::from_str::<Text<'a>>(raw?.get())
        .ok()
        .map(|text| text.0)
}

impl<'a> Frame<'a> {
    /// The frame's `type`; `None` when there is none, which is how the ancestor printed it.
    pub(super) fn kind(&self) -> &'a str {
        match self.kind.map(RawValue::get) {
            None | Some("null") => "None",
            Some(json) => json
                .strip_prefix('"')
                .and_then(|json| json.strip_suffix('"'))
                .unwrap_or(json),
        }
    }

    pub(super) fn operation_name(&self) -> Option<&'a str> {
        let json = self.operation?.get();
        Some(
            json.strip_prefix('"')
                .and_then(|json| json.strip_suffix('"'))
                .unwrap_or(json),
        )
    }

    pub(super) fn id(&self) -> Option<&'a str> {
        self.id.map(RawValue::get)
    }

    pub(super) fn request_id(&self) -> Option<String> {
        text(self.request_id).map(Cow::into_owned)
    }
}

/// A request that an `operation` became.
#[derive(Debug)]
pub(super) struct Operation {
    kind: Kind,
    /// The frame's own `id`, to come back in the answer.
    id: Option<String>,
    pages: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Kind {
    List(List),
    CallTool { tool_name: String },
    ReadResource,
    GetPrompt,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum List {
    Tools,
    Resources,
    Prompts,
}

impl List {
    fn member(self) -> &'static str {
        match self {
            Self::Tools => "tools",
            Self::Resources => "resources",
            Self::Prompts => "prompts",
        }
    }
}

/// What an answer of the MCP server leads to.
pub(super) enum Outcome {
    /// The operation is answered.
    Frame(String),
    /// The list goes on.
    NextPage(Operation, String),
}

impl Operation {
    /// The request of an operation, as the operation to remember and its params; or the sentence that says
    /// what is missing.
    pub(super) fn parse(frame: &Frame<'_>) -> Result<(Self, Option<String>), String> {
        let arguments = || match frame.arguments.map(RawValue::get) {
            None | Some("null") => "{}".to_owned(),
            Some(arguments) => arguments.to_owned(),
        };
        let call = |name: &str, what| {
            let arguments = arguments();
            if name.is_empty() {
                Err(format!("{what} is required"))
            } else {
                Ok(format!(
                    r#"{{"name":{},"arguments":{arguments}}}"#,
                    rpc::quoted(name)
                ))
            }
        };
        let (kind, params) = match text(frame.operation).as_deref() {
            Some("list_tools") => (Kind::List(List::Tools), None),
            Some("list_resources") => (Kind::List(List::Resources), None),
            Some("list_prompts") => (Kind::List(List::Prompts), None),
            Some("call_tool") => {
                let tool_name = text(frame.tool_name).unwrap_or_default().into_owned();
                let params = call(&tool_name, "Tool name")?;
                (Kind::CallTool { tool_name }, Some(params))
            }
            Some("read_resource") => match text(frame.uri).filter(|uri| !uri.is_empty()) {
                Some(uri) => (Kind::ReadResource, Some(json!({ "uri": uri }).to_string())),
                None => return Err("Resource URI is required".to_owned()),
            },
            Some("get_prompt") => (
                Kind::GetPrompt,
                Some(call(&text(frame.name).unwrap_or_default(), "Prompt name")?),
            ),
            _ => {
                return Err(format!(
                    "Unknown operation: {}",
                    frame.operation_name().unwrap_or("None")
                ));
            }
        };
        Ok((
            Self {
                kind,
                id: frame.id().map(str::to_owned),
                pages: Vec::new(),
            },
            params,
        ))
    }

    /// The MCP method.
    pub(super) fn method(&self) -> &'static str {
        match self.kind {
            Kind::List(List::Tools) => "tools/list",
            Kind::List(List::Resources) => "resources/list",
            Kind::List(List::Prompts) => "prompts/list",
            Kind::CallTool { .. } => "tools/call",
            Kind::ReadResource => "resources/read",
            Kind::GetPrompt => "prompts/get",
        }
    }

    fn name(&self) -> &'static str {
        match self.kind {
            Kind::List(List::Tools) => "list_tools",
            Kind::List(List::Resources) => "list_resources",
            Kind::List(List::Prompts) => "list_prompts",
            Kind::CallTool { .. } => "call_tool",
            Kind::ReadResource => "read_resource",
            Kind::GetPrompt => "get_prompt",
        }
    }

    /// Answers the operation, or asks for the next page of a list.
    pub(super) fn finish(mut self, response: &Response, now: DateTime<Utc>) -> Outcome {
        let result = match response.outcome() {
            Ok(result) => result,
            Err(failure) => {
                return Outcome::Frame(error(
                    Some(self.name()),
                    self.id.as_deref(),
                    &error_message(failure),
                    now,
                ));
            }
        };
        let data = match &self.kind {
            Kind::CallTool { tool_name } => format!(
                r#"{{"tool_name":{},"result":{result}}}"#,
                rpc::quoted(tool_name)
            ),
            Kind::ReadResource | Kind::GetPrompt => result.to_owned(),
            Kind::List(list) => {
                let list = *list;
                let next = next_cursor(result);
                if let (Some(cursor), true) = (next, self.pages.len() < PAGES) {
                    self.pages.push(items(result, list).to_owned());
                    return Outcome::NextPage(self, format!(r#"{{"cursor":{cursor}}}"#));
                }
                whole_list(&self.pages, result, list)
            }
        };
        let id = self
            .id
            .as_deref()
            .map_or_else(String::new, |id| format!(r#","id":{id}"#));
        Outcome::Frame(format!(
            r#"{{"type":"operation_result","operation":"{}","data":{data}{id},"timestamp":{}}}"#,
            self.name(),
            rpc::quoted(&stamp(now)),
        ))
    }
}

/// The frame that says an operation failed.
pub(super) fn error(
    operation: Option<&str>,
    id: Option<&str>,
    problem: &str,
    now: DateTime<Utc>,
) -> String {
    let mut frame = json!({
        "type": "operation_error", "operation": operation.unwrap_or("unknown"), "error": problem, "timestamp": stamp(now),
    });
    if let Some(id) = id.and_then(|id| serde_json::from_str(id).ok()) {
        frame["id"] = id;
    }
    to_text(&frame)
}

fn error_message(failure: &str) -> String {
    let message = rpc::member(failure, "message")
        .and_then(|at| serde_json::from_str::<String>(&failure[at]).ok());
    message
        .unwrap_or_else(|| "The MCP server answered with an error that has no message".to_owned())
}

fn next_cursor(result: &str) -> Option<&str> {
    rpc::member(result, "nextCursor")
        .map(|at| &result[at])
        .filter(|cursor| cursor.starts_with('"'))
}

/// The elements of a page, as the text between its brackets.
fn items(result: &str, list: List) -> &str {
    let array = rpc::member(result, list.member()).map_or("[]", |at| &result[at]);
    array
        .strip_prefix('[')
        .and_then(|array| array.strip_suffix(']'))
        .map_or("", str::trim)
}

/// The last page with the elements of all pages in it; every other member is the last page's.
fn whole_list(pages: &[String], last: &str, list: List) -> String {
    let Ok(members) = serde_json::from_str::<Members<'_>>(last) else {
        return last.to_owned();
    };
    if pages.is_empty() {
        return last.to_owned();
    }
    let all: Vec<&str> = pages
        .iter()
        .map(String::as_str)
        .chain([items(last, list)])
        .filter(|items| !items.is_empty())
        .collect();
    let all = format!("[{}]", all.join(","));
    let mut written: Vec<String> = Vec::new();
    for (name, value) in &members.0 {
        if name != list.member() {
            written.push(format!("{}:{}", rpc::quoted(name), value.get()));
        }
    }
    written.insert(0, format!("\"{}\":{all}", list.member()));
    format!("{{{}}}", written.join(","))
}
