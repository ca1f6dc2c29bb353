//! What to do next: an event in, effects out.
//!
//! Owns the phase of a session, the ids of calls in both directions and their deadlines.
//! Never touches a socket, a clock or a task: time comes in as an argument.
//!
//! In reading order: `handshake` (which era is the server of?), then one of `relay` (the session revisions) and
//! `facade` (the stateless one), both of which work on a `desk`; `turns` leads from one to the next.

mod calls;
mod desk;
mod ending;
mod facade;
mod handshake;
mod listening;
mod relay;
mod stderr;
mod turns;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use footbridge_shared::api::SessionState;
use footbridge_shared::api::Transport;
use footbridge_shared::fault::Fault;
use footbridge_shared::fault::FaultCode;
use footbridge_shared::fault::Session;
use footbridge_shared::fault::UpstreamReport;
use footbridge_shared::rpc;
use footbridge_shared::rpc::Id;
use footbridge_shared::rpc::Message;
use footbridge_shared::rpc::Response;
use tokio::time::Instant;

use crate::config::Limits;
use crate::dialect::Greeting;
use crate::dialect::Inbound;
use crate::dialect::Outbound;
use crate::meters;
use calls::Asked;
use calls::Calls;
use calls::Refused;
use desk::Desk;
use facade::Facade;
use handshake::Handshake;
use relay::Relay;
use stderr::StderrTail;

pub use handshake::Profile;
pub use handshake::Verdict;

/// What can happen to a session.
#[derive(Debug)]
pub enum Event {
    /// The MCP server has been started or connected to.
    Connected,
    /// The browser said something.
    Browser(Inbound),
    /// The MCP server sent a message.
    Upstream(Message),
    /// The MCP server wrote a line to its standard error.
    Stderr(String),
    /// A request sent to the MCP server will not be answered; the session goes on.
    Failed {
        /// The id it was sent under.
        id: Id,
        /// Why.
        fault: Fault,
    },
    /// The MCP server forgot the session and wants `initialize` again; it has not acted on the message.
    Forgotten(Option<Message>),
    /// The MCP server was reached anew after this fault and wants `initialize`; what it had not answered is lost.
    Reconnected(Fault),
    /// The MCP server is gone for this reason.
    Gone(Fault),
    /// The session ends for this reason.
    Ended(Fault),
    /// A page that knows nothing of what was before takes the session up.
    Returned,
    /// [`Bridge::deadline`] has come.
    Due,
}

/// What a session is to do.
#[derive(Debug)]
pub enum Effect {
    /// Tell the browser.
    ToBrowser(Outbound),
    /// Send to the MCP server.
    ToUpstream(Message),
    /// Start the MCP server again; [`Event::Connected`] follows.
    Respawn,
    /// End the session. Nothing follows.
    Close(Fault),
}

/// What is known of a session before it begins.
#[derive(Clone, Debug)]
pub struct Bounds {
    /// When the MCP server must be ready.
    pub ready_by: Instant,
    /// How long a request of the MCP server may wait for the browser's answer; `None` is for ever.
    pub answer_timeout: Option<Duration>,
    /// How the MCP server is reached.
    pub transport: Transport,
    /// Which era the MCP server was of the last time.
    pub known: Option<Verdict>,
    /// A random number that is not 0: spreads the reconnections of many sessions.
    pub seed: u64,
}

/// The part of a session that decides.
#[derive(Debug)]
pub struct Bridge {
    phase: Phase,
    calls: Calls,
    asked: Asked,
    stderr: StderrTail,
    stderr_wanted: bool,
    ready_by: Instant,
    start_timeout: Duration,
    facade_bounds: facade::Bounds,
    verdict: Option<Verdict>,
    /// The program's or host's name, for sentences.
    label: String,
}

#[derive(Debug)]
enum Phase {
    /// The MCP server is not connected yet. `handshake` is `None` when the browser does its own.
    Connecting {
        handshake: Option<Handshake>,
        relay: Relay,
        queued: VecDeque<Message>,
    },
    /// The handshake is under way.
    Greeting {
        handshake: Handshake,
        relay: Relay,
        queued: VecDeque<Message>,
        early: Vec<Message>,
        /// What the MCP server has not acted on because it had forgotten the session, under its upstream ids.
        resend: Vec<Message>,
    },
    /// Messages are relayed; the server is of the session revisions, or the browser has not greeted it yet.
    Relaying {
        relay: Relay,
        greeting: Option<Arc<Greeting>>,
    },
    /// The server is of the stateless revision and the browser need not know.
    Facing {
        facade: Box<Facade>,
        greeting: Arc<Greeting>,
    },
    /// Nothing more is relayed.
    Closed,
}

impl Bridge {
    /// A session whose MCP server is being started. `profile` is `None` when the browser does its own handshake.
    pub fn new(label: &str, profile: Option<Profile>, limits: &Limits, bounds: &Bounds) -> Self {
        let relay = Relay::new(profile.is_some(), limits.subscriptions);
        let handshake = profile.map(|profile| {
            Handshake::first(
                profile,
                label,
                bounds.transport,
                bounds.known,
                limits.probe_timeout,
            )
        });
        Self {
            phase: Phase::Connecting {
                handshake,
                relay,
                queued: VecDeque::new(),
            },
            calls: Calls::new(limits),
            asked: Asked::new(bounds.answer_timeout, limits),
            stderr: StderrTail::new(limits.stderr_bytes),
            stderr_wanted: false,
            ready_by: bounds.ready_by,
            start_timeout: limits.start_timeout,
            facade_bounds: facade::Bounds {
                rounds: limits.input_rounds,
                subscriptions: limits.subscriptions,
                seed: bounds.seed,
            },
            verdict: None,
            label: label.to_owned(),
        }
    }

    /// Decides what an event leads to.
    pub fn handle(&mut self, event: Event, now: Instant, effects: &mut Vec<Effect>) {
        match event {
            Event::Connected => self.on_connected(now, effects),
            Event::Browser(Inbound::Message(message)) => self.on_browser(message, now, effects),
            Event::Browser(Inbound::Stderr(wanted)) => self.on_stderr_wanted(wanted, effects),
            // The session has seen to it.
            Event::Browser(Inbound::Resumable) => {}
            Event::Upstream(message) => self.on_upstream(message, now, effects),
            Event::Stderr(line) => self.on_stderr(line, effects),
            Event::Failed { id, fault } => self.on_failed(&id, &fault, now, effects),
            Event::Forgotten(message) => self.on_forgotten(message, now, effects),
            Event::Reconnected(fault) => self.on_reconnected(&fault, now, effects),
            Event::Gone(fault) => self.on_gone(fault, effects),
            Event::Ended(fault) => self.close(fault, effects),
            Event::Returned => self.on_returned(now, effects),
            Event::Due => self.on_due(now, effects),
        }
    }

    /// When [`Event::Due`] is next needed.
    pub fn deadline(&self) -> Option<Instant> {
        let of_phase = match &self.phase {
            Phase::Connecting { .. } => Some(self.ready_by),
            Phase::Greeting { handshake, .. } => handshake
                .deadline()
                .into_iter()
                .chain([self.ready_by])
                .min(),
            Phase::Facing { facade, .. } => facade.deadline(),
            Phase::Relaying { .. } | Phase::Closed => None,
        };
        [of_phase, self.calls.deadline(), self.asked.deadline()]
            .into_iter()
            .flatten()
            .min()
    }

    /// What the session is doing, as the outside may see it.
    pub fn state(&self) -> SessionState {
        match &self.phase {
            Phase::Connecting { .. }
            | Phase::Greeting { .. }
            | Phase::Relaying { greeting: None, .. } => SessionState::Starting,
            Phase::Relaying {
                greeting: Some(_), ..
            }
            | Phase::Facing { .. } => SessionState::Ready,
            Phase::Closed => SessionState::Closing,
        }
    }

    /// What the MCP server said of itself, once it has.
    pub fn greeting(&self) -> Option<&Arc<Greeting>> {
        match &self.phase {
            Phase::Relaying { greeting, .. } => greeting.as_ref(),
            Phase::Facing { greeting, .. } => Some(greeting),
            Phase::Connecting { .. } | Phase::Greeting { .. } | Phase::Closed => None,
        }
    }

    /// What is worth remembering of the MCP server for the next session with it.
    pub fn verdict(&self) -> Option<Verdict> {
        self.verdict
    }

    /// Requests of the browser that wait for an answer.
    pub fn calls_in_flight(&self) -> usize {
        self.calls.len()
    }

    /// Keeps what the browser is asked, up to so many bytes, to ask it again when another page is there.
    pub fn keep_asks(&mut self, n_bytes: usize) {
        self.asked.keep(n_bytes);
    }

    fn desk<'a>(
        calls: &'a mut Calls,
        asked: &'a mut Asked,
        effects: &'a mut Vec<Effect>,
        now: Instant,
    ) -> Desk<'a> {
        Desk {
            calls,
            asked,
            effects,
            now,
        }
    }

    fn relay_queued(&mut self, queued: VecDeque<Message>, now: Instant, effects: &mut Vec<Effect>) {
        for message in queued {
            self.on_browser(message, now, effects);
        }
    }

    fn on_browser(&mut self, message: Message, now: Instant, effects: &mut Vec<Effect>) {
        let mut desk = Self::desk(&mut self.calls, &mut self.asked, effects, now);
        match &mut self.phase {
            Phase::Connecting { queued, .. } | Phase::Greeting { queued, .. } => {
                if queued.len() < desk.calls.capacity() {
                    queued.push_back(message);
                } else if let Message::Request(request) = message {
                    let fault = Refused::TooMany.fault(desk.calls.capacity());
                    desk.refuse(request.id().clone(), &fault);
                }
            }
            Phase::Relaying { relay, greeting } => {
                relay.on_browser(message, greeting.as_deref(), &mut desk);
            }
            Phase::Facing { facade, greeting } => facade.on_browser(message, greeting, &mut desk),
            Phase::Closed => {
                if let Message::Request(request) = message {
                    let fault = Fault::new(FaultCode::SessionEnded, "The session is ending.");
                    desk.refuse(request.id().clone(), &fault);
                }
            }
        }
    }

    fn on_upstream(&mut self, message: Message, now: Instant, effects: &mut Vec<Effect>) {
        match &mut self.phase {
            Phase::Greeting { handshake, .. } => {
                let step = match message {
                    // An answer to a call from before the server forgot us.
                    Message::Response(response) if !handshake.awaits(response.id()) => {
                        return self.pass_answer(response, now, effects);
                    }
                    message @ (Message::Request(_)
                    | Message::Response(_)
                    | Message::Notification(_)) => {
                        handshake.on_message(message, &mut self.calls, now)
                    }
                };
                self.take_step(step, now, effects);
            }
            Phase::Relaying { relay, greeting } => {
                if let Message::Response(response) = &message
                    && response.id().is_some_and(|id| relay.ends_greeting(id))
                {
                    match response.outcome().map(handshake::of_initialize) {
                        Ok(Ok(said)) => *greeting = Some(Arc::new(said)),
                        Ok(Err(_)) => {}
                        Err(_) => {
                            let response = response.clone();
                            return self.rescue(response, now, effects);
                        }
                    }
                }
                let mut desk = Self::desk(&mut self.calls, &mut self.asked, effects, now);
                relay.on_upstream(message, &mut desk);
            }
            Phase::Facing { facade, .. } => {
                let mut desk = Self::desk(&mut self.calls, &mut self.asked, effects, now);
                facade.on_upstream(message, &mut desk);
            }
            Phase::Connecting { .. } | Phase::Closed => {}
        }
    }

    fn pass_answer(&mut self, response: Response, now: Instant, effects: &mut Vec<Effect>) {
        let mut desk = Self::desk(&mut self.calls, &mut self.asked, effects, now);
        relay::answered(response, &mut desk);
    }

    fn on_failed(&mut self, id: &Id, fault: &Fault, now: Instant, effects: &mut Vec<Effect>) {
        let mut desk = Self::desk(&mut self.calls, &mut self.asked, effects, now);
        match &mut self.phase {
            Phase::Greeting { handshake, .. } => {
                if let Some(step) = handshake.on_failed(id, fault.clone(), desk.calls, now) {
                    return self.take_step(step, now, effects);
                }
            }
            Phase::Relaying { relay, .. } => {
                if relay.ends_greeting(id) && handshake::is_era(fault.code) {
                    let refusal = Response::error(id.clone(), &fault.to_rpc_error(Session::GoesOn));
                    return self.rescue(refusal, now, effects);
                }
            }
            Phase::Facing { facade, .. } => {
                if facade.on_failed(id, fault, &mut desk) {
                    return;
                }
            }
            Phase::Connecting { .. } | Phase::Closed => return,
        }
        if let Some(call) = desk.calls.close(id) {
            desk.refuse(call.browser_id.clone(), fault);
            if let Phase::Facing { facade, .. } = &mut self.phase {
                facade.gave_up(&call.browser_id, &mut desk);
            }
        }
    }

    fn on_stderr(&mut self, line: String, effects: &mut Vec<Effect>) {
        if self.stderr_wanted {
            effects.push(Effect::ToBrowser(Outbound::Stderr(line.clone())));
        }
        self.stderr.push(line);
    }

    fn on_stderr_wanted(&mut self, wanted: bool, effects: &mut Vec<Effect>) {
        if wanted && !self.stderr_wanted {
            effects.extend(
                self.stderr
                    .lines()
                    .map(|line| Effect::ToBrowser(Outbound::Stderr(line.clone()))),
            );
        }
        self.stderr_wanted = wanted;
    }

    fn on_due(&mut self, now: Instant, effects: &mut Vec<Effect>) {
        let starting = matches!(
            self.phase,
            Phase::Connecting { .. } | Phase::Greeting { .. }
        );
        if starting && now >= self.ready_by {
            meters::reached("start_timeout");
            return self.close(self.start_timeout_fault(), effects);
        }
        let mut desk = Self::desk(&mut self.calls, &mut self.asked, effects, now);
        if let Phase::Greeting { handshake, .. } = &mut self.phase
            && let Some(message) = handshake.on_due(desk.calls, now)
        {
            desk.send_upstream(message);
        }
        let mut facade = match &mut self.phase {
            Phase::Facing { facade, .. } => Some(facade),
            Phase::Connecting { .. }
            | Phase::Greeting { .. }
            | Phase::Relaying { .. }
            | Phase::Closed => None,
        };
        for call in desk.calls.take_due(now) {
            let id = Id::number(call.upstream_id);
            desk.send_upstream(Desk::cancellation(&id, "no answer in time"));
            let fault = Fault::new(FaultCode::UpstreamTimeout, "The MCP server did not answer in time.")
                .hint("The call may still have had an effect. Raise limits.request_timeout if it needs longer.");
            desk.refuse(call.browser_id.clone(), &fault);
            if let Some(facade) = &mut facade {
                facade.gave_up(&call.browser_id, &mut desk);
            }
        }
        for id in desk.asked.take_due(now) {
            let error = serde_json::json!({
                "code": rpc::INTERNAL_ERROR,
                "message": "Nobody answered in time",
                "data": { "source": "bridge", "code": FaultCode::AnswerTimeout.name() },
            })
            .to_string();
            let is_facades = facade
                .as_mut()
                .is_some_and(|facade| facade.unanswered(&id, &error, &mut desk));
            if !is_facades {
                desk.send_upstream(Response::error(id.clone(), &error));
            }
            desk.effects
                .push(Effect::ToBrowser(Outbound::Withdrawn(id)));
        }
        if let Some(facade) = &mut facade {
            facade.on_due(&mut desk);
        }
    }

    fn start_timeout_fault(&self) -> Fault {
        Fault::new(
            FaultCode::UpstreamStartTimeout,
            format!("The MCP server `{}` did not become ready in time.", self.label),
        )
        .hint("If it downloads itself first (npx, uvx), run it once by hand, or raise limits.start_timeout.")
        .data(UpstreamReport {
            command: Some(self.label.clone()),
            stderr: self.stderr.tail(),
            ..UpstreamReport::default()
        })
    }
}

#[cfg(test)]
mod tests;
