//! The upstream of an MCP server over Streamable HTTP, in all its revisions.
//!
//! Owns the requests under way, the order of what has to keep one, and the end of the remote session.
//! Never decides what a message means; what it must know of one (session, version, headers) it reads as it passes.

mod errands;
mod exchange;
mod headers;
mod listener;
mod place;
mod refresh;
mod state;
mod tools;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::time::Duration;

use footbridge_shared::fault::Fault;
use footbridge_shared::params::HttpParams;
use footbridge_shared::rpc;
use footbridge_shared::rpc::Id;
use footbridge_shared::rpc::Message;
use footbridge_shared::rpc::Notification;
use footbridge_shared::rpc::Request;
use tokio::sync::mpsc;
use tokio::sync::oneshot;
use tokio::task::AbortHandle;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::FromUpstream;
use super::Upstream;
use super::remote::Remote;
use super::sse;
use crate::config::Limits;
use crate::egress::Egress;
use errands::Errand;
use exchange::Outcome;
use state::State;

/// Requests at once beyond the browser's own: those the bridge makes for itself.
const SPARE: usize = 64;
/// How long the next message waits for the stream on which a server asks; some answer with their first event alone.
const LISTENING: Duration = Duration::from_millis(300);

/// What the tasks of one upstream share.
#[derive(Debug)]
struct Shared {
    remote: Arc<Remote>,
    state: Mutex<State>,
    to_bridge: mpsc::Sender<FromUpstream>,
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells the bridge; in vain when the session is over.
    async fn send(&self, item: FromUpstream) {
        let _ = self.to_bridge.send(item).await;
    }
}

/// Prepares to talk to a server; the first message connects.
///
/// # Errors
/// When the params cannot be sent in HTTP.
pub(super) fn connect(
    params: &HttpParams,
    egress: &Egress,
    limits: &Limits,
) -> Result<Upstream, Fault> {
    let remote = Arc::new(Remote::http(params, egress, limits)?);
    let (sender, from_bridge) = mpsc::channel(limits.upstream_queue);
    let (to_bridge, receiver) = mpsc::channel(limits.upstream_queue);
    let stop = CancellationToken::new();
    let (errands, errands_in) = mpsc::channel(limits.upstream_queue);
    let shared = Arc::new(Shared {
        remote,
        state: Mutex::default(),
        to_bridge,
    });
    let carrier = Carrier {
        errands_run: JoinSet::new(),
        errands,
        shared: Arc::clone(&shared),
        exchanges: JoinSet::new(),
        under_way: HashMap::new(),
        listener: JoinSet::new(),
        capacity: limits.calls_in_flight + SPARE,
        ends_session: params.terminate_on_close,
        patience: limits.stop_stdin_wait,
    };
    let mut tasks = JoinSet::new();
    tasks.spawn(carrier.run(from_bridge, errands_in, stop.clone()));
    Ok(Upstream::new((sender, receiver), tasks, stop))
}

/// The task that takes what the bridge sends.
struct Carrier {
    shared: Arc<Shared>,
    exchanges: JoinSet<Outcome>,
    under_way: HashMap<Id, AbortHandle>,
    errands: mpsc::Sender<Errand>,
    errands_run: JoinSet<()>,
    listener: JoinSet<()>,
    capacity: usize,
    ends_session: bool,
    /// How long the end may take.
    patience: Duration,
}

/// Why the carrier has nothing more to carry.
enum End {
    Stopped,
    /// The server speaks HTTP+SSE; this is the request it has not seen yet.
    OlderServer(Box<sse::Opened>, Request),
}

impl Carrier {
    async fn run(
        mut self,
        mut from_bridge: mpsc::Receiver<Message>,
        errands: mpsc::Receiver<Errand>,
        stop: CancellationToken,
    ) {
        self.errands_run
            .spawn(errands::run(Arc::clone(&self.shared), errands));
        match self.carry_all(&mut from_bridge, &stop).await {
            End::Stopped => self.finish(from_bridge).await,
            End::OlderServer(opened, request) => {
                let remote = Arc::clone(&self.shared.remote);
                let to_bridge = self.shared.to_bridge.clone();
                drop(self);
                sse::carry(
                    remote,
                    *opened,
                    Some(request.into()),
                    from_bridge,
                    to_bridge,
                    stop,
                )
                .await;
            }
        }
    }

    async fn carry_all(
        &mut self,
        from_bridge: &mut mpsc::Receiver<Message>,
        stop: &CancellationToken,
    ) -> End {
        loop {
            let has_room = self.exchanges.len() < self.capacity;
            tokio::select! {
                () = stop.cancelled() => return End::Stopped,
                Some(outcome) = self.exchanges.join_next() => {
                    let Ok(outcome) = outcome else {
                        continue;
                    };
                    tokio::select! {
                        () = stop.cancelled() => return End::Stopped,
                        end = self.end_exchange(outcome) => if let Some(end) = end {
                            return end;
                        }
                    }
                }
                message = from_bridge.recv(), if has_room => {
                    let Some(message) = message else {
                        return End::Stopped;
                    };
                    tokio::select! {
                        // First, so that a message that has been taken is not lost.
                        biased;
                        () = self.carry(message) => {}
                        () = stop.cancelled() => return End::Stopped,
                    }
                }
            }
        }
    }

    async fn end_exchange(&mut self, outcome: Outcome) -> Option<End> {
        match outcome {
            Outcome::Done(id) => {
                self.under_way.remove(&id);
                None
            }
            Outcome::NotStreamable { request, fault } => {
                self.under_way.remove(request.id());
                let Ok(opened) = sse::open(&self.shared.remote).await else {
                    let id = request.id().clone();
                    self.shared.send(FromUpstream::Failed { id, fault }).await;
                    return None;
                };
                Some(End::OlderServer(Box::new(opened), request))
            }
        }
    }

    async fn carry(&mut self, message: Message) {
        match message {
            Message::Request(request) => self.start(request),
            Message::Notification(notification) => match notification.method() {
                "notifications/cancelled" => self.cancel(notification).await,
                "notifications/initialized" => self.greeted(notification).await,
                _ => self.errand(notification.into(), None).await,
            },
            Message::Response(response) => self.errand(response.into(), None).await,
        }
    }

    fn start(&mut self, request: Request) {
        let id = request.id().clone();
        let exchange = exchange::run(Arc::clone(&self.shared), request);
        self.under_way.insert(id, self.exchanges.spawn(exchange));
    }

    async fn errand(&self, message: Message, ends: Option<AbortHandle>) {
        // Fails only when the task that runs errands has panicked.
        let _ = self.errands.send(Errand { message, ends }).await;
    }

    /// In a session, a cancellation is a message; elsewhere it is the end of the call's stream.
    async fn cancel(&mut self, notification: Notification) {
        let exchange = cancelled_id(&notification).and_then(|id| self.under_way.remove(&id));
        let in_session = self.shared.state().greeted().is_some();
        match exchange {
            exchange if in_session => self.errand(notification.into(), exchange).await,
            Some(exchange) => exchange.abort(),
            None => {}
        }
    }

    /// The server may be told more only once it has heard that it is greeted.
    async fn greeted(&mut self, notification: Notification) {
        errands::post(&self.shared, notification.into()).await;
        self.listener.abort_all();
        let greeted = self.shared.state().greeted();
        if let Some(greeted) = greeted {
            let (tried, is_tried) = oneshot::channel();
            self.listener
                .spawn(listener::listen(Arc::clone(&self.shared), greeted, tried));
            // What the server asks before that stream is there, it asks nobody.
            let _ = timeout(LISTENING, is_tried).await;
        }
    }

    /// Sends what still waits, and ends the remote session.
    async fn finish(self, from_bridge: mpsc::Receiver<Message>) {
        let patience = self.patience;
        if timeout(patience, self.say_last_words(from_bridge))
            .await
            .is_err()
        {
            tracing::debug!("a remote MCP server took too long to end its session");
        }
    }

    async fn say_last_words(self, mut from_bridge: mpsc::Receiver<Message>) {
        from_bridge.close();
        while let Some(message) = from_bridge.recv().await {
            if !matches!(message, Message::Request(_)) {
                self.errand(message, None).await;
            }
        }
        let Self {
            errands,
            mut errands_run,
            ..
        } = self;
        drop(errands);
        while errands_run.join_next().await.is_some() {}
        if self.ends_session {
            end_session(&self.shared).await;
        }
    }
}

/// Ends the remote session, if there is one. A server may refuse that (405); then it ends by itself.
async fn end_session(shared: &Shared) {
    let greeted = shared.state().greeted();
    let Some(greeted) = greeted.filter(|greeted| greeted.id.is_some()) else {
        return;
    };
    let remote = &shared.remote;
    match remote.delete(remote.url(), greeted.headers()).await {
        Ok(response) => tracing::debug!(
            status = response.status().as_u16(),
            "ended a remote session"
        ),
        Err(fault) => tracing::debug!(fault = fault.message, "a remote session could not be ended"),
    }
}

fn cancelled_id(notification: &Notification) -> Option<Id> {
    let params = notification.params()?;
    Id::from_json(&params[rpc::member(params, "requestId")?])
}

#[cfg(test)]
mod tests;
