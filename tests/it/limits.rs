use std::time::Duration;

use footbridge_tests::Bridge;
use footbridge_tests::servers;
use serde_json::json;
use tokio::io::AsyncReadExt;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

#[tokio::test]
async fn a_session_too_many_is_refused_until_one_ends() {
    let bridge = Bridge::configured("[limits]\nsessions = 1").await;
    let (_, second) = bridge.connect(&servers::demo()).await;
    let mut first = bridge.open(&servers::demo(), "").await;
    first.frame_of("initialized").await;
    let (status, answer) = bridge
        .post_connect(&json!({ "server_params": servers::demo() }))
        .await;
    assert_eq!(
        (status, &answer["error"]["code"]),
        (503, &json!("too_many_sessions"))
    );
    assert_eq!(bridge.get("/health/ready").await.0, 503);
    let mut refused = bridge.upgrade(&second, "").await.expect("the socket opens");
    let (frames, close) = refused.until_closed().await;
    assert_eq!(frames[0]["code"], "too_many_sessions");
    assert_eq!(close.map(|(code, _)| code), Some(4429));
    first.close().await;
    let mut third = None;
    let end = tokio::time::Instant::now() + Duration::from_secs(10);
    while third.is_none() && tokio::time::Instant::now() < end {
        let (status, answer) = bridge
            .post_connect(&json!({ "server_params": servers::demo() }))
            .await;
        third = (status == 200).then_some(answer);
    }
    assert!(third.is_some(), "the place is free again");
}

#[tokio::test]
async fn a_call_too_many_gets_an_error_and_the_others_go_on() {
    let bridge = Bridge::configured("[limits]\ncalls_in_flight = 2").await;
    let mut page = bridge.open(&servers::demo(), "").await;
    page.frame_of("initialized").await;
    let slow = json!({ "name": "long_task", "arguments": { "steps": 1, "delay_ms": 300 } });
    for id in 1..=3 {
        page.send(&json!({ "jsonrpc": "2.0", "id": id, "method": "tools/call", "params": slow }))
            .await;
    }
    assert_eq!(
        page.response(&json!(3)).await["error"]["data"]["code"],
        "too_many_in_flight"
    );
    for id in 1..=2 {
        assert!(page.response(&json!(id)).await["result"].is_object());
    }
    page.close().await;
}

#[tokio::test]
async fn a_server_that_never_becomes_ready_is_given_up() {
    let bridge = Bridge::configured("[limits]\nstart_timeout = 1").await;
    let mut page = bridge
        .open(
            &servers::shell("echo still downloading >&2; sleep 100"),
            "footbridge.v1",
        )
        .await;
    let (frames, close) = page.until_closed().await;
    let error = frames
        .iter()
        .find(|frame| frame["type"] == "error")
        .expect("an error frame");
    assert_eq!(error["code"], "upstream_start_timeout");
    assert_eq!(error["data"]["stderr"], "still downloading");
    assert_eq!(close.map(|(code, _)| code), Some(4502));
}

#[tokio::test]
async fn a_frame_over_the_limit_closes_with_1009() {
    let bridge = Bridge::configured("[limits]\nframe_bytes = 2048").await;
    for n_bytes in [2049, 100_000] {
        let mut page = bridge.open(&servers::demo(), "mcp").await;
        page.send_text(&"x".repeat(n_bytes)).await;
        assert_eq!(
            page.until_closed().await.1.map(|(code, _)| code),
            Some(1009),
            "{n_bytes}"
        );
    }
    let mut page = bridge.open(&servers::demo(), "").await;
    page.frame_of("initialized").await;
    let message = "y".repeat(1800);
    assert!(
        page.call_tool("echo", json!({ "message": message }))
            .await
            .to_string()
            .contains(&message)
    );
    page.close().await;
}

#[tokio::test]
async fn params_over_the_limit_are_refused_by_name() {
    let bridge = Bridge::configured("[limits]\nparams_bytes = 512\nkept_params_bytes = 0").await;
    let params = json!({ "type": "StdioServerParams", "command": "x", "args": ["y".repeat(600)] });
    let (status, answer) = bridge
        .post_connect(&json!({ "server_params": params }))
        .await;
    assert_eq!(
        (status, &answer["error"]["field"]),
        (413, &json!("server_params"))
    );
}

#[tokio::test]
async fn a_head_that_does_not_come_is_not_waited_for() {
    let bridge = Bridge::configured("[limits]\nhead_timeout = 0.3").await;
    let mut slow = TcpStream::connect(bridge.address())
        .await
        .expect("a connection");
    slow.write_all(b"GET / HTTP/1.1\r\nHost: 127")
        .await
        .expect("half a head");
    let mut rest = Vec::new();
    footbridge_tests::within("the end", slow.read_to_end(&mut rest))
        .await
        .expect("closed in order");
    assert_eq!(bridge.get("/health/live").await.0, 200);
}

#[tokio::test]
async fn connections_over_the_limit_wait_until_one_ends() {
    let bridge = Bridge::configured("[limits]\nconnections = 1\nhead_timeout = 30").await;
    let idle = TcpStream::connect(bridge.address())
        .await
        .expect("a connection");
    let mut waiting = TcpStream::connect(bridge.address())
        .await
        .expect("the kernel takes it");
    let host = bridge.address();
    let request = format!("GET /health/live HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
    waiting
        .write_all(request.as_bytes())
        .await
        .expect("written");
    let mut answer = [0; 12];
    let early = tokio::time::timeout(Duration::from_millis(300), waiting.read(&mut answer)).await;
    assert!(early.is_err(), "not served while the only place is taken");
    drop(idle);
    footbridge_tests::within("an answer", waiting.read_exact(&mut answer))
        .await
        .expect("served");
    assert_eq!(&answer, b"HTTP/1.1 200");
}
