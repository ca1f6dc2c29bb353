use footbridge_tests::Bridge;
use footbridge_tests::Page;
use footbridge_tests::servers;
use serde_json::Value;
use serde_json::json;

/// Answers the handshake; `$1` of the rest is what comes after it.
const HANDSHAKE: &str = r#"read line; echo '{"jsonrpc":"2.0","id":1,"error":{"code":-32601,"message":"no such method"}}'; read line; echo '{"jsonrpc":"2.0","id":2,"result":{"protocolVersion":"2025-11-25","capabilities":{},"serverInfo":{"name":"s","version":"1"}}}'; read line;"#;

fn after_handshake(script: &str) -> Value {
    servers::shell(&format!("{HANDSHAKE}\n{script}"))
}

/// The frames of a session that does not start, and its close code.
async fn failure(bridge: &Bridge, params: &Value, subprotocol: &str) -> (Vec<Value>, u16) {
    let mut page = bridge.open(params, subprotocol).await;
    let (frames, close) = page.until_closed().await;
    (frames, close.expect("a close code").0)
}

fn error(frames: &[Value]) -> &Value {
    frames
        .iter()
        .find(|frame| frame["type"] == "error")
        .unwrap_or_else(|| panic!("no error frame: {frames:?}"))
}

async fn ready(bridge: &Bridge, params: &Value) -> Page {
    let mut page = bridge.open(params, "footbridge.v1").await;
    page.frame_of("initialized").await;
    page
}

#[tokio::test]
async fn a_program_that_is_not_there_is_named_with_the_way_out() {
    let bridge = Bridge::start().await;
    let params = json!({ "type": "StdioServerParams", "command": "no-such-program" });
    for subprotocol in ["", "footbridge.v1"] {
        let (frames, code) = failure(&bridge, &params, subprotocol).await;
        let error = error(&frames);
        assert_eq!(code, 4502);
        assert_eq!(error["code"], "upstream_failed");
        assert!(
            error["error"]
                .as_str()
                .is_some_and(|text| text.contains("no-such-program")),
            "{error}"
        );
        assert!(error["hint"].is_string(), "{error}");
    }
}

#[tokio::test]
async fn a_server_that_exits_at_once_is_told_with_its_code_and_last_words() {
    let bridge = Bridge::start().await;
    let params = servers::shell("echo 'GITHUB_TOKEN is not set' >&2; exit 7");
    let (frames, code) = failure(&bridge, &params, "footbridge.v1").await;
    let error = error(&frames);
    assert_eq!(code, 4502);
    assert_eq!(error["code"], "upstream_exited");
    assert_eq!(error["data"]["command"], "sh");
    assert_eq!(error["data"]["exit_code"], 7);
    assert_eq!(error["data"]["stderr"], "GITHUB_TOKEN is not set");
    assert_eq!(error["error"], "The MCP server `sh` exited with code 7.");
}

#[tokio::test]
async fn a_program_that_is_no_program_is_told() {
    let bridge = Bridge::start().await;
    let params = json!({ "type": "StdioServerParams", "command": "/etc/passwd" });
    let (frames, _) = failure(&bridge, &params, "footbridge.v1").await;
    assert!(
        error(&frames)["error"]
            .as_str()
            .is_some_and(|text| text.contains("executable")),
        "{frames:?}"
    );
    let params = json!({ "type": "StdioServerParams", "command": "sh", "cwd": "/no/such/folder" });
    let (frames, _) = failure(&bridge, &params, "footbridge.v1").await;
    assert!(
        error(&frames)["error"]
            .as_str()
            .is_some_and(|text| text.contains("working directory")),
        "{frames:?}"
    );
}

#[tokio::test]
async fn a_stock_client_whose_server_does_not_start_gets_an_error_for_its_call() {
    let bridge = Bridge::start().await;
    let mut page = bridge
        .open(&servers::shell("echo bad >&2; sleep 0.3; exit 3"), "mcp")
        .await;
    page.send(&json!({ "jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {} }))
        .await;
    let (frames, close) = page.until_closed().await;
    assert_eq!(frames.len(), 1, "{frames:?}");
    assert_eq!(frames[0]["id"], 1);
    let data = &frames[0]["error"]["data"];
    assert_eq!(
        (&data["source"], &data["exit_code"], &data["stderr"]),
        (&json!("bridge"), &json!(3), &json!("bad"))
    );
    assert_eq!(close.map(|(code, _)| code), Some(4502));
}

#[tokio::test]
async fn what_is_no_json_rpc_on_standard_output_is_shown_and_never_answered() {
    let bridge = Bridge::start().await;
    let script = r#"
        echo 'Welcome to my server!'; echo; echo '{"hello":1}'; printf '\357\273\277'
        echo '{"jsonrpc":"2.0","method":"notifications/message","params":{"level":"info","data":"one"}}'
        printf '{"jsonrpc":"2.0","method":"notifications/message","params":{"level":"info","data":"two"}}\r\n'
        read line; echo "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/message\",\"params\":{\"level\":\"info\",\"data\":\"heard\"}}"; echo "$line" >&2
        read line; echo "unexpected: $line" >&2"#;
    let mut page = ready(&bridge, &after_handshake(script)).await;
    page.send(&json!({ "type": "stderr", "enabled": true }))
        .await;
    for data in ["one", "two"] {
        let frame = page
            .frame_where(|frame| frame["method"] == "notifications/message")
            .await;
        assert_eq!(frame["params"]["data"], data);
    }
    let shown = page.frame_of("stderr").await;
    assert_eq!(
        shown["line"],
        "stdout (not JSON-RPC): Welcome to my server!"
    );
    // The first thing the server hears after its own noise is the page's message, on one line.
    page.send_text("{\n  \"jsonrpc\": \"2.0\",\r\n  \"method\": \"notifications/x\"\n}")
        .await;
    let frame = page
        .frame_where(|frame| frame["method"] == "notifications/message")
        .await;
    assert_eq!(frame["params"]["data"], "heard");
    let line = page
        .frame_where(|frame| {
            frame["line"]
                .as_str()
                .is_some_and(|line| line.contains("notifications/x"))
        })
        .await;
    assert_eq!(
        line["line"],
        r#"{   "jsonrpc": "2.0",    "method": "notifications/x" }"#
    );
    page.close().await;
}

#[tokio::test]
async fn a_flood_of_standard_error_does_not_hold_up_the_server() {
    let bridge = Bridge::start().await;
    let script = r#"
        head -c 20000000 /dev/zero | tr '\0' x | fold -w 100 >&2
        read line; echo '{"jsonrpc":"2.0","id":3,"result":{"alive":true}}'; read line"#;
    let mut page = ready(&bridge, &after_handshake(script)).await;
    assert_eq!(page.call("ping", json!({})).await["result"]["alive"], true);
    page.close().await;
}

#[tokio::test]
async fn a_message_over_the_limit_ends_the_session_with_the_reason() {
    let bridge = Bridge::start().await;
    let script = "head -c 17000000 /dev/zero | tr '\\0' x; sleep 100";
    let mut page = ready(&bridge, &after_handshake(script)).await;
    let (frames, close) = page.until_closed().await;
    assert_eq!(error(&frames)["code"], "upstream_too_large");
    assert_eq!(close.map(|(code, _)| code), Some(4502));
}

#[tokio::test]
async fn a_server_sees_only_the_environment_it_is_meant_to_see() {
    let bridge = Bridge::start().await;
    let mut params = after_handshake("env >&2; exit 0");
    params["env"] = json!({ "GREETING": "hi" });
    let mut page = bridge.open(&params, "footbridge.v1").await;
    page.send(&json!({ "type": "stderr", "enabled": true }))
        .await;
    let (frames, _) = page.until_closed().await;
    let environment = error(&frames)["data"]["stderr"]
        .as_str()
        .expect("stderr")
        .to_owned();
    assert!(
        environment.contains("GREETING=hi") && environment.contains("PATH="),
        "{environment}"
    );
    for stranger in ["CARGO", "FOOTBRIDGE_LOG", "FOOTBRIDGE_TOKEN"] {
        assert!(!environment.contains(stranger), "{environment}");
    }
}
