//! The stream on which a server of the session revisions says what nobody asked for (MCP 2025-03-26 to 2025-11-25,
//! basic/transports, listening for messages).

use std::sync::Arc;

use reqwest::StatusCode;
use tokio::sync::oneshot;
use tokio::time::sleep;

use super::Shared;
use super::place::Place;
use super::state::Greeted;
use crate::upstream::FromUpstream;
use crate::upstream::messages;
use crate::upstream::remote::Events;
use crate::upstream::remote::Kind;
use crate::upstream::remote::kind;

/// Listens as long as the session lives and the server lets us. `tried` is dropped when the server has answered once.
pub(super) async fn listen(shared: Arc<Shared>, greeted: Greeted, tried: oneshot::Sender<()>) {
    let remote = &shared.remote;
    let mut place = Place::default();
    let mut was_open = false;
    let mut tried = Some(tried);
    loop {
        let answer = remote
            .get(remote.url(), place.headers(&greeted.headers()))
            .await;
        drop(tried.take());
        match answer {
            Ok(response) if response.status().is_success() && kind(&response) == Kind::Events => {
                was_open = true;
                let mut events = remote.events(response);
                if relay(&shared, &mut events, &mut place).await {
                    place.moved();
                }
                place.note(&events);
            }
            // A server without such a stream may say so in several ways; one that had it has lost the session.
            Ok(response)
                if response.status() == StatusCode::NOT_FOUND
                    && was_open
                    && greeted.id.is_some() =>
            {
                if shared.state().lose(&greeted) {
                    shared.send(FromUpstream::Forgotten(None)).await;
                }
                return;
            }
            Ok(response) if response.status().is_server_error() => place.failed(),
            Ok(_) => return,
            Err(_) => place.failed(),
        }
        sleep(place.pause()).await;
    }
}

/// Hands on what comes until the stream ends; whether anything came.
async fn relay(shared: &Shared, events: &mut Events, place: &mut Place) -> bool {
    let mut came = false;
    loop {
        match events.next().await {
            Ok(Some(event)) if event.name == "message" => {
                came = true;
                place.moved();
                for message in messages::parse(&event.data, shared.remote.json_depth) {
                    shared.send(FromUpstream::Message(message)).await;
                }
            }
            Ok(Some(_)) => {}
            Ok(None) => return came,
            Err(fault) => {
                tracing::debug!(
                    fault = fault.message,
                    "the stream of a remote MCP server broke"
                );
                return came;
            }
        }
    }
}
