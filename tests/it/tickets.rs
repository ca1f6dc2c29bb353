use std::fs;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use base64::engine::general_purpose::URL_SAFE;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use footbridge_tests::Bridge;
use footbridge_tests::Page;
use footbridge_tests::Scratch;
use footbridge_tests::TOKEN;
use footbridge_tests::eventually;
use footbridge_tests::servers;
use serde_json::Value;
use serde_json::json;

use crate::connect::error_of;
use crate::connect::query;

const KEY: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
const OTHER_KEY: &str = "IB8eHRwbGhkYFxYVFBMSERAPDg0MCwoJCAcGBQQDAgE=";
const PATIENCE: Duration = Duration::from_secs(20);

/// A bridge whose callers bring the usual token, with these flags besides.
async fn bridge(flags: &[&str]) -> Bridge {
    let mut all = vec!["--token", TOKEN];
    all.extend(flags);
    Bridge::with(&all, Some(TOKEN)).await
}

/// What a socket that gets no session is told: the error frame and the close code.
async fn refusal(bridge: &Bridge, url: &str) -> (Value, u16) {
    let mut page = bridge.upgrade(url, "").await.expect("told on the socket");
    let (frames, close) = page.until_closed().await;
    let frame = frames.first().expect("an error frame").clone();
    (frame, close.expect("a close code").0)
}

async fn assert_invalid(bridge: &Bridge, url: &str) {
    let (frame, code) = refusal(bridge, url).await;
    assert_eq!((code, &frame["code"]), (4004, &json!("ticket_invalid")));
}

async fn assert_opens(bridge: &Bridge, url: &str) -> Page {
    let mut page = bridge.upgrade(url, "").await.expect("the socket opens");
    assert_eq!(page.frame().await["type"], "initialized");
    page
}

/// A secret that makes params too long for a URL.
fn long_env() -> Value {
    let mut params = servers::fake();
    params["env"] = json!({ "KEY": "s3cret".repeat(1300) });
    params
}

#[tokio::test]
async fn a_bridge_with_the_same_keys_opens_a_ticket_and_others_do_not() {
    let folder = Scratch::new();
    let keys = folder.write("keys", KEY);
    let more = folder.write("more", &format!("{KEY}\n{OTHER_KEY}\n"));
    let issuer = bridge(&["--ticket-keys", &keys, "--node", "258"]).await;
    let peer = bridge(&["--ticket-keys", &more, "--node=3"]).await;
    let (id, url) = issuer.connect(&servers::fake()).await;
    assert!(id.starts_with("0102"), "{id}");
    let elsewhere = [
        bridge(&[]).await,
        bridge(&["--ticket-keys", &keys, "--deployment", "staging"]).await,
    ];
    for other in &elsewhere {
        assert_invalid(other, &url).await;
    }
    assert_opens(&peer, &url).await.close().await;
    assert_invalid(&peer, &url).await;
}

#[tokio::test]
async fn a_key_that_leaves_the_file_opens_nothing_more_and_a_bad_edit_changes_nothing() {
    let folder = Scratch::new();
    let file = folder.write("keys", KEY);
    let bridge = bridge(&["--ticket-keys", &file]).await;
    let (_, url) = bridge.connect(&servers::fake()).await;
    fs::write(&file, "s3cret that is no key").expect("the file can be written");
    let kept = || bridge.log().contains("the ticket keys stay as they were");
    assert!(eventually(PATIENCE, kept).await, "{}", bridge.log());
    assert!(!bridge.log().contains("s3cret"), "{}", bridge.log());
    assert_opens(&bridge, &url).await.close().await;

    let (_, url) = bridge.connect(&servers::fake()).await;
    fs::write(&file, OTHER_KEY).expect("the file can be written");
    let read = || bridge.log().contains("ticket keys read again");
    assert!(eventually(PATIENCE, read).await, "{}", bridge.log());
    // It is told a moment before it is done.
    let (_, new) = bridge.connect(&servers::fake()).await;
    assert_invalid(&bridge, &url).await;
    assert_opens(&bridge, &new).await.close().await;
}

#[tokio::test]
async fn a_ticket_gives_no_more_than_is_permitted_where_and_when_it_is_opened() {
    let folder = Scratch::new();
    let keys = folder.write("keys", KEY);
    let entry = json!({ "mcpServers": { "tools": { "command": servers::fake_program() } } });
    let catalogue = folder.write("servers.json", &entry.to_string());
    let before = bridge(&["--ticket-keys", &keys, "--servers", &catalogue]).await;
    let named = json!({ "type": "named", "server": "tools" });
    let (_, url) = before.connect(&named).await;
    let (_, other) = before.connect(&named).await;
    before.terminate().await;
    fs::write(&catalogue, r#"{"mcpServers": {}}"#).expect("the file can be written");
    let without = bridge(&["--ticket-keys", &keys, "--servers", &catalogue]).await;
    let (frame, code) = refusal(&without, &url).await;
    assert_eq!((code, &frame["code"]), (4004, &json!("ticket_invalid")));
    // The same ticket where the server is offered: the refusals have not used it up.
    fs::write(&catalogue, entry.to_string()).expect("the file can be written");
    let after = bridge(&["--ticket-keys", &keys, "--servers", &catalogue]).await;
    assert_opens(&after, &url).await.close().await;
    assert_opens(&after, &other).await.close().await;
    assert_invalid(&after, &url).await;
}

#[tokio::test]
async fn params_that_are_too_long_for_a_url_open_their_session_all_the_same() {
    for mode in ["signed", "sealed"] {
        let bridge = bridge(&["--params-in-url", mode]).await;
        let (_, url) = bridge.connect(&long_env()).await;
        assert!(url.len() < 1000, "{url}");
        if mode == "signed" {
            let shown = STANDARD.decode(query(&url, "server_params"));
            let shown: Value = serde_json::from_slice(&shown.expect("base64")).expect("JSON");
            let program = servers::fake_program();
            let expected = json!({ "type": "StdioServerParams", "command": program, "kept": true });
            assert_eq!(shown, expected);
        }
        let mut page = assert_opens(&bridge, &url).await;
        let environment = page.call("fake/environment", json!({})).await;
        assert_eq!(environment["result"]["KEY"], "s3cret".repeat(1300));
        page.close().await;
        assert_invalid(&bridge, &url).await;
    }
}

#[tokio::test]
async fn params_that_are_kept_open_only_at_the_bridge_that_keeps_them() {
    let folder = Scratch::new();
    let keys = folder.write("keys", KEY);
    let issuer = bridge(&["--ticket-keys", &keys]).await;
    let peer = bridge(&["--ticket-keys", &keys]).await;
    let (_, url) = issuer.connect(&long_env()).await;
    assert_invalid(&peer, &url).await;
    assert_opens(&issuer, &url).await.close().await;
}

#[tokio::test]
async fn a_url_that_was_spelled_anew_on_the_way_opens_its_session() {
    let bridge = bridge(&[]).await;
    let mut params = servers::fake();
    // Its base64 has characters in which the two alphabets differ.
    params["args"] = json!(["ÿþ?>ÿþ?>~~~???", "1"]);
    for spell in [
        |json: &[u8]| STANDARD.encode(json),
        |json: &[u8]| STANDARD_NO_PAD.encode(json),
        |json: &[u8]| URL_SAFE.encode(json),
        |json: &[u8]| URL_SAFE_NO_PAD.encode(json).replace('-', "%2d"),
    ] {
        let (id, url) = bridge.connect(&params).await;
        let shown = STANDARD.decode(query(&url, "server_params"));
        let spelled = spell(&shown.expect("base64"));
        let ticket = query(&url, "ticket");
        let url = format!("/api/mcp/ws/{id}?ticket={ticket}&server_params={spelled}");
        assert_opens(&bridge, &url).await.close().await;
    }
}

#[tokio::test]
async fn a_secret_in_an_argument_is_warned_of_in_the_answer_and_not_repeated() {
    let mut params = servers::fake();
    params["args"] = json!(["--verbose", "--api-key=abc-s3cret"]);
    let body = json!({ "server_params": params });
    let readable = bridge(&[]).await;
    let (status, answer) = readable.post_connect(&body).await;
    assert_eq!(status, 200, "{answer}");
    let warnings = answer["warnings"].to_string();
    assert!(warnings.contains("server_params.args[1]"), "{answer}");
    assert!(!warnings.contains("s3cret"), "{answer}");
    assert!(readable.log().contains("args[1]"), "{}", readable.log());
    assert!(!readable.log().contains("s3cret"), "{}", readable.log());
    let (_, answer) = bridge(&["--params-in-url", "sealed"])
        .await
        .post_connect(&body)
        .await;
    assert_eq!(answer["warnings"], Value::Null);
    let plain = json!({ "server_params": servers::fake() });
    let (_, answer) = readable.post_connect(&plain).await;
    assert_eq!(answer["warnings"], Value::Null);
}

#[tokio::test]
async fn one_caller_may_leave_only_so_many_tickets_pending() {
    let bridge = Bridge::configured("[limits]\npending_tickets_per_principal = 2").await;
    let body = json!({ "server_params": servers::fake() });
    let (_, first) = bridge.connect(&servers::fake()).await;
    bridge.connect(&servers::fake()).await;
    let response = bridge
        .request(reqwest::Method::POST, "/api/mcp/ws/connect")
        .json(&body)
        .send()
        .await
        .expect("an answer");
    assert_eq!(response.status().as_u16(), 429);
    assert!(response.headers().contains_key("retry-after"));
    let answer = response.json().await.expect("JSON");
    assert_eq!(error_of(&answer)["code"], "too_many_requests");
    assert_opens(&bridge, &first).await.close().await;
    bridge.connect(&servers::fake()).await;
}

#[tokio::test]
async fn a_file_of_keys_that_others_can_read_is_warned_of() {
    use std::os::unix::fs::PermissionsExt;
    let folder = Scratch::new();
    let file = folder.write("keys", KEY);
    for (mode, is_warned) in [(0o644, true), (0o600, false)] {
        fs::set_permissions(&file, fs::Permissions::from_mode(mode)).expect("it is ours");
        let bridge = bridge(&["--ticket-keys", &file]).await;
        // The warning comes before the first line, but on another pipe.
        let _ = bridge.connect(&servers::fake()).await;
        let warned = || {
            bridge
                .log()
                .contains("Other users of this machine can read the keys")
        };
        assert_eq!(eventually(Duration::from_secs(1), warned).await, is_warned);
        assert!(!bridge.log().contains(&KEY[..8]), "{}", bridge.log());
    }
}
