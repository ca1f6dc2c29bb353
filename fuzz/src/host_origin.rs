//! Request heads before the gate, and the spellings of origins and URLs in the configuration.

use std::path::PathBuf;
use std::pin::pin;
use std::sync::LazyLock;
use std::task::Context;
use std::task::Poll;
use std::task::Waker;

use footbridge::config::address;
use footbridge::config::settings::Settings;
use footbridge::config::startup::Startup;
use footbridge::gate::Gate;
use footbridge::gate::KeyRing;
use footbridge::gate::offered_subprotocols;
use footbridge_shared::params::Secret;
use poem::Request;
use poem::http::HeaderMap;
use poem::http::HeaderName;
use poem::http::HeaderValue;
use poem::http::Method;
use poem::http::Uri;
use poem::http::header;

use crate::input::Input;

const TOKEN: &str = "0123456789abcdef";
const HOSTS: [&str; 4] = [
    "127.0.0.1:8000",
    "localhost:8000",
    "[::1]:8000",
    "tools.example.com",
];
const ORIGINS: [&str; 5] = [
    "http://127.0.0.1:8000",
    "http://localhost:8000",
    "http://[::1]:8000",
    "https://tools.example.com",
    "https://app.example.com:8443",
];

static GATE: LazyLock<Gate> = LazyLock::new(|| {
    let settings = Settings {
        token: Some(Secret::new(TOKEN)),
        public_url: Some("https://tools.example.com".to_owned()),
        allow_origin: vec!["https://app.example.com:8443".to_owned()],
        ..Settings::default()
    };
    let mut startup =
        Startup::check(settings, PathBuf::from("/bin/footbridge")).expect("a startup");
    // Millions of wrong tokens come from one peer here, and the right one shall still pass.
    startup.config.limits.failed_auth_per_minute = 1_000_000_000;
    Gate::new(&startup.config, 8000, KeyRing::default()).expect("a gate")
});

/// A method and a target on the first line, headers on the others. What passes has a known host and origin, and a
/// credential only when it brought the token.
pub fn run(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let first = String::from_utf8_lossy(input.line()).into_owned();
    spellings(&first);
    let (method, target) = first.split_once(' ').unwrap_or(("GET", &first));
    let (Ok(method), Ok(uri)) = (method.parse::<Method>(), target.parse::<Uri>()) else {
        return;
    };
    let mut request = Request::builder().method(method).uri(uri).finish();
    while !input.is_empty() {
        let line = input.line();
        let colon = line.iter().position(|byte| *byte == b':');
        let (name, value) = line.split_at(colon.unwrap_or(line.len()));
        let value = value.strip_prefix(b":").unwrap_or(value).trim_ascii();
        if let (Ok(name), Ok(value)) =
            (HeaderName::from_bytes(name), HeaderValue::from_bytes(value))
            && request.headers().len() < 100
        {
            request.headers_mut().append(name, value);
        }
    }
    let headers = request.headers();
    assert!(
        offered_subprotocols(headers)
            .iter()
            .all(|name| !name.starts_with("bearer."))
    );
    let admitted = pin!(GATE.admit(&request)).poll(&mut Context::from_waker(Waker::noop()));
    let Poll::Ready(admitted) = admitted else {
        panic!("only JWTs may have to wait");
    };
    let Ok(admission) = admitted else {
        return;
    };
    let [host] = values(headers, &header::HOST)[..] else {
        panic!("passed without one host: {headers:?}");
    };
    let host = host.to_ascii_lowercase();
    // The dot of the root, and the port of the scheme.
    let host = host.replacen(".:", ":", 1);
    let host = host.strip_suffix(":80").unwrap_or(&host);
    let host = host.strip_suffix('.').unwrap_or(host);
    assert!(HOSTS.contains(&host), "passed as {host}");
    match values(headers, &header::ORIGIN)[..] {
        [] => assert_eq!(admission.origin, ""),
        [origin] => {
            let origin = origin.to_ascii_lowercase();
            assert!(ORIGINS.contains(&&*origin), "passed from {origin}");
            assert_eq!(admission.origin, origin);
        }
        [_, _, ..] => panic!("passed with several origins"),
    }
    assert!(
        !(headers.contains_key(header::TRANSFER_ENCODING)
            && headers.contains_key(header::CONTENT_LENGTH))
    );
    if admission.principal.is_some() {
        let said = values(headers, &header::AUTHORIZATION);
        let offered = values(headers, &header::SEC_WEBSOCKET_PROTOCOL);
        assert!(
            said.iter()
                .chain(&offered)
                .any(|value| value.contains(TOKEN)),
            "passed as somebody without a token"
        );
    }
}

fn values<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Vec<&'a str> {
    let values = headers.get_all(name).iter();
    values
        .map(|value| value.to_str().unwrap_or("not ASCII"))
        .collect()
}

/// What is accepted has one spelling, which is accepted as it is.
fn spellings(text: &str) {
    if let Ok(origin) = address::origin(text) {
        assert_eq!(address::origin(&origin).as_ref(), Ok(&origin));
    }
    if let Ok(url) = address::public_url(text) {
        assert_eq!(address::public_url(&url).as_ref(), Ok(&url));
    }
}
