//! Every route and every kind of frame of every dialect, with input that is wrong: each is told so in the words of its
//! kind, starts nothing, and costs nobody else anything. What there is, is read off the OpenAPI document and the
//! sources, so that nothing new can be left out.

use std::collections::BTreeSet;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use footbridge_shared::fault::FaultCode;
use footbridge_tests::Bridge;
use footbridge_tests::Page;
use footbridge_tests::TOKEN;
use footbridge_tests::descendants;
use footbridge_tests::root;
use footbridge_tests::servers;
use footbridge_tests::within;
use serde_json::Value;
use serde_json::json;
use tokio::io::AsyncReadExt;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

const CONNECT: &str = "/api/mcp/ws/connect";
const SOCKET: &str = "/api/mcp/ws/{session_id}";
const STATUS: &str = "/api/mcp/ws/status/{session_id}";

/// A request by hand: what stands between its first line and its body, and the body.
#[derive(Clone)]
struct Raw {
    method: String,
    target: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Raw {
    fn new(bridge: &Bridge, method: &str, target: &str) -> Self {
        Self {
            method: method.to_owned(),
            target: target.to_owned(),
            headers: vec![
                ("Host".to_owned(), bridge.address().to_string()),
                ("Authorization".to_owned(), format!("Bearer {TOKEN}")),
            ],
            body: Vec::new(),
        }
    }

    /// With a header more.
    fn with(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Without a header, or with another value.
    fn instead(mut self, name: &str, value: Option<&str>) -> Self {
        self.headers.retain(|(known, _)| known != name);
        if let Some(value) = value {
            self.headers.push((name.to_owned(), value.to_owned()));
        }
        self
    }

    fn body(self, media_type: &str, body: impl Into<Vec<u8>>) -> Self {
        let body = body.into();
        let length = body.len().to_string();
        let mut raw = self
            .with("Content-Type", media_type)
            .with("Content-Length", &length);
        raw.body = body;
        raw
    }

    fn upgrade(self) -> Self {
        self.with("Connection", "Upgrade")
            .with("Upgrade", "websocket")
            .with("Sec-WebSocket-Version", "13")
            .with("Sec-WebSocket-Key", "AAAAAAAAAAAAAAAAAAAAAA==")
    }

    /// The status and the body of its answer.
    async fn send(&self, bridge: &Bridge) -> (u16, String) {
        self.send_as(bridge, "HTTP/1.1").await
    }

    async fn send_as(&self, bridge: &Bridge, version: &str) -> (u16, String) {
        let mut bytes = format!("{} {} {version}\r\n", self.method, self.target).into_bytes();
        for (name, value) in &self.headers {
            bytes.extend(format!("{name}: {value}\r\n").into_bytes());
        }
        bytes.extend(b"Connection: close\r\n\r\n");
        bytes.extend(&self.body);
        let mut stream = TcpStream::connect(bridge.address())
            .await
            .expect("the bridge listens");
        // It may answer, and close, before it has taken all.
        let _ = stream.write_all(&bytes).await;
        let mut answer = Vec::new();
        let _ = within("an answer", stream.read_to_end(&mut answer)).await;
        let answer = String::from_utf8_lossy(&answer).into_owned();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
        let status = head
            .split(' ')
            .nth(1)
            .and_then(|status| status.parse().ok());
        (
            status.unwrap_or_else(|| {
                panic!("no answer to {} {}: {answer:?}", self.method, self.target)
            }),
            body.to_owned(),
        )
    }
}

/// Every method of every path of the OpenAPI document.
async fn routes(bridge: &Bridge) -> BTreeSet<(String, String)> {
    let (_, document) = bridge.get("/api/mcp/openapi.json").await;
    let paths = document["paths"].as_object().expect("paths");
    let mut routes = BTreeSet::new();
    for (path, methods) in paths {
        let methods = methods.as_object().expect("methods").keys();
        for method in methods.filter(|method| *method != "parameters") {
            routes.insert((method.to_uppercase(), path.clone()));
        }
    }
    routes
}

/// What is wrong with an answer that has to be a refusal of this status, in JSON, with a code of the table.
fn wrong_refusal(status: u16, body: &str, expected: u16) -> Option<String> {
    if status != expected {
        return Some(format!("{status} instead of {expected}: {body}"));
    }
    let Ok(answer) = serde_json::from_str::<Value>(body) else {
        return Some(format!("no JSON: {body}"));
    };
    let code = answer["error"]["code"].as_str().unwrap_or_default();
    let known = FaultCode::ALL
        .iter()
        .any(|known| known.name() == code && known.http_status() == status);
    // AutoGen Studio's page knows this one to the letter.
    let is_sentence = answer["message"]
        .as_str()
        .is_some_and(|text| text.ends_with('.') || text == "Session not found");
    (!known || !is_sentence || answer["status"] != false)
        .then(|| format!("not in the words of an error: {body}"))
}

/// What no route takes, whatever it is for: the request, the version it is sent as, and the status it gets.
fn wrong_for_every_route(base: &Raw) -> Vec<(&'static str, Raw, &'static str, u16)> {
    let with = |name: &str, value: &str| base.clone().with(name, value);
    let instead = |name: &str, value| base.clone().instead(name, value);
    let host = base.headers[0].1.clone();
    vec![
        ("no Host", instead("Host", None), "HTTP/1.1", 400),
        ("two Hosts", with("Host", &host), "HTTP/1.1", 400),
        (
            "a foreign Host",
            instead("Host", Some("evil.example")),
            "HTTP/1.1",
            421,
        ),
        ("an empty Host", instead("Host", Some("")), "HTTP/1.1", 421),
        (
            "a Host with a user",
            instead("Host", Some(&format!("a@{host}"))),
            "HTTP/1.1",
            421,
        ),
        (
            "a foreign Origin",
            with("Origin", "https://evil.example"),
            "HTTP/1.1",
            403,
        ),
        (
            "an Origin that is none",
            with("Origin", "\u{e9}"),
            "HTTP/1.1",
            403,
        ),
        (
            "two Origins",
            with("Origin", &format!("http://{host}")).with("Origin", "null"),
            "HTTP/1.1",
            403,
        ),
        (
            "a page elsewhere",
            with("Sec-Fetch-Site", "cross-site"),
            "HTTP/1.1",
            403,
        ),
        ("HTTP/1.0", base.clone(), "HTTP/1.0", 400),
        (
            "a wrong token",
            instead("Authorization", Some("Bearer wrong")),
            "HTTP/1.1",
            401,
        ),
        (
            "two tokens",
            with("Authorization", "Bearer another"),
            "HTTP/1.1",
            401,
        ),
        (
            "another scheme",
            instead("Authorization", Some("Basic eDp5")),
            "HTTP/1.1",
            401,
        ),
        (
            "a token that is no text",
            instead("Authorization", Some("Bearer \u{e9}")),
            "HTTP/1.1",
            401,
        ),
        (
            "a head that is too large",
            with("X-Fill", &"x".repeat(33_000)),
            "HTTP/1.1",
            431,
        ),
        (
            "a target that is too long",
            Raw {
                target: format!("{}?{}", base.target, "x".repeat(33_000)),
                ..base.clone()
            },
            "HTTP/1.1",
            431,
        ),
        (
            "too many headers",
            (0..70).fold(base.clone(), |raw, n| raw.with(&format!("X-{n}"), "1")),
            "HTTP/1.1",
            431,
        ),
        (
            "another authority",
            Raw {
                target: format!("http://evil.example{}", base.target),
                ..base.clone()
            },
            "HTTP/1.1",
            400,
        ),
    ]
}

/// A body for `POST connect` whose params are the demo's with these members instead.
fn params_with(members: &Value) -> String {
    let mut params = json!({ "type": "StdioServerParams", "command": "/bin/true" });
    for (name, value) in members.as_object().expect("members") {
        params[name] = value.clone();
    }
    json!({ "server_params": params }).to_string()
}

/// What only this route does not take, as far as it reads anything: the request and the status it gets.
fn wrong_for_route(bridge: &Bridge, method: &str, path: &str) -> Vec<(String, Raw, u16)> {
    let raw = |target: &str| Raw::new(bridge, method, target);
    let named = |name: &str, raw: Raw, status| (name.to_owned(), raw, status);
    match (method, path) {
        ("POST", CONNECT) => {
            let json = |body: &str| raw(CONNECT).body("application/json", body);
            let mut rows = vec![
                named("no body", raw(CONNECT), 415),
                named(
                    "a form",
                    raw(CONNECT).body("application/x-www-form-urlencoded", "server_params=x"),
                    415,
                ),
                named(
                    "text",
                    raw(CONNECT).body("text/plain", params_with(&json!({}))),
                    415,
                ),
                named(
                    "no media type",
                    raw(CONNECT).body("", params_with(&json!({}))),
                    415,
                ),
                named(
                    "no credential",
                    json(&params_with(&json!({}))).instead("Authorization", None),
                    401,
                ),
                named("an empty body", json(""), 400),
                named("no JSON", json("{"), 400),
                named(
                    "not UTF-8",
                    raw(CONNECT).body("application/json", b"{\"a\":\"\xff\"}".to_vec()),
                    400,
                ),
                named(
                    "too deep",
                    json(&format!("{}{}", "[".repeat(10_000), "]".repeat(10_000))),
                    400,
                ),
                named(
                    "too much",
                    json(&format!("\"{}\"", "x".repeat(70_000))),
                    413,
                ),
                named(
                    "chunks that are none",
                    Raw {
                        body: b"zz\r\n{}\r\n0\r\n\r\n".to_vec(),
                        ..raw(CONNECT)
                            .with("Content-Type", "application/json")
                            .with("Transfer-Encoding", "chunked")
                    },
                    400,
                ),
            ];
            for body in [
                "null",
                "7",
                "[]",
                "\"x\"",
                "{}",
                r#"{"server_params":null}"#,
                r#"{"server_params":[]}"#,
            ] {
                rows.push((format!("the body {body}"), json(body), 422));
            }
            for (members, status) in [
                (json!({ "type": null }), 422),
                (json!({ "type": "Nothing" }), 422),
                (json!({ "type": ["StdioServerParams"] }), 422),
                (json!({ "command": null }), 422),
                (json!({ "command": "" }), 422),
                (json!({ "command": 7 }), 422),
                (json!({ "command": "a\u{0}b" }), 422),
                (json!({ "args": "x" }), 422),
                (json!({ "args": [1] }), 422),
                (json!({ "args": ["a\u{0}b"] }), 422),
                (json!({ "env": [] }), 422),
                (json!({ "env": { "A": 1 } }), 422),
                (json!({ "env": { "A=B": "x" } }), 422),
                (json!({ "env": { "": "x" } }), 422),
                (json!({ "env": { "A": "x\u{0}" } }), 422),
                (json!({ "env": { "FOOTBRIDGE_TOKEN": "x" } }), 422),
                (json!({ "cwd": 7 }), 422),
                (json!({ "encoding": "utf-16" }), 422),
                (json!({ "encoding_error_handler": "guess" }), 422),
                (json!({ "type": "SseServerParams", "url": 7 }), 422),
                (json!({ "type": "SseServerParams", "url": "" }), 422),
                (
                    json!({ "type": "SseServerParams", "url": "javascript:alert(1)" }),
                    422,
                ),
                (
                    json!({ "type": "SseServerParams", "url": "file:///etc/passwd" }),
                    422,
                ),
                (
                    json!({ "type": "StreamableHttpServerParams", "url": "http://a@127.0.0.1/" }),
                    422,
                ),
                (
                    json!({ "type": "StreamableHttpServerParams", "url": "http://169.254.169.254/" }),
                    403,
                ),
                (
                    json!({ "type": "StreamableHttpServerParams", "url": "https://[::ffff:10.0.0.1]/" }),
                    403,
                ),
                (
                    json!({ "type": "StreamableHttpServerParams", "url": "https://0x0a000001/" }),
                    403,
                ),
                (
                    json!({ "type": "StreamableHttpServerParams", "url": "https://a.example/", "headers": [] }),
                    422,
                ),
                (
                    json!({ "type": "StreamableHttpServerParams", "url": "https://a.example/", "headers": { "x-a": "b\r\nc: d" } }),
                    422,
                ),
                (
                    json!({ "type": "StreamableHttpServerParams", "url": "https://a.example/", "headers": { "host": "b" } }),
                    422,
                ),
                (
                    json!({ "type": "StreamableHttpServerParams", "url": "https://a.example/", "timeout": -1 }),
                    422,
                ),
                (
                    json!({ "type": "StreamableHttpServerParams", "url": "https://a.example/", "timeout": "soon" }),
                    422,
                ),
                (json!({ "type": "named" }), 422),
                (json!({ "type": "named", "server": "no such server" }), 422),
                (
                    json!({ "type": "named", "server": "demo", "inputs": { "x": "y" } }),
                    422,
                ),
                (
                    json!({ "type": "named", "server": "demo", "inputs": 7 }),
                    422,
                ),
            ] {
                rows.push((
                    format!("params with {members}"),
                    json(&params_with(&members)),
                    status,
                ));
            }
            let ok = json!({ "type": "named", "server": "demo" });
            for (name, value) in [
                ("client_capabilities", json!("x")),
                ("client_capabilities", json!([])),
                ("client_info", json!(7)),
                ("client_info", json!({ "name": 7 })),
            ] {
                let body = json!({ "server_params": ok, name: value }).to_string();
                rows.push((format!("the body {body}"), json(&body), 422));
            }
            rows
        }
        ("GET", SOCKET) => {
            let at = "/api/mcp/ws/x?server_params=e30";
            let without = |name: &str| raw(at).upgrade().instead(name, None);
            let instead = |name: &str, value: &str| raw(at).upgrade().instead(name, Some(value));
            vec![
                named("no upgrade", raw(at), 400),
                named("no key", without("Sec-WebSocket-Key"), 400),
                named(
                    "a key that is too short",
                    instead("Sec-WebSocket-Key", "AAAA"),
                    400,
                ),
                named(
                    "a key that is no base64",
                    instead("Sec-WebSocket-Key", "????????????????????????"),
                    400,
                ),
                named(
                    "another version",
                    instead("Sec-WebSocket-Version", "8"),
                    400,
                ),
                named("another protocol", instead("Upgrade", "h2c"), 400),
                named(
                    "an unknown subprotocol",
                    raw(at)
                        .upgrade()
                        .with("Sec-WebSocket-Protocol", "graphql-ws"),
                    400,
                ),
                named("no credential and no ticket", without("Authorization"), 401),
                named(
                    "a credential in the query",
                    Raw {
                        target: format!("{at}&token={TOKEN}&access_token={TOKEN}"),
                        ..without("Authorization")
                    },
                    401,
                ),
            ]
        }
        ("DELETE", SOCKET) => vec![
            named("a session that is not there", raw("/api/mcp/ws/x"), 404),
            named("an id that is none", raw("/api/mcp/ws/%00%ff"), 400),
            named(
                "an id without end",
                raw(&format!("/api/mcp/ws/{}", "x".repeat(9000))),
                404,
            ),
            named(
                "no credential",
                raw("/api/mcp/ws/x").instead("Authorization", None),
                401,
            ),
        ],
        ("GET", STATUS) => vec![named(
            "no credential",
            raw("/api/mcp/ws/status/x").instead("Authorization", None),
            401,
        )],
        ("GET", "/api/mcp/servers" | "/metrics") => {
            vec![named(
                "no credential",
                raw(path).instead("Authorization", None),
                401,
            )]
        }
        // They read nothing.
        ("GET", "/api/mcp/openapi.json" | "/health/live" | "/health/ready") => Vec::new(),
        _ => panic!("{method} {path} is new: say here what is wrong for it"),
    }
}

#[tokio::test]
async fn every_route_refuses_what_is_wrong_in_json_with_a_code_and_starts_nothing() {
    let bridge = Bridge::configured(
        "[limits]\nfailed_auth_per_minute = 1000\nconnects_per_minute = 60000\nconnects_burst = 4000",
    )
    .await;
    let routes = routes(&bridge).await;
    assert!(routes.len() >= 9, "{routes:?}");
    let mut problems = Vec::new();
    let mut n_sent = 0;
    for (method, path) in &routes {
        let target = path.replace("{session_id}", "x");
        let base = Raw::new(&bridge, method, &target);
        for (name, raw, version, expected) in wrong_for_every_route(&base) {
            let (status, body) = raw.send_as(&bridge, version).await;
            // What hyper itself cannot read is refused without a word.
            let problem = if body.is_empty() && matches!(status, 400 | 431) && status == expected {
                None
            } else {
                wrong_refusal(status, &body, expected)
            };
            problems.extend(problem.map(|problem| format!("{method} {path}, {name}: {problem}")));
            n_sent += 1;
        }
        for other in ["PUT", "PATCH", "TRACE", "PROPFIND", "get"] {
            let (status, body) = Raw::new(&bridge, other, &target).send(&bridge).await;
            let problem = wrong_refusal(status, &body, 405);
            problems.extend(problem.map(|problem| format!("{other} {path}: {problem}")));
            n_sent += 1;
        }
        for (name, raw, expected) in wrong_for_route(&bridge, method, path) {
            let (status, body) = raw.send(&bridge).await;
            let problem = wrong_refusal(status, &body, expected);
            problems.extend(problem.map(|problem| format!("{method} {path}, {name}: {problem}")));
            n_sent += 1;
        }
    }
    assert!(problems.is_empty(), "\n{}", problems.join("\n"));
    assert!(n_sent > 250, "{n_sent}");
    assert_eq!(descendants(bridge.pid()), [0_u32; 0], "nothing was started");
    assert_eq!(bridge.get("/health/live").await.0, 200);
    let log = bridge.log();
    assert!(
        !log.contains("panicked") && !log.contains("\u{1b}"),
        "{log}"
    );
}

#[tokio::test]
async fn no_path_leads_out_of_the_page_or_around_the_gate() {
    let bridge = Bridge::start().await;
    for path in [
        "/../../../../etc/passwd",
        "/..%2f..%2f..%2fetc%2fpasswd",
        "/%2e%2e/%2e%2e/%2e%2e/etc/passwd",
        "/assets/../../Cargo.toml",
        "/assets/..%5c..%5cCargo.toml",
        "//etc/passwd",
        "/%00",
        "/index.html%00.js",
        "/%ff%fe",
        "/.env",
        "/api/mcp/../../etc/passwd",
        "/api/mcp/servers/../../../x",
        "/api/mcp//servers",
        "/api/mcp/servers/",
        "/API/MCP/servers",
        "/metrics/",
        "/%6detrics",
        "/api/mcp/ws/status",
    ] {
        let raw = Raw::new(&bridge, "GET", path).instead("Authorization", None);
        let (status, body) = raw.send(&bridge).await;
        assert!(matches!(status, 400 | 401 | 404), "{path}: {status} {body}");
        assert!(
            !body.contains("root:") && !body.contains("[workspace]"),
            "{path}: {body}"
        );
    }
}

/// What has to come back for a frame that is wrong.
enum Told {
    /// A JSON-RPC error with this code, under this id.
    Error(i64, Value),
    /// As many of them as a batch has wrong messages, all with this code.
    Errors(i64, usize),
    /// A frame of the envelope of this type, whose `error` has these words.
    Frame(&'static str, &'static str),
    /// Nothing: it wants no answer.
    Nothing,
}

/// The kind of a frame, a frame of that kind that is wrong, and what it is told.
type Row = (&'static str, String, Told);

/// What is wrong with JSON-RPC in whichever dialect; the kinds are those of `Message`, and a batch of them.
fn wrong_messages() -> Vec<Row> {
    let row = |kind, frame: Value, told| (kind, frame.to_string(), told);
    let invalid = |id| Told::Error(-32600, id);
    vec![
        row(
            "Request",
            json!({ "jsonrpc": "2.0", "id": 7 }),
            invalid(json!(7)),
        ),
        row(
            "Request",
            json!({ "jsonrpc": "2.0", "id": 7, "method": 7 }),
            invalid(json!(7)),
        ),
        row(
            "Request",
            json!({ "jsonrpc": "2.0", "id": null, "method": "a" }),
            invalid(json!(null)),
        ),
        row(
            "Request",
            json!({ "jsonrpc": "2.0", "id": 1.5, "method": "a" }),
            invalid(json!(null)),
        ),
        row(
            "Request",
            json!({ "jsonrpc": "2.0", "id": {}, "method": "a" }),
            invalid(json!(null)),
        ),
        row(
            "Request",
            json!({ "jsonrpc": "2.0", "id": "x".repeat(129), "method": "a" }),
            invalid(json!("x".repeat(129))),
        ),
        row(
            "Request",
            json!({ "jsonrpc": "2.0", "id": "x".repeat(1000), "method": "a" }),
            invalid(json!(null)),
        ),
        (
            "Request",
            r#"{"jsonrpc":"2.0","id":99999999999999999999,"method":"a"}"#.to_owned(),
            Told::Error(-32600, json!(99_999_999_999_999_999_999_f64)),
        ),
        (
            "Request",
            format!(
                r#"{{"jsonrpc":"2.0","id":7,"method":"a","params":{}{}}}"#,
                "[".repeat(64),
                "]".repeat(64)
            ),
            invalid(json!(7)),
        ),
        (
            "Notification",
            r#"{"jsonrpc":"2.0","method":["a"]}"#.to_owned(),
            invalid(json!(null)),
        ),
        row(
            "Notification",
            json!({ "jsonrpc": "2.0", "method": "notifications/cancelled" }),
            Told::Nothing,
        ),
        row(
            "Notification",
            json!({ "jsonrpc": "2.0", "method": "notifications/cancelled", "params": [] }),
            Told::Nothing,
        ),
        row(
            "Notification",
            json!({ "jsonrpc": "2.0", "method": "notifications/cancelled", "params": { "requestId": {} } }),
            Told::Nothing,
        ),
        row(
            "Notification",
            json!({ "jsonrpc": "2.0", "method": "notifications/cancelled", "params": { "requestId": 404 } }),
            Told::Nothing,
        ),
        row(
            "Notification",
            json!({ "jsonrpc": "2.0", "method": "notifications/progress", "params": "x" }),
            Told::Nothing,
        ),
        row(
            "Response",
            json!({ "jsonrpc": "2.0", "id": 404, "result": {} }),
            Told::Nothing,
        ),
        row(
            "Response",
            json!({ "jsonrpc": "2.0", "id": "x", "error": { "code": 1, "message": "m" } }),
            Told::Nothing,
        ),
        row(
            "Response",
            json!({ "jsonrpc": "2.0", "id": 404, "result": {}, "error": {} }),
            invalid(json!(null)),
        ),
        row(
            "batch",
            json!([{ "jsonrpc": "2.0", "id": 7 }, { "jsonrpc": "2.0", "id": 8 }]),
            Told::Errors(-32600, 2),
        ),
    ]
}

/// What is no message in the dialects that are JSON-RPC.
fn no_messages() -> Vec<Row> {
    let unreadable = || Told::Error(-32700, json!(null));
    let invalid = || Told::Error(-32600, json!(null));
    let mut rows = vec![
        ("text", String::new(), unreadable()),
        ("text", "{".to_owned(), unreadable()),
        ("text", "{\"jsonrpc\":\"2.0\",}".to_owned(), unreadable()),
        ("text", "\u{feff}{}".to_owned(), unreadable()),
        ("text", "\u{0}".to_owned(), unreadable()),
        ("text", "{} {}".to_owned(), unreadable()),
    ];
    for frame in [
        "7",
        "null",
        "\"x\"",
        "{}",
        "[]",
        r#"{"jsonrpc":"1.0","method":"a"}"#,
        r#"{"jsonrpc":2,"method":"a"}"#,
    ] {
        rows.push(("text", frame.to_owned(), invalid()));
    }
    rows.push((
        "text",
        r#"{"jsonrpc":"1.0","id":1,"method":"a"}"#.to_owned(),
        Told::Error(-32600, json!(1)),
    ));
    rows.push(("text", "[1,\"x\",null]".to_owned(), Told::Errors(-32600, 3)));
    rows
}

/// What is wrong with the control frames of `footbridge.v1`; the kinds are those of `FromBrowser`.
fn wrong_control_frames() -> Vec<Row> {
    let invalid = || Told::Error(-32600, json!(null));
    let row = |kind, frame: Value| (kind, frame.to_string(), invalid());
    vec![
        row("Stderr", json!({ "type": "stderr" })),
        row("Stderr", json!({ "type": "stderr", "enabled": "yes" })),
        row("Stderr", json!({ "type": "stderr", "enabled": null })),
        row("Stderr", json!({ "type": ["stderr"], "enabled": true })),
        row("Ping", json!({ "type": "PING" })),
        row("Ping", json!({ "type": ["ping"] })),
        row("Resumable", json!({ "type": ["resumable"] })),
        row("Resumable", json!({ "type": "resumable " })),
        row("Ack", json!({ "type": "ack" })),
        row("Ack", json!({ "type": "ack", "received": -1 })),
        row("Ack", json!({ "type": "ack", "received": "1" })),
        row("Ack", json!({ "type": "ack", "received": 1.5 })),
        (
            "Ack",
            r#"{"type":"ack","received":18446744073709551616}"#.to_owned(),
            invalid(),
        ),
        (
            "Ack",
            json!({ "type": "ack", "received": 9_999_999 }).to_string(),
            Told::Nothing,
        ),
        row("text", json!({ "type": "initialized" })),
        row("text", json!({ "type": 7 })),
        row("text", json!({ "type": null })),
    ]
}

/// What is wrong with AutoGen Studio's envelope; the kinds are the words of its `type` and `operation`.
fn wrong_envelopes() -> Vec<Row> {
    let error = |words| Told::Frame("error", words);
    let failed = |words| Told::Frame("operation_error", words);
    let row = |kind, frame: Value, told| (kind, frame.to_string(), told);
    let operation = |name: &'static str, members: Value, told| {
        let mut frame = json!({ "type": "operation", "operation": name });
        for (member, value) in members.as_object().expect("members") {
            frame[member] = value.clone();
        }
        (name, frame.to_string(), told)
    };
    vec![
        ("text", String::new(), error("Invalid message format")),
        ("text", "{".to_owned(), error("Invalid message format")),
        ("text", "7".to_owned(), error("must be a JSON object")),
        ("text", "[7]".to_owned(), error("must be a JSON object")),
        (
            "text",
            format!("{}1{}", "{\"a\":".repeat(65), "}".repeat(65)),
            error("Invalid message format"),
        ),
        row("text", json!({}), error("Unknown message type: None")),
        row(
            "text",
            json!({ "type": "who knows" }),
            error("Unknown message type: who knows"),
        ),
        row(
            "text",
            json!({ "type": 7 }),
            error("Unknown message type: 7"),
        ),
        (
            "text",
            r#"{"type":"ping","type":"ping"}"#.to_owned(),
            error("Invalid message format"),
        ),
        row(
            "ping",
            json!({ "type": ["ping"] }),
            error("Unknown message type"),
        ),
        row(
            "operation",
            json!({ "type": "operation" }),
            failed("Unknown operation: None"),
        ),
        row(
            "operation",
            json!({ "type": "operation", "operation": 7 }),
            failed("Unknown operation: 7"),
        ),
        row(
            "operation",
            json!({ "type": "operation", "operation": "LIST_TOOLS" }),
            failed("Unknown operation: LIST_TOOLS"),
        ),
        operation(
            "list_tools",
            json!({ "operation": ["list_tools"] }),
            failed("Unknown operation"),
        ),
        operation(
            "list_resources",
            json!({ "operation": { "list_resources": 1 } }),
            failed("Unknown operation"),
        ),
        operation(
            "list_prompts",
            json!({ "operation": "list_prompts " }),
            failed("Unknown operation"),
        ),
        operation("call_tool", json!({}), failed("Tool name is required")),
        operation(
            "call_tool",
            json!({ "tool_name": "" }),
            failed("Tool name is required"),
        ),
        operation(
            "call_tool",
            json!({ "tool_name": 7 }),
            failed("Tool name is required"),
        ),
        operation(
            "read_resource",
            json!({}),
            failed("Resource URI is required"),
        ),
        operation(
            "read_resource",
            json!({ "uri": ["x"] }),
            failed("Resource URI is required"),
        ),
        operation(
            "get_prompt",
            json!({ "name": null }),
            failed("Prompt name is required"),
        ),
        operation(
            "get_prompt",
            json!({ "name": {} }),
            failed("Prompt name is required"),
        ),
        row(
            "elicitation_response",
            json!({ "type": "elicitation_response" }),
            error("Missing request_id"),
        ),
        row(
            "elicitation_response",
            json!({ "type": "elicitation_response", "request_id": 7 }),
            error("Missing request_id"),
        ),
        row(
            "elicitation_response",
            json!({ "type": "elicitation_response", "request_id": "elicitation-1" }),
            failed("Unknown elicitation request_id"),
        ),
        row(
            "sampling_response",
            json!({ "type": "sampling_response", "request_id": null }),
            error("Missing request_id"),
        ),
        row(
            "sampling_response",
            json!({ "type": "sampling_response", "request_id": "sampling-1", "result": {} }),
            failed("Unknown sampling request_id"),
        ),
    ]
}

/// The words between two places of a source file that stand where `pick` looks for them on a line.
fn words(
    path: &str,
    begin: &str,
    end: &str,
    pick: impl Fn(&str) -> Option<&str>,
) -> BTreeSet<String> {
    let text = std::fs::read_to_string(root().join(path)).expect(path);
    let (_, rest) = text
        .split_once(begin)
        .unwrap_or_else(|| panic!("{path}: {begin}"));
    let (part, _) = rest
        .split_once(end)
        .unwrap_or_else(|| panic!("{path}: {end}"));
    part.lines()
        .filter_map(|line| pick(line.trim()))
        .map(str::to_owned)
        .collect()
}

/// The variants of an enum.
fn variants(path: &str, name: &str) -> BTreeSet<String> {
    words(path, &format!("pub enum {name} {{\n"), "\n}\n", |line| {
        let end = line.find([',', '(', ' ']).unwrap_or(line.len());
        let is_variant = line.starts_with(|first: char| first.is_ascii_uppercase());
        is_variant.then(|| &line[..end])
    })
}

/// The texts that a `match` compares with.
fn arms(path: &str, begin: &str, end: &str, before: &str) -> BTreeSet<String> {
    words(path, begin, end, |line| {
        line.strip_prefix(before)?.split('"').next()
    })
}

fn kinds(rows: &[Row]) -> BTreeSet<String> {
    rows.iter().map(|(kind, _, _)| (*kind).to_owned()).collect()
}

#[test]
fn no_kind_of_frame_is_left_out() {
    let dialects = variants("server/src/dialect.rs", "DialectName");
    assert_eq!(
        dialects,
        BTreeSet::from(["Mcp", "Native", "Studio"].map(str::to_owned))
    );
    let mut messages = variants("shared/src/rpc.rs", "Message");
    messages.insert("batch".to_owned());
    assert_eq!(kinds(&wrong_messages()), messages);
    let control = variants("shared/src/control.rs", "FromBrowser");
    assert!(control.len() >= 2, "{control:?}");
    let mut known = kinds(&wrong_control_frames());
    known.remove("text");
    assert_eq!(known, control);
    let mut envelope = arms(
        "server/src/dialect/studio.rs",
        "match frame.kind() {",
        "other =>",
        "\"",
    );
    envelope.extend(arms(
        "server/src/dialect/studio/operation.rs",
        "match text(frame.operation).as_deref() {",
        "_ =>",
        "Some(\"",
    ));
    assert!(envelope.len() >= 10, "{envelope:?}");
    let mut known = kinds(&wrong_envelopes());
    known.remove("text");
    assert_eq!(known, envelope);
}

/// What a frame is told, up to the answer to a call that is sent behind it.
async fn told(page: &mut Page, frame: &str, n: usize) -> Vec<Value> {
    page.send_text(frame).await;
    let id = format!("behind-{n}");
    page.send(&json!({ "jsonrpc": "2.0", "id": id, "method": "fake/echo", "params": { "n": n } }))
        .await;
    let mut frames = Vec::new();
    loop {
        let frame = page.frame().await;
        if frame["id"] == id {
            assert_eq!(frame["result"]["n"], n, "the session goes on: {frame}");
            return frames;
        }
        frames.push(frame);
    }
}

/// What is wrong with what a frame was told.
fn wrong_answer(told: &Told, frames: &[Value]) -> Option<String> {
    let is_error = |frame: &Value, code: i64| {
        frame["error"]["code"] == code && frame["error"]["data"]["code"] == "frame_malformed"
    };
    let is_right = match told {
        Told::Error(code, id) => {
            frames.len() == 1 && is_error(&frames[0], *code) && frames[0]["id"] == *id
        }
        Told::Errors(code, n) => {
            frames.len() == *n && frames.iter().all(|frame| is_error(frame, *code))
        }
        Told::Frame(kind, words) => {
            frames.len() == 1
                && frames[0]["type"] == *kind
                && frames[0]["error"]
                    .as_str()
                    .is_some_and(|error| error.contains(words))
        }
        Told::Nothing => frames.is_empty(),
    };
    (!is_right).then(|| format!("{frames:?}"))
}

#[tokio::test]
async fn every_kind_of_frame_that_is_wrong_is_told_so_in_its_dialect_and_the_session_goes_on() {
    let bridge = Bridge::start().await;
    let mut problems = Vec::new();
    let mut n_sent = 0;
    for (subprotocol, rows) in [
        ("mcp", all([wrong_messages(), no_messages()])),
        (
            "footbridge.v1",
            all([wrong_messages(), no_messages(), wrong_control_frames()]),
        ),
        ("", all([wrong_envelopes(), wrong_messages()])),
    ] {
        let mut page = bridge.open(&servers::fake(), subprotocol).await;
        if subprotocol == "mcp" {
            let params = json!({ "protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": { "name": "t", "version": "0" } });
            page.call("initialize", params).await;
            page.notify("notifications/initialized", json!({})).await;
        } else {
            page.frame_of("initialized").await;
        }
        while page.skipped().next().is_some() {
            page.frame().await;
        }
        for (n, (kind, frame, expected)) in rows.into_iter().enumerate() {
            let frames = told(&mut page, &frame, n).await;
            let start: String = frame.chars().take(100).collect();
            let problem = wrong_answer(&expected, &frames);
            problems.extend(
                problem.map(|problem| format!("{subprotocol:?}, {kind} {start}: {problem}")),
            );
            n_sent += 1;
        }
        page.close().await;
    }
    assert!(problems.is_empty(), "\n{}", problems.join("\n"));
    assert!(n_sent > 100, "{n_sent}");
    assert!(!bridge.log().contains("panicked"), "{}", bridge.log());
}

/// Several tables as one.
fn all<const N: usize>(tables: [Vec<Row>; N]) -> Vec<Row> {
    tables.into_iter().flatten().collect()
}

#[tokio::test]
async fn a_socket_whose_url_is_wrong_is_told_so_in_its_dialect_and_closed() {
    let bridge = Bridge::configured("[limits]\nconnects_burst = 4000").await;
    let base64 = |text: &str| URL_SAFE_NO_PAD.encode(text);
    let (_, genuine) = bridge.connect(&servers::demo()).await;
    let ticket = genuine
        .split("ticket=")
        .nth(1)
        .expect("a ticket")
        .to_owned();
    let authorization = format!("Bearer {TOKEN}");
    let mut n_sent = 0;
    for (query, close) in [
        (String::new(), 4000),
        ("server_params".to_owned(), 4000),
        ("server_params=".to_owned(), 4000),
        ("server_params=%".to_owned(), 4000),
        ("server_params=%FF%FE".to_owned(), 4000),
        ("server_params=!!!!".to_owned(), 4000),
        (format!("server_params={}", base64("{")), 4000),
        (format!("server_params={}", base64("[]")), 4000),
        (format!("server_params={}", base64("{}")), 4000),
        (format!("server_params={}", base64(&"[".repeat(5000))), 4000),
        (
            format!("server_params={}", URL_SAFE_NO_PAD.encode([0xff, 0xfe])),
            4000,
        ),
        (format!("ticket={ticket}"), 4000),
        ("resume=".to_owned(), 4004),
        ("resume=AAAA&received=0".to_owned(), 4004),
        ("resume=AAAA&received=-1".to_owned(), 4400),
        (format!("resume={}&received=0", "A".repeat(20_000)), 4004),
        (format!("server_params={}&ticket=", base64("{}")), 4004),
        (format!("server_params={}&ticket=AAAA", base64("{}")), 4004),
        (
            format!("server_params={}&ticket={ticket}", base64("{}")),
            4004,
        ),
        (
            format!(
                "server_params={}&ticket={}",
                base64("{}"),
                "A".repeat(20_000)
            ),
            4004,
        ),
    ] {
        for subprotocol in ["", "mcp", "footbridge.v1"] {
            // A session can be taken up again in one dialect alone.
            let is_other = query.starts_with("resume") && subprotocol != "footbridge.v1";
            let close = if is_other { 4400 } else { close };
            let url = format!("/api/mcp/ws/x?{query}");
            let headers = [
                ("authorization", authorization.as_str()),
                ("sec-websocket-protocol", subprotocol),
            ];
            let mut page = Page::open(bridge.address(), &url, &headers)
                .await
                .unwrap_or_else(|refused| panic!("{query}: {refused:?}"));
            let (frames, closed) = page.until_closed().await;
            assert_eq!(closed.map(|(code, _)| code), Some(close), "{query}");
            let is_told = frames.iter().any(|frame| frame["type"] == "error");
            assert_eq!(is_told, subprotocol != "mcp", "{query}: {frames:?}");
            n_sent += 1;
        }
    }
    assert_eq!(n_sent, 60);
    assert_eq!(descendants(bridge.pid()), [0_u32; 0], "nothing was started");
    // None of it has used the ticket up.
    let mut page = bridge
        .upgrade(&genuine, "")
        .await
        .expect("the socket opens");
    assert_eq!(page.frame().await["type"], "initialized");
}
