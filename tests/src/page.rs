//! A page: the browser's end of a socket.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Duration;

use futures_util::SinkExt;
use futures_util::StreamExt;
use serde_json::Value;
use serde_json::json;
use tokio::io::AsyncRead;
use tokio::io::AsyncWrite;
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::client_async_with_config;
use tokio_tungstenite::tungstenite::Error;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::HeaderName;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;

use crate::within;

/// The HTTP status that refused an upgrade.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refused(pub u16);

/// What a socket runs over: TCP, or TLS over TCP.
pub trait Wire: AsyncRead + AsyncWrite + Unpin + Send + std::fmt::Debug {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send + std::fmt::Debug> Wire for T {}

/// The browser's end of a socket.
#[derive(Debug)]
pub struct Page {
    socket: WebSocketStream<Box<dyn Wire>>,
    /// The subprotocol that the bridge chose.
    pub subprotocol: Option<String>,
    /// Frames read while waiting for another.
    skipped: VecDeque<Value>,
    next_id: u64,
}

impl Page {
    /// Opens a socket with headers of one's own; empty values are left out.
    ///
    /// # Errors
    /// The HTTP status when the upgrade was refused.
    pub async fn open(
        address: SocketAddr,
        url: &str,
        headers: &[(&str, &str)],
    ) -> Result<Self, Refused> {
        let stream = TcpStream::connect(address)
            .await
            .expect("the bridge listens");
        Self::over(Box::new(stream), &format!("ws://{address}{url}"), headers).await
    }

    /// [`Self::open`] over a connection that is there already, by the whole URL.
    ///
    /// # Errors
    /// The HTTP status when the upgrade was refused.
    pub async fn over(
        stream: Box<dyn Wire>,
        url: &str,
        headers: &[(&str, &str)],
    ) -> Result<Self, Refused> {
        let mut request = url.into_client_request().expect("a URL");
        for (name, value) in headers.iter().filter(|(_, value)| !value.is_empty()) {
            let name = HeaderName::from_bytes(name.as_bytes()).expect("a header name");
            request
                .headers_mut()
                .insert(name, value.parse().expect("a header value"));
        }
        let config = WebSocketConfig::default()
            .max_message_size(None)
            .max_frame_size(None);
        match within(
            "the upgrade",
            client_async_with_config(request, stream, Some(config)),
        )
        .await
        {
            Ok((socket, response)) => {
                let subprotocol = response.headers().get("sec-websocket-protocol");
                let subprotocol = subprotocol
                    .and_then(|value| value.to_str().ok())
                    .map(str::to_owned);
                Ok(Self {
                    socket,
                    subprotocol,
                    skipped: VecDeque::new(),
                    next_id: 0,
                })
            }
            Err(Error::Http(response)) => Err(Refused(response.status().as_u16())),
            Err(error) => panic!("the upgrade failed: {error}"),
        }
    }

    /// Sends a frame.
    pub async fn send(&mut self, frame: &Value) {
        self.send_text(&frame.to_string()).await;
    }

    /// Sends a frame that need not be JSON.
    pub async fn send_text(&mut self, text: &str) {
        self.socket
            .send(Message::text(text))
            .await
            .expect("the socket is open");
    }

    /// The next frame's text; `None` when the socket is closed.
    pub async fn text(&mut self) -> Option<String> {
        // Pings come for ever, so the wait is for all of it.
        within("a frame", async {
            loop {
                match self.socket.next().await? {
                    Ok(Message::Text(text)) => return Some(text.as_str().to_owned()),
                    Ok(Message::Close(_)) | Err(_) => return None,
                    Ok(
                        Message::Ping(_)
                        | Message::Pong(_)
                        | Message::Binary(_)
                        | Message::Frame(_),
                    ) => {}
                }
            }
        })
        .await
    }

    /// The next frame, what was skipped first.
    pub async fn frame(&mut self) -> Value {
        match self.skipped.pop_front() {
            Some(frame) => frame,
            None => self.fresh_frame().await,
        }
    }

    async fn fresh_frame(&mut self) -> Value {
        let text = self.text().await.expect("the socket is open");
        serde_json::from_str(&text).expect("a frame is JSON")
    }

    /// The first frame for which `wanted` is true; the others stay for later.
    pub async fn frame_where(&mut self, wanted: impl Fn(&Value) -> bool) -> Value {
        if let Some(at) = self.skipped.iter().position(&wanted) {
            return self
                .skipped
                .remove(at)
                .expect("its position was just found");
        }
        loop {
            let frame = self.fresh_frame().await;
            if wanted(&frame) {
                return frame;
            }
            self.skipped.push_back(frame);
        }
    }

    /// The first frame of this `type`.
    pub async fn frame_of(&mut self, kind: &str) -> Value {
        self.frame_where(|frame| frame["type"] == kind).await
    }

    /// Sends a request and waits for its response, which is returned whole.
    pub async fn call(&mut self, method: &str, params: Value) -> Value {
        let id = self.start(method, params).await;
        self.response(&id).await
    }

    /// The response to a request.
    pub async fn response(&mut self, id: &Value) -> Value {
        self.frame_where(|frame| frame["id"] == *id && frame.get("method").is_none())
            .await
    }

    /// Sends a request without waiting for its response; its id.
    pub async fn start(&mut self, method: &str, params: Value) -> Value {
        self.next_id += 1;
        let id = json!(self.next_id);
        self.send(&json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params }))
            .await;
        id
    }

    /// Sends a notification.
    pub async fn notify(&mut self, method: &str, params: Value) {
        self.send(&json!({ "jsonrpc": "2.0", "method": method, "params": params }))
            .await;
    }

    /// Waits for a request or a notification of the MCP server.
    pub async fn message(&mut self, method: &str) -> Value {
        self.frame_where(|frame| frame["method"] == method).await
    }

    /// Waits for a request of the MCP server and answers it with a result; the request.
    pub async fn answer(&mut self, method: &str, result: Value) -> Value {
        let request = self.message(method).await;
        self.send(&json!({ "jsonrpc": "2.0", "id": request["id"], "result": result }))
            .await;
        request
    }

    /// Frames that came while another was waited for, and that nobody has asked for yet.
    pub fn skipped(&self) -> impl Iterator<Item = &Value> {
        self.skipped.iter()
    }

    /// Calls a tool; its result.
    pub async fn call_tool(&mut self, name: &str, arguments: Value) -> Value {
        let response = self
            .call(
                "tools/call",
                json!({ "name": name, "arguments": arguments }),
            )
            .await;
        assert!(response.get("result").is_some(), "{response}");
        response["result"].clone()
    }

    /// Reads until the socket is closed; the frames, and the close code and reason.
    pub async fn until_closed(&mut self) -> (Vec<Value>, Option<(u16, String)>) {
        let mut frames: Vec<Value> = self.skipped.drain(..).collect();
        let socket = &mut self.socket;
        let closed = async {
            loop {
                match socket.next().await {
                    Some(Ok(Message::Text(text))) => {
                        frames.push(serde_json::from_str(&text).expect("a frame is JSON"));
                    }
                    Some(Ok(Message::Close(close))) => {
                        return close
                            .map(|close| (close.code.into(), close.reason.as_str().to_owned()));
                    }
                    Some(Ok(
                        Message::Ping(_)
                        | Message::Pong(_)
                        | Message::Binary(_)
                        | Message::Frame(_),
                    )) => {}
                    Some(Err(_)) | None => return None,
                }
            }
        };
        let close = within("the close", closed).await;
        (frames, close)
    }

    /// The next frame within a time; `None` when there was none.
    pub async fn frame_within(&mut self, limit: Duration) -> Option<Value> {
        tokio::time::timeout(limit, self.frame()).await.ok()
    }

    /// Closes the socket in order.
    pub async fn close(mut self) {
        let _ = self.socket.close(None).await;
        while let Some(Ok(_)) = within("the close", self.socket.next()).await {}
    }

    /// Cuts the connection without a word.
    pub fn cut(self) {
        drop(self.socket);
    }
}
