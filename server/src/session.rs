//! One session: waits for the browser, the MCP server and the clock, and carries out what the bridge decides.
//!
//! Owns the socket, the upstream and everything that waits for either. One task runs it.
//! Never decides what a message means.

mod ahead;
mod browser;
mod events;
mod frames;
#[cfg(feature = "fuzzing")]
pub(crate) mod fuzzing;
mod link;
mod opening;
mod outgoing;
mod pace;
mod records;
mod resume;
mod returning;
mod sockets;
mod verdicts;

use std::collections::VecDeque;
use std::sync::atomic::Ordering;

use chrono::Utc;
use footbridge_shared::api::SessionState;
use footbridge_shared::fault::Fault;
use footbridge_shared::fault::FaultCode;
use footbridge_shared::rpc::Message;
use tokio::sync::mpsc;
use tokio::sync::watch;
use tokio::time::Instant;
use tokio::time::sleep_until;
use tracing::debug;
use tracing::info;

use crate::bridge::Bounds;
use crate::bridge::Bridge;
use crate::bridge::Effect;
use crate::bridge::Event;
use crate::config::Limits;
use crate::dialect::Dialect;
use crate::dialect::DialectName;
use crate::dialect::Inbound;
use crate::dialect::Outbound;
use crate::dialect::Turn;
use crate::meters;
use crate::principal::Principal;
use crate::upstream;

use browser::Heard;
use browser::Line;
use link::Link;
use link::Moved;
use link::Start;
pub use opening::Opening;
pub use opening::Pulse;
pub use opening::Snapshot;
pub use opening::Vitals;
pub use opening::transport;
pub use outgoing::Hoard;
use records::Recorded;
pub use resume::Attachment;
pub use resume::Place;
pub use resume::Taken;
pub use resume::Tokens;
pub use sockets::Browser;
pub use sockets::Socket;
pub use verdicts::Verdicts;

/// What reaches a session from outside.
#[derive(Debug)]
pub struct Outside {
    /// The reason, when somebody else ends it.
    pub ended: watch::Receiver<Option<Fault>>,
    /// Sockets that come back to it.
    pub attachments: mpsc::Receiver<Attachment>,
    /// What all sessions keep for browsers that may come back.
    pub hoard: Hoard,
}

/// What woke the loop.
enum Wake {
    Ended(Fault),
    Attached(Attachment),
    Link(Moved),
    Browser(Heard),
    Due,
}

struct Session {
    id: String,
    principal: Principal,
    line: Line,
    dialect: Dialect,
    bridge: Bridge,
    outbox: VecDeque<Message>,
    vitals: Vitals,
    last_message: Instant,
    wants_respawn: bool,
    /// When a session without a socket ends.
    gone_by: Option<Instant>,
    /// The attempt to come back that was the last to succeed.
    last_attempt: Option<u64>,
    shown: SessionState,
    limits: Limits,
}

/// Runs one session until it ends; everything it started is gone when it returns.
pub async fn run(
    opening: Opening,
    socket: Socket,
    limits: Limits,
    vitals: Vitals,
    outside: Outside,
) {
    let (approved, program, of_start) = (
        opening.approved.clone(),
        opening.program.clone(),
        limits.clone(),
    );
    let start: Start = Box::new(move || {
        let (approved, program, limits) = (approved.clone(), program.clone(), of_start.clone());
        Box::pin(async move { upstream::connect(&approved, &program, &limits).await })
    });
    run_with(opening, socket, limits, vitals, outside, start).await;
}

async fn run_with(
    opening: Opening,
    socket: Socket,
    limits: Limits,
    vitals: Vitals,
    mut outside: Outside,
    mut start: Start,
) {
    let opened = Instant::now();
    let bounds = Bounds {
        ready_by: opened + limits.start_timeout,
        answer_timeout: (opening.dialect == DialectName::Studio).then_some(limits.answer_timeout),
        transport: opening.transport(),
        known: opening.verdicts.of(opening.approved.params()),
        seed: uuid::Uuid::new_v4().as_u64_pair().0 | 1,
    };
    let profile = opening
        .dialect
        .is_managed()
        .then_some(opening.profile.clone());
    let mut session = Session {
        id: opening.id.clone(),
        principal: opening.principal.clone(),
        line: Line::new(
            socket,
            opening.dialect == DialectName::Native,
            &limits,
            outside.hoard.clone(),
            opened,
        ),
        dialect: Dialect::new(opening.dialect, &opening.id, opening.transport()),
        bridge: Bridge::new(opening.approved.label(), profile, &limits, &bounds),
        outbox: VecDeque::new(),
        vitals,
        last_message: opened,
        wants_respawn: false,
        gone_by: None,
        last_attempt: None,
        shown: SessionState::Starting,
        limits: limits.clone(),
    };
    let recorded = Recorded::opened(&opening, &session.vitals.pulse);
    info!(
        dialect = opening.dialect.name(),
        upstream = opening.transport().name(),
        label = opening.approved.label(),
        "session opened"
    );
    meters::session_opened(opening.transport(), opening.dialect.name());
    session.tell(Outbound::State(SessionState::Starting));
    let mut link = Link::Starting(start());
    let life_ends = opened + limits.session_life;
    let reason = loop {
        let wake = session.wait(&mut link, &mut outside, life_ends).await;
        if let Some(reason) = session.on_wake(wake, &mut link, life_ends) {
            break reason;
        }
        session.acknowledge();
        if session.shows_change() {
            session.publish();
            if let Some(verdict) = session.bridge.verdict() {
                opening
                    .verdicts
                    .remember(opening.approved.params(), verdict);
            }
        }
        if std::mem::take(&mut session.wants_respawn) {
            session.restarted();
            link = link.again(start());
        }
    };

    session.publish();
    tokio::join!(session.line.close(&reason), link.stop());
    meters::session_ended(reason.code);
    recorded.closed(reason.code);
    info!(
        reason = reason.code.name(),
        elapsed_ms = opened.elapsed().as_millis() as u64,
        "session closed"
    );
}

impl Session {
    fn restarted(&self) {
        self.vitals
            .snapshot
            .send_modify(|snapshot| snapshot.restarts += 1);
    }

    async fn wait(&mut self, link: &mut Link, outside: &mut Outside, life_ends: Instant) -> Wake {
        let deadline = self.deadline(life_ends);
        // The browser is not read while anything waits for the MCP server, so nothing piles up; the MCP server is
        // read as long as the browser takes what it sends, so the two can never wait for each other. The second
        // bound on each is for a peer that makes us answer (pings) and does not read the answers.
        let may_read_upstream =
            self.line.may_take() && self.outbox.len() < self.limits.backlog_messages;
        let may_read_browser = self.outbox.is_empty() && self.line.has_room();
        tokio::select! {
            reason = outside.ended.wait_for(Option::is_some) => Wake::Ended(match reason {
                Ok(reason) => reason.clone().unwrap_or_else(shutting_down),
                Err(_) => shutting_down(),
            }),
            Some(attachment) = outside.attachments.recv() => Wake::Attached(attachment),
            moved = link.step(&mut self.outbox, may_read_upstream) => Wake::Link(moved),
            heard = self.line.turn(may_read_browser) => Wake::Browser(heard),
            () = sleep_until(deadline) => Wake::Due,
        }
    }

    fn deadline(&self, life_ends: Instant) -> Instant {
        let idle = self.last_message + self.limits.idle_timeout;
        [self.bridge.deadline(), self.line.deadline(), self.gone_by]
            .into_iter()
            .flatten()
            .fold(idle.min(life_ends), Instant::min)
    }

    /// Carries out what follows from one event; the reason, when the session ends.
    fn on_wake(&mut self, wake: Wake, link: &mut Link, life_ends: Instant) -> Option<Fault> {
        match wake {
            Wake::Ended(fault) => self.decide(Event::Ended(fault)),
            Wake::Attached(attachment) => self.on_attached(attachment),
            Wake::Link(Moved::Started(Ok(upstream))) => {
                *link = Link::Up(upstream);
                self.decide(Event::Connected)
            }
            Wake::Link(Moved::Started(Err(fault))) => {
                *link = Link::Down;
                self.decide(Event::Ended(fault))
            }
            Wake::Link(Moved::Received(item)) => self.on_upstream(item, link),
            Wake::Link(Moved::Sent) => {
                link.note_fullness();
                None
            }
            Wake::Browser(heard) => self.on_browser(heard),
            Wake::Due => self.on_due(life_ends),
        }
    }

    fn passed(&mut self) {
        self.last_message = Instant::now();
        self.vitals
            .pulse
            .last_activity
            .store(Utc::now().timestamp_millis(), Ordering::Relaxed);
    }

    /// Asks the bridge, and does what it says.
    fn decide(&mut self, event: Event) -> Option<Fault> {
        let mut effects = Vec::new();
        self.bridge.handle(event, Instant::now(), &mut effects);
        let mut reason = None;
        for effect in effects {
            match effect {
                Effect::ToUpstream(message) => self.outbox.push_back(message),
                Effect::ToBrowser(outbound) => {
                    records::elicitation(&outbound);
                    // Before the browser can ask: what it is told is true by then.
                    if matches!(outbound, Outbound::State(_) | Outbound::Initialized(_)) {
                        self.publish();
                    }
                    reason = self.tell(outbound).or(reason);
                }
                Effect::Respawn => {
                    self.outbox.clear();
                    self.wants_respawn = true;
                }
                Effect::Close(fault) => reason = Some(fault),
            }
        }
        self.vitals
            .pulse
            .calls_in_flight
            .store(self.bridge.calls_in_flight(), Ordering::Relaxed);
        reason
    }

    fn tell(&mut self, outbound: Outbound) -> Option<Fault> {
        let mut turn = Turn::default();
        self.dialect.encode(outbound, Utc::now(), &mut turn);
        self.carry_out(turn)
    }

    fn carry_out(&mut self, turn: Turn) -> Option<Fault> {
        for frame in turn.unnumbered {
            self.vitals.pulse.to_browser.count(frame.len());
            self.line.push_plain(frame);
        }
        for frame in turn.to_browser {
            self.vitals.pulse.to_browser.count(frame.len());
            self.line.push(frame);
        }
        let mut reason = None;
        for inbound in turn.inbound {
            if let Inbound::Message(message) = &inbound {
                debug!(bytes = message.text().len(), "message from the browser");
            }
            reason = match inbound {
                Inbound::Resumable => self.become_resumable(),
                inbound @ (Inbound::Message(_) | Inbound::Stderr(_)) => {
                    self.decide(Event::Browser(inbound))
                }
            }
            .or(reason);
        }
        reason
    }

    /// Whether the state has changed since this was last asked.
    fn shows_change(&mut self) -> bool {
        let state = self.state();
        std::mem::replace(&mut self.shown, state) != state
    }

    fn publish(&self) {
        let state = self.state();
        let greeting = self.bridge.greeting().cloned();
        let is_attached = self.line.is_attached();
        self.vitals.snapshot.send_modify(|snapshot| {
            if snapshot.state != state {
                snapshot.state = state;
                snapshot.since = Utc::now();
            }
            snapshot.greeting = greeting.or_else(|| snapshot.greeting.take());
            snapshot.attached = is_attached && state != SessionState::Closing;
        });
    }
}

fn shutting_down() -> Fault {
    Fault::new(FaultCode::ShuttingDown, "The bridge is shutting down.")
        .hint("Connect again in a moment.")
}

#[cfg(test)]
mod tests;
