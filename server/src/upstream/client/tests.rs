//! Against real sockets: who is connected to, over which way, and what goes where.

use std::sync::Arc;

use rcgen::BasicConstraints;
use rcgen::CertificateParams;
use rcgen::IsCa;
use rcgen::Issuer;
use rcgen::KeyPair;
use reqwest::Response;
use tokio::io::AsyncReadExt;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls;
use url::Url;

use super::*;
use crate::egress::Proxies;
use crate::egress::Proxy;
use crate::egress::Way;
use crate::egress::authorities;
use crate::upstream::played::Played;
use crate::upstream::played::Reply;

const DEADLINE: Duration = Duration::from_secs(20);

fn local() -> Egress {
    Egress::new(Vec::new(), true, Way::default())
}

/// Posts as a transport does, with a header of the caller.
async fn post(egress: &Egress, url: &str) -> Result<Response, Fault> {
    let is_https = url.starts_with("https:");
    let request = client(egress, DEADLINE, is_https)?
        .post(url)
        .header("authorization", "Bearer k3y")
        .body("{}")
        .timeout(DEADLINE);
    let sent = request.send().await;
    sent.map_err(|error| failure::of_error(&error, "the host"))
}

fn with_host(server: &Played, host: &str) -> String {
    server.url.replace("127.0.0.1", host)
}

#[tokio::test]
async fn a_name_of_this_machine_is_connected_to_only_where_that_is_allowed() {
    let server = Played::new(|_| Reply::json("{}")).await;
    let url = with_host(&server, "localhost");
    // The URL is not checked here: this is about the address behind the name.
    let fault = post(&Egress::default(), &url).await.unwrap_err();
    assert_eq!(fault.code, FaultCode::ParamsDenied);
    assert!(
        fault.message.contains("a loopback address"),
        "{}",
        fault.message
    );
    assert!(server.asked().is_empty());
    assert_eq!(post(&local(), &url).await.unwrap().status(), 200);
    let allowed = Egress::default().with_host_of(&Url::parse(&url).unwrap());
    assert_eq!(post(&allowed, &url).await.unwrap().status(), 200);
}

#[tokio::test]
async fn a_name_that_is_allowed_at_one_port_is_closed_at_the_others() {
    let (open, closed) = (
        Played::new(|_| Reply::json("{}")),
        Played::new(|_| Reply::json("{}")),
    );
    let (open, closed) = (open.await, closed.await);
    let (open, url) = (
        with_host(&open, "localhost"),
        with_host(&closed, "localhost"),
    );
    let port = Url::parse(&open).unwrap().port().unwrap();
    let allowed = vec![format!("localhost:{port}").parse().unwrap()];
    let egress = Egress::new(allowed, false, Way::default());
    let at = |url: &str| egress.at_port_of(&Url::parse(url).unwrap());
    assert!(post(&at(&open), &open).await.is_ok());
    let fault = post(&at(&url), &url).await.unwrap_err();
    assert_eq!(fault.code, FaultCode::ParamsDenied);
    assert!(closed.asked().is_empty());
}

#[tokio::test]
async fn a_redirect_is_followed_within_its_origin_with_the_request_as_it_was() {
    for status in [307, 308] {
        let server = Played::new(move |asked| match asked.path.as_str() {
            "/moved" => Reply::json("{}"),
            _ => Reply::status(status).header("location", "/moved"),
        })
        .await;
        assert_eq!(post(&local(), &server.url).await.unwrap().status(), 200);
        let asked = server.asked();
        assert_eq!(asked.len(), 2);
        assert_eq!(
            (asked[1].method.as_str(), asked[1].body.as_str()),
            ("POST", "{}")
        );
        assert_eq!(asked[1].header("authorization"), Some("Bearer k3y"));
        // The query holds keys: it is not told to anybody as a `Referer`.
        assert_eq!(asked[1].header("referer"), None);
    }
}

#[tokio::test]
async fn a_redirect_elsewhere_is_the_answer_and_nothing_is_sent_there() {
    let other = Played::new(|_| Reply::json("{}")).await;
    for status in [301, 302, 303, 307, 308] {
        let target = other.url.clone();
        let server = Played::new(move |_| Reply::status(status).header("location", &target)).await;
        let response = post(&local(), &server.url).await.unwrap();
        assert_eq!(response.status(), status);
    }
    for status in [301, 302, 303] {
        let server = Played::new(move |_| Reply::status(status).header("location", "/moved")).await;
        assert_eq!(post(&local(), &server.url).await.unwrap().status(), status);
        assert_eq!(server.asked().len(), 1);
    }
    // The same port under another name of this machine is another origin.
    let server = Played::new(|asked| {
        let port = asked.header("host").unwrap().rsplit(':').next().unwrap();
        Reply::status(307).header("location", &format!("http://localhost:{port}/"))
    })
    .await;
    assert_eq!(post(&local(), &server.url).await.unwrap().status(), 307);
    assert_eq!(server.asked().len(), 1);
    assert!(other.asked().is_empty());
}

#[tokio::test]
async fn a_redirect_in_a_circle_ends_and_one_with_credentials_is_not_followed() {
    let server = Played::new(|_| Reply::status(307).header("location", "/again")).await;
    assert_eq!(post(&local(), &server.url).await.unwrap().status(), 307);
    assert_eq!(server.asked().len(), 1 + REDIRECTS);
    let server = Played::new(|asked| {
        let host = asked.header("host").unwrap();
        Reply::status(307).header("location", &format!("http://me:pw@{host}/"))
    })
    .await;
    assert_eq!(post(&local(), &server.url).await.unwrap().status(), 307);
    assert_eq!(server.asked().len(), 1);
}

/// A private CA, and a server's certificate that it vouches for.
struct Private {
    authority: String,
    acceptor: TlsAcceptor,
}

impl Private {
    fn for_host(host: &str) -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority = params.self_signed(&key).unwrap().pem();
        let issuer = Issuer::new(params, key);
        let own_key = KeyPair::generate().unwrap();
        let own = CertificateParams::new(vec![host.to_owned()]).unwrap();
        let own = own.signed_by(&own_key, &issuer).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(
                vec![own.der().clone()],
                own_key.serialize_der().try_into().unwrap(),
            )
            .unwrap();
        Self {
            authority,
            acceptor: TlsAcceptor::from(Arc::new(config)),
        }
    }

    fn way(&self, proxies: Proxies) -> Way {
        Way::new(proxies, authorities(self.authority.as_bytes()).unwrap())
    }
}

/// Answers every connection with one response, over TLS; as a proxy when it is asked to `CONNECT` first.
struct Secure {
    port: u16,
    heads: mpsc::Receiver<String>,
    _tasks: JoinSet<()>,
}

impl Secure {
    async fn new(acceptor: TlsAcceptor, is_proxy: bool) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (heard, heads) = mpsc::channel(8);
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                if is_proxy {
                    heard.send(head(&mut stream).await).await.unwrap();
                    stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.unwrap();
                }
                // A client that does not believe the certificate leaves.
                let Ok(mut stream) = acceptor.accept(stream).await else {
                    continue;
                };
                heard.send(head(&mut stream).await).await.unwrap();
                let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
                stream.write_all(answer).await.unwrap();
                let _ = stream.shutdown().await;
            }
        });
        Self {
            port,
            heads,
            _tasks: tasks,
        }
    }

    async fn next_head(&mut self) -> String {
        let head = tokio::time::timeout(DEADLINE, self.heads.recv()).await;
        head.expect("a request in time").expect("the server runs")
    }
}

/// Everything up to the empty line, in lower case.
async fn head(stream: &mut (impl AsyncReadExt + Unpin)) -> String {
    let mut bytes = Vec::new();
    while !bytes.ends_with(b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(byte) => bytes.push(byte),
            Err(_) => break,
        }
    }
    String::from_utf8_lossy(&bytes).to_lowercase()
}

#[tokio::test]
async fn a_private_authority_is_believed_when_it_is_named() {
    let private = Private::for_host("localhost");
    let mut server = Secure::new(private.acceptor.clone(), false).await;
    let url = format!("https://localhost:{}/mcp", server.port);
    let trusting = Egress::new(Vec::new(), true, private.way(Proxies::default()));
    assert_eq!(post(&trusting, &url).await.unwrap().status(), 200);
    assert!(
        server
            .next_head()
            .await
            .contains("authorization: bearer k3y")
    );

    let fault = post(&local(), &url).await.unwrap_err();
    assert_eq!(fault.code, FaultCode::UpstreamTls, "{}", fault.message);
    assert!(fault.hint.unwrap().contains("--upstream-ca"));
    let other = Private::for_host("localhost").way(Proxies::default());
    let fault = post(&Egress::new(Vec::new(), true, other), &url)
        .await
        .unwrap_err();
    assert_eq!(fault.code, FaultCode::UpstreamTls, "{}", fault.message);
    // The certificate is for a name, not for this address.
    let by_address = url.replace("localhost", "127.0.0.1");
    let fault = post(&trusting, &by_address).await.unwrap_err();
    assert_eq!(fault.code, FaultCode::UpstreamTls, "{}", fault.message);
    assert!(server.heads.try_recv().is_err());
}

#[tokio::test]
async fn a_proxy_is_asked_to_connect_and_sees_nothing_of_what_passes() {
    let private = Private::for_host("mcp.example");
    let mut proxy = Secure::new(private.acceptor.clone(), true).await;
    // A name, which this strict bridge would refuse to anyone but its proxy.
    let address = format!("http://me:pw@localhost:{}", proxy.port);
    let proxies = Proxies::named(Proxy::parse(&address).unwrap());
    let egress = Egress::new(Vec::new(), false, private.way(proxies));
    let url = "https://mcp.example/mcp?key=s3cret";
    assert_eq!(egress.check_url(&Url::parse(url).unwrap()), Ok(()));
    assert_eq!(post(&egress, url).await.unwrap().status(), 200);
    let asked = proxy.next_head().await;
    assert!(asked.starts_with("connect mcp.example:443 "), "{asked}");
    assert!(
        asked.contains("proxy-authorization: basic bwu6chc="),
        "{asked}"
    );
    assert!(
        !asked.contains("k3y") && !asked.contains("s3cret"),
        "{asked}"
    );
    let inside = proxy.next_head().await;
    assert!(inside.contains("authorization: bearer k3y"), "{inside}");
    assert!(!inside.contains("proxy-"), "{inside}");
}

#[tokio::test]
async fn a_proxy_relays_http_and_exceptions_go_without_it() {
    let proxy = Played::new(|_| Reply::json("{}")).await;
    let server = Played::new(|_| Reply::json("{}")).await;
    let address = proxy.url.replace("http://", "http://me:pw@");
    let proxies = Proxies::named(Proxy::parse(&address).unwrap());
    let allowed = vec!["mcp.example".parse().unwrap()];
    let egress = Egress::new(allowed, true, Way::new(proxies.clone(), Vec::new()));
    post(&egress, "http://mcp.example/mcp").await.unwrap();
    let asked = proxy.asked();
    assert_eq!(asked[0].path, "http://mcp.example/mcp");
    assert_eq!(
        asked[0].header("proxy-authorization"),
        Some("Basic bWU6cHc=")
    );

    let proxies = proxies.without("127.0.0.0/8");
    let egress = Egress::new(Vec::new(), true, Way::new(proxies, Vec::new()));
    post(&egress, &server.url).await.unwrap();
    assert_eq!(server.asked()[0].header("proxy-authorization"), None);
    assert_eq!(proxy.asked().len(), 1);
}

#[tokio::test]
async fn nothing_of_a_client_shows_a_password() {
    let proxies = Proxies::named(Proxy::parse("http://me:s3cret@proxy.example").unwrap());
    let egress = Egress::new(Vec::new(), false, Way::new(proxies, Vec::new()));
    let client = client(&egress, DEADLINE, false).unwrap();
    let shown = format!("{client:?} {egress:?}");
    assert!(!shown.contains("s3cret"), "{shown}");
}
