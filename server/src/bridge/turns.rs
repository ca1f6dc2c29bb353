//! The turns of a session: from connecting to ready, and back when a server must be greeted again.

use std::collections::VecDeque;
use std::sync::Arc;

use footbridge_shared::api::Era;
use footbridge_shared::api::SessionState;
use footbridge_shared::fault::Fault;
use footbridge_shared::fault::FaultCode;
use footbridge_shared::fault::Session;
use footbridge_shared::rpc::Message;
use footbridge_shared::rpc::Response;
use tokio::time::Instant;

use super::Bridge;
use super::Effect;
use super::Phase;
use super::facade::Facade;
use super::handshake::Handshake;
use super::handshake::Profile;
use super::handshake::Purpose;
use super::handshake::Step;
use super::relay;
use super::relay::Relay;
use crate::dialect::Greeting;
use crate::dialect::Outbound;
use crate::meters;

impl Bridge {
    pub(super) fn on_connected(&mut self, now: Instant, effects: &mut Vec<Effect>) {
        let Phase::Connecting {
            handshake,
            relay,
            queued,
        } = std::mem::replace(&mut self.phase, Phase::Closed)
        else {
            return;
        };
        match handshake {
            Some(mut handshake) => {
                effects.push(Effect::ToUpstream(handshake.open(&mut self.calls, now)));
                self.phase = Phase::Greeting {
                    handshake,
                    relay,
                    queued,
                    early: Vec::new(),
                    resend: Vec::new(),
                };
            }
            None => {
                self.phase = Phase::Relaying {
                    relay,
                    greeting: None,
                };
                self.relay_queued(queued, now, effects);
            }
        }
    }

    /// The server refused the browser's own `initialize`: perhaps it knows only the stateless revision.
    pub(super) fn rescue(&mut self, refusal: Response, now: Instant, effects: &mut Vec<Effect>) {
        let Phase::Relaying { relay, .. } = &mut self.phase else {
            return;
        };
        let profile = relay.initialize_params().and_then(Profile::of_initialize);
        let Some(profile) = profile else {
            return self.pass_answer(refusal, now, effects);
        };
        let Some(call) = refusal.id().and_then(|id| self.calls.close(id)) else {
            return;
        };
        let refusal = refusal.with_id(call.browser_id);
        let handshake = Handshake::rescue(profile, &self.label, refusal);
        let relay = std::mem::take(relay);
        self.greet(handshake, relay, Vec::new(), now, effects);
    }

    /// Begins a handshake in the middle of a session.
    fn greet(
        &mut self,
        mut handshake: Handshake,
        relay: Relay,
        resend: Vec<Message>,
        now: Instant,
        effects: &mut Vec<Effect>,
    ) {
        self.ready_by = now + self.start_timeout;
        effects.push(Effect::ToUpstream(handshake.open(&mut self.calls, now)));
        if relay.is_managed() {
            effects.push(Effect::ToBrowser(Outbound::State(SessionState::Starting)));
        }
        self.phase = Phase::Greeting {
            handshake,
            relay,
            queued: VecDeque::new(),
            early: Vec::new(),
            resend,
        };
    }

    pub(super) fn take_step(&mut self, step: Step, now: Instant, effects: &mut Vec<Effect>) {
        let Phase::Greeting {
            handshake, early, ..
        } = &mut self.phase
        else {
            return;
        };
        match step {
            Step::Wait(Some(message)) if early.len() < self.calls.capacity() => early.push(message),
            Step::Wait(Some(_)) => meters::reached("calls_in_flight"),
            Step::Wait(None) => {}
            Step::Send(message) => effects.push(Effect::ToUpstream(message)),
            Step::Ready { greeting, last } => {
                self.verdict = handshake.verdict();
                effects.extend(last.map(Effect::ToUpstream));
                self.become_ready(Arc::new(greeting), now, effects);
            }
            Step::Failed(_) if matches!(handshake.purpose, Purpose::Rescue(_)) => {
                self.give_up_rescue(now, effects);
            }
            Step::Failed(fault) => self.close(fault, effects),
        }
    }

    /// The server is not of the stateless revision either: its refusal stands.
    fn give_up_rescue(&mut self, now: Instant, effects: &mut Vec<Effect>) {
        if let Phase::Greeting {
            handshake,
            relay,
            queued,
            ..
        } = std::mem::replace(&mut self.phase, Phase::Closed)
        {
            if let Purpose::Rescue(refusal) = handshake.purpose {
                effects.push(Effect::ToBrowser(Outbound::Message(refusal.into())));
            }
            self.phase = Phase::Relaying {
                relay,
                greeting: None,
            };
            self.relay_queued(queued, now, effects);
        }
    }

    fn become_ready(&mut self, greeting: Arc<Greeting>, now: Instant, effects: &mut Vec<Effect>) {
        let Phase::Greeting {
            handshake,
            mut relay,
            queued,
            early,
            resend,
        } = std::mem::replace(&mut self.phase, Phase::Closed)
        else {
            return;
        };
        let is_renewal = matches!(handshake.purpose, Purpose::Renewal);
        let mut desk = Self::desk(&mut self.calls, &mut self.asked, effects, now);
        if relay.is_managed() {
            desk.effects
                .push(Effect::ToBrowser(Outbound::State(SessionState::Ready)));
            desk.effects
                .push(Effect::ToBrowser(Outbound::Initialized(Arc::clone(
                    &greeting,
                ))));
        }
        if let Purpose::Rescue(refusal) = &handshake.purpose
            && let Some(id) = refusal.id()
        {
            let result = Facade::initialize_result(&greeting, relay.initialize_params());
            desk.send_browser(Response::result(id.clone(), &result));
        }
        match greeting.era {
            Era::Legacy => {
                relay.greeted_with(handshake.params());
                if is_renewal {
                    relay.remind(&mut desk);
                }
                desk.effects
                    .extend(resend.into_iter().map(Effect::ToUpstream));
                self.phase = Phase::Relaying {
                    relay,
                    greeting: Some(greeting),
                };
            }
            Era::Modern => {
                let profile = handshake.profile().clone();
                let mut facade =
                    Facade::new(profile, relay.is_managed(), &greeting, self.facade_bounds);
                facade.begin(&mut desk);
                self.phase = Phase::Facing {
                    facade: Box::new(facade),
                    greeting,
                };
            }
        }
        for message in early {
            self.on_upstream(message, now, effects);
        }
        self.relay_queued(queued, now, effects);
    }

    pub(super) fn on_forgotten(
        &mut self,
        message: Option<Message>,
        now: Instant,
        effects: &mut Vec<Effect>,
    ) {
        let mut desk = Self::desk(&mut self.calls, &mut self.asked, effects, now);
        let again = message.filter(|message| relay::may_resend(message, &mut desk));
        match &mut self.phase {
            Phase::Greeting { resend, .. } => resend.extend(again),
            Phase::Relaying { relay, greeting } => {
                let Some(handshake) = renewal(relay, greeting.as_deref(), &self.label) else {
                    let fault = Fault::new(
                        FaultCode::UpstreamExited,
                        "The MCP server no longer knows the session.",
                    );
                    return self.close(fault, effects);
                };
                let relay = std::mem::take(relay);
                self.greet(handshake, relay, again.into_iter().collect(), now, effects);
            }
            Phase::Connecting { .. } | Phase::Facing { .. } | Phase::Closed => {}
        }
    }

    pub(super) fn on_reconnected(
        &mut self,
        fault: &Fault,
        now: Instant,
        effects: &mut Vec<Effect>,
    ) {
        for answer in self.calls.fail_all(fault, Session::GoesOn) {
            effects.push(Effect::ToBrowser(Outbound::Message(answer.into())));
        }
        match &mut self.phase {
            Phase::Greeting { handshake, .. } => {
                effects.push(Effect::ToUpstream(handshake.open(&mut self.calls, now)));
            }
            Phase::Relaying { .. } => self.on_forgotten(None, now, effects),
            Phase::Connecting { .. } | Phase::Facing { .. } | Phase::Closed => {}
        }
    }

    pub(super) fn on_gone(&mut self, fault: Fault, effects: &mut Vec<Effect>) {
        if let Phase::Greeting { handshake, .. } = &mut self.phase
            && handshake.may_respawn()
            && let Phase::Greeting {
                handshake,
                relay,
                queued,
                ..
            } = std::mem::replace(&mut self.phase, Phase::Closed)
        {
            effects.push(Effect::Respawn);
            self.phase = Phase::Connecting {
                handshake: Some(handshake),
                relay,
                queued,
            };
            return;
        }
        self.close(fault, effects);
    }
}

/// The handshake with a server that has forgotten the session; `None` when the browser has not greeted it yet.
fn renewal(relay: &Relay, greeting: Option<&Greeting>, label: &str) -> Option<Handshake> {
    greeting?;
    let params = relay.initialize_params()?;
    Some(Handshake::renewal(
        Profile::of_initialize(params)?,
        params.to_owned(),
        label,
    ))
}
