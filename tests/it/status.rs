//! `GET status` and `DELETE`.

use std::time::Duration;

use footbridge_tests::Bridge;
use footbridge_tests::alive;
use footbridge_tests::descendants;
use footbridge_tests::eventually;
use footbridge_tests::servers;
use reqwest::Method;
use serde_json::Value;
use serde_json::json;

use crate::connect::error_of;
use crate::connect::is_moment;

async fn status(bridge: &Bridge, session_id: &str) -> Value {
    let (code, answer) = bridge
        .get(&format!("/api/mcp/ws/status/{session_id}"))
        .await;
    assert_eq!(code, 200, "{answer}");
    answer
}

/// Asks until `wanted` is true of the answer.
async fn status_where(bridge: &Bridge, session_id: &str, wanted: impl Fn(&Value) -> bool) -> Value {
    let end = tokio::time::Instant::now() + Duration::from_secs(10);
    loop {
        let answer = status(bridge, session_id).await;
        if wanted(&answer) {
            return answer;
        }
        assert!(tokio::time::Instant::now() < end, "{answer}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

fn not_found(session_id: &str) -> Value {
    json!({ "status": false, "message": "Session not found", "session_id": session_id })
}

async fn delete(bridge: &Bridge, session_id: &str) -> (u16, Value) {
    let path = format!("/api/mcp/ws/{session_id}");
    let response = bridge
        .request(Method::DELETE, &path)
        .send()
        .await
        .expect("an answer");
    (
        response.status().as_u16(),
        response.json().await.expect("JSON"),
    )
}

#[tokio::test]
async fn a_session_that_is_open_is_told_truthfully() {
    let bridge = Bridge::start().await;
    let (session_id, url) = bridge.connect(&servers::fake()).await;
    let mut page = bridge
        .upgrade(&url, "footbridge.v1")
        .await
        .expect("the socket opens");
    let initialized = page.frame_of("initialized").await;
    let answer = status(&bridge, &session_id).await;
    assert_eq!(answer["status"], true);
    assert!(answer["message"].is_string());
    assert_eq!(answer["session_id"], session_id.as_str());
    assert_eq!(answer["connected"], true);
    assert_eq!(answer["capabilities"], initialized["capabilities"]);
    assert_eq!(
        answer["capabilities"]["experimental"],
        json!({ "com.example/x": { "deep": [1] } })
    );
    for moment in ["created_at", "last_activity", "state_since"] {
        assert!(is_moment(&answer[moment]), "{moment}: {answer}");
    }
    assert_eq!(answer["state"], "ready");
    assert_eq!(answer["dialect"], "native");
    assert_eq!(answer["transport"], "stdio");
    assert_eq!(answer["label"], "fake_mcp");
    assert_eq!(answer["era"], "legacy");
    assert_eq!(answer["protocol_version"], "2025-06-18");
    assert_eq!(
        answer["server_info"],
        json!({ "name": "fake", "version": "1.2.3" })
    );
    assert_eq!(answer["attached"], true);
    assert_eq!(answer["calls_in_flight"], 0);
    assert_eq!(answer["restarts"], 0);
    assert_eq!(answer["exit"], Value::Null);
}

#[tokio::test]
async fn a_session_whose_server_is_starting_is_not_connected_yet() {
    let bridge = Bridge::start().await;
    let (session_id, url) = bridge.connect(&servers::shell("read line; sleep 60")).await;
    let _page = bridge.upgrade(&url, "").await.expect("the socket opens");
    let answer = status_where(&bridge, &session_id, |answer| answer["status"] == true).await;
    assert_eq!(answer["connected"], false);
    assert_eq!(answer["state"], "starting");
    assert_eq!(answer["capabilities"], Value::Null);
    assert_eq!(answer["protocol_version"], Value::Null);
}

#[tokio::test]
async fn calls_that_wait_are_counted() {
    let bridge = Bridge::start().await;
    let (session_id, url) = bridge.connect(&servers::fake()).await;
    let mut page = bridge.upgrade(&url, "").await.expect("the socket opens");
    for id in ["a", "b", "c"] {
        page.send(&json!({ "jsonrpc": "2.0", "id": id, "method": "fake/hold" }))
            .await;
    }
    status_where(&bridge, &session_id, |answer| {
        answer["calls_in_flight"] == 3
    })
    .await;
    page.call("fake/release", json!({})).await;
    let answer = status(&bridge, &session_id).await;
    assert_eq!(answer["calls_in_flight"], 0);
}

#[tokio::test]
async fn a_read_changes_nothing_and_a_message_moves_the_last_activity() {
    let bridge = Bridge::start().await;
    let (session_id, url) = bridge.connect(&servers::fake()).await;
    let mut page = bridge.upgrade(&url, "").await.expect("the socket opens");
    page.call("fake/echo", json!({})).await;
    let first = status(&bridge, &session_id).await;
    let second = status(&bridge, &session_id).await;
    assert_eq!(first, second);
    page.call("fake/echo", json!({})).await;
    let third = status(&bridge, &session_id).await;
    let moment = |answer: &Value| {
        answer["last_activity"]
            .as_str()
            .expect("a moment")
            .to_owned()
    };
    assert!(moment(&third) > moment(&second), "{third}");
    assert_eq!(third["created_at"], first["created_at"]);
}

#[tokio::test]
async fn a_session_that_is_unknown_not_opened_yet_or_over_is_not_found() {
    let bridge = Bridge::start().await;
    assert_eq!(status(&bridge, "nobody").await, not_found("nobody"));
    let (session_id, url) = bridge.connect(&servers::fake()).await;
    assert_eq!(status(&bridge, &session_id).await, not_found(&session_id));
    let mut page = bridge.upgrade(&url, "").await.expect("the socket opens");
    page.frame().await;
    assert_eq!(status(&bridge, &session_id).await["status"], true);
    page.close().await;
    let answer = status_where(&bridge, &session_id, |answer| answer["status"] == false).await;
    assert_eq!(answer, not_found(&session_id));
}

#[tokio::test]
async fn delete_ends_the_session_and_its_server() {
    let bridge = Bridge::start().await;
    let (session_id, url) = bridge.connect(&servers::fake()).await;
    let mut page = bridge
        .upgrade(&url, "footbridge.v1")
        .await
        .expect("the socket opens");
    page.frame_of("initialized").await;
    let children = descendants(bridge.pid());
    assert!(!children.is_empty());
    let (code, answer) = delete(&bridge, &session_id).await;
    assert_eq!(code, 200);
    let expected = json!({ "status": true, "message": "Session ended", "session_id": session_id });
    assert_eq!(answer, expected);
    let (frames, close) = page.until_closed().await;
    assert_eq!(close.expect("a close code").0, 1000);
    assert!(
        frames.iter().any(|frame| frame["state"] == "closing"),
        "{frames:?}"
    );
    let gone = eventually(Duration::from_secs(10), || alive(&children).is_empty()).await;
    assert!(gone, "{:?}", alive(&children));
    status_where(&bridge, &session_id, |answer| answer["status"] == false).await;
}

#[tokio::test]
async fn delete_of_a_session_that_is_not_there_is_a_404() {
    let bridge = Bridge::start().await;
    let (session_id, _) = bridge.connect(&servers::fake()).await;
    for session_id in ["nobody", &session_id] {
        let (code, answer) = delete(&bridge, session_id).await;
        assert_eq!(code, 404);
        let message = answer["message"].clone();
        assert_eq!(message, "Session not found");
        assert_eq!(answer["error"]["code"], "session_unknown");
    }
    let (code, answer) = bridge.get("/api/mcp/nobody").await;
    assert_eq!(
        (code, &error_of(&answer)["code"]),
        (404, &json!("not_found"))
    );
}
