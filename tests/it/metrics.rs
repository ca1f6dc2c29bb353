use std::collections::BTreeSet;

use footbridge_tests::Bridge;
use footbridge_tests::Page;
use footbridge_tests::Scratch;
use footbridge_tests::TOKEN;
use footbridge_tests::servers;
use reqwest::Method;
use serde_json::json;

/// The value of a series, written as Prometheus does; `None` when there is none.
fn value(metrics: &str, series: &str) -> Option<f64> {
    let line = metrics
        .lines()
        .find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
    line.and_then(|number| number.parse().ok())
}

async fn until(bridge: &Bridge, series: &str, wanted: f64) {
    for _ in 0..600 {
        if value(&bridge.metrics().await, series) == Some(wanted) {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    panic!("{series} is not {wanted} in\n{}", bridge.metrics().await);
}

/// The status of a request with this credential.
async fn status(bridge: &Bridge, path: &str, token: Option<&str>) -> u16 {
    let request = footbridge_tests::http().get(format!("http://{}{path}", bridge.address()));
    let request = match token {
        Some(token) => request.bearer_auth(token),
        None => request,
    };
    let response = request.send().await.expect("an answer");
    response.status().as_u16()
}

#[tokio::test]
async fn the_bridges_token_and_the_one_for_metrics_read_them_and_nobody_else_does() {
    const READER: &str = "the-token-that-reads-metrics-alone";
    let folder = Scratch::new();
    let file = folder.write("reader", READER);
    let flags = ["--token", TOKEN, "--metrics-token-file", &file];
    let bridge = Bridge::with(&flags, Some(TOKEN)).await;
    assert_eq!(status(&bridge, "/metrics", None).await, 401);
    assert_eq!(status(&bridge, "/metrics", Some("wrong")).await, 401);
    assert_eq!(status(&bridge, "/metrics", Some(TOKEN)).await, 200);
    assert_eq!(status(&bridge, "/metrics", Some(READER)).await, 200);
    // It is good for nothing else, not even for what needs no token.
    for path in [
        "/api/mcp/servers",
        "/api/mcp/ws/status/x",
        "/health/live",
        "/metrics/",
        "/",
    ] {
        assert_eq!(status(&bridge, path, Some(READER)).await, 401, "{path}");
    }
    let posted = footbridge_tests::http()
        .post(format!("http://{}/api/mcp/ws/connect", bridge.address()))
        .bearer_auth(READER)
        .json(&json!({ "server_params": servers::demo() }))
        .send()
        .await
        .expect("an answer");
    assert_eq!(posted.status().as_u16(), 401);
    // Without such a file nobody has such a token.
    let bridge = Bridge::start().await;
    assert_eq!(status(&bridge, "/metrics", Some(READER)).await, 401);
}

#[tokio::test]
async fn a_bridge_without_tokens_shows_its_metrics_to_its_own_pages_alone() {
    let bridge = Bridge::with(&["--no-auth"], None).await;
    assert_eq!(status(&bridge, "/metrics", None).await, 200);
    let foreign = footbridge_tests::http()
        .get(format!("http://{}/metrics", bridge.address()))
        .header("origin", "https://evil.example")
        .send()
        .await
        .expect("an answer");
    assert_eq!(foreign.status().as_u16(), 403);
}

#[tokio::test]
async fn sessions_children_tickets_and_connections_are_counted_while_they_last() {
    let bridge = Bridge::start().await;
    let ready = r#"footbridge_sessions{transport="stdio",dialect="native",state="ready"}"#;
    assert_eq!(value(&bridge.metrics().await, ready), Some(0.0));
    let mut page = bridge.open(&servers::fake(), "footbridge.v1").await;
    page.frame_of("initialized").await;
    page.call("fake/echo", json!({ "a": 1 })).await;
    let metrics = bridge.metrics().await;
    for (series, number) in [
        (ready, 1.0),
        ("footbridge_children", 1.0),
        ("footbridge_tickets_issued_total", 1.0),
        (
            r#"footbridge_sessions_opened_total{transport="stdio",dialect="native"}"#,
            1.0,
        ),
        (r#"footbridge_limit{limit="sessions"}"#, 500.0),
        (r#"footbridge_limit_reached_total{limit="sessions"}"#, 0.0),
    ] {
        assert_eq!(value(&metrics, series), Some(number), "{series}\n{metrics}");
    }
    assert!(value(&metrics, "footbridge_connections") >= Some(2.0));
    let messages = r#"footbridge_messages_total{direction="from_browser"}"#;
    assert!(value(&metrics, messages) >= Some(1.0), "{metrics}");
    page.close().await;
    until(&bridge, "footbridge_children", 0.0).await;
    until(&bridge, ready, 0.0).await;
    let ended = r#"footbridge_sessions_ended_total{code="session_ended"}"#;
    until(&bridge, ended, 1.0).await;
}

#[tokio::test]
async fn what_is_refused_and_what_goes_wrong_is_counted_by_code_and_side() {
    let bridge = Bridge::start().await;
    assert_eq!(status(&bridge, "/api/mcp/servers", None).await, 401);
    assert_eq!(status(&bridge, "/api/mcp/nothing", Some(TOKEN)).await, 404);
    let params = json!({ "type": "StdioServerParams", "command": "no-such-program" });
    let mut page = bridge.open(&params, "").await;
    page.until_closed().await;
    for series in [
        r#"footbridge_requests_refused_total{code="unauthorized"}"#,
        r#"footbridge_requests_refused_total{code="not_found"}"#,
        r#"footbridge_sessions_ended_total{code="upstream_failed"}"#,
        r#"footbridge_errors_total{code="upstream_failed",side="upstream"}"#,
    ] {
        until(&bridge, series, 1.0).await;
    }
}

#[tokio::test]
async fn nothing_that_a_caller_says_shows_in_the_metrics() {
    const CANARY: &str = "canary-7f3a9";
    let bridge = Bridge::start().await;
    let mut params = servers::fake();
    params["args"] = json!([CANARY]);
    params["env"] = json!({ "KEY": CANARY });
    let body = json!({
        "server_params": params,
        "client_info": { "name": CANARY, "version": CANARY },
    });
    let (session_id, url) = bridge.connect_as(&body).await;
    let mut page = bridge
        .upgrade(&url, "footbridge.v1")
        .await
        .expect("the socket opens");
    page.frame_of("initialized").await;
    page.call(CANARY, json!({ "a": CANARY })).await;
    page.send(&json!({ "jsonrpc": "2.0", "id": CANARY, "method": CANARY }))
        .await;
    page.send_text(&format!("{{{CANARY}")).await;
    page.send_text(&"[".repeat(1000)).await;
    page.call("fake/complain", json!(CANARY)).await;
    for (method, path) in [
        (Method::GET, format!("/{CANARY}")),
        (
            Method::from_bytes(CANARY.as_bytes()).expect("a method"),
            "/metrics".to_owned(),
        ),
        (Method::GET, format!("/api/mcp/ws/status/{CANARY}")),
        (Method::DELETE, format!("/api/mcp/ws/{CANARY}?{CANARY}")),
    ] {
        let sent = bridge.request(method, &path).send().await;
        assert!(sent.is_ok_and(|answer| answer.status().is_client_error()
            || path.contains("status")
            || answer.status().is_success()));
    }
    let refused = Page::open(
        bridge.address(),
        &format!("/api/mcp/ws/{CANARY}?server_params={CANARY}&ticket={CANARY}"),
        &[
            ("origin", &format!("https://{CANARY}.example")),
            ("sec-websocket-protocol", CANARY),
        ],
    )
    .await;
    assert!(refused.is_err());
    status(&bridge, "/metrics", Some(CANARY)).await;
    let metrics = bridge.metrics().await;
    for secret in [CANARY, TOKEN, &session_id, "fake_mcp", "127.0.0.1"] {
        assert!(!metrics.contains(secret), "{secret} in\n{metrics}");
    }
    // Whatever callers do, these are the names and labels there are.
    let labels: BTreeSet<&str> = metrics
        .lines()
        .filter_map(|line| Some(line.split_once('{')?.1.split_once('}')?.0))
        .flat_map(|labels| labels.split(','))
        .filter_map(|label| Some(label.split_once('=')?.0))
        .collect();
    let known = [
        "code",
        "dialect",
        "direction",
        "limit",
        "side",
        "state",
        "transport",
    ];
    assert_eq!(labels, BTreeSet::from(known), "{metrics}");
    page.close().await;
}
