//! What to do next: an event in, effects out.
//!
//! Owns the phase of a session, the ids of calls in both directions and their deadlines.
//! Never touches a socket, a clock or a task: time comes in as an argument.

mod calls;
mod handshake;
mod stderr;

use std::collections::VecDeque;
use std::sync::Arc;

use footbridge_shared::api::SessionState;
use footbridge_shared::fault::Fault;
use footbridge_shared::fault::FaultCode;
use footbridge_shared::fault::UpstreamReport;
use footbridge_shared::rpc;
use footbridge_shared::rpc::Id;
use footbridge_shared::rpc::Message;
use footbridge_shared::rpc::Notification;
use footbridge_shared::rpc::Request;
use footbridge_shared::rpc::Response;
use tokio::time::Instant;

use crate::config::Limits;
use crate::dialect::Failure;
use crate::dialect::Greeting;
use crate::dialect::Inbound;
use crate::dialect::Outbound;
use calls::Asked;
use calls::Calls;
use calls::Refused;
use handshake::Handshake;
use handshake::Step;
use stderr::StderrTail;

pub use handshake::Profile;

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
    /// The session ends for this reason.
    Ended(Fault),
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
    /// End the session. Nothing follows.
    Close(Fault),
}

/// How long things may take, and how many there may be.
#[derive(Clone, Debug)]
pub struct Bounds {
    /// When the MCP server must be ready.
    pub ready_by: Instant,
    /// How long a request of the MCP server may wait for the browser's answer; `None` is for ever.
    pub answer_timeout: Option<std::time::Duration>,
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
    /// The program's or host's name, for sentences.
    label: String,
}

#[derive(Debug)]
enum Phase {
    /// The MCP server is not connected yet. `handshake` is `None` when the browser does its own.
    Connecting {
        handshake: Option<Handshake>,
        queued: VecDeque<Message>,
    },
    /// The handshake is under way.
    Greeting {
        handshake: Handshake,
        queued: VecDeque<Message>,
        early: Vec<Message>,
    },
    /// Messages are relayed; the bridge greeted the MCP server.
    Managed { greeting: Arc<Greeting> },
    /// Messages are relayed; the browser greets the MCP server itself.
    Passthrough { greeting: Option<Arc<Greeting>> },
    /// Nothing more is relayed.
    Closed,
}

impl Bridge {
    /// A session whose MCP server is being started. `profile` is `None` when the browser does its own handshake.
    pub fn new(label: &str, profile: Option<Profile>, limits: &Limits, bounds: &Bounds) -> Self {
        Self {
            phase: Phase::Connecting {
                handshake: profile.map(Handshake::new),
                queued: VecDeque::new(),
            },
            calls: Calls::new(limits),
            asked: Asked::new(bounds.answer_timeout),
            stderr: StderrTail::new(limits.stderr_bytes),
            stderr_wanted: false,
            ready_by: bounds.ready_by,
            label: label.to_owned(),
        }
    }

    /// Decides what an event leads to.
    pub fn handle(&mut self, event: Event, now: Instant, effects: &mut Vec<Effect>) {
        match event {
            Event::Connected => self.on_connected(now, effects),
            Event::Browser(Inbound::Message(message)) => self.on_browser(message, now, effects),
            Event::Browser(Inbound::Stderr(wanted)) => self.on_stderr_wanted(wanted, effects),
            Event::Upstream(message) => self.on_upstream(message, now, effects),
            Event::Stderr(line) => self.on_stderr(line, effects),
            Event::Failed { id, fault } => self.on_failed(&id, fault, effects),
            Event::Forgotten(_) => self.close(
                Fault::new(
                    FaultCode::UpstreamExited,
                    "The MCP server no longer knows the session.",
                ),
                effects,
            ),
            Event::Reconnected(fault) | Event::Ended(fault) => self.close(fault, effects),
            Event::Due => self.on_due(now, effects),
        }
    }

    /// When [`Event::Due`] is next needed.
    pub fn deadline(&self) -> Option<Instant> {
        let ready_by = match self.phase {
            Phase::Connecting { .. } | Phase::Greeting { .. } => Some(self.ready_by),
            Phase::Managed { .. } | Phase::Passthrough { .. } | Phase::Closed => None,
        };
        [ready_by, self.calls.deadline(), self.asked.deadline()]
            .into_iter()
            .flatten()
            .min()
    }

    /// What the session is doing, as the outside may see it.
    pub fn state(&self) -> SessionState {
        match &self.phase {
            Phase::Connecting { .. }
            | Phase::Greeting { .. }
            | Phase::Passthrough { greeting: None } => SessionState::Starting,
            Phase::Managed { .. } | Phase::Passthrough { greeting: Some(_) } => SessionState::Ready,
            Phase::Closed => SessionState::Closing,
        }
    }

    /// What the MCP server said of itself, once it has.
    pub fn greeting(&self) -> Option<&Arc<Greeting>> {
        match &self.phase {
            Phase::Managed { greeting }
            | Phase::Passthrough {
                greeting: Some(greeting),
            } => Some(greeting),
            Phase::Connecting { .. }
            | Phase::Greeting { .. }
            | Phase::Passthrough { greeting: None }
            | Phase::Closed => None,
        }
    }

    /// Requests of the browser that wait for an answer.
    pub fn calls_in_flight(&self) -> usize {
        self.calls.len()
    }

    fn on_connected(&mut self, now: Instant, effects: &mut Vec<Effect>) {
        let Phase::Connecting { handshake, queued } =
            std::mem::replace(&mut self.phase, Phase::Closed)
        else {
            return;
        };
        match handshake {
            Some(mut handshake) => {
                effects.push(Effect::ToUpstream(handshake.open(self.calls.next_id())));
                self.phase = Phase::Greeting {
                    handshake,
                    queued,
                    early: Vec::new(),
                };
            }
            None => {
                self.phase = Phase::Passthrough { greeting: None };
                self.relay_queued(queued, now, effects);
            }
        }
    }

    fn relay_queued(&mut self, queued: VecDeque<Message>, now: Instant, effects: &mut Vec<Effect>) {
        for message in queued {
            self.on_browser(message, now, effects);
        }
    }

    fn on_browser(&mut self, message: Message, now: Instant, effects: &mut Vec<Effect>) {
        match &mut self.phase {
            Phase::Connecting { queued, .. } | Phase::Greeting { queued, .. } => {
                if queued.len() < self.calls.capacity() {
                    queued.push_back(message);
                } else if let Message::Request(request) = message {
                    effects.push(answer(
                        &request,
                        &Refused::TooMany.fault(self.calls.capacity()),
                    ));
                }
            }
            Phase::Managed { greeting } => {
                let greeting = Arc::clone(greeting);
                self.relay_managed(message, &greeting, now, effects);
            }
            Phase::Passthrough { .. } => self.relay(message, now, effects),
            Phase::Closed => {
                if let Message::Request(request) = message {
                    effects.push(answer(
                        &request,
                        &Fault::new(FaultCode::SessionEnded, "The session is ending."),
                    ));
                }
            }
        }
    }

    /// Relays, except for the handshake that the bridge has done already.
    fn relay_managed(
        &mut self,
        message: Message,
        greeting: &Greeting,
        now: Instant,
        effects: &mut Vec<Effect>,
    ) {
        match message {
            Message::Request(request) if request.method() == "initialize" => {
                let response = Response::result(request.id().clone(), greeting.result.get());
                effects.push(Effect::ToBrowser(Outbound::Message(response.into())));
            }
            Message::Notification(notification)
                if notification.method() == "notifications/initialized" => {}
            message @ (Message::Request(_) | Message::Notification(_) | Message::Response(_)) => {
                self.relay(message, now, effects);
            }
        }
    }

    fn relay(&mut self, message: Message, now: Instant, effects: &mut Vec<Effect>) {
        match message {
            Message::Request(request) => match self.calls.open(&request, now) {
                Ok(id) => effects.push(Effect::ToUpstream(request.with_id(id).into())),
                Err(refused) => {
                    effects.push(answer(&request, &refused.fault(self.calls.capacity())))
                }
            },
            Message::Notification(notification) => {
                if let Some(notification) = self.cancel_upstream(notification) {
                    effects.push(Effect::ToUpstream(notification.into()));
                }
            }
            // An answer nobody waits for (answered already, withdrawn, never asked) would confuse the server.
            Message::Response(response) => {
                if response.id().is_some_and(|id| self.asked.close(id)) {
                    effects.push(Effect::ToUpstream(response.into()));
                }
            }
        }
    }

    /// Rewrites the id in a cancellation to the one the MCP server knows; `None` when the call is over.
    fn cancel_upstream(&mut self, notification: Notification) -> Option<Notification> {
        if notification.method() != "notifications/cancelled" {
            return Some(notification);
        }
        let id = request_id(&notification)?;
        let upstream_id = self.calls.cancel(&id)?;
        Some(notification.with_param("requestId", upstream_id.as_json()))
    }

    fn on_upstream(&mut self, message: Message, now: Instant, effects: &mut Vec<Effect>) {
        match &mut self.phase {
            Phase::Greeting {
                handshake, early, ..
            } => match handshake.on_message(message) {
                Step::Wait(None) => {}
                Step::Wait(Some(message)) if early.len() < self.calls.capacity() => {
                    early.push(message)
                }
                Step::Wait(Some(_)) => {}
                Step::Send(message) => effects.push(Effect::ToUpstream(message)),
                Step::Done { greeting, last } => {
                    effects.push(Effect::ToUpstream(last));
                    self.become_ready(Arc::new(greeting), now, effects);
                }
                Step::Failed(fault) => self.close(fault, effects),
            },
            Phase::Managed { .. } | Phase::Passthrough { .. } => {
                self.relay_to_browser(message, now, effects)
            }
            Phase::Connecting { .. } | Phase::Closed => {}
        }
    }

    fn become_ready(&mut self, greeting: Arc<Greeting>, now: Instant, effects: &mut Vec<Effect>) {
        let next = Phase::Managed {
            greeting: Arc::clone(&greeting),
        };
        let Phase::Greeting { queued, early, .. } = std::mem::replace(&mut self.phase, next) else {
            return;
        };
        effects.push(Effect::ToBrowser(Outbound::State(SessionState::Ready)));
        effects.push(Effect::ToBrowser(Outbound::Initialized(greeting)));
        for message in early {
            self.relay_to_browser(message, now, effects);
        }
        self.relay_queued(queued, now, effects);
    }

    fn relay_to_browser(&mut self, message: Message, now: Instant, effects: &mut Vec<Effect>) {
        match message {
            Message::Response(response) => self.relay_response(response, effects),
            Message::Request(request) => {
                // The bridge is always there to answer a ping; a page may be busy or know no ping at all.
                if request.method() == "ping" && matches!(self.phase, Phase::Managed { .. }) {
                    let response = Response::result(request.id().clone(), "{}");
                    return effects.push(Effect::ToUpstream(response.into()));
                }
                self.asked.open(request.id().clone(), now);
                effects.push(Effect::ToBrowser(Outbound::Message(request.into())));
            }
            Message::Notification(notification) => {
                match notification.method() {
                    "notifications/progress" => self.calls.progressed(now),
                    "notifications/cancelled" => {
                        if let Some(id) = request_id(&notification) {
                            self.asked.close(&id);
                        }
                    }
                    _ => {}
                }
                effects.push(Effect::ToBrowser(Outbound::Message(notification.into())));
            }
        }
    }

    fn relay_response(&mut self, response: Response, effects: &mut Vec<Effect>) {
        let Some(call) = response.id().and_then(|id| self.calls.close(id)) else {
            return;
        };
        if call.is_initialize
            && let Phase::Passthrough { greeting } = &mut self.phase
            && let Ok(result) = response.outcome()
            && let Ok(said) = handshake::parse_greeting(result)
        {
            *greeting = Some(Arc::new(said));
        }
        effects.push(Effect::ToBrowser(Outbound::Message(
            response.with_id(call.browser_id).into(),
        )));
    }

    fn on_failed(&mut self, id: &Id, fault: Fault, effects: &mut Vec<Effect>) {
        if matches!(self.phase, Phase::Greeting { .. }) {
            return self.close(fault, effects);
        }
        if let Some(call) = self.calls.close(id) {
            let response = Response::error(call.browser_id, &fault.to_rpc_error());
            effects.push(Effect::ToBrowser(Outbound::Message(response.into())));
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
            let fault = Fault::new(
                FaultCode::UpstreamStartTimeout,
                format!("The MCP server `{}` did not become ready in time.", self.label),
            )
            .hint("If it downloads itself first (npx, uvx), run it once by hand, or raise limits.start_timeout.")
            .data(UpstreamReport { command: Some(self.label.clone()), stderr: self.stderr.tail(), ..UpstreamReport::default() });
            return self.close(fault, effects);
        }
        for call in self.calls.take_due(now) {
            let params = format!(
                r#"{{"requestId":{},"reason":"no answer in time"}}"#,
                call.upstream_id
            );
            effects.push(Effect::ToUpstream(
                Notification::new("notifications/cancelled", Some(&params)).into(),
            ));
            let fault = Fault::new(FaultCode::UpstreamTimeout, "The MCP server did not answer in time.")
                .hint("The call may still have had an effect. Raise limits.request_timeout if it needs longer.");
            let response = Response::error(call.browser_id, &fault.to_rpc_error());
            effects.push(Effect::ToBrowser(Outbound::Message(response.into())));
        }
        for id in self.asked.take_due(now) {
            let error = serde_json::json!({
                "code": rpc::INTERNAL_ERROR,
                "message": "Nobody answered in time",
                "data": { "source": "bridge", "code": FaultCode::AnswerTimeout.name() },
            });
            effects.push(Effect::ToUpstream(
                Response::error(id.clone(), &error.to_string()).into(),
            ));
            effects.push(Effect::ToBrowser(Outbound::Withdrawn(id)));
        }
    }

    /// Answers every call that waits, says why, and ends.
    fn close(&mut self, fault: Fault, effects: &mut Vec<Effect>) {
        let phase = std::mem::replace(&mut self.phase, Phase::Closed);
        let (queued, during_handshake) = match phase {
            Phase::Connecting { queued, .. } => (queued, false),
            Phase::Greeting { queued, .. } => (queued, true),
            Phase::Managed { .. } | Phase::Passthrough { .. } => (VecDeque::new(), false),
            Phase::Closed => return,
        };
        let error = fault.to_rpc_error();
        for id in self.calls.take_all() {
            effects.push(Effect::ToBrowser(Outbound::Message(
                Response::error(id, &error).into(),
            )));
        }
        for message in queued {
            if let Message::Request(request) = message {
                effects.push(answer(&request, &fault));
            }
        }
        effects.push(Effect::ToBrowser(Outbound::State(SessionState::Closing)));
        if fault.code == FaultCode::ShuttingDown {
            effects.push(Effect::ToBrowser(Outbound::Draining));
        } else if fault.code != FaultCode::SessionEnded {
            effects.push(Effect::ToBrowser(Outbound::Failed(Failure {
                fault: fault.clone(),
                during_handshake,
            })));
        }
        effects.push(Effect::Close(fault));
    }
}

fn answer(request: &Request, fault: &Fault) -> Effect {
    Effect::ToBrowser(Outbound::Message(
        Response::error(request.id().clone(), &fault.to_rpc_error()).into(),
    ))
}

fn request_id(notification: &Notification) -> Option<rpc::Id> {
    let params = notification.params()?;
    rpc::Id::from_json(&params[rpc::member(params, "requestId")?])
}

#[cfg(test)]
mod tests;
