//! The demo server from the outside: lines of JSON-RPC in, lines of JSON-RPC out.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{
    AsyncBufReadExt, AsyncWriteExt, BufReader, DuplexStream, Lines, ReadHalf, WriteHalf,
};
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::{Error, resources, serve};

/// How long any one expected thing may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// A client that knows nothing of the SDK.
struct Client {
    writer: WriteHalf<DuplexStream>,
    lines: Lines<BufReader<ReadHalf<DuplexStream>>>,
    sessions: JoinSet<Result<(), Error>>,
    next_id: u64,
    /// What came while something else was awaited.
    unasked: Vec<Value>,
    /// Sent along with every request.
    meta: Value,
}

impl Client {
    fn start() -> Self {
        let (near, far) = tokio::io::duplex(64 * 1024);
        let mut sessions = JoinSet::new();
        sessions.spawn(async move {
            let (reader, writer) = tokio::io::split(far);
            serve(reader, writer).await
        });
        let (reader, writer) = tokio::io::split(near);
        Self {
            writer,
            lines: BufReader::new(reader).lines(),
            sessions,
            next_id: 1,
            unasked: Vec::new(),
            meta: Value::Null,
        }
    }

    /// A client that has done the legacy handshake.
    async fn legacy(capabilities: Value) -> Self {
        let mut client = Self::start();
        let result = client.initialize("2025-11-25", capabilities).await;
        assert_eq!(result["protocolVersion"], "2025-11-25");
        client
            .send(json!({"jsonrpc":"2.0","method":"notifications/initialized"}))
            .await;
        client
    }

    /// A client of the modern era, which has no handshake.
    fn modern(capabilities: &Value) -> Self {
        let mut client = Self::start();
        client.meta = json!({
            "io.modelcontextprotocol/protocolVersion": "2026-07-28",
            "io.modelcontextprotocol/clientCapabilities": capabilities,
            "io.modelcontextprotocol/clientInfo": {"name": "test", "version": "1"},
        });
        client
    }

    async fn initialize(&mut self, version: &str, capabilities: Value) -> Value {
        let params = json!({
            "protocolVersion": version,
            "capabilities": capabilities,
            "clientInfo": {"name": "test", "version": "1"},
        });
        self.request("initialize", params).await
    }

    async fn send(&mut self, message: Value) {
        let line = format!("{message}\n");
        self.writer.write_all(line.as_bytes()).await.unwrap();
    }

    async fn receive(&mut self) -> Value {
        let line = timeout(PATIENCE, self.lines.next_line()).await;
        let line = line.expect("no message in time").unwrap();
        serde_json::from_str(&line.expect("the server left")).unwrap()
    }

    /// Sends a request and returns its id.
    async fn begin(&mut self, method: &str, mut params: Value) -> u64 {
        let id = self.next_id;
        self.next_id += 1;
        if !self.meta.is_null() {
            params["_meta"] = self.meta.clone();
        }
        self.send(json!({"jsonrpc":"2.0","id":id,"method":method,"params":params}))
            .await;
        id
    }

    /// Waits for the response to a request and keeps what comes in between.
    async fn finish(&mut self, id: u64) -> Value {
        loop {
            let message = self.receive().await;
            if message["id"] == id && message.get("method").is_none() {
                return message;
            }
            self.unasked.push(message);
        }
    }

    async fn respond(&mut self, method: &str, params: Value) -> Value {
        let id = self.begin(method, params).await;
        self.finish(id).await
    }

    async fn request(&mut self, method: &str, params: Value) -> Value {
        let mut response = self.respond(method, params).await;
        assert!(response.get("error").is_none(), "{method}: {response}");
        response["result"].take()
    }

    async fn error(&mut self, method: &str, params: Value) -> Value {
        let mut response = self.respond(method, params).await;
        assert!(response.get("result").is_none(), "{method}: {response}");
        response["error"].take()
    }

    async fn call(&mut self, tool: &str, arguments: Value) -> Value {
        let params = json!({"name": tool, "arguments": arguments});
        self.request("tools/call", params).await
    }

    /// The next message with this method, whether it came already or is yet to come.
    async fn expect(&mut self, method: &str) -> Value {
        if let Some(at) = self.unasked.iter().position(|m| m["method"] == method) {
            return self.unasked.remove(at);
        }
        loop {
            let message = self.receive().await;
            if message["method"] == method {
                return message;
            }
            self.unasked.push(message);
        }
    }

    /// How often a method came unasked up to now.
    fn count(&self, method: &str) -> usize {
        let of_method = self.unasked.iter().filter(|m| m["method"] == method);
        of_method.count()
    }

    /// Ends the input and returns how the server left.
    async fn leave(mut self) -> Result<(), Error> {
        self.writer.shutdown().await.unwrap();
        let ended = timeout(Duration::from_secs(2), self.sessions.join_next()).await;
        ended.expect("the server is still there").unwrap().unwrap()
    }
}

fn text(result: &Value) -> &str {
    result["content"][0]["text"].as_str().unwrap()
}

#[tokio::test]
async fn every_legacy_revision_gets_a_handshake_in_its_own_words() {
    for version in ["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25"] {
        let mut client = Client::start();
        let result = client.initialize(version, json!({})).await;
        assert_eq!(result["protocolVersion"], version);
        assert_eq!(result["serverInfo"]["name"], "footbridge-demo");
        assert_eq!(result["serverInfo"]["version"], env!("CARGO_PKG_VERSION"));
        assert!(
            result["instructions"]
                .as_str()
                .unwrap()
                .contains("long_task")
        );
        let capabilities = &result["capabilities"];
        assert_eq!(
            *capabilities,
            json!({
                "tools": {},
                "prompts": {},
                "resources": {"subscribe": true, "listChanged": true},
                "logging": {},
                "completions": {},
            })
        );
    }
}

#[tokio::test]
async fn the_end_of_the_input_ends_the_server_at_once_whatever_is_under_way() {
    Client::start().leave().await.unwrap();
    Client::legacy(json!({})).await.leave().await.unwrap();

    let mut client = Client::legacy(json!({"elicitation": {}})).await;
    let slow = json!({"name": "long_task", "arguments": {"delay_ms": 60_000}});
    client.begin("tools/call", slow).await;
    let asking = json!({"name": "ask_elicitation"});
    client.begin("tools/call", asking).await;
    client.expect("elicitation/create").await;
    client.leave().await.unwrap();

    let mut client = Client::modern(&json!({}));
    let all = json!({"notifications": {"resourcesListChanged": true}});
    client.begin("subscriptions/listen", all).await;
    client
        .expect("notifications/subscriptions/acknowledged")
        .await;
    client.leave().await.unwrap();
}

#[tokio::test]
async fn a_first_message_that_begins_no_session_is_an_error_that_says_so() {
    let mut client = Client::start();
    client
        .send(json!({"jsonrpc":"2.0","method":"notifications/initialized"}))
        .await;
    let error = client.leave().await.unwrap_err();
    assert!(error.to_string().contains("could not begin"), "{error}");
}

#[tokio::test]
async fn every_tool_says_what_it_is_and_what_it_may_do() {
    let mut client = Client::legacy(json!({})).await;
    let tools = client.request("tools/list", json!({})).await;
    let tools = tools["tools"].as_array().unwrap();
    let mut names: Vec<&str> = tools.iter().map(|t| t["name"].as_str().unwrap()).collect();
    names.sort_unstable();
    assert_eq!(
        names,
        [
            "add",
            "add_note",
            "ask_elicitation",
            "ask_sampling",
            "complex_form",
            "echo",
            "fail",
            "image",
            "list_roots",
            "long_task",
            "structured",
            "tick",
        ]
    );
    for tool in tools {
        for member in ["title", "description", "annotations"] {
            assert!(!tool[member].is_null(), "{member} of {tool}");
        }
        assert_eq!(tool["inputSchema"]["type"], "object");
    }
    let all = json!(tools).to_string();
    let formats = all.matches(r#""format":"#).count();
    let standard = [
        r#""format":"email""#,
        r#""format":"uri""#,
        r#""format":"date""#,
    ]
    .map(|format| all.matches(format).count());
    assert!(!standard.contains(&0), "{all}");
    assert_eq!(formats, standard.iter().sum::<usize>(), "{all}");
    let of = |name| tools.iter().find(|t| t["name"] == name).unwrap();
    assert_eq!(of("echo")["annotations"]["readOnlyHint"], true);
    assert_eq!(of("echo")["annotations"]["idempotentHint"], true);
    assert_eq!(of("tick")["annotations"]["readOnlyHint"], false);
    assert_eq!(of("add")["outputSchema"]["required"], json!(["sum"]));
}

#[tokio::test]
async fn plain_tools_answer_with_text_and_structure() {
    let mut client = Client::legacy(json!({})).await;

    let result = client.call("echo", json!({"message": "héllo\n"})).await;
    assert_eq!(text(&result), "héllo\n");

    let result = client.call("add", json!({"a": 1, "b": 2.5})).await;
    assert_eq!(text(&result), "1 + 2.5 = 3.5");
    assert_eq!(result["structuredContent"], json!({"sum": 3.5}));
    let result = client.call("add", json!({"a": 1e308, "b": 1e308})).await;
    assert_eq!(result["isError"], true);

    let arguments = json!({"city": "Lima", "days": 5});
    let result = client.call("structured", arguments).await;
    let report = &result["structuredContent"];
    assert_eq!(report["city"], "Lima");
    assert_eq!(report["forecast"].as_array().unwrap().len(), 5);
    let told: Value = serde_json::from_str(text(&result)).unwrap();
    assert_eq!(told, *report);

    let result = client.call("image", json!({})).await;
    let kinds: Vec<&Value> = (0..3).map(|n| &result["content"][n]["mimeType"]).collect();
    assert_eq!(
        kinds,
        [&Value::Null, &json!("image/png"), &json!("audio/wav")]
    );
    let data = result["content"][1]["data"].as_str().unwrap();
    assert!(data.starts_with("iVBORw0KGgo"), "a PNG's signature");
}

#[tokio::test]
async fn a_form_comes_back_with_its_defaults_filled_in() {
    let mut client = Client::legacy(json!({})).await;
    let form = json!({
        "name": "Ada",
        "email": "ada@example.org",
        "address": {"street": "1 High St", "city": "Wick"},
        "items": [{"article": "rope"}, {"article": "plank", "quantity": 12, "gift": true}],
        "contact": {"by": "phone", "number": "123"},
    });
    let result = client.call("complex_form", form).await;
    let filled = &result["structuredContent"];
    assert_eq!(filled["size"], "medium");
    assert_eq!(filled["urgency"], 3);
    assert_eq!(filled["newsletter"], true);
    assert_eq!(filled["items"][0]["quantity"], 1);
    assert_eq!(filled["items"][1]["gift"], true);
    assert_eq!(filled["contact"], json!({"by": "phone", "number": "123"}));
    assert_eq!(filled["website"], Value::Null);
}

#[tokio::test]
async fn both_ways_of_failing_look_as_the_protocol_has_them() {
    let mut client = Client::legacy(json!({})).await;
    let result = client.call("fail", json!({})).await;
    assert_eq!(result["isError"], true);
    let params = json!({"name": "fail", "arguments": {"mode": "protocol"}});
    let error = client.error("tools/call", params).await;
    assert_eq!(error["code"], -32050);
    assert_eq!(error["data"]["mode"], "protocol");

    let unknown = client.error("tools/call", json!({"name": "nope"})).await;
    assert_eq!(unknown["code"], -32602);
    let refused = client.call("echo", json!({"message": 1})).await;
    assert_eq!(refused["isError"], true);
    let refused = client.call("long_task", json!({"steps": 0})).await;
    assert_eq!(refused["isError"], true);
    assert_eq!(client.error("no/such", json!({})).await["code"], -32601);
}

#[tokio::test(start_paused = true)]
async fn a_long_task_reports_each_step_before_its_result() {
    let mut client = Client::legacy(json!({})).await;
    let params = json!({
        "name": "long_task",
        "arguments": {"steps": 3},
        "_meta": {"progressToken": "p-1"},
    });
    let result = client.request("tools/call", params).await;
    assert_eq!(text(&result), "All 3 steps are done.");
    for step in 1..=3 {
        let progress = client.expect("notifications/progress").await;
        let params = &progress["params"];
        assert_eq!(params["progressToken"], "p-1");
        assert_eq!(params["progress"].as_f64(), Some(f64::from(step)));
        assert_eq!(params["total"].as_f64(), Some(3.0));
        let message = format!("Step {step} of 3 is done.");
        assert_eq!(params["message"], message);
        let log = client.expect("notifications/message").await;
        assert_eq!(log["params"]["level"], "info");
        assert_eq!(log["params"]["logger"], "long_task");
        assert_eq!(log["params"]["data"]["message"], message);
    }
}

#[tokio::test(start_paused = true)]
async fn nothing_is_reported_to_a_client_that_wants_no_report() {
    let mut client = Client::legacy(json!({})).await;
    client
        .request("logging/setLevel", json!({"level": "warning"}))
        .await;
    client.call("long_task", json!({"steps": 2})).await;
    assert!(client.unasked.is_empty(), "{:?}", client.unasked);
    client
        .request("logging/setLevel", json!({"level": "debug"}))
        .await;
    client.call("long_task", json!({"steps": 2})).await;
    assert_eq!(client.count("notifications/message"), 2);
}

#[tokio::test(start_paused = true)]
async fn a_cancelled_task_stops_and_is_not_answered() {
    let mut client = Client::legacy(json!({})).await;
    let params = json!({
        "name": "long_task",
        "arguments": {"steps": 1000, "delay_ms": 1000},
        "_meta": {"progressToken": 7},
    });
    let id = client.begin("tools/call", params).await;
    client.expect("notifications/progress").await;
    client.expect("notifications/message").await;
    let cancel = json!({"requestId": id, "reason": "enough"});
    client
        .send(json!({"jsonrpc":"2.0","method":"notifications/cancelled","params":cancel}))
        .await;
    // The clock is paused: the steps that would follow take no real time.
    tokio::time::sleep(Duration::from_secs(5000)).await;
    client.request("ping", json!({})).await;
    assert!(client.unasked.is_empty(), "{:?}", client.unasked);
}

#[tokio::test]
async fn sampling_returns_what_the_client_answers_or_says_why_not() {
    let mut client = Client::legacy(json!({})).await;
    let arguments = json!({"prompt": "Why?"});
    let result = client.call("ask_sampling", arguments.clone()).await;
    assert_eq!(result["isError"], true);
    assert!(text(&result).contains("`sampling`"), "{result}");

    let mut client = Client::legacy(json!({"sampling": {}})).await;
    let params = json!({"name": "ask_sampling", "arguments": arguments});
    let id = client.begin("tools/call", params.clone()).await;
    let asked = client.expect("sampling/createMessage").await;
    assert_eq!(asked["params"]["messages"][0]["content"]["text"], "Why?");
    assert_eq!(asked["params"]["maxTokens"], 200);
    let answer = json!({
        "role": "assistant", "model": "m-1", "stopReason": "endTurn",
        "content": {"type": "text", "text": "Because."},
    });
    client
        .send(json!({"jsonrpc":"2.0","id":asked["id"],"result":answer}))
        .await;
    let response = client.finish(id).await;
    let content = &response["result"]["content"];
    assert_eq!(content[0]["text"], "The model (m-1) says:");
    assert_eq!(content[1]["text"], "Because.");

    let id = client.begin("tools/call", params).await;
    let asked = client.expect("sampling/createMessage").await;
    let refusal = json!({"code": -1, "message": "User rejected sampling request"});
    client
        .send(json!({"jsonrpc":"2.0","id":asked["id"],"error":refusal}))
        .await;
    let response = client.finish(id).await;
    let result = &response["result"];
    assert_eq!(result["isError"], true);
    let told = text(result);
    assert_eq!(
        told,
        "The client refused with error -1: User rejected sampling request"
    );
}

#[tokio::test]
async fn a_question_is_taken_back_when_its_call_is_cancelled() {
    let mut client = Client::legacy(json!({"sampling": {}})).await;
    let params = json!({"name": "ask_sampling", "arguments": {"prompt": "Why?"}});
    let id = client.begin("tools/call", params).await;
    let asked = client.expect("sampling/createMessage").await;
    client
        .send(json!({
            "jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": id},
        }))
        .await;
    let cancelled = client.expect("notifications/cancelled").await;
    assert_eq!(cancelled["params"]["requestId"], asked["id"]);
}

#[tokio::test]
async fn elicitation_returns_each_of_the_three_decisions() {
    let mut client = Client::legacy(json!({"elicitation": {"form": {}, "url": {}}})).await;
    let entered = json!({"name": "Ada", "colour": "red", "subscribe": true});
    for answer in [
        json!({"action": "accept", "content": entered}),
        json!({"action": "decline"}),
        json!({"action": "cancel"}),
    ] {
        let params = json!({"name": "ask_elicitation"});
        let id = client.begin("tools/call", params).await;
        let asked = client.expect("elicitation/create").await;
        let schema = &asked["params"]["requestedSchema"];
        assert_eq!(schema["required"], json!(["name", "colour"]));
        let types: Vec<&Value> = ["name", "age", "subscribe"]
            .map(|field| &schema["properties"][field]["type"])
            .to_vec();
        assert_eq!(types, ["string", "integer", "boolean"]);
        assert_eq!(schema["properties"]["email"]["format"], "email");
        let colours = &schema["properties"]["colour"]["enum"];
        assert_eq!(*colours, json!(["blue", "green", "red"]));
        client
            .send(json!({"jsonrpc":"2.0","id":asked["id"],"result":answer}))
            .await;
        let response = client.finish(id).await;
        let said = &response["result"]["structuredContent"];
        assert_eq!(said["action"], answer["action"]);
        assert_eq!(said["content"], answer["content"]);
    }
}

#[tokio::test]
async fn roots_are_those_the_client_has() {
    let mut client = Client::legacy(json!({"roots": {}})).await;
    let id = client
        .begin("tools/call", json!({"name": "list_roots"}))
        .await;
    let asked = client.expect("roots/list").await;
    let roots = json!([{"uri": "file:///home/ada", "name": "home"}]);
    client
        .send(json!({"jsonrpc":"2.0","id":asked["id"],"result":{"roots":roots}}))
        .await;
    let response = client.finish(id).await;
    assert_eq!(response["result"]["structuredContent"]["roots"], roots);
}

#[tokio::test]
async fn every_listed_resource_reads_as_the_type_it_says() {
    let mut client = Client::legacy(json!({})).await;
    let listed = client.request("resources/list", json!({})).await;
    let listed = listed["resources"].as_array().unwrap();
    assert_eq!(listed.len(), 6);
    for resource in listed {
        let params = json!({"uri": resource["uri"]});
        let read = client.request("resources/read", params).await;
        let contents = &read["contents"][0];
        assert_eq!(contents["uri"], resource["uri"]);
        assert_eq!(contents["mimeType"], resource["mimeType"]);
        match contents["mimeType"].as_str().unwrap() {
            "image/png" => assert!(contents["blob"].as_str().unwrap().starts_with("iVBORw")),
            "application/json" => {
                let text = contents["text"].as_str().unwrap();
                serde_json::from_str::<Value>(text).unwrap();
            }
            _ => assert!(!contents["text"].as_str().unwrap().is_empty()),
        }
        if let Some(size) = resource["size"].as_u64()
            && let Some(text) = contents["text"].as_str()
        {
            assert_eq!(size, text.len() as u64);
        }
    }
    let templates = client.request("resources/templates/list", json!({})).await;
    let templates = templates["resourceTemplates"].as_array().unwrap();
    let templates: Vec<&Value> = templates.iter().map(|t| &t["uriTemplate"]).collect();
    assert_eq!(
        templates,
        [resources::NOTE_TEMPLATE, resources::GREETING_TEMPLATE]
    );
    let params = json!({"uri": "demo://greetings/finnish"});
    let read = client.request("resources/read", params).await;
    assert_eq!(read["contents"][0]["text"], "Hei!");
}

#[tokio::test]
async fn an_unknown_resource_is_an_error_that_names_it() {
    let mut client = Client::legacy(json!({})).await;
    for method in ["resources/read", "resources/subscribe"] {
        let error = client.error(method, json!({"uri": "demo://nope"})).await;
        assert_eq!(error["code"], -32002);
        assert_eq!(error["data"]["uri"], "demo://nope");
    }
}

#[tokio::test]
async fn a_new_note_changes_the_list_and_a_known_one_its_subscribers() {
    let mut client = Client::legacy(json!({})).await;
    let arguments = json!({"name": "shopping", "text": "rope"});
    let result = client.call("add_note", arguments).await;
    assert_eq!(result["content"][1]["type"], "resource_link");
    assert_eq!(result["content"][1]["uri"], "demo://notes/shopping");
    client.expect("notifications/resources/list_changed").await;

    let uri = json!({"uri": "demo://notes/shopping"});
    client.request("resources/subscribe", uri.clone()).await;
    let arguments = json!({"name": "shopping", "text": "rope, planks"});
    client.call("add_note", arguments).await;
    let updated = client.expect("notifications/resources/updated").await;
    assert_eq!(updated["params"]["uri"], uri["uri"]);
    let read = client.request("resources/read", uri).await;
    assert_eq!(read["contents"][0]["text"], "rope, planks");

    let arguments = json!({"name": "../etc", "text": ""});
    let refused = client.call("add_note", arguments).await;
    assert_eq!(refused["isError"], true);
    assert!(text(&refused).contains("\"../etc\""), "{refused}");
}

#[tokio::test]
async fn the_counter_is_announced_while_and_only_while_it_is_subscribed() {
    let mut client = Client::legacy(json!({})).await;
    let uri = json!({"uri": resources::COUNTER});
    client.call("tick", json!({})).await;
    assert!(client.unasked.is_empty(), "{:?}", client.unasked);

    client.request("resources/subscribe", uri.clone()).await;
    client.call("tick", json!({})).await;
    let updated = client.expect("notifications/resources/updated").await;
    assert_eq!(updated["params"]["uri"], resources::COUNTER);
    let read = client.request("resources/read", uri.clone()).await;
    assert_eq!(read["contents"][0]["text"], r#"{"ticks":2}"#);

    client.request("resources/unsubscribe", uri).await;
    client.call("tick", json!({})).await;
    assert!(client.unasked.is_empty(), "{:?}", client.unasked);
}

#[tokio::test(start_paused = true)]
async fn a_subscribed_clock_is_announced_every_second() {
    let mut client = Client::legacy(json!({})).await;
    let uri = json!({"uri": resources::CLOCK});
    client.request("resources/subscribe", uri).await;
    client.expect("notifications/resources/updated").await;
    let first = tokio::time::Instant::now();
    client.expect("notifications/resources/updated").await;
    assert_eq!(first.elapsed().as_secs_f64().round(), 1.0);
}

#[tokio::test]
async fn prompts_carry_their_arguments_and_an_embedded_resource() {
    let mut client = Client::legacy(json!({})).await;
    let listed = client.request("prompts/list", json!({})).await;
    let names: Vec<&Value> = (0..2).map(|n| &listed["prompts"][n]["name"]).collect();
    assert_eq!(names, ["greet", "review_code"]);

    let params = json!({"name": "greet", "arguments": {"name": "Ada", "tone": "pirate"}});
    let greet = client.request("prompts/get", params).await;
    let text = greet["messages"][0]["content"]["text"].as_str().unwrap();
    assert!(text.contains("Ada") && text.contains("pirate"), "{text}");

    let code = "fn main() {}";
    let params = json!({"name": "review_code", "arguments": {"language": "rust", "code": code}});
    let review = client.request("prompts/get", params).await;
    assert_eq!(review["messages"][1]["content"]["type"], "resource");
    let resource = &review["messages"][1]["content"]["resource"];
    assert_eq!(resource["text"], code);

    let params = json!({"name": "greet", "arguments": {"name": "Ada", "tone": "rude"}});
    let error = client.error("prompts/get", params).await;
    assert!(error["message"].as_str().unwrap().contains("`tone`"));
}

#[tokio::test]
async fn completion_knows_prompts_and_templates() {
    let mut client = Client::legacy(json!({})).await;
    for (reference, argument, typed, values) in [
        (
            json!({"type": "ref/prompt", "name": "greet"}),
            "tone",
            "f",
            json!(["formal", "friendly"]),
        ),
        (
            json!({"type": "ref/prompt", "name": "greet"}),
            "name",
            "A",
            json!([]),
        ),
        (
            json!({"type": "ref/prompt", "name": "review_code"}),
            "language",
            "Ru",
            json!(["ruby", "rust"]),
        ),
        (
            json!({"type": "ref/resource", "uri": resources::NOTE_TEMPLATE}),
            "name",
            "",
            json!(["welcome"]),
        ),
        (
            json!({"type": "ref/resource", "uri": resources::GREETING_TEMPLATE}),
            "language",
            "f",
            json!(["finnish", "french"]),
        ),
    ] {
        let params = json!({"ref": reference, "argument": {"name": argument, "value": typed}});
        let result = client.request("completion/complete", params).await;
        assert_eq!(result["completion"]["values"], values, "{reference}");
        assert_eq!(result["completion"]["hasMore"], false);
    }
    let params = json!({
        "ref": {"type": "ref/prompt", "name": "nope"},
        "argument": {"name": "x", "value": ""},
    });
    assert_eq!(
        client.error("completion/complete", params).await["code"],
        -32602
    );
}

#[tokio::test]
async fn a_modern_client_needs_no_handshake() {
    let mut client = Client::modern(&json!({}));
    let discovered = client.request("server/discover", json!({})).await;
    let versions = discovered["supportedVersions"].as_array().unwrap();
    assert!(versions.contains(&json!("2026-07-28")), "{discovered}");
    let result = client.call("echo", json!({"message": "hi"})).await;
    assert_eq!(result["resultType"], "complete");
    assert_eq!(text(&result), "hi");
}

#[tokio::test]
async fn a_modern_client_is_asked_through_the_result() {
    let mut client = Client::modern(&json!({"sampling": {}, "elicitation": {}, "roots": {}}));
    for (tool, arguments, method, answer) in [
        (
            "ask_sampling",
            json!({"prompt": "Why?"}),
            "sampling/createMessage",
            json!({"role": "assistant", "model": "m", "content": {"type": "text", "text": "So."}}),
        ),
        (
            "ask_elicitation",
            json!({}),
            "elicitation/create",
            json!({"action": "decline"}),
        ),
        ("list_roots", json!({}), "roots/list", json!({"roots": []})),
    ] {
        let asked = client.call(tool, arguments.clone()).await;
        assert_eq!(asked["resultType"], "input_required", "{asked}");
        assert_eq!(asked["inputRequests"]["question"]["method"], method);
        let params = json!({
            "name": tool,
            "arguments": arguments,
            "inputResponses": {"question": answer},
        });
        let result = client.request("tools/call", params).await;
        assert_eq!(result["resultType"], "complete", "{result}");
        assert_eq!(result["isError"], false, "{result}");
    }
    assert!(client.unasked.is_empty(), "{:?}", client.unasked);
}

#[tokio::test]
async fn a_modern_client_hears_of_the_changes_it_listens_for() {
    let mut client = Client::modern(&json!({}));
    let filter = json!({
        "notifications": {
            "resourcesListChanged": true,
            "resourceSubscriptions": [resources::COUNTER],
        },
    });
    let id = client.begin("subscriptions/listen", filter).await;
    client
        .expect("notifications/subscriptions/acknowledged")
        .await;
    client.call("tick", json!({})).await;
    let updated = client.expect("notifications/resources/updated").await;
    assert_eq!(updated["params"]["uri"], resources::COUNTER);
    let subscription = &updated["params"]["_meta"]["io.modelcontextprotocol/subscriptionId"];
    assert_eq!(*subscription, id);
    let arguments = json!({"name": "n", "text": ""});
    client.call("add_note", arguments).await;
    client.expect("notifications/resources/list_changed").await;
}
