//! Every kind of upstream, each with a real server: what it negotiates and what works over it, on every dialect.
//! The table of docs/protocol.md is made of [`ROWS`].

use footbridge_tests::Bridge;
use footbridge_tests::Page;
use footbridge_tests::Remote;
use footbridge_tests::fixtures;
use footbridge_tests::root;
use serde_json::Value;
use serde_json::json;

/// What is expected of one server over one transport.
struct Row {
    server: &'static str,
    transport: &'static str,
    revision: &'static str,
    /// Features that the server has and that work, in the order in which they are tried.
    features: &'static [&'static str],
}

const ALL: &[&str] = &[
    "tools",
    "calls",
    "errors",
    "progress",
    "ping",
    "log level",
    "subscribe",
];
const NO_SUBSCRIBE: &[&str] = &["tools", "calls", "errors", "progress", "ping", "log level"];
const NO_LEVEL: &[&str] = &["tools", "calls", "errors", "progress", "ping"];
const ASKS: &[&str] = &[
    "tools",
    "calls",
    "errors",
    "progress",
    "ping",
    "elicitation",
];
const ROWS: &[Row] = &[
    Row {
        server: "server-everything 2026.8.31 (TypeScript SDK 1.x)",
        transport: "stdio",
        revision: "2025-11-25",
        features: ALL,
    },
    Row {
        server: "server-everything 2026.8.31 (TypeScript SDK 1.x)",
        transport: "Streamable HTTP",
        revision: "2025-11-25",
        features: ALL,
    },
    Row {
        server: "server-everything 2026.8.31 (TypeScript SDK 1.x)",
        transport: "HTTP+SSE",
        revision: "2025-11-25",
        features: ALL,
    },
    Row {
        server: "server-everything 0.6.2 (TypeScript SDK 1.0)",
        transport: "stdio",
        revision: "2024-11-05",
        features: NO_SUBSCRIBE,
    },
    Row {
        server: "FastMCP (Python SDK 1.x)",
        transport: "stdio",
        revision: "2025-11-25",
        features: ASKS,
    },
    Row {
        server: "FastMCP (Python SDK 1.x)",
        transport: "Streamable HTTP",
        revision: "2025-11-25",
        features: ASKS,
    },
    Row {
        server: "FastMCP (Python SDK 1.x)",
        transport: "Streamable HTTP, stateless",
        revision: "2025-11-25",
        features: NO_LEVEL,
    },
    Row {
        server: "FastMCP (Python SDK 1.x)",
        transport: "HTTP+SSE",
        revision: "2025-11-25",
        features: ASKS,
    },
    Row {
        server: "MCPServer (Python SDK 2.x)",
        transport: "stdio",
        revision: "2026-07-28",
        features: NO_SUBSCRIBE,
    },
    Row {
        server: "MCPServer (Python SDK 2.x)",
        transport: "Streamable HTTP",
        revision: "2026-07-28",
        features: NO_SUBSCRIBE,
    },
    Row {
        server: "mcp-server-time (Python SDK 2.x)",
        transport: "stdio",
        revision: "2026-07-28",
        features: &["tools", "errors", "ping", "log level"],
    },
    Row {
        server: "McpServer (TypeScript SDK 2.x)",
        transport: "stdio",
        revision: "2026-07-28",
        features: NO_SUBSCRIBE,
    },
    Row {
        server: "McpServer (TypeScript SDK 2.x)",
        transport: "Streamable HTTP",
        revision: "2026-07-28",
        features: NO_SUBSCRIBE,
    },
    Row {
        server: "McpServer (TypeScript SDK 2.x), 2026-07-28 only",
        transport: "stdio",
        revision: "2026-07-28",
        features: NO_SUBSCRIBE,
    },
    Row {
        server: "McpServer (TypeScript SDK 2.x), 2026-07-28 only",
        transport: "Streamable HTTP",
        revision: "2026-07-28",
        features: NO_SUBSCRIBE,
    },
    Row {
        server: "rmcp 0.8.5 (Rust SDK), ends at the probe",
        transport: "stdio",
        revision: "2025-03-26",
        features: &["tools", "calls", "ping"],
    },
    Row {
        server: "demo (Rust SDK 3.x)",
        transport: "stdio",
        revision: "2026-07-28",
        features: &["tools", "calls", "errors", "ping", "log level", "subscribe"],
    },
];

fn stdio(command: &str, args: &[String]) -> Value {
    json!({ "type": "StdioServerParams", "command": command, "args": args })
}

fn row(server: &str, transport: &str) -> &'static Row {
    let is_wanted = |row: &&Row| row.server.starts_with(server) && row.transport == transport;
    ROWS.iter().find(is_wanted).expect("a row of the table")
}

/// Tries everything on one session; what worked, of what the server has.
async fn features(page: &mut Page) -> Vec<&'static str> {
    let mut found = Vec::new();
    let list = page.call("tools/list", json!({})).await;
    let tools = list["result"]["tools"]
        .as_array()
        .cloned()
        .unwrap_or_default();
    let has = |name: &str| tools.iter().any(|tool| tool["name"] == name);
    if !tools.is_empty() {
        found.push("tools");
    }
    if has("echo") {
        let said = page
            .call_tool("echo", json!({ "message": "grüß dich" }))
            .await;
        let text = said["content"][0]["text"].as_str().unwrap_or_default();
        assert!(text.contains("grüß dich"), "{said}");
        found.push("calls");
    }
    let unknown = page
        .call(
            "tools/call",
            json!({ "name": "no such tool", "arguments": {} }),
        )
        .await;
    if unknown["result"]["isError"] == true || unknown["error"]["code"].is_i64() {
        assert_ne!(unknown["error"]["data"]["source"], "bridge", "{unknown}");
        found.push("errors");
    }
    let steps = [
        ("slow", json!({ "steps": 3 })),
        (
            "trigger-long-running-operation",
            json!({ "duration": 1, "steps": 3 }),
        ),
        ("longRunningOperation", json!({ "duration": 1, "steps": 3 })),
    ];
    if let Some((name, arguments)) = steps.into_iter().find(|(name, _)| has(name)) {
        let params =
            json!({ "name": name, "arguments": arguments, "_meta": { "progressToken": "t-1" } });
        let id = page.start("tools/call", params).await;
        let progress = page.message("notifications/progress").await;
        assert_eq!(progress["params"]["progressToken"], "t-1");
        assert!(page.response(&id).await["result"].is_object());
        found.push("progress");
    }
    if page.call("ping", json!({})).await["result"] == json!({}) {
        found.push("ping");
    }
    let level = page
        .call("logging/setLevel", json!({ "level": "debug" }))
        .await;
    if level["result"] == json!({}) {
        found.push("log level");
    }
    // The server of 2024 asks the client's model about a subscription before it answers.
    let may_subscribe = !has("longRunningOperation");
    let list = page.call("resources/list", json!({})).await;
    if let Some(uri) = list["result"]["resources"][0]["uri"]
        .as_str()
        .filter(|_| may_subscribe)
    {
        let subscribed = page
            .call("resources/subscribe", json!({ "uri": uri }))
            .await;
        assert_eq!(subscribed["result"], json!({}), "{subscribed}");
        let unsubscribed = page
            .call("resources/unsubscribe", json!({ "uri": uri }))
            .await;
        assert_eq!(unsubscribed["result"], json!({}), "{unsubscribed}");
        found.push("subscribe");
    }
    found
}

/// The tool that asks, of the Python servers.
async fn elicitation(page: &mut Page) {
    let id = page
        .start("tools/call", json!({ "name": "ask", "arguments": {} }))
        .await;
    let answer = json!({ "action": "accept", "content": { "name": "Ada" } });
    page.answer("elicitation/create", answer).await;
    let result = page.response(&id).await;
    assert_eq!(
        result["result"]["content"][0]["text"], "accept Ada",
        "{result}"
    );
}

/// Checks a server against its row, and that the other dialects reach it, too.
async fn check(bridge: &Bridge, params: &Value, row: &Row) {
    let mut page = bridge.open(params, "footbridge.v1").await;
    let greeting = page.frame_of("initialized").await;
    assert_eq!(
        greeting["protocol_version"], row.revision,
        "{}: {greeting}",
        row.server
    );
    let era = if row.revision == "2026-07-28" {
        "modern"
    } else {
        "legacy"
    };
    assert_eq!(greeting["era"], era, "{}", row.server);
    let mut found = features(&mut page).await;
    if row.features.contains(&"elicitation") {
        elicitation(&mut page).await;
        found.push("elicitation");
    }
    assert_eq!(found, row.features, "{} over {}", row.server, row.transport);
    page.close().await;

    let mut page = bridge.open(params, "").await;
    page.frame_of("initialized").await;
    page.send(&json!({ "type": "operation", "operation": "list_tools" }))
        .await;
    let tools = page.frame_of("operation_result").await;
    assert!(
        tools["data"]["tools"]
            .as_array()
            .is_some_and(|tools| !tools.is_empty()),
        "{tools}"
    );
    page.close().await;

    // As stock SDK clients do: their own `initialize`, in a revision of the sessions, whatever the server is.
    let mut page = bridge.open(params, "mcp").await;
    let hello = json!({
        "protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": { "name": "stock", "version": "1" },
    });
    let initialized = page.call("initialize", hello).await;
    let version = initialized["result"]["protocolVersion"]
        .as_str()
        .unwrap_or_default();
    assert!(
        version.starts_with("202") && version < "2026",
        "{}: {initialized}",
        row.server
    );
    page.notify("notifications/initialized", json!({})).await;
    let list = page.call("tools/list", json!({})).await;
    assert!(
        list["result"]["tools"][0]["name"].is_string(),
        "{}: {list}",
        row.server
    );
    page.close().await;
}

#[tokio::test]
async fn the_typescript_sdk_1_over_every_transport() {
    let bridge = Bridge::start().await;
    let script = fixtures::npm("@modelcontextprotocol/server-everything/dist/index.js");
    let params = stdio(&fixtures::node(), &[script, "stdio".to_owned()]);
    check(&bridge, &params, row("server-everything 2026", "stdio")).await;
    let http = Remote::everything("streamableHttp").await;
    check(
        &bridge,
        &http.params(),
        row("server-everything 2026", "Streamable HTTP"),
    )
    .await;
    let sse = Remote::everything("sse").await;
    check(
        &bridge,
        &sse.params(),
        row("server-everything 2026", "HTTP+SSE"),
    )
    .await;
    // A URL of the older transport is found out about.
    let mut found_out = sse.params();
    found_out["type"] = json!("StreamableHttpServerParams");
    check(
        &bridge,
        &found_out,
        row("server-everything 2026", "HTTP+SSE"),
    )
    .await;
}

#[tokio::test]
async fn a_server_of_2024() {
    let bridge = Bridge::start().await;
    let params = stdio(
        &fixtures::node(),
        &[fixtures::npm("server-everything-2024/dist/index.js")],
    );
    check(&bridge, &params, row("server-everything 0.6.2", "stdio")).await;
}

#[tokio::test]
async fn the_python_sdk_1_over_every_transport() {
    let bridge = Bridge::start().await;
    let params = stdio(
        &fixtures::python(1),
        &[fixtures::script("fixture.py"), "stdio".to_owned()],
    );
    check(&bridge, &params, row("FastMCP", "stdio")).await;
    for (transport, stateless, name) in [
        ("streamable-http", false, "Streamable HTTP"),
        ("streamable-http", true, "Streamable HTTP, stateless"),
        ("sse", false, "HTTP+SSE"),
    ] {
        let remote = Remote::python(1, transport, stateless).await;
        check(&bridge, &remote.params(), row("FastMCP", name)).await;
    }
}

#[tokio::test]
async fn the_python_sdk_2() {
    let bridge = Bridge::start().await;
    let params = stdio(
        &fixtures::python(2),
        &[fixtures::script("fixture.py"), "stdio".to_owned()],
    );
    check(&bridge, &params, row("MCPServer", "stdio")).await;
    let remote = Remote::python(2, "streamable-http", false).await;
    check(
        &bridge,
        &remote.params(),
        row("MCPServer", "Streamable HTTP"),
    )
    .await;
    let time = stdio(&fixtures::pypi(2, "mcp-server-time"), &[]);
    check(&bridge, &time, row("mcp-server-time", "stdio")).await;
}

#[tokio::test]
async fn the_typescript_sdk_2() {
    let bridge = Bridge::start().await;
    for modern_only in [false, true] {
        let name = if modern_only {
            "McpServer (TypeScript SDK 2.x), 2026"
        } else {
            "McpServer (TypeScript SDK 2.x)"
        };
        let mut args = vec![fixtures::script("fixture.mjs"), "stdio".to_owned()];
        args.extend(modern_only.then(|| "modern-only".to_owned()));
        check(
            &bridge,
            &stdio(&fixtures::node(), &args),
            row(name, "stdio"),
        )
        .await;
        let remote = Remote::typescript(modern_only).await;
        check(&bridge, &remote.params(), row(name, "Streamable HTTP")).await;
    }
}

#[tokio::test]
async fn a_server_that_ends_at_the_probe_is_started_again_and_not_probed_the_next_time() {
    let bridge = Bridge::start().await;
    let params = stdio(&fixtures::program("old_rmcp"), &[]);
    let (session_id, url) = bridge.connect(&params).await;
    let mut page = bridge
        .upgrade(&url, "footbridge.v1")
        .await
        .expect("the socket opens");
    page.frame_of("initialized").await;
    let restarts = async |id: &str| {
        bridge.get(&format!("/api/mcp/ws/status/{id}")).await.1["restarts"].clone()
    };
    assert_eq!(restarts(&session_id).await, 1);
    page.close().await;
    check(&bridge, &params, row("rmcp 0.8.5", "stdio")).await;
    let (session_id, url) = bridge.connect(&params).await;
    let mut page = bridge
        .upgrade(&url, "footbridge.v1")
        .await
        .expect("the socket opens");
    page.frame_of("initialized").await;
    assert_eq!(restarts(&session_id).await, 0);
    page.close().await;
}

#[tokio::test]
async fn the_demo() {
    let bridge = Bridge::start().await;
    check(
        &bridge,
        &json!({ "type": "named", "server": "demo" }),
        row("demo", "stdio"),
    )
    .await;
}

#[tokio::test]
async fn a_server_that_is_restarted_is_greeted_again_and_no_call_is_lost() {
    let bridge = Bridge::start().await;
    for mut remote in [
        Remote::everything("streamableHttp").await,
        Remote::python(1, "streamable-http", false).await,
    ] {
        for dialect in ["footbridge.v1", "mcp"] {
            let mut page = bridge.open(&remote.params(), dialect).await;
            if dialect == "mcp" {
                let hello = json!({
                    "protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": { "name": "stock", "version": "1" },
                });
                page.call("initialize", hello).await;
                page.notify("notifications/initialized", json!({})).await;
            } else {
                page.frame_of("initialized").await;
            }
            page.call_tool("echo", json!({ "message": "before" })).await;
            remote.restart().await;
            let said = page.call_tool("echo", json!({ "message": "after" })).await;
            assert!(
                said["content"][0]["text"]
                    .as_str()
                    .is_some_and(|text| text.contains("after")),
                "{said}"
            );
            page.close().await;
        }
    }
}

#[tokio::test]
async fn a_stream_that_breaks_is_a_session_that_is_renewed() {
    let bridge = Bridge::start().await;
    let mut remote = Remote::python(1, "sse", false).await;
    let mut page = bridge.open(&remote.params(), "footbridge.v1").await;
    page.frame_of("initialized").await;
    let id = page
        .start(
            "tools/call",
            json!({ "name": "slow", "arguments": { "steps": 1000 } }),
        )
        .await;
    // It has arrived once another call has been answered.
    page.call_tool("echo", json!({ "message": "m" })).await;
    remote.restart().await;
    let lost = page.response(&id).await;
    assert_eq!(lost["error"]["data"]["code"], "upstream_dropped", "{lost}");
    page.frame_of("initialized").await;
    let said = page.call_tool("echo", json!({ "message": "after" })).await;
    assert_eq!(said["content"][0]["text"], "after");
    page.close().await;
}

/// The table as the document has it.
fn table() -> String {
    let mut columns = ALL.to_vec();
    columns.push("elicitation");
    let mut table = format!(
        "| server | transport | revision | {} |\n|---|---|---|{}\n",
        columns.join(" | "),
        "---|".repeat(columns.len())
    );
    for row in ROWS {
        let cells: Vec<&str> = columns
            .iter()
            .map(|column| {
                if row.features.contains(column) {
                    "yes"
                } else {
                    "–"
                }
            })
            .collect();
        table.push_str(&format!(
            "| {} | {} | {} | {} |\n",
            row.server,
            row.transport,
            row.revision,
            cells.join(" | ")
        ));
    }
    table
}

/// `FOOTBRIDGE_WRITE_TABLES=1` writes it.
#[test]
fn the_document_has_the_table_of_what_was_tried() {
    let path = root().join("docs/protocol.md");
    let document = std::fs::read_to_string(&path).expect("the document");
    let (begin, end) = (
        "<!-- table of upstreams: made by tests/it/upstreams.rs -->\n\n",
        "\n<!-- end of the table -->",
    );
    let (before, rest) = document
        .split_once(begin)
        .expect("the beginning of the table");
    let (found, after) = rest.split_once(end).expect("the end of the table");
    if std::env::var_os("FOOTBRIDGE_WRITE_TABLES").is_some() {
        std::fs::write(&path, format!("{before}{begin}{}{end}{after}", table()))
            .expect("the document is written");
    } else {
        assert_eq!(
            found,
            table(),
            "run this test with FOOTBRIDGE_WRITE_TABLES=1"
        );
    }
}
