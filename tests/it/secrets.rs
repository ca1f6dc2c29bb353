use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use footbridge_tests::Bridge;
use footbridge_tests::Echo;
use footbridge_tests::Page;
use footbridge_tests::Scratch;
use footbridge_tests::Speech;
use footbridge_tests::TOKEN;
use footbridge_tests::eventually;
use footbridge_tests::servers;
use footbridge_tests::times;
use reqwest::Method;
use serde_json::Value;
use serde_json::json;
use tokio::io::AsyncBufReadExt;
use tokio::io::AsyncReadExt;
use tokio::io::AsyncWriteExt;
use tokio::io::BufReader;
use tokio::net::TcpListener;
use tokio::net::TcpStream;
use tokio::task::JoinSet;

/// Secrets that must not be seen anywhere. Each has characters that JSON, URLs and base64 spell differently.
const ENV: &str = "canary-env-a41f07c2/+\"x";
const HEADER: &str = "canary-header-b5290e18/+";
const INPUT: &str = "canary-input-c6d31b77/+\"x";
/// A token that somebody has got wrong is nobody's business either.
const WRONG: &str = "canary-wrong-token-d70ce4a9";
/// What a page may see of itself, and no log.
const ARGV: &str = "canary-argv-e81d92f3";
const QUERY: &str = "canary-query-f90a65bd";
const RESULT: &str = "canary-result-0b17ca3e";

/// Everything the bridge has let out, by where.
#[derive(Default)]
struct Seen {
    texts: BTreeMap<&'static str, Vec<String>>,
    /// The tickets it gave out: secrets like the others, but for the answer they came in.
    tickets: Vec<String>,
}

impl Seen {
    fn note(&mut self, place: &'static str, text: impl Into<String>) {
        self.texts.entry(place).or_default().push(text.into());
    }

    fn count(&self, place: &str) -> usize {
        self.texts.get(place).map_or(0, Vec::len)
    }

    /// The places in which a secret stands, in any of its spellings.
    fn places(&self, secret: &str) -> Vec<&'static str> {
        let spellings = spellings(secret);
        let holds = |texts: &Vec<String>| {
            texts
                .iter()
                .any(|text| spellings.iter().any(|spelling| text.contains(spelling)))
        };
        self.texts
            .iter()
            .filter(|(_, texts)| holds(texts))
            .map(|(place, _)| *place)
            .collect()
    }
}

/// A secret as it is, escaped, and in base64 wherever it begins.
fn spellings(secret: &str) -> Vec<String> {
    let quoted = json!(secret).to_string();
    let percent = secret
        .replace('/', "%2F")
        .replace('+', "%2B")
        .replace('"', "%22");
    let mut all = vec![
        secret.to_owned(),
        quoted.trim_matches('"').to_owned(),
        percent,
    ];
    // Whatever else is escaped in it, these letters are not.
    all.push(
        secret
            .chars()
            .take_while(|letter| letter.is_alphanumeric() || *letter == '-')
            .collect(),
    );
    for before in 0..3 {
        let mut bytes = vec![b' '; before];
        bytes.extend_from_slice(secret.as_bytes());
        let (from, end) = ((before * 4).div_ceil(3), bytes.len() / 3 * 4);
        all.push(STANDARD.encode(&bytes)[from..end].to_owned());
        all.push(URL_SAFE_NO_PAD.encode(&bytes)[from..end].to_owned());
    }
    all
}

#[test]
fn the_search_finds_what_is_there() {
    for secret in [ENV, HEADER, INPUT, WRONG, ARGV, QUERY, RESULT, TOKEN] {
        for before in ["", "a", "ab", "abc"] {
            let text = format!("{before}{secret} and more");
            for spelled in [
                text.clone(),
                json!(text).to_string(),
                STANDARD.encode(&text),
                URL_SAFE_NO_PAD.encode(&text),
            ] {
                let mut seen = Seen::default();
                seen.note("here", "nothing");
                seen.note("here", spelled.clone());
                seen.note("there", "nothing");
                assert_eq!(seen.places(secret), ["here"], "{spelled}");
            }
        }
    }
    assert!(Seen::default().places(ENV).is_empty());
}

/// A remote server that gives back whatever it is sent, where a careless one would.
struct Careless {
    url: String,
    heard: Arc<Mutex<String>>,
    _tasks: JoinSet<()>,
}

/// How a careless server answers.
#[derive(Clone, Copy, Debug)]
enum Manner {
    /// With this status, to everything.
    Status(u16),
    /// Properly to `initialize`, with this status to everything after.
    Later(u16),
    /// With something that is no HTTP.
    Garbage,
    /// With half an answer.
    Half,
}

impl Careless {
    async fn start(manner: Manner) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("its address");
        let heard = Arc::new(Mutex::new(String::new()));
        let kept = Arc::clone(&heard);
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((socket, _)) = listener.accept().await {
                connections.spawn(serve(socket, manner, Arc::clone(&kept)));
            }
        });
        Self {
            url: format!("http://{address}/mcp?key={QUERY}"),
            heard,
            _tasks: tasks,
        }
    }

    fn has_heard(&self, secret: &str) -> bool {
        self.heard
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .contains(secret)
    }
}

async fn serve(socket: TcpStream, manner: Manner, heard: Arc<Mutex<String>>) {
    let mut socket = BufReader::new(socket);
    loop {
        let mut head = String::new();
        loop {
            match socket.read_line(&mut head).await {
                Ok(n) if n > 2 => {}
                Ok(n) if n > 0 => break,
                Ok(_) | Err(_) => return,
            }
        }
        let value = |name: &str| {
            head.lines().find_map(|line| {
                let (key, value) = line.split_once(':')?;
                key.eq_ignore_ascii_case(name)
                    .then(|| value.trim().to_owned())
            })
        };
        let length = value("content-length").and_then(|length| length.parse().ok());
        let mut body = vec![0; length.unwrap_or(0)];
        if socket.read_exact(&mut body).await.is_err() {
            return;
        }
        let body = String::from_utf8(body).expect("UTF-8");
        heard
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push_str(&head);
        let sent = value("authorization").unwrap_or_default();
        let reply = match manner {
            Manner::Status(status) => given_back(status, &sent, &head),
            Manner::Later(status) => later(status, &sent, &head, &body),
            Manner::Garbage => format!("{sent} {head}\r\n\r\n"),
            Manner::Half => format!(
                "HTTP/1.1 200 X\r\nx-sent: {sent}\r\ncontent-type: application/json\r\ncontent-length: 9999\r\n\r\n{{\"{HEADER}"
            ),
        };
        if socket.write_all(reply.as_bytes()).await.is_err()
            || matches!(manner, Manner::Garbage | Manner::Half)
        {
            return;
        }
    }
}

/// An answer with what was sent in every header that is shown to somebody, and in its body.
fn given_back(status: u16, sent: &str, head: &str) -> String {
    let key = sent.rsplit(' ').next().unwrap_or_default();
    let encoded = STANDARD.encode(key);
    format!(
        "HTTP/1.1 {status} X\r\nwww-authenticate: Bearer realm=\"{sent}\", error=\"{key}\", key=\"{encoded}\", \
         resource_metadata=\"http://127.0.0.1/x?key={QUERY}\"\r\nretry-after: {key}\r\nlocation: http://other.example/{key}?key={QUERY}\r\n\
         content-type: text/plain\r\ncontent-length: {}\r\n\r\n{head}",
        head.len()
    )
}

fn later(status: u16, sent: &str, head: &str, body: &str) -> String {
    let Ok(message) = serde_json::from_str::<Value>(body) else {
        return given_back(405, sent, head);
    };
    let (http, member) = match message["method"].as_str() {
        Some("initialize") => (
            200,
            json!({ "result": { "protocolVersion": "2025-06-18", "capabilities": {}, "serverInfo": { "name": "careless", "version": "1" } } }),
        ),
        Some("server/discover") => (
            400,
            json!({ "error": { "code": -32601, "message": "no such method" } }),
        ),
        _ => return given_back(status, sent, head),
    };
    let mut answer = json!({ "jsonrpc": "2.0", "id": message["id"] });
    for (name, value) in member.as_object().expect("an object") {
        answer[name] = value.clone();
    }
    let answer = answer.to_string();
    format!(
        "HTTP/1.1 {http} X\r\nmcp-session-id: {}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{answer}",
        "canary-session-of-the-far-end",
        answer.len()
    )
}

/// What one bridge is asked, and everything it says.
struct Stage {
    bridge: Bridge,
    folder: Scratch,
    seen: Seen,
}

impl Stage {
    /// Connects and notes the answer: whole, unless it holds a ticket.
    async fn connect(&mut self, params: &Value) -> Result<(String, String), String> {
        let (status, answer) = self
            .bridge
            .post_connect(&json!({ "server_params": params }))
            .await;
        if status != 200 {
            self.seen.note("error body", answer.to_string());
            return Err(format!("{status}: {answer}"));
        }
        let text = |name: &str| answer[name].as_str().expect(name).to_owned();
        let url = text("websocket_url");
        let query = url.split('?').nth(1).expect("a query");
        for (name, value) in query.split('&').filter_map(|pair| pair.split_once('=')) {
            let value = value
                .replace("%2B", "+")
                .replace("%2F", "/")
                .replace("%3D", "=");
            match STANDARD.decode(&value) {
                Ok(bytes) if bytes.starts_with(b"{") => {
                    self.seen
                        .note("socket URL", String::from_utf8_lossy(&bytes));
                }
                Ok(_) | Err(_) => {
                    assert!(name == "ticket" || name == "server_params", "{name}");
                    self.seen.tickets.push(value);
                }
            }
        }
        Ok((text("session_id"), url))
    }

    /// Opens a socket that gets no session, and notes what it is told.
    async fn refused(&mut self, url: &str, headers: &[(&str, &str)]) {
        match Page::open(self.bridge.address(), url, headers).await {
            Ok(mut page) => {
                let (frames, close) = page.until_closed().await;
                self.note_frames(&frames);
                self.seen.note("close", format!("{close:?}"));
                assert!(close.is_some_and(|(code, _)| code >= 4000));
            }
            Err(refused) => assert!(refused.0 >= 400),
        }
    }

    fn note_frames(&mut self, frames: &[Value]) {
        for frame in frames {
            self.seen.note("frame", frame.to_string());
        }
    }

    /// Connects to a server that cannot be used, and notes what is said of it.
    async fn fails(&mut self, params: &Value, subprotocols: &[&str]) {
        for subprotocol in subprotocols {
            if let Ok((_, url)) = self.connect(params).await {
                self.refused(&url, &[("sec-websocket-protocol", subprotocol)])
                    .await;
            }
        }
    }

    /// Uses a session, asks after it, and ends it.
    async fn works(&mut self, params: &Value, subprotocol: &str) {
        let (session, url) = self.connect(params).await.expect("a ticket");
        let mut page = self
            .bridge
            .upgrade(&url, subprotocol)
            .await
            .expect("the socket opens");
        if subprotocol == "footbridge.v1" {
            page.send(&json!({ "type": "stderr", "enabled": true }))
                .await;
        }
        let answer = page.call("fake/echo", json!({ "argument": RESULT })).await;
        self.seen.note("result", answer.to_string());
        let path = format!("/api/mcp/ws/status/{session}");
        let (_, status) = self.bridge.get(&path).await;
        assert_eq!(status["status"], true, "{status}");
        self.seen.note("status", status.to_string());
        self.get("/api/mcp/servers", "servers").await;
        let ended = self
            .bridge
            .request(Method::DELETE, &format!("/api/mcp/ws/{session}"));
        let ended = ended.send().await.expect("an answer");
        self.seen
            .note("answer", ended.text().await.expect("a body"));
        let (frames, close) = page.until_closed().await;
        self.note_frames(&frames);
        self.seen.note("close", format!("{close:?}"));
    }

    async fn get(&mut self, path: &str, place: &'static str) {
        let (_, answer) = self.bridge.get(path).await;
        self.seen.note(place, answer.to_string());
    }

    /// A session whose server prints its secrets, answers a call and dies printing them.
    async fn stdio(&mut self) {
        let heard = self.folder.path("environment");
        let mut params = servers::fake();
        params["args"] = json!(["--key", ARGV]);
        params["env"] = json!({ "API_KEY": ENV });
        for subprotocol in ["", "footbridge.v1"] {
            self.works(&params, subprotocol).await;
        }
        let (_, url) = self.connect(&params).await.expect("a ticket");
        let mut page = self
            .bridge
            .upgrade(&url, "footbridge.v1")
            .await
            .expect("the socket opens");
        page.send(&json!({ "type": "stderr", "enabled": true }))
            .await;
        let spelled = format!("{ENV} {} {}", json!(ENV), STANDARD.encode(ENV));
        page.call("fake/complain", json!(spelled)).await;
        let noise = format!("no message {ENV}");
        page.start("fake/say", json!({ "lines": [noise] })).await;
        let last = json!({ "code": 7, "stderr": format!("dying with {spelled}") });
        page.start("fake/exit", last).await;
        let (frames, close) = page.until_closed().await;
        let shown = frames
            .iter()
            .filter(|frame| frame.to_string().contains("***"))
            .count();
        assert!(shown >= 3, "{frames:?}");
        self.note_frames(&frames);
        self.seen.note("close", format!("{close:?}"));

        let script = format!(
            "env >{}; env >&2; echo \"$API_KEY\"; exit 3",
            heard.display()
        );
        let mut params = servers::shell(&script);
        params["env"] = json!({ "API_KEY": ENV });
        self.fails(&params, &["", "mcp", "footbridge.v1"]).await;
        let heard = std::fs::read_to_string(heard).expect("the server ran");
        assert!(heard.contains(ENV), "it had the secret: {heard}");
        for wrong in [
            json!({ "type": "StdioServerParams", "command": "/no/such/program", "args": [ARGV], "env": { "API_KEY": ENV } }),
            json!({ "type": "StdioServerParams", "command": "sh", "cwd": "/no/such/folder", "args": [ARGV], "env": { "API_KEY": ENV } }),
        ] {
            self.fails(&wrong, &["", "footbridge.v1"]).await;
        }
    }

    /// Sessions with remote servers, those that answer and those that do not.
    async fn remote(&mut self) {
        let secret = json!({ "Authorization": format!("Bearer {HEADER}"), "x-api-key": HEADER });
        for speech in [Speech::Json, Speech::Events, Speech::Stateless, Speech::Sse] {
            let echo = Echo::start(speech).await;
            let mut params = echo.params().clone();
            let url = params["url"].as_str().expect("a URL");
            params["url"] = json!(format!("{url}?key={QUERY}"));
            params["headers"] = secret.clone();
            self.works(&params, "footbridge.v1").await;
        }
        let remote = |kind: &str, url: &str| json!({ "type": kind, "url": url, "headers": secret, "timeout": 5 });
        let manners = [
            Manner::Status(200),
            Manner::Status(302),
            Manner::Status(401),
            Manner::Status(403),
            Manner::Status(404),
            Manner::Status(429),
            Manner::Status(500),
            Manner::Garbage,
            Manner::Half,
        ];
        for manner in manners {
            let careless = Careless::start(manner).await;
            for kind in ["SseServerParams", "StreamableHttpServerParams"] {
                self.fails(&remote(kind, &careless.url), &["footbridge.v1"])
                    .await;
            }
            assert!(
                careless.has_heard(HEADER) && careless.has_heard(QUERY),
                "{manner:?}"
            );
        }
        for status in [401, 404, 500] {
            let careless = Careless::start(Manner::Later(status)).await;
            let params = remote("StreamableHttpServerParams", &careless.url);
            let (_, url) = self.connect(&params).await.expect("a ticket");
            let mut page = self
                .bridge
                .upgrade(&url, "footbridge.v1")
                .await
                .expect("the socket opens");
            page.frame_of("initialized").await;
            let answer = page.call("fake/echo", json!({ "argument": RESULT })).await;
            self.seen.note("frame", answer["error"].to_string());
            page.close().await;
        }
        let free = TcpListener::bind("127.0.0.1:0")
            .await
            .expect("a port")
            .local_addr()
            .expect("it")
            .port();
        let own = self.bridge.address();
        for url in [
            format!("http://127.0.0.1:{free}/?key={QUERY}"),
            format!("https://nobody.invalid/?key={QUERY}"),
            format!("https://{own}/?key={QUERY}"),
            // Refused before anything is sent.
            format!("https://10.0.0.1/?key={QUERY}"),
            format!("https://me:{HEADER}@a.example/?key={QUERY}"),
            format!("https://a.example/?key={TOKEN}"),
            format!("ftp://a.example/?key={QUERY}"),
            format!("nothing {QUERY}"),
        ] {
            self.fails(
                &remote("StreamableHttpServerParams", &url),
                &["", "footbridge.v1"],
            )
            .await;
        }
    }

    /// Bodies of `POST connect` that are refused, with secrets where they belong and where they do not.
    async fn bodies(&mut self) {
        let env = json!({ "API_KEY": ENV });
        let stdio = |more: Value| {
            let mut params = json!({ "type": "StdioServerParams", "command": "sh", "env": env });
            for (name, value) in more.as_object().expect("an object") {
                params[name] = value.clone();
            }
            params
        };
        let headers = |headers: Value| json!({ "type": "SseServerParams", "url": "https://a.example/", "headers": headers });
        let refused = [
            json!({ "type": "named", "server": "demo", "inputs": { "key": INPUT } }),
            json!({ "type": "named", "server": "no-such-server", "inputs": { "key": INPUT } }),
            stdio(json!({ "command": "" })),
            stdio(json!({ "args": [1] })),
            stdio(json!({ "args": ARGV })),
            stdio(json!({ "env": { "A=B": ENV } })),
            stdio(json!({ "env": { "A": [ENV] } })),
            stdio(json!({ "env": { "A": format!("{ENV}\u{0}") } })),
            stdio(json!({ "env": { "A": ENV.repeat(500) } })),
            stdio(json!({ "encoding": "latin-1" })),
            stdio(json!({ "type": ENV })),
            headers(json!({ "authorization": format!("{HEADER}\r\nx: y") })),
            headers(json!({ "host": HEADER })),
            headers(json!({ "authorization": format!("Bearer {TOKEN}") })),
            headers(json!({ "authorization": { "value": HEADER } })),
        ];
        for params in refused {
            assert!(self.connect(&params).await.is_err(), "{params}");
        }
        let json = json!({ "server_params": stdio(json!({})) }).to_string();
        for (kind, body) in [
            ("text/plain", json.clone()),
            ("application/json", json.trim_end_matches('}').to_owned()),
            ("application/json", format!("[{json}]")),
            (
                "application/json",
                json!({ "server_params": ENV.repeat(4000) }).to_string(),
            ),
            (
                "application/json",
                json!({ "server_params": stdio(json!({})), "client_info": ENV }).to_string(),
            ),
        ] {
            let request = self.bridge.request(Method::POST, "/api/mcp/ws/connect");
            let request = request.header("content-type", kind).body(body);
            self.refuse(request).await;
        }
    }

    async fn refuse(&mut self, request: reqwest::RequestBuilder) {
        let answer = request.send().await.expect("an answer");
        assert!(!answer.status().is_success());
        self.seen
            .note("error body", format!("{:?}", answer.headers()));
        self.seen
            .note("error body", answer.text().await.expect("a body"));
    }

    /// Requests that the gate or a route refuses.
    async fn requests(&mut self) {
        let http = footbridge_tests::http();
        let own = format!("http://{}", self.bridge.address());
        let get = |path: &str| http.get(format!("{own}{path}"));
        let path = format!("/api/mcp/servers?token={TOKEN}&key={QUERY}");
        for request in [
            get(&path).bearer_auth(WRONG),
            get(&path).bearer_auth(format!("{TOKEN}x")),
            get(&path).basic_auth("me", Some(WRONG)),
            get(&path).bearer_auth(TOKEN).header("host", "evil.example"),
            get(&path)
                .bearer_auth(TOKEN)
                .header("origin", "https://evil.example"),
            get(&path).header("x-key", HEADER),
            get(&format!("/api/mcp/{TOKEN}?token={TOKEN}")).bearer_auth(TOKEN),
            get(&format!("/api/mcp/ws/connect?token={TOKEN}")).bearer_auth(TOKEN),
            get(&format!("/api/mcp/ws/{TOKEN}")).bearer_auth(TOKEN),
            get(&path)
                .bearer_auth(TOKEN)
                .header("x-long", HEADER.repeat(1500)),
        ] {
            self.refuse(request).await;
        }
    }

    /// Sockets that get no session, and one whose caller writes its secrets into the URL itself.
    async fn sockets(&mut self) {
        let mut params = servers::fake();
        params["args"] = json!([ARGV]);
        params["env"] = json!({ "API_KEY": ENV });
        let (session, url) = self.connect(&params).await.expect("a ticket");
        let cut = url[..url.len() - 3].to_owned();
        let bearer = format!("bearer.{WRONG}");
        for (url, headers) in [
            (url.replace(&session, "another-session"), vec![]),
            (cut, vec![]),
            (url.split('?').next().expect("a path").to_owned(), vec![]),
            (
                format!("/api/mcp/ws/{session}?server_params={TOKEN}!&ticket={TOKEN}"),
                vec![],
            ),
            (url.clone(), vec![("authorization", WRONG)]),
            (url.clone(), vec![("sec-websocket-protocol", &*bearer)]),
            (url.clone(), vec![("origin", "https://evil.example")]),
        ] {
            self.refused(&url, &headers).await;
        }
        let mut page = self
            .bridge
            .upgrade(&url, "")
            .await
            .expect("the socket opens");
        page.frame_of("initialized").await;
        self.refused(&url, &[]).await;
        page.close().await;

        self.ways_back(&params).await;

        let open = URL_SAFE_NO_PAD.encode(params.to_string());
        let url = format!("/api/mcp/ws/mine?server_params={open}");
        self.refused(&url, &[]).await;
        let authorization = format!("Bearer {TOKEN}");
        let headers = [("authorization", &*authorization)];
        let mut page = Page::open(self.bridge.address(), &url, &headers)
            .await
            .expect("the socket opens");
        page.frame_of("initialized").await;
        page.close().await;
        let wrong = params.to_string().replace("StdioServerParams", "Nothing");
        let url = format!(
            "/api/mcp/ws/mine?server_params={}",
            URL_SAFE_NO_PAD.encode(wrong)
        );
        self.refused(&url, &headers).await;
    }

    /// A session that is taken up again, and attempts that are refused.
    async fn ways_back(&mut self, params: &Value) {
        let (session, url) = self.connect(params).await.expect("a ticket");
        let mut page = self
            .bridge
            .upgrade(&url, "footbridge.v1")
            .await
            .expect("the socket opens");
        page.send(&json!({ "type": "resumable" })).await;
        let mut frame = page.frame_of("resumable").await;
        for _ in 0..3 {
            let token = frame["token"].as_str().expect("a token").to_owned();
            page.cut();
            let url = format!("/api/mcp/ws/{session}?received=0&resume={token}");
            let native = ("sec-websocket-protocol", "footbridge.v1");
            self.refused(&url, &[native, ("origin", "https://evil.example")])
                .await;
            self.refused(&format!("{url}x"), &[native]).await;
            self.refused(&format!("{url}&attempt=x"), &[native]).await;
            self.seen.tickets.push(token);
            page = self
                .bridge
                .upgrade(&url, "footbridge.v1")
                .await
                .expect("the socket opens");
            frame = page.frame_of("resumed").await;
        }
        page.close().await;
    }
}

async fn check(mode: &str) {
    let folder = Scratch::new();
    let audit = folder.path("audit.jsonl");
    let config = folder.write(
        "footbridge.toml",
        "[limits]\naudit_refusals = 1000\nfailed_auth_per_minute = 1000\nconnects_burst = 1000",
    );
    let flags = [
        "--token",
        TOKEN,
        "--config",
        &config,
        "--log",
        "trace",
        "--params-in-url",
        mode,
    ];
    let path = audit.to_string_lossy();
    let bridge = Bridge::with(&[&flags[..], &["--audit-log", &path]].concat(), Some(TOKEN)).await;
    let mut stage = Stage {
        bridge,
        folder,
        seen: Seen::default(),
    };
    stage.stdio().await;
    stage.remote().await;
    stage.bodies().await;
    stage.requests().await;
    stage.sockets().await;
    // A route that a bridge need not have.
    let metrics = stage
        .bridge
        .request(Method::GET, "/metrics")
        .send()
        .await
        .expect("an answer");
    if metrics.status().is_success() {
        let text = metrics.text().await.expect("a body");
        assert!(text.contains("footbridge_"), "{text}");
        stage.seen.note("metrics", text);
    }
    let closed = || {
        let text = std::fs::read_to_string(&audit).unwrap_or_default();
        let count = |event: &str| text.matches(&format!(r#""event":"{event}""#)).count();
        count("session_opened") > 0 && count("session_opened") == count("session_closed")
    };
    assert!(eventually(footbridge_tests::DEADLINE, closed).await);
    let Stage { bridge, seen, .. } = &mut stage;
    let log = bridge.log();
    seen.note("log", log.clone());
    let audit = std::fs::read_to_string(&audit).expect("the audit log");
    seen.note("audit log", audit.clone());

    // Something was looked at: a bridge that says nothing passes no test.
    assert!(
        log.lines().filter(|line| line.contains("DEBUG")).count() > 50,
        "{log}"
    );
    let detail = log
        .lines()
        .filter(|line| line.contains(" DEBUG ") || line.contains(" TRACE "));
    for line in detail {
        assert!(line.contains(" footbridge"), "a library's own: {line}");
    }
    for event in [
        "connect_accepted",
        "connect_denied",
        "request_refused",
        "spawned",
        "exited",
        "reached",
    ] {
        assert!(
            audit.matches(&format!(r#""event":"{event}""#)).count() > 2,
            "{event}: {audit}"
        );
    }
    for (place, least) in [
        ("frame", 100),
        ("close", 30),
        ("error body", 40),
        ("result", 6),
        ("status", 6),
        ("servers", 6),
    ] {
        assert!(seen.count(place) >= least, "{place}: {}", seen.count(place));
    }
    let n_bytes: usize = seen.texts.values().flatten().map(String::len).sum();
    assert!(n_bytes > 50_000, "{n_bytes}");
    assert!(seen.tickets.len() > 30, "{}", seen.tickets.len());

    for secret in [ENV, HEADER, INPUT, WRONG, TOKEN] {
        assert_eq!(seen.places(secret), [""; 0], "{secret}");
    }
    for ticket in &seen.tickets {
        assert_eq!(seen.places(ticket), [""; 0], "a ticket");
    }
    // What a page may see: there it is, and nowhere else.
    assert_eq!(seen.places(RESULT), ["result"]);
    let visible: &[&str] = if mode == "signed" {
        &["socket URL"]
    } else {
        &[]
    };
    for shown in [ARGV, QUERY] {
        assert_eq!(seen.places(shown), visible, "{shown}");
    }
}

#[tokio::test]
async fn no_secret_is_seen_anywhere_while_params_are_signed() {
    for _ in 0..times(1, 20) {
        check("signed").await;
    }
}

#[tokio::test]
async fn no_secret_is_seen_anywhere_while_params_are_sealed() {
    for _ in 0..times(1, 20) {
        check("sealed").await;
    }
}
