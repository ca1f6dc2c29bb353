//! What an attacker gets: nothing. The gate in front of every kind of route, and secrets that stay secret.

use std::collections::BTreeSet;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use footbridge_tests::Bridge;
use footbridge_tests::Page;
use footbridge_tests::Refused;
use footbridge_tests::Scratch;
use footbridge_tests::TOKEN;
use footbridge_tests::root;
use footbridge_tests::servers;
use reqwest::Method;
use serde_json::Value;
use serde_json::json;

use crate::connect::error_of;

/// A socket URL with params in the open, as the ancestor's documents show it.
fn plain_url(session_id: &str, params: &Value) -> String {
    let base64 = URL_SAFE_NO_PAD.encode(params.to_string());
    format!("/api/mcp/ws/{session_id}?server_params={base64}")
}

/// Params of a server that leaves a mark as soon as it runs.
fn marker(folder: &Scratch) -> Value {
    let mark = folder.path("mark");
    servers::shell(&format!(
        "touch {}; exec {}",
        mark.display(),
        servers::fake_program()
    ))
}

/// A session runs, so anything that was started before it has had its time.
async fn settle(bridge: &Bridge) {
    let mut page = bridge.open(&servers::fake(), "footbridge.v1").await;
    page.frame_of("initialized").await;
}

#[tokio::test]
async fn a_socket_that_names_a_command_without_ticket_or_token_starts_nothing_whatever_its_origin()
{
    let bridge = Bridge::start().await;
    let folder = Scratch::new();
    let own = format!("http://{}", bridge.address());
    for (origin, expected) in [
        ("https://evil.example", 403),
        ("null", 403),
        (&*own, 401),
        ("", 401),
    ] {
        for subprotocol in ["", "mcp", "footbridge.v1"] {
            let headers = [("origin", origin), ("sec-websocket-protocol", subprotocol)];
            let url = plain_url("attack", &marker(&folder));
            let refused = Page::open(bridge.address(), &url, &headers).await.err();
            assert_eq!(
                refused,
                Some(Refused(expected)),
                "{origin:?} {subprotocol:?}"
            );
        }
    }
    settle(&bridge).await;
    assert!(!folder.has("mark"));
}

#[tokio::test]
async fn a_wrong_token_on_the_upgrade_starts_nothing() {
    let bridge = Bridge::start().await;
    let folder = Scratch::new();
    for (name, value) in [
        ("authorization", "Bearer wrong"),
        ("authorization", "Basic dG9rZW4="),
        ("sec-websocket-protocol", "mcp, bearer.wrong"),
    ] {
        let url = plain_url("attack", &marker(&folder));
        let refused = Page::open(bridge.address(), &url, &[(name, value)])
            .await
            .err();
        assert_eq!(refused, Some(Refused(401)), "{name}: {value}");
    }
    // A ticket does not make up for a wrong token.
    let (_, url) = bridge.connect(&marker(&folder)).await;
    let refused = Page::open(bridge.address(), &url, &[("authorization", "Bearer wrong")])
        .await
        .err();
    assert_eq!(refused, Some(Refused(401)));
    settle(&bridge).await;
    assert!(!folder.has("mark"));
}

#[tokio::test]
async fn params_in_the_open_start_a_server_for_whoever_brings_the_token() {
    let bridge = Bridge::start().await;
    let authorization = format!("Bearer {TOKEN}");
    let both = format!("bearer.{TOKEN}, mcp");
    let native = format!("footbridge.v1, bearer.{TOKEN}");
    let own = format!("http://{}", bridge.address());
    let mut params = servers::fake();
    params["env"] = json!({ "KEY": "a secret in the open" });
    for (n, (headers, echoed)) in [
        (vec![("authorization", &*authorization)], None),
        (
            vec![("authorization", &*authorization), ("origin", &*own)],
            None,
        ),
        (vec![("sec-websocket-protocol", &*both)], Some("mcp")),
        (
            vec![("sec-websocket-protocol", &*native)],
            Some("footbridge.v1"),
        ),
    ]
    .into_iter()
    .enumerate()
    {
        let url = plain_url(&format!("mine.{n}_-"), &params);
        let mut page = match Page::open(bridge.address(), &url, &headers).await {
            Ok(page) => page,
            Err(refused) => panic!("{headers:?}: {refused:?}"),
        };
        assert_eq!(page.subprotocol.as_deref(), echoed, "{headers:?}");
        let environment = page.call("fake/environment", json!({})).await;
        assert_eq!(environment["result"]["KEY"], "a secret in the open");
    }
}

#[tokio::test]
async fn every_spelling_of_base64_is_understood() {
    let bridge = Bridge::start().await;
    let authorization = format!("Bearer {TOKEN}");
    // Its base64 has characters in which the two alphabets differ, and padding.
    let mut params = servers::fake();
    params["args"] = json!(["ÿþ?>ÿþ?>~~~???", "1"]);
    let text = params.to_string();
    let standard = STANDARD.encode(&text);
    assert!(
        standard.contains('+') || standard.contains('/'),
        "{standard}"
    );
    let escaped = standard
        .replace('+', "%2B")
        .replace('/', "%2F")
        .replace('=', "%3D");
    for (n, spelling) in [
        standard.clone(),
        escaped,
        standard.trim_end_matches('=').to_owned(),
        standard.replace('+', "%20"),
        URL_SAFE_NO_PAD.encode(&text),
        base64::engine::general_purpose::URL_SAFE.encode(&text),
    ]
    .iter()
    .enumerate()
    {
        let url = format!("/api/mcp/ws/spelling-{n}?server_params={spelling}");
        let mut page = Page::open(bridge.address(), &url, &[("authorization", &authorization)])
            .await
            .expect("the socket opens");
        assert_eq!(page.frame().await["type"], "initialized", "{spelling}");
    }
}

#[tokio::test]
async fn a_session_id_that_is_in_use_or_has_other_characters_is_refused() {
    let bridge = Bridge::start().await;
    let authorization = format!("Bearer {TOKEN}");
    let headers = [("authorization", &*authorization)];
    let url = plain_url("mine", &servers::fake());
    let mut first = Page::open(bridge.address(), &url, &headers)
        .await
        .expect("the socket opens");
    assert_eq!(first.frame().await["type"], "initialized");
    let long = "x".repeat(129);
    for (session_id, code) in [
        ("mine", 4409),
        ("a%20b", 4000),
        ("a%2Fb", 4000),
        (&*long, 4000),
    ] {
        let url = plain_url(session_id, &servers::fake());
        let mut page = Page::open(bridge.address(), &url, &headers)
            .await
            .expect("it is told on the socket");
        let (frames, close) = page.until_closed().await;
        assert_eq!(
            close.expect("a close code").0,
            code,
            "{session_id}: {frames:?}"
        );
    }
    let echo = first.call("fake/echo", json!({ "still": "here" })).await;
    assert_eq!(echo["result"]["still"], "here");
}

#[tokio::test]
async fn another_host_or_origin_is_refused_on_every_kind_of_route() {
    let bridge = Bridge::start().await;
    let port = bridge.address().port();
    let client = footbridge_tests::http_builder()
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .expect("a client");
    for (method, path) in [
        (Method::GET, "/"),
        (Method::GET, "/assets/app.js"),
        (Method::GET, "/no/such/thing"),
        (Method::GET, "/health/live"),
        (Method::POST, "/api/mcp/ws/connect"),
        (Method::OPTIONS, "/api/mcp/ws/connect"),
        (Method::GET, "/api/mcp/ws/status/x"),
        (Method::DELETE, "/api/mcp/ws/x"),
        (Method::GET, "/api/mcp/ws/x"),
        (Method::GET, "/api/mcp/servers"),
        (Method::GET, "/api/mcp/openapi.json"),
        (Method::GET, "/api/mcp/no/such/route"),
    ] {
        let (rebound, everywhere) = (format!("evil.example:{port}"), format!("0.0.0.0:{port}"));
        let same_machine = format!("http://127.0.0.1:{}", port.wrapping_add(1));
        let other_scheme = format!("https://127.0.0.1:{port}");
        for (name, value, expected) in [
            ("host", "evil.example", 421),
            ("host", "127.0.0.1", 421),
            ("host", &*rebound, 421),
            ("host", &*everywhere, 421),
            ("origin", "https://evil.example", 403),
            ("origin", "null", 403),
            ("origin", &*same_machine, 403),
            ("origin", &*other_scheme, 403),
            ("sec-fetch-site", "cross-site", 403),
        ] {
            let response = client
                .request(method.clone(), format!("http://{}{path}", bridge.address()))
                .bearer_auth(TOKEN)
                .header(name, value)
                .send()
                .await
                .expect("an answer");
            assert_eq!(
                response.status().as_u16(),
                expected,
                "{method} {path} {name}: {value}"
            );
            assert!(
                response
                    .headers()
                    .get("access-control-allow-origin")
                    .is_none(),
                "{method} {path} {name}: {value}"
            );
            error_of(&response.json().await.expect("JSON"));
        }
    }
    let url = plain_url("attack", &servers::fake());
    let authorization = format!("Bearer {TOKEN}");
    for (name, value, expected) in [
        ("host", "evil.example", 421),
        ("origin", "https://evil.example", 403),
    ] {
        let headers = [("authorization", &*authorization), (name, value)];
        let refused = Page::open(bridge.address(), &url, &headers).await.err();
        assert_eq!(refused, Some(Refused(expected)), "{name}");
    }
}

#[tokio::test]
async fn nothing_that_is_served_without_a_credential_holds_the_token() {
    let bridge = Bridge::start().await;
    let mut seen = String::new();
    for path in [
        "/",
        "/index.html",
        "/favicon.svg",
        "/no/such/file",
        "/health/live",
        "/health/ready",
        "/api/mcp/openapi.json",
        "/api/mcp/servers",
        "/metrics",
    ] {
        let response = footbridge_tests::http()
            .get(format!("http://{}{path}", bridge.address()))
            .send()
            .await
            .expect("an answer");
        seen.push_str(&format!("{:?}", response.headers()));
        seen.push_str(&response.text().await.expect("a body"));
    }
    assert!(
        seen.contains("<html") || seen.contains("<!doctype"),
        "the page is among it"
    );
    assert!(!seen.contains(TOKEN));
}

/// What stands between quotes in a list of the sources.
fn quoted(path: &str, begin: &str, end: &str) -> BTreeSet<String> {
    let text = std::fs::read_to_string(root().join(path)).expect(path);
    let (_, rest) = text.split_once(begin).expect(begin);
    let (list, _) = rest.split_once(end).expect(end);
    list.split('"')
        .skip(1)
        .step_by(2)
        .map(str::to_owned)
        .collect()
}

#[test]
fn the_page_asks_anew_for_every_variable_that_decides_what_runs() {
    let variables = "server/src/variables.rs";
    let names = quoted(variables, "const OF_CODE: ", "];");
    let mut beginnings = quoted(variables, "const OF_CODE_BEGINNINGS: ", "];");
    beginnings.extend(quoted(variables, "pub const OWN: ", ";"));
    assert!(
        names.len() > 15 && beginnings.len() > 6,
        "{names:?} {beginnings:?}"
    );
    let page =
        std::fs::read_to_string(root().join("www/src/session/consent.ts")).expect("consent.ts");
    let (_, pattern) = page
        .split_once("const CHANGES_WHAT_RUNS = /^(")
        .expect("the pattern");
    let (pattern, _) = pattern
        .split_once(")$/i;")
        .expect("whatever the case of its letters");
    let (begin, whole) = pattern
        .split_once(")|^(")
        .expect("beginnings, and whole names");
    let words = |text: &str| text.split('|').map(str::to_owned).collect::<BTreeSet<_>>();
    assert_eq!(words(begin), beginnings);
    assert_eq!(words(whole), names);
}

#[tokio::test]
async fn the_names_of_this_machine_are_its_hosts() {
    let bridge = Bridge::start().await;
    let port = bridge.address().port();
    for host in ["127.0.0.1", "localhost", "LocalHost", "localhost.", "[::1]"] {
        let response = bridge
            .request(Method::GET, "/health/live")
            .header("host", format!("{host}:{port}"))
            .send()
            .await
            .expect("an answer");
        assert_eq!(response.status().as_u16(), 200, "{host}");
    }
}

#[tokio::test]
async fn without_authentication_only_the_catalogue_is_reached() {
    let folder = Scratch::new();
    let fake = servers::fake_program();
    let file = folder.write(
        "servers.json",
        &json!({ "mcpServers": { "fake": { "command": fake, "args": ["--quiet", "now"] } } })
            .to_string(),
    );
    let bridge = Bridge::with(&["--no-auth", "--servers", &file], None).await;

    let (status, answer) = bridge
        .post_connect(&json!({ "server_params": marker(&folder) }))
        .await;
    assert_eq!(status, 403, "{answer}");
    assert_eq!(error_of(&answer)["code"], "params_denied");
    let message = answer["message"].as_str().unwrap_or_default();
    assert!(
        message.contains("catalogue") && message.contains("--servers"),
        "{message}"
    );

    let mut page = bridge
        .upgrade(&plain_url("attack", &marker(&folder)), "")
        .await
        .expect("it is told on the socket");
    let (frames, close) = page.until_closed().await;
    assert_eq!(close.expect("a close code").0, 4403);
    assert_eq!(frames[0]["code"], "params_denied");

    // Almost the catalogue's command is not the catalogue's command.
    for params in [
        json!({ "type": "StdioServerParams", "command": fake, "args": ["--quiet"] }),
        json!({ "type": "StdioServerParams", "command": fake, "args": ["--quiet", "now", "more"] }),
        json!({ "type": "StdioServerParams", "command": fake, "args": ["--quiet", "now"], "env": { "LD_PRELOAD": "x" } }),
        json!({ "type": "StdioServerParams", "command": "fake_mcp", "args": ["--quiet", "now"] }),
    ] {
        let (status, answer) = bridge
            .post_connect(&json!({ "server_params": params }))
            .await;
        assert_eq!(status, 403, "{params} {answer}");
    }

    for params in [
        json!({ "type": "named", "server": "fake" }),
        json!({ "type": "StdioServerParams", "command": fake, "args": ["--quiet", "now"] }),
    ] {
        let mut page = bridge.open(&params, "").await;
        assert_eq!(page.frame().await["type"], "initialized");
    }
    assert!(!folder.has("mark"));
}

#[tokio::test]
async fn without_authentication_commands_start_only_when_the_operator_says_so() {
    let bridge = Bridge::with(&["--no-auth", "--allow-commands"], None).await;
    let mut page = bridge.open(&servers::fake(), "").await;
    assert_eq!(page.frame().await["type"], "initialized");
    assert!(
        bridge.log().contains("--allow-commands"),
        "{}",
        bridge.log()
    );
}

#[tokio::test]
async fn a_page_of_an_allowed_origin_may_ask_and_open_and_no_other() {
    const PAGE: &str = "https://app.example";
    let bridge = Bridge::with(&["--token", TOKEN, "--allow-origin", PAGE], Some(TOKEN)).await;

    let preflight = footbridge_tests::http()
        .request(
            Method::OPTIONS,
            format!("http://{}/api/mcp/ws/connect", bridge.address()),
        )
        .header("origin", PAGE)
        .header("access-control-request-method", "POST")
        .header(
            "access-control-request-headers",
            "authorization,content-type",
        )
        .send()
        .await
        .expect("an answer");
    assert_eq!(preflight.status().as_u16(), 204);
    let headers = preflight.headers();
    assert_eq!(headers["access-control-allow-origin"], PAGE);
    let text = |name: &str| headers[name].to_str().expect("text").to_ascii_lowercase();
    assert!(text("access-control-allow-methods").contains("post"));
    assert!(text("access-control-allow-methods").contains("delete"));
    assert!(text("access-control-allow-headers").contains("authorization"));
    assert!(text("access-control-allow-headers").contains("content-type"));
    assert!(text("vary").contains("origin"));
    assert!(headers.get("access-control-allow-credentials").is_none());

    let response = bridge
        .request(Method::POST, "/api/mcp/ws/connect")
        .header("origin", PAGE)
        .json(&json!({ "server_params": servers::fake() }))
        .send()
        .await
        .expect("an answer");
    assert_eq!(response.status().as_u16(), 200);
    assert_eq!(response.headers()["access-control-allow-origin"], PAGE);
    let answer: Value = response.json().await.expect("JSON");
    let url = answer["websocket_url"].as_str().expect("a URL");
    let mut page = Page::open(bridge.address(), url, &[("origin", PAGE)])
        .await
        .expect("the socket opens");
    assert_eq!(page.frame().await["type"], "initialized");

    // It can read why it was refused.
    let refused = footbridge_tests::http()
        .get(format!("http://{}/api/mcp/servers", bridge.address()))
        .header("origin", PAGE)
        .bearer_auth("wrong")
        .send()
        .await
        .expect("an answer");
    assert_eq!(refused.status().as_u16(), 401);
    assert_eq!(refused.headers()["access-control-allow-origin"], PAGE);

    for other in [
        "https://app.example.evil",
        "http://app.example",
        "https://app.example:8443",
    ] {
        let response = bridge
            .request(Method::GET, "/api/mcp/servers")
            .header("origin", other)
            .send()
            .await
            .expect("an answer");
        assert_eq!(response.status().as_u16(), 403, "{other}");
        assert!(
            response
                .headers()
                .get("access-control-allow-origin")
                .is_none(),
            "{other}"
        );
    }
}

#[tokio::test]
async fn every_answer_forbids_framing_sniffing_and_keeping() {
    let bridge = Bridge::start().await;
    let refused = ("host", "evil.example");
    let wrong = ("authorization", "Bearer wrong");
    let plain = ("x-plain", "1");
    for (method, path, header, status) in [
        (Method::GET, "/", plain, 200),
        (Method::GET, "/favicon.svg", plain, 200),
        (Method::GET, "/no/such/file", plain, 404),
        (Method::POST, "/", plain, 405),
        (Method::GET, "/", refused, 421),
        (Method::GET, "/health/live", plain, 200),
        (Method::GET, "/api/mcp/servers", wrong, 401),
        (Method::GET, "/api/mcp/openapi.json", plain, 200),
        (Method::GET, "/api/mcp/nothing", plain, 404),
        (Method::PUT, "/api/mcp/servers", plain, 405),
        (Method::POST, "/api/mcp/ws/connect", plain, 415),
    ] {
        let what = format!("{method} {path} with {}", header.0);
        let response = bridge
            .request(method, path)
            .header(header.0, header.1)
            .send()
            .await
            .expect("an answer");
        assert_eq!(response.status().as_u16(), status, "{what}");
        let headers = response.headers();
        for (name, value) in [
            ("x-content-type-options", "nosniff"),
            ("referrer-policy", "no-referrer"),
            ("x-frame-options", "DENY"),
            ("cross-origin-opener-policy", "same-origin"),
            ("cross-origin-resource-policy", "same-origin"),
        ] {
            assert_eq!(headers[name], value, "{what}: {name}");
        }
        let policy = headers["content-security-policy"].to_str().unwrap();
        for rule in [
            "default-src 'none'",
            "frame-ancestors 'none'",
            "base-uri 'none'",
            "form-action 'none'",
        ] {
            assert!(policy.contains(rule), "{what}: {rule} in {policy}");
        }
        let permissions = headers["permissions-policy"].to_str().unwrap();
        assert!(permissions.contains("camera=()"), "{what}: {permissions}");
        let kept = if path == "/favicon.svg" {
            "no-cache"
        } else {
            "no-store"
        };
        assert_eq!(headers["cache-control"], kept, "{what}");
    }
}

#[tokio::test]
async fn the_page_may_talk_to_the_host_it_came_from_and_to_no_other() {
    let bridge = Bridge::start().await;
    let port = bridge.address().port();
    for host in [format!("127.0.0.1:{port}"), format!("localhost:{port}")] {
        let response = bridge
            .request(Method::GET, "/")
            .header("host", &host)
            .send()
            .await
            .expect("an answer");
        let policy = response.headers()["content-security-policy"]
            .to_str()
            .unwrap();
        let sources = policy
            .split("; ")
            .find_map(|rule| rule.strip_prefix("connect-src "));
        let own = format!("'self' ws://{host} wss://{host}");
        assert_eq!(sources, Some(&*own), "{policy}");
        assert!(!policy.contains("unsafe-inline"), "{policy}");
        assert!(
            policy.contains("require-trusted-types-for 'script'; trusted-types 'none'"),
            "{policy}"
        );
    }
}

#[tokio::test]
async fn secrets_are_seen_nowhere_even_when_the_server_prints_them_and_dies() {
    const SECRET: &str = "canary-7f3a9c41-of-the-environment";
    let bridge = Bridge::start().await;
    let mut seen = String::new();

    // It lives long enough to be asked about.
    let mut params = servers::fake();
    params["env"] = json!({ "API_KEY": SECRET });
    let (session_id, url) = bridge.connect(&params).await;
    seen.push_str(&url);
    let mut page = bridge
        .upgrade(&url, "footbridge.v1")
        .await
        .expect("the socket opens");
    page.send(&json!({ "type": "stderr", "enabled": true }))
        .await;
    page.call("fake/complain", json!(format!("my key is {SECRET}!")))
        .await;
    let line = page.frame_of("stderr").await;
    assert_eq!(line["line"], "my key is ***!");
    let (_, status) = bridge
        .get(&format!("/api/mcp/ws/status/{session_id}"))
        .await;
    seen.push_str(&status.to_string());
    page.send(
        &json!({ "jsonrpc": "2.0", "id": "last", "method": "fake/exit",
        "params": { "code": 7, "stderr": format!("dying with {SECRET}") } }),
    )
    .await;
    let (frames, close) = page.until_closed().await;
    let error = frames
        .iter()
        .find(|frame| frame["type"] == "error")
        .expect("an error");
    assert!(
        error["data"]["stderr"]
            .as_str()
            .is_some_and(|tail| tail.contains("dying with ***")),
        "{error}"
    );
    seen.push_str(&format!("{frames:?} {close:?}"));

    // It dies at once, in each dialect.
    for subprotocol in ["", "mcp", "footbridge.v1"] {
        let mut params = servers::shell("env >&2; echo \"$API_KEY\"; exit 3");
        params["env"] = json!({ "API_KEY": SECRET });
        let mut page = bridge.open(&params, subprotocol).await;
        let (frames, close) = page.until_closed().await;
        assert_eq!(close.as_ref().map(|close| close.0), Some(4502));
        seen.push_str(&format!("{frames:?} {close:?}"));
    }

    // It cannot be started, or is refused.
    let mut params = json!({ "type": "StdioServerParams", "command": "/no/such/program", "env": { "API_KEY": SECRET } });
    let mut page = bridge.open(&params, "").await;
    seen.push_str(&format!("{:?}", page.until_closed().await));
    params["env"] = json!({ "API_KEY": SECRET, "A=B": "x" });
    seen.push_str(&format!(
        "{:?}",
        bridge
            .post_connect(&json!({ "server_params": params }))
            .await
    ));
    for kind in ["SseServerParams", "StreamableHttpServerParams"] {
        let params = json!({ "type": kind, "url": "http://127.0.0.1:9/", "headers": { "Authorization": format!("Bearer {SECRET}") } });
        seen.push_str(&format!(
            "{:?}",
            bridge
                .post_connect(&json!({ "server_params": params }))
                .await
        ));
    }

    let (_, listed) = bridge.get("/api/mcp/servers").await;
    seen.push_str(&listed.to_string());
    assert!(!seen.contains(SECRET), "{seen}");
    assert!(!seen.contains(TOKEN), "{seen}");
    let log = bridge.log();
    assert!(log.contains("session closed"), "the log is on: {log}");
    assert!(!log.contains(SECRET), "{log}");
    assert!(!log.contains(TOKEN), "{log}");
}
