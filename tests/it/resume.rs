//! Sockets that are lost and browsers that come back, at the real bridge.

use std::time::Duration;

use footbridge_tests::Bridge;
use footbridge_tests::Fate;
use footbridge_tests::Faults;
use footbridge_tests::Page;
use footbridge_tests::Returning;
use footbridge_tests::Scratch;
use footbridge_tests::TOKEN;
use footbridge_tests::alive;
use footbridge_tests::descendants;
use footbridge_tests::eventually;
use footbridge_tests::servers;
use footbridge_tests::times;
use reqwest::Method;
use serde_json::Value;
use serde_json::json;
use tokio::task::JoinSet;

const PATIENCE: Duration = Duration::from_secs(20);

/// Opens a session whose browser may come back; its id, the page and the token.
async fn resumable(bridge: &Bridge) -> (String, Page, String) {
    let (session, url) = bridge.connect(&servers::fake()).await;
    let mut page = bridge
        .upgrade(&url, "footbridge.v1")
        .await
        .expect("the socket opens");
    page.send(&json!({ "type": "resumable" })).await;
    let token = page.frame_of("resumable").await["token"].clone();
    page.frame_of("initialized").await;
    (session, page, token.as_str().expect("a token").to_owned())
}

fn way_back(session: &str, token: &str, received: Option<u64>) -> String {
    let received = received.map_or(String::new(), |n| format!("&received={n}"));
    format!("/api/mcp/ws/{session}?resume={token}{received}")
}

/// Asks until the session is in this state.
async fn state(bridge: &Bridge, session: &str, wanted: &str) -> Value {
    let end = tokio::time::Instant::now() + PATIENCE;
    loop {
        let (_, answer) = bridge.get(&format!("/api/mcp/ws/status/{session}")).await;
        if answer["state"] == wanted {
            return answer;
        }
        assert!(tokio::time::Instant::now() < end, "{answer}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// The code of the error and of the close that a way back ends with.
async fn refused(bridge: &Bridge, url: &str, subprotocol: &str) -> (Value, u16) {
    let mut page = bridge.upgrade(url, subprotocol).await.expect("it opens");
    let (frames, close) = page.until_closed().await;
    let code = frames.first().map(|frame| frame["code"].clone());
    (code.unwrap_or_default(), close.expect("a close frame").0)
}

/// Makes calls over a way that is cut at random, and compares what both ends have heard.
async fn calls_through(bridge: &Bridge, faults: &Faults, session: usize, n_cuts: usize) -> usize {
    let mut page = Returning::open(bridge, &servers::fake(), faults.address()).await;
    let (mut sent, mut answered) = (Vec::new(), Vec::new());
    page.lose();
    while page.returns < n_cuts {
        // A few at once, so that some are in flight wherever the way is cut.
        for _ in 0..4 {
            let id = format!("{session}-{}", sent.len());
            let canary = "x".repeat(sent.len() * 37 % 1500);
            let call = json!({ "jsonrpc": "2.0", "id": id, "method": "fake/echo", "params": { "canary": canary, "of": session } });
            page.send(call.to_string()).await;
            sent.push((id, canary));
        }
        while answered.len() < sent.len() {
            let frame = page.next().await;
            if let Some(id) = frame["id"].as_str() {
                let (expected, canary) = &sent[answered.len()];
                assert_eq!(id, expected, "in order, none twice, none left out");
                assert_eq!(frame["result"], json!({ "canary": canary, "of": session }));
                answered.push(id.to_owned());
            }
        }
    }
    // The answer is longer than what passes before a cut.
    page.turn_to(bridge.address());
    let call = json!({ "jsonrpc": "2.0", "id": "heard", "method": "fake/heard", "params": {} });
    page.send(call.to_string()).await;
    let heard = page.response(&json!("heard")).await["result"].clone();
    let heard: Vec<String> = serde_json::from_value(heard).expect("lines");
    let calls: Vec<&String> = heard
        .iter()
        .filter(|line| line.contains("fake/echo"))
        .collect();
    assert_eq!(calls.len(), sent.len(), "the server heard each call once");
    for (line, (_, canary)) in calls.iter().zip(&sent) {
        assert!(line.contains(&format!("\"canary\":\"{canary}\"")), "{line}");
    }
    sent.len()
}

#[tokio::test]
async fn nothing_is_lost_repeated_or_out_of_order_wherever_the_socket_is_cut() {
    let bridge = Bridge::configured("[limits]\nconnects_burst = 1000").await;
    let (n_sessions, n_cuts) = (times(4, 100), 20);
    let faults = std::sync::Arc::new(Faults::before(bridge.address(), 20_261_127).await);
    faults.set(Fate::Cut(9000));
    let bridge = std::sync::Arc::new(bridge);
    let mut sessions = JoinSet::new();
    let mut n_calls = 0;
    for session in 0..n_sessions {
        let (bridge, faults) = (bridge.clone(), faults.clone());
        sessions.spawn(async move { calls_through(&bridge, &faults, session, n_cuts).await });
        if sessions.len() >= 10 {
            n_calls += sessions.join_next().await.expect("one").expect("it passed");
        }
    }
    while let Some(done) = sessions.join_next().await {
        n_calls += done.expect("it passed");
    }
    assert!(
        faults.broken() >= n_sessions * n_cuts,
        "{}",
        faults.broken()
    );
    assert!(n_calls >= n_sessions * n_cuts, "{n_calls}");
    let metrics = bridge.metrics().await;
    assert!(metrics.contains(r#"footbridge_sessions_resumed_total{recovered="true"}"#));
    assert!(!metrics.contains(r#"footbridge_sessions_resumed_total{recovered="false"}"#));
}

#[tokio::test]
async fn a_socket_that_hangs_is_noticed_and_the_session_is_there_for_the_next() {
    let bridge = Bridge::configured("[limits]\nping_interval = 0.3\npong_timeout = 0.3").await;
    let faults = Faults::before(bridge.address(), 1).await;
    let n_hangs = times(3, 50);
    for n in 0..n_hangs {
        faults.set(Fate::Pass);
        let mut page = Returning::open(&bridge, &servers::fake(), faults.address()).await;
        page.lose();
        let call =
            json!({ "jsonrpc": "2.0", "id": 1, "method": "fake/echo", "params": { "n": n } });
        page.send(call.to_string()).await;
        assert_eq!(page.response(&json!(1)).await["result"]["n"], n);
        // Calls are in flight on a connection over which nothing passes any more.
        faults.set(Fate::Hang(0));
        let call =
            json!({ "jsonrpc": "2.0", "id": 2, "method": "fake/echo", "params": { "n": n } });
        page.send(call.to_string()).await;
        state(&bridge, page.session(), "detached").await;
        faults.set(Fate::Pass);
        page.lose();
        assert_eq!(page.response(&json!(2)).await["result"]["n"], n);
    }
    assert!(faults.broken() >= n_hangs, "{}", faults.broken());
}

#[tokio::test]
async fn a_way_back_is_for_the_one_who_has_its_token_from_the_same_page() {
    let bridge = Bridge::start().await;
    let (session, page, token) = resumable(&bridge).await;
    page.cut();
    state(&bridge, &session, "detached").await;
    let unknown = (json!("session_unknown"), 4004);
    let url = way_back(&session, &token, Some(1));
    for wrong in [
        way_back(&session, "", Some(1)),
        way_back(&session, &token[1..], Some(1)),
        way_back(&session, &format!("{token}x"), Some(1)),
        way_back(&session, TOKEN, Some(1)),
        way_back("another", &token, Some(1)),
    ] {
        assert_eq!(refused(&bridge, &wrong, "footbridge.v1").await, unknown);
    }
    let own = format!("http://{}", bridge.address());
    let headers = [
        ("origin", &*own),
        ("sec-websocket-protocol", "footbridge.v1"),
    ];
    let mut page = Page::open(bridge.address(), &url, &headers)
        .await
        .expect("it opens");
    assert_eq!(page.until_closed().await.1.expect("a close frame").0, 4004);
    let headers = [
        ("origin", "https://evil.example"),
        ("sec-websocket-protocol", "footbridge.v1"),
    ];
    let evil = Page::open(bridge.address(), &url, &headers).await;
    assert_eq!(evil.expect_err("an origin that is not allowed").0, 403);

    assert_eq!(refused(&bridge, &url, "").await.1, 4400);
    assert_eq!(refused(&bridge, &url, "mcp").await.1, 4400);
    for nonsense in [
        url.replace("received=1", "received=-1"),
        format!("{url}&attempt=first"),
    ] {
        assert_eq!(
            refused(&bridge, &nonsense, "footbridge.v1").await,
            (json!("bad_request"), 4400)
        );
    }

    let mut page = bridge
        .upgrade(&url, "footbridge.v1")
        .await
        .expect("it opens");
    let resumed = page.frame().await;
    assert_eq!(resumed["type"], "resumed");
    assert_eq!(resumed["recovered"], true);
    page.send(&json!({ "type": "ack", "received": 1 })).await;
    page.call("fake/echo", json!({})).await;
    page.cut();
    state(&bridge, &session, "detached").await;
    // It was for one time.
    assert_eq!(refused(&bridge, &url, "footbridge.v1").await, unknown);
    let next = way_back(&session, resumed["token"].as_str().expect("one"), None);
    let mut page = bridge
        .upgrade(&next, "footbridge.v1")
        .await
        .expect("it opens");
    assert_eq!(page.frame().await["recovered"], false);
    page.close().await;
}

#[tokio::test]
async fn a_way_back_is_for_the_principal_of_the_session() {
    let folder = Scratch::new();
    let secret = folder.write("secret", "the-secret-of-the-proxy");
    let flags = [
        "--proxy-user-header",
        "x-user",
        "--proxy-from",
        "127.0.0.1",
        "--proxy-secret-file",
        &secret,
    ];
    let bridge = Bridge::with(&flags, None).await;
    let as_user = |user: &'static str| {
        [
            ("x-user", user),
            ("x-footbridge-proxy-secret", "the-secret-of-the-proxy"),
            ("sec-websocket-protocol", "footbridge.v1"),
        ]
    };
    let body = json!({ "server_params": servers::demo() });
    let request = bridge.request(Method::POST, "/api/mcp/ws/connect");
    let request = as_user("ada")
        .iter()
        .take(2)
        .fold(request, |request, (name, value)| {
            request.header(*name, *value)
        });
    let answer = request.json(&body).send().await.expect("an answer");
    let answer: Value = answer.json().await.expect("JSON");
    let url = answer["websocket_url"].as_str().expect("a URL");
    let session = answer["session_id"].as_str().expect("an id");
    let mut page = Page::open(bridge.address(), url, &as_user("ada"))
        .await
        .expect("it opens");
    page.send(&json!({ "type": "resumable" })).await;
    let token = page.frame_of("resumable").await["token"].clone();
    let url = way_back(session, token.as_str().expect("one"), Some(0));
    let mut other = Page::open(bridge.address(), &url, &as_user("eve"))
        .await
        .expect("it opens");
    let (frames, close) = other.until_closed().await;
    assert_eq!(frames[0]["code"], "session_unknown");
    assert_eq!(close.expect("a close frame").0, 4004);
    let mut page = Page::open(bridge.address(), &url, &as_user("ada"))
        .await
        .expect("it opens");
    assert_eq!(page.frame().await["recovered"], true);
}

#[tokio::test]
async fn a_socket_that_is_taken_over_is_told() {
    let bridge = Bridge::start().await;
    let (session, mut old, token) = resumable(&bridge).await;
    let url = way_back(&session, &token, Some(0));
    let mut page = bridge
        .upgrade(&url, "footbridge.v1")
        .await
        .expect("it opens");
    assert_eq!(page.frame().await["type"], "resumed");
    let (frames, close) = old.until_closed().await;
    assert_eq!(frames.last().expect("one")["code"], "taken_over");
    assert_eq!(close.expect("a close frame").0, 4409);
    assert_eq!(
        page.call("fake/echo", json!({ "n": 1 })).await["result"]["n"],
        1
    );
    page.close().await;
}

#[tokio::test]
async fn a_session_without_a_browser_is_told_ended_by_request_and_over_after_the_window() {
    let bridge = Bridge::configured("[limits]\nresume_window = 1.5").await;
    for by_request in [true, false] {
        let (session, page, token) = resumable(&bridge).await;
        let family = descendants(bridge.pid());
        assert!(!family.is_empty());
        page.cut();
        let status = state(&bridge, &session, "detached").await;
        assert_eq!(status["connected"], false);
        assert_eq!(status["attached"], false);
        if by_request {
            let path = format!("/api/mcp/ws/{session}");
            let answer = bridge.request(Method::DELETE, &path).send().await;
            assert_eq!(answer.expect("an answer").status().as_u16(), 200);
        }
        let gone = || alive(&family).is_empty();
        assert!(eventually(PATIENCE, gone).await, "by_request: {by_request}");
        let url = way_back(&session, &token, Some(0));
        assert_eq!(
            refused(&bridge, &url, "footbridge.v1").await,
            (json!("session_unknown"), 4004)
        );
    }
    assert_eq!(bridge.reached("resume_window").await, 1);
}

#[tokio::test]
async fn a_page_that_is_loaded_anew_is_asked_what_the_last_one_left_unanswered() {
    let bridge = Bridge::start().await;
    let (session, mut page, token) = resumable(&bridge).await;
    let asking = json!({ "jsonrpc": "2.0", "id": "q", "method": "elicitation/create", "params": { "message": "Who?", "requestedSchema": { "type": "object", "properties": {} } } });
    page.start("fake/say", json!({ "lines": [asking.to_string()] }))
        .await;
    page.message("elicitation/create").await;
    page.start("fake/hold", json!({ "of": "the last page" }))
        .await;
    page.cut();
    let url = way_back(&session, &token, None);
    let mut page = bridge
        .upgrade(&url, "footbridge.v1")
        .await
        .expect("it opens");
    let kinds: Vec<Value> = [page.frame().await, page.frame().await, page.frame().await]
        .iter()
        .map(|frame| frame["type"].clone())
        .collect();
    assert_eq!(
        kinds,
        [json!("resumed"), json!("state"), json!("initialized")]
    );
    page.answer("elicitation/create", json!({ "action": "decline" }))
        .await;
    // Ids of the last page are free, and its calls are cancelled.
    let heard = page.call("fake/heard", json!({})).await["result"].clone();
    let heard: Vec<String> = serde_json::from_value(heard).expect("lines");
    let has = |what: &str| heard.iter().any(|line| line.contains(what));
    assert!(has(r#""result":{"action":"decline"}"#), "{heard:?}");
    assert!(has("the page was left"), "{heard:?}");
    page.close().await;
}

#[tokio::test]
async fn a_ticket_is_no_way_back_and_a_session_that_was_closed_has_none() {
    let bridge = Bridge::start().await;
    let (session, url) = bridge.connect(&servers::fake()).await;
    let mut page = bridge
        .upgrade(&url, "footbridge.v1")
        .await
        .expect("it opens");
    page.send(&json!({ "type": "resumable" })).await;
    let token = page.frame_of("resumable").await["token"].clone();
    page.cut();
    state(&bridge, &session, "detached").await;
    assert_eq!(refused(&bridge, &url, "footbridge.v1").await.1, 4004);
    let back = way_back(&session, token.as_str().expect("one"), Some(0));
    let mut page = bridge
        .upgrade(&back, "footbridge.v1")
        .await
        .expect("it opens");
    let token = page.frame().await["token"].clone();
    page.close().await;
    let gone = async || {
        let path = format!("/api/mcp/ws/status/{session}");
        bridge.get(&path).await.1["status"] == false
    };
    let end = tokio::time::Instant::now() + PATIENCE;
    while !gone().await {
        assert!(tokio::time::Instant::now() < end);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let back = way_back(&session, token.as_str().expect("one"), Some(0));
    assert_eq!(refused(&bridge, &back, "footbridge.v1").await.1, 4004);
}
