//! The upstream of an MCP server over HTTP+SSE (MCP 2024-11-05, basic/transports): one stream of events from the
//! server, and a URL, named on it, to post messages to.
//!
//! Owns the stream and its renewal. The stream is the session: when it breaks, the server has forgotten everything.

use std::sync::Arc;
use std::time::Duration;

use footbridge_shared::fault::Fault;
use footbridge_shared::params::SseParams;
use footbridge_shared::rpc::Id;
use footbridge_shared::rpc::Message;
use reqwest::header::HeaderMap;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::sleep;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use url::Url;

use super::FromUpstream;
use super::Upstream;
use super::failure;
use super::messages;
use super::remote::Events;
use super::remote::Kind;
use super::remote::Remote;
use super::remote::kind;
use crate::config::Limits;
use crate::egress::Egress;

/// Requests that are posted at once.
const POSTS: usize = 16;

/// How often in a row a broken stream is opened again.
const ATTEMPTS: u32 = 6;

/// How long to wait before the first of them when the server does not say; then twice as long each time.
const PAUSE: Duration = Duration::from_millis(500);

/// A stream that has named the URL to post to.
#[derive(Debug)]
pub(super) struct Opened {
    events: Events,
    endpoint: Url,
}

/// Connects to a server.
///
/// # Errors
/// When it cannot be reached, does not speak HTTP+SSE, or names an endpoint of another origin.
pub(super) async fn connect(
    params: &SseParams,
    egress: &Egress,
    limits: &Limits,
) -> Result<Upstream, Fault> {
    let remote = Arc::new(Remote::sse(params, egress, limits)?);
    let opened = open(&remote).await?;
    let (sender, from_bridge) = mpsc::channel(limits.upstream_queue);
    let (to_bridge, receiver) = mpsc::channel(limits.upstream_queue);
    let stop = CancellationToken::new();
    let mut tasks = JoinSet::new();
    tasks.spawn(carry(
        remote,
        opened,
        None,
        from_bridge,
        to_bridge,
        stop.clone(),
    ));
    Ok(Upstream::new((sender, receiver), tasks, stop))
}

/// Opens the stream and waits for the endpoint.
pub(super) async fn open(remote: &Remote) -> Result<Opened, Fault> {
    let response = remote.get(remote.url(), HeaderMap::new()).await?;
    let host = remote.host();
    if !response.status().is_success() {
        return Err(remote.refusal(response.status(), response.headers()));
    }
    if kind(&response) != Kind::Events {
        return Err(failure::not_mcp(
            host,
            "the answer is no stream of events",
            "If the server speaks Streamable HTTP, use StreamableHttpServerParams.",
        ));
    }
    let mut events = remote.events(response);
    let first = timeout(remote.post_timeout, events.next())
        .await
        .map_err(|_| failure::silent(host, remote.post_timeout, "timeout"))??;
    let event = first
        .filter(|event| event.name == "endpoint")
        .ok_or_else(|| {
            failure::not_mcp(
                host,
                "its stream does not begin with an endpoint",
                "If the server speaks Streamable HTTP, use StreamableHttpServerParams.",
            )
        })?;
    let endpoint = endpoint(remote.url(), event.data.trim()).ok_or_else(|| {
        failure::not_mcp(
            host,
            "it names an endpoint of another origin",
            "Messages, and the credentials with them, go only to the origin of the URL.",
        )
    })?;
    Ok(Opened { events, endpoint })
}

/// The URL to post to, when it is of the stream's own origin.
fn endpoint(stream: &Url, reference: &str) -> Option<Url> {
    let endpoint = stream.join(reference).ok()?;
    let has_credentials = !endpoint.username().is_empty() || endpoint.password().is_some();
    (endpoint.origin() == stream.origin() && !has_credentials).then_some(endpoint)
}

/// Carries messages until told to stop or until the server cannot be reached any more.
pub(super) async fn carry(
    remote: Arc<Remote>,
    opened: Opened,
    first: Option<Message>,
    mut from_bridge: mpsc::Receiver<Message>,
    to_bridge: mpsc::Sender<FromUpstream>,
    stop: CancellationToken,
) {
    let mut carrier = Carrier {
        remote,
        endpoint: opened.endpoint,
        posts: JoinSet::new(),
        to_bridge,
    };
    let mut events = opened.events;
    if let Some(message) = first {
        carrier.carry(message).await;
    }
    loop {
        let fault = tokio::select! {
            () = stop.cancelled() => return,
            fault = carrier.relay(&mut events, &mut from_bridge) => fault,
        };
        let Some(fault) = fault else {
            return;
        };
        // What is under way belongs to the stream that broke; the bridge answers for it.
        carrier.posts = JoinSet::new();
        let renewed = tokio::select! {
            () = stop.cancelled() => return,
            renewed = renew(&carrier.remote, events.retry()) => renewed,
        };
        match renewed {
            Some(opened) => {
                carrier.endpoint = opened.endpoint;
                events = opened.events;
                carrier.send(FromUpstream::Reconnected(fault)).await;
            }
            None => return carrier.send(FromUpstream::Gone(fault)).await,
        }
    }
}

async fn renew(remote: &Remote, retry: Option<Duration>) -> Option<Opened> {
    let pause = retry.unwrap_or(PAUSE);
    for attempt in 0..ATTEMPTS {
        sleep(pause * 2_u32.pow(attempt)).await;
        match open(remote).await {
            Ok(opened) => return Some(opened),
            Err(fault) => tracing::debug!(
                fault = fault.message,
                attempt,
                "a remote MCP server was not reached again"
            ),
        }
    }
    None
}

struct Carrier {
    remote: Arc<Remote>,
    endpoint: Url,
    posts: JoinSet<Option<(Id, Fault)>>,
    to_bridge: mpsc::Sender<FromUpstream>,
}

impl Carrier {
    async fn send(&self, item: FromUpstream) {
        let _ = self.to_bridge.send(item).await;
    }

    /// Moves messages both ways until the stream ends (why) or the session does (`None`).
    async fn relay(
        &mut self,
        events: &mut Events,
        from_bridge: &mut mpsc::Receiver<Message>,
    ) -> Option<Fault> {
        loop {
            let may_post = self.posts.len() < POSTS;
            tokio::select! {
                event = events.next() => match event {
                    Ok(Some(event)) if event.name == "message" => {
                        for message in messages::parse(&event.data, self.remote.json_depth) {
                            self.send(FromUpstream::Message(message)).await;
                        }
                    }
                    Ok(Some(_)) => {}
                    Ok(None) => return Some(failure::dropped(self.remote.host())),
                    Err(fault) => return Some(fault),
                },
                Some(posted) = self.posts.join_next() => {
                    if let Ok(Some((id, fault))) = posted {
                        self.send(FromUpstream::Failed { id, fault }).await;
                    }
                }
                message = from_bridge.recv(), if may_post => match message {
                    Some(message) => self.carry(message).await,
                    None => return None,
                },
            }
        }
    }

    /// Requests are posted beside each other; what has to keep its order waits until the server has it.
    async fn carry(&mut self, message: Message) {
        let post = post(
            Arc::clone(&self.remote),
            self.endpoint.clone(),
            message.clone(),
        );
        match &message {
            Message::Request(_) => {
                self.posts.spawn(post);
            }
            Message::Notification(_) | Message::Response(_) => {
                post.await;
            }
        }
    }
}

/// Posts one message; what a request failed with.
async fn post(remote: Arc<Remote>, endpoint: Url, message: Message) -> Option<(Id, Fault)> {
    let id = match &message {
        Message::Request(request) => Some(request.id().clone()),
        Message::Notification(_) | Message::Response(_) => None,
    };
    let posted = remote
        .post(
            &endpoint,
            HeaderMap::new(),
            message.into_text(),
            remote.post_timeout,
            "timeout",
        )
        .await;
    let fault = match posted {
        Ok(response) if response.status().is_success() => {
            // Read to its end, so that the connection can be used again.
            remote.error_text(response).await;
            return None;
        }
        Ok(response) => remote.refusal(response.status(), response.headers()),
        Err(fault) => fault,
    };
    tracing::debug!(
        fault = fault.message,
        "a message did not reach a remote MCP server"
    );
    id.map(|id| (id, fault))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_is_of_the_streams_origin() {
        let stream = Url::parse("https://a.example/x/sse?key=1").unwrap();
        for (reference, expected) in [
            (
                "/message?sessionId=1",
                Some("https://a.example/message?sessionId=1"),
            ),
            ("messages/?id=1", Some("https://a.example/x/messages/?id=1")),
            ("https://a.example:443/m", Some("https://a.example/m")),
            ("https://b.example/m", None),
            ("//b.example/m", None),
            ("http://a.example/m", None),
            ("https://a.example:444/m", None),
            ("https://me:secret@a.example/m", None),
            ("file:///etc/passwd", None),
        ] {
            let found = endpoint(&stream, reference);
            assert_eq!(found.as_ref().map(Url::as_str), expected, "{reference}");
        }
    }
}
