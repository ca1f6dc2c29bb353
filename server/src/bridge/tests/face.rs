//! Transcripts of the façade. `$M` stands for the members that make a request stand alone.

use super::*;

const META: &str = r#""io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{"roots":{}},"io.modelcontextprotocol/clientInfo":{"name":"c","version":"2"}"#;

/// Plays to a server of the stateless revision with these capabilities, from when it is ready.
fn facing(capabilities: &str, input: &str, expected: &str) {
    let discovered = format!(
        r#"upstream {{"jsonrpc":"2.0","id":1,"result":{{"supportedVersions":["2026-07-28"],"capabilities":{capabilities}}}}}"#
    );
    check_with(
        Some(profile()),
        &Limits {
            input_rounds: 2,
            ..Limits::default()
        },
        &format!("connected\n{discovered}\n{}", input.replace("$M", META)),
        &format!(
            "{PROBE}\nstate Ready\ninitialized 2026-07-28\n{}",
            expected.replace("$M", META)
        ),
    );
}

#[test]
fn requests_stand_alone_and_keep_what_the_browser_said() {
    facing(
        "{}",
        r#"
        browser {"jsonrpc":"2.0","id":1,"method":"tools/list"}
        browser {"jsonrpc":"2.0","id":2,"method":"logging/setLevel","params":{"level":"info"}}
        browser {"x":1, "jsonrpc":"2.0","id":3,"method":"a","params":{"n":1E5,"_meta":{"progressToken":7,"io.modelcontextprotocol/protocolVersion":"x"}}}
        browser {"jsonrpc":"2.0","id":4,"method":"ping"}
        browser {"jsonrpc":"2.0","method":"notifications/initialized"}
        browser {"jsonrpc":"2.0","method":"notifications/roots/list_changed"}
        "#,
        r#"
        upstream {"jsonrpc":"2.0","id":2,"method":"tools/list","params":{"_meta":{$M}}}
        browser {"jsonrpc":"2.0","id":2,"result":{}}
        upstream {"x":1, "jsonrpc":"2.0","id":3,"method":"a","params":{"n":1E5,"_meta":{"progressToken":7,"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{"roots":{}},"io.modelcontextprotocol/clientInfo":{"name":"c","version":"2"},"io.modelcontextprotocol/logLevel":"info"}}}
        browser {"jsonrpc":"2.0","id":4,"result":{}}
        "#,
    );
}

const CALL: &str =
    r#"browser {"jsonrpc":"2.0","id":"b","method":"tools/call","params":{"name":"t"}}"#;
const CALL_UP: &str =
    r#"upstream {"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"t","_meta":{$M}}}"#;
const ASKS: &str = r#"upstream {"jsonrpc":"2.0","id":2,"result":{"resultType":"input_required","inputRequests":{"e":{"method":"elicitation/create","params":{"message":"?"}},"r":{"method":"roots/list"}},"requestState":"s\u0031"}}"#;
const ASKED: &str = r#"
    browser {"jsonrpc":"2.0","id":"footbridge/input/1","method":"elicitation/create","params":{"message":"?"}}
    browser {"jsonrpc":"2.0","id":"footbridge/input/2","method":"roots/list"}
"#;

#[test]
fn what_a_server_asks_inside_its_answer_becomes_requests_and_the_call_goes_on() {
    facing(
        "{}",
        &format!(
            r#"
            {CALL}
            {ASKS}
            browser {{"jsonrpc":"2.0","id":"b","method":"x"}}
            browser {{"jsonrpc":"2.0","id":"footbridge/input/2","result":{{"roots":[]}}}}
            +30
            due
            browser {{"jsonrpc":"2.0","id":"footbridge/input/1","result":{{"action":"accept","n":1.0}}}}
            upstream {{"jsonrpc":"2.0","id":3,"result":{{"content":[]}}}}
            "#
        ),
        &format!(
            r#"
            {CALL_UP}
            {ASKED}
            browser {{"jsonrpc":"2.0","id":"b","error":{{"code":-31432,"data":{{"code":"id_in_flight","hint":"Use a new id for each request.","side":"browser","source":"bridge"}},"message":"A request with this id is still being answered."}}}}
            upstream {{"jsonrpc":"2.0","id":3,"method":"tools/call","params":{{"name":"t","inputResponses":{{"e":{{"action":"accept","n":1.0}},"r":{{"roots":[]}}}},"requestState":"s\u0031","_meta":{{$M}}}}}}
            browser {{"jsonrpc":"2.0","id":"b","result":{{"content":[]}}}}
            "#
        ),
    );
}

#[test]
fn a_refused_elicitation_is_a_cancelled_one_and_any_other_refusal_ends_the_call() {
    let refuse = |n: u8| {
        format!(
            r#"browser {{"jsonrpc":"2.0","id":"footbridge/input/{n}","error":{{"code":-1,"message":"no"}}}}"#
        )
    };
    facing(
        "{}",
        &format!("{CALL}\n{ASKS}\n{}\n{}", refuse(1), refuse(2)),
        &format!(
            "{CALL_UP}\n{ASKED}\nbrowser {{\"jsonrpc\":\"2.0\",\"id\":\"b\",\"error\":{{\"code\":-1,\"message\":\"no\"}}}}"
        ),
    );
    facing(
        "{}",
        &format!(
            "{CALL}\n{ASKS}\n{}\nbrowser {{\"jsonrpc\":\"2.0\",\"id\":\"footbridge/input/2\",\"result\":{{}}}}",
            refuse(1)
        ),
        &format!(
            "{CALL_UP}\n{ASKED}\nupstream {{\"jsonrpc\":\"2.0\",\"id\":3,\"method\":\"tools/call\",\"params\":{{\"name\":\"t\",\"inputResponses\":{{\"e\":{{\"action\":\"cancel\"}},\"r\":{{}}}},\"requestState\":\"s\\u0031\",\"_meta\":{{$M}}}}}}"
        ),
    );
}

#[test]
fn a_call_that_is_cancelled_while_it_waits_withdraws_what_was_asked() {
    facing(
        "{}",
        &format!(
            "{CALL}\n{ASKS}\nbrowser {{\"jsonrpc\":\"2.0\",\"method\":\"notifications/cancelled\",\"params\":{{\"requestId\":\"b\"}}}}\nbrowser {{\"jsonrpc\":\"2.0\",\"id\":\"footbridge/input/1\",\"result\":{{}}}}"
        ),
        &format!(
            "{CALL_UP}\n{ASKED}\n{}\n{}",
            r#"browser {"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":"footbridge/input/1","reason":"the call is over"}}"#,
            r#"browser {"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":"footbridge/input/2","reason":"the call is over"}}"#,
        ),
    );
}

#[test]
fn a_server_that_only_wants_patience_is_asked_again_at_once_then_later_and_not_for_ever() {
    let state = |id: u8| {
        format!(
            r#"upstream {{"jsonrpc":"2.0","id":{id},"result":{{"resultType":"input_required","requestState":"{id}"}}}}"#
        )
    };
    let again = |id: u8, state: u8| {
        format!(
            r#"upstream {{"jsonrpc":"2.0","id":{id},"method":"tools/call","params":{{"name":"t","requestState":"{state}","_meta":{{$M}}}}}}"#
        )
    };
    facing(
        "{}",
        &format!(
            "{CALL}\n{}\n{}\n+0.1\ndue\n{}",
            state(2),
            state(3),
            state(4)
        ),
        &format!(
            "{CALL_UP}\n{}\n{}\n{}",
            again(3, 2),
            again(4, 3),
            r#"browser {"jsonrpc":"2.0","id":"b","error":{"code":-31538,"data":{"code":"upstream_asks_too_often","hint":"Raise limits.input_rounds if that is right.","session":"goes_on","side":"upstream","source":"bridge"},"message":"The MCP server asked for further input more than 2 times during one call."}}"#,
        ),
    );
}

#[test]
fn what_only_speaks_of_input_is_a_result_like_any_other() {
    for result in [
        r#"{"text":"input_required"}"#,
        r#"{"resultType":"input_required"}"#,
        r#"{"resultType":"task","x":"input_required"}"#,
    ] {
        facing(
            "{}",
            &format!("{CALL}\nupstream {{\"jsonrpc\":\"2.0\",\"id\":2,\"result\":{result}}}"),
            &format!("{CALL_UP}\nbrowser {{\"jsonrpc\":\"2.0\",\"id\":\"b\",\"result\":{result}}}"),
        );
    }
}

const LISTS: &str = r#"{"tools":{"listChanged":true},"resources":{"subscribe":true}}"#;
const LISTEN: &str = r#"upstream {"jsonrpc":"2.0","id":2,"method":"subscriptions/listen","params":{"notifications":{"toolsListChanged":true},"_meta":{$M}}}"#;

fn of(id: u8, method: &str, more: &str) -> String {
    format!(
        r#"upstream {{"jsonrpc":"2.0","method":"notifications/{method}","params":{{{more}"_meta":{{"io.modelcontextprotocol/subscriptionId":{id}}}}}}}"#
    )
}

#[test]
fn changes_are_listened_for_and_a_subscription_makes_a_new_stream_before_the_old_one_ends() {
    facing(
        LISTS,
        &format!(
            "{}\n{}\n{}\n{}\n{}\n{}\n{}\n{}",
            of(
                2,
                "subscriptions/acknowledged",
                r#""notifications":{"toolsListChanged":true},"#
            ),
            of(2, "tools/list_changed", ""),
            r#"browser {"jsonrpc":"2.0","id":1,"method":"resources/subscribe","params":{"uri":"a:\/b"}}"#,
            r#"browser {"jsonrpc":"2.0","id":2,"method":"resources/subscribe","params":{"uri":"c"}}"#,
            of(
                3,
                "subscriptions/acknowledged",
                r#""notifications":{"resourceSubscriptions":["a:/b"]},"#
            ),
            of(2, "resources/updated", r#""uri":"old","#),
            of(
                4,
                "subscriptions/acknowledged",
                r#""notifications":{"resourceSubscriptions":["a:/b"]},"#
            ),
            of(4, "resources/updated", r#""uri":"a:/b","#)
        ),
        &format!(
            "{LISTEN}\n{}\n{}\n{}\n{}\n{}\n{}\n{}\n{}",
            r#"browser {"jsonrpc":"2.0","method":"notifications/tools/list_changed","params":{}}"#,
            r#"upstream {"jsonrpc":"2.0","id":3,"method":"subscriptions/listen","params":{"notifications":{"toolsListChanged":true,"resourceSubscriptions":["a:/b"]},"_meta":{$M}}}"#,
            r#"browser {"jsonrpc":"2.0","id":1,"result":{}}"#,
            r#"upstream {"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":2,"reason":"replaced"}}"#,
            r#"upstream {"jsonrpc":"2.0","id":4,"method":"subscriptions/listen","params":{"notifications":{"toolsListChanged":true,"resourceSubscriptions":["a:/b","c"]},"_meta":{$M}}}"#,
            r#"browser {"jsonrpc":"2.0","id":2,"error":{"code":-31523,"data":{"code":"upstream_refused","session":"goes_on","side":"upstream","source":"bridge"},"message":"The MCP server does not let this resource be subscribed to."}}"#,
            r#"upstream {"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":3,"reason":"replaced"}}"#,
            r#"browser {"jsonrpc":"2.0","method":"notifications/resources/updated","params":{"uri":"a:/b"}}"#,
        ),
    );
}

#[test]
fn one_subscription_too_many_is_refused() {
    let limits = Limits {
        subscriptions: 1,
        ..Limits::default()
    };
    let discovered = format!(
        r#"upstream {{"jsonrpc":"2.0","id":1,"result":{{"supportedVersions":["2026-07-28"],"capabilities":{LISTS}}}}}"#
    );
    let input = format!(
        "{}\n{}\n{}",
        of(
            2,
            "subscriptions/acknowledged",
            r#""notifications":{"toolsListChanged":true},"#
        ),
        r#"browser {"jsonrpc":"2.0","id":1,"method":"resources/subscribe","params":{"uri":"a"}}"#,
        r#"browser {"jsonrpc":"2.0","id":2,"method":"resources/subscribe","params":{"uri":"b"}}"#,
    );
    let expected = r#"
        upstream {"jsonrpc":"2.0","id":3,"method":"subscriptions/listen","params":{"notifications":{"toolsListChanged":true,"resourceSubscriptions":["a"]},"_meta":{$M}}}
        browser {"jsonrpc":"2.0","id":2,"error":{"code":-31433,"data":{"code":"too_many_in_flight","hint":"Unsubscribe from some, or raise limits.subscriptions.","side":"browser","source":"bridge"},"message":"The session already has 1 subscriptions."}}
    "#;
    check_with(
        Some(profile()),
        &limits,
        &format!("connected\n{discovered}\n{input}"),
        &format!("{PROBE}\nstate Ready\ninitialized 2026-07-28\n{LISTEN}\n{expected}")
            .replace("$M", META),
    );
}

#[test]
fn what_a_tool_may_change_before_the_first_stream_is_heard_is_told() {
    facing(
        LISTS,
        &format!(
            "{}\n{}",
            r#"browser {"jsonrpc":"2.0","id":1,"method":"tools/call","params":{}}"#,
            of(
                2,
                "subscriptions/acknowledged",
                r#""notifications":{"toolsListChanged":true},"#
            )
        ),
        &format!(
            "{LISTEN}\n{}\n{}",
            r#"upstream {"jsonrpc":"2.0","id":3,"method":"tools/call","params":{"_meta":{$M}}}"#,
            r#"browser {"jsonrpc":"2.0","method":"notifications/tools/list_changed"}"#
        ),
    );
}

#[test]
fn a_stream_that_ends_is_opened_again_and_what_may_have_been_missed_is_told() {
    let acknowledged = |id| {
        of(
            id,
            "subscriptions/acknowledged",
            r#""notifications":{"toolsListChanged":true},"#,
        )
    };
    for end in [
        r#"upstream {"jsonrpc":"2.0","id":2,"result":{}}"#,
        r#"upstream {"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":2}}"#,
        "failed 2 upstream_dropped",
    ] {
        facing(
            LISTS,
            &format!("{}\n{end}\n+1\ndue\n{}", acknowledged(2), acknowledged(3)),
            &format!(
                "{LISTEN}\n{}\n{}",
                LISTEN.replace(r#""id":2"#, r#""id":3"#),
                r#"browser {"jsonrpc":"2.0","method":"notifications/tools/list_changed"}"#
            ),
        );
    }
}

#[test]
fn a_server_without_subscriptions_says_so_itself() {
    let error = r#"{"code":-32601,"message":"none here"}"#;
    facing(
        LISTS,
        &format!(
            "upstream {{\"jsonrpc\":\"2.0\",\"id\":2,\"error\":{error}}}\nbrowser {{\"jsonrpc\":\"2.0\",\"id\":9,\"method\":\"resources/subscribe\",\"params\":{{\"uri\":\"a\"}}}}"
        ),
        &format!("{LISTEN}\nbrowser {{\"jsonrpc\":\"2.0\",\"id\":9,\"error\":{error}}}"),
    );
}

proptest::proptest! {
    /// Whatever is called, asked, answered, cancelled, refused, lost and however time passes: at the end every call
    /// that was not cancelled has had exactly one answer.
    #[test]
    fn every_call_through_the_face_is_answered_exactly_once(steps in proptest::collection::vec((0_u8..8, 0_u64..14), 0..150)) {
        let limits = Limits { calls_in_flight: 6, input_rounds: 3, ..Limits::default() };
        let mut now = Instant::now();
        let mut bridge = Bridge::new("server", Some(profile()), &limits, &bounds(&limits));
        let mut effects = Vec::new();
        bridge.handle(Event::Connected, now, &mut effects);
        bridge.handle(event(r#"upstream {"jsonrpc":"2.0","id":1,"result":{"supportedVersions":["2026-07-28"],"capabilities":{}}}"#), now, &mut effects);
        let (mut sent, mut cancelled) = (0, 0);
        for (kind, n) in steps {
            match kind {
                0 | 1 => {
                    sent += 1;
                    bridge.handle(event(&format!(r#"browser {{"jsonrpc":"2.0","id":{n},"method":"tools/call","params":{{}}}}"#)), now, &mut effects);
                }
                2 => bridge.handle(event(&format!(r#"upstream {{"jsonrpc":"2.0","id":{n},"result":{{}}}}"#)), now, &mut effects),
                3 => bridge.handle(event(&format!(r#"upstream {{"jsonrpc":"2.0","id":{n},"result":{{"resultType":"input_required","inputRequests":{{"a":{{"method":"sampling/createMessage"}},"b":{{"method":"elicitation/create"}}}}}}}}"#)), now, &mut effects),
                4 => bridge.handle(event(&format!(r#"upstream {{"jsonrpc":"2.0","id":{n},"result":{{"resultType":"input_required","requestState":"s"}}}}"#)), now, &mut effects),
                5 => {
                    let outcome = if n % 3 == 0 { r#""error":{"code":1,"message":"no"}"# } else { r#""result":{}"# };
                    bridge.handle(event(&format!(r#"browser {{"jsonrpc":"2.0","id":"footbridge/input/{n}",{outcome}}}"#)), now, &mut effects);
                }
                6 => {
                    let before = bridge.calls_in_flight();
                    bridge.handle(event(&format!(r#"browser {{"jsonrpc":"2.0","method":"notifications/cancelled","params":{{"requestId":{n}}}}}"#)), now, &mut effects);
                    cancelled += before - bridge.calls_in_flight();
                }
                _ => {
                    now += Duration::from_secs(n * 20);
                    bridge.handle(Event::Due, now, &mut effects);
                    bridge.handle(event(&format!("failed {n} upstream_dropped")), now, &mut effects);
                }
            }
        }
        bridge.handle(event("gone"), now, &mut effects);
        let answers = effects.iter().filter(|effect| matches!(effect, Effect::ToBrowser(Outbound::Message(Message::Response(_))))).count();
        proptest::prop_assert_eq!(answers + cancelled, sent);
    }
}
