use std::path::PathBuf;
use std::time::Duration;

use footbridge_tests::Bridge;
use footbridge_tests::Page;
use footbridge_tests::eventually;
use footbridge_tests::servers;
use serde_json::Value;
use serde_json::json;

/// A folder of a test's own, removed when the test is over.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path =
            std::env::temp_dir().join(format!("footbridge-test-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).expect("a folder");
        Self(path.canonicalize().expect("its path"))
    }

    fn join(&self, name: &str) -> String {
        self.0.join(name).to_string_lossy().into_owned()
    }

    fn path(&self) -> &str {
        self.0.to_str().expect("a Unicode path")
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// The text of a result's first block.
pub(crate) fn text(result: &Value) -> &str {
    result["content"][0]["text"].as_str().unwrap_or_default()
}

/// The names in a list's answer.
pub(crate) fn names(list: &Value, of: &str) -> Vec<String> {
    list["result"][of]
        .as_array()
        .expect(of)
        .iter()
        .filter_map(|item| item["name"].as_str().map(str::to_owned))
        .collect()
}

/// Waits for a request of the MCP server and answers it.
async fn answer(page: &mut Page, method: &str, result: Value) -> Value {
    let request = page.frame_where(|frame| frame["method"] == method).await;
    page.send(&json!({ "jsonrpc": "2.0", "id": request["id"], "result": result }))
        .await;
    request
}

async fn ready(bridge: &Bridge, params: &Value) -> Page {
    let mut page = bridge.open(params, "").await;
    assert_eq!(page.frame().await["type"], "initialized");
    page
}

#[tokio::test]
async fn sqlite_keeps_a_row_and_gives_it_back() {
    let (bridge, folder) = (Bridge::start().await, Folder::new("sqlite"));
    let mut page = ready(&bridge, &servers::sqlite(&folder.join("test.db"))).await;
    assert!(
        names(&page.call("tools/list", json!({})).await, "tools")
            .contains(&"write_query".to_owned())
    );
    page.call_tool(
        "create_table",
        json!({ "query": "CREATE TABLE bridges (name TEXT, length INTEGER)" }),
    )
    .await;
    page.call_tool(
        "write_query",
        json!({ "query": "INSERT INTO bridges VALUES ('Pont Neuf', 232)" }),
    )
    .await;
    let rows = page
        .call_tool(
            "read_query",
            json!({ "query": "SELECT name, length FROM bridges" }),
        )
        .await;
    assert!(
        text(&rows).contains("Pont Neuf") && text(&rows).contains("232"),
        "{rows}"
    );
    page.close().await;
}

#[tokio::test]
async fn filesystem_writes_a_file() {
    let (bridge, folder) = (Bridge::start().await, Folder::new("files"));
    let mut page = ready(&bridge, &servers::filesystem(folder.path())).await;
    page.call_tool(
        "write_file",
        json!({ "path": folder.join("a.txt"), "content": "über die Brücke" }),
    )
    .await;
    assert_eq!(
        std::fs::read_to_string(folder.join("a.txt")).expect("the file"),
        "über die Brücke"
    );
    let read = page
        .call_tool("read_text_file", json!({ "path": folder.join("a.txt") }))
        .await;
    assert!(text(&read).contains("über die Brücke"), "{read}");
    let outside = page
        .call_tool("read_text_file", json!({ "path": "/etc/hostname" }))
        .await;
    assert_eq!(
        outside["isError"], true,
        "the server's own refusal passes: {outside}"
    );
    page.close().await;
}

#[tokio::test]
async fn memory_remembers_an_entity() {
    let (bridge, folder) = (Bridge::start().await, Folder::new("memory"));
    let mut page = ready(&bridge, &servers::memory(&folder.join("memory.jsonl"))).await;
    let entity =
        json!({ "name": "Footbridge", "entityType": "program", "observations": ["crosses"] });
    page.call_tool("create_entities", json!({ "entities": [entity] }))
        .await;
    let graph = page.call_tool("read_graph", json!({})).await;
    assert!(graph.to_string().contains("Footbridge"), "{graph}");
    assert!(
        std::fs::read_to_string(folder.join("memory.jsonl"))
            .expect("env reached it")
            .contains("Footbridge")
    );
    page.close().await;
}

#[tokio::test]
async fn time_is_converted() {
    let bridge = Bridge::start().await;
    let mut page = ready(&bridge, &servers::time()).await;
    let arguments =
        json!({ "source_timezone": "UTC", "time": "12:00", "target_timezone": "Asia/Tokyo" });
    let converted = page.call_tool("convert_time", arguments).await;
    assert!(text(&converted).contains("21:00"), "{converted}");
    page.close().await;
}

#[tokio::test]
async fn everything_shows_resources_prompts_and_completions() {
    let bridge = Bridge::start().await;
    let mut page = ready(&bridge, &servers::everything()).await;
    let resources = page.call("resources/list", json!({})).await;
    let uri = resources["result"]["resources"][0]["uri"].clone();
    let read = page.call("resources/read", json!({ "uri": uri })).await;
    assert_eq!(read["result"]["contents"][0]["uri"], uri, "{read}");
    let templates = page.call("resources/templates/list", json!({})).await;
    assert!(
        !templates["result"]["resourceTemplates"]
            .as_array()
            .expect("templates")
            .is_empty()
    );
    let prompts = page.call("prompts/list", json!({})).await;
    assert!(
        names(&prompts, "prompts").contains(&"args-prompt".to_owned()),
        "{prompts}"
    );
    let prompt = page
        .call(
            "prompts/get",
            json!({ "name": "args-prompt", "arguments": { "city": "Rome" } }),
        )
        .await;
    assert!(
        prompt["result"]["messages"].to_string().contains("Rome"),
        "{prompt}"
    );
    let reference = json!({ "type": "ref/prompt", "name": "completable-prompt" });
    let argument = json!({ "name": "department", "value": "" });
    let completion = page
        .call(
            "completion/complete",
            json!({ "ref": reference, "argument": argument }),
        )
        .await;
    assert!(
        completion["result"]["completion"]["values"].is_array(),
        "{completion}"
    );
    let level = page
        .call("logging/setLevel", json!({ "level": "debug" }))
        .await;
    assert_eq!(level["result"], json!({}));
    page.close().await;
}

#[tokio::test]
async fn everything_asks_for_sampling_and_elicitation_and_gets_answers() {
    let bridge = Bridge::start().await;
    let mut page = ready(&bridge, &servers::everything()).await;
    let call = json!({ "name": "trigger-sampling-request", "arguments": { "prompt": "q", "maxTokens": 5 } });
    page.send(
        &json!({ "jsonrpc": "2.0", "id": "sampling", "method": "tools/call", "params": call }),
    )
    .await;
    let sampled = json!({ "role": "assistant", "model": "m", "content": { "type": "text", "text": "sampled words" } });
    answer(&mut page, "sampling/createMessage", sampled).await;
    let response = page.response(&json!("sampling")).await;
    assert!(
        response["result"].to_string().contains("sampled words"),
        "{response}"
    );

    let call = json!({ "name": "trigger-elicitation-request", "arguments": {} });
    page.send(
        &json!({ "jsonrpc": "2.0", "id": "elicitation", "method": "tools/call", "params": call }),
    )
    .await;
    let request = answer(
        &mut page,
        "elicitation/create",
        json!({ "action": "accept", "content": { "name": "Ada" } }),
    )
    .await;
    assert!(
        request["params"]["requestedSchema"]["properties"].is_object(),
        "{request}"
    );
    let response = page.response(&json!("elicitation")).await;
    assert!(response["result"].to_string().contains("Ada"), "{response}");
    page.close().await;
}

#[tokio::test]
async fn progress_reaches_the_page_and_a_cancelled_call_stops() {
    let bridge = Bridge::start().await;
    let mut page = ready(&bridge, &servers::everything()).await;
    let arguments = json!({ "duration": 1, "steps": 3 });
    let call = json!({ "name": "trigger-long-running-operation", "arguments": arguments, "_meta": { "progressToken": "p" } });
    page.send(&json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": call }))
        .await;
    let progress = page
        .frame_where(|frame| frame["method"] == "notifications/progress")
        .await;
    assert_eq!(progress["params"]["progressToken"], "p", "{progress}");
    assert!(page.response(&json!(1)).await["result"]["content"].is_array());

    let mut page = ready(&bridge, &servers::demo()).await;
    let call = json!({ "name": "long_task", "arguments": { "steps": 1000, "delay_ms": 20 }, "_meta": { "progressToken": 7 } });
    page.send(&json!({ "jsonrpc": "2.0", "id": "long", "method": "tools/call", "params": call }))
        .await;
    page.frame_where(|frame| frame["method"] == "notifications/progress")
        .await;
    let cancel = json!({ "requestId": "long", "reason": "enough" });
    page.send(&json!({ "jsonrpc": "2.0", "method": "notifications/cancelled", "params": cancel }))
        .await;
    // The id is free again at once, and nothing of the cancelled call comes under it.
    page.send(&json!({ "jsonrpc": "2.0", "id": "long", "method": "tools/call", "params": { "name": "add", "arguments": { "a": 1, "b": 1 } } })).await;
    let response = page.response(&json!("long")).await;
    assert_eq!(
        response["result"]["structuredContent"]["sum"].as_f64(),
        Some(2.0),
        "{response}"
    );
    page.close().await;
}

#[tokio::test]
async fn a_hundred_calls_in_flight_each_get_their_own_answer() {
    let bridge = Bridge::start().await;
    let mut page = ready(&bridge, &servers::demo()).await;
    for n in 0..100 {
        // The first ones take longest, so the answers come out of order.
        let arguments = json!({ "steps": 1, "delay_ms": (100 - n) * 5 });
        let (name, arguments) = if n % 2 == 0 {
            ("long_task", arguments)
        } else {
            ("add", json!({ "a": n, "b": 1000 }))
        };
        let id = if n % 3 == 0 {
            json!(n)
        } else {
            json!(format!("call-{n}"))
        };
        page.send(&json!({ "jsonrpc": "2.0", "id": id, "method": "tools/call", "params": { "name": name, "arguments": arguments } })).await;
    }
    let mut order = Vec::new();
    for _ in 0..100 {
        let response = page
            .frame_where(|frame| frame.get("result").is_some())
            .await;
        let n = response["id"]
            .as_i64()
            .or_else(|| response["id"].as_str()?.strip_prefix("call-")?.parse().ok());
        let n = n.expect("an id of ours, of the type it was sent in");
        assert_eq!(response["id"].is_i64(), n % 3 == 0);
        if n % 2 == 1 {
            let sum = response["result"]["structuredContent"]["sum"].as_f64();
            assert_eq!(sum, Some(n as f64 + 1000.0), "{response}");
        }
        order.push(n);
    }
    let mut sorted = order.clone();
    sorted.sort_unstable();
    assert_eq!(sorted, (0..100).collect::<Vec<_>>(), "each exactly once");
    assert_ne!(order, sorted, "out of order");
    page.close().await;
}

#[tokio::test]
async fn capabilities_and_name_of_the_page_reach_the_server() {
    let bridge = Bridge::start().await;
    let body = json!({ "server_params": servers::demo(), "client_capabilities": { "roots": {} }, "client_info": { "name": "a page", "version": "7" } });
    let (_, url) = bridge.connect_as(&body).await;
    let mut page = bridge
        .upgrade(&url, "footbridge.v1")
        .await
        .expect("the socket opens");
    assert_eq!(page.subprotocol.as_deref(), Some("footbridge.v1"));
    page.frame_of("initialized").await;
    page.send(&json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": { "name": "list_roots", "arguments": {} } })).await;
    answer(
        &mut page,
        "roots/list",
        json!({ "roots": [{ "uri": "file:///srv", "name": "srv" }] }),
    )
    .await;
    let response = page.response(&json!(1)).await;
    assert!(
        response["result"].to_string().contains("file:///srv"),
        "{response}"
    );
    let refused = page
        .call_tool("ask_sampling", json!({ "prompt": "p" }))
        .await;
    assert_eq!(
        refused["isError"], true,
        "sampling was not declared: {refused}"
    );
    page.close().await;
}

#[tokio::test]
async fn a_page_that_goes_leaves_no_process_behind() {
    let bridge = Bridge::start().await;
    let page = ready(&bridge, &servers::everything()).await;
    let family = footbridge_tests::descendants(bridge.pid());
    assert!(family.len() >= 2, "a supervisor and a server: {family:?}");
    page.cut();
    assert!(
        eventually(Duration::from_secs(10), || footbridge_tests::alive(&family)
            .is_empty())
        .await,
        "{family:?}"
    );
}
