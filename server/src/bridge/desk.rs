//! What every part of the bridge works on: the calls in both directions, and the effects so far.

use footbridge_shared::fault::Fault;
use footbridge_shared::fault::Session;
use footbridge_shared::rpc::Id;
use footbridge_shared::rpc::Message;
use footbridge_shared::rpc::Notification;
use footbridge_shared::rpc::Response;
use tokio::time::Instant;

use super::Effect;
use super::calls::Asked;
use super::calls::Calls;
use crate::dialect::Outbound;
use crate::meters;

/// The calls in both directions, and the effects of the event at hand.
#[derive(Debug)]
pub(super) struct Desk<'a> {
    pub(super) calls: &'a mut Calls,
    pub(super) asked: &'a mut Asked,
    pub(super) effects: &'a mut Vec<Effect>,
    pub(super) now: Instant,
}

impl Desk<'_> {
    pub(super) fn send_browser(&mut self, message: impl Into<Message>) {
        self.effects
            .push(Effect::ToBrowser(Outbound::Message(message.into())));
    }

    pub(super) fn send_upstream(&mut self, message: impl Into<Message>) {
        self.effects.push(Effect::ToUpstream(message.into()));
    }

    /// Answers a request of the browser with a fault of ours.
    pub(super) fn refuse(&mut self, id: Id, fault: &Fault) {
        meters::fault(fault.code);
        self.send_browser(Response::error(id, &fault.to_rpc_error(Session::GoesOn)));
    }

    /// Tells one side that a request it made or got is no longer wanted. `request_id` is JSON text.
    pub(super) fn cancellation(request_id: &Id, reason: &str) -> Notification {
        let params = format!(r#"{{"requestId":{request_id},"reason":"{reason}"}}"#);
        Notification::new("notifications/cancelled", Some(&params))
    }
}
