//! A browser that takes its session up again whenever it loses its socket, as docs/protocol.md, 4.3, has it.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Duration;

use futures_util::SinkExt;
use futures_util::StreamExt;
use serde_json::Value;
use serde_json::json;
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::client_async;
use tokio_tungstenite::tungstenite::Error;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::HeaderValue;

use crate::bridge::Bridge;
use crate::within;

/// How long one attempt to come back may take; a connection that hangs is given up.
const ATTEMPT: Duration = Duration::from_secs(5);

type Socket = WebSocketStream<TcpStream>;

/// Such a browser.
#[derive(Debug)]
pub struct Returning {
    bridge: SocketAddr,
    way: SocketAddr,
    session: String,
    /// Opens the session the next time.
    pub token: String,
    socket: Option<Socket>,
    /// How many of the bridge's numbered frames have arrived.
    pub received: u64,
    /// What the bridge has not acknowledged, and the number of the first of it.
    unacknowledged: VecDeque<String>,
    first: u64,
    attempts: u64,
    /// How often it has come back.
    pub returns: usize,
}

impl Returning {
    /// Opens a session at the bridge itself; whenever the socket is lost, it comes back by another way.
    ///
    /// # Panics
    /// When the session does not become resumable.
    pub async fn open(bridge: &Bridge, params: &Value, way: SocketAddr) -> Self {
        let (session, url) = bridge.connect(params).await;
        let socket = connect(bridge.address(), bridge.address(), &url)
            .await
            .expect("a socket");
        let mut page = Self {
            bridge: bridge.address(),
            way,
            session,
            token: String::new(),
            socket: Some(socket),
            received: 0,
            unacknowledged: VecDeque::new(),
            first: 1,
            attempts: 0,
            returns: 0,
        };
        page.write(&json!({ "type": "resumable" }).to_string())
            .await;
        while page.token.is_empty() {
            let text = page.read().await.expect("the socket is open");
            let frame: Value = serde_json::from_str(&text).expect("JSON");
            if frame["type"] == "resumable" {
                page.token = text_of(&frame, "token");
            }
        }
        page.acknowledge().await;
        page
    }

    /// The session's id.
    pub fn session(&self) -> &str {
        &self.session
    }

    /// Loses the socket, without a word.
    pub fn lose(&mut self) {
        self.socket = None;
    }

    /// Loses the socket, and comes back by another way from now on.
    pub fn turn_to(&mut self, way: SocketAddr) {
        self.way = way;
        self.lose();
    }

    /// Sends a frame, now or when it is back.
    pub async fn send(&mut self, text: String) {
        self.write(&text).await;
        self.unacknowledged.push_back(text);
    }

    /// The next numbered frame of the bridge, wherever it has to be waited for.
    ///
    /// # Panics
    /// When it cannot come back to where it was, or has to wait too long.
    pub async fn next(&mut self) -> Value {
        within("a frame", async {
            loop {
                if self.socket.is_none() {
                    self.come_back().await;
                }
                // One that says nothing for so long may hang.
                let read = tokio::time::timeout(ATTEMPT, self.read()).await;
                let Ok(Some(text)) = read else {
                    self.socket = None;
                    continue;
                };
                let frame: Value = serde_json::from_str(&text).expect("JSON");
                if !self.is_about_the_socket(&frame) {
                    self.received += 1;
                    if self.received.is_multiple_of(8) {
                        self.acknowledge().await;
                    }
                    return frame;
                }
            }
        })
        .await
    }

    /// The answer to a request.
    pub async fn response(&mut self, id: &Value) -> Value {
        loop {
            let frame = self.next().await;
            if frame["id"] == *id {
                return frame;
            }
        }
    }

    fn is_about_the_socket(&mut self, frame: &Value) -> bool {
        match frame["type"].as_str() {
            Some("ack") => {
                self.forget(frame["received"].as_u64().expect("a number"));
                true
            }
            Some("pong" | "resumable") => true,
            _ => false,
        }
    }

    fn forget(&mut self, received: u64) {
        while self.first <= received {
            self.unacknowledged.pop_front().expect("it was sent");
            self.first += 1;
        }
    }

    async fn come_back(&mut self) {
        loop {
            self.attempts += 1;
            let url = format!(
                "/api/mcp/ws/{}?resume={}&received={}&attempt={}",
                self.session, self.token, self.received, self.attempts
            );
            match tokio::time::timeout(ATTEMPT, self.try_url(&url)).await {
                Ok(Some(())) => return,
                // What breaks the way again and again is no reason to give up; the caller has a deadline.
                Ok(None) | Err(_) => tokio::task::yield_now().await,
            }
        }
    }

    async fn try_url(&mut self, url: &str) -> Option<()> {
        let mut socket = connect(self.way, self.bridge, url).await?;
        let Some(Ok(Message::Text(first))) = socket.next().await else {
            return None;
        };
        let frame: Value = serde_json::from_str(&first).expect("JSON");
        assert_eq!(frame["type"], "resumed", "{frame}");
        assert_eq!(frame["recovered"], true, "{frame}");
        self.token = text_of(&frame, "token");
        self.forget(frame["received"].as_u64().expect("a number"));
        self.socket = Some(socket);
        self.returns += 1;
        self.acknowledge().await;
        for text in self.unacknowledged.clone() {
            self.write(&text).await;
        }
        Some(())
    }

    async fn acknowledge(&mut self) {
        let ack = json!({ "type": "ack", "received": self.received });
        self.write(&ack.to_string()).await;
    }

    async fn write(&mut self, text: &str) {
        if let Some(socket) = &mut self.socket
            && socket.send(Message::text(text)).await.is_err()
        {
            self.socket = None;
        }
    }

    async fn read(&mut self) -> Option<String> {
        loop {
            match self.socket.as_mut()?.next().await? {
                Ok(Message::Text(text)) => return Some(text.as_str().to_owned()),
                Ok(Message::Close(_)) | Err(_) => return None,
                Ok(
                    Message::Ping(_) | Message::Pong(_) | Message::Binary(_) | Message::Frame(_),
                ) => {}
            }
        }
    }
}

fn text_of(frame: &Value, name: &str) -> String {
    frame[name].as_str().expect(name).to_owned()
}

/// A socket by some way, to the bridge's own name.
async fn connect(way: SocketAddr, bridge: SocketAddr, url: &str) -> Option<Socket> {
    let stream = TcpStream::connect(way).await.ok()?;
    let mut request = format!("ws://{bridge}{url}")
        .into_client_request()
        .expect("a URL");
    let subprotocol = HeaderValue::from_static("footbridge.v1");
    request
        .headers_mut()
        .insert("sec-websocket-protocol", subprotocol);
    match client_async(request, stream).await {
        Ok((socket, _)) => Some(socket),
        Err(Error::Http(refused)) => panic!("the bridge refuses the upgrade: {}", refused.status()),
        Err(_) => None,
    }
}
