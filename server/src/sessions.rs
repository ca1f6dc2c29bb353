//! Every session that is open: opening, asking after, ending and draining them.
//!
//! Owns the registry and the tasks of all sessions. Never holds its lock across an `await`.

mod way_back;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::sync::atomic::AtomicI64;
use std::sync::atomic::Ordering;
use std::time::Duration;

use chrono::DateTime;
use chrono::Utc;
use footbridge_shared::api::SessionState;
use footbridge_shared::api::StatusResponse;
use footbridge_shared::api::Transport;
use footbridge_shared::fault::Fault;
use footbridge_shared::fault::FaultCode;
use footbridge_shared::params::Secret;
use tokio::sync::mpsc;
use tokio::sync::watch;
use tokio_util::task::TaskTracker;
use tracing::Instrument;
use tracing::info_span;
use tracing::warn;

use crate::audit;
use crate::config::Limits;
use crate::dialect::DialectName;
use crate::meters;
use crate::policy::Approved;
use crate::principal::Principal;
use crate::session;
use crate::session::Attachment;
use crate::session::Hoard;
use crate::session::Opening;
use crate::session::Outside;
use crate::session::Pulse;
use crate::session::Snapshot;
use crate::session::Socket;
use crate::session::Tokens;
use crate::session::Verdicts;
use crate::session::Vitals;
pub use way_back::WayBack;
use way_back::session_over;
pub use way_back::taken_over;

/// Every session that is open.
#[derive(Clone, Debug)]
pub struct Sessions {
    live: Arc<Mutex<Live>>,
    tracker: TaskTracker,
    verdicts: Arc<Verdicts>,
    hoard: Hoard,
    limits: Limits,
}

#[derive(Debug, Default)]
struct Live {
    by_key: HashMap<Key, Entry>,
    is_draining: bool,
}

/// Everyone has session ids of their own: what somebody else called a session is nothing one could find out.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Key {
    principal: Principal,
    id: String,
}

impl Key {
    fn new(principal: &Principal, id: &str) -> Self {
        Self {
            principal: principal.clone(),
            id: id.to_owned(),
        }
    }
}

#[derive(Debug)]
struct Entry {
    opening: Opening,
    created: DateTime<Utc>,
    snapshot: watch::Receiver<Snapshot>,
    pulse: Arc<Pulse>,
    end: watch::Sender<Option<Fault>>,
    attach: mpsc::Sender<Attachment>,
    tokens: watch::Receiver<Tokens>,
}

/// A session's place in the registry; dropping it frees the place, however the session ended.
struct Registered {
    live: Arc<Mutex<Live>>,
    key: Key,
}

impl Drop for Registered {
    fn drop(&mut self) {
        lock(&self.live).by_key.remove(&self.key);
    }
}

fn lock(live: &Mutex<Live>) -> MutexGuard<'_, Live> {
    live.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What the catalogue says of one server's sessions.
fn check_room(live: &Live, approved: &Approved) -> Result<(), Fault> {
    let (Some(server), Some(most)) = (approved.server(), approved.sessions()) else {
        return Ok(());
    };
    let of_server = |entry: &&Entry| entry.opening.approved.server() == Some(server);
    if live.by_key.values().filter(of_server).count() < most {
        return Ok(());
    }
    meters::reached("sessions");
    Err(Fault::new(
        FaultCode::TooManySessions,
        format!("The server \"{server}\" has as many sessions as it may ({most})."),
    )
    .hint("Close one, or raise limits.sessions of this server in the catalogue."))
}

impl Sessions {
    /// No sessions yet.
    pub fn new(limits: Limits) -> Self {
        Self {
            live: Arc::default(),
            tracker: TaskTracker::new(),
            verdicts: Arc::default(),
            hoard: Hoard::default(),
            limits,
        }
    }

    /// What the sessions found out about MCP servers.
    pub fn verdicts(&self) -> &Arc<Verdicts> {
        &self.verdicts
    }

    /// Opens a session on a socket.
    ///
    /// # Errors
    /// The fault and the socket, for the caller to say so on it: the bridge is full or draining, or the id is taken.
    pub fn open(&self, opening: Opening, socket: Socket) -> Result<(), (Fault, Socket)> {
        let now = Utc::now();
        let pulse = Arc::new(Pulse {
            last_activity: AtomicI64::new(now.timestamp_millis()),
            ..Pulse::default()
        });
        let first = Snapshot {
            state: SessionState::Starting,
            since: now,
            greeting: None,
            attached: true,
            exit: None,
            restarts: 0,
        };
        let (snapshot, snapshots) = watch::channel(first);
        let (end, ended) = watch::channel(None);
        let (attach, attachments) = mpsc::channel(1);
        let tokens = watch::Sender::new(Tokens::default());
        let entry = Entry {
            opening: opening.clone(),
            created: now,
            snapshot: snapshots,
            pulse: Arc::clone(&pulse),
            end,
            attach,
            tokens: tokens.subscribe(),
        };
        if let Err(fault) = self.register(entry) {
            return Err((fault, socket));
        }
        let registered = Registered {
            live: Arc::clone(&self.live),
            key: Key::new(&opening.principal, &opening.id),
        };
        let span = info_span!("session", session = opening.id);
        let id = opening.id.clone();
        let own = opening.approved.limits();
        let limits = own.unwrap_or(&self.limits).clone();
        let vitals = Vitals {
            snapshot,
            pulse,
            tokens,
        };
        let outside = Outside {
            ended,
            attachments,
            hoard: self.hoard.clone(),
        };
        let session = Box::pin(session::run(opening, socket, limits, vitals, outside));
        self.tracker.spawn(
            audit::in_session(&id, async move {
                session.await;
                drop(registered);
            })
            .instrument(span),
        );
        Ok(())
    }

    fn register(&self, entry: Entry) -> Result<(), Fault> {
        let mut live = lock(&self.live);
        if live.is_draining {
            return Err(Fault::new(
                FaultCode::ShuttingDown,
                "The bridge is shutting down.",
            ));
        }
        audit::permits()?;
        self.check(&live, &entry.opening.principal, &entry.opening.approved)?;
        let key = Key::new(&entry.opening.principal, &entry.opening.id);
        if live.by_key.contains_key(&key) {
            return Err(Fault::new(
                FaultCode::SessionInUse,
                "A session with this id is already open.",
            ));
        }
        live.by_key.insert(key, entry);
        Ok(())
    }

    fn check(&self, live: &Live, principal: &Principal, approved: &Approved) -> Result<(), Fault> {
        if live.by_key.len() >= self.limits.sessions {
            meters::reached("sessions");
            return Err(Fault::new(
                FaultCode::TooManySessions,
                "The bridge has as many sessions as it may.",
            )
            .hint("Close one, or raise limits.sessions."));
        }
        let of_principal = |entry: &&Entry| entry.opening.principal == *principal;
        let n_own = live.by_key.values().filter(of_principal).count();
        if n_own >= self.limits.sessions_per_principal {
            meters::reached("sessions_per_principal");
            return Err(Fault::new(
                FaultCode::TooManyRequests,
                format!("You have {n_own} sessions already, as many as one caller may."),
            )
            .hint("Close one, or raise limits.sessions_per_principal."));
        }
        check_room(live, approved)
    }

    /// Whether this caller could open another session with this server.
    ///
    /// # Errors
    /// The fault that opening it would end with: the bridge is full, the caller has as many as one may, or the server
    /// of the catalogue has as many as its entry allows.
    pub fn check_room(&self, principal: &Principal, approved: &Approved) -> Result<(), Fault> {
        self.check(&lock(&self.live), principal, approved)
    }

    /// How every session is reached, how its browser speaks, and what it is doing.
    pub fn census(&self) -> Vec<(Transport, DialectName, SessionState)> {
        let live = lock(&self.live);
        let kind = |entry: &Entry| {
            let state = entry.snapshot.borrow().state;
            (entry.opening.transport(), entry.opening.dialect, state)
        };
        live.by_key.values().map(kind).collect()
    }

    /// Whether another session could be opened.
    pub fn has_room(&self) -> bool {
        let live = lock(&self.live);
        !live.is_draining && live.by_key.len() < self.limits.sessions
    }

    /// How a session is; `None` when it is not there or is somebody else's. A read changes nothing.
    pub fn status(&self, id: &str, principal: &Principal) -> Option<StatusResponse> {
        let live = lock(&self.live);
        let entry = live.by_key.get(&Key::new(principal, id))?;
        let snapshot = entry.snapshot.borrow().clone();
        let greeting = snapshot.greeting.as_deref();
        Some(StatusResponse {
            status: true,
            message: "Session found".to_owned(),
            session_id: id.to_owned(),
            connected: snapshot.attached && snapshot.state == SessionState::Ready,
            capabilities: greeting.map(|greeting| greeting.capabilities.clone()),
            created_at: entry.created,
            last_activity: DateTime::from_timestamp_millis(
                entry.pulse.last_activity.load(Ordering::Relaxed),
            )
            .unwrap_or(entry.created),
            state: snapshot.state,
            state_since: snapshot.since,
            dialect: entry.opening.dialect.name(),
            transport: entry.opening.transport(),
            label: entry.opening.approved.label().to_owned(),
            era: greeting.map(|greeting| greeting.era),
            protocol_version: greeting.map(|greeting| greeting.protocol_version.clone()),
            server_info: greeting.and_then(|greeting| greeting.server_info.clone()),
            attached: snapshot.attached,
            calls_in_flight: entry.pulse.calls_in_flight.load(Ordering::Relaxed),
            restarts: snapshot.restarts,
            exit: snapshot.exit,
        })
    }

    /// The way back to a session for a socket that brings this token from a page of this origin. `principal` is who
    /// it says it is, when it says so.
    ///
    /// # Errors
    /// [`FaultCode::SessionUnknown`], whichever of these is wrong.
    pub fn way_back(
        &self,
        id: &str,
        token: Secret,
        origin: &str,
        principal: Option<&Principal>,
    ) -> Result<WayBack, Fault> {
        let live = lock(&self.live);
        let is_it = |(key, entry): &(&Key, &Entry)| {
            key.id == id
                && entry.opening.origin == origin
                && principal.is_none_or(|principal| *principal == key.principal)
                && entry.tokens.borrow().open(&token)
        };
        let Some((key, entry)) = live.by_key.iter().find(is_it) else {
            return Err(session_over());
        };
        Ok(WayBack {
            principal: key.principal.clone(),
            limits: entry.opening.approved.limits().cloned(),
            attach: entry.attach.clone(),
            token,
        })
    }

    /// Ends a session; false when it is not there or is somebody else's.
    pub fn end(&self, id: &str, principal: &Principal) -> bool {
        let live = lock(&self.live);
        let Some(entry) = live.by_key.get(&Key::new(principal, id)) else {
            return false;
        };
        entry.end.send_replace(Some(Fault::new(
            FaultCode::SessionEnded,
            "The session was ended.",
        )));
        true
    }

    /// Runs a short task of a socket that gets no session.
    pub fn spawn_farewell(&self, farewell: impl Future<Output = ()> + Send + 'static) {
        self.tracker.spawn(farewell);
    }

    /// Ends all sessions and waits for them; how many were left when the time was up.
    pub async fn drain(&self, limit: Duration) -> usize {
        {
            let mut live = lock(&self.live);
            live.is_draining = true;
            for entry in live.by_key.values() {
                let fault = Fault::new(FaultCode::ShuttingDown, "The bridge is shutting down.")
                    .hint("Connect again in a moment.");
                entry.end.send_replace(Some(fault));
            }
        }
        self.tracker.close();
        let _ = tokio::time::timeout(limit, self.tracker.wait()).await;
        let n_left = lock(&self.live).by_key.len();
        if n_left > 0 {
            meters::reached("drain_timeout");
            warn!(n_left, "sessions did not end in time");
        }
        n_left
    }
}
