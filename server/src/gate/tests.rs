use std::path::PathBuf;

use footbridge_shared::params::Secret;

use super::*;
use crate::catalogue::Catalogue;
use crate::config::Commands;
use crate::config::Limits;
use crate::config::ParamsInUrl;

const TOKEN: &str = "the-token-of-this-test";

fn gate(auth: Auth, public_url: Option<&str>) -> Gate {
    let config = Config {
        listen: ([127, 0, 0, 1], 8000).into(),
        public_url: public_url.map(str::to_owned),
        allow_origins: vec!["https://app.example".to_owned()],
        auth,
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
        limits: Limits::default(),
    };
    Gate::new(&config, 8000)
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
fn check(gate: &Gate, headers: &[(&str, &str)]) -> u16 {
    gate.admit(&request(headers))
        .map_or_else(|fault| fault.code.http_status(), |_| 200)
}

#[test]
fn only_the_bridges_own_names_are_answered_to() {
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
        assert_eq!(check(&gate, &[("host", host)]), status, "{host}");
    }
    assert_eq!(check(&gate, &[]), 400);
    assert_eq!(
        check(
            &gate,
            &[("host", "localhost:8000"), ("host", "localhost:8000")]
        ),
        400
    );
}

#[test]
fn only_pages_of_listed_origins_may_ask() {
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
            check(&gate, &[("host", "localhost:8000"), ("origin", origin)]),
            status,
            "{origin}"
        );
    }
    let twice = [
        ("host", "localhost:8000"),
        ("origin", "https://app.example"),
        ("origin", "https://app.example"),
    ];
    assert_eq!(check(&gate, &twice), 403);
    let mut exotic = request(&[("host", "localhost:8000")]);
    exotic.headers_mut().insert(
        header::ORIGIN,
        poem::http::HeaderValue::from_bytes(b"http://\xff").unwrap(),
    );
    assert_eq!(
        gate.admit(&exotic).unwrap_err().code,
        FaultCode::OriginDenied
    );
}

#[test]
fn another_site_may_link_to_the_page_and_nothing_more() {
    let gate = gate(Auth::None, None);
    let host = ("host", "localhost:8000");
    assert_eq!(check(&gate, &[host, ("sec-fetch-site", "cross-site")]), 403);
    assert_eq!(
        check(
            &gate,
            &[
                host,
                ("sec-fetch-site", "same-site"),
                ("sec-fetch-mode", "no-cors")
            ]
        ),
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
        ),
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
        ),
        200
    );
    assert_eq!(
        check(&gate, &[host, ("sec-fetch-site", "same-origin")]),
        200
    );
}

#[test]
fn a_wrong_token_is_refused_and_none_is_nobody() {
    let gate = gate(Auth::Token(Secret::new(TOKEN)), None);
    let host = ("host", "localhost:8000");
    let principal = |headers: &[(&str, &str)]| {
        gate.admit(&request(headers))
            .map(|admission| admission.principal)
    };
    assert_eq!(principal(&[host]).unwrap(), None);
    assert!(gate.admit(&request(&[host])).unwrap().principal().is_err());
    assert_eq!(
        principal(&[host, ("authorization", &format!("Bearer {TOKEN}"))]).unwrap(),
        Some(Principal::token())
    );
    assert_eq!(
        principal(&[
            host,
            ("sec-websocket-protocol", &format!("mcp, bearer.{TOKEN}"))
        ])
        .unwrap(),
        Some(Principal::token())
    );
    for wrong in [
        "Bearer x",
        "Bearer",
        "Basic abc",
        &format!("Bearer {TOKEN}x"),
        &format!("Bearer {}", &TOKEN[1..]),
    ] {
        assert_eq!(
            check(&gate, &[host, ("authorization", wrong)]),
            401,
            "{wrong}"
        );
    }
    assert_eq!(
        check(&gate, &[host, ("sec-websocket-protocol", "bearer.x")]),
        401
    );
}

#[test]
fn a_credential_is_not_a_subprotocol() {
    let request = request(&[
        ("sec-websocket-protocol", "bearer.abc, mcp"),
        ("sec-websocket-protocol", "footbridge.v1"),
    ]);
    assert_eq!(
        offered_subprotocols(request.headers()),
        ["mcp", "footbridge.v1"]
    );
}

#[test]
fn a_head_over_the_limit_and_two_lengths_are_refused() {
    let gate = gate(Auth::None, None);
    let long = "x".repeat(40 * 1024);
    assert_eq!(
        check(&gate, &[("host", "localhost:8000"), ("x-long", &long)]),
        431
    );
    // One of them is `host`.
    for (n_more, status) in [(63, 200), (64, 431)] {
        let mut headers = vec![("host", "localhost:8000")];
        headers.extend(vec![("x-more", "1"); n_more]);
        assert_eq!(check(&gate, &headers), status, "{n_more}");
    }
    let smuggled = [
        ("host", "localhost:8000"),
        ("content-length", "5"),
        ("transfer-encoding", "chunked"),
    ];
    assert_eq!(check(&gate, &smuggled), 400);
}
