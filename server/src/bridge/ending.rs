//! The ends of a session, and of a page: what is still open is answered, cancelled or asked again.

use std::collections::VecDeque;
use std::sync::Arc;

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
use super::desk::Desk;
use super::handshake::Purpose;
use crate::dialect::Failure;
use crate::dialect::Outbound;
use crate::meters;

impl Bridge {
    /// Answers every call that waits, says why, and ends.
    pub(super) fn close(&mut self, fault: Fault, effects: &mut Vec<Effect>) {
        let phase = std::mem::replace(&mut self.phase, Phase::Closed);
        let (queued, during_handshake) = match phase {
            Phase::Connecting { queued, .. } => (queued, false),
            Phase::Greeting {
                queued, handshake, ..
            } => {
                if let Purpose::Rescue(refusal) = handshake.purpose {
                    effects.push(Effect::ToBrowser(Outbound::Message(refusal.into())));
                }
                (queued, true)
            }
            Phase::Relaying { .. } | Phase::Facing { .. } => (VecDeque::new(), false),
            Phase::Closed => return,
        };
        for answer in self.calls.fail_all(&fault, Session::Ends) {
            effects.push(Effect::ToBrowser(Outbound::Message(answer.into())));
        }
        for message in queued {
            if let Message::Request(request) = message {
                effects.push(Effect::ToBrowser(Outbound::Message(
                    Response::error(request.id().clone(), &fault.to_rpc_error(Session::Ends))
                        .into(),
                )));
            }
        }
        effects.push(Effect::ToBrowser(Outbound::State(SessionState::Closing)));
        if fault.code == FaultCode::ShuttingDown {
            effects.push(Effect::ToBrowser(Outbound::Draining));
        } else if fault.code != FaultCode::SessionEnded {
            meters::fault(fault.code);
            effects.push(Effect::ToBrowser(Outbound::Failed(Failure {
                fault: fault.clone(),
                during_handshake,
            })));
        }
        effects.push(Effect::Close(fault));
    }

    /// Another page is there: the calls of the last one are cancelled, and what waits for an answer is asked again.
    pub(super) fn on_returned(&mut self, now: Instant, effects: &mut Vec<Effect>) {
        self.stderr_wanted = false;
        if let Phase::Connecting { queued, .. } | Phase::Greeting { queued, .. } = &mut self.phase {
            queued.clear();
        }
        self.cancel_all(now, effects);
        effects.push(Effect::ToBrowser(Outbound::State(self.state())));
        if let Some(greeting) = self.greeting() {
            effects.push(Effect::ToBrowser(Outbound::Initialized(Arc::clone(
                greeting,
            ))));
        }
        let (again, forgotten) = self.asked.again();
        for request in again {
            effects.push(Effect::ToBrowser(Outbound::Message(request)));
        }
        let fault = Fault::new(FaultCode::AnswerTimeout, "The page that was asked is gone.");
        for id in forgotten {
            let error = fault.to_rpc_error(Session::GoesOn);
            effects.push(Effect::ToUpstream(Response::error(id, &error).into()));
        }
    }

    /// Tells the MCP server that nobody waits for any answer.
    fn cancel_all(&mut self, now: Instant, effects: &mut Vec<Effect>) {
        let mut done = Vec::new();
        let calls = self.calls.forget_all();
        let mut desk = Self::desk(&mut self.calls, &mut self.asked, &mut done, now);
        for (browser_id, upstream_id) in calls {
            if let Phase::Facing { facade, .. } = &mut self.phase {
                facade.gave_up(&browser_id, &mut desk);
            }
            if let Some(id) = upstream_id {
                desk.send_upstream(Desk::cancellation(&id, "the page was left"));
            }
        }
        // What would be said of it to the page that made the calls is said to nobody.
        effects.extend(
            done.into_iter()
                .filter(|effect| matches!(effect, Effect::ToUpstream(_))),
        );
    }
}
