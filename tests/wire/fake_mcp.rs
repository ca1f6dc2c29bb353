//! An MCP server over stdio that does what its caller says, to the byte.
//!
//! It is the far end of the tests of the wire: real servers answer as they like, this one answers as told, and
//! tells what it was told. Never used by the bridge itself.

use std::borrow::Cow;
use std::io::BufRead;
use std::io::Write;
use std::process::ExitCode;

use serde::Deserialize;
use serde_json::json;
use serde_json::value::RawValue;

/// A message, one level deep.
#[derive(Deserialize)]
struct Heard<'a> {
    #[serde(borrow)]
    id: Option<&'a RawValue>,
    #[serde(borrow)]
    method: Option<Cow<'a, str>>,
    #[serde(borrow)]
    params: Option<&'a RawValue>,
}

/// What it remembers.
#[derive(Default)]
struct Fake {
    /// The params of `initialize`.
    client: String,
    /// Every line of its input.
    heard: Vec<String>,
    /// Calls of `fake/hold`: id and params.
    held: Vec<(String, String)>,
}

#[derive(Deserialize)]
struct Say {
    lines: Vec<String>,
}

#[derive(Deserialize)]
struct Exit {
    code: u8,
    #[serde(default)]
    stderr: String,
}

#[derive(Deserialize)]
struct Named {
    name: String,
}

fn main() -> ExitCode {
    let mut fake = Fake::default();
    for line in std::io::stdin().lock().lines() {
        let Ok(line) = line else { break };
        fake.heard.push(line.clone());
        let Ok(heard) = serde_json::from_str::<Heard<'_>>(&line) else {
            continue;
        };
        if let (Some(id), Some(method)) = (heard.id, heard.method) {
            let params = heard.params.map_or("null", RawValue::get);
            if let Some(code) = fake.on_request(id.get(), &method, params) {
                return code;
            }
        }
    }
    ExitCode::SUCCESS
}

impl Fake {
    /// Answers a request; the exit code, when that is the answer.
    fn on_request(&mut self, id: &str, method: &str, params: &str) -> Option<ExitCode> {
        match method {
            "initialize" => {
                self.client = params.to_owned();
                let result = json!({
                    "protocolVersion": "2025-06-18",
                    "capabilities": {
                        "experimental": { "com.example/x": { "deep": [1] } },
                        "logging": {}, "resources": {}, "tools": {},
                    },
                    "serverInfo": { "name": "fake", "version": "1.2.3" },
                });
                answer(id, &result.to_string());
            }
            // The params of `initialize`, as they came.
            "fake/client" => answer(id, &self.client.clone()),
            // Its own params, as they came.
            "fake/echo" => answer(id, params),
            // Every line so far, this one included.
            "fake/heard" => answer(id, &json!(self.heard).to_string()),
            "fake/arguments" => {
                let arguments: Vec<_> = std::env::args().skip(1).collect();
                answer(id, &json!(arguments).to_string());
            }
            "fake/environment" => {
                let variables: std::collections::BTreeMap<_, _> = std::env::vars().collect();
                answer(id, &json!(variables).to_string());
            }
            // Lines of its caller's own, with `$ID` for the id of this request.
            "fake/say" => {
                let said: Say = serde_json::from_str(params).expect("lines");
                for line in said.lines {
                    say(&line.replace("$ID", id));
                }
            }
            // Answered by `fake/release`, the last one first.
            "fake/hold" => self.held.push((id.to_owned(), params.to_owned())),
            "fake/release" => {
                for (id, params) in self.held.drain(..).rev() {
                    answer(&id, &params);
                }
                answer(id, "{}");
            }
            "fake/exit" => {
                let exit: Exit = serde_json::from_str(params).expect("a code");
                complain(&exit.stderr);
                return Some(ExitCode::from(exit.code));
            }
            "fake/complain" => {
                complain(&serde_json::from_str::<String>(params).expect("a text"));
                answer(id, "{}");
            }
            // Two pages, the second behind a cursor.
            "tools/list" if params.contains("cursor") => {
                answer(
                    id,
                    r#"{"tools":[{"name":"audio","inputSchema":{"type":"object"}}]}"#,
                );
            }
            "tools/list" => {
                let tool = |name: &str| {
                    json!({
                        "name": name, "description": format!("fixture {name}"),
                        "inputSchema": { "type": "object" }, "_meta": { "i": 1 },
                    })
                };
                let page = json!({ "tools": [tool("argv"), tool("fail"), tool("note")], "nextCursor": "2" });
                answer(id, &page.to_string());
            }
            "tools/call" => call_tool(id, params),
            _ => say(&format!(
                r#"{{"jsonrpc":"2.0","id":{id},"error":{{"code":-32601,"message":"no such method"}}}}"#
            )),
        }
        None
    }
}

/// The tools that the recorded fixture had.
fn call_tool(id: &str, params: &str) {
    let Named { name } = serde_json::from_str(params).expect("a name");
    match name.as_str() {
        "note" => {
            say(
                r#"{"jsonrpc":"2.0","method":"notifications/message","params":{"level":"info","data":"from the fixture"}}"#,
            );
            answer(
                id,
                r#"{"content":[{"type":"text","text":"noted"}],"isError":false}"#,
            );
        }
        "audio" => {
            let result = json!({
                "content": [
                    { "type": "audio", "data": "UklGRiQAAABXQVZF", "mimeType": "audio/wav" },
                    { "type": "image", "data": "iVBORw0KGgo=", "mimeType": "image/png" },
                    { "type": "resource_link", "uri": "file:///x", "name": "x" },
                    { "type": "text", "text": "t", "annotations": { "audience": ["user"], "priority": 0.5 }, "_meta": { "k": 1 } },
                ],
                "structuredContent": { "n": 1 },
                "isError": false,
                "_meta": { "com.example/tag": "kept" },
            });
            answer(id, &result.to_string());
        }
        _ => say(&format!(
            r#"{{"jsonrpc":"2.0","id":{id},"error":{{"code":-32042,"message":"Teapot \"é\" failure","data":{{"short":"stout"}}}}}}"#
        )),
    }
}

fn answer(id: &str, result: &str) {
    say(&format!(
        r#"{{"jsonrpc":"2.0","id":{id},"result":{result}}}"#
    ));
}

fn say(line: &str) {
    let mut output = std::io::stdout().lock();
    // A reader that is gone is the bridge's business.
    let _ = writeln!(output, "{line}");
    let _ = output.flush();
}

fn complain(text: &str) {
    if !text.is_empty() {
        let _ = writeln!(std::io::stderr(), "{text}");
    }
}
