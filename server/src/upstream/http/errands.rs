//! Notifications and answers over Streamable HTTP: posted one after the other, so that they arrive in order.

use std::sync::Arc;

use footbridge_shared::rpc::Id;
use footbridge_shared::rpc::Message;
use reqwest::header::HeaderMap;
use tokio::sync::mpsc;
use tokio::task::AbortHandle;

use super::Shared;
use super::exchange::forgets;
use super::headers;
use crate::upstream::FromUpstream;

/// A message that gets no answer.
#[derive(Debug)]
pub(super) struct Errand {
    pub(super) message: Message,
    /// The exchange that ends with it: the call it cancels.
    pub(super) ends: Option<AbortHandle>,
}

/// Runs errands until there are no more.
pub(super) async fn run(shared: Arc<Shared>, mut errands: mpsc::Receiver<Errand>) {
    while let Some(errand) = errands.recv().await {
        post(&shared, errand.message).await;
        if let Some(exchange) = errand.ends {
            exchange.abort();
        }
    }
}

/// Posts one message. A failure is logged: there is nobody to answer.
pub(super) async fn post(shared: &Shared, message: Message) {
    let remote = &shared.remote;
    let (greeted, version) = {
        let state = shared.state();
        (state.greeted(), state.modern_version.clone())
    };
    let extra = match (&greeted, &message) {
        (Some(greeted), _) => greeted.headers(),
        (None, Message::Notification(notification)) => {
            headers::of_notification(notification.method(), version.as_deref())
        }
        (None, Message::Request(_) | Message::Response(_)) => HeaderMap::new(),
    };
    let body = message.text().to_owned();
    let response = match remote
        .post(remote.url(), extra, body, remote.post_timeout, "timeout")
        .await
    {
        Ok(response) => response,
        Err(fault) => {
            tracing::warn!(
                fault = fault.message,
                "a message did not reach a remote MCP server"
            );
            return;
        }
    };
    let status = response.status();
    let text = remote.error_text(response).await;
    if status.is_success() {
        return;
    }
    tracing::warn!(
        status = status.as_u16(),
        "a remote MCP server did not take a message"
    );
    let Some(greeted) = greeted.filter(|_| forgets(status, None, &text, &Id::number(0))) else {
        return;
    };
    if shared.state().lose(&greeted) {
        // An answer means nothing to a new session; a notification does.
        let kept = matches!(message, Message::Notification(_)).then_some(message);
        shared.send(FromUpstream::Forgotten(kept)).await;
    }
}
