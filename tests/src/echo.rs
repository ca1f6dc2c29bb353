//! A remote MCP server that gives back what it gets, to the byte: over Streamable HTTP in both eras, and over HTTP+SSE.

use std::borrow::Cow;
use std::sync::Arc;

use serde::Deserialize;
use serde_json::Value;
use serde_json::json;
use serde_json::value::RawValue;
use tokio::io::AsyncBufReadExt;
use tokio::io::AsyncReadExt;
use tokio::io::AsyncWriteExt;
use tokio::io::BufReader;
use tokio::net::TcpListener;
use tokio::net::TcpStream;
use tokio::sync::Mutex;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

/// How the server speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Speech {
    /// Sessions, answers as JSON.
    Json,
    /// Sessions, answers as streams of events.
    Events,
    /// The stateless revision, answers as JSON.
    Stateless,
    /// HTTP+SSE.
    Sse,
}

/// A server that runs as long as the value lives.
#[derive(Debug)]
pub struct Echo {
    params: Value,
    _tasks: JoinSet<()>,
}

#[derive(Deserialize)]
struct Heard<'a> {
    #[serde(borrow)]
    id: Option<&'a RawValue>,
    #[serde(borrow)]
    method: Option<Cow<'a, str>>,
    #[serde(borrow)]
    params: Option<&'a RawValue>,
}

/// Where the answers of HTTP+SSE go.
type Stream = Arc<Mutex<Option<mpsc::Sender<String>>>>;

impl Echo {
    /// Starts one.
    pub async fn start(speech: Speech) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("its address");
        let kind = if speech == Speech::Sse {
            "SseServerParams"
        } else {
            "StreamableHttpServerParams"
        };
        let stream = Stream::default();
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((socket, _)) = listener.accept().await {
                connections.spawn(serve(socket, speech, Arc::clone(&stream)));
            }
        });
        Self {
            params: json!({ "type": kind, "url": format!("http://{address}/") }),
            _tasks: tasks,
        }
    }

    /// How it is reached.
    pub fn params(&self) -> &Value {
        &self.params
    }
}

/// The answer to a message, when it wants one.
fn answer(body: &str, speech: Speech) -> Option<String> {
    let heard: Heard<'_> = serde_json::from_str(body).ok()?;
    let id = heard.id?;
    let result = match (heard.method.as_deref()?, speech) {
        ("server/discover", Speech::Stateless) => json!({ "supportedVersions": ["2026-07-28"], "capabilities": {} }).to_string(),
        ("initialize", Speech::Json | Speech::Events | Speech::Sse) => json!({
            "protocolVersion": "2025-06-18", "capabilities": {}, "serverInfo": { "name": "echo", "version": "1" },
        })
        .to_string(),
        ("fake/echo", _) => heard.params.map_or("null", RawValue::get).to_owned(),
        _ => {
            let error = json!({ "code": -32601, "message": "no such method" });
            return Some(format!(r#"{{"jsonrpc":"2.0","id":{id},"error":{error}}}"#));
        }
    };
    Some(format!(
        r#"{{"jsonrpc":"2.0","id":{id},"result":{result}}}"#
    ))
}

/// An event; a line feed inside a message is a further line of data.
fn event(message: &str) -> String {
    format!("data: {}\n\n", message.replace('\n', "\ndata: "))
}

async fn serve(socket: TcpStream, speech: Speech, stream: Stream) {
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
        let length = head.lines().find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case("content-length")
                .then(|| value.trim().parse().ok())?
        });
        let mut body = vec![0; length.unwrap_or(0)];
        if socket.read_exact(&mut body).await.is_err() {
            return;
        }
        let body = String::from_utf8(body).expect("UTF-8");
        if head.starts_with("GET") && speech == Speech::Sse {
            return stream_events(socket, stream).await;
        }
        let answer = answer(&body, speech);
        let reply = match (answer, speech) {
            _ if !head.starts_with("POST") => reply(405, "text/plain", ""),
            (None, _) => reply(202, "text/plain", ""),
            (Some(message), Speech::Json | Speech::Stateless) => {
                reply(200, "application/json", &message)
            }
            (Some(message), Speech::Events) => reply(200, "text/event-stream", &event(&message)),
            (Some(message), Speech::Sse) => {
                let sender = stream.lock().await.clone().expect("a stream was opened");
                let _ = sender.send(message).await;
                reply(202, "text/plain", "")
            }
        };
        if socket.write_all(reply.as_bytes()).await.is_err() {
            return;
        }
    }
}

fn reply(status: u16, media_type: &str, body: &str) -> String {
    format!(
        "HTTP/1.1 {status} X\r\ncontent-type: {media_type}\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
}

async fn stream_events(mut socket: BufReader<TcpStream>, stream: Stream) {
    let (sender, mut messages) = mpsc::channel(16);
    *stream.lock().await = Some(sender);
    let head =
        "HTTP/1.1 200 X\r\ncontent-type: text/event-stream\r\n\r\nevent: endpoint\ndata: /post\n\n";
    if socket.write_all(head.as_bytes()).await.is_err() {
        return;
    }
    while let Some(message) = messages.recv().await {
        if socket.write_all(event(&message).as_bytes()).await.is_err() {
            return;
        }
    }
}
