//! Against a scripted server: what is posted, what comes of the answers.

use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;

use footbridge_shared::fault::FaultCode;

use super::*;
use crate::upstream::played::Asked;
use crate::upstream::played::Played;
use crate::upstream::played::Reply;

const DEADLINE: Duration = Duration::from_secs(20);

const GREETED: &str = r#"{"jsonrpc":"2.0","id":1,"result":{"protocolVersion":"2025-06-18","capabilities":{},"serverInfo":{"name":"s","version":"1"}}}"#;

fn params(server: &Played) -> HttpParams {
    let secret = footbridge_shared::params::Secret::new("Bearer k3y");
    HttpParams {
        url: server.url.clone(),
        headers: [("authorization".to_owned(), secret)].into(),
        timeout: 5.0,
        sse_read_timeout: 5.0,
        terminate_on_close: true,
    }
}

/// A bridge for this machine alone.
fn egress() -> Egress {
    Egress::new(Vec::new(), true, crate::egress::Way::default())
}

fn connect_to(server: &Played) -> Upstream {
    connect(&params(server), &egress(), &Limits::default()).unwrap()
}

async fn say(upstream: &Upstream, text: &str) {
    upstream
        .sender
        .send(Message::parse(text).unwrap())
        .await
        .unwrap();
}

async fn hear(upstream: &mut Upstream) -> FromUpstream {
    timeout(DEADLINE, upstream.receiver.recv())
        .await
        .expect("something comes in time")
        .expect("it is not over")
}

async fn hear_message(upstream: &mut Upstream) -> String {
    let item = hear(upstream).await;
    let FromUpstream::Message(message) = item else {
        panic!("{item:?}");
    };
    message.into_text()
}

async fn hear_failure(upstream: &mut Upstream) -> Fault {
    let item = hear(upstream).await;
    let FromUpstream::Failed { id, fault } = item else {
        panic!("{item:?}");
    };
    assert_eq!(id, Id::number(7));
    fault
}

/// Greets the server as the bridge does.
async fn greet(upstream: &mut Upstream) {
    say(
        upstream,
        r#"{"jsonrpc":"2.0","id":1,"method":"initialize","params":{}}"#,
    )
    .await;
    assert_eq!(hear_message(upstream).await, GREETED);
    say(
        upstream,
        r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#,
    )
    .await;
}

/// Answers the greeting, and everything else by `rest`.
fn session(
    rest: impl Fn(&Asked) -> Reply + Send + Sync + 'static,
) -> impl Fn(&Asked) -> Reply + Send + Sync + 'static {
    move |asked| match asked.about().as_str() {
        "POST initialize" => Reply::json(GREETED).header("mcp-session-id", "s-1"),
        "POST notifications/initialized" => Reply::status(202),
        _ => rest(asked),
    }
}

const CALL: &str = r#"{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"a"}}"#;
const ANSWER: &str = r#"{"jsonrpc":"2.0","id":7,"result":{"big":123456789012345678901234567890}}"#;
const MODERN_CALL: &str = r#"{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"a","arguments":{"r":"eu"},"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28"}}}"#;

#[tokio::test]
async fn a_session_is_named_from_its_greeting_on_and_ended() {
    let server = Played::new(session(|asked| match asked.method.as_str() {
        // Only the greeting may name a session.
        "POST" => Reply::json(ANSWER).header("mcp-session-id", "other"),
        "GET" => Reply::status(405),
        _ => Reply::status(200),
    }))
    .await;
    let mut upstream = connect_to(&server);
    greet(&mut upstream).await;
    for _ in 0..2 {
        say(&upstream, CALL).await;
        assert_eq!(hear_message(&mut upstream).await, ANSWER);
    }
    upstream.stop().await;
    let first = server.first("POST initialize");
    assert_eq!(
        (
            first.header("mcp-session-id"),
            first.header("mcp-protocol-version")
        ),
        (None, None)
    );
    assert_eq!(first.header("authorization"), Some("Bearer k3y"));
    assert_eq!(
        first.header("accept"),
        Some("application/json, text/event-stream")
    );
    assert_eq!(first.path, "/mcp?key=s3cret");
    for asked in &server.asked()[1..] {
        assert_eq!(
            asked.header("mcp-session-id"),
            Some("s-1"),
            "{}",
            asked.about()
        );
        assert_eq!(asked.header("mcp-protocol-version"), Some("2025-06-18"));
        assert_eq!(asked.header("mcp-method"), None);
    }
    assert_eq!(server.about().last().unwrap(), "DELETE");
}

#[tokio::test]
async fn a_session_is_left_alone_when_it_is_not_to_be_ended() {
    let server = Played::new(session(|_| Reply::status(405))).await;
    let params = HttpParams {
        terminate_on_close: false,
        ..params(&server)
    };
    let mut upstream = connect(&params, &egress(), &Limits::default()).unwrap();
    greet(&mut upstream).await;
    upstream.stop().await;
    assert!(!server.about().contains(&"DELETE".to_owned()));
}

#[tokio::test]
async fn what_comes_on_the_stream_of_a_call_is_handed_on_in_order() {
    let server = Played::new(session(|asked| match asked.about().as_str() {
        "POST tools/call" => Reply::events(&format!(
            "id: 1\ndata:\n\n: hello\n\ndata: {{\"jsonrpc\":\"2.0\",\"method\":\"a\"}}\n\nevent: other\ndata: {{}}\n\ndata: {{\"jsonrpc\":\"2.0\",\"id\":\"q\",\"method\":\"roots/list\"}}\n\ndata: {ANSWER}\n\ndata: {{\"jsonrpc\":\"2.0\",\"method\":\"late\"}}\n\n"
        )),
        "POST answer" => Reply::status(202),
        _ => Reply::status(405),
    }))
    .await;
    let mut upstream = connect_to(&server);
    greet(&mut upstream).await;
    say(&upstream, CALL).await;
    assert!(hear_message(&mut upstream).await.contains(r#""a""#));
    assert!(hear_message(&mut upstream).await.contains("roots/list"));
    assert_eq!(hear_message(&mut upstream).await, ANSWER);
    assert!(hear_message(&mut upstream).await.contains("late"));
    say(
        &upstream,
        r#"{"jsonrpc":"2.0","id":"q","result":{"roots":[]}}"#,
    )
    .await;
    upstream.stop().await;
    assert_eq!(
        server.first("POST answer").body,
        r#"{"jsonrpc":"2.0","id":"q","result":{"roots":[]}}"#
    );
}

#[tokio::test]
async fn a_batch_is_split() {
    let server = Played::new(session(|asked| match asked.about().as_str() {
        "POST tools/call" => Reply::json(&format!(
            "[{{\"jsonrpc\":\"2.0\",\"method\":\"a\"}}, {ANSWER}]"
        )),
        _ => Reply::status(405),
    }))
    .await;
    let mut upstream = connect_to(&server);
    greet(&mut upstream).await;
    say(&upstream, CALL).await;
    assert!(hear_message(&mut upstream).await.contains(r#""a""#));
    assert_eq!(hear_message(&mut upstream).await, ANSWER);
}

#[tokio::test]
async fn a_stream_that_breaks_is_resumed_where_it_was() {
    let n_gets = AtomicUsize::new(0);
    let server = Played::new(session(move |asked| {
        match (asked.about().as_str(), asked.header("last-event-id")) {
            ("POST tools/call", _) => Reply::events("id: p-1\nretry: 20\ndata:\n\n"),
            ("GET", Some("p-1")) => {
                Reply::events("id: p-2\ndata: {\"jsonrpc\":\"2.0\",\"method\":\"a\"}\n\n")
                    .and_breaks()
            }
            ("GET", Some("p-2")) if n_gets.fetch_add(1, Ordering::SeqCst) == 0 => {
                Reply::status(503)
            }
            ("GET", Some("p-2")) => Reply::events(&format!("data: {ANSWER}\n\n")),
            _ => Reply::status(405),
        }
    }))
    .await;
    let mut upstream = connect_to(&server);
    greet(&mut upstream).await;
    say(&upstream, CALL).await;
    assert!(hear_message(&mut upstream).await.contains(r#""a""#));
    assert_eq!(hear_message(&mut upstream).await, ANSWER);
    assert_eq!(
        server
            .about()
            .iter()
            .filter(|about| *about == "POST tools/call")
            .count(),
        1
    );
}

#[tokio::test]
async fn a_stream_without_a_place_to_resume_is_a_call_that_failed() {
    for reply in [
        Reply::events(": x\n\n"),
        Reply::events("id: 3\ndata:\n\n").and_breaks(),
        Reply::json("{\"jsonrpc").and_breaks(),
    ] {
        let server = Played::new(session(move |asked| match asked.method.as_str() {
            "POST" => reply.clone(),
            _ => Reply::status(405),
        }))
        .await;
        let mut upstream = connect_to(&server);
        greet(&mut upstream).await;
        say(&upstream, CALL).await;
        assert_eq!(
            hear_failure(&mut upstream).await.code,
            FaultCode::UpstreamDropped
        );
    }
}

#[tokio::test]
async fn a_forgotten_session_is_reported_with_the_message_that_was_not_acted_on() {
    let session_gone = r#"{"jsonrpc":"2.0","error":{"code":-32000,"message":"Bad Request: No valid session ID provided"},"id":null}"#;
    for refusal in [
        Reply::status(404),
        Reply::status(400).body("application/json", session_gone),
    ] {
        let n_greetings = AtomicUsize::new(0);
        let server = Played::new(move |asked: &Asked| {
            match (asked.about().as_str(), asked.header("mcp-session-id")) {
                ("POST initialize", None) => {
                    let name = format!("s-{}", n_greetings.fetch_add(1, Ordering::SeqCst));
                    Reply::json(GREETED).header("mcp-session-id", &name)
                }
                ("POST tools/call", Some("s-1")) => Reply::json(ANSWER),
                ("POST tools/call", Some("s-0")) => refusal.clone(),
                ("POST notifications/initialized", Some(_)) => Reply::status(202),
                _ => Reply::status(405),
            }
        })
        .await;
        let mut upstream = connect_to(&server);
        greet(&mut upstream).await;
        say(&upstream, CALL).await;
        let FromUpstream::Forgotten(Some(message)) = hear(&mut upstream).await else {
            panic!("the session is forgotten");
        };
        assert_eq!(message.text(), CALL);
        // What comes before the next greeting is not even sent.
        say(&upstream, CALL).await;
        assert!(matches!(
            hear(&mut upstream).await,
            FromUpstream::Forgotten(Some(_))
        ));
        greet(&mut upstream).await;
        upstream.sender.send(message).await.unwrap();
        assert_eq!(hear_message(&mut upstream).await, ANSWER);
    }
}

#[tokio::test]
async fn nothing_is_called_before_the_server_can_ask() {
    for _ in 0..20 {
        let server = Played::new(session(|asked| match asked.method.as_str() {
            "POST" => Reply::json(ANSWER),
            "GET" => Reply::events("").and_stays(),
            _ => Reply::status(200),
        }))
        .await;
        let mut upstream = connect_to(&server);
        greet(&mut upstream).await;
        say(&upstream, CALL).await;
        assert_eq!(hear_message(&mut upstream).await, ANSWER);
        assert_eq!(server.about()[2..], ["GET", "POST tools/call"]);
        upstream.stop().await;
    }
}

#[tokio::test]
async fn the_stream_for_what_nobody_asked_is_opened_again() {
    let server = Played::new(session(|asked| {
        match (asked.method.as_str(), asked.header("last-event-id")) {
            ("GET", None) => Reply::events(
                "retry: 10\nid: 9\ndata: {\"jsonrpc\":\"2.0\",\"method\":\"one\"}\n\n",
            ),
            ("GET", Some("9")) => {
                Reply::events("data: {\"jsonrpc\":\"2.0\",\"method\":\"two\"}\n\n").and_stays()
            }
            _ => Reply::status(405),
        }
    }))
    .await;
    let mut upstream = connect_to(&server);
    greet(&mut upstream).await;
    assert!(hear_message(&mut upstream).await.contains("one"));
    assert!(hear_message(&mut upstream).await.contains("two"));
}

#[tokio::test]
async fn in_a_session_a_cancellation_is_posted() {
    let mut server = Played::new(session(|asked| match asked.about().as_str() {
        "POST tools/call" => Reply::events("").and_stays(),
        "POST notifications/cancelled" => Reply::status(202),
        _ => Reply::status(405),
    }))
    .await;
    let mut upstream = connect_to(&server);
    greet(&mut upstream).await;
    say(&upstream, CALL).await;
    say(
        &upstream,
        r#"{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":7}}"#,
    )
    .await;
    let left = timeout(DEADLINE, server.left.recv())
        .await
        .unwrap()
        .unwrap();
    assert_eq!(left.about(), "POST tools/call");
    assert!(
        server
            .about()
            .contains(&"POST notifications/cancelled".to_owned())
    );
}

#[tokio::test]
async fn a_request_that_stands_alone_says_so_in_headers_and_is_cancelled_by_leaving() {
    let mut server = Played::new(|asked: &Asked| match asked.about().as_str() {
        "POST tools/call" => {
            Reply::events("data: {\"jsonrpc\":\"2.0\",\"method\":\"begun\"}\n\n").and_stays()
        }
        _ => Reply::status(405),
    })
    .await;
    let mut upstream = connect_to(&server);
    say(&upstream, MODERN_CALL).await;
    assert!(hear_message(&mut upstream).await.contains("begun"));
    say(
        &upstream,
        r#"{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":7}}"#,
    )
    .await;
    let left = timeout(DEADLINE, server.left.recv())
        .await
        .unwrap()
        .unwrap();
    assert_eq!(left.header("mcp-method"), Some("tools/call"));
    assert_eq!(left.header("mcp-name"), Some("a"));
    assert_eq!(left.header("mcp-protocol-version"), Some("2026-07-28"));
    upstream.stop().await;
    assert_eq!(server.about(), ["POST tools/call"]);
}

#[tokio::test]
async fn headers_that_do_not_match_are_mended_once() {
    let mismatch = r#"{"jsonrpc":"2.0","id":7,"error":{"code":-32020,"message":"m"}}"#;
    for mends in [true, false] {
        let server = Played::new(move |asked: &Asked| {
            let id = serde_json::from_str::<serde_json::Value>(&asked.body).unwrap()["id"].clone();
            match (asked.about().as_str(), asked.header("mcp-param-r")) {
                ("POST tools/list", _) => {
                    let annotation = if mends { r#""x-mcp-header":"R""# } else { r#""title":"R""# };
                    Reply::json(&format!(
                        r#"{{"jsonrpc":"2.0","id":{id},"result":{{"tools":[{{"name":"a","inputSchema":{{"properties":{{"r":{{"type":"string",{annotation}}}}}}}}}]}}}}"#
                    ))
                }
                ("POST tools/call", Some("eu")) => Reply::json(ANSWER),
                _ => Reply::status(400).body("application/json", mismatch),
            }
        })
        .await;
        let mut upstream = connect_to(&server);
        say(&upstream, MODERN_CALL).await;
        let expected = if mends { ANSWER } else { mismatch };
        assert_eq!(hear_message(&mut upstream).await, expected);
        assert_eq!(
            server.about(),
            ["POST tools/call", "POST tools/list", "POST tools/call"]
        );
        assert!(server.first("POST tools/list").body.contains("2026-07-28"));
    }
}

#[tokio::test]
async fn a_json_rpc_error_is_the_servers_answer_whatever_the_status_and_the_id() {
    for (status, body) in [
        (
            400,
            r#"{"jsonrpc":"2.0","id":null,"error":{"code":-32600,"message":"no"}}"#,
        ),
        (
            404,
            r#"{"jsonrpc":"2.0","error":{"code":-32600,"message":"no"},"id":"server-error"}"#,
        ),
        (
            500,
            r#"{"jsonrpc":"2.0","error":{"code":-32600,"message":"no"}}"#,
        ),
    ] {
        let server =
            Played::new(move |_: &Asked| Reply::status(status).body("application/json", body))
                .await;
        let mut upstream = connect_to(&server);
        say(&upstream, MODERN_CALL).await;
        let answer = hear_message(&mut upstream).await;
        assert!(
            answer.contains(r#""id":7"#) && answer.contains(r#""code":-32600"#),
            "{answer}"
        );
    }
}

#[tokio::test]
async fn each_failure_has_its_own_code() {
    let html = Reply::status(200).body("text/html", "<html>");
    for (reply, code) in [
        (
            Reply::status(401).header("www-authenticate", "Bearer realm=\"x\""),
            FaultCode::UpstreamUnauthorized,
        ),
        (Reply::status(403), FaultCode::UpstreamForbidden),
        (
            Reply::status(404).body("text/html", "<html>"),
            FaultCode::UpstreamNotFound,
        ),
        (
            Reply::status(302).header("location", "https://b.example/"),
            FaultCode::UpstreamRejected,
        ),
        (Reply::status(502), FaultCode::UpstreamServerError),
        (html, FaultCode::UpstreamNotMcp),
        (Reply::status(202), FaultCode::UpstreamNotMcp),
        (Reply::json("{\"not\":\"rpc\"}"), FaultCode::UpstreamNotMcp),
        (Reply::json(&"x".repeat(2000)), FaultCode::UpstreamTooLarge),
        (
            Reply::events(&format!("data: {}\n\n", "x".repeat(2000))),
            FaultCode::UpstreamTooLarge,
        ),
    ] {
        let server = Played::new(move |_: &Asked| reply.clone()).await;
        let limits = Limits {
            upstream_message_bytes: 1000,
            ..Limits::default()
        };
        let mut upstream = connect(&params(&server), &egress(), &limits).unwrap();
        say(&upstream, MODERN_CALL).await;
        let fault = hear_failure(&mut upstream).await;
        assert_eq!(fault.code, code, "{}", fault.message);
        let shown = format!("{fault:?}");
        assert!(
            !shown.contains("s3cret") && !shown.contains("k3y"),
            "{shown}"
        );
    }
    let server = Played::new(|_: &Asked| Reply::events("").and_stays()).await;
    let params = HttpParams {
        sse_read_timeout: 0.1,
        ..params(&server)
    };
    let mut upstream = connect(&params, &egress(), &Limits::default()).unwrap();
    say(&upstream, MODERN_CALL).await;
    assert_eq!(
        hear_failure(&mut upstream).await.code,
        FaultCode::UpstreamTimeout
    );
}

#[tokio::test]
async fn nobody_there_is_told_from_nobody_known() {
    let server = Played::new(|_: &Asked| Reply::status(200)).await;
    let mut nobody = params(&server);
    drop(server);
    for (url, code) in [
        (None, FaultCode::UpstreamUnreachable),
        (Some("https://nobody.invalid/"), FaultCode::UpstreamDns),
    ] {
        if let Some(url) = url {
            url.clone_into(&mut nobody.url);
        }
        let mut upstream = connect(&nobody, &egress(), &Limits::default()).unwrap();
        say(&upstream, MODERN_CALL).await;
        let fault = hear_failure(&mut upstream).await;
        assert_eq!(fault.code, code, "{}", fault.message);
    }
}

#[tokio::test]
async fn an_older_server_is_found_by_its_stream_and_its_session_renewed_when_that_breaks() {
    let n_streams = AtomicUsize::new(0);
    let server =
        Played::new(
            move |asked: &Asked| match (asked.method.as_str(), asked.path.as_str()) {
                ("GET", "/mcp?key=s3cret") => {
                    let greeting = format!(
                        "event: endpoint\ndata: /post?s=1\n\nevent: message\ndata: {GREETED}\n\n"
                    );
                    let reply = Reply::events(&greeting);
                    if n_streams.fetch_add(1, Ordering::SeqCst) == 0 {
                        reply
                    } else {
                        reply.and_stays()
                    }
                }
                ("POST", "/post?s=1") => Reply::status(202),
                _ => Reply::status(405),
            },
        )
        .await;
    let mut upstream = connect_to(&server);
    say(
        &upstream,
        r#"{"jsonrpc":"2.0","id":1,"method":"initialize","params":{}}"#,
    )
    .await;
    assert_eq!(hear_message(&mut upstream).await, GREETED);
    let FromUpstream::Reconnected(fault) = hear(&mut upstream).await else {
        panic!("the stream has broken");
    };
    assert_eq!(fault.code, FaultCode::UpstreamDropped);
    assert_eq!(hear_message(&mut upstream).await, GREETED);
    upstream.stop().await;
}

#[tokio::test]
async fn a_url_that_is_no_mcp_server_of_any_kind_fails_with_its_first_answer() {
    let server = Played::new(|_: &Asked| Reply::status(404).body("text/html", "<html>")).await;
    let mut upstream = connect_to(&server);
    say(
        &upstream,
        r#"{"jsonrpc":"2.0","id":7,"method":"initialize","params":{}}"#,
    )
    .await;
    assert_eq!(
        hear_failure(&mut upstream).await.code,
        FaultCode::UpstreamNotFound
    );
}
