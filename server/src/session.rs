//! One session: waits for the browser, the MCP server and the clock, and carries out what the bridge decides.
//!
//! Owns the socket, the upstream and everything that waits for either. One task runs it.
//! Never decides what a message means.

mod ahead;
mod browser;
pub(crate) mod echo;
mod frames;
mod link;
mod opening;
mod pace;
mod records;
mod verdicts;

use std::collections::VecDeque;
use std::sync::atomic::Ordering;

use chrono::Utc;
use footbridge_shared::api::SessionState;
use footbridge_shared::fault::Fault;
use footbridge_shared::fault::FaultCode;
use footbridge_shared::rpc::Message;
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
use crate::upstream;
use crate::upstream::FromUpstream;

pub use browser::Browser;
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
use records::Recorded;
pub use verdicts::Verdicts;

/// What woke the loop.
enum Wake {
    Ended(Fault),
    Link(Moved),
    Browser(Heard),
    Due,
}

struct Session<B> {
    line: Line<B>,
    dialect: Dialect,
    bridge: Bridge,
    outbox: VecDeque<Message>,
    vitals: Vitals,
    last_message: Instant,
    wants_respawn: bool,
    shown: SessionState,
    limits: Limits,
}

/// Runs one session until it ends; everything it started is gone when it returns.
/// `ended` carries the reason when somebody else ends it.
pub async fn run<B: Browser>(
    opening: Opening,
    browser: B,
    limits: Limits,
    vitals: Vitals,
    ended: watch::Receiver<Option<Fault>>,
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
    run_with(opening, browser, limits, vitals, ended, start).await;
}

async fn run_with<B: Browser>(
    opening: Opening,
    browser: B,
    limits: Limits,
    vitals: Vitals,
    mut ended: watch::Receiver<Option<Fault>>,
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
        line: Line::new(browser, &limits, opened),
        dialect: Dialect::new(opening.dialect, &opening.id, opening.transport()),
        bridge: Bridge::new(opening.approved.label(), profile, &limits, &bounds),
        outbox: VecDeque::new(),
        vitals,
        last_message: opened,
        wants_respawn: false,
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
        let wake = session.wait(&mut link, &mut ended, life_ends).await;
        if let Some(reason) = session.on_wake(wake, &mut link, life_ends) {
            break reason;
        }
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

impl<B: Browser> Session<B> {
    fn restarted(&self) {
        self.vitals
            .snapshot
            .send_modify(|snapshot| snapshot.restarts += 1);
    }

    async fn wait(
        &mut self,
        link: &mut Link,
        ended: &mut watch::Receiver<Option<Fault>>,
        life_ends: Instant,
    ) -> Wake {
        let deadline = self.deadline(life_ends);
        // The browser is not read while anything waits for the MCP server, so nothing piles up; the MCP server is
        // read as long as the browser takes what it sends, so the two can never wait for each other. The second
        // bound on each is for a peer that makes us answer (pings) and does not read the answers.
        let may_read_upstream =
            self.line.has_room() && self.outbox.len() < self.limits.backlog_messages;
        let may_read_browser = self.outbox.is_empty() && self.line.has_room();
        tokio::select! {
            reason = ended.wait_for(Option::is_some) => Wake::Ended(match reason {
                Ok(reason) => reason.clone().unwrap_or_else(shutting_down),
                Err(_) => shutting_down(),
            }),
            moved = link.step(&mut self.outbox, may_read_upstream) => Wake::Link(moved),
            heard = self.line.turn(may_read_browser) => Wake::Browser(heard),
            () = sleep_until(deadline) => Wake::Due,
        }
    }

    fn deadline(&self, life_ends: Instant) -> Instant {
        let idle = self.last_message + self.limits.idle_timeout;
        let line = self.line.deadline();
        self.bridge
            .deadline()
            .map_or(life_ends, |bridge| bridge.min(life_ends))
            .min(idle)
            .min(line)
    }

    /// Carries out what follows from one event; the reason, when the session ends.
    fn on_wake(&mut self, wake: Wake, link: &mut Link, life_ends: Instant) -> Option<Fault> {
        match wake {
            Wake::Ended(fault) => self.decide(Event::Ended(fault)),
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

    fn on_upstream(&mut self, mut item: Option<FromUpstream>, link: &mut Link) -> Option<Fault> {
        loop {
            let reason = match item {
                Some(FromUpstream::Message(message)) => {
                    self.passed();
                    self.decide(Event::Upstream(message))
                }
                Some(FromUpstream::Stderr(line)) => self.decide(Event::Stderr(line)),
                Some(FromUpstream::Failed { id, fault }) => {
                    self.decide(Event::Failed { id, fault })
                }
                Some(FromUpstream::Forgotten(message)) => self.decide(Event::Forgotten(message)),
                Some(FromUpstream::Reconnected(fault)) => self.decide(Event::Reconnected(fault)),
                Some(FromUpstream::Gone(fault)) => {
                    let exit = fault.data.as_deref().cloned();
                    self.vitals
                        .snapshot
                        .send_modify(|snapshot| snapshot.exit = exit);
                    self.decide(Event::Gone(fault))
                }
                None => self.decide(Event::Ended(Fault::new(
                    FaultCode::UpstreamExited,
                    "The MCP server is gone.",
                ))),
            };
            if reason.is_some() || self.wants_respawn || !self.line.has_room() {
                return reason;
            }
            // What has arrived meanwhile goes out with the same write.
            item = Some(link.try_receive()?);
        }
    }

    fn on_browser(&mut self, heard: Heard) -> Option<Fault> {
        match heard {
            Heard::Text(text) if text.len() > self.limits.frame_bytes => self.too_large(),
            Heard::Text(text) => {
                self.passed();
                self.vitals.pulse.from_browser.count(text.len());
                let turn = frames::read(text, &mut self.dialect, &self.limits);
                self.line.held_more(turn.inbound.len().saturating_sub(1));
                self.carry_out(turn)
            }
            Heard::Wrote | Heard::Paused => None,
            Heard::Left => self.decide(Event::Ended(Fault::new(
                FaultCode::SessionEnded,
                "The browser left.",
            ))),
            Heard::TooLarge => self.too_large(),
        }
    }

    fn too_large(&mut self) -> Option<Fault> {
        meters::reached("frame_bytes");
        let limit = self.limits.frame_bytes;
        let sentence = format!("A frame may have at most {limit} bytes.");
        let hint = "Send less at once, or raise limits.frame_bytes.";
        let fault = Fault::new(FaultCode::FrameTooLarge, sentence).hint(hint);
        self.decide(Event::Ended(fault))
    }

    fn on_due(&mut self, life_ends: Instant) -> Option<Fault> {
        let now = Instant::now();
        let is_read = self.outbox.is_empty() && self.line.has_room();
        if let Err(fault) = self.line.check(now, is_read) {
            return self.decide(Event::Ended(fault));
        }
        if now >= life_ends {
            meters::reached("session_life");
            return self.decide(Event::Ended(Fault::new(
                FaultCode::SessionIdle,
                "The session has reached its longest life.",
            )));
        }
        if now >= self.last_message + self.limits.idle_timeout {
            meters::reached("idle_timeout");
            return self.decide(Event::Ended(Fault::new(
                FaultCode::SessionIdle,
                "No message passed for too long.",
            )));
        }
        self.decide(Event::Due)
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
        for frame in turn.to_browser {
            self.vitals.pulse.to_browser.count(frame.len());
            self.line.push(frame);
        }
        let mut reason = None;
        for inbound in turn.inbound {
            if let Inbound::Message(message) = &inbound {
                debug!(bytes = message.text().len(), "message from the browser");
            }
            reason = self.decide(Event::Browser(inbound)).or(reason);
        }
        reason
    }

    /// Whether the state has changed since this was last asked.
    fn shows_change(&mut self) -> bool {
        let state = self.bridge.state();
        std::mem::replace(&mut self.shown, state) != state
    }

    fn publish(&self) {
        let state = self.bridge.state();
        let greeting = self.bridge.greeting().cloned();
        self.vitals.snapshot.send_modify(|snapshot| {
            if snapshot.state != state {
                snapshot.state = state;
                snapshot.since = Utc::now();
            }
            snapshot.greeting = greeting.or_else(|| snapshot.greeting.take());
            snapshot.attached = state != SessionState::Closing;
        });
    }
}

fn shutting_down() -> Fault {
    Fault::new(FaultCode::ShuttingDown, "The bridge is shutting down.")
        .hint("Connect again in a moment.")
}

#[cfg(test)]
mod tests;
