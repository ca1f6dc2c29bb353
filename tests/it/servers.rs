//! Real MCP servers of npm and PyPI, used for real: what they store is looked for where they store it.

use std::fs;
use std::time::Duration;

use footbridge_tests::Bridge;
use footbridge_tests::Page;
use footbridge_tests::Scratch;
use footbridge_tests::eventually;
use footbridge_tests::servers;
use serde_json::Value;
use serde_json::json;

/// Every dialect, by its subprotocol.
pub(crate) const DIALECTS: [&str; 3] = ["", "mcp", "footbridge.v1"];

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

/// A session that is ready, whoever shakes hands: in `mcp` the page, else the bridge.
pub(crate) async fn ready_with(
    bridge: &Bridge,
    params: &Value,
    capabilities: &Value,
    subprotocol: &str,
) -> Page {
    let body = json!({ "server_params": params, "client_capabilities": capabilities });
    let (_, url) = bridge.connect_as(&body).await;
    let mut page = bridge
        .upgrade(&url, subprotocol)
        .await
        .expect("the socket opens");
    if subprotocol == "mcp" {
        let info = json!({ "name": "a test", "version": "0" });
        let params = json!({ "protocolVersion": "2025-11-25", "capabilities": capabilities, "clientInfo": info });
        let response = page.call("initialize", params).await;
        assert!(
            response["result"]["serverInfo"]["name"].is_string(),
            "{response}"
        );
        page.notify("notifications/initialized", json!({})).await;
    } else {
        let greeting = page.frame_of("initialized").await;
        assert!(greeting["server_info"]["name"].is_string(), "{greeting}");
    }
    page
}

async fn ready(bridge: &Bridge, params: &Value, subprotocol: &str) -> Page {
    let capabilities = json!({ "sampling": {}, "elicitation": { "form": {}, "url": {} } });
    ready_with(bridge, params, &capabilities, subprotocol).await
}

#[tokio::test]
async fn sqlite_keeps_a_row_and_gives_it_back_in_any_later_session() {
    let (bridge, folder) = (Bridge::start().await, Scratch::new());
    let database = folder.path("test.db");
    let sqlite = servers::sqlite(database.to_str().expect("a Unicode path"));
    for (n, dialect) in DIALECTS.into_iter().enumerate() {
        let mut page = ready(&bridge, &sqlite, dialect).await;
        let tools = page.call("tools/list", json!({})).await;
        assert!(names(&tools, "tools").contains(&"write_query".to_owned()));
        let create = "CREATE TABLE IF NOT EXISTS bridges (name TEXT, length INTEGER)";
        page.call_tool("create_table", json!({ "query": create }))
            .await;
        let insert = format!("INSERT INTO bridges VALUES ('Pont Neuf', {})", 232 + n);
        let written = page
            .call_tool("write_query", json!({ "query": insert }))
            .await;
        assert!(
            text(&written).contains("1"),
            "one row is affected: {written}"
        );
        let select = "SELECT count(*) AS n, max(length) AS longest FROM bridges";
        let rows = page
            .call_tool("read_query", json!({ "query": select }))
            .await;
        let expected = format!("[{{'n': {}, 'longest': {}}}]", n + 1, 232 + n);
        assert_eq!(text(&rows), expected, "{dialect}");
        page.close().await;
    }
    let header = fs::read(database).expect("the database is a file");
    assert!(header.starts_with(b"SQLite format 3\0"));
}

#[tokio::test]
async fn sqlite_tells_of_a_resource_that_a_tool_changed() {
    let (bridge, folder) = (Bridge::start().await, Scratch::new());
    let database = folder.path("test.db");
    let sqlite = servers::sqlite(database.to_str().expect("a Unicode path"));
    let mut page = ready(&bridge, &sqlite, "").await;
    page.call_tool(
        "append_insight",
        json!({ "insight": "Bridges are getting longer." }),
    )
    .await;
    let updated = page.message("notifications/resources/updated").await;
    let memo = json!({ "uri": "memo://insights" });
    assert_eq!(updated["params"], memo, "{updated}");
    let read = page.call("resources/read", memo).await;
    assert!(
        read["result"].to_string().contains("getting longer"),
        "{read}"
    );
    page.close().await;
}

#[tokio::test]
async fn filesystem_writes_a_file() {
    let (bridge, folder) = (Bridge::start().await, Scratch::new());
    let place = folder.path("").canonicalize().expect("the folder is there");
    let filesystem = servers::filesystem(place.to_str().expect("a Unicode path"));
    for (n, dialect) in DIALECTS.into_iter().enumerate() {
        let mut page = ready(&bridge, &filesystem, dialect).await;
        let (path, content) = (place.join(format!("{n}.txt")), "über die Brücke 🌉\n");
        page.call_tool("write_file", json!({ "path": path, "content": content }))
            .await;
        assert_eq!(fs::read_to_string(&path).expect("the file"), content);
        let read = page
            .call_tool("read_text_file", json!({ "path": path }))
            .await;
        assert_eq!(text(&read), content, "{dialect}");
        let outside = page
            .call_tool("read_text_file", json!({ "path": "/etc/hostname" }))
            .await;
        assert_eq!(
            outside["isError"], true,
            "the server's own refusal passes: {outside}"
        );
        page.close().await;
    }
}

#[tokio::test]
async fn filesystem_works_in_the_roots_that_the_page_declares() {
    let (bridge, folder) = (Bridge::start().await, Scratch::new());
    let place = folder.path("").canonicalize().expect("the folder is there");
    let (first, root) = (place.join("first"), place.join("root"));
    for folder in [&first, &root] {
        fs::create_dir(folder).expect("a folder");
    }
    fs::write(root.join("plan.txt"), "three spans").expect("a file");
    let filesystem = servers::filesystem(first.to_str().expect("a Unicode path"));
    let mut page = ready_with(&bridge, &filesystem, &json!({ "roots": {} }), "").await;
    page.notify("notifications/x", json!({})).await;
    let roots = json!({ "roots": [{ "uri": format!("file://{}", root.display()) }] });
    page.answer("roots/list", roots).await;
    let arguments = json!({ "path": root.join("plan.txt") });
    let mut read = json!({ "isError": true });
    // The server takes the roots over some time after it got them.
    for _ in 0..50 {
        read = page.call_tool("read_text_file", arguments.clone()).await;
        if read["isError"] != true {
            break;
        }
    }
    assert_eq!(text(&read), "three spans", "{read}");
    page.close().await;
}

#[tokio::test]
async fn memory_remembers_from_one_session_to_the_next() {
    let (bridge, folder) = (Bridge::start().await, Scratch::new());
    let file = folder.path("memory.jsonl");
    let memory = servers::memory(file.to_str().expect("a Unicode path"));
    let mut page = ready(&bridge, &memory, "footbridge.v1").await;
    let entity =
        |name| json!({ "name": name, "entityType": "program", "observations": ["crosses"] });
    let entities = json!({ "entities": [entity("Footbridge"), entity("River")] });
    page.call_tool("create_entities", entities).await;
    let relation = json!({ "from": "Footbridge", "to": "River", "relationType": "spans" });
    page.call_tool(
        "create_relations",
        json!({ "relations": [relation.clone()] }),
    )
    .await;
    page.close().await;
    let kept = fs::read_to_string(&file).expect("env told the server where to store");
    assert!(kept.contains("Footbridge"), "{kept}");

    let mut page = ready(&bridge, &memory, "mcp").await;
    let graph = page.call_tool("read_graph", json!({})).await;
    assert_eq!(
        graph["structuredContent"]["relations"],
        json!([relation]),
        "{graph}"
    );
    let found = page
        .call_tool("search_nodes", json!({ "query": "Footbridge" }))
        .await;
    assert_eq!(
        found["structuredContent"]["entities"][0]["name"], "Footbridge",
        "{found}"
    );
    page.close().await;
}

#[tokio::test]
async fn time_is_converted() {
    let bridge = Bridge::start().await;
    let mut page = ready(&bridge, &servers::time(), "").await;
    let arguments =
        |target| json!({ "source_timezone": "UTC", "time": "12:00", "target_timezone": target });
    let converted = page
        .call_tool("convert_time", arguments("Asia/Tokyo"))
        .await;
    let said: Value = serde_json::from_str(text(&converted)).expect("JSON as text");
    assert_eq!(said["time_difference"], "+9.0h", "{converted}");
    assert!(
        said["target"]["datetime"]
            .as_str()
            .is_some_and(|moment| moment.ends_with("T21:00:00+09:00")),
        "{converted}"
    );
    let refused = page.call_tool("convert_time", arguments("Mars/Base")).await;
    assert_eq!(refused["isError"], true, "{refused}");
    page.close().await;
}

#[tokio::test]
async fn everything_gives_structure_pictures_resources_and_a_scrubbed_environment() {
    let bridge = Bridge::start().await;
    let mut page = ready(&bridge, &servers::everything(), "").await;
    let sum = page.call_tool("get-sum", json!({ "a": 20, "b": 22 })).await;
    assert!(text(&sum).contains("42"), "{sum}");
    let weather = page
        .call_tool("get-structured-content", json!({ "location": "New York" }))
        .await;
    let said: Value = serde_json::from_str(text(&weather)).expect("JSON as text");
    assert_eq!(said, weather["structuredContent"], "{weather}");
    let image = page.call_tool("get-tiny-image", json!({})).await;
    assert_eq!(image["content"][1]["mimeType"], "image/png");

    let environment = page.call_tool("get-env", json!({})).await;
    let environment: Value = serde_json::from_str(text(&environment)).expect("JSON as text");
    assert!(environment["PATH"].is_string(), "{environment}");
    for name in ["CARGO_MANIFEST_DIR", "FOOTBRIDGE_LOG"] {
        assert!(
            environment[name].is_null(),
            "the bridge's own environment stays with it: {environment}"
        );
    }

    let data =
        json!({ "name": "a.gz", "data": "data:text/plain,over", "outputType": "resourceLink" });
    let zipped = page.call_tool("gzip-file-as-resource", data).await;
    page.message("notifications/resources/list_changed").await;
    let uri = &zipped["content"][0]["uri"];
    let read = page.call("resources/read", json!({ "uri": uri })).await;
    assert!(
        read["result"]["contents"][0]["blob"]
            .as_str()
            .is_some_and(|blob| blob.starts_with("H4sI")),
        "gzip in base64: {read}"
    );
    page.close().await;
}

#[tokio::test]
async fn everything_shows_resources_prompts_and_completions() {
    let bridge = Bridge::start().await;
    for dialect in DIALECTS {
        let mut page = ready(&bridge, &servers::everything(), dialect).await;
        let resources = page.call("resources/list", json!({})).await;
        let uri = resources["result"]["resources"][0]["uri"].clone();
        let read = page.call("resources/read", json!({ "uri": uri })).await;
        assert_eq!(read["result"]["contents"][0]["uri"], uri, "{read}");
        let templates = page.call("resources/templates/list", json!({})).await;
        assert_eq!(
            templates["result"]["resourceTemplates"][0]["uriTemplate"],
            "demo://resource/dynamic/text/{resourceId}",
            "{templates}"
        );
        let read = page
            .call(
                "resources/read",
                json!({ "uri": "demo://resource/dynamic/text/7" }),
            )
            .await;
        assert!(
            read["result"]["contents"][0]["text"]
                .as_str()
                .is_some_and(|text| text.starts_with("Resource 7:")),
            "{read}"
        );
        let prompts = page.call("prompts/list", json!({})).await;
        assert!(
            names(&prompts, "prompts").contains(&"args-prompt".to_owned()),
            "{prompts}"
        );
        let prompt = json!({ "name": "args-prompt", "arguments": { "city": "Rome" } });
        let prompt = page.call("prompts/get", prompt).await;
        assert!(
            prompt["result"]["messages"].to_string().contains("Rome"),
            "{prompt}"
        );
        let completion = page
            .call(
                "completion/complete",
                json!({
                    "ref": { "type": "ref/prompt", "name": "completable-prompt" },
                    "argument": { "name": "name", "value": "A" },
                    "context": { "arguments": { "department": "Engineering" } },
                }),
            )
            .await;
        assert_eq!(
            completion["result"]["completion"]["values"],
            json!(["Alice"]),
            "{completion}"
        );
        page.close().await;
    }
}

#[tokio::test]
async fn everything_logs_and_tells_of_updates_of_what_is_subscribed_to() {
    let bridge = Bridge::start().await;
    let mut page = ready(&bridge, &servers::everything(), "").await;
    let level = page
        .call("logging/setLevel", json!({ "level": "debug" }))
        .await;
    assert_eq!(level["result"], json!({}), "{level}");
    let resource = json!({ "uri": "demo://resource/dynamic/text/1" });
    let subscribed = page.call("resources/subscribe", resource.clone()).await;
    assert_eq!(subscribed["result"], json!({}), "{subscribed}");
    let message = page.message("notifications/message").await;
    assert_eq!(message["params"]["level"], "info", "{message}");
    page.call_tool("toggle-subscriber-updates", json!({})).await;
    let updated = page.message("notifications/resources/updated").await;
    assert_eq!(updated["params"], resource, "{updated}");
    page.close().await;
}

#[tokio::test]
async fn everything_asks_for_sampling_elicitation_and_roots_and_gets_answers() {
    let bridge = Bridge::start().await;
    let capabilities =
        json!({ "sampling": {}, "elicitation": { "form": {} }, "roots": { "listChanged": true } });
    for dialect in DIALECTS {
        let mut page = ready_with(&bridge, &servers::everything(), &capabilities, dialect).await;
        // Speaking first makes the plain socket one for JSON-RPC.
        page.call("ping", json!({})).await;
        // The server asks for the roots by itself, once it knows that there are any.
        let roots = json!({ "roots": [{ "uri": "file:///srv/bridge", "name": "bridge" }] });
        page.answer("roots/list", roots).await;

        let call = json!({ "name": "trigger-sampling-request", "arguments": { "prompt": "q", "maxTokens": 5 } });
        let id = page.start("tools/call", call).await;
        let words = json!({ "type": "text", "text": "sampled words" });
        let sampled = json!({ "role": "assistant", "model": "m", "content": words });
        let request = page.answer("sampling/createMessage", sampled).await;
        assert_eq!(request["params"]["maxTokens"], 5, "{request}");
        let response = page.response(&id).await;
        assert!(
            response["result"].to_string().contains("sampled words"),
            "{response}"
        );

        let call = json!({ "name": "trigger-elicitation-request", "arguments": {} });
        let id = page.start("tools/call", call).await;
        let accepted = json!({ "action": "accept", "content": { "name": "Ada" } });
        let request = page.answer("elicitation/create", accepted).await;
        assert!(
            request["params"]["requestedSchema"]["properties"]["name"].is_object(),
            "{request}"
        );
        let response = page.response(&id).await;
        assert!(response["result"].to_string().contains("Ada"), "{response}");

        let listed = page.call_tool("get-roots-list", json!({})).await;
        assert!(text(&listed).contains("file:///srv/bridge"), "{listed}");
        page.close().await;
    }
}

#[tokio::test]
async fn everything_reports_progress_and_leaves_a_cancelled_call_unanswered() {
    let bridge = Bridge::start().await;
    for dialect in DIALECTS {
        let mut page = ready(&bridge, &servers::everything(), dialect).await;
        let call = |duration: f64, token| json!({ "name": "trigger-long-running-operation", "arguments": { "duration": duration, "steps": 3 }, "_meta": { "progressToken": token } });
        let finished = page.call("tools/call", call(0.3, "kept")).await;
        for step in 1..=3 {
            let progress = page.message("notifications/progress").await;
            assert_eq!(
                progress["params"],
                json!({ "progress": step, "total": 3, "progressToken": "kept" })
            );
        }
        assert!(
            text(&finished["result"]).contains("completed"),
            "{finished}"
        );

        let cancelled = page.start("tools/call", call(0.6, "cancelled")).await;
        page.message("notifications/progress").await;
        let params = json!({ "requestId": cancelled, "reason": "enough" });
        page.notify("notifications/cancelled", params).await;
        // Begun later and as long: the cancelled one would have been answered before this one.
        page.call("tools/call", call(0.6, "after")).await;
        assert!(
            !page.skipped().any(|frame| frame["id"] == cancelled),
            "{dialect}"
        );
        page.close().await;
    }
}

#[tokio::test]
async fn what_everything_refuses_passes_unchanged() {
    let bridge = Bridge::start().await;
    for dialect in DIALECTS {
        let mut page = ready(&bridge, &servers::everything(), dialect).await;
        let unknown = page.call("no/such/method", json!({})).await;
        assert_eq!(
            unknown["error"],
            json!({ "code": -32601, "message": "Method not found" })
        );
        let unknown = page.call("prompts/get", json!({ "name": "nope" })).await;
        assert_eq!(
            unknown["error"],
            json!({ "code": -32602, "message": "MCP error -32602: Prompt nope not found" })
        );
        let wrong = page.call_tool("get-sum", json!({ "a": 1, "b": "x" })).await;
        assert_eq!(wrong["isError"], true, "{wrong}");
        page.close().await;
    }
}

/// Sends a hundred calls at once, of which every other one takes its time, and checks that each is answered once,
/// with its own answer, and some before others that were sent first.
async fn a_hundred_calls(
    page: &mut Page,
    slow: impl Fn(i64) -> Value,
    quick: impl Fn(i64) -> (Value, String),
) {
    for n in 0..100 {
        let id = if n % 3 == 0 {
            json!(n)
        } else {
            json!(format!("call-{n}"))
        };
        let params = if n % 2 == 0 { slow(n) } else { quick(n).0 };
        page.send(&json!({ "jsonrpc": "2.0", "id": id, "method": "tools/call", "params": params }))
            .await;
    }
    let mut order = Vec::new();
    for _ in 0..100 {
        let response = page
            .frame_where(|frame| frame.get("jsonrpc").is_some() && frame.get("method").is_none())
            .await;
        let id = &response["id"];
        let n = id
            .as_i64()
            .or_else(|| id.as_str()?.strip_prefix("call-")?.parse().ok())
            .expect("an id of ours, of the type it was sent in");
        assert_eq!(id.is_i64(), n % 3 == 0, "{response}");
        if n % 2 == 1 {
            let expected = quick(n).1;
            assert!(text(&response["result"]).contains(&expected), "{response}");
        }
        order.push(n);
    }
    let mut sorted = order.clone();
    sorted.sort_unstable();
    assert_eq!(sorted, (0..100).collect::<Vec<_>>(), "each exactly once");
    assert_ne!(order, sorted, "out of order");
}

#[tokio::test]
async fn a_hundred_calls_in_flight_each_get_their_own_answer() {
    let bridge = Bridge::start().await;
    for dialect in DIALECTS {
        // The first ones take longest, so the answers come out of order.
        let mut page = ready(&bridge, &servers::demo(), dialect).await;
        let slow = |n| json!({ "name": "long_task", "arguments": { "steps": 1, "delay_ms": (100 - n) * 4 } });
        let quick = |n| {
            let arguments = json!({ "a": n, "b": 1000 });
            (
                json!({ "name": "add", "arguments": arguments }),
                format!("= {}", n + 1000),
            )
        };
        a_hundred_calls(&mut page, slow, quick).await;
        page.close().await;

        let mut page = ready(&bridge, &servers::everything(), dialect).await;
        let slow = |n| {
            let duration = (100 - n) as f64 / 250.0;
            json!({ "name": "trigger-long-running-operation", "arguments": { "duration": duration, "steps": 1 } })
        };
        let quick = |n| {
            let arguments = json!({ "message": format!("number {n}.") });
            (
                json!({ "name": "echo", "arguments": arguments }),
                format!("number {n}."),
            )
        };
        a_hundred_calls(&mut page, slow, quick).await;
        page.close().await;
    }
}

#[tokio::test]
async fn capabilities_and_name_of_the_page_reach_the_server() {
    let bridge = Bridge::start().await;
    let body = json!({
        "server_params": servers::demo(),
        "client_capabilities": { "roots": {} },
        "client_info": { "name": "a page", "version": "7" },
    });
    let (_, url) = bridge.connect_as(&body).await;
    let mut page = bridge
        .upgrade(&url, "footbridge.v1")
        .await
        .expect("the socket opens");
    assert_eq!(page.subprotocol.as_deref(), Some("footbridge.v1"));
    page.frame_of("initialized").await;
    let refused = page
        .call_tool("ask_sampling", json!({ "prompt": "p" }))
        .await;
    assert_eq!(
        refused["isError"], true,
        "sampling was not declared: {refused}"
    );
    let call = json!({ "name": "list_roots", "arguments": {} });
    let id = page.start("tools/call", call).await;
    let roots = json!({ "roots": [{ "uri": "file:///srv", "name": "srv" }] });
    page.answer("roots/list", roots.clone()).await;
    let response = page.response(&id).await;
    assert_eq!(
        response["result"]["structuredContent"], roots,
        "roots were declared: {response}"
    );
    page.close().await;
}

#[tokio::test]
async fn a_page_that_goes_leaves_no_process_behind() {
    let bridge = Bridge::start().await;
    let page = ready(&bridge, &servers::everything(), "").await;
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
