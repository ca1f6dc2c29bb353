//! Transcripts of handshakes: which era a server is taken for.

use super::*;

const DISCOVERED: &str = r#"{"supportedVersions":["2026-07-28"],"capabilities":{"tools":{}},"instructions":"i","_meta":{"io.modelcontextprotocol/serverInfo":{"name":"m","version":"1"}}}"#;

fn modern_is_ready() -> &'static str {
    "state Ready\ninitialized 2026-07-28"
}

fn first(input: &str, expected: &str) {
    check_with(
        Some(profile()),
        &Limits::default(),
        &format!("connected\n{input}"),
        &format!("{PROBE}\n{expected}"),
    );
}

fn over_http(input: &str, expected: &str) {
    let limits = Limits::default();
    let bounds = Bounds {
        transport: Transport::Http,
        ..bounds(&limits)
    };
    play(
        Some(profile()),
        &limits,
        &bounds,
        &format!("connected\n{input}"),
        &format!("{PROBE}\n{expected}"),
    );
}

#[test]
fn a_server_that_can_be_discovered_is_modern() {
    first(
        &format!(r#"upstream {{"jsonrpc":"2.0","id":1,"result":{DISCOVERED}}}"#),
        modern_is_ready(),
    );
}

#[test]
fn every_other_answer_to_the_probe_means_initialize() {
    for answer in [
        r#"{"jsonrpc":"2.0","id":1,"error":{"code":-32601,"message":"?"}}"#,
        r#"{"jsonrpc":"2.0","id":1,"error":{"code":-32602,"message":"?"}}"#,
        r#"{"jsonrpc":"2.0","id":null,"error":{"code":-32600,"message":"?"}}"#,
        r#"{"jsonrpc":"2.0","id":1,"error":{"code":-32022,"message":"?","data":{"supported":["2025-11-25"]}}}"#,
        r#"{"jsonrpc":"2.0","id":1,"result":{"supportedVersions":["2025-11-25"],"capabilities":{}}}"#,
        r#"{"jsonrpc":"2.0","id":1,"result":{}}"#,
    ] {
        first(&format!("upstream {answer}"), &initialize(2));
    }
}

#[test]
fn a_server_that_wants_another_version_first_is_asked_once_more() {
    let refusal = |id| {
        format!(
            r#"upstream {{"jsonrpc":"2.0","id":{id},"error":{{"code":-32022,"message":"?","data":{{"supported":["2026-07-28"]}}}}}}"#
        )
    };
    let again = PROBE.replace(r#""id":1"#, r#""id":2"#);
    first(
        &format!("{}\n{}", refusal(1), refusal(2)),
        &format!("{again}\n{}", initialize(3)),
    );
}

#[test]
fn a_probe_without_answer_is_no_proof() {
    // The server of 2024 that never answers what it does not know.
    first(
        "+5\ndue\nupstream {\"jsonrpc\":\"2.0\",\"id\":2,\"result\":{\"protocolVersion\":\"2024-11-05\",\"capabilities\":{}}}",
        &format!(
            "{}\nupstream {{\"jsonrpc\":\"2.0\",\"method\":\"notifications/initialized\"}}\nstate Ready\ninitialized 2024-11-05",
            initialize(2)
        ),
    );
    // One that was slow to start, and knows only the stateless revision.
    let refusal = r#"upstream {"jsonrpc":"2.0","id":2,"error":{"code":-32601,"message":"?"}}"#;
    let late = format!(r#"upstream {{"jsonrpc":"2.0","id":1,"result":{DISCOVERED}}}"#);
    let expected = format!("{}\n{}", initialize(2), modern_is_ready());
    first(&format!("+5\ndue\n{late}\n{refusal}"), &expected);
    first(&format!("+5\ndue\n{refusal}\n{late}"), &expected);
}

#[test]
fn a_failure_that_may_come_from_the_era_means_initialize_and_any_other_is_told() {
    for code in [
        "upstream_not_found",
        "upstream_rejected",
        "upstream_not_mcp",
    ] {
        over_http(&format!("failed 1 {code}"), &initialize(2));
    }
    for code in [
        "upstream_dns",
        "upstream_unauthorized",
        "upstream_server_error",
        "upstream_timeout",
    ] {
        over_http(
            &format!("failed 1 {code}"),
            &format!("state Closing\nfailed {code} true\nclose {code}"),
        );
    }
}

#[test]
fn a_server_that_ends_at_the_probe_is_started_again_once() {
    first(
        "gone\nconnected\ngone",
        &format!(
            "respawn\n{}\nstate Closing\nfailed upstream_exited true\nclose upstream_exited",
            initialize(2)
        ),
    );
}

#[test]
fn a_known_era_is_not_asked_for_unless_it_has_changed() {
    let limits = Limits::default();
    let known = Bounds {
        known: Some(Verdict::Legacy),
        ..bounds(&limits)
    };
    let probe = PROBE.replace(r#""id":1"#, r#""id":2"#);
    play(
        Some(profile()),
        &limits,
        &known,
        &format!(
            "connected\nupstream {{\"jsonrpc\":\"2.0\",\"id\":1,\"error\":{{\"code\":-32601,\"message\":\"?\"}}}}\nupstream {{\"jsonrpc\":\"2.0\",\"id\":2,\"result\":{DISCOVERED}}}"
        ),
        &format!("{}\n{probe}\n{}", initialize(1), modern_is_ready()),
    );
    let sse = Bounds {
        transport: Transport::Sse,
        ..bounds(&limits)
    };
    play(Some(profile()), &limits, &sse, "connected", &initialize(1));
}

const HELLO: &str = r#"browser {"jsonrpc":"2.0","id":"i","method":"initialize","params":{"protocolVersion":"2025-06-18","capabilities":{"roots":{}},"clientInfo":{"name":"c","version":"2"}}}"#;
const HELLO_UP: &str = r#"upstream {"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-06-18","capabilities":{"roots":{}},"clientInfo":{"name":"c","version":"2"}}}"#;
const REFUSED: &str = r#"{"jsonrpc":"2.0","id":1,"error":{"code":-32022,"message":"only 2026"}}"#;

#[test]
fn a_browser_of_the_sessions_is_rescued_on_a_stateless_server() {
    let probe = PROBE.replace(r#""id":1"#, r#""id":2"#);
    for refusal in [
        format!("upstream {REFUSED}"),
        "failed 1 upstream_not_found".to_owned(),
    ] {
        relaying(
            &format!(
                "{HELLO}\n{refusal}\nupstream {{\"jsonrpc\":\"2.0\",\"id\":2,\"result\":{DISCOVERED}}}"
            ),
            &format!(
                "{HELLO_UP}\n{probe}\nbrowser {{\"jsonrpc\":\"2.0\",\"id\":\"i\",\"result\":{{\"protocolVersion\":\"2025-06-18\",\"capabilities\":{{\"tools\":{{}}}},\"serverInfo\":{{\"name\":\"m\",\"version\":\"1\"}},\"instructions\":\"i\"}}}}"
            ),
        );
    }
}

#[test]
fn a_refusal_of_a_server_that_is_not_stateless_either_stands() {
    let probe = PROBE.replace(r#""id":1"#, r#""id":2"#);
    relaying(
        &format!(
            "{HELLO}\nupstream {REFUSED}\nupstream {{\"jsonrpc\":\"2.0\",\"id\":2,\"error\":{{\"code\":-32601,\"message\":\"?\"}}}}"
        ),
        &format!(
            "{HELLO_UP}\n{probe}\nbrowser {}",
            REFUSED.replace(r#""id":1"#, r#""id":"i""#)
        ),
    );
}

#[test]
fn a_server_that_forgot_is_greeted_and_reminded_and_the_call_sent_once_more() {
    let call = r#"{"jsonrpc":"2.0","id":5,"method":"tools/call"}"#;
    managed(
        &format!(
            r#"
            {}
            browser {{"jsonrpc":"2.0","id":1,"method":"logging/setLevel","params":{{"level":"info"}}}}
            browser {{"jsonrpc":"2.0","id":2,"method":"resources/subscribe","params":{{"uri":"a"}}}}
            browser {{"jsonrpc":"2.0","id":3,"method":"tools/call"}}
            forgotten {call}
            upstream {{"jsonrpc":"2.0","id":6,"result":{LEGACY_RESULT}}}
            upstream {{"jsonrpc":"2.0","id":7,"result":{{}}}}
            upstream {{"jsonrpc":"2.0","id":5,"result":{{"ok":1}}}}
            "#,
            initialized()
        ),
        &format!(
            r#"
            {READY}
            upstream {{"jsonrpc":"2.0","id":3,"method":"logging/setLevel","params":{{"level":"info"}}}}
            upstream {{"jsonrpc":"2.0","id":4,"method":"resources/subscribe","params":{{"uri":"a"}}}}
            upstream {call}
            {}
            state Starting
            {READY}
            upstream {{"jsonrpc":"2.0","id":7,"method":"logging/setLevel","params":{{"level":"info"}}}}
            upstream {{"jsonrpc":"2.0","id":8,"method":"resources/subscribe","params":{{"uri":"a"}}}}
            upstream {call}
            browser {{"jsonrpc":"2.0","id":3,"result":{{"ok":1}}}}
            "#,
            initialize(6)
        ),
    );
}

#[test]
fn a_connection_that_was_made_anew_loses_the_calls_and_keeps_the_session() {
    managed(
        &format!(
            "{}\nbrowser {{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"a\"}}\nreconnected\nupstream {{\"jsonrpc\":\"2.0\",\"id\":4,\"result\":{LEGACY_RESULT}}}",
            initialized()
        ),
        &format!(
            "{READY}\nupstream {{\"jsonrpc\":\"2.0\",\"id\":3,\"method\":\"a\"}}\nbrowser {{\"jsonrpc\":\"2.0\",\"id\":1,\"error\":{{\"code\":-31536,\"data\":{{\"code\":\"upstream_dropped\",\"session\":\"goes_on\",\"side\":\"upstream\",\"source\":\"bridge\"}},\"message\":\"dropped\"}}}}\n{}\nstate Starting\n{READY}",
            initialize(4)
        ),
    );
}
