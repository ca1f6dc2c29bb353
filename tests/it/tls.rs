use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use footbridge_tests::Bridge;
use footbridge_tests::DEADLINE;
use footbridge_tests::Page;
use footbridge_tests::Scratch;
use footbridge_tests::TOKEN;
use footbridge_tests::eventually;
use footbridge_tests::servers;
use footbridge_tests::within;
use rustls::ClientConfig;
use rustls::RootCertStore;
use rustls::crypto::ring::default_provider;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::ServerName;
use serde_json::Value;
use serde_json::json;
use tokio::io::AsyncReadExt;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// A certificate for `localhost` and its key, in two files.
struct Pair {
    folder: Scratch,
    certificate: CertificateDer<'static>,
}

impl Pair {
    fn new() -> Self {
        let folder = Scratch::new();
        let certificate = write_pair(&folder);
        Self {
            folder,
            certificate,
        }
    }

    fn path(&self, name: &str) -> String {
        self.folder.path(name).to_string_lossy().into_owned()
    }

    /// A bridge that speaks TLS with this pair.
    async fn bridge(&self, more: &[&str]) -> Bridge {
        let (certificate, key) = (self.path("tls.crt"), self.path("tls.key"));
        let mut flags = vec!["--token", TOKEN];
        flags.extend(["--tls-cert", &certificate, "--tls-key", &key]);
        flags.extend(more);
        Bridge::with(&flags, Some(TOKEN)).await
    }

    /// Puts a new pair in place of the old one, as renewals do; the new certificate.
    fn renew(&self) -> CertificateDer<'static> {
        let beside = Scratch::new();
        let certificate = write_pair(&beside);
        for name in ["tls.crt", "tls.key"] {
            replace(&beside.path(name), &self.folder.path(name));
        }
        certificate
    }
}

/// Writes a certificate for `localhost` and its key into a folder.
pub(crate) fn write_pair(folder: &Scratch) -> CertificateDer<'static> {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a pair");
    folder.write("tls.crt", &made.cert.pem());
    folder.write("tls.key", &made.signing_key.serialize_pem());
    made.cert.der().clone()
}

fn replace(new: &PathBuf, old: &PathBuf) {
    fs::rename(new, old).expect("both are in the folder for temporary files");
}

/// Shakes hands, believing in these certificates alone.
pub(crate) async fn shake(
    address: SocketAddr,
    trusted: &[&CertificateDer<'static>],
) -> std::io::Result<TlsStream<TcpStream>> {
    let mut roots = RootCertStore::empty();
    for certificate in trusted {
        roots.add((*certificate).clone()).expect("a certificate");
    }
    let mut config = ClientConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let stream = TcpStream::connect(address).await?;
    let name = ServerName::try_from("localhost").expect("a name");
    let connector = TlsConnector::from(Arc::new(config));
    within("the handshake", connector.connect(name, stream)).await
}

/// The certificate that the bridge shows.
async fn shown(bridge: &Bridge, trusted: &[&CertificateDer<'static>]) -> CertificateDer<'static> {
    let stream = shake(bridge.address(), trusted).await.expect("TLS");
    let certificates = stream
        .get_ref()
        .1
        .peer_certificates()
        .expect("certificates");
    certificates[0].clone().into_owned()
}

/// Head and body of an answer over TLS.
async fn ask(bridge: &Bridge, pair: &Pair, head: &str, body: &str) -> (String, String) {
    let mut stream = shake(bridge.address(), &[&pair.certificate])
        .await
        .expect("TLS");
    let length = body.len();
    let request = format!(
        "{head}\r\nauthorization: Bearer {TOKEN}\r\ncontent-type: application/json\r\n\
         content-length: {length}\r\nconnection: close\r\n\r\n{body}"
    );
    stream.write_all(request.as_bytes()).await.expect("written");
    let mut answer = Vec::new();
    // Some ends leave out the farewell of TLS; the length of the body tells whether anything is missing.
    let _ = within("an answer", stream.read_to_end(&mut answer)).await;
    let answer = String::from_utf8(answer).expect("UTF-8");
    let (head, body) = answer.split_once("\r\n\r\n").expect("a whole head");
    (head.to_owned(), body.to_owned())
}

/// A socket by `wss` to the demo server, the session asked for over TLS too.
async fn page(bridge: &Bridge, pair: &Pair) -> Page {
    let host = format!("localhost:{}", bridge.address().port());
    let origin = format!("https://{host}");
    let body = json!({ "server_params": servers::demo() }).to_string();
    let head = format!("POST /api/mcp/ws/connect HTTP/1.1\r\nhost: {host}\r\norigin: {origin}");
    let (head, body) = ask(bridge, pair, &head, &body).await;
    assert!(head.starts_with("HTTP/1.1 200"), "{head}\n{body}");
    let answer: Value = serde_json::from_str(&body).expect("JSON");
    let url = answer["websocket_url"].as_str().expect("a URL");
    let stream = shake(bridge.address(), &[&pair.certificate])
        .await
        .expect("TLS");
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"http/1.1"[..]));
    let url = format!("wss://{host}{url}");
    let headers = [
        ("origin", &*origin),
        ("sec-websocket-protocol", "footbridge.v1"),
    ];
    let mut page = Page::over(Box::new(stream), &url, &headers)
        .await
        .expect("the socket opens");
    page.frame_of("initialized").await;
    page
}

#[tokio::test]
async fn a_session_by_wss_works_from_its_post_to_its_close() {
    let pair = Pair::new();
    let bridge = pair.bridge(&[]).await;
    let expected = format!("https://{}/#token={TOKEN}", bridge.address());
    assert_eq!(bridge.page_url(), expected);
    let mut page = page(&bridge, &pair).await;
    // More than one record of TLS.
    let message = "ü".repeat(100_000);
    let echo = page.call_tool("echo", json!({ "message": message })).await;
    assert!(echo.to_string().contains(&message));
    page.close().await;
}

#[tokio::test]
async fn the_bridges_own_origins_are_https_then_and_http_is_foreign() {
    let pair = Pair::new();
    let bridge = pair.bridge(&[]).await;
    let host = bridge.address();
    for (origin, status) in [("https", 200), ("http", 403)] {
        let head =
            format!("GET /api/mcp/servers HTTP/1.1\r\nhost: {host}\r\norigin: {origin}://{host}");
        let (head, _) = ask(&bridge, &pair, &head, "").await;
        assert!(head.starts_with(&format!("HTTP/1.1 {status} ")), "{head}");
    }
}

#[tokio::test]
async fn names_of_the_bridge_alone_are_for_tls_alone_and_localhost_is_not() {
    let pair = Pair::new();
    let free = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let listen = free.local_addr().expect("its address").to_string();
    drop(free);
    let flags = [
        "--public-url",
        "https://bridge.example",
        "--listen",
        &listen,
    ];
    let bridge = pair.bridge(&flags).await;
    assert!(bridge.page_url().starts_with("https://bridge.example/"));
    let local = bridge.address().to_string();
    for (host, is_told) in [("bridge.example", true), (&*local, false)] {
        let head = format!("GET /health/live HTTP/1.1\r\nhost: {host}");
        let (head, _) = ask(&bridge, &pair, &head, "").await;
        assert!(head.starts_with("HTTP/1.1 200"), "{head}");
        let told = head.contains("strict-transport-security: max-age=31536000");
        assert_eq!(told, is_told, "{head}");
    }
    let plain = Bridge::start().await;
    let response = plain
        .request(reqwest::Method::GET, "/health/live")
        .send()
        .await
        .expect("an answer");
    assert!(!response.headers().contains_key("strict-transport-security"));
}

#[tokio::test]
async fn plain_http_to_the_tls_port_gets_nothing_of_the_bridge_and_holds_nobody_up() {
    let pair = Pair::new();
    let bridge = pair.bridge(&[]).await;
    let mut plain = TcpStream::connect(bridge.address())
        .await
        .expect("a connection");
    let request = format!(
        "GET /health/live HTTP/1.1\r\nHost: {}\r\n\r\n",
        bridge.address()
    );
    plain.write_all(request.as_bytes()).await.expect("written");
    let mut answer = Vec::new();
    within("the end", plain.read_to_end(&mut answer))
        .await
        .expect("closed in order");
    // An alert of TLS, which a browser shows as what it is.
    assert_eq!(answer.first(), Some(&21), "{answer:?}");
    page(&bridge, &pair).await.close().await;
}

#[tokio::test]
async fn handshakes_that_never_come_are_not_waited_for_and_hold_nobody_up() {
    let pair = Pair::new();
    let config = pair
        .folder
        .write("footbridge.toml", "[limits]\nhead_timeout = 3");
    let bridge = pair.bridge(&["--config", &config]).await;
    let mut silent = Vec::new();
    for n in 0..50 {
        let mut stream = TcpStream::connect(bridge.address())
            .await
            .expect("a connection");
        if n % 2 == 0 {
            // The beginning of a handshake that does not go on.
            stream.write_all(&[22, 3, 1, 2]).await.expect("written");
        }
        silent.push(stream);
    }
    page(&bridge, &pair).await.close().await;
    for mut stream in silent {
        let mut rest = Vec::new();
        // However it ends, it ends.
        let _ = within("the end", stream.read_to_end(&mut rest)).await;
    }
}

#[tokio::test]
async fn a_renewed_certificate_is_used_at_once_and_a_wrong_key_is_not_and_both_are_told() {
    let pair = Pair::new();
    let audit = pair.path("audit.jsonl");
    let bridge = pair.bridge(&["--audit-log", &audit]).await;
    let mut page = page(&bridge, &pair).await;
    let old = pair.certificate.clone();
    assert_eq!(shown(&bridge, &[&old]).await, old);

    let new = pair.renew();
    let mut now = old.clone();
    for _ in 0..600 {
        now = shown(&bridge, &[&old, &new]).await;
        if now == new {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(now, new, "the renewed certificate is shown");

    let other = Scratch::new();
    write_pair(&other);
    replace(&other.path("tls.key"), &pair.folder.path("tls.key"));
    let is_told = || bridge.log().contains("is not the key of the certificate");
    assert!(eventually(DEADLINE, is_told).await, "{}", bridge.log());
    assert_eq!(shown(&bridge, &[&new]).await, new);
    let are_recorded = || {
        let records = fs::read_to_string(&audit).unwrap_or_default();
        let reloads: Vec<Value> = records
            .lines()
            .filter_map(|line| serde_json::from_str(line).ok())
            .filter(|record: &Value| record["event"] == "reloaded" && record["what"] == "tls")
            .collect();
        reloads.iter().any(|record| record["problem"].is_null())
            && reloads.iter().any(|record| record["problem"].is_string())
    };
    assert!(eventually(DEADLINE, are_recorded).await);
    // A connection goes on with what it began with.
    page.call_tool("echo", json!({ "message": "still here" }))
        .await;
    page.close().await;
}
