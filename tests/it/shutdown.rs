use std::time::Duration;

use footbridge_tests::Bridge;
use footbridge_tests::Page;
use footbridge_tests::alive;
use footbridge_tests::descendants;
use footbridge_tests::eventually;
use footbridge_tests::servers;
use serde_json::Value;

/// How long whatever was started may take to be gone.
const GONE: Duration = Duration::from_secs(10);

/// A server that minds neither the end of its input nor SIGTERM, with a child and with one that left its session.
fn stubborn() -> Value {
    servers::shell(
        r#"trap '' TERM
        sleep 1000 & setsid sleep 1000 & setsid sh -c 'trap "" TERM; sleep 1000; sleep 1000' &
        read line; echo '{"jsonrpc":"2.0","id":1,"error":{"code":-32601,"message":"no such method"}}'
        read line; echo '{"jsonrpc":"2.0","id":2,"result":{"protocolVersion":"2025-11-25","capabilities":{},"serverInfo":{"name":"s","version":"1"}}}'
        while true; do sleep 1; done"#,
    )
}

/// A session with the stubborn server, and all its processes.
async fn family(bridge: &Bridge) -> (String, Page, Vec<u32>) {
    let (session_id, url) = bridge.connect(&stubborn()).await;
    let mut page = bridge.upgrade(&url, "").await.expect("the socket opens");
    page.frame_of("initialized").await;
    let pid = bridge.pid();
    let complete = eventually(GONE, || descendants(pid).len() >= 6).await;
    let family = descendants(pid);
    assert!(complete, "a supervisor, a shell and its four: {family:?}");
    (session_id, page, family)
}

async fn assert_gone(family: &[u32]) {
    let gone = eventually(GONE, || alive(family).is_empty()).await;
    assert!(gone, "still there: {:?} of {family:?}", alive(family));
}

#[tokio::test]
async fn nothing_is_left_when_the_socket_is_closed() {
    let bridge = Bridge::start().await;
    let (_, page, family) = family(&bridge).await;
    page.close().await;
    assert_gone(&family).await;
}

#[tokio::test]
async fn nothing_is_left_when_the_socket_is_cut() {
    let bridge = Bridge::start().await;
    let (_, page, family) = family(&bridge).await;
    page.cut();
    assert_gone(&family).await;
}

#[tokio::test]
async fn nothing_is_left_when_the_session_is_deleted() {
    let bridge = Bridge::start().await;
    let (session_id, mut page, family) = family(&bridge).await;
    let path = format!("/api/mcp/ws/{session_id}");
    let answer = bridge
        .request(reqwest::Method::DELETE, &path)
        .send()
        .await
        .expect("an answer");
    assert_eq!(answer.status().as_u16(), 200);
    assert_eq!(
        page.until_closed().await.1.map(|(code, _)| code),
        Some(1000)
    );
    assert_gone(&family).await;
}

#[tokio::test]
async fn nothing_is_left_when_the_bridge_is_terminated_and_the_page_is_told() {
    let bridge = Bridge::start().await;
    let (_, mut page, family) = family(&bridge).await;
    let (code, closed) = tokio::join!(bridge.terminate(), page.until_closed());
    assert_eq!(code, Some(0), "an orderly end");
    assert_eq!(closed.1.map(|(code, _)| code), Some(1012));
    assert_gone(&family).await;
}

#[tokio::test]
async fn nothing_is_left_when_the_bridge_is_killed() {
    let bridge = Bridge::start().await;
    let (_, _page, family) = family(&bridge).await;
    bridge.kill().await.expect("it ran");
    assert_gone(&family).await;
}

#[tokio::test]
async fn nothing_is_left_when_the_supervisor_is_killed_and_the_page_is_told() {
    let bridge = Bridge::start().await;
    let (_, mut page, family) = family(&bridge).await;
    let supervisor = family[0].to_string();
    let killed = std::process::Command::new("kill")
        .args(["-KILL", &supervisor])
        .status();
    assert!(killed.is_ok_and(|status| status.success()));
    assert_eq!(
        page.until_closed().await.1.map(|(code, _)| code),
        Some(4502)
    );
    // What made itself a daemon is then out of anybody's reach; the server itself is not.
    let server = [family[0], family[1]];
    assert_gone(&server).await;
    for pid in alive(&family) {
        let _ = std::process::Command::new("kill")
            .args(["-KILL", &pid.to_string()])
            .status();
    }
}
