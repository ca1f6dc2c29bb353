use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::path::PathBuf;
use std::time::Duration;

use footbridge_tests::Bridge;
use footbridge_tests::Page;
use footbridge_tests::root;
use footbridge_tests::servers;
use serde_json::Value;
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

#[tokio::test]
async fn one_caller_gets_its_sessions_and_is_told_of_one_more_until_one_ends() {
    let bridge = Bridge::configured("[limits]\nsessions_per_principal = 1").await;
    let (_, second) = bridge.connect(&servers::demo()).await;
    let mut first = bridge.open(&servers::demo(), "").await;
    first.frame_of("initialized").await;
    let body = json!({ "server_params": servers::demo() });
    let (status, answer) = bridge.post_connect(&body).await;
    assert_eq!(
        (status, &answer["error"]["code"]),
        (429, &json!("too_many_requests"))
    );
    let mut refused = bridge.upgrade(&second, "").await.expect("the socket opens");
    let (frames, close) = refused.until_closed().await;
    assert_eq!(frames[0]["code"], "too_many_requests");
    assert_eq!(close.map(|(code, _)| code), Some(4429));
    assert!(bridge.reached("sessions_per_principal").await >= 2);
    first.close().await;
    let end = tokio::time::Instant::now() + Duration::from_secs(30);
    while bridge.post_connect(&body).await.0 != 200 {
        assert!(tokio::time::Instant::now() < end, "the place is free again");
    }
}

/// The first line of the answer to a request of these bytes.
async fn raw(bridge: &Bridge, request: &str) -> String {
    let mut stream = TcpStream::connect(bridge.address())
        .await
        .expect("a connection");
    stream.write_all(request.as_bytes()).await.expect("written");
    let mut answer = Vec::new();
    // Closed in order or not: what counts is what was said before.
    let _ = footbridge_tests::within("the end", stream.read_to_end(&mut answer)).await;
    let answer = String::from_utf8_lossy(&answer);
    answer.lines().next().unwrap_or_default().to_owned()
}

#[tokio::test]
async fn a_request_may_have_so_many_headers_and_one_more_is_431_however_many_there_are() {
    let bridge = Bridge::configured("[limits]\nheaders = 16").await;
    let host = bridge.address();
    for (n_more, status) in [(14, 200), (15, 431), (40, 431), (500, 431)] {
        let more = "x-more: 1\r\n".repeat(n_more);
        let request =
            format!("GET /health/live HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n{more}\r\n");
        let line = raw(&bridge, &request).await;
        assert!(
            line.starts_with(&format!("HTTP/1.1 {status} ")),
            "{n_more}: {line}"
        );
    }
    assert!(bridge.reached("headers").await >= 1);
}

#[tokio::test]
async fn a_body_that_does_not_come_is_not_waited_for() {
    let bridge = Bridge::configured("[limits]\nbody_timeout = 0.3").await;
    let request = format!(
        "POST /api/mcp/ws/connect HTTP/1.1\r\nhost: {}\r\nauthorization: Bearer {}\r\n\
         content-type: application/json\r\ncontent-length: 100\r\nconnection: close\r\n\r\n{{",
        bridge.address(),
        footbridge_tests::TOKEN
    );
    let line = raw(&bridge, &request).await;
    assert!(line.starts_with("HTTP/1.1 408 "), "{line}");
    assert_eq!(bridge.reached("body_timeout").await, 1);
}

const ECHO: &str = r#"{"jsonrpc":"2.0","method":"fake/echo","id":"#;

#[tokio::test]
async fn a_page_that_sends_faster_than_it_may_is_slowed_down_and_hears_every_answer() {
    let bridge = Bridge::configured(
        "[limits]\nmessages_per_second = 40\nmessages_burst = 20\nflood_timeout = 30",
    )
    .await;
    let mut page = bridge.open(&servers::fake(), "mcp").await;
    for id in 0..60 {
        page.send_text(&format!("{ECHO}{id}}}")).await;
    }
    for id in 0..60 {
        let answer = page.response(&json!(id)).await;
        assert_eq!(answer.get("error"), None, "{answer}");
    }
    assert_eq!(bridge.reached("messages_burst").await, 1);
    assert_eq!(bridge.reached("flood_timeout").await, 0);
    page.close().await;
}

#[tokio::test]
async fn a_page_that_goes_on_sending_too_fast_is_closed_with_4429() {
    for (limits, n_bytes) in [
        ("messages_per_second = 10\nmessages_burst = 10", 10),
        ("bytes_per_second = 1024", 1000),
    ] {
        let bridge = Bridge::configured(&format!("[limits]\nflood_timeout = 1\n{limits}")).await;
        let mut page = bridge.open(&servers::fake(), "mcp").await;
        let padding = "x".repeat(n_bytes);
        for id in 0..100 {
            page.send_text(&format!("{ECHO}{id},\"params\":\"{padding}\"}}"))
                .await;
        }
        let close = page.until_closed().await.1;
        assert_eq!(close.map(|(code, _)| code), Some(4429), "{limits}");
        assert_eq!(bridge.reached("flood_timeout").await, 1);
    }
}

/// Arrays in arrays.
fn nested(depth: usize) -> String {
    format!("{}{}", "[".repeat(depth), "]".repeat(depth))
}

#[tokio::test]
async fn a_frame_of_64_levels_passes_and_a_deeper_one_gets_an_error_and_the_session_goes_on() {
    let bridge = Bridge::start().await;
    for subprotocol in ["footbridge.v1", "mcp", ""] {
        let mut page = bridge.open(&servers::fake(), subprotocol).await;
        for (depth, code) in [
            (64, Value::Null),
            (65, json!(-32600)),
            (100_000, json!(-32600)),
        ] {
            // The message is the first level.
            let params = nested(depth - 1);
            page.send_text(&format!("{ECHO}{depth},\"params\":{params}}}"))
                .await;
            let answer = page.response(&json!(depth)).await;
            assert_eq!(answer["error"]["code"], code, "{subprotocol} {depth}");
        }
        page.call("fake/echo", json!({})).await;
        page.close().await;
    }
    assert!(bridge.reached("json_depth").await >= 6);
}

#[tokio::test]
async fn a_servers_answer_of_64_levels_passes_and_a_deeper_one_becomes_an_error() {
    let bridge = Bridge::start().await;
    let mut page = bridge.open(&servers::fake(), "footbridge.v1").await;
    page.frame_of("initialized").await;
    for (depth, code) in [
        (64, Value::Null),
        (65, json!("upstream_too_large")),
        (100_000, json!("upstream_too_large")),
    ] {
        let result = nested(depth - 1);
        let lines = [
            // Nobody waits for it, so it is only left out.
            format!(
                r#"{{"jsonrpc":"2.0","method":"notifications/x","params":{}}}"#,
                nested(65)
            ),
            format!(r#"{{"jsonrpc":"2.0","id":$ID,"result":{result}}}"#),
        ];
        let answer = page.call("fake/say", json!({ "lines": lines })).await;
        assert_eq!(answer["error"]["data"]["code"], code, "{depth}");
    }
    assert!(
        !page
            .skipped()
            .any(|frame| frame["method"] == "notifications/x")
    );
    page.call("fake/echo", json!({})).await;
    page.close().await;
}

#[tokio::test]
async fn an_id_of_128_bytes_passes_and_a_longer_one_gets_an_error_and_the_session_goes_on() {
    let bridge = Bridge::start().await;
    for subprotocol in ["footbridge.v1", "mcp", ""] {
        let mut page = bridge.open(&servers::fake(), subprotocol).await;
        for (n_bytes, code) in [(128, Value::Null), (129, json!(-32600))] {
            let id = "i".repeat(n_bytes);
            page.send_text(&format!("{ECHO}\"{id}\"}}")).await;
            let answer = page.response(&json!(id)).await;
            assert_eq!(answer["error"]["code"], code, "{subprotocol} {n_bytes}");
        }
        page.call("fake/echo", json!({})).await;
        page.close().await;
    }
    assert_eq!(bridge.reached("id_bytes").await, 3);
}

#[tokio::test]
async fn a_flood_on_standard_error_is_shown_in_part_and_the_rest_is_counted_and_told() {
    let bridge = Bridge::configured("[limits]\nstderr_lines = 5").await;
    let mut page = bridge.open(&servers::fake(), "footbridge.v1").await;
    page.send(&json!({ "type": "stderr", "enabled": true }))
        .await;
    page.frame_of("initialized").await;
    let lines = vec!["a line"; 1000].join("\n");
    page.call("fake/complain", json!(lines)).await;
    let is_last = |frame: &Value| {
        let line = frame["line"].as_str().unwrap_or_default();
        frame["type"] == "stderr" && line.contains("were left out of standard error")
    };
    page.start("fake/exit", json!({ "code": 0 })).await;
    page.frame_where(is_last).await;
    let shown = page.skipped().filter(|frame| frame["line"] == "a line");
    // Four seconds' worth, and some more on a machine that took long.
    assert!((20..200).contains(&shown.count()));
    assert!(bridge.reached("stderr_lines").await >= 1);
}

/// A page whose server runs, and ends at nothing but SIGKILL.
async fn stubborn(bridge: &Bridge) -> Page {
    let script = "trap '' TERM; echo up >&2; while :; do sleep 1; done";
    let mut page = bridge.open(&servers::shell(script), "footbridge.v1").await;
    page.send(&json!({ "type": "stderr", "enabled": true }))
        .await;
    page.frame_of("stderr").await;
    page
}

#[tokio::test]
async fn a_server_that_ends_at_nothing_is_killed_after_both_waits() {
    let bridge = Bridge::configured("[limits]\nstop_stdin_wait = 0.2\nstop_term_wait = 0.2").await;
    stubborn(&bridge).await.close().await;
    let end = tokio::time::Instant::now() + Duration::from_secs(30);
    while bridge.reached("stop_term_wait").await == 0 {
        assert!(tokio::time::Instant::now() < end, "killed");
    }
    assert_eq!(bridge.reached("stop_stdin_wait").await, 1);
}

#[tokio::test]
async fn a_drain_does_not_wait_longer_than_it_may() {
    let bridge = Bridge::configured(
        "[limits]\ndrain_timeout = 0.2\nstop_stdin_wait = 20\nstop_term_wait = 20",
    )
    .await;
    let _page = stubborn(&bridge).await;
    assert_eq!(bridge.terminate().await, Some(1));
}

#[tokio::test]
async fn a_page_that_does_not_answer_the_close_is_cut() {
    let bridge = Bridge::configured("[limits]\nclose_timeout = 0.3").await;
    let (session_id, url) = bridge.connect(&servers::demo()).await;
    let mut page = bridge.upgrade(&url, "").await.expect("the socket opens");
    page.frame_of("initialized").await;
    // Nobody reads the page's end from here on, so nothing answers.
    let path = format!("/api/mcp/ws/{session_id}");
    let deleted = bridge.request(reqwest::Method::DELETE, &path).send().await;
    assert_eq!(
        deleted.map(|answer| answer.status().as_u16()).ok(),
        Some(200)
    );
    let end = tokio::time::Instant::now() + Duration::from_secs(30);
    while bridge.reached("close_timeout").await == 0 {
        assert!(tokio::time::Instant::now() < end, "cut");
    }
    page.cut();
}

/// Each limit and the test that meets it: the file, and the name.
const TESTS: &[(&str, &str, &str)] = &[
    (
        "connections",
        "tests/it/limits.rs",
        "connections_over_the_limit_wait_until_one_ends",
    ),
    (
        "connections_per_peer",
        "server/src/accept/tests.rs",
        "one_address_gets_its_connections_and_is_told_of_one_more",
    ),
    (
        "head_timeout",
        "tests/it/limits.rs",
        "a_head_that_does_not_come_is_not_waited_for",
    ),
    (
        "head_bytes",
        "server/src/gate/tests.rs",
        "a_head_may_have_just_so_many_bytes_and_lines",
    ),
    (
        "headers",
        "tests/it/limits.rs",
        "a_request_may_have_so_many_headers_and_one_more_is_431_however_many_there_are",
    ),
    (
        "body_bytes",
        "tests/it/connect.rs",
        "a_body_over_the_limit_is_refused_with_413",
    ),
    (
        "body_timeout",
        "tests/it/limits.rs",
        "a_body_that_does_not_come_is_not_waited_for",
    ),
    (
        "failed_auth_per_minute",
        "server/src/gate/tests.rs",
        "a_peer_that_guesses_waits_and_so_does_its_right_token",
    ),
    (
        "connects_per_minute",
        "server/src/gate/tests.rs",
        "a_session_too_many_in_a_short_time_is_refused_until_the_time_it_says",
    ),
    (
        "connects_burst",
        "server/src/gate/rates.rs",
        "a_principal_may_ask_for_a_burst_and_then_at_the_rate",
    ),
    (
        "rate_keys",
        "server/src/gate/rates.rs",
        "no_more_peers_are_remembered_than_may_be_and_old_ones_make_room",
    ),
    (
        "jwks_bytes",
        "tests/it/gate.rs",
        "a_document_of_keys_one_byte_too_large_is_not_read",
    ),
    (
        "jwks_timeout",
        "tests/it/gate.rs",
        "a_provider_that_does_not_answer_is_given_up_and_holds_nobody_up",
    ),
    (
        "jwks_pause",
        "tests/it/gate.rs",
        "keys_at_a_url_are_fetched_again_and_not_more_often_than_they_may",
    ),
    (
        "ticket_life",
        "server/src/tickets/tests.rs",
        "a_ticket_is_bound_to_session_params_origin_and_time",
    ),
    (
        "pending_tickets",
        "server/src/tickets/tests.rs",
        "tickets_that_nobody_uses_make_room_when_their_time_is_over",
    ),
    (
        "pending_tickets_per_principal",
        "server/src/tickets/tests.rs",
        "one_caller_cannot_take_the_room_of_all",
    ),
    (
        "used_tickets",
        "server/src/tickets/tests.rs",
        "a_foreign_ticket_that_cannot_be_remembered_is_not_taken",
    ),
    (
        "params_bytes",
        "tests/it/limits.rs",
        "params_over_the_limit_are_refused_by_name",
    ),
    (
        "socket_url_bytes",
        "server/src/tickets/tests.rs",
        "a_url_over_the_limit_is_refused_when_nothing_may_be_kept",
    ),
    (
        "kept_params_bytes",
        "server/src/tickets/tests.rs",
        "what_is_kept_is_bounded_and_freed_with_its_ticket",
    ),
    (
        "sessions",
        "tests/it/limits.rs",
        "a_session_too_many_is_refused_until_one_ends",
    ),
    (
        "sessions_per_principal",
        "tests/it/limits.rs",
        "one_caller_gets_its_sessions_and_is_told_of_one_more_until_one_ends",
    ),
    (
        "frame_bytes",
        "tests/it/limits.rs",
        "a_frame_over_the_limit_closes_with_1009",
    ),
    (
        "messages_per_second",
        "server/src/session/pace.rs",
        "the_rate_is_never_reached_by_one_who_keeps_to_it",
    ),
    (
        "messages_burst",
        "server/src/session/pace.rs",
        "a_burst_passes_and_one_message_more_waits_for_a_quarter_of_a_second",
    ),
    (
        "bytes_per_second",
        "server/src/session/pace.rs",
        "bytes_are_bounded_and_one_large_frame_passes_nevertheless",
    ),
    (
        "flood_timeout",
        "tests/it/limits.rs",
        "a_page_that_goes_on_sending_too_fast_is_closed_with_4429",
    ),
    (
        "json_depth",
        "tests/it/limits.rs",
        "a_frame_of_64_levels_passes_and_a_deeper_one_gets_an_error_and_the_session_goes_on",
    ),
    (
        "id_bytes",
        "tests/it/limits.rs",
        "an_id_of_128_bytes_passes_and_a_longer_one_gets_an_error_and_the_session_goes_on",
    ),
    (
        "calls_in_flight",
        "tests/it/limits.rs",
        "a_call_too_many_gets_an_error_and_the_others_go_on",
    ),
    (
        "asks_in_flight",
        "server/src/bridge/tests.rs",
        "a_server_that_asks_without_end_is_refused_at_the_bound_and_asks_again_after_an_answer",
    ),
    (
        "backlog_messages",
        "server/src/session/tests.rs",
        "a_browser_that_does_not_read_is_closed_after_the_stall_timeout",
    ),
    (
        "backlog_bytes",
        "tests/it/hostile.rs",
        "a_flood_at_a_page_that_does_not_read_costs_the_backlog_and_no_other_session_anything",
    ),
    (
        "stall_timeout",
        "server/src/session/tests.rs",
        "a_browser_that_does_not_read_is_closed_after_the_stall_timeout",
    ),
    (
        "resume_window",
        "tests/it/resume.rs",
        "a_session_without_a_browser_is_told_ended_by_request_and_over_after_the_window",
    ),
    (
        "resume_bytes",
        "server/src/session/tests/coming_back.rs",
        "the_server_is_not_read_when_no_more_can_be_kept_and_goes_on_when_the_browser_is_back",
    ),
    (
        "resume_bytes_total",
        "server/src/session/outgoing.rs",
        "all_sessions_together_keep_so_much_and_one_that_goes_over_it_forgets_its_own",
    ),
    (
        "upstream_queue",
        "server/src/session/tests.rs",
        "a_chatty_server_and_a_chatty_browser_do_not_block_each_other",
    ),
    (
        "upstream_message_bytes",
        "server/src/upstream/lines.rs",
        "a_line_of_exactly_the_limit_passes_and_one_byte_more_does_not",
    ),
    (
        "start_timeout",
        "tests/it/limits.rs",
        "a_server_that_never_becomes_ready_is_given_up",
    ),
    (
        "request_timeout",
        "server/src/bridge/tests.rs",
        "a_call_without_answer_or_progress_times_out_and_is_cancelled",
    ),
    (
        "request_timeout_max",
        "server/src/bridge/tests.rs",
        "progress_does_not_keep_a_call_beyond_its_longest_time",
    ),
    (
        "answer_timeout",
        "server/src/bridge/tests.rs",
        "a_request_of_the_server_that_nobody_answers_ends_in_an_error",
    ),
    (
        "probe_timeout",
        "server/src/bridge/tests/eras.rs",
        "a_probe_without_answer_is_no_proof",
    ),
    (
        "input_rounds",
        "server/src/bridge/tests/face.rs",
        "a_server_that_only_wants_patience_is_asked_again_at_once_then_later_and_not_for_ever",
    ),
    (
        "subscriptions",
        "server/src/bridge/tests/face.rs",
        "one_subscription_too_many_is_refused",
    ),
    (
        "pong_timeout",
        "server/src/session/tests.rs",
        "a_browser_that_answers_no_ping_is_given_up",
    ),
    (
        "idle_timeout",
        "server/src/session/tests.rs",
        "a_session_in_which_nothing_passes_is_closed",
    ),
    (
        "session_life",
        "server/src/session/tests.rs",
        "a_session_ends_when_its_life_does_whatever_passes",
    ),
    (
        "stderr_bytes",
        "server/src/bridge/stderr.rs",
        "as_many_bytes_as_the_limit_are_kept_and_one_more_drops_the_oldest_line",
    ),
    (
        "stderr_lines",
        "server/src/upstream/stderr/tests.rs",
        "four_seconds_worth_of_lines_is_shown_at_once_and_one_line_more_is_counted",
    ),
    (
        "children",
        "tests/it/processes.rs",
        "a_process_too_many_is_refused_until_one_ends",
    ),
    (
        "stop_stdin_wait",
        "tests/it/limits.rs",
        "a_server_that_ends_at_nothing_is_killed_after_both_waits",
    ),
    (
        "stop_term_wait",
        "tests/it/limits.rs",
        "a_server_that_ends_at_nothing_is_killed_after_both_waits",
    ),
    (
        "close_timeout",
        "tests/it/limits.rs",
        "a_page_that_does_not_answer_the_close_is_cut",
    ),
    (
        "drain_timeout",
        "tests/it/limits.rs",
        "a_drain_does_not_wait_longer_than_it_may",
    ),
    (
        "audit_queue",
        "server/src/audit/writer.rs",
        "a_full_disk_loses_only_what_finds_no_room_and_the_log_says_how_much",
    ),
    (
        "audit_refusals",
        "server/src/audit/tests.rs",
        "so_many_refusals_are_recorded_in_a_second_and_no_more",
    ),
];

/// Keys of `[limits]` that are never seen to be reached: the first say how often something is done, and the others are
/// held by the system, which tells the process that meets them and not the bridge.
const UNSEEN: &[&str] = &[
    "ping_interval",
    "no_auth_warning",
    "jwks_refresh",
    "child_open_files",
    "child_file_bytes",
    "child_user_processes",
    "child_processes",
    "child_memory_bytes",
    "child_cpu_percent",
];

fn sources(folder: &Path, into: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder").flatten() {
        let path = entry.path();
        if path.is_dir() {
            sources(&path, into);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            into.push(path);
        }
    }
}

#[test]
fn every_limit_is_counted_where_it_is_reached_and_has_a_test() {
    let table = fs::read_to_string(root().join("server/src/config/limits.rs")).expect("limits.rs");
    let table = table.split("\nlimits! {\n").nth(1).expect("the table");
    let table = table.split("\n}").next().expect("its rows");
    let keys: BTreeSet<&str> = table
        .lines()
        .filter_map(|line| Some(line.trim().split_once(':')?.0))
        .collect();
    let tested: BTreeSet<&str> = TESTS.iter().map(|(key, _, _)| *key).collect();
    let unseen: BTreeSet<&str> = UNSEEN.iter().copied().collect();
    assert!(keys.contains("connections"), "{keys:?}");
    assert_eq!(keys, &tested | &unseen, "each limit has its row above");
    assert_eq!(TESTS.len(), tested.len(), "each limit has one row");

    let mut paths = Vec::new();
    sources(&root().join("server/src"), &mut paths);
    // A file counts what it names, and only code counts: not the table, not a test.
    let counting: Vec<String> = paths
        .iter()
        .filter(|path| !path.ends_with("tests.rs") && !path.ends_with("config/limits.rs"))
        .map(|path| fs::read_to_string(path).expect("a source"))
        .map(|text| {
            text.split("#[cfg(test)]\nmod tests")
                .next()
                .unwrap_or_default()
                .to_owned()
        })
        .filter(|text| text.contains("meters::reached("))
        .collect();
    for (key, file, name) in TESTS {
        let literal = format!("\"{key}\"");
        assert!(
            counting.iter().any(|text| text.contains(&literal)),
            "meters::reached({literal}) is nowhere"
        );
        let text = fs::read_to_string(root().join(file)).expect(file);
        let is_test = text
            .split("fn ")
            .any(|after| after.starts_with(&format!("{name}(")));
        assert!(is_test, "{file} has no test {name}");
    }
}
