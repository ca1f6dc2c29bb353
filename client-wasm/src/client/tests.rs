//! The client as a conversation: what happens, then what it asks for.

use super::*;
use crate::effect::Request;

/// Runs a script of events against a session that is open, and compares the effects.
///
/// Events: `bridge FRAME`, `request METHOD [PARAMS]`, `watch METHOD [PARAMS]` (wants progress),
/// `timed MS METHOD [PARAMS]`, `cancel ID`, `notify METHOD [PARAMS]`, `answer N JSON`,
/// `throw N CODE MESSAGE`, `expire ready|closed|ack|…|ID`, `gone CODE [REASON]`, `close`,
/// `stderr on|off`, `answers METHOD`, `opened`, `unusable`, `offline`, `online`, `woke`.
#[track_caller]
fn check(script: &str, expected: &str) {
    let mut client = opened();
    client.frame(r#"{"type":"initialized","session_id":"s"}"#);
    client.take_effects();
    run(&mut client, script, expected);
}

/// The same, from the moment the socket opens.
#[track_caller]
fn check_start(script: &str, expected: &str) {
    run(&mut opened(), script, expected);
}

fn opened() -> Client {
    let mut client = Client::new();
    client.answer_method("roots/list", true);
    client.open(Duration::from_millis(90_000), false, None);
    client.opened();
    client.take_effects();
    client
}

#[track_caller]
fn run(client: &mut Client, script: &str, expected: &str) {
    for line in lines(script) {
        event(client, line);
    }
    let effects: Vec<String> = client.take_effects().iter().map(spelled).collect();
    assert_eq!(effects, lines(expected).collect::<Vec<_>>());
}

fn lines(text: &str) -> impl Iterator<Item = &str> {
    text.lines().map(str::trim).filter(|line| !line.is_empty())
}

fn event(client: &mut Client, line: &str) {
    let (verb, rest) = line.split_once(' ').unwrap_or((line, ""));
    let (first, second) = rest.split_once(' ').unwrap_or((rest, ""));
    let params = Some(second)
        .filter(|text| !text.is_empty())
        .map(str::to_owned);
    let ask = |method: &str, params, timeout, progress| Request {
        method: method.to_owned(),
        params,
        timeout,
        progress,
    };
    match verb {
        "bridge" => client.frame(rest),
        "request" => _ = client.request(ask(first, params, None, false)),
        "watch" => _ = client.request(ask(first, params, None, true)),
        "timed" => {
            let timeout = Duration::from_millis(first.parse().unwrap());
            _ = client.request(ask(second, None, Some(timeout), false));
        }
        "cancel" => client.cancel(first.parse().unwrap()),
        "notify" => {
            if let Err(fault) = client.notify(first, params.as_deref()) {
                client
                    .effects
                    .push(Effect::Stderr(format!("refused: {}", fault.message)));
            }
        }
        "answer" => client.answer(first.parse().unwrap(), Ok(second)),
        "throw" => {
            let (code, message) = second.split_once(' ').unwrap();
            client.answer(
                first.parse().unwrap(),
                Err((code.parse().unwrap(), message)),
            );
        }
        "expire" => client.expired(match first {
            "ready" => Timer::Ready,
            "closed" => Timer::Closed,
            "ack" => Timer::Ack,
            "silence" => Timer::Silence,
            "pong" => Timer::Pong,
            "retry" => Timer::Retry,
            "try" => Timer::Try,
            "window" => Timer::Window,
            "steady" => Timer::Steady,
            id => Timer::Call(id.parse().unwrap()),
        }),
        "gone" => client.socket_closed(first.parse().unwrap(), second.to_owned()),
        "close" => client.close(),
        "opened" => client.opened(),
        "offline" => client.network(false),
        "online" => client.network(true),
        "woke" => client.woke(),
        "unusable" => client.unusable(Fault::misuse("no such socket")),
        "stderr" => client.want_stderr(first == "on"),
        "answers" => client.answer_method(first, true),
        _ => panic!("no such event: {line}"),
    }
}

fn spelled(effect: &Effect) -> String {
    match effect {
        Effect::Send(text) => format!("send {text}"),
        Effect::Begin => "begin".to_owned(),
        Effect::Connect(query) => format!("connect {query}"),
        Effect::Abandon => "abandon".to_owned(),
        Effect::CloseAbandoned => "close abandoned".to_owned(),
        Effect::Pass { token, taken_up } => format!("pass {token} {taken_up}"),
        Effect::State(state, None) => format!("state {}", state.name()),
        Effect::State(state, Some(reason)) => format!("state {} {reason}", state.name()),
        Effect::Ready(frame) => format!("ready {frame}"),
        Effect::Resolve { call, result } => format!("resolve {call} {result}"),
        Effect::Reject { call, fault } => format!("reject {call} {}", fault.to_json()),
        Effect::Progress { call, params } => format!("progress {call} {params}"),
        Effect::Ask {
            ask,
            method,
            params,
        } => format!("ask {ask} {method} {params}"),
        Effect::Withdraw { ask } => format!("withdraw {ask}"),
        Effect::Notification { method, params } => format!("notification {method} {params}"),
        Effect::Stderr(line) => format!("stderr {line}"),
        Effect::StartTimer(timer, after) => format!("start {timer:?} {}", after.as_millis()),
        Effect::StopTimer(timer) => format!("stop {timer:?}"),
        Effect::CloseSocket => "close".to_owned(),
        Effect::Closed {
            code,
            reason,
            fault,
        } => {
            let fault = fault
                .as_ref()
                .map_or("fine".into(), |fault| fault.code.clone());
            format!("closed {code} {reason:?} {fault}")
        }
    }
}

#[test]
fn a_session_begins_by_saying_so_and_watching_the_clock() {
    let mut client = Client::new();
    client.open(Duration::from_millis(90_000), true, None);
    assert!(client.wants_socket());
    assert!(client.methods().is_empty());
    run(
        &mut client,
        "",
        "state connecting\nstart Ready 90000\nbegin",
    );
}

#[test]
fn a_session_is_ready_when_the_bridge_has_said_what_with() {
    check_start(
        r#"
        bridge {"type":"state","state":"starting"}
        bridge {"type":"state","state":"ready"}
        bridge {"type":"initialized","session_id":"s"}
        bridge {"type":"state","state":"ready"}
        "#,
        r#"
        stop Ready
        ready {"type":"initialized","session_id":"s"}
        state ready
        "#,
    );
}

#[test]
fn answers_find_their_calls_in_any_order_and_only_once() {
    check(
        r#"
        request tools/list
        request tools/call {"name":"echo","n":1.50}
        bridge {"jsonrpc":"2.0","id":2,"result":{"n":1.50}}
        bridge {"jsonrpc":"2.0","id":1,"error":{"code":-32601,"message":"no"}}
        bridge {"jsonrpc":"2.0","id":1,"result":{}}
        bridge {"jsonrpc":"2.0","id":99,"result":{}}
        "#,
        r#"
        send {"jsonrpc":"2.0","id":1,"method":"tools/list"}
        send {"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"echo","n":1.50}}
        resolve 2 {"n":1.50}
        reject 1 {"message":"no","code":"server_error","side":"server","rpcCode":-32601}
        "#,
    );
}

#[test]
fn progress_reaches_the_call_that_asked_for_it_and_no_listener() {
    check(
        r#"
        watch tools/call {"_meta":{"trace":"t"}}
        bridge {"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":1,"progress":0.5}}
        bridge {"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":"1","progress":1}}
        "#,
        r#"
        send {"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"_meta":{"progressToken":1,"trace":"t"}}}
        progress 1 {"progressToken":1,"progress":0.5}
        notification notifications/progress {"progressToken":"1","progress":1}
        "#,
    );
}

#[test]
fn a_token_of_the_callers_own_is_kept_and_followed() {
    check(
        r#"
        watch x {"_meta":{"progressToken":"mine"}}
        bridge {"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":"mine","progress":1}}
        "#,
        r#"
        send {"jsonrpc":"2.0","id":1,"method":"x","params":{"_meta":{"progressToken":"mine"}}}
        progress 1 {"progressToken":"mine","progress":1}
        "#,
    );
}

#[test]
fn an_aborted_call_is_withdrawn_from_the_server_and_its_late_answer_dropped() {
    check(
        r#"
        request tools/call
        cancel 1
        cancel 1
        bridge {"jsonrpc":"2.0","id":1,"result":{}}
        "#,
        r#"
        send {"jsonrpc":"2.0","id":1,"method":"tools/call"}
        send {"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1,"reason":"tools/call was aborted"}}
        reject 1 {"message":"tools/call was aborted","code":"aborted","side":"browser"}
        "#,
    );
}

#[test]
fn a_slow_call_lives_as_long_as_it_makes_progress() {
    check(
        r#"
        timed 50 tools/call
        bridge {"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":1,"progress":1}}
        expire 1
        expire 1
        "#,
        r#"
        send {"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"_meta":{"progressToken":1}}}
        start Call(1) 50
        start Call(1) 50
        notification notifications/progress {"progressToken":1,"progress":1}
        send {"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1,"reason":"tools/call had no answer or progress within 50 ms"}}
        stop Call(1)
        reject 1 {"message":"tools/call had no answer or progress within 50 ms","code":"timeout","side":"browser"}
        "#,
    );
}

#[test]
fn the_handshake_is_never_cancelled_on_the_wire() {
    check(
        "
        request initialize {}
        cancel 1
        ",
        r#"
        send {"jsonrpc":"2.0","id":1,"method":"initialize","params":{}}
        reject 1 {"message":"initialize was aborted","code":"aborted","side":"browser"}
        "#,
    );
}

#[test]
fn params_that_are_no_object_are_refused_before_they_travel() {
    check(
        r"
        request x [1]
        notify x 7
        ",
        r#"
        reject 1 {"message":"params must be an object","code":"bad_request","side":"browser"}
        stderr refused: params must be an object
        "#,
    );
}

#[test]
fn what_the_server_asks_is_answered_under_its_own_id() {
    check(
        r#"
        bridge {"jsonrpc":"2.0","id":"a\"1","method":"roots/list"}
        bridge {"jsonrpc":"2.0","id":7,"method":"roots/list","params":{"_meta":{}}}
        bridge {"jsonrpc":"2.0","id":8,"method":"roots/list"}
        answer 2 {"roots":[]}
        throw 1 -32603 it broke
        answer 3 7
        answer 3 {}
        "#,
        r#"
        ask 1 roots/list {}
        ask 2 roots/list {"_meta":{}}
        ask 3 roots/list {}
        send {"jsonrpc":"2.0","id":7,"result":{"roots":[]}}
        send {"jsonrpc":"2.0","id":"a\"1","error":{"code":-32603,"message":"it broke"}}
        send {"jsonrpc":"2.0","id":8,"error":{"code":-32603,"message":"the handler for roots/list gave no object as its result"}}
        "#,
    );
}

#[test]
fn what_nobody_answers_is_refused_and_a_ping_is_not() {
    check(
        r#"
        bridge {"jsonrpc":"2.0","id":1,"method":"sampling/createMessage","params":{}}
        bridge {"jsonrpc":"2.0","id":2,"method":"ping"}
        answers sampling/createMessage
        bridge {"jsonrpc":"2.0","id":3,"method":"sampling/createMessage"}
        "#,
        r#"
        send {"jsonrpc":"2.0","id":1,"error":{"code":-32601,"message":"this page does not answer sampling/createMessage"}}
        send {"jsonrpc":"2.0","id":2,"result":{}}
        ask 1 sampling/createMessage {}
        "#,
    );
}

#[test]
fn a_request_that_the_server_withdraws_gets_no_answer() {
    check(
        r#"
        bridge {"jsonrpc":"2.0","id":"5","method":"roots/list"}
        bridge {"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":5}}
        bridge {"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":"5"}}
        answer 1 {"roots":[]}
        "#,
        r#"
        ask 1 roots/list {}
        notification notifications/cancelled {"requestId":5}
        withdraw 1
        notification notifications/cancelled {"requestId":"5"}
        "#,
    );
}

#[test]
fn a_lost_socket_rejects_every_call_once() {
    check(
        r#"
        request a
        timed 9 b
        bridge {"jsonrpc":"2.0","id":"q","method":"roots/list"}
        gone 1006
        gone 1006
        bridge {"jsonrpc":"2.0","id":1,"result":{}}
        expire 2
        request c
        "#,
        r#"
        send {"jsonrpc":"2.0","id":1,"method":"a"}
        send {"jsonrpc":"2.0","id":2,"method":"b","params":{"_meta":{"progressToken":2}}}
        start Call(2) 9
        ask 3 roots/list {}
        stop Ready
        reject 1 {"message":"the socket was lost, or the bridge refused it (close code 1006)","code":"socket_closed","side":"bridge","data":{"may_have_run":true,"close_code":1006,"reason":""}}
        stop Call(2)
        reject 2 {"message":"the socket was lost, or the bridge refused it (close code 1006)","code":"socket_closed","side":"bridge","data":{"may_have_run":true,"close_code":1006,"reason":""}}
        withdraw 3
        state closed socket_closed
        closed 1006 "" socket_closed
        reject 4 {"message":"the session is closed","code":"socket_closed","side":"browser"}
        "#,
    );
}

#[test]
fn the_bridges_last_word_explains_a_close() {
    check(
        r#"
        request a
        bridge {"type":"error","error":"gone","code":"upstream_exited","side":"upstream","hint":"again","data":{"exit_code":3}}
        bridge {"type":"state","state":"closing"}
        gone 4502 upstream_exited
        "#,
        r#"
        send {"jsonrpc":"2.0","id":1,"method":"a"}
        stop Ready
        reject 1 {"message":"gone","code":"upstream_exited","side":"upstream","hint":"again","data":{"may_have_run":true,"exit_code":3}}
        state closed upstream_exited
        closed 4502 "upstream_exited" upstream_exited
        "#,
    );
}

#[test]
fn an_error_the_session_survived_explains_nothing_later() {
    check(
        r#"
        bridge {"type":"error","error":"odd frame","code":"frame_malformed","side":"browser"}
        bridge {"type":"pong"}
        gone 1000 bye
        "#,
        r#"
        stop Ready
        state closed closed
        closed 1000 "bye" fine
        "#,
    );
}

#[test]
fn an_error_before_the_server_is_ready_is_why_it_never_will_be() {
    check_start(
        r#"
        bridge {"type":"error","error":"no such program","code":"upstream_failed","side":"upstream"}
        gone 4502
        bridge {"type":"initialized"}
        "#,
        r#"
        close
        stop Ready
        state closed upstream_failed
        closed 1000 "" upstream_failed
        "#,
    );
}

#[test]
fn a_close_before_the_server_is_ready_is_a_failure_even_when_clean() {
    check_start(
        "gone 1000",
        r#"
        stop Ready
        state closed socket_closed
        closed 1000 "" socket_closed
        "#,
    );
}

#[test]
fn a_server_that_is_never_ready_is_given_up() {
    check_start(
        "expire ready",
        r#"
        close
        stop Ready
        state closed timeout
        closed 1000 "" timeout
        "#,
    );
}

#[test]
fn closing_settles_everything_at_once_and_then_waits_for_the_socket() {
    check(
        r#"
        request a
        bridge {"jsonrpc":"2.0","id":"q","method":"roots/list"}
        close
        close
        answer 2 {}
        notify late
        bridge {"jsonrpc":"2.0","id":1,"result":{}}
        gone 1000
        "#,
        r#"
        send {"jsonrpc":"2.0","id":1,"method":"a"}
        ask 2 roots/list {}
        close
        start Closed 3000
        reject 1 {"message":"the session is closed","code":"socket_closed","side":"browser","data":{"may_have_run":true}}
        withdraw 2
        stderr refused: the session is closed
        stop Closed
        state closed closed
        closed 1000 "" fine
        "#,
    );
}

#[test]
fn a_socket_that_does_not_close_is_not_waited_for() {
    check(
        "
        close
        expire closed
        gone 1006
        ",
        r#"
        close
        start Closed 3000
        stop Closed
        state closed closed
        closed 1006 "" fine
        "#,
    );
}

#[test]
fn a_session_given_up_early_says_that_it_was() {
    check_start(
        "
        request a
        close
        ",
        r#"
        reject 1 {"message":"the session is not ready yet: wait for connect","code":"bad_request","side":"browser"}
        close
        stop Ready
        state closed aborted
        closed 1000 "" aborted
        "#,
    );
}

#[test]
fn standard_error_is_asked_for_only_while_it_is_wanted() {
    check(
        r#"
        stderr on
        stderr on
        bridge {"type":"stderr","line":"warming \u2615"}
        stderr off
        "#,
        r#"
        send {"type":"stderr","enabled":true}
        stderr warming ☕
        send {"type":"stderr","enabled":false}
        "#,
    );
}

#[test]
fn standard_error_wanted_before_the_socket_opens_is_asked_for_then() {
    let mut client = Client::new();
    client.want_stderr(true);
    client.opened();
    run(
        &mut client,
        "",
        "state starting\nsend {\"type\":\"stderr\",\"enabled\":true}",
    );
}

#[test]
fn a_session_given_up_before_its_socket_opens_needs_none() {
    let mut client = Client::new();
    client.close();
    assert!(!client.wants_socket());
}

/// The same against a session that outlives its socket: it is ready, and nothing is unacknowledged.
#[track_caller]
fn check_resumable(script: &str, expected: &str) {
    run(&mut resumable(), script, expected);
}

fn resumable() -> Client {
    let mut client = Client::new();
    client.answer_method("roots/list", true);
    client.open(Duration::from_millis(90_000), true, None);
    client.opened();
    client.frame(r#"{"type":"state","state":"starting"}"#);
    client.frame(r#"{"type":"resumable","token":"t/1","window_ms":120000}"#);
    client.frame(r#"{"type":"initialized","session_id":"s"}"#);
    client.expired(Timer::Ack);
    client.take_effects();
    client
}

#[test]
fn a_session_asks_to_be_kept_before_it_says_anything_else() {
    let mut client = Client::new();
    client.want_stderr(true);
    client.open(Duration::from_millis(90_000), true, None);
    client.take_effects();
    run(
        &mut client,
        r#"
        opened
        bridge {"type":"state","state":"starting"}
        bridge {"type":"resumable","token":"t","window_ms":120000}
        bridge {"type":"ack","received":1}
        "#,
        r#"
        send {"type":"resumable"}
        state starting
        send {"type":"stderr","enabled":true}
        send {"type":"ack","received":0}
        pass t false
        start Silence 15000
        "#,
    );
}

#[test]
fn what_arrives_is_acknowledged_a_moment_later_or_after_thirty_two() {
    let mut client = resumable();
    client.frame(r#"{"jsonrpc":"2.0","method":"x"}"#);
    run(
        &mut client,
        "
        expire ack
        expire ack
        ",
        r#"
        start Ack 1000
        notification x {}
        send {"type":"ack","received":2}
        "#,
    );
    for _ in 0..32 {
        client.frame(r#"{"type":"pong"}"#);
        client.frame(r#"{"jsonrpc":"2.0","method":"x"}"#);
    }
    let sent: Vec<String> = client.take_effects().iter().map(spelled).collect();
    let acks = sent.iter().filter(|it| it.starts_with("send"));
    assert_eq!(
        acks.collect::<Vec<_>>(),
        [r#"send {"type":"ack","received":34}"#]
    );
}

#[test]
fn large_frames_are_acknowledged_at_once() {
    let mut client = resumable();
    let large = format!(
        r#"{{"jsonrpc":"2.0","method":"x","params":{{"it":"{}"}}}}"#,
        "x".repeat(64 * 1024)
    );
    client.frame(&large);
    assert_eq!(
        spelled(&client.take_effects()[0]),
        r#"send {"type":"ack","received":2}"#
    );
}

#[test]
fn a_lost_socket_is_followed_by_another_and_only_what_is_missing_is_sent_again() {
    check_resumable(
        r#"
        request a
        request b
        bridge {"type":"ack","received":1}
        gone 1006
        request c
        bridge {"jsonrpc":"2.0","id":1,"result":{}}
        opened
        bridge {"type":"resumed","recovered":true,"received":1,"token":"t2","window_ms":120000}
        bridge {"jsonrpc":"2.0","id":1,"result":{}}
        "#,
        r#"
        send {"jsonrpc":"2.0","id":1,"method":"a"}
        start Silence 15000
        send {"jsonrpc":"2.0","id":2,"method":"b"}
        abandon
        stop Try
        stop Pong
        stop Steady
        start Window 120000
        state detached socket_lost
        stop Retry
        start Try 10000
        connect ?resume=t%2F1&received=1
        stop Try
        stop Window
        close abandoned
        start Steady 10000
        send {"type":"ack","received":1}
        pass t2 false
        send {"jsonrpc":"2.0","id":2,"method":"b"}
        send {"jsonrpc":"2.0","id":3,"method":"c"}
        state ready
        start Ack 1000
        resolve 1 {}
        "#,
    );
}

#[test]
fn tries_are_made_after_ever_longer_pauses() {
    check_resumable(
        "
        gone 1006
        gone 1006
        expire retry
        expire try
        gone 1006
        expire retry
        gone 1005
        ",
        r"
        abandon
        stop Try
        stop Pong
        stop Steady
        start Window 120000
        state detached socket_lost
        stop Retry
        start Try 10000
        connect ?resume=t%2F1&received=1
        abandon
        stop Try
        stop Pong
        stop Steady
        start Retry 500
        stop Retry
        start Try 10000
        connect ?resume=t%2F1&received=1
        abandon
        stop Try
        stop Pong
        stop Steady
        start Retry 1000
        abandon
        stop Try
        stop Pong
        stop Steady
        start Retry 1000
        stop Retry
        start Try 20000
        connect ?resume=t%2F1&received=1
        abandon
        stop Try
        stop Pong
        stop Steady
        start Retry 2000
        ",
    );
}

/// What becomes of a call that was sent, one that was not, and the session, after this.
#[track_caller]
fn check_loss(script: &str, code: &str, reason: &str) {
    let mut client = resumable();
    event(&mut client, "request sent");
    event(&mut client, "gone 1006");
    event(&mut client, "request waits");
    client.take_effects();
    for line in lines(script) {
        event(&mut client, line);
    }
    let effects = client.take_effects();
    let rejected: Vec<String> = effects
        .iter()
        .filter_map(|effect| {
            let Effect::Reject { call, fault } = effect else {
                return None;
            };
            Some(format!("{call} {}", fault.to_json()))
        })
        .collect();
    assert_eq!(rejected.len(), 2);
    for (rejected, may) in rejected.iter().zip(["true", "false"]) {
        let data = format!(r#""data":{{"may_have_run":{may},"reason":"{reason}"}}"#);
        assert!(
            rejected.contains(&format!(r#""code":"{code}""#)) && rejected.contains(&data),
            "{rejected}"
        );
    }
    let spelled: Vec<String> = effects.iter().map(spelled).collect();
    assert!(spelled.contains(&format!("state closed {code}")));
    assert!(spelled.last().unwrap().ends_with(code), "{spelled:?}");
}

#[test]
fn a_session_that_cannot_be_taken_up_again_says_which_calls_may_have_run() {
    check_loss("expire window", "session_lost", "window_over");
    check_loss("gone 4004", "session_lost", "session_unknown");
    check_loss("gone 1012", "shutting_down", "shutting_down");
    check_loss(
        r#"bridge {"type":"resumed","recovered":false,"received":0,"token":"t","window_ms":1}"#,
        "session_lost",
        "gap",
    );
    check_loss(
        r#"bridge {"type":"resumed","recovered":true,"received":9,"token":"t","window_ms":1}"#,
        "session_lost",
        "miscounted",
    );
}

#[test]
fn the_bridges_own_word_is_why_a_session_is_lost() {
    let mut client = resumable();
    run(
        &mut client,
        r#"
        request a
        bridge {"type":"error","error":"elsewhere","code":"taken_over","side":"browser"}
        gone 4409
        "#,
        r#"
        send {"jsonrpc":"2.0","id":1,"method":"a"}
        start Silence 15000
        stop Ready
        reject 1 {"message":"elsewhere","code":"taken_over","side":"browser","data":{"may_have_run":true}}
        state closed taken_over
        closed 4409 "" taken_over
        "#,
    );
}

#[test]
fn a_bridge_that_counts_otherwise_is_left() {
    check_resumable(
        r#"
        bridge {"type":"ack","received":1}
        "#,
        r#"
        close
        stop Ready
        state closed session_lost
        closed 1006 "" session_lost
        "#,
    );
}

#[test]
fn an_orderly_end_is_not_a_lost_socket() {
    check_resumable(
        "gone 1000 bye",
        r#"
        stop Ready
        state closed closed
        closed 1000 "bye" fine
        "#,
    );
}

#[test]
fn a_stalled_socket_is_lost_and_an_idle_session_is_over() {
    check_resumable(
        r#"
        bridge {"type":"error","error":"idle","code":"session_idle","side":"browser"}
        gone 4408
        "#,
        r#"
        stop Ready
        state closed session_idle
        closed 4408 "" session_idle
        "#,
    );
    let mut client = resumable();
    event(
        &mut client,
        r#"bridge {"type":"error","error":"slow","code":"browser_stalled","side":"browser"}"#,
    );
    event(&mut client, "gone 4408");
    assert_eq!(client.state, State::Detached);
}

#[test]
fn silence_is_asked_about_and_no_answer_is_a_lost_socket() {
    check_resumable(
        r#"
        request a
        expire silence
        expire silence
        bridge {"type":"pong"}
        expire pong
        expire silence
        expire silence
        expire pong
        "#,
        r#"
        send {"jsonrpc":"2.0","id":1,"method":"a"}
        start Silence 15000
        start Silence 15000
        send {"type":"ping"}
        start Pong 5000
        stop Pong
        start Silence 15000
        start Silence 15000
        send {"type":"ping"}
        start Pong 5000
        abandon
        stop Try
        stop Pong
        stop Steady
        start Window 120000
        state detached silent
        stop Retry
        start Try 20000
        connect ?resume=t%2F1&received=1
        "#,
    );
}

#[test]
fn no_socket_is_tried_without_a_network_and_one_at_once_with_it() {
    check_resumable(
        r#"
        offline
        expire pong
        request a
        online
        "#,
        r#"
        send {"type":"ping"}
        start Pong 5000
        abandon
        stop Try
        stop Pong
        stop Steady
        start Window 120000
        state detached offline
        stop Retry
        start Try 20000
        connect ?resume=t%2F1&received=1
        "#,
    );
}

#[test]
fn a_page_that_wakes_up_does_not_wait_for_the_next_try() {
    check_resumable(
        r#"
        gone 1006
        unusable
        woke
        woke
        "#,
        r#"
        abandon
        stop Try
        stop Pong
        stop Steady
        start Window 120000
        state detached socket_lost
        stop Retry
        start Try 10000
        connect ?resume=t%2F1&received=1
        abandon
        stop Try
        stop Pong
        stop Steady
        start Retry 500
        stop Retry
        start Try 10000
        connect ?resume=t%2F1&received=1
        "#,
    );
}

#[test]
fn what_waits_for_a_socket_is_bounded() {
    let mut client = resumable();
    event(&mut client, "gone 1006");
    for _ in 0..4096 {
        client.notify("x", None).unwrap();
    }
    assert_eq!(
        client.notify("x", None).unwrap_err().code,
        "too_many_pending"
    );
    client.take_effects();
    run(
        &mut client,
        "request y",
        r#"reject 1 {"message":"too much waits to be sent to the bridge","code":"too_many_pending","side":"browser","hint":"wait for earlier calls, or until the session is ready again, before making more"}"#,
    );
    let mut client = resumable();
    event(
        &mut client,
        r#"bridge {"jsonrpc":"2.0","id":7,"method":"roots/list"}"#,
    );
    event(&mut client, "gone 1006");
    let large = format!("{{\"it\":\"{}\"}}", "x".repeat(16 * 1024 * 1024));
    client.notify("x", Some(&large)).unwrap();
    assert_eq!(
        client.notify("x", None).unwrap_err().code,
        "too_many_pending"
    );
    client.answer(1, Ok("{}"));
    client.take_effects();
    event(
        &mut client,
        r#"bridge {"type":"resumed","recovered":true,"received":0,"token":"t","window_ms":1}"#,
    );
    let last = client
        .take_effects()
        .iter()
        .map(spelled)
        .find(|it| it.contains("\"id\":7"));
    assert_eq!(
        last.as_deref(),
        Some(
            r#"send {"jsonrpc":"2.0","id":7,"error":{"code":-32603,"message":"too much waits to be sent to the bridge"}}"#
        )
    );
}

#[test]
fn a_session_closed_without_a_socket_is_closed_at_once() {
    check_resumable(
        r#"
        request a
        gone 1006
        close
        expire try
        "#,
        r#"
        send {"jsonrpc":"2.0","id":1,"method":"a"}
        start Silence 15000
        abandon
        stop Try
        stop Pong
        stop Steady
        start Window 120000
        state detached socket_lost
        stop Retry
        start Try 10000
        connect ?resume=t%2F1&received=1
        close
        reject 1 {"message":"the session is closed","code":"socket_closed","side":"browser","data":{"may_have_run":true}}
        stop Ready
        state closed closed
        closed 1000 "" fine
        "#,
    );
}

fn taking_up() -> Client {
    let mut client = Client::new();
    client.answer_method("roots/list", true);
    client.want_stderr(true);
    client.open(Duration::from_millis(90_000), true, Some("t".to_owned()));
    client
}

#[test]
fn a_new_page_takes_up_the_session_of_the_last_one() {
    run(
        &mut taking_up(),
        r#"
        opened
        bridge {"type":"resumed","recovered":false,"received":0,"token":"t2","window_ms":120000}
        bridge {"type":"state","state":"ready"}
        bridge {"type":"initialized","session_id":"s"}
        bridge {"jsonrpc":"2.0","id":"q","method":"roots/list"}
        gone 1006
        "#,
        r#"
        state connecting
        start Ready 90000
        stop Retry
        start Try 10000
        connect ?resume=t
        stop Try
        stop Window
        close abandoned
        start Steady 10000
        send {"type":"ack","received":0}
        pass t2 true
        state starting
        send {"type":"stderr","enabled":true}
        start Silence 15000
        start Ack 1000
        stop Ready
        ready {"type":"initialized","session_id":"s"}
        state ready
        ask 1 roots/list {}
        abandon
        stop Try
        stop Pong
        stop Steady
        start Window 120000
        state detached socket_lost
        stop Retry
        start Try 10000
        connect ?resume=t2&received=3
        "#,
    );
}

#[test]
fn a_session_that_is_out_of_reach_is_replaced_by_a_new_one() {
    let begun = |script: &str| {
        let mut client = taking_up();
        for line in lines(script) {
            event(&mut client, line);
        }
        let effects = client.take_effects();
        assert!(client.wants_socket() && client.state == State::Connecting);
        effects
            .iter()
            .filter(|it| matches!(it, Effect::Begin))
            .count()
    };
    assert_eq!(begun("opened\ngone 4004"), 1);
    assert_eq!(begun("gone 4409"), 1);
    assert_eq!(
        begun("gone 1006"),
        0,
        "the way there may be better in a moment"
    );
    assert_eq!(
        begun("gone 1006\nexpire retry\nexpire try\nexpire retry\nunusable"),
        1
    );
}
