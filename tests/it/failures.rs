//! What a page is told when a remote MCP server cannot be used: each way has its own code, and a way out.

use footbridge_tests::Bridge;
use footbridge_tests::TOKEN;
use serde_json::Value;
use serde_json::json;
use tokio::net::TcpListener;

/// The error frame of a session that cannot begin, and the code its socket closes with.
async fn failure(bridge: &Bridge, url: &str) -> (Value, Option<u16>) {
    let params = json!({ "type": "StreamableHttpServerParams", "url": url, "timeout": 5 });
    let mut page = bridge.open(&params, "footbridge.v1").await;
    let (frames, close) = page.until_closed().await;
    let error = frames.into_iter().find(|frame| frame["type"] == "error");
    (error.expect("an error frame"), close.map(|(code, _)| code))
}

#[tokio::test]
async fn each_way_to_fail_has_its_own_code_and_a_way_out() {
    let bridge = Bridge::start().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let free = listener.local_addr().expect("its address");
    drop(listener);
    let own = bridge.address();
    for (url, code) in [
        (format!("http://{free}/mcp"), "upstream_unreachable"),
        ("https://nobody.invalid/mcp".to_owned(), "upstream_dns"),
        (format!("https://{own}/mcp?key=s3cret"), "upstream_tls"),
        (
            format!("http://{own}/api/mcp/ws/connect"),
            "upstream_unauthorized",
        ),
        (format!("http://{own}/"), "upstream_rejected"),
    ] {
        let (error, close) = failure(&bridge, &url).await;
        assert_eq!(error["code"], code, "{url}: {error}");
        assert_eq!(error["side"], "upstream", "{error}");
        assert!(error["hint"].is_string(), "{error}");
        assert_eq!(close, Some(4502));
        let shown = error.to_string();
        assert!(
            !shown.contains("s3cret") && !shown.contains(TOKEN),
            "{shown}"
        );
        if code == "upstream_unauthorized" {
            assert_eq!(error["data"]["http_status"], 401);
            assert!(
                error["data"]["www_authenticate"]
                    .as_str()
                    .is_some_and(|wants| wants.starts_with("Bearer")),
                "{error}"
            );
        }
    }
    assert!(!bridge.log().contains("s3cret"));
}

#[tokio::test]
async fn places_that_callers_may_not_reach_are_refused_before_anything_is_sent() {
    let bridge = Bridge::start().await;
    for url in [
        "http://10.0.0.1/mcp",
        "https://169.254.169.254/latest/meta-data",
        "https://[::ffff:192.168.0.1]/",
        "http://public.example/mcp",
    ] {
        let params = json!({ "type": "SseServerParams", "url": url });
        let (status, answer) = bridge
            .post_connect(&json!({ "server_params": params }))
            .await;
        assert_eq!(
            (status, &answer["error"]["code"]),
            (403, &json!("params_denied")),
            "{url}: {answer}"
        );
        assert_eq!(answer["error"]["field"], "server_params.url");
        assert!(
            answer["error"]["hint"]
                .as_str()
                .is_some_and(|hint| hint.contains("--allow-upstream")),
            "{answer}"
        );
    }
    let headers = json!({ "authorization": format!("Bearer {TOKEN}") });
    let params =
        json!({ "type": "SseServerParams", "url": "https://public.example/", "headers": headers });
    let (status, answer) = bridge
        .post_connect(&json!({ "server_params": params }))
        .await;
    assert_eq!(
        (status, &answer["error"]["field"]),
        (422, &json!("server_params.headers.authorization")),
        "{answer}"
    );
}
