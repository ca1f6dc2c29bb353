//! Relaying between a browser and a server of the session revisions: ids are mapped, nothing else changes.
//!
//! Remembers what a server has to be told again when it forgets a session.

use std::collections::BTreeSet;

use footbridge_shared::fault::Fault;
use footbridge_shared::fault::FaultCode;
use footbridge_shared::fault::Session;
use footbridge_shared::rpc;
use footbridge_shared::rpc::Id;
use footbridge_shared::rpc::Message;
use footbridge_shared::rpc::Notification;
use footbridge_shared::rpc::Request;
use footbridge_shared::rpc::Response;

use super::calls::Cancelled;
use super::desk::Desk;
use super::listening;
use crate::dialect::Greeting;
use crate::meters;

/// A relay and what it remembers.
#[derive(Debug, Default)]
pub(super) struct Relay {
    /// Whether the bridge greets the server; otherwise the browser does.
    is_managed: bool,
    /// The params of the `initialize` that the server has got.
    initialize: Option<String>,
    /// The upstream id of the browser's own `initialize`, until it is answered.
    greeting_under: Option<Id>,
    /// The params of the latest `logging/setLevel`.
    log_level: Option<String>,
    /// The params of every `resources/subscribe` in force.
    subscribed: BTreeSet<String>,
    max_subscribed: usize,
}

impl Relay {
    pub(super) fn new(is_managed: bool, max_subscribed: usize) -> Self {
        Self {
            is_managed,
            max_subscribed,
            ..Self::default()
        }
    }

    pub(super) fn is_managed(&self) -> bool {
        self.is_managed
    }

    /// The params of the `initialize` that the server has got.
    pub(super) fn initialize_params(&self) -> Option<&str> {
        self.initialize.as_deref()
    }

    /// The bridge has greeted the server with these params.
    pub(super) fn greeted_with(&mut self, params: &str) {
        self.initialize = Some(params.to_owned());
    }

    pub(super) fn on_browser(
        &mut self,
        message: Message,
        greeting: Option<&Greeting>,
        desk: &mut Desk<'_>,
    ) {
        match message {
            Message::Request(request) => match greeting {
                Some(greeting) if self.is_managed() && request.method() == "initialize" => {
                    desk.send_browser(Response::result(
                        request.id().clone(),
                        greeting.result.get(),
                    ));
                }
                Some(_) | None => self.request(request, desk),
            },
            Message::Notification(notification) => {
                let is_ours =
                    self.is_managed() && notification.method() == "notifications/initialized";
                if !is_ours && let Some(notification) = cancelled_upstream(notification, desk) {
                    desk.send_upstream(notification);
                }
            }
            // An answer nobody waits for (answered already, withdrawn, never asked) would confuse the server.
            Message::Response(response) => {
                if response.id().is_some_and(|id| desk.asked.close(id)) {
                    desk.send_upstream(response);
                }
            }
        }
    }

    fn request(&mut self, request: Request, desk: &mut Desk<'_>) {
        match desk.calls.open(&request, false, desk.now) {
            Ok(id) => {
                self.remember(&request, &id);
                desk.send_upstream(request.with_id(id));
            }
            Err(refused) => {
                desk.refuse(request.id().clone(), &refused.fault(desk.calls.capacity()))
            }
        }
    }

    fn remember(&mut self, request: &Request, upstream_id: &Id) {
        let Some(params) = request.params() else {
            return;
        };
        match request.method() {
            "initialize" => {
                self.initialize = Some(params.to_owned());
                self.greeting_under = Some(upstream_id.clone());
            }
            "logging/setLevel" => self.log_level = Some(params.to_owned()),
            "resources/subscribe" if self.subscribed.len() < self.max_subscribed => {
                self.subscribed.insert(params.to_owned());
            }
            // It is passed on all the same; only a server that forgets the session is not told of it again.
            "resources/subscribe" => meters::reached("subscriptions"),
            "resources/unsubscribe" => {
                let uri = |params: &str| Some(params[rpc::member(params, "uri")?].to_owned());
                let gone = uri(params);
                self.subscribed.retain(|params| uri(params) != gone);
            }
            _ => {}
        }
    }

    /// Whether an upstream id is that of the browser's own `initialize`; only true once.
    pub(super) fn ends_greeting(&mut self, upstream_id: &Id) -> bool {
        self.greeting_under
            .take_if(|id| id == upstream_id)
            .is_some()
    }

    /// Tells a server that has forgotten the session what it knew.
    pub(super) fn remind(&self, desk: &mut Desk<'_>) {
        let level = self
            .log_level
            .iter()
            .map(|params| ("logging/setLevel", params));
        let subscribed = self
            .subscribed
            .iter()
            .map(|params| ("resources/subscribe", params));
        for (method, params) in level.chain(subscribed) {
            let id = desk.calls.next_id();
            desk.send_upstream(Request::new(id, method, Some(params)));
        }
    }

    pub(super) fn on_upstream(&self, message: Message, desk: &mut Desk<'_>) {
        match message {
            Message::Response(response) => answered(response, desk),
            Message::Request(request) => {
                // The bridge is always there to answer a ping; a page may be busy or know no ping at all.
                if request.method() == "ping" && self.is_managed() {
                    return desk.send_upstream(Response::result(request.id().clone(), "{}"));
                }
                ask_browser(request, desk);
            }
            // A browser that speaks the stateless revision itself may have subscribed.
            Message::Notification(notification) => {
                let browser_id =
                    listening::of(&notification).and_then(|id| desk.calls.browser_id(&id).cloned());
                tell_browser(
                    match browser_id {
                        Some(browser_id) => listening::renamed(notification, &browser_id),
                        None => notification,
                    },
                    desk,
                );
            }
        }
    }
}

/// Hands an answer to the browser that waits for it.
pub(super) fn answered(response: Response, desk: &mut Desk<'_>) {
    if let Some(call) = response.id().and_then(|id| desk.calls.close(id)) {
        let response = response.with_id(call.browser_id.clone());
        desk.send_browser(listening::renamed_answer(response, &call.browser_id));
    }
}

/// Hands a request of the server to the browser.
pub(super) fn ask_browser(request: Request, desk: &mut Desk<'_>) {
    // The browser could not tell which of the two its answer is for; the server gets that one answer for both.
    if desk.asked.is_open(request.id()) {
        return;
    }
    if let Err(fault) = desk.asked.room_for(1) {
        let error = fault.to_rpc_error(Session::GoesOn);
        return desk.send_upstream(Response::error(request.id().clone(), &error));
    }
    desk.asked
        .open(request.id().clone(), Some(&request), desk.now);
    desk.send_browser(request);
}

/// Hands a notification to the browser, and notes what it means for calls.
pub(super) fn tell_browser(notification: Notification, desk: &mut Desk<'_>) {
    match notification.method() {
        "notifications/progress" => desk.calls.progressed(desk.now),
        "notifications/cancelled" => {
            if let Some(id) = request_id(&notification) {
                desk.asked.close(&id);
            }
        }
        _ => {}
    }
    desk.send_browser(notification);
}

/// Rewrites the id in a cancellation to the one the MCP server knows; `None` when the call is over.
fn cancelled_upstream(notification: Notification, desk: &mut Desk<'_>) -> Option<Notification> {
    if notification.method() != "notifications/cancelled" {
        return Some(notification);
    }
    let id = request_id(&notification)?;
    match desk.calls.cancel(&id)? {
        Cancelled::InFlight(id) => Some(notification.with_param("requestId", id.as_json())),
        Cancelled::Parked => None,
    }
}

/// Which request a cancellation is about.
pub(super) fn request_id(notification: &Notification) -> Option<Id> {
    let params = notification.params()?;
    Id::from_json(&params[rpc::member(params, "requestId")?])
}

/// The message can be sent again, once; the id to answer under otherwise.
pub(super) fn may_resend(message: &Message, desk: &mut Desk<'_>) -> bool {
    let Message::Request(request) = message else {
        return true;
    };
    let Some(call) = desk.calls.get_mut(request.id()) else {
        return false;
    };
    if !std::mem::replace(&mut call.is_resent, true) {
        return true;
    }
    if let Some(call) = desk.calls.close(request.id()) {
        let fault = Fault::new(
            FaultCode::UpstreamExited,
            "The MCP server keeps forgetting its session.",
        )
        .hint("The call has not run. The server, or what stands before it, may have several instances that do not share sessions.");
        desk.refuse(call.browser_id, &fault);
    }
    false
}
