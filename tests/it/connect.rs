//! `POST connect`, its ticket, and the routes beside it.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use footbridge_tests::Bridge;
use footbridge_tests::Page;
use footbridge_tests::TOKEN;
use footbridge_tests::servers;
use reqwest::Method;
use reqwest::StatusCode;
use serde_json::Value;
use serde_json::json;

/// Whether a value is a moment as RFC 3339 in UTC.
pub(crate) fn is_moment(value: &Value) -> bool {
    let blank = |character: char| {
        if character.is_ascii_digit() {
            '0'
        } else {
            character
        }
    };
    value.as_str().is_some_and(|text| {
        let shape: String = text.chars().map(blank).collect();
        shape == "0000-00-00T00:00:00.000000+00:00" && text.ends_with("+00:00")
    })
}

fn is_uuid(text: &str) -> bool {
    let groups: Vec<usize> = text.split('-').map(str::len).collect();
    groups == [8, 4, 4, 4, 12]
        && text
            .bytes()
            .all(|byte| byte == b'-' || byte.is_ascii_hexdigit())
}

/// The value of a query parameter, with the escapes that base64 needs undone.
pub(crate) fn query(url: &str, name: &str) -> String {
    let query = url.split_once('?').expect("a query").1;
    let value = query
        .split('&')
        .find_map(|pair| pair.strip_prefix(&format!("{name}=")));
    value
        .unwrap_or_else(|| panic!("no {name} in {url}"))
        .replace("%2B", "+")
        .replace("%2F", "/")
        .replace("%3D", "=")
}

/// The same URL with another value of a query parameter; without it when there is none.
fn with_query(url: &str, name: &str, value: Option<&str>) -> String {
    let (path, query) = url.split_once('?').expect("a query");
    let pairs = query.split('&').filter_map(|pair| {
        if !pair.starts_with(&format!("{name}=")) {
            return Some(pair.to_owned());
        }
        value.map(|value| format!("{name}={value}"))
    });
    format!("{path}?{}", pairs.collect::<Vec<_>>().join("&"))
}

/// The frames and the close code of a socket that gets no session.
async fn refused(page: &mut Page) -> (Vec<Value>, u16) {
    let (frames, close) = page.until_closed().await;
    (frames, close.expect("a close code").0)
}

/// `{"status": false, "message", "error": {"code", …}}`; the error.
pub(crate) fn error_of(answer: &Value) -> &Value {
    assert_eq!(answer["status"], false, "{answer}");
    let message = answer["message"].as_str().unwrap_or_default();
    assert!(message.ends_with('.'), "no sentence: {answer}");
    assert!(answer["error"]["code"].is_string(), "{answer}");
    &answer["error"]
}

async fn post(bridge: &Bridge, content_type: &str, body: &str) -> (u16, Value) {
    let response = bridge
        .request(Method::POST, "/api/mcp/ws/connect")
        .header("content-type", content_type)
        .body(body.to_owned())
        .send()
        .await
        .expect("an answer");
    (
        response.status().as_u16(),
        response.json().await.expect("JSON"),
    )
}

#[tokio::test]
async fn the_answer_has_the_documented_members() {
    let bridge = Bridge::start().await;
    let params = json!({
        "type": "StdioServerParams", "command": "/bin/cat", "args": ["a b", "é"],
        "env": { "KEY": "the-secret-value" },
    });
    let (status, answer) = bridge
        .post_connect(&json!({ "server_params": params }))
        .await;
    assert_eq!(status, 200, "{answer}");
    assert_eq!(answer["status"], true);
    assert!(answer["message"].is_string());
    assert!(is_moment(&answer["timestamp"]), "{answer}");
    assert!(is_moment(&answer["expires_at"]), "{answer}");
    let session_id = answer["session_id"].as_str().expect("a session id");
    assert!(is_uuid(session_id), "{session_id}");
    let url = answer["websocket_url"].as_str().expect("a URL");
    assert!(
        url.starts_with(&format!("/api/mcp/ws/{session_id}?server_params=")),
        "{url}"
    );
}

#[tokio::test]
async fn params_in_the_url_can_be_read_and_their_secrets_cannot() {
    let bridge = Bridge::start().await;
    let params = json!({
        "type": "StdioServerParams", "command": "/bin/cat", "args": ["a b", "é"], "cwd": "/",
        "env": { "KEY": "the-secret-value" },
    });
    let (_, url) = bridge.connect(&params).await;
    let decoded = STANDARD
        .decode(query(&url, "server_params"))
        .expect("standard base64");
    let decoded: Value = serde_json::from_slice(&decoded).expect("JSON");
    assert_eq!(decoded["type"], "StdioServerParams");
    assert_eq!(decoded["command"], "/bin/cat");
    assert_eq!(decoded["args"], json!(["a b", "é"]));
    assert_eq!(decoded["cwd"], "/");
    assert_eq!(decoded["env"], json!({ "KEY": "" }));
    let ticket = query(&url, "ticket");
    let inside = base64::engine::general_purpose::URL_SAFE_NO_PAD
        .decode(&ticket)
        .expect("URL-safe base64");
    let secret = b"the-secret-value";
    assert!(!inside.windows(secret.len()).any(|window| window == secret));
}

#[tokio::test]
async fn the_secret_reaches_the_server_all_the_same() {
    let bridge = Bridge::start().await;
    let mut params = servers::fake();
    params["env"] = json!({ "KEY": "the-secret-value" });
    let mut page = bridge.open(&params, "footbridge.v1").await;
    let environment = page.call("fake/environment", json!({})).await;
    assert_eq!(environment["result"]["KEY"], "the-secret-value");
}

#[tokio::test]
async fn capabilities_and_client_info_reach_the_server_as_given() {
    let bridge = Bridge::start().await;
    let capabilities = json!({ "roots": { "listChanged": true }, "experimental": { "com.example/x": { "deep": [1] } } });
    let info = json!({ "name": "page", "version": "9.1", "title": "A page" });
    let body = json!({ "server_params": servers::fake(), "client_capabilities": capabilities, "client_info": info });
    let (_, url) = bridge.connect_as(&body).await;
    let mut page = bridge.upgrade(&url, "").await.expect("the socket opens");
    let said = page.call("fake/client", json!({})).await["result"].clone();
    assert_eq!(said["capabilities"], capabilities);
    assert_eq!(said["clientInfo"], info);
    assert_eq!(said["protocolVersion"], "2025-11-25");
}

#[tokio::test]
async fn a_browser_that_does_not_say_is_declared_to_sample_and_elicit() {
    let bridge = Bridge::start().await;
    let mut page = bridge.open(&servers::fake(), "").await;
    let said = page.call("fake/client", json!({})).await["result"].clone();
    let expected = json!({ "sampling": {}, "elicitation": { "form": {}, "url": {} } });
    assert_eq!(said["capabilities"], expected);
    assert_eq!(said["clientInfo"]["name"], "footbridge");
}

#[tokio::test]
async fn the_body_of_autogen_studios_page_is_taken_and_unknown_fields_are_ignored() {
    let bridge = Bridge::start().await;
    let mut params = servers::fake();
    params["args"] = json!([]);
    params["env"] = json!({});
    params["read_timeout_seconds"] = json!(5);
    params["encoding"] = json!("utf-8");
    params["encoding_error_handler"] = json!("strict");
    params["from_the_future"] = json!([1]);
    let body = json!({ "server_params": params, "also_from_the_future": true });
    let (_, url) = bridge.connect_as(&body).await;
    let mut page = bridge.upgrade(&url, "").await.expect("the socket opens");
    assert_eq!(page.frame().await["type"], "initialized");
}

#[tokio::test]
async fn a_body_that_is_not_json_is_refused_with_400() {
    let bridge = Bridge::start().await;
    let (status, answer) = post(&bridge, "application/json", "{\"server_params\":").await;
    assert_eq!(
        (status, &error_of(&answer)["code"]),
        (400, &json!("bad_request"))
    );
}

#[tokio::test]
async fn a_caller_without_the_token_is_refused_with_401_and_told_how() {
    let bridge = Bridge::start().await;
    for token in [None, Some("wrong")] {
        let url = format!("http://{}/api/mcp/ws/connect", bridge.address());
        let mut request = footbridge_tests::http()
            .post(url)
            .json(&json!({ "server_params": servers::demo() }));
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        let response = request.send().await.expect("an answer");
        assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
        assert_eq!(response.headers()["www-authenticate"], "Bearer");
        let answer = response.json().await.expect("JSON");
        let error = error_of(&answer);
        assert_eq!(error["code"], "unauthorized");
        assert!(
            error["hint"]
                .as_str()
                .is_some_and(|hint| hint.contains("Authorization"))
        );
    }
}

#[tokio::test]
async fn another_method_is_refused_with_405_and_another_path_with_404() {
    let bridge = Bridge::start().await;
    for (method, path) in [
        (Method::PUT, "/api/mcp/ws/connect"),
        (Method::PUT, "/api/mcp/servers"),
        (Method::POST, "/api/mcp/ws/status/x"),
        (Method::POST, "/health/live"),
    ] {
        let response = bridge
            .request(method, path)
            .send()
            .await
            .expect("an answer");
        assert_eq!(response.status().as_u16(), 405, "{path}");
        let answer: Value = response.json().await.expect("JSON");
        assert_eq!(error_of(&answer)["code"], "method_not_allowed", "{path}");
    }
    let (status, answer) = bridge.get("/api/mcp/nothing").await;
    assert_eq!(
        (status, &error_of(&answer)["code"]),
        (404, &json!("not_found"))
    );
}

#[tokio::test]
async fn a_body_over_the_limit_is_refused_with_413() {
    let bridge = Bridge::start().await;
    let body = json!({ "server_params": servers::demo(), "padding": "x".repeat(70_000) });
    let (status, answer) = bridge.post_connect(&body).await;
    assert_eq!(
        (status, &error_of(&answer)["code"]),
        (413, &json!("too_large"))
    );
}

#[tokio::test]
async fn who_is_refused_before_the_body_was_read_learns_that_the_connection_ends() {
    let bridge = Bridge::start().await;
    let refused = bridge
        .request(Method::POST, "/api/mcp/ws/connect")
        .header("content-type", "text/plain")
        .body("{}")
        .send()
        .await
        .expect("an answer");
    assert_eq!(refused.headers()["connection"], "close");
    let unknown = bridge.request(Method::GET, "/api/mcp/nothing").send().await;
    let headers = unknown.expect("an answer").headers().clone();
    assert!(!headers.contains_key("connection"), "{headers:?}");
}

#[tokio::test]
async fn a_body_of_another_type_is_refused_with_415() {
    let bridge = Bridge::start().await;
    let body = json!({ "server_params": servers::demo() }).to_string();
    for content_type in [
        "text/plain",
        "application/x-www-form-urlencoded",
        "application/jsonp",
    ] {
        let (status, answer) = post(&bridge, content_type, &body).await;
        assert_eq!(status, 415, "{content_type}");
        assert_eq!(error_of(&answer)["code"], "unsupported_media_type");
    }
    let (status, _) = post(&bridge, "Application/JSON; charset=utf-8", &body).await;
    assert_eq!(status, 200);
}

#[tokio::test]
async fn another_host_is_refused_with_421() {
    let bridge = Bridge::start().await;
    let response = bridge
        .request(Method::POST, "/api/mcp/ws/connect")
        .header("host", "evil.example")
        .json(&json!({ "server_params": servers::demo() }))
        .send()
        .await
        .expect("an answer");
    assert_eq!(response.status().as_u16(), 421);
    let answer = response.json().await.expect("JSON");
    assert_eq!(error_of(&answer)["code"], "host_denied");
}

#[tokio::test]
async fn a_field_that_is_wrong_is_named_with_422() {
    let bridge = Bridge::start().await;
    let stdio = |fields: Value| {
        let mut params = json!({ "type": "StdioServerParams", "command": "/bin/cat" });
        let (Value::Object(params_map), Value::Object(fields)) = (&mut params, fields) else {
            unreachable!("both are objects")
        };
        params_map.extend(fields);
        json!({ "server_params": params })
    };
    for (body, field) in [
        (json!({}), "server_params"),
        (json!({ "server_params": 1 }), "server_params"),
        (json!({ "server_params": {} }), "server_params.type"),
        (
            json!({ "server_params": { "type": "Telnet" } }),
            "server_params.type",
        ),
        (
            json!({ "server_params": { "type": "StdioServerParams" } }),
            "server_params.command",
        ),
        (stdio(json!({ "command": "" })), "server_params.command"),
        (stdio(json!({ "command": 7 })), "server_params.command"),
        (stdio(json!({ "args": "ls" })), "server_params.args"),
        (stdio(json!({ "args": ["a", 1] })), "server_params.args[1]"),
        (stdio(json!({ "env": ["A=1"] })), "server_params.env"),
        (stdio(json!({ "env": { "A": 1 } })), "server_params.env.A"),
        (
            stdio(json!({ "encoding": "latin-1" })),
            "server_params.encoding",
        ),
        (
            stdio(json!({ "encoding_error_handler": "shrug" })),
            "server_params.encoding_error_handler",
        ),
        (
            json!({ "server_params": { "type": "StreamableHttpServerParams" } }),
            "server_params.url",
        ),
        (
            json!({ "server_params": { "type": "SseServerParams", "url": "http://x/", "timeout": "soon" } }),
            "server_params.timeout",
        ),
        (
            json!({ "server_params": { "type": "named", "server": "nobody" } }),
            "server_params.server",
        ),
        (
            json!({ "server_params": servers::demo(), "client_capabilities": [] }),
            "client_capabilities",
        ),
        (
            json!({ "server_params": servers::demo(), "client_info": { "name": "x" } }),
            "client_info.version",
        ),
    ] {
        let (status, answer) = bridge.post_connect(&body).await;
        assert_eq!(status, 422, "{body} {answer}");
        let error = error_of(&answer);
        assert_eq!(error["code"], "invalid_field", "{body}");
        assert_eq!(error["field"], field, "{body} {answer}");
    }
    let (status, answer) = post(&bridge, "application/json", "[]").await;
    assert_eq!(
        (status, &error_of(&answer)["code"]),
        (422, &json!("invalid_field"))
    );
}

#[tokio::test]
async fn a_ticket_opens_one_session() {
    let bridge = Bridge::start().await;
    let (_, url) = bridge.connect(&servers::fake()).await;
    let mut first = bridge.upgrade(&url, "").await.expect("the socket opens");
    assert_eq!(first.frame().await["type"], "initialized");
    let mut second = bridge
        .upgrade(&url, "")
        .await
        .expect("it is told on the socket");
    let (frames, code) = refused(&mut second).await;
    assert_eq!(code, 4004);
    assert_eq!(frames.len(), 1, "{frames:?}");
    assert_eq!(frames[0]["type"], "error");
    assert_eq!(frames[0]["code"], "ticket_invalid");
    // The first goes on.
    let echo = first.call("fake/echo", json!({ "still": "here" })).await;
    assert_eq!(echo["result"]["still"], "here");
}

#[tokio::test]
async fn a_ticket_opens_no_session_after_the_first_has_ended() {
    let bridge = Bridge::start().await;
    let (_, url) = bridge.connect(&servers::fake()).await;
    let mut first = bridge.upgrade(&url, "").await.expect("the socket opens");
    first.frame().await;
    first.close().await;
    let mut second = bridge
        .upgrade(&url, "")
        .await
        .expect("it is told on the socket");
    assert_eq!(refused(&mut second).await.1, 4004);
}

#[tokio::test]
async fn a_ticket_is_for_the_origin_that_asked_for_it() {
    let bridge = Bridge::start().await;
    let (_, url) = bridge.connect(&servers::fake()).await;
    let own = format!("http://{}", bridge.address());
    let mut page = Page::open(bridge.address(), &url, &[("origin", &own)])
        .await
        .expect("it is told on the socket");
    let (frames, code) = refused(&mut page).await;
    assert_eq!((code, &frames[0]["code"]), (4004, &json!("ticket_invalid")));
}

#[tokio::test]
async fn a_ticket_is_for_the_session_and_the_params_that_it_was_issued_with() {
    let bridge = Bridge::start().await;
    let (session_id, url) = bridge.connect(&servers::fake()).await;
    let other = STANDARD.encode(
        json!({ "type": "StdioServerParams", "command": "/bin/sh", "args": [] }).to_string(),
    );
    let ticket = query(&url, "ticket");
    let mut bent = ticket.clone();
    let last = if bent.pop() == Some('A') { 'B' } else { 'A' };
    bent.insert(bent.len() / 2, last);
    for url in [
        with_query(&url, "server_params", Some(&other)),
        with_query(&url, "ticket", Some(&bent)),
        with_query(&url, "ticket", Some("AQ")),
        url.replace(&session_id, "00000000-0000-4000-8000-000000000000"),
    ] {
        let mut page = bridge
            .upgrade(&url, "")
            .await
            .expect("it is told on the socket");
        let (frames, code) = refused(&mut page).await;
        assert_eq!((code, &frames[0]["type"]), (4004, &json!("error")), "{url}");
    }
    // None of that has used the ticket up.
    let mut page = bridge.upgrade(&url, "").await.expect("the socket opens");
    assert_eq!(page.frame().await["type"], "initialized");
}

#[tokio::test]
async fn params_that_are_missing_or_cannot_be_read_close_the_socket_with_4000() {
    let bridge = Bridge::start().await;
    let authorization = format!("Bearer {TOKEN}");
    for (query, session_id) in [
        ("", "a"),
        ("?server_params=%21%21", "b"),
        ("?server_params=bm90IGpzb24", "c"),
        ("?server_params=e30", "d"),
        ("?ticket=AQ", "e"),
    ] {
        let url = format!("/api/mcp/ws/{session_id}{query}");
        let mut page = Page::open(bridge.address(), &url, &[("authorization", &authorization)])
            .await
            .expect("it is told on the socket");
        let (frames, code) = refused(&mut page).await;
        assert_eq!((code, &frames[0]["type"]), (4000, &json!("error")), "{url}");
    }
}

#[tokio::test]
async fn the_catalogue_is_listed_without_commands_or_secrets() {
    let folder = footbridge_tests::Scratch::new();
    let file = folder.write(
        "servers.json",
        r#"{"mcpServers": {"notes": {"title": "Notes", "description": "Notes on paper", "command": "/opt/the-command",
            "args": ["--the-argument"], "env": {"THE_NAME": "the-value"}}}}"#,
    );
    let bridge = Bridge::with(&["--token", TOKEN, "--servers", &file], Some(TOKEN)).await;
    let (status, answer) = bridge.get("/api/mcp/servers").await;
    assert_eq!((status, &answer["status"]), (200, &json!(true)));
    let notes = answer["servers"]
        .as_array()
        .expect("a list")
        .iter()
        .find(|server| server["name"] == "notes")
        .expect("its entry");
    assert_eq!(notes["title"], "Notes");
    assert_eq!(notes["description"], "Notes on paper");
    assert_eq!(notes["transport"], "stdio");
    let text = answer.to_string();
    for hidden in [
        "the-command",
        "the-argument",
        "THE_NAME",
        "the-value",
        "/opt",
    ] {
        assert!(!text.contains(hidden), "{text}");
    }
}

#[tokio::test]
async fn health_needs_no_token_and_the_catalogue_and_status_do() {
    let bridge = Bridge::start().await;
    let client = footbridge_tests::http();
    for (path, expected) in [
        ("/health/live", 200),
        ("/health/ready", 200),
        ("/api/mcp/openapi.json", 200),
        ("/api/mcp/servers", 401),
        ("/api/mcp/ws/status/x", 401),
    ] {
        let response = client
            .get(format!("http://{}{path}", bridge.address()))
            .send()
            .await
            .expect("an answer");
        assert_eq!(response.status().as_u16(), expected, "{path}");
        assert_eq!(
            response.headers()["content-type"],
            "application/json",
            "{path}"
        );
    }
}

#[tokio::test]
async fn every_operation_of_the_openapi_document_exists() {
    let bridge = Bridge::start().await;
    let (status, document) = bridge.get("/api/mcp/openapi.json").await;
    assert_eq!(status, 200);
    assert_eq!(document["info"]["version"], env!("CARGO_PKG_VERSION"));
    let paths = document["paths"].as_object().expect("paths");
    let mut listed = Vec::new();
    for (path, operations) in paths {
        for (method, _) in operations.as_object().expect("operations") {
            if method == "parameters" {
                continue;
            }
            listed.push(format!("{method} {path}"));
            let there = path.replace("{session_id}", "not-open");
            let method: Method = method.to_uppercase().parse().expect("a method");
            let response = bridge
                .request(method, &there)
                .send()
                .await
                .expect("an answer");
            let status = response.status().as_u16();
            let answer = response.text().await.expect("a body");
            // The metrics are the only text.
            let answer: Value = serde_json::from_str(&answer).unwrap_or_default();
            assert_ne!(status, 405, "{path}");
            assert_ne!(answer["error"]["code"], "not_found", "{path}");
        }
    }
    listed.sort();
    let routes = [
        "delete /api/mcp/ws/{session_id}",
        "get /api/mcp/openapi.json",
        "get /api/mcp/servers",
        "get /api/mcp/ws/status/{session_id}",
        "get /api/mcp/ws/{session_id}",
        "get /health/live",
        "get /health/ready",
        "get /metrics",
        "post /api/mcp/ws/connect",
    ];
    assert_eq!(listed, routes);
}

#[tokio::test]
async fn sealed_params_cannot_be_read_and_open_their_session_once() {
    let bridge = Bridge::with(
        &["--token", TOKEN, "--params-in-url", "sealed"],
        Some(TOKEN),
    )
    .await;
    let (_, url) = bridge.connect(&servers::demo()).await;
    assert!(!url.contains("ticket="), "{url}");
    let params = url.split("server_params=").nth(1).expect("server_params");
    let decoded = URL_SAFE_NO_PAD.decode(params).expect("base64");
    assert!(!String::from_utf8_lossy(&decoded).contains("demo"));
    let mut page = bridge.upgrade(&url, "").await.expect("the socket opens");
    page.frame_of("initialized").await;
    let mut again = bridge.upgrade(&url, "").await.expect("the socket opens");
    assert_eq!(
        again.until_closed().await.1.map(|(code, _)| code),
        Some(4004)
    );
    page.close().await;
}
