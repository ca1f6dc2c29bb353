//! What becomes of calls and questions when another page takes a session up.

use super::*;

/// Like `managed`, with questions kept for the next page, up to so many bytes.
fn kept(n_bytes: usize, input: &str, expected: &str) {
    let limits = Limits::default();
    let mut bridge = Bridge::new("server", Some(profile()), &limits, &bounds(&limits));
    bridge.keep_asks(n_bytes);
    let mut effects = Vec::new();
    let ready = format!(
        "connected\nupstream {{\"jsonrpc\":\"2.0\",\"id\":1,\"error\":{{\"code\":-32601,\"message\":\"?\"}}}}\n{}",
        initialized()
    );
    for line in lines(&ready) {
        bridge.handle(event(line), Instant::now(), &mut effects);
    }
    effects.clear();
    for line in lines(input) {
        bridge.handle(event(line), Instant::now(), &mut effects);
    }
    let done: Vec<String> = effects.iter().map(shown).collect();
    assert_eq!(done, lines(expected), "\n{}\n", done.join("\n"));
}

#[test]
fn another_page_is_greeted_and_asked_again_and_the_calls_of_the_last_are_cancelled() {
    kept(
        1000,
        r#"
        browser {"jsonrpc":"2.0","id":"a","method":"tools/call"}
        upstream {"jsonrpc":"2.0","id":"q2","method":"sampling/createMessage","params":{"n":1E2}}
        upstream {"jsonrpc":"2.0","id":"q1","method":"roots/list"}
        wants-stderr true
        returned
        stderr line
        browser {"jsonrpc":"2.0","id":"a","method":"tools/list"}
        upstream {"jsonrpc":"2.0","id":3,"result":{"late":true}}
        upstream {"jsonrpc":"2.0","id":4,"result":{}}
        browser {"jsonrpc":"2.0","id":"q1","result":{"roots":[]}}
        returned
        "#,
        r#"
        upstream {"jsonrpc":"2.0","id":3,"method":"tools/call"}
        browser {"jsonrpc":"2.0","id":"q2","method":"sampling/createMessage","params":{"n":1E2}}
        browser {"jsonrpc":"2.0","id":"q1","method":"roots/list"}
        upstream {"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":3,"reason":"the page was left"}}
        state Ready
        initialized 2025-06-18
        browser {"jsonrpc":"2.0","id":"q2","method":"sampling/createMessage","params":{"n":1E2}}
        browser {"jsonrpc":"2.0","id":"q1","method":"roots/list"}
        upstream {"jsonrpc":"2.0","id":4,"method":"tools/list"}
        browser {"jsonrpc":"2.0","id":"a","result":{}}
        upstream {"jsonrpc":"2.0","id":"q1","result":{"roots":[]}}
        state Ready
        initialized 2025-06-18
        browser {"jsonrpc":"2.0","id":"q2","method":"sampling/createMessage","params":{"n":1E2}}
        "#,
    );
}

#[test]
fn a_question_too_long_to_be_kept_is_answered_for_the_page_that_is_gone() {
    kept(
        50,
        r#"
        upstream {"jsonrpc":"2.0","id":"long","method":"sampling/createMessage","params":{}}
        returned
        browser {"jsonrpc":"2.0","id":"long","result":{}}
        "#,
        r#"
        browser {"jsonrpc":"2.0","id":"long","method":"sampling/createMessage","params":{}}
        state Ready
        initialized 2025-06-18
        upstream {"jsonrpc":"2.0","id":"long","error":{"code":-31436,"data":{"code":"answer_timeout","side":"browser","source":"bridge"},"message":"The page that was asked is gone."}}
        "#,
    );
}

#[test]
fn what_waits_for_a_server_that_starts_is_dropped_with_its_page() {
    check_with(
        None,
        &Limits::default(),
        r#"
        browser {"jsonrpc":"2.0","id":1,"method":"old"}
        returned
        browser {"jsonrpc":"2.0","id":1,"method":"new"}
        connected
        "#,
        r#"
        state Starting
        upstream {"jsonrpc":"2.0","id":1,"method":"new"}
        "#,
    );
}
