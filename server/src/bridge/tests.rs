//! Transcripts: lines in, lines out. `check` is the only place that knows the API.

mod ends;
mod eras;
mod face;

use std::time::Duration;

use serde_json::value::RawValue;

use super::*;

const LEGACY_RESULT: &str = r#"{"protocolVersion":"2025-06-18","capabilities":{"tools":{}},"serverInfo":{"name":"s","version":"1"},"more":1}"#;

fn profile() -> Profile {
    let raw = |json: &str| RawValue::from_string(json.to_owned()).unwrap();
    Profile {
        capabilities: raw(r#"{"roots":{}}"#),
        client_info: raw(r#"{"name":"c","version":"2"}"#),
    }
}

fn shown(effect: &Effect) -> String {
    match effect {
        Effect::ToUpstream(message) => format!("upstream {}", message.text()),
        Effect::ToBrowser(Outbound::Message(message)) => format!("browser {}", message.text()),
        Effect::ToBrowser(Outbound::State(state)) => format!("state {state:?}"),
        Effect::ToBrowser(Outbound::Initialized(greeting)) => {
            format!("initialized {}", greeting.protocol_version)
        }
        Effect::ToBrowser(Outbound::Stderr(line)) => format!("stderr {line}"),
        Effect::ToBrowser(Outbound::Withdrawn(id)) => format!("withdrawn {id}"),
        Effect::ToBrowser(Outbound::Resumable(_) | Outbound::Resumed { .. } | Outbound::Ack(_)) => {
            panic!("the session says that")
        }
        Effect::ToBrowser(Outbound::Draining) => "draining".to_owned(),
        Effect::ToBrowser(Outbound::Failed(failure)) => {
            format!(
                "failed {} {}",
                failure.fault.code.name(),
                failure.during_handshake
            )
        }
        Effect::Respawn => "respawn".to_owned(),
        Effect::Close(fault) => format!("close {}", fault.code.name()),
    }
}

fn event(line: &str) -> Event {
    let (kind, rest) = line.split_once(' ').unwrap_or((line, ""));
    match kind {
        "connected" => Event::Connected,
        "browser" => Event::Browser(Inbound::Message(Message::parse(rest).unwrap())),
        "upstream" => Event::Upstream(Message::parse(rest).unwrap()),
        "stderr" => Event::Stderr(rest.to_owned()),
        "wants-stderr" => Event::Browser(Inbound::Stderr(rest == "true")),
        "gone" => Event::Gone(Fault::new(FaultCode::UpstreamExited, "gone")),
        "forgotten" => Event::Forgotten((!rest.is_empty()).then(|| Message::parse(rest).unwrap())),
        "reconnected" => Event::Reconnected(Fault::new(FaultCode::UpstreamDropped, "dropped")),
        "failed" => {
            let (id, code) = rest.split_once(' ').unwrap();
            let code = FaultCode::ALL.iter().find(|known| known.name() == code);
            Event::Failed {
                id: Id::from_json(id).unwrap(),
                fault: Fault::new(*code.unwrap(), "failed"),
            }
        }
        "drain" => Event::Ended(Fault::new(FaultCode::ShuttingDown, "later")),
        "returned" => Event::Returned,
        "due" => Event::Due,
        other => panic!("unknown event {other}"),
    }
}

fn lines(text: &str) -> Vec<&str> {
    text.lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .collect()
}

fn bounds(limits: &Limits) -> Bounds {
    Bounds {
        ready_by: Instant::now() + limits.start_timeout,
        answer_timeout: Some(limits.answer_timeout),
        transport: Transport::Stdio,
        known: None,
        seed: 1,
    }
}

/// Plays `input` to a new bridge; `+N` lets N seconds pass. Compares what it does with `expected`.
fn check_with(profile: Option<Profile>, limits: &Limits, input: &str, expected: &str) {
    play(profile, limits, &bounds(limits), input, expected);
}

fn play(profile: Option<Profile>, limits: &Limits, bounds: &Bounds, input: &str, expected: &str) {
    let mut now = Instant::now();
    let mut bridge = Bridge::new("server", profile, limits, bounds);
    let mut effects = Vec::new();
    for line in lines(input) {
        match line.strip_prefix('+') {
            Some(seconds) => now += Duration::from_secs_f64(seconds.parse().unwrap()),
            None => bridge.handle(event(line), now, &mut effects),
        }
    }
    let done: Vec<String> = effects.iter().map(shown).collect();
    assert_eq!(done, lines(expected), "\n{}\n", done.join("\n"));
}

fn relaying(input: &str, expected: &str) {
    check_with(
        None,
        &Limits::default(),
        &format!("connected\n{input}"),
        expected,
    );
}

/// The probe of a server that may be of either era.
const PROBE: &str = r#"upstream {"jsonrpc":"2.0","id":1,"method":"server/discover","params":{"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{"roots":{}},"io.modelcontextprotocol/clientInfo":{"name":"c","version":"2"}}}}"#;

fn initialize(id: u64) -> String {
    format!(
        r#"upstream {{"jsonrpc":"2.0","id":{id},"method":"initialize","params":{{"protocolVersion":"2025-11-25","capabilities":{{"roots":{{}}}},"clientInfo":{{"name":"c","version":"2"}}}}}}"#
    )
}

/// With a server that does not know the probe.
fn managed(input: &str, expected: &str) {
    check_with(
        Some(profile()),
        &Limits::default(),
        &format!(
            "connected\nupstream {{\"jsonrpc\":\"2.0\",\"id\":1,\"error\":{{\"code\":-32601,\"message\":\"?\"}}}}\n{input}"
        ),
        &format!("{PROBE}\n{}\n{expected}", initialize(2)),
    );
}

const READY: &str = r#"
    upstream {"jsonrpc":"2.0","method":"notifications/initialized"}
    state Ready
    initialized 2025-06-18
"#;

fn initialized() -> String {
    format!(r#"upstream {{"jsonrpc":"2.0","id":2,"result":{LEGACY_RESULT}}}"#)
}

#[test]
fn a_call_gets_an_upstream_id_and_its_answer_the_browsers_again() {
    relaying(
        r#"
        browser {"jsonrpc":"2.0","id":"a","method":"tools/call","params":{"x":1E5}}
        upstream {"jsonrpc":"2.0","id":1,"result":{"y":null}}
        "#,
        r#"
        upstream {"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"x":1E5}}
        browser {"jsonrpc":"2.0","id":"a","result":{"y":null}}
        "#,
    );
}

#[test]
fn a_reused_id_is_refused_and_does_not_disturb_the_first() {
    relaying(
        r#"
        browser {"jsonrpc":"2.0","id":1,"method":"tools/list"}
        browser {"jsonrpc":"2.0","id":1,"method":"tools/call"}
        browser {"jsonrpc":"2.0","id":"1","method":"prompts/list"}
        upstream {"jsonrpc":"2.0","id":1,"result":{}}
        "#,
        r#"
        upstream {"jsonrpc":"2.0","id":1,"method":"tools/list"}
        browser {"jsonrpc":"2.0","id":1,"error":{"code":-31432,"data":{"code":"id_in_flight","hint":"Use a new id for each request.","side":"browser","source":"bridge"},"message":"A request with this id is still being answered."}}
        upstream {"jsonrpc":"2.0","id":2,"method":"prompts/list"}
        browser {"jsonrpc":"2.0","id":1,"result":{}}
        "#,
    );
}

#[test]
fn an_error_of_the_mcp_server_passes_unchanged() {
    relaying(
        r#"
        browser {"jsonrpc":"2.0","id":5,"method":"x"}
        upstream {"jsonrpc":"2.0","id":1,"error":{"message":"m","code":-32042,"data":[1],"more":2}}
        "#,
        r#"
        upstream {"jsonrpc":"2.0","id":1,"method":"x"}
        browser {"jsonrpc":"2.0","id":5,"error":{"message":"m","code":-32042,"data":[1],"more":2}}
        "#,
    );
}

#[test]
fn a_cancellation_names_the_id_that_the_server_knows_and_a_late_answer_is_dropped() {
    relaying(
        r#"
        browser {"jsonrpc":"2.0","id":"long","method":"tools/call"}
        browser {"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":"long","reason":"r"}}
        browser {"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":"long"}}
        upstream {"jsonrpc":"2.0","id":1,"result":{}}
        "#,
        r#"
        upstream {"jsonrpc":"2.0","id":1,"method":"tools/call"}
        upstream {"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1,"reason":"r"}}
        "#,
    );
}

#[test]
fn a_request_of_the_server_is_answered_once() {
    relaying(
        r#"
        upstream {"jsonrpc":"2.0","id":"s1","method":"elicitation/create","params":{}}
        browser {"jsonrpc":"2.0","id":"s1","result":{"action":"accept"}}
        browser {"jsonrpc":"2.0","id":"s1","result":{"action":"decline"}}
        "#,
        r#"
        browser {"jsonrpc":"2.0","id":"s1","method":"elicitation/create","params":{}}
        upstream {"jsonrpc":"2.0","id":"s1","result":{"action":"accept"}}
        "#,
    );
}

#[test]
fn a_request_of_the_server_that_nobody_answers_ends_in_an_error() {
    relaying(
        r#"
        upstream {"jsonrpc":"2.0","id":0,"method":"sampling/createMessage"}
        +60
        due
        browser {"jsonrpc":"2.0","id":0,"result":{}}
        "#,
        r#"
        browser {"jsonrpc":"2.0","id":0,"method":"sampling/createMessage"}
        upstream {"jsonrpc":"2.0","id":0,"error":{"code":-32603,"data":{"code":"answer_timeout","source":"bridge"},"message":"Nobody answered in time"}}
        withdrawn 0
        "#,
    );
}

#[test]
fn when_the_server_goes_every_call_gets_exactly_one_error() {
    relaying(
        r#"
        browser {"jsonrpc":"2.0","id":1,"method":"a"}
        browser {"jsonrpc":"2.0","id":2,"method":"b"}
        upstream {"jsonrpc":"2.0","id":2,"result":{}}
        gone
        gone
        browser {"jsonrpc":"2.0","id":3,"method":"c"}
        "#,
        r#"
        upstream {"jsonrpc":"2.0","id":1,"method":"a"}
        upstream {"jsonrpc":"2.0","id":2,"method":"b"}
        browser {"jsonrpc":"2.0","id":2,"result":{}}
        browser {"jsonrpc":"2.0","id":1,"error":{"code":-31524,"data":{"code":"upstream_exited","session":"ends","side":"upstream","source":"bridge"},"message":"gone"}}
        state Closing
        failed upstream_exited false
        close upstream_exited
        browser {"jsonrpc":"2.0","id":3,"error":{"code":-31437,"data":{"code":"session_ended","side":"browser","source":"bridge"},"message":"The session is ending."}}
        "#,
    );
}

#[test]
fn a_call_without_answer_or_progress_times_out_and_is_cancelled() {
    relaying(
        r#"
        browser {"jsonrpc":"2.0","id":1,"method":"a"}
        +500
        upstream {"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":1,"progress":1}}
        +500
        due
        +100
        due
        "#,
        r#"
        upstream {"jsonrpc":"2.0","id":1,"method":"a"}
        browser {"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":1,"progress":1}}
        upstream {"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1,"reason":"no answer in time"}}
        browser {"jsonrpc":"2.0","id":1,"error":{"code":-31525,"data":{"code":"upstream_timeout","hint":"The call may still have had an effect. Raise limits.request_timeout if it needs longer.","session":"goes_on","side":"upstream","source":"bridge"},"message":"The MCP server did not answer in time."}}
        "#,
    );
}

#[test]
fn progress_does_not_keep_a_call_beyond_its_longest_time() {
    let limits = Limits {
        request_timeout: Duration::from_secs(60),
        request_timeout_max: Duration::from_secs(100),
        ..Limits::default()
    };
    let progress = r#"{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":1,"progress":1}}"#;
    check_with(
        None,
        &limits,
        &format!(
            r#"
            connected
            browser {{"jsonrpc":"2.0","id":1,"method":"a"}}
            +50
            upstream {progress}
            +49
            due
            upstream {progress}
            +1
            due
            "#
        ),
        &format!(
            r#"
            upstream {{"jsonrpc":"2.0","id":1,"method":"a"}}
            browser {progress}
            browser {progress}
            upstream {{"jsonrpc":"2.0","method":"notifications/cancelled","params":{{"requestId":1,"reason":"no answer in time"}}}}
            browser {{"jsonrpc":"2.0","id":1,"error":{{"code":-31525,"data":{{"code":"upstream_timeout","hint":"The call may still have had an effect. Raise limits.request_timeout if it needs longer.","session":"goes_on","side":"upstream","source":"bridge"}},"message":"The MCP server did not answer in time."}}}}
            "#
        ),
    );
}

#[test]
fn what_comes_before_the_server_is_ready_waits_in_order() {
    managed(
        &format!(
            r#"
            browser {{"jsonrpc":"2.0","id":1,"method":"tools/list"}}
            upstream {{"jsonrpc":"2.0","id":9,"method":"ping"}}
            upstream {{"jsonrpc":"2.0","method":"notifications/message","params":{{}}}}
            {}
            "#,
            initialized()
        ),
        &format!(
            r#"
            upstream {{"jsonrpc":"2.0","id":9,"result":{{}}}}
            {READY}
            browser {{"jsonrpc":"2.0","method":"notifications/message","params":{{}}}}
            upstream {{"jsonrpc":"2.0","id":3,"method":"tools/list"}}
            "#
        ),
    );
}

#[test]
fn a_server_that_asks_without_end_is_refused_at_the_bound_and_asks_again_after_an_answer() {
    let limits = Limits {
        asks_in_flight: 2,
        ..Limits::default()
    };
    check_with(
        None,
        &limits,
        r#"
        connected
        upstream {"jsonrpc":"2.0","id":"a","method":"roots/list"}
        upstream {"jsonrpc":"2.0","id":"b","method":"roots/list"}
        upstream {"jsonrpc":"2.0","id":"c","method":"roots/list"}
        browser {"jsonrpc":"2.0","id":"a","result":{}}
        upstream {"jsonrpc":"2.0","id":"d","method":"roots/list"}
        "#,
        r#"
        browser {"jsonrpc":"2.0","id":"a","method":"roots/list"}
        browser {"jsonrpc":"2.0","id":"b","method":"roots/list"}
        upstream {"jsonrpc":"2.0","id":"c","error":{"code":-31433,"data":{"code":"too_many_in_flight","hint":"Wait for some of the answers.","side":"browser","source":"bridge"},"message":"The browser already has 2 requests of this server to answer."}}
        upstream {"jsonrpc":"2.0","id":"a","result":{}}
        browser {"jsonrpc":"2.0","id":"d","method":"roots/list"}
        "#,
    );
}

#[test]
fn a_server_that_uses_an_id_twice_at_once_is_asked_for_once() {
    relaying(
        r#"
        upstream {"jsonrpc":"2.0","id":1,"method":"roots/list"}
        upstream {"jsonrpc":"2.0","id":1,"method":"sampling/createMessage"}
        browser {"jsonrpc":"2.0","id":1,"result":{}}
        browser {"jsonrpc":"2.0","id":1,"result":{"again":true}}
        "#,
        r#"
        browser {"jsonrpc":"2.0","id":1,"method":"roots/list"}
        upstream {"jsonrpc":"2.0","id":1,"result":{}}
        "#,
    );
}

#[test]
fn a_browser_that_initializes_all_the_same_gets_the_servers_own_result() {
    managed(
        &format!(
            r#"
            {}
            browser {{"jsonrpc":"2.0","id":"i","method":"initialize","params":{{}}}}
            browser {{"jsonrpc":"2.0","method":"notifications/initialized"}}
            upstream {{"jsonrpc":"2.0","id":7,"method":"ping"}}
            "#,
            initialized()
        ),
        &format!(
            r#"
            {READY}
            browser {{"jsonrpc":"2.0","id":"i","result":{LEGACY_RESULT}}}
            upstream {{"jsonrpc":"2.0","id":7,"result":{{}}}}
            "#
        ),
    );
}

#[test]
fn a_server_that_refuses_the_handshake_ends_the_session_with_its_reason() {
    managed(
        r#"
        browser {"jsonrpc":"2.0","id":1,"method":"a"}
        upstream {"jsonrpc":"2.0","id":2,"error":{"code":1,"message":"not today"}}
        "#,
        r#"
        browser {"jsonrpc":"2.0","id":1,"error":{"code":-31523,"data":{"code":"upstream_refused","session":"ends","side":"upstream","source":"bridge"},"message":"The MCP server refused the handshake: not today"}}
        state Closing
        failed upstream_refused true
        close upstream_refused
        "#,
    );
}

#[test]
fn a_server_of_an_unknown_revision_is_refused() {
    managed(
        r#"upstream {"jsonrpc":"2.0","id":2,"result":{"protocolVersion":"1999-01-01","capabilities":{}}}"#,
        "state Closing\nfailed upstream_refused true\nclose upstream_refused",
    );
}

#[test]
fn a_server_that_never_answers_ends_the_session() {
    managed(
        "+60\ndue",
        "state Closing\nfailed upstream_start_timeout true\nclose upstream_start_timeout",
    );
}

#[test]
fn a_drain_says_so_before_it_closes() {
    relaying("drain", "state Closing\ndraining\nclose shutting_down");
}

#[test]
fn stderr_is_told_when_it_is_wanted_and_what_was_kept_comes_first() {
    relaying(
        "stderr one\nstderr two\nwants-stderr true\nstderr three\nwants-stderr false\nstderr four",
        "stderr one\nstderr two\nstderr three",
    );
}

#[test]
fn one_call_too_many_is_refused() {
    let limits = Limits {
        calls_in_flight: 1,
        ..Limits::default()
    };
    check_with(
        None,
        &limits,
        r#"
        connected
        browser {"jsonrpc":"2.0","id":1,"method":"a"}
        browser {"jsonrpc":"2.0","id":2,"method":"a"}
        "#,
        r#"
        upstream {"jsonrpc":"2.0","id":1,"method":"a"}
        browser {"jsonrpc":"2.0","id":2,"error":{"code":-31433,"data":{"code":"too_many_in_flight","hint":"Wait for some of them, or raise limits.calls_in_flight.","side":"browser","source":"bridge"},"message":"The session already has 1 requests in flight."}}
        "#,
    );
}

proptest::proptest! {
    /// Whatever the order of calls, answers, cancellations and time: no call gets two answers, and at the end every
    /// call that was not cancelled has had exactly one.
    #[test]
    fn every_call_is_answered_exactly_once(steps in proptest::collection::vec((0_u8..5, 0_u64..12), 0..120)) {
        let limits = Limits { calls_in_flight: 6, ..Limits::default() };
        let mut now = Instant::now();
        let bounds = Bounds { answer_timeout: None, ..bounds(&limits) };
        let mut bridge = Bridge::new("server", None, &limits, &bounds);
        let mut effects = Vec::new();
        bridge.handle(Event::Connected, now, &mut effects);
        let (mut open, mut cancelled) = (Vec::<u64>::new(), 0_usize);
        let mut sent = 0_usize;
        for (kind, n) in steps {
            match kind {
                0 | 1 => {
                    // Ids are the browser's to choose; a duplicate in flight is answered at once.
                    open.push(n);
                    sent += 1;
                    bridge.handle(event(&format!(r#"browser {{"jsonrpc":"2.0","id":{n},"method":"m"}}"#)), now, &mut effects);
                }
                2 => bridge.handle(event(&format!(r#"upstream {{"jsonrpc":"2.0","id":{n},"result":{{}}}}"#)), now, &mut effects),
                3 => {
                    let before = bridge.calls_in_flight();
                    bridge.handle(event(&format!(r#"browser {{"jsonrpc":"2.0","method":"notifications/cancelled","params":{{"requestId":{n}}}}}"#)), now, &mut effects);
                    cancelled += before - bridge.calls_in_flight();
                }
                _ => {
                    now += Duration::from_secs(n * 60);
                    bridge.handle(Event::Due, now, &mut effects);
                }
            }
        }
        bridge.handle(event("gone"), now, &mut effects);
        let answers = effects.iter().filter(|effect| matches!(effect, Effect::ToBrowser(Outbound::Message(Message::Response(_))))).count();
        proptest::prop_assert_eq!(answers + cancelled, sent);
    }
}
