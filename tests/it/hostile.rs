use std::time::Duration;

use footbridge_tests::Bridge;
use footbridge_tests::Page;
use footbridge_tests::alive;
use footbridge_tests::eventually;
use footbridge_tests::holding;
use footbridge_tests::servers;
use footbridge_tests::times;
use serde_json::Value;
use serde_json::json;

async fn hostile(bridge: &Bridge, subprotocol: &str) -> Page {
    let mut page = bridge.open(&servers::hostile(), subprotocol).await;
    if subprotocol != "mcp" {
        page.frame_of("initialized").await;
    }
    page
}

/// The numbers of the notifications that came while a call was waited for.
fn numbers(page: &Page) -> Vec<u64> {
    let notes = page
        .skipped()
        .filter(|frame| frame["method"] == "notifications/message");
    notes
        .filter_map(|frame| frame["params"]["data"].as_u64())
        .collect()
}

/// The session still works: an ordinary call is answered.
async fn assert_usable(page: &mut Page) {
    let echo = page.call_tool("no trick", json!({ "still": "here" })).await;
    assert_eq!(echo["echo"]["still"], "here");
}

fn error(frames: &[Value]) -> &Value {
    let error = frames.iter().find(|frame| frame["type"] == "error");
    error.unwrap_or_else(|| panic!("no error frame: {frames:?}"))
}

#[tokio::test]
async fn garbage_between_messages_loses_and_reorders_none_of_them() {
    let bridge = Bridge::start().await;
    for tool in ["garbage", "invalid_utf8"] {
        let mut page = hostile(&bridge, "footbridge.v1").await;
        let n = times(400, 100_000) as u64;
        let answer = page.call_tool(tool, json!({ "n": n })).await;
        assert_eq!(answer["noise"], n, "{tool}");
        assert_eq!(numbers(&page), (0..n).collect::<Vec<_>>(), "{tool}");
        assert_usable(&mut page).await;
        page.close().await;
    }
}

#[tokio::test]
async fn a_line_without_end_ends_only_its_own_session_and_costs_no_more_than_the_limit() {
    let bridge = Bridge::start().await;
    let mut other = hostile(&bridge, "footbridge.v1").await;
    let mut page = hostile(&bridge, "footbridge.v1").await;
    let before = holding(bridge.pid()).memory;
    for _ in 0..times(1, 50) {
        page.start("tools/call", json!({ "name": "endless_line" }))
            .await;
        let (frames, close) = page.until_closed().await;
        assert_eq!(error(&frames)["code"], "upstream_too_large");
        assert_eq!(close.map(|(code, _)| code), Some(4502));
        let answer = frames.iter().find(|frame| frame["error"].is_object());
        assert_eq!(
            answer.expect("the call is answered")["error"]["data"]["code"],
            "upstream_too_large"
        );
        let grown = holding(bridge.pid()).memory.saturating_sub(before);
        // 16 MiB are the limit; a buffer that doubles may hold twice that for a moment.
        assert!(grown < 64 * 1024, "{grown} KiB");
        assert_usable(&mut other).await;
        page = hostile(&bridge, "footbridge.v1").await;
    }
    other.close().await;
}

#[tokio::test]
async fn a_flood_arrives_whole_and_in_order_at_a_page_that_reads() {
    let bridge = Bridge::start().await;
    let mut page = hostile(&bridge, "footbridge.v1").await;
    let n = times(20_000, 1_000_000) as u64;
    page.call_tool("flood", json!({ "n": n })).await;
    assert_eq!(numbers(&page), (0..n).collect::<Vec<_>>());
    page.close().await;
}

#[tokio::test]
async fn a_flood_at_a_page_that_does_not_read_costs_the_backlog_and_no_other_session_anything() {
    let bridge = Bridge::configured("[limits]\nstall_timeout = 2\nbacklog_bytes = 1048576").await;
    let mut other = hostile(&bridge, "footbridge.v1").await;
    let mut page = hostile(&bridge, "footbridge.v1").await;
    let before = holding(bridge.pid()).memory;
    // 400 MB, if anybody read them.
    let flood = json!({ "name": "flood", "arguments": { "n": 100_000, "pad": 4000 } });
    page.start("tools/call", flood).await;
    let mut most = 0;
    let told = || bridge.log().contains("browser_stalled");
    let stalled = eventually(Duration::from_secs(30), || {
        most = most.max(holding(bridge.pid()).memory);
        told()
    });
    assert!(stalled.await, "{}", bridge.log());
    let grown = most.saturating_sub(before);
    assert!(grown < 48 * 1024, "{grown} KiB");
    assert_usable(&mut other).await;
    other.close().await;
}

#[tokio::test]
async fn json_that_is_too_deep_is_passed_over_and_the_session_goes_on() {
    let bridge = Bridge::start().await;
    for subprotocol in ["footbridge.v1", ""] {
        let mut page = hostile(&bridge, subprotocol).await;
        page.call_tool("deep", json!({ "depth": 200_000 })).await;
        assert_usable(&mut page).await;
        page.close().await;
    }
}

#[tokio::test]
async fn a_call_is_answered_once_whatever_ids_the_server_makes_up() {
    let bridge = Bridge::start().await;
    let mut page = hostile(&bridge, "footbridge.v1").await;
    let first = page.call_tool("ids", json!({})).await;
    assert_eq!(first["first"], true, "{first}");
    assert_usable(&mut page).await;
    let others: Vec<&Value> = page
        .skipped()
        .filter(|frame| frame.get("id").is_some())
        .collect();
    assert!(others.is_empty(), "{others:?}");
    page.close().await;
}

#[tokio::test]
async fn a_call_that_is_never_answered_gets_an_error_and_the_session_goes_on() {
    let bridge = Bridge::configured("[limits]\nrequest_timeout = 1").await;
    let mut page = hostile(&bridge, "footbridge.v1").await;
    let silence = page.call("tools/call", json!({ "name": "silent" })).await;
    assert_eq!(silence["error"]["data"]["code"], "upstream_timeout");
    assert_usable(&mut page).await;
    page.close().await;
}

#[tokio::test]
async fn a_server_that_asks_without_end_is_refused_by_the_bridge_and_fills_nothing() {
    let bridge = Bridge::start().await;
    let mut page = hostile(&bridge, "footbridge.v1").await;
    let before = holding(bridge.pid()).memory;
    let n = times(10_000, 1_000_000);
    let answer = page.call_tool("ask", json!({ "n": n })).await;
    assert_eq!(answer["refused"], n - 64);
    let asked = page
        .skipped()
        .filter(|frame| frame["method"] == "roots/list");
    assert_eq!(asked.count(), 64);
    let grown = holding(bridge.pid()).memory.saturating_sub(before);
    assert!(grown < 32 * 1024, "{grown} KiB");
    page.close().await;
}

#[tokio::test]
async fn a_server_that_asks_and_never_reads_holds_up_only_itself_and_is_gone_when_the_page_leaves()
{
    let bridge = Bridge::configured("[limits]\nrequest_timeout = 1\nstop_stdin_wait = 0.2").await;
    let mut other = hostile(&bridge, "footbridge.v1").await;
    let mut page = hostile(&bridge, "footbridge.v1").await;
    let before = holding(bridge.pid()).memory;
    let deaf = json!({ "name": "ask_deaf", "arguments": { "n": 200_000 } });
    let answer = page.call("tools/call", deaf).await;
    assert_eq!(answer["error"]["data"]["code"], "upstream_timeout");
    let grown = holding(bridge.pid()).memory.saturating_sub(before);
    assert!(grown < 32 * 1024, "{grown} KiB");
    assert_usable(&mut other).await;
    page.close().await;
    other.close().await;
    let idle = eventually(Duration::from_secs(10), || {
        holding(bridge.pid()).family == 0
    });
    assert!(idle.await);
}

#[tokio::test]
async fn a_server_that_asks_and_withdraws_without_end_is_passed_on_and_fills_nothing() {
    let bridge = Bridge::start().await;
    let n = times(10_000, 500_000);
    for subprotocol in ["footbridge.v1", ""] {
        let mut page = hostile(&bridge, subprotocol).await;
        let call = json!({ "name": "ask_and_cancel", "arguments": { "n": n } });
        let (request, answer) = if subprotocol.is_empty() {
            (
                json!({ "type": "operation", "operation": "call_tool", "tool_name": call["name"], "arguments": call["arguments"] }),
                "operation_result",
            )
        } else {
            (
                json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": call }),
                "",
            )
        };
        let before = holding(bridge.pid()).memory;
        page.send(&request).await;
        page.frame_where(|frame| {
            frame["type"] == answer || (answer.is_empty() && frame["id"] == 1)
        })
        .await;
        let grown = holding(bridge.pid()).memory.saturating_sub(before);
        assert!(grown < 32 * 1024, "{subprotocol}: {grown} KiB");
        page.close().await;
    }
}

#[tokio::test]
async fn a_flood_on_standard_error_costs_its_tail_only() {
    let bridge = Bridge::start().await;
    let mut page = hostile(&bridge, "footbridge.v1").await;
    let before = holding(bridge.pid()).memory;
    // Its pages are read by nobody but the bridge: the answer comes once the bridge has taken all of it.
    let n_bytes = times(64, 4000) * 1_000_000;
    let written = page
        .call_tool("complain", json!({ "mb": n_bytes / 1_000_000 }))
        .await;
    assert_eq!(written["written"], n_bytes);
    let grown = holding(bridge.pid()).memory.saturating_sub(before);
    assert!(grown < 8 * 1024, "{grown} KiB");
    assert_usable(&mut page).await;
    page.close().await;
}

#[tokio::test]
async fn a_server_that_closes_its_output_and_ignores_sigterm_is_gone_and_its_call_answered() {
    let bridge = Bridge::configured("[limits]\nstop_stdin_wait = 0.2\nstop_term_wait = 0.2").await;
    let mut page = hostile(&bridge, "footbridge.v1").await;
    let family = footbridge_tests::descendants(bridge.pid());
    assert!(!family.is_empty());
    let id = page
        .start("tools/call", json!({ "name": "close_output" }))
        .await;
    let (frames, close) = page.until_closed().await;
    let answers = frames.iter().filter(|frame| frame["id"] == id).count();
    assert_eq!((answers, close.map(|(code, _)| code)), (1, Some(4502)));
    let gone = eventually(Duration::from_secs(10), || alive(&family).is_empty()).await;
    assert!(gone, "{:?}", alive(&family));
}

#[tokio::test]
async fn daemons_that_left_the_session_and_ignore_sigterm_are_gone_when_the_page_leaves() {
    let bridge = Bridge::configured("[limits]\nstop_stdin_wait = 0.2\nstop_term_wait = 0.2").await;
    let mut page = hostile(&bridge, "footbridge.v1").await;
    let mut family = Vec::new();
    for _ in 0..3 {
        let daemons = page.call_tool("daemons", json!({})).await;
        let pids: Vec<u32> = serde_json::from_value(daemons["pids"].clone()).expect("process ids");
        family.extend(pids);
    }
    assert_eq!(
        alive(&family).len(),
        9,
        "each call names two daemons and the server"
    );
    page.close().await;
    let gone = eventually(Duration::from_secs(10), || alive(&family).is_empty()).await;
    assert!(gone, "{:?}", alive(&family));
}
