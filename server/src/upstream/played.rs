//! A scripted HTTP server for the tests of what talks to one.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;

use tokio::io::AsyncBufReadExt;
use tokio::io::AsyncReadExt;
use tokio::io::AsyncWriteExt;
use tokio::io::BufReader;
use tokio::net::TcpListener;
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

/// A request as it came in.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    pub(super) method: String,
    pub(super) path: String,
    pub(super) headers: HashMap<String, String>,
    pub(super) body: String,
}

impl Asked {
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(String::as_str)
    }

    /// `POST tools/call` or `GET`: what the request is about.
    pub(super) fn about(&self) -> String {
        let body: serde_json::Value = serde_json::from_str(&self.body).unwrap_or_default();
        match (body["method"].as_str(), body.get("id")) {
            (Some(method), _) => format!("{} {method}", self.method),
            (None, Some(_)) => format!("{} answer", self.method),
            (None, None) => self.method.clone(),
        }
    }
}

/// What the server answers.
#[derive(Clone, Debug)]
pub(super) struct Reply {
    status: u16,
    headers: Vec<(&'static str, String)>,
    body: String,
    then: Then,
}

/// What follows the body that was given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Then {
    /// Nothing: the body is complete.
    End,
    /// The stream stays open until the client leaves.
    Stay,
    /// The connection breaks with the body incomplete.
    Break,
}

impl Reply {
    pub(super) fn status(status: u16) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body: String::new(),
            then: Then::End,
        }
    }

    pub(super) fn json(body: &str) -> Self {
        Self::status(200).body("application/json; charset=utf-8", body)
    }

    pub(super) fn events(body: &str) -> Self {
        Self::status(200).body("Text/Event-Stream", body)
    }

    pub(super) fn body(mut self, media_type: &str, body: &str) -> Self {
        body.clone_into(&mut self.body);
        self.header("content-type", media_type)
    }

    pub(super) fn header(mut self, name: &'static str, value: &str) -> Self {
        self.headers.push((name, value.to_owned()));
        self
    }

    pub(super) fn and_stays(mut self) -> Self {
        self.then = Then::Stay;
        self
    }

    pub(super) fn and_breaks(mut self) -> Self {
        self.then = Then::Break;
        self
    }
}

/// A server that answers by a function and remembers what it was asked.
#[derive(Debug)]
pub(super) struct Played {
    pub(super) url: String,
    asked: Arc<Mutex<Vec<Asked>>>,
    /// One item for each client that left a stream which would have stayed open.
    pub(super) left: mpsc::Receiver<Asked>,
    _tasks: JoinSet<()>,
}

impl Played {
    pub(super) async fn new(answer: impl Fn(&Asked) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/mcp?key=s3cret", listener.local_addr().unwrap());
        let asked = Arc::new(Mutex::new(Vec::new()));
        let (leaving, left) = mpsc::channel(64);
        let (answer, kept) = (Arc::new(answer), Arc::clone(&asked));
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let (answer, kept, leaving) =
                    (Arc::clone(&answer), Arc::clone(&kept), leaving.clone());
                connections.spawn(async move {
                    let _ = serve(stream, &*answer, &kept, &leaving).await;
                });
            }
        });
        Self {
            url,
            asked,
            left,
            _tasks: tasks,
        }
    }

    /// Everything it was asked so far.
    pub(super) fn asked(&self) -> Vec<Asked> {
        self.asked
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// What it was asked about.
    pub(super) fn about(&self) -> Vec<String> {
        self.asked().iter().map(Asked::about).collect()
    }

    /// The first request about this.
    pub(super) fn first(&self, about: &str) -> Asked {
        let asked = self.asked();
        let found = asked.iter().find(|asked| asked.about() == about);
        found
            .unwrap_or_else(|| panic!("{about} is not among {:?}", self.about()))
            .clone()
    }
}

/// One connection, which ends with its first answer.
async fn serve(
    stream: TcpStream,
    answer: &(impl Fn(&Asked) -> Reply + Send + Sync),
    kept: &Mutex<Vec<Asked>>,
    leaving: &mpsc::Sender<Asked>,
) -> std::io::Result<()> {
    let mut stream = BufReader::new(stream);
    let mut line = String::new();
    stream.read_line(&mut line).await?;
    let mut words = line.split_whitespace().map(str::to_owned);
    let (method, path) = (
        words.next().unwrap_or_default(),
        words.next().unwrap_or_default(),
    );
    let mut headers = HashMap::new();
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).await?;
        match line.trim().split_once(':') {
            Some((name, value)) => headers.insert(name.to_lowercase(), value.trim().to_owned()),
            None => break,
        };
    }
    let length = headers
        .get("content-length")
        .and_then(|length| length.parse().ok())
        .unwrap_or(0);
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await?;
    let asked = Asked {
        method,
        path,
        headers,
        body: String::from_utf8_lossy(&body).into_owned(),
    };
    kept.lock()
        .unwrap_or_else(PoisonError::into_inner)
        .push(asked.clone());
    let reply = answer(&asked);
    let mut head = format!(
        "HTTP/1.1 {} X\r\nconnection: close\r\ntransfer-encoding: chunked\r\n",
        reply.status
    );
    for (name, value) in &reply.headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str("\r\n");
    if !reply.body.is_empty() {
        head.push_str(&format!("{:x}\r\n{}\r\n", reply.body.len(), reply.body));
    }
    if reply.then == Then::End {
        head.push_str("0\r\n\r\n");
    }
    stream.write_all(head.as_bytes()).await?;
    stream.flush().await?;
    if reply.then == Then::Stay {
        let _ = stream.read(&mut [0; 1]).await;
        let _ = leaving.send(asked).await;
    }
    Ok(())
}
