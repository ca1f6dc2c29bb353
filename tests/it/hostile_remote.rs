use footbridge_tests::Bridge;
use footbridge_tests::Hostile;
use footbridge_tests::Trick;
use footbridge_tests::When;
use footbridge_tests::holding;
use footbridge_tests::servers;
use serde_json::Value;
use serde_json::json;

const HTTP: &str = "StreamableHttpServerParams";
const SSE: &str = "SseServerParams";
const KEY: &str = "the-key-of-the-hostile-server";

/// Ends every wait soon.
const LIMITS: &str = "[limits]\nstart_timeout = 6\nrequest_timeout = 4\nrequest_timeout_max = 6";

/// What the page hears of a server that cannot be used; nobody else was called, and the bridge has lost nothing.
async fn failure(bridge: &Bridge, kind: &str, trick: Trick) -> Value {
    let server = Hostile::start(trick, When::AtOnce).await;
    let before = holding(bridge.pid()).memory;
    let mut page = bridge.open(&server.params(kind), "footbridge.v1").await;
    let (frames, close) = page.until_closed().await;
    let error = frames.into_iter().find(|frame| frame["type"] == "error");
    let error = error.unwrap_or_else(|| panic!("{trick:?}: no error frame"));
    assert!(close.is_some(), "{trick:?}");
    assert!(!server.requests().is_empty(), "{trick:?}: it was asked");
    assert_eq!(server.bystander(), [""; 0], "{trick:?}");
    assert!(!error.to_string().contains(KEY), "{error}");
    let grown = holding(bridge.pid()).memory.saturating_sub(before);
    assert!(grown < 64 * 1024, "{trick:?}: {grown} KiB");
    error
}

#[tokio::test]
async fn a_redirect_leads_nowhere_else_with_or_without_credentials() {
    let bridge = Bridge::configured(LIMITS).await;
    for (status, to) in [
        (301, "http://{bystander}/"),
        (302, "http://{bystander}/"),
        (303, "http://{bystander}/"),
        (307, "http://{bystander}/"),
        (308, "http://{bystander}/"),
        (307, "//{bystander}/"),
        (307, "http://localhost.evil.example/"),
        (307, "http://169.254.169.254/latest/meta-data/"),
        (307, "http://[::ffff:169.254.169.254]/"),
        (307, "file:///etc/passwd"),
        (307, "javascript:alert(1)"),
        (307, "http://user:pass@{bystander}/"),
        (307, ""),
        (307, "/again"),
    ] {
        for kind in [HTTP, SSE] {
            let error = failure(&bridge, kind, Trick::Redirect(status, to)).await;
            assert_eq!(error["side"], "upstream", "{status} {to}: {error}");
        }
    }
}

#[tokio::test]
async fn the_old_transport_posts_to_no_other_place() {
    let bridge = Bridge::configured(LIMITS).await;
    for to in [
        "http://{bystander}/steal",
        "//{bystander}/steal",
        "https://{bystander}/",
        "file:///etc/passwd",
        "http://169.254.169.254/",
        "http://evil@{bystander}/",
    ] {
        let error = failure(&bridge, SSE, Trick::Endpoint(to)).await;
        assert_eq!(error["side"], "upstream", "{to}: {error}");
    }
}

#[tokio::test]
async fn metadata_that_a_server_names_is_told_and_not_fetched() {
    let bridge = Bridge::configured(LIMITS).await;
    for at in ["http://{bystander}/metadata", "http://10.0.0.1/metadata"] {
        let error = failure(&bridge, HTTP, Trick::Unauthorized(at)).await;
        assert_eq!(error["code"], "upstream_unauthorized");
    }
}

#[tokio::test]
async fn bodies_and_heads_that_would_fill_memory_are_cut_off() {
    let bridge = Bridge::configured(LIMITS).await;
    let mut other = bridge.open(&servers::fake(), "footbridge.v1").await;
    other.frame_of("initialized").await;
    for trick in [
        Trick::Compressed,
        Trick::EndlessJson,
        Trick::EndlessEvent,
        Trick::EndlessHead,
        Trick::Short,
    ] {
        let error = failure(&bridge, HTTP, trick).await;
        assert_eq!(error["side"], "upstream", "{trick:?}: {error}");
    }
    let echo = other.call("fake/echo", json!({ "still": "here" })).await;
    assert_eq!(echo["result"]["still"], "here");
    other.close().await;
}

#[tokio::test]
async fn answers_that_never_come_are_not_waited_for() {
    let bridge = Bridge::configured(LIMITS).await;
    for trick in [Trick::Silence, Trick::Drip, Trick::Comments] {
        let error = failure(&bridge, HTTP, trick).await;
        assert_eq!(error["side"], "upstream", "{trick:?}: {error}");
    }
}

#[tokio::test]
async fn a_trick_in_the_middle_of_a_session_costs_one_call_and_not_the_session() {
    let bridge = Bridge::configured(LIMITS).await;
    for trick in [
        Trick::Redirect(307, "http://{bystander}/"),
        Trick::Compressed,
        Trick::EndlessJson,
        Trick::EndlessEvent,
        Trick::Short,
        Trick::Drip,
        Trick::Comments,
        Trick::Silence,
    ] {
        let server = Hostile::start(trick, When::AtCall).await;
        let mut page = bridge.open(&server.params(HTTP), "footbridge.v1").await;
        page.frame_of("initialized").await;
        let answer = page.call("tools/call", json!({ "name": "x" })).await;
        assert_eq!(
            answer["error"]["data"]["source"], "bridge",
            "{trick:?}: {answer}"
        );
        let tools = page.call("tools/list", json!({})).await;
        assert!(tools["result"]["tools"].is_array(), "{trick:?}: {tools}");
        assert_eq!(server.bystander(), [""; 0], "{trick:?}");
        page.close().await;
    }
    assert!(bridge.closes_files_to(40).await);
}

#[tokio::test]
async fn a_cookie_is_not_kept() {
    let bridge = Bridge::configured(LIMITS).await;
    let server = Hostile::start(Trick::Cookie, When::AtOnce).await;
    let mut page = bridge.open(&server.params(HTTP), "footbridge.v1").await;
    page.frame_of("initialized").await;
    page.call("tools/list", json!({})).await;
    let requests = server.requests();
    assert!(requests.len() > 2, "{requests:?}");
    for request in &requests {
        let request = request.to_ascii_lowercase();
        assert!(!request.contains("\r\ncookie:"), "{request}");
        assert!(request.contains(KEY), "{request}");
    }
    page.close().await;
}
