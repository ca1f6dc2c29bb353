use std::net::SocketAddr;
use std::time::Duration;

use footbridge_tests::Bridge;
use footbridge_tests::DEADLINE;
use footbridge_tests::Page;
use footbridge_tests::Refused;
use footbridge_tests::Scratch;
use footbridge_tests::TOKEN;
use footbridge_tests::binary;
use footbridge_tests::eventually;
use footbridge_tests::issuer::AUDIENCE;
use footbridge_tests::issuer::Document;
use footbridge_tests::issuer::ISSUER;
use footbridge_tests::issuer::Issuer;
use footbridge_tests::servers;
use footbridge_tests::within;
use reqwest::Method;
use serde_json::Value;
use serde_json::json;
use tokio::io::AsyncBufReadExt;
use tokio::io::AsyncReadExt;
use tokio::io::AsyncWriteExt;
use tokio::io::BufReader;
use tokio::net::TcpStream;

/// How long something that was changed may take to be noticed.
const NOTICED: Duration = Duration::from_secs(30);

/// Sends bytes and reads until the connection is closed.
async fn raw(address: SocketAddr, request: &[u8]) -> String {
    let mut socket = TcpStream::connect(address).await.expect("a connection");
    socket.write_all(request).await.expect("it is taken");
    let mut answer = Vec::new();
    // A server that has not read everything may end the connection hard.
    let _ = within("the answer", socket.read_to_end(&mut answer)).await;
    String::from_utf8_lossy(&answer).into_owned()
}

/// The status of an answer's first line; 0 when there was none.
fn status_of(answer: &str) -> u16 {
    let status = answer.split(' ').nth(1).and_then(|text| text.parse().ok());
    status.unwrap_or_default()
}

/// Status, headers and body of an answer.
struct Answer {
    status: u16,
    retry_after: Option<u64>,
    body: Value,
}

/// Asks with headers of one's own.
async fn ask(bridge: &Bridge, method: Method, path: &str, headers: &[(&str, &str)]) -> Answer {
    let mut request = footbridge_tests::http()
        .request(method.clone(), format!("http://{}{path}", bridge.address()));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    if method == Method::POST {
        request = request.json(&json!({ "server_params": servers::demo() }));
    }
    let response = within("an answer", request.send())
        .await
        .expect("an answer");
    let retry_after = response.headers().get("retry-after").map(|value| {
        let text = value.to_str().expect("text");
        text.parse().expect("a number of seconds")
    });
    Answer {
        status: response.status().as_u16(),
        retry_after,
        body: response.json().await.unwrap_or_default(),
    }
}

fn bearer(token: &str) -> String {
    format!("Bearer {token}")
}

/// A socket URL with params in the open.
fn plain_url(session_id: &str) -> String {
    use base64::Engine;
    let params = base64::prelude::BASE64_URL_SAFE_NO_PAD.encode(servers::demo().to_string());
    format!("/api/mcp/ws/{session_id}?server_params={params}")
}

#[tokio::test]
async fn what_is_not_proper_http_1_1_is_refused_on_every_path() {
    let bridge = Bridge::start().await;
    let address = bridge.address();
    for path in [
        "/",
        "/no/such/thing",
        "/health/live",
        "/api/mcp/servers",
        "/api/mcp/ws/x",
    ] {
        let other = format!("http://evil.example{path}");
        let own = format!("http://{address}{path}");
        let host = format!("Host: {address}\r\n");
        for (target, version, lines, expected) in [
            (path, "HTTP/1.1", String::new(), Some(400)),
            (path, "HTTP/1.1", format!("{host}{host}"), Some(400)),
            (
                path,
                "HTTP/1.1",
                "Host: evil.example\r\n".to_owned(),
                Some(421),
            ),
            (path, "HTTP/1.0", host.clone(), Some(400)),
            (&*other, "HTTP/1.1", host.clone(), Some(400)),
            (
                &*other,
                "HTTP/1.1",
                "Host: evil.example\r\n".to_owned(),
                Some(421),
            ),
            (&*own, "HTTP/1.1", host.clone(), None),
            // An upgrade to HTTP/2 is not taken up: the answer is one of HTTP/1.1.
            (
                path,
                "HTTP/1.1",
                format!("{host}Upgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n"),
                None,
            ),
        ] {
            let request = format!("GET {target} {version}\r\n{lines}Connection: close\r\n\r\n");
            let answer = raw(address, request.as_bytes()).await;
            let status = status_of(&answer);
            match expected {
                Some(expected) => assert_eq!(status, expected, "{request}\n{answer}"),
                None => assert!(
                    answer.starts_with("HTTP/1.1 ") && !matches!(status, 101 | 421 | 403),
                    "{request}\n{answer}"
                ),
            }
        }
        let request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n");
        let exotic = [
            request.as_bytes(),
            b"Origin: http://\xe4vil.example\r\n\r\n",
        ]
        .concat();
        assert_eq!(status_of(&raw(address, &exotic).await), 403, "{path}");
    }
    let preface = raw(
        address,
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0",
    )
    .await;
    assert!(
        !preface.contains(" 200 ") && !preface.starts_with('\0'),
        "{preface}"
    );
    assert_eq!(bridge.get("/health/live").await.0, 200);
}

#[tokio::test]
async fn a_second_request_cannot_be_smuggled_behind_two_lengths() {
    let bridge = Bridge::start().await;
    let address = bridge.address();
    let smuggled = format!("GET /smuggled HTTP/1.1\r\nHost: {address}\r\n\r\n");
    let body = format!("0\r\n\r\n{smuggled}");
    let length = format!("Content-Length: {}\r\n", body.len());
    let chunked = "Transfer-Encoding: chunked\r\n";
    for lines in [format!("{length}{chunked}"), format!("{chunked}{length}")] {
        let request =
            format!("POST /api/mcp/ws/connect HTTP/1.1\r\nHost: {address}\r\n{lines}\r\n{body}");
        let answer = raw(address, request.as_bytes()).await;
        assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "{answer}");
        assert_ne!(status_of(&answer), 200, "{answer}");
    }
    // Two lengths that differ, and a coding that says no length, are no request at all.
    for lines in [
        "Content-Length: 5\r\nContent-Length: 6\r\n",
        "Transfer-Encoding: gzip\r\n",
    ] {
        let request = format!("POST / HTTP/1.1\r\nHost: {address}\r\n{lines}\r\n12345{smuggled}");
        let answer = raw(address, request.as_bytes()).await;
        assert_eq!(status_of(&answer), 400, "{answer}");
        assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "{answer}");
    }
}

#[tokio::test]
async fn a_head_one_byte_or_one_line_too_long_is_431() {
    let bridge = Bridge::configured("[limits]\nhead_bytes = 8192\nheaders = 20").await;
    let address = bridge.address();
    let send = async |target: &str, lines: &str| {
        let head =
            format!("GET {target} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n{lines}\r\n");
        let answer = raw(address, head.as_bytes()).await;
        (head.len(), status_of(&answer), answer)
    };
    let (rest, _, _) = send("/health/live", "X-Long: \r\n").await;
    for (n_bytes, expected) in [(8192 - rest, 200), (8192 - rest + 1, 431)] {
        let (length, status, _) = send(
            "/health/live",
            &format!("X-Long: {}\r\n", "x".repeat(n_bytes)),
        )
        .await;
        assert_eq!(status, expected, "{length} bytes");
    }
    for (n_lines, expected) in [(18, 200), (19, 431)] {
        let (_, status, answer) = send("/health/live", &"X-A: b\r\n".repeat(n_lines)).await;
        assert_eq!(status, expected, "{n_lines} and 2 lines");
        assert!(answer.contains("nosniff"), "{answer}");
    }
    let (_, status, _) = send(&format!("/{}", "x".repeat(8192)), "").await;
    assert_eq!(status, 431, "a long target");
    // Far too much is refused before it has all been kept.
    let (_, status, _) = send("/", &"X-A: b\r\n".repeat(200)).await;
    assert_eq!(status, 431);
    let (_, status, _) = send("/", &format!("X-Long: {}\r\n", "x".repeat(100_000))).await;
    assert!(matches!(status, 431 | 0), "{status}");
}

#[tokio::test]
async fn every_refusal_of_the_gate_forbids_framing_sniffing_and_keeping() {
    let bridge = Bridge::configured("[limits]\nfailed_auth_per_minute = 1").await;
    let address = bridge.address();
    for (lines, expected) in [
        (format!("Host: {address}\r\nHost: {address}\r\n"), 400),
        ("Host: evil.example\r\n".to_owned(), 421),
        (
            format!("Host: {address}\r\nOrigin: https://evil.example\r\n"),
            403,
        ),
        (
            format!("Host: {address}\r\nX: {}\r\n", "x".repeat(33_000)),
            431,
        ),
        (
            format!("Host: {address}\r\nAuthorization: Bearer x\r\n"),
            401,
        ),
        (
            format!("Host: {address}\r\nAuthorization: Bearer x\r\n"),
            429,
        ),
    ] {
        let request = format!("GET / HTTP/1.1\r\n{lines}Connection: close\r\n\r\n");
        let answer = raw(address, request.as_bytes()).await.to_ascii_lowercase();
        assert_eq!(status_of(&answer), expected, "{answer}");
        for line in [
            "x-content-type-options: nosniff",
            "referrer-policy: no-referrer",
            "x-frame-options: deny",
            "cross-origin-opener-policy: same-origin",
            "cache-control: no-store",
        ] {
            assert!(answer.contains(line), "{line}\n{answer}");
        }
        assert!(!answer.contains("access-control-allow-origin"), "{answer}");
        assert_eq!(answer.contains("www-authenticate: bearer"), expected == 401);
        assert_eq!(answer.contains("retry-after: "), expected == 429);
    }
}

#[tokio::test]
async fn wrong_tokens_make_their_peer_wait_on_every_path_and_nobody_else_does() {
    let bridge = Bridge::configured("[limits]\nfailed_auth_per_minute = 3").await;
    let (_, ticket) = bridge.connect(&servers::demo()).await;
    let right = bearer(TOKEN);
    // A page of another site cannot make the person at this machine wait: it is refused before its token is looked at.
    for _ in 0..5 {
        let headers = [
            ("origin", "https://evil.example"),
            ("authorization", "Bearer x"),
        ];
        let answer = ask(&bridge, Method::GET, "/api/mcp/servers", &headers).await;
        assert_eq!(answer.status, 403);
    }
    for path in ["/", "/no/such/thing", "/health/live"] {
        let answer = ask(&bridge, Method::GET, path, &[("authorization", &right)]).await;
        assert!(matches!(answer.status, 200 | 404), "{path}");
        let answer = ask(&bridge, Method::GET, path, &[("authorization", "Bearer x")]).await;
        assert_eq!(answer.status, 401, "{path}");
    }
    for path in [
        "/",
        "/no/such/thing",
        "/health/live",
        "/api/mcp/servers",
        "/api/mcp/ws/x",
    ] {
        for token in ["Bearer x", &right] {
            let answer = ask(&bridge, Method::GET, path, &[("authorization", token)]).await;
            assert_eq!(answer.status, 429, "{path} {token}");
            assert_eq!(answer.body["error"]["code"], "too_many_requests");
            let wait = answer.retry_after.expect("Retry-After");
            assert!((1..=20).contains(&wait), "{wait}");
        }
    }
    let subprotocol = format!("mcp, bearer.{TOKEN}");
    let headers = [("sec-websocket-protocol", &*subprotocol)];
    let refused = Page::open(bridge.address(), &plain_url("x"), &headers).await;
    assert_eq!(refused.err(), Some(Refused(429)));
    // Whoever shows no token is served as before, and a ticket is not a guess.
    let answer = ask(&bridge, Method::GET, "/health/live", &[]).await;
    assert_eq!(answer.status, 200);
    let mut page = bridge.upgrade(&ticket, "").await.expect("the socket opens");
    assert_eq!(page.frame().await["type"], "initialized");
}

#[tokio::test]
async fn behind_a_proxy_that_is_believed_each_caller_waits_alone() {
    let folder = Scratch::new();
    let file = folder.write("footbridge.toml", "[limits]\nfailed_auth_per_minute = 1");
    let believing = [
        "--token",
        TOKEN,
        "--config",
        &file,
        "--trust-forwarded-for",
        "127.0.0.0/8",
    ];
    for (flags, other_waits) in [(&believing[..], false), (&believing[..4], true)] {
        let bridge = Bridge::with(flags, Some(TOKEN)).await;
        let right = bearer(TOKEN);
        let ask = async |from: &str, token: &str| {
            let headers = [("x-forwarded-for", from), ("authorization", token)];
            ask(&bridge, Method::GET, "/api/mcp/servers", &headers)
                .await
                .status
        };
        assert_eq!(ask("203.0.113.1", "Bearer x").await, 401);
        assert_eq!(ask("203.0.113.1", &right).await, 429);
        // What the caller itself wrote before the proxy did is not believed.
        assert_eq!(ask("198.51.100.9, 203.0.113.1", &right).await, 429);
        let expected = if other_waits { 429 } else { 200 };
        assert_eq!(ask("203.0.113.2", &right).await, expected);
        assert_eq!(ask("203.0.113.1, 203.0.113.2", &right).await, expected);
        // Of an IPv6 network of 64 bits all addresses are one caller's.
        if !other_waits {
            assert_eq!(ask("2001:db8:1:2::1", "Bearer x").await, 401);
            assert_eq!(ask("2001:db8:1:2:3::4", &right).await, 429);
            assert_eq!(ask("2001:db8:1:3::1", &right).await, 200);
        }
    }
}

#[tokio::test]
async fn a_session_too_many_in_a_short_time_is_429_and_says_when_to_come_back() {
    let bridge = Bridge::configured("[limits]\nconnects_per_minute = 1\nconnects_burst = 2").await;
    let right = bearer(TOKEN);
    let headers = [("authorization", &*right)];
    // The params in the open count like the request for a ticket.
    let mut page = Page::open(bridge.address(), &plain_url("first"), &headers)
        .await
        .expect("the socket opens");
    assert_eq!(page.frame().await["type"], "initialized");
    let path = "/api/mcp/ws/connect";
    let granted = ask(&bridge, Method::POST, path, &headers).await;
    assert_eq!(granted.status, 200);
    let refused = ask(&bridge, Method::POST, path, &headers).await;
    assert_eq!(
        (refused.status, &refused.body["error"]["code"]),
        (429, &json!("too_many_requests"))
    );
    let wait = refused.retry_after.expect("Retry-After");
    assert!((1..=60).contains(&wait), "{wait}");
    let mut told = Page::open(bridge.address(), &plain_url("second"), &headers)
        .await
        .expect("it is told on the socket");
    let (frames, close) = told.until_closed().await;
    assert_eq!(frames[0]["code"], "too_many_requests", "{frames:?}");
    assert_eq!(close.map(|(code, _)| code), Some(4429));
    // The ticket was paid for when it was asked for.
    let url = granted.body["websocket_url"].as_str().expect("a URL");
    let mut page = bridge.upgrade(url, "").await.expect("the socket opens");
    assert_eq!(page.frame().await["type"], "initialized");
    assert_eq!(
        bridge.get("/api/mcp/servers").await.0,
        200,
        "nothing else is limited"
    );
}

/// A bridge that takes the JWTs of an issuer, with its keys in a file.
async fn jwt_bridge(jwks: &str, limits: &str) -> Bridge {
    let folder = Scratch::new();
    let file = folder.write(
        "footbridge.toml",
        &format!("[limits]\nfailed_auth_per_minute = 1000\n{limits}"),
    );
    let flags = [
        "--jwt-issuer",
        ISSUER,
        "--jwt-audience",
        AUDIENCE,
        "--jwt-jwks",
        jwks,
    ];
    Bridge::with(&[&flags[..], &["--config", &file]].concat(), None).await
}

async fn servers_as(bridge: &Bridge, token: &str) -> u16 {
    let headers = [("authorization", &*bearer(token))];
    ask(bridge, Method::GET, "/api/mcp/servers", &headers)
        .await
        .status
}

#[tokio::test]
async fn a_jwt_opens_a_session_as_header_and_as_subprotocol_with_each_algorithm() {
    let issuer = Issuer::new("a");
    let folder = Scratch::new();
    let bridge = jwt_bridge(&folder.write("jwks.json", &issuer.jwks().to_string()), "").await;
    assert!(bridge.page_url().ends_with('/') && !bridge.page_url().contains('#'));
    for algorithm in ["EdDSA", "ES256", "RS256"] {
        let token = issuer.token_with(algorithm, "ann");
        let headers = [("authorization", &*bearer(&token))];
        let granted = ask(&bridge, Method::POST, "/api/mcp/ws/connect", &headers).await;
        assert_eq!(granted.status, 200, "{algorithm} {}", granted.body);
        let url = granted.body["websocket_url"].as_str().expect("a URL");
        let mut page = bridge.upgrade(url, "").await.expect("the socket opens");
        assert_eq!(page.frame().await["type"], "initialized");
        let both = format!("footbridge.v1, bearer.{token}");
        let headers = [("sec-websocket-protocol", &*both)];
        let mut page = Page::open(bridge.address(), &plain_url(algorithm), &headers)
            .await
            .expect("the socket opens");
        assert_eq!(page.subprotocol.as_deref(), Some("footbridge.v1"));
        page.frame_of("initialized").await;
    }
    // Only the catalogue: many people may ask.
    let request = footbridge_tests::http()
        .post(format!("http://{}/api/mcp/ws/connect", bridge.address()))
        .bearer_auth(issuer.token("ann"))
        .json(&json!({ "server_params": servers::fake() }));
    let response = request.send().await.expect("an answer");
    assert_eq!(response.status().as_u16(), 403);
    // Without a JWT there is the page, and nothing else.
    assert_eq!(
        ask(&bridge, Method::GET, "/health/live", &[]).await.status,
        200
    );
    assert_eq!(
        ask(&bridge, Method::GET, "/api/mcp/servers", &[])
            .await
            .status,
        401
    );
    let refused = Page::open(bridge.address(), &plain_url("x"), &[]).await;
    assert_eq!(refused.err(), Some(Refused(401)));
}

#[tokio::test]
async fn no_forged_stale_or_foreign_jwt_is_taken() {
    let issuer = Issuer::new("a");
    let stranger = Issuer::new("a");
    let folder = Scratch::new();
    let bridge = jwt_bridge(&folder.write("jwks.json", &issuer.jwks().to_string()), "").await;
    let header = |algorithm: &str, kid: &str| json!({ "alg": algorithm, "kid": kid });
    let proper = header("EdDSA", "a-EdDSA");
    let with = |name: &str, value: Value| {
        let mut claims = Issuer::claims("ann");
        claims[name] = value;
        issuer.sign(&proper, &claims)
    };
    let without = |name: &str| {
        let mut claims = Issuer::claims("ann");
        claims.as_object_mut().expect("an object").remove(name);
        issuer.sign(&proper, &claims)
    };
    let claims = Issuer::claims("ann");
    assert_eq!(
        servers_as(&bridge, &issuer.sign(&proper, &claims)).await,
        200
    );
    let now = claims["exp"].as_u64().expect("a number") - 600;
    let good = issuer.token("ann");
    let mut attacks = vec![
        ("another signer", stranger.token("ann")),
        (
            "alg none",
            issuer.sign(&json!({ "alg": "none", "kid": "a-EdDSA" }), &claims),
        ),
        (
            "alg none without a key",
            issuer.sign(&json!({ "alg": "none" }), &claims),
        ),
        (
            "HS256 with the public key",
            issuer.sign(&header("HS256", "a-EdDSA"), &claims),
        ),
        (
            "HS256 without a key's name",
            issuer.sign(&json!({ "alg": "HS256" }), &claims),
        ),
        (
            "another key's algorithm",
            issuer.sign(&header("ES256", "a-EdDSA"), &claims),
        ),
        (
            "an unknown key",
            issuer.sign(&header("EdDSA", "b"), &claims),
        ),
        (
            "no algorithm",
            issuer.sign(&json!({ "kid": "a-EdDSA" }), &claims),
        ),
        (
            "a critical extension",
            issuer.sign(
                &json!({ "alg": "EdDSA", "kid": "a-EdDSA", "crit": ["x"], "x": 1 }),
                &claims,
            ),
        ),
        ("another issuer", with("iss", json!("https://evil.example"))),
        (
            "another audience",
            with("aud", json!("https://other.example")),
        ),
        ("expired", with("exp", json!(now - 100))),
        ("not yet", with("nbf", json!(now + 1000))),
        ("nobody", with("sub", json!(""))),
        ("a line end in the name", with("sub", json!("a\nb"))),
        (
            "no signature",
            good[..good.rfind('.').expect("a dot") + 1].to_owned(),
        ),
        (
            "two parts",
            good[..good.rfind('.').expect("a dot")].to_owned(),
        ),
        ("four parts", format!("{good}.x")),
        ("no JWT", TOKEN.to_owned()),
    ];
    for name in ["exp", "iss", "aud", "sub"] {
        attacks.push((name, without(name)));
    }
    for (what, token) in &attacks {
        assert_eq!(servers_as(&bridge, token).await, 401, "{what}");
        let both = format!("mcp, bearer.{token}");
        let headers = [("sec-websocket-protocol", &*both)];
        let refused = Page::open(bridge.address(), &plain_url("x"), &headers).await;
        assert_eq!(refused.err(), Some(Refused(401)), "{what}");
    }
    assert_eq!(
        servers_as(&bridge, &good).await,
        200,
        "the good one still is"
    );
    let log = bridge.log();
    assert!(
        attacks
            .iter()
            .all(|(_, token)| !log.contains(token.as_str()))
            && !log.contains(&good)
    );
}

#[tokio::test]
async fn what_is_somebody_elses_looks_like_what_is_not_there_and_is_not_heard() {
    let issuer = Issuer::new("a");
    let folder = Scratch::new();
    let bridge = jwt_bridge(&folder.write("jwks.json", &issuer.jwks().to_string()), "").await;
    let (ann, ben) = (bearer(&issuer.token("ann")), bearer(&issuer.token("ben")));
    let mut page = Page::open(
        bridge.address(),
        &plain_url("mine"),
        &[("authorization", &ann)],
    )
    .await
    .expect("the socket opens");
    assert_eq!(page.frame().await["type"], "initialized");

    let as_ben = [("authorization", &*ben)];
    for (method, before) in [
        (Method::GET, "/api/mcp/ws/status/"),
        (Method::DELETE, "/api/mcp/ws/"),
    ] {
        let theirs = ask(&bridge, method.clone(), &format!("{before}mine"), &as_ben).await;
        let absent = ask(&bridge, method.clone(), &format!("{before}none"), &as_ben).await;
        let text = |answer: &Answer| answer.body.to_string().replace("\"none\"", "\"mine\"");
        assert_eq!(theirs.status, absent.status, "{method}");
        assert_eq!(text(&theirs), text(&absent), "{method}");
    }
    // The id is free for Ben, whatever Ann calls hers, and each sees their own.
    let mut bens = Page::open(bridge.address(), &plain_url("mine"), &as_ben)
        .await
        .expect("the socket opens");
    assert_eq!(bens.frame().await["type"], "initialized");
    let canary = |name: &str| json!({ "message": format!("the-canary-of-{name}") });
    for _ in 0..10 {
        let (to_ann, to_ben) = tokio::join!(
            page.call_tool("echo", canary("ann")),
            bens.call_tool("echo", canary("ben"))
        );
        let (to_ann, to_ben) = (to_ann.to_string(), to_ben.to_string());
        assert!(
            to_ann.contains("of-ann") && !to_ann.contains("of-ben"),
            "{to_ann}"
        );
        assert!(
            to_ben.contains("of-ben") && !to_ben.contains("of-ann"),
            "{to_ben}"
        );
    }
    let mut again = Page::open(bridge.address(), &plain_url("mine"), &as_ben)
        .await
        .expect("it is told on the socket");
    assert_eq!(
        again.until_closed().await.1.map(|(code, _)| code),
        Some(4409)
    );
    let ended = ask(&bridge, Method::DELETE, "/api/mcp/ws/mine", &as_ben).await;
    assert_eq!(ended.status, 200, "{}", ended.body);
    bens.until_closed().await;
    let status = ask(
        &bridge,
        Method::GET,
        "/api/mcp/ws/status/mine",
        &[("authorization", &ann)],
    )
    .await;
    assert_eq!(status.body["state"], "ready", "{}", status.body);
    assert_eq!(
        page.call_tool("echo", json!({ "message": "hi" })).await["isError"],
        false
    );
}

#[tokio::test]
async fn a_ticket_is_of_no_use_beside_somebody_elses_credential_and_none_a_second_time() {
    let issuer = Issuer::new("a");
    let folder = Scratch::new();
    let bridge = jwt_bridge(&folder.write("jwks.json", &issuer.jwks().to_string()), "").await;
    let (ann, ben) = (bearer(&issuer.token("ann")), bearer(&issuer.token("ben")));
    let headers = [("authorization", &*ann)];
    let granted = ask(&bridge, Method::POST, "/api/mcp/ws/connect", &headers).await;
    let id = granted.body["session_id"].as_str().expect("an id");
    let url = granted.body["websocket_url"].as_str().expect("a URL");
    // Whether it waits for its socket, runs or is over: to Ben there is no such session.
    let unseen = async || {
        let path = format!("/api/mcp/ws/status/{id}");
        let status = ask(&bridge, Method::GET, &path, &[("authorization", &ben)]).await;
        assert_eq!(
            (status.status, &status.body["status"]),
            (200, &json!(false)),
            "{}",
            status.body
        );
        let path = format!("/api/mcp/ws/{id}");
        let ended = ask(&bridge, Method::DELETE, &path, &[("authorization", &ben)]).await;
        assert_eq!(ended.status, 404, "{}", ended.body);
    };
    let refused = async |headers: &[(&str, &str)]| {
        let mut page = Page::open(bridge.address(), url, headers)
            .await
            .expect("it is told on the socket");
        let (frames, close) = page.until_closed().await;
        (frames[0]["code"].clone(), close.map(|(code, _)| code))
    };
    unseen().await;
    assert_eq!(
        refused(&[("authorization", &ben)]).await,
        (json!("ticket_invalid"), Some(4004))
    );
    // Ben's attempt has not used it up.
    let mut page = Page::open(bridge.address(), url, &[("authorization", &ann)])
        .await
        .expect("the socket opens");
    assert_eq!(page.frame().await["type"], "initialized");
    unseen().await;
    // A second time it opens nothing, whoever has it from a log.
    for headers in [
        vec![],
        vec![("authorization", &*ann)],
        vec![("authorization", &*ben)],
    ] {
        let (code, close) = refused(&headers).await;
        assert!(
            matches!(code.as_str(), Some("ticket_used" | "ticket_invalid")),
            "{headers:?} {code}"
        );
        assert!(matches!(close, Some(4010 | 4004)), "{headers:?} {close:?}");
    }
    assert_eq!(
        page.call_tool("echo", json!({ "message": "hi" })).await["isError"],
        false
    );
}

/// Asks again until the answer has this status.
async fn becomes(bridge: &Bridge, token: &str, expected: u16) {
    within("the keys to change", async {
        while servers_as(bridge, token).await != expected {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_file_of_keys_is_read_again_when_it_changes_and_kept_when_it_is_spoilt() {
    let (old, new) = (Issuer::new("old"), Issuer::new("new"));
    let folder = Scratch::new();
    let file = folder.write("jwks.json", &old.jwks().to_string());
    let bridge = jwt_bridge(&file, "").await;
    assert_eq!(servers_as(&bridge, &old.token("ann")).await, 200);
    // A JWT that names an unknown key has the file read at once.
    folder.write("jwks.json", &new.jwks().to_string());
    assert_eq!(servers_as(&bridge, &new.token("ann")).await, 200);
    assert_eq!(servers_as(&bridge, &old.token("ann")).await, 401);
    folder.write("jwks.json", "{ spoilt");
    let noticed = || bridge.log().contains("keys for JWTs could not be read");
    assert!(eventually(NOTICED, noticed).await, "{}", bridge.log());
    assert_eq!(servers_as(&bridge, &new.token("ann")).await, 200);
    // A key that is taken away is noticed without being asked for.
    folder.write("jwks.json", &old.jwks().to_string());
    becomes(&bridge, &new.token("ann"), 401).await;
    becomes(&bridge, &old.token("ann"), 200).await;
}

#[tokio::test]
async fn keys_at_a_url_are_fetched_again_and_not_more_often_than_they_may() {
    let (old, new) = (Issuer::new("old"), Issuer::new("new"));
    let document = Document::serve(&old.jwks().to_string()).await;
    let bridge = jwt_bridge(document.url(), "jwks_refresh = 3600\njwks_pause = 1").await;
    assert_eq!(servers_as(&bridge, &old.token("ann")).await, 200);
    document.change(&new.jwks().to_string());
    becomes(&bridge, &new.token("ann"), 200).await;
    assert_eq!(servers_as(&bridge, &old.token("ann")).await, 401);
    // A provider that fails takes nothing away.
    document.change("");
    let noticed = || bridge.log().contains("keys for JWTs could not be read");
    within("the failure to be noticed", async {
        while !noticed() {
            assert_eq!(servers_as(&bridge, &old.token("ann")).await, 401);
        }
    })
    .await;
    assert_eq!(servers_as(&bridge, &new.token("ann")).await, 200);
    // Otherwise it would go on asking beside the next one.
    bridge.terminate().await;

    let bridge = jwt_bridge(document.url(), "jwks_refresh = 3600\njwks_pause = 3600").await;
    // It serves nobody before it has tried once.
    assert_eq!(servers_as(&bridge, &old.token("ann")).await, 401);
    let tried = || bridge.log().contains("keys for JWTs could not be read");
    assert!(eventually(DEADLINE, tried).await, "{}", bridge.log());
    let n_before = document.n_requests();
    for n in 0..20 {
        let header = json!({ "alg": "EdDSA", "kid": format!("invented-{n}") });
        let token = new.sign(&header, &Issuer::claims("ann"));
        assert_eq!(servers_as(&bridge, &token).await, 401);
    }
    assert_eq!(
        document.n_requests(),
        n_before,
        "no invented key is asked for"
    );
}

#[tokio::test]
async fn a_provider_that_is_out_of_reach_at_the_start_is_waited_for() {
    let issuer = Issuer::new("a");
    let document = Document::serve("").await;
    let bridge = jwt_bridge(document.url(), "jwks_pause = 0.2").await;
    assert_eq!(servers_as(&bridge, &issuer.token("ann")).await, 401);
    document.change(&issuer.jwks().to_string());
    becomes(&bridge, &issuer.token("ann"), 200).await;
}

#[tokio::test]
async fn a_provider_that_does_not_answer_is_given_up_and_holds_nobody_up() {
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0")
        .await
        .expect("a port");
    let address = silent.local_addr().expect("its address");
    let url = format!("http://{address}/jwks.json");
    let bridge = jwt_bridge(&url, "jwks_timeout = 0.3\njwks_pause = 0.2").await;
    let token = Issuer::new("a").token("ann");
    assert_eq!(servers_as(&bridge, &token).await, 401);
    assert_eq!(
        ask(&bridge, Method::GET, "/health/live", &[]).await.status,
        200
    );
    let log = bridge.log();
    assert!(log.contains("was not there within 300ms"), "{log}");
}

#[tokio::test]
async fn a_document_of_keys_one_byte_too_large_is_not_read() {
    let issuer = Issuer::new("a");
    let mut text = issuer.jwks().to_string();
    text.push_str(&" ".repeat(2048 - text.len()));
    let document = Document::serve(&text).await;
    let limits = "jwks_bytes = 2048\njwks_pause = 0.2";
    let bridge = jwt_bridge(document.url(), limits).await;
    assert_eq!(servers_as(&bridge, &issuer.token("ann")).await, 200);
    document.change(&format!("{text} "));
    let bridge = jwt_bridge(document.url(), limits).await;
    assert_eq!(servers_as(&bridge, &issuer.token("ann")).await, 401);
    assert!(
        bridge.log().contains("more than 2048 bytes"),
        "{}",
        bridge.log()
    );
}

#[tokio::test]
async fn only_the_proxy_says_who_asks() {
    const SECRET: &str = "the-secret-of-the-proxy-in-front";
    let folder = Scratch::new();
    let file = folder.write("secret", &format!("{SECRET}\n"));
    let limits = folder.write("footbridge.toml", "[limits]\nfailed_auth_per_minute = 1000");
    let start = async |from: &str| {
        let flags = [
            "--proxy-user-header",
            "X-Forwarded-User",
            "--proxy-from",
            from,
            "--proxy-secret-file",
            &file,
            "--config",
            &limits,
        ];
        Bridge::with(&flags, None).await
    };
    let bridge = start("127.0.0.1").await;
    assert!(!bridge.page_url().contains('#'));
    let secret = ("x-footbridge-proxy-secret", SECRET);
    let ann = ("x-forwarded-user", "ann");
    let ben = ("x-forwarded-user", "ben");
    let status = async |bridge: &Bridge, headers: &[(&str, &str)]| {
        ask(bridge, Method::GET, "/api/mcp/servers", headers)
            .await
            .status
    };
    assert_eq!(status(&bridge, &[secret, ann]).await, 200);
    for headers in [
        vec![],
        vec![secret],
        vec![ann],
        vec![ann, ("x-footbridge-proxy-secret", "wrong")],
        vec![ann, ("x-footbridge-proxy-secret", &SECRET[1..])],
        vec![
            ann,
            ("authorization", "Bearer the-secret-of-the-proxy-in-front"),
        ],
        vec![secret, ann, ben],
        vec![secret, secret, ann],
        vec![secret, ("x-forwarded-user", " ")],
    ] {
        assert_eq!(status(&bridge, &headers).await, 401, "{headers:?}");
    }
    // Whoever claims to be somebody and is not the proxy gets nothing at all, not even what nobody would get.
    let health = async |headers: &[(&str, &str)]| {
        ask(&bridge, Method::GET, "/health/live", headers)
            .await
            .status
    };
    assert_eq!(
        (
            health(&[]).await,
            health(&[secret]).await,
            health(&[ann]).await
        ),
        (200, 200, 401)
    );
    let refused = Page::open(bridge.address(), &plain_url("x"), &[ann]).await;
    assert_eq!(refused.err(), Some(Refused(401)));

    let mut page = Page::open(bridge.address(), &plain_url("mine"), &[secret, ann])
        .await
        .expect("the socket opens");
    assert_eq!(page.frame().await["type"], "initialized");
    let path = "/api/mcp/ws/status/mine";
    assert_eq!(
        ask(&bridge, Method::GET, path, &[secret, ann]).await.body["status"],
        true
    );
    assert_eq!(
        ask(&bridge, Method::GET, path, &[secret, ben]).await.body["status"],
        false
    );
    // The secret alone, from another place than the proxy's, is worth nothing.
    let elsewhere = start("192.0.2.0/24").await;
    assert_eq!(status(&elsewhere, &[secret, ann]).await, 401);
    assert!(!bridge.log().contains(SECRET) && !elsewhere.log().contains(SECRET));
}

#[tokio::test]
async fn a_bridge_without_authentication_says_so_again_and_again() {
    let folder = Scratch::new();
    let file = folder.write("footbridge.toml", "[limits]\nno_auth_warning = 0.1");
    let bridge = Bridge::with(&["--no-auth", "--config", &file], None).await;
    let sentence = "every program of this machine may use this bridge";
    let said_again = || bridge.log().matches(sentence).count() >= 3;
    assert!(eventually(NOTICED, said_again).await, "{}", bridge.log());
    let with_token = Bridge::configured("[limits]\nno_auth_warning = 0.1").await;
    assert_eq!(with_token.get("/health/live").await.0, 200);
    assert!(!with_token.log().contains(sentence));
}

#[tokio::test]
async fn programs_of_this_user_find_the_bridge_in_a_file_that_goes_with_it() {
    let folder = Scratch::new();
    std::fs::create_dir(folder.path("run")).expect("a folder");
    let mut bridge = tokio::process::Command::new(binary())
        .args(["serve", "--listen", "127.0.0.1:0", "--runtime-file"])
        .env("XDG_RUNTIME_DIR", folder.path("run"))
        .env("FOOTBRIDGE_TOKEN", TOKEN)
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .expect("the bridge starts");
    let mut lines = BufReader::new(bridge.stdout.take().expect("stdout is piped")).lines();
    let line = within("the first line", lines.next_line())
        .await
        .expect("a line");
    let line = line.expect("a line");
    let files = || std::fs::read_dir(folder.path("run/footbridge")).expect("the folder");
    let file = files().next().expect("a file").expect("its entry").path();
    let text = std::fs::read_to_string(&file).expect("it can be read");
    let contents: Value = serde_json::from_str(&text).expect("JSON");
    assert!(
        line.contains(contents["page_url"].as_str().expect("a URL")),
        "{line} {text}"
    );
    let response = footbridge_tests::http()
        .get(format!(
            "{}/api/mcp/servers",
            contents["url"].as_str().expect("a URL")
        ))
        .bearer_auth(contents["token"].as_str().expect("a token"))
        .send()
        .await
        .expect("an answer");
    assert_eq!(response.status().as_u16(), 200);
    let pid = bridge.id().expect("it runs").to_string();
    let killed = std::process::Command::new("kill")
        .args(["-TERM", &pid])
        .status();
    assert!(killed.is_ok_and(|status| status.success()));
    within("the bridge to end", bridge.wait())
        .await
        .expect("it ends");
    assert_eq!(files().count(), 0);
}
