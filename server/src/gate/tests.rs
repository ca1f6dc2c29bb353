use std::path::PathBuf;

use footbridge_shared::params::Secret;
use poem::http::HeaderName;

use super::*;
use crate::catalogue::Catalogue;
use crate::config::Commands;
use crate::config::Limits;
use crate::config::ParamsInUrl;

const TOKEN: &str = "the-token-of-this-test";

fn gate(auth: Auth, public_url: Option<&str>) -> Gate {
    gate_with(auth, public_url, Limits::default())
}

fn gate_with(auth: Auth, public_url: Option<&str>, limits: Limits) -> Gate {
    let config = Config {
        listen: ([127, 0, 0, 1], 8000).into(),
        public_url: public_url.map(str::to_owned),
        allow_origins: vec!["https://app.example".to_owned()],
        auth,
        forwarders: Vec::new(),
        tls: None,
        behind_tls_proxy: false,
        metrics_token: None,
        commands: Commands::CatalogueOnly,
        catalogue: Catalogue::default(),
        servers_file: None,
        egress: std::sync::Arc::default(),
        allow_headers: Vec::new(),
        sandbox: std::sync::Arc::default(),
        roots: Vec::new(),
        params_in_url: ParamsInUrl::Signed,
        audit: None,
        ticket_keys: None,
        deployment: "footbridge".to_owned(),
        node: 0,
        program: PathBuf::new(),
        limits,
    };
    Gate::new(&config, 8000, KeyRing::default()).unwrap()
}

fn request(headers: &[(&str, &str)]) -> Request {
    let mut request = Request::builder().uri_str("/api/mcp/servers").finish();
    for (name, value) in headers {
        request.headers_mut().append(
            HeaderName::from_bytes(name.as_bytes()).unwrap(),
            value.parse().unwrap(),
        );
    }
    request
}

/// The HTTP status of a refusal; 200 for what passes.
async fn check(gate: &Gate, headers: &[(&str, &str)]) -> u16 {
    gate.admit(&request(headers))
        .await
        .map_or_else(|fault| fault.code.http_status(), |_| 200)
}

#[tokio::test]
async fn only_the_bridges_own_names_are_answered_to() {
    let gate = gate(Auth::None, Some("https://Bridge.Example/mcp"));
    for (host, status) in [
        ("127.0.0.1:8000", 200),
        ("LOCALHOST:8000", 200),
        ("localhost.:8000", 200),
        ("[::1]:8000", 200),
        ("bridge.example", 200),
        ("bridge.example:444", 421),
        ("localhost", 421),
        ("localhost:8001", 421),
        ("0.0.0.0:8000", 421),
        ("evil.example:8000", 421),
        ("127.0.0.1:8000.evil.example", 421),
        ("", 421),
    ] {
        assert_eq!(check(&gate, &[("host", host)]).await, status, "{host}");
    }
    assert_eq!(check(&gate, &[]).await, 400);
    assert_eq!(
        check(
            &gate,
            &[("host", "localhost:8000"), ("host", "localhost:8000")]
        )
        .await,
        400
    );
}

#[tokio::test]
async fn only_pages_of_listed_origins_may_ask() {
    let gate = gate(Auth::None, Some("https://bridge.example"));
    for (origin, status) in [
        ("http://127.0.0.1:8000", 200),
        ("http://localhost:8000", 200),
        ("https://bridge.example", 200),
        ("https://app.example", 200),
        ("https://APP.example", 200),
        ("http://app.example", 403),
        ("https://app.example:8443", 403),
        ("http://localhost:3000", 403),
        ("http://localhost", 403),
        ("null", 403),
        ("file://", 403),
        ("", 403),
    ] {
        assert_eq!(
            check(&gate, &[("host", "localhost:8000"), ("origin", origin)]).await,
            status,
            "{origin}"
        );
    }
    let twice = [
        ("host", "localhost:8000"),
        ("origin", "https://app.example"),
        ("origin", "https://app.example"),
    ];
    assert_eq!(check(&gate, &twice).await, 403);
    let mut exotic = request(&[("host", "localhost:8000")]);
    exotic.headers_mut().insert(
        header::ORIGIN,
        poem::http::HeaderValue::from_bytes(b"http://\xff").unwrap(),
    );
    assert_eq!(
        gate.admit(&exotic).await.unwrap_err().code,
        FaultCode::OriginDenied
    );
}

#[tokio::test]
async fn another_site_may_link_to_the_page_and_nothing_more() {
    let gate = gate(Auth::None, None);
    let host = ("host", "localhost:8000");
    assert_eq!(
        check(&gate, &[host, ("sec-fetch-site", "cross-site")]).await,
        403
    );
    assert_eq!(
        check(
            &gate,
            &[
                host,
                ("sec-fetch-site", "same-site"),
                ("sec-fetch-mode", "no-cors")
            ]
        )
        .await,
        403
    );
    assert_eq!(
        check(
            &gate,
            &[
                host,
                ("sec-fetch-site", "cross-site"),
                ("sec-fetch-mode", "navigate"),
                ("sec-fetch-dest", "iframe")
            ]
        )
        .await,
        403
    );
    assert_eq!(
        check(
            &gate,
            &[
                host,
                ("sec-fetch-site", "cross-site"),
                ("sec-fetch-mode", "navigate"),
                ("sec-fetch-dest", "document")
            ]
        )
        .await,
        200
    );
    assert_eq!(
        check(&gate, &[host, ("sec-fetch-site", "same-origin")]).await,
        200
    );
}

#[tokio::test]
async fn a_wrong_token_is_refused_and_none_is_nobody() {
    let gate = gate(Auth::Token(Secret::new(TOKEN)), None);
    let host = ("host", "localhost:8000");
    let bearer = format!("Bearer {TOKEN}");
    let subprotocols = format!("mcp, bearer.{TOKEN}");
    for (headers, principal) in [
        (vec![host], None),
        (
            vec![host, ("authorization", &*bearer)],
            Some(Principal::token()),
        ),
        (
            vec![host, ("sec-websocket-protocol", &*subprotocols)],
            Some(Principal::token()),
        ),
        (
            vec![
                host,
                ("authorization", &*bearer),
                ("sec-websocket-protocol", &*subprotocols),
            ],
            Some(Principal::token()),
        ),
    ] {
        let admission = gate.admit(&request(&headers)).await.unwrap();
        assert_eq!(admission.principal, principal, "{headers:?}");
        assert_eq!(admission.principal().is_ok(), principal.is_some());
        assert_eq!(admission.is_operator(), principal.is_some());
    }
    for wrong in [
        "Bearer x",
        "Bearer",
        "Basic abc",
        &format!("Bearer {TOKEN}x"),
        &format!("Bearer {}", &TOKEN[1..]),
    ] {
        assert_eq!(
            check(&gate, &[host, ("authorization", wrong)]).await,
            401,
            "{wrong}"
        );
    }
    for wrong in ["bearer.x", "bearer.", &format!("bearer.{TOKEN}, bearer.x")] {
        assert_eq!(
            check(&gate, &[host, ("sec-websocket-protocol", wrong)]).await,
            401,
            "{wrong}"
        );
    }
    let two = [
        host,
        ("authorization", &*bearer),
        ("sec-websocket-protocol", "bearer.x"),
    ];
    assert_eq!(check(&gate, &two).await, 401);
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_guesses_waits_and_so_does_its_right_token() {
    let limits = Limits {
        failed_auth_per_minute: 2,
        ..Limits::default()
    };
    let gate = gate_with(Auth::Token(Secret::new(TOKEN)), None, limits);
    let host = ("host", "localhost:8000");
    let right = format!("Bearer {TOKEN}");
    let right = [host, ("authorization", &*right)];
    let wrong = [host, ("authorization", "Bearer wrong")];
    // What is refused before its credential is looked at is not counted, and nor is a missing one.
    for _ in 0..5 {
        let foreign = [
            host,
            ("authorization", "Bearer wrong"),
            ("origin", "https://evil.example"),
        ];
        assert_eq!(check(&gate, &foreign).await, 403);
        let elsewhere = [("host", "evil.example"), ("authorization", "Bearer wrong")];
        assert_eq!(check(&gate, &elsewhere).await, 421);
        assert_eq!(check(&gate, &[host]).await, 200);
    }
    for expected in [401, 401, 429] {
        assert_eq!(
            check(&gate, &right).await,
            if expected == 429 { 429 } else { 200 }
        );
        assert_eq!(check(&gate, &wrong).await, expected);
    }
    let refused = gate.admit(&request(&right)).await.unwrap_err();
    assert_eq!(refused.code, FaultCode::TooManyRequests);
    assert_eq!(refused.retry_after, NonZeroU32::new(30));
    assert_eq!(check(&gate, &[host]).await, 200, "without a credential");
    tokio::time::advance(Duration::from_secs(31)).await;
    assert_eq!(check(&gate, &right).await, 200);
}

#[tokio::test(start_paused = true)]
async fn a_session_too_many_in_a_short_time_is_refused_until_the_time_it_says() {
    let limits = Limits {
        connects_per_minute: 6,
        connects_burst: 2,
        ..Limits::default()
    };
    let gate = gate_with(Auth::None, None, limits);
    let anyone = Principal::anyone();
    assert!(gate.count_connect(&anyone).is_ok());
    assert!(gate.count_connect(&anyone).is_ok());
    let refused = gate.count_connect(&anyone).unwrap_err();
    assert_eq!(refused.code, FaultCode::TooManyRequests);
    assert_eq!(refused.retry_after, NonZeroU32::new(10));
    assert!(
        gate.count_connect(&Principal::token()).is_ok(),
        "somebody else"
    );
    tokio::time::advance(Duration::from_secs(10)).await;
    assert!(gate.count_connect(&anyone).is_ok());
}

#[tokio::test]
async fn a_credential_is_not_a_subprotocol() {
    let request = request(&[
        ("sec-websocket-protocol", "bearer.abc, mcp"),
        ("sec-websocket-protocol", "footbridge.v1"),
    ]);
    assert_eq!(
        offered_subprotocols(request.headers()),
        ["mcp", "footbridge.v1"]
    );
}

#[tokio::test]
async fn a_head_may_have_just_so_many_bytes_and_lines() {
    let limits = Limits {
        head_bytes: 400,
        headers: 16,
        ..Limits::default()
    };
    let gate = gate_with(Auth::None, None, limits);
    let host = ("host", "localhost:8000");
    // `GET / HTTP/1.1` (what a request that did not come over a wire counts as asking for), `host: localhost:8000`,
    // `x-long: `, each with its line end, and an empty line.
    let rest = 400 - 16 - 22 - 10 - 2;
    for (n_bytes, status) in [(rest, 200), (rest + 1, 431)] {
        let long = "x".repeat(n_bytes);
        assert_eq!(check(&gate, &[host, ("x-long", &long)]).await, status);
    }
    for (n_lines, status) in [(15, 200), (16, 431)] {
        let mut lines = vec![host];
        lines.extend(std::iter::repeat_n(("x-a", "b"), n_lines));
        assert_eq!(check(&gate, &lines).await, status, "{n_lines}");
    }
}

#[tokio::test]
async fn only_http_1_1_is_spoken() {
    let gate = gate(Auth::None, None);
    for (version, passes) in [
        (Version::HTTP_10, false),
        (Version::HTTP_11, true),
        (Version::HTTP_2, false),
    ] {
        let mut request = request(&[("host", "localhost:8000")]);
        request.set_version(version);
        let admitted = gate.admit(&request).await;
        assert_eq!(admitted.is_ok(), passes, "{version:?}");
    }
}

#[tokio::test]
async fn a_request_has_one_length() {
    let gate = gate(Auth::None, None);
    let host = ("host", "localhost:8000");
    let chunked = ("transfer-encoding", "chunked");
    let length = ("content-length", "5");
    assert_eq!(check(&gate, &[host, length]).await, 200);
    assert_eq!(check(&gate, &[host, chunked]).await, 200);
    assert_eq!(check(&gate, &[host, chunked, length]).await, 400);
}
