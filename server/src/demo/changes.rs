//! Changes of resources, and who hears of them in which era.
//! Owns the legacy subscriptions and the channel that modern ones listen on.
//! Never knows what changed in a resource, only that it did.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use rmcp::model::ResourceUpdatedNotificationParam;
use rmcp::service::SubscriptionContext;
use rmcp::{Peer, RoleServer};
use tokio::sync::broadcast;
use tokio_util::sync::CancellationToken;

/// How many changes a slow listener may be behind before it misses some.
const BACKLOG: usize = 64;

/// Something about the resources became different.
#[derive(Debug, Clone)]
pub(super) enum Change {
    /// The resource with this URI reads differently now.
    Updated(String),
    /// The list of resources changed.
    List,
}

/// Tells subscribers about changes.
#[derive(Debug)]
pub(super) struct Changes {
    /// What `resources/subscribe` asked for; only the legacy eras have it.
    subscribed: Mutex<BTreeSet<String>>,
    /// What `subscriptions/listen` hears; only the modern era has it.
    sender: broadcast::Sender<Change>,
    /// The ear of a listener whose request is accepted and whose task has not begun.
    accepted: Mutex<Option<broadcast::Receiver<Change>>>,
}

impl Default for Changes {
    fn default() -> Self {
        Self {
            subscribed: Mutex::default(),
            sender: broadcast::Sender::new(BACKLOG),
            accepted: Mutex::default(),
        }
    }
}

impl Changes {
    pub(super) fn subscribe(&self, uri: String) {
        self.subscribed
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(uri);
    }

    pub(super) fn unsubscribe(&self, uri: &str) {
        self.subscribed
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(uri);
    }

    fn is_subscribed(&self, uri: &str) -> bool {
        self.subscribed
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .contains(uri)
    }

    /// Tells everyone who asked to be told, and nobody else.
    pub(super) async fn announce(&self, peer: &Peer<RoleServer>, change: Change) {
        // Without listeners there is nobody to miss it.
        let _ = self.sender.send(change.clone());
        // Only a legacy handshake leaves its information with the peer; without one, a bare
        // notification would belong to no subscription.
        if peer.peer_info().is_none() {
            return;
        }
        // A client that is gone cannot be told; the session's end says so elsewhere.
        let _ = match change {
            Change::Updated(uri) if self.is_subscribed(&uri) => {
                let params = ResourceUpdatedNotificationParam::new(uri);
                peer.notify_resource_updated(params).await
            }
            Change::Updated(_) => Ok(()),
            Change::List => peer.notify_resource_list_changed().await,
        };
    }

    /// Hears changes from now on for the listener that is about to be acknowledged: a client may
    /// cause one as soon as it reads the acknowledgement, which is before `deliver` runs.
    pub(super) fn accept(&self) {
        *self.accepted.lock().unwrap_or_else(PoisonError::into_inner) =
            Some(self.sender.subscribe());
    }

    /// Passes changes on to one `subscriptions/listen` until it is cancelled or the input ends.
    pub(super) async fn deliver(
        &self,
        subscription: &SubscriptionContext,
        ended: &CancellationToken,
    ) {
        let accepted = self
            .accepted
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        let mut changes = accepted.unwrap_or_else(|| self.sender.subscribe());
        loop {
            let change = tokio::select! {
                () = subscription.cancelled() => return,
                () = ended.cancelled() => return,
                change = changes.recv() => change,
            };
            // The sink sends only what this subscription asked for; what it refuses is not an error.
            let _ = match change {
                Ok(Change::Updated(uri)) => subscription.sink().notify_resource_updated(uri).await,
                Ok(Change::List) => subscription.sink().notify_resource_list_changed().await,
                Err(broadcast::error::RecvError::Lagged(_)) => Ok(()),
                Err(broadcast::error::RecvError::Closed) => return,
            };
        }
    }
}
