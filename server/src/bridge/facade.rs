//! One face for the browser: a server of the stateless revision looks like one of the session revisions.
//!
//! What such a server wants with every request is added, what it asks inside an answer becomes requests to the
//! browser, what it no longer knows is answered here. Payloads pass unchanged but for the members named in
//! `docs/protocol.md`.

mod inputs;
mod subscriptions;
mod uris;

use footbridge_shared::fault::Fault;
use footbridge_shared::fault::Session;
use footbridge_shared::rpc;
use footbridge_shared::rpc::Id;
use footbridge_shared::rpc::Message;
use footbridge_shared::rpc::Notification;
use footbridge_shared::rpc::Request;
use footbridge_shared::rpc::Response;
use tokio::time::Instant;

use super::calls::Cancelled;
use super::desk::Desk;
use super::handshake::LEGACY;
use super::handshake::Profile;
use super::listening;
use super::relay::ask_browser;
use super::relay::request_id;
use super::relay::tell_browser;
use crate::dialect::Greeting;
use inputs::Inputs;
use subscriptions::Subscriptions;

const LOG_LEVEL: &str = "io.modelcontextprotocol/logLevel";

/// The methods whose answer may ask for further input (MCP 2026-07-28, basic/patterns/mrtr).
const MAY_ASK: [&str; 3] = ["tools/call", "prompts/get", "resources/read"];

/// How far a façade goes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    /// How often a server may ask for input during one call.
    pub(super) rounds: usize,
    /// Resources a browser may be subscribed to.
    pub(super) subscriptions: usize,
    /// Spreads the reconnections of many sessions.
    pub(super) seed: u64,
}

/// The face of one server.
#[derive(Debug)]
pub(super) struct Facade {
    profile: Profile,
    /// JSON text of the level the browser has set.
    log_level: Option<String>,
    inputs: Inputs,
    subscriptions: Subscriptions,
}

impl Facade {
    /// `is_managed`: the bridge greeted the server; otherwise the browser believes to have done so.
    pub(super) fn new(
        profile: Profile,
        is_managed: bool,
        greeting: &Greeting,
        bounds: Bounds,
    ) -> Self {
        Self {
            profile,
            log_level: None,
            inputs: Inputs::new(bounds.rounds, !is_managed),
            subscriptions: Subscriptions::new(greeting.capabilities.get(), bounds),
        }
    }

    /// The result of `initialize` that a browser gets: in the revision it asks for, when that is a known one.
    pub(super) fn initialize_result(greeting: &Greeting, params: Option<&str>) -> String {
        let asked = params.and_then(|params| {
            let at = rpc::member(params, "protocolVersion")?;
            serde_json::from_str::<String>(&params[at]).ok()
        });
        let version = asked.filter(|asked| LEGACY.contains(&asked.as_str()));
        let version = rpc::quoted(version.as_deref().unwrap_or(LEGACY[0]));
        let result = greeting.result.get();
        rpc::edit(result, &[("protocolVersion", Some(&version))])
            .unwrap_or_else(|| result.to_owned())
    }

    /// The server is ready.
    pub(super) fn begin(&mut self, desk: &mut Desk<'_>) {
        let request = self.subscriptions.reconcile(desk);
        self.send(request, desk);
    }

    pub(super) fn on_browser(
        &mut self,
        message: Message,
        greeting: &Greeting,
        desk: &mut Desk<'_>,
    ) {
        match message {
            Message::Request(request) => self.request(request, greeting, desk),
            Message::Notification(notification) => self.notification(notification, desk),
            Message::Response(response) => {
                let Some(id) = response.id().filter(|id| desk.asked.close(id)).cloned() else {
                    return;
                };
                if self.inputs.owns(&id) {
                    let request = self.inputs.answered(&id, response.outcome(), desk);
                    self.send(request, desk);
                } else {
                    desk.send_upstream(response);
                }
            }
        }
    }

    fn request(&mut self, request: Request, greeting: &Greeting, desk: &mut Desk<'_>) {
        let id = || request.id().clone();
        match request.method() {
            "initialize" => {
                let result = Self::initialize_result(greeting, request.params());
                desk.send_browser(Response::result(id(), &result));
            }
            "ping" => desk.send_browser(Response::result(id(), "{}")),
            "logging/setLevel" => {
                let level = request
                    .params()
                    .and_then(|params| Some(params[rpc::member(params, "level")?].to_owned()));
                self.log_level = level.or(self.log_level.take());
                desk.send_browser(Response::result(id(), "{}"));
            }
            "resources/subscribe" | "resources/unsubscribe" => {
                let request = self.subscriptions.request(&request, desk);
                self.send(request, desk);
            }
            method => {
                if method == "tools/call" {
                    self.subscriptions.tool_called();
                }
                let keep = MAY_ASK.contains(&method);
                match desk.calls.open(&request, keep, desk.now) {
                    Ok(upstream_id) => self.send(Some(request.with_id(upstream_id)), desk),
                    Err(refused) => desk.refuse(id(), &refused.fault(desk.calls.capacity())),
                }
            }
        }
    }

    fn notification(&mut self, notification: Notification, desk: &mut Desk<'_>) {
        match notification.method() {
            // The stateless revision has no session to be initialized in, and asks nothing to report progress on.
            "notifications/initialized"
            | "notifications/roots/list_changed"
            | "notifications/progress" => {}
            "notifications/cancelled" => {
                let Some(id) = request_id(&notification) else {
                    return;
                };
                match desk.calls.cancel(&id) {
                    Some(Cancelled::InFlight(upstream_id)) => {
                        self.inputs.forget(&id, desk);
                        desk.send_upstream(
                            notification.with_param("requestId", upstream_id.as_json()),
                        );
                    }
                    Some(Cancelled::Parked) => self.inputs.forget(&id, desk),
                    None => {}
                }
            }
            _ => desk.send_upstream(notification),
        }
    }

    /// Sends a request that already has its upstream id, with what makes it stand alone.
    fn send(&self, request: Option<Request>, desk: &mut Desk<'_>) {
        if let Some(request) = request {
            desk.send_upstream(self.stamped(request));
        }
    }

    fn stamped(&self, request: Request) -> Request {
        let stamp = self.profile.meta();
        let params = request.params().unwrap_or("{}");
        let meta = rpc::member(params, "_meta").map_or("{}", |at| &params[at]);
        let mut changes: Vec<(&str, Option<&str>)> = stamp
            .iter()
            .map(|(name, value)| (*name, Some(value.as_str())))
            .collect();
        if let Some(level) = &self.log_level
            && rpc::member(meta, LOG_LEVEL).is_none()
        {
            changes.push((LOG_LEVEL, Some(level)));
        }
        // A `_meta` that is no object is the browser's mistake, and the server's to name.
        let edited =
            rpc::edit(meta, &changes).and_then(|meta| rpc::edit(params, &[("_meta", Some(&meta))]));
        match edited {
            Some(params) => request.with_params(&params),
            None => request,
        }
    }

    pub(super) fn on_upstream(&mut self, message: Message, desk: &mut Desk<'_>) {
        match message {
            Message::Response(response) => self.response(response, desk),
            Message::Request(request) => ask_browser(request, desk),
            Message::Notification(notification) => {
                let (kept, request) = self.subscriptions.filter(notification, desk);
                self.send(request, desk);
                if let Some(notification) = kept {
                    tell_browser(notification, desk);
                }
            }
        }
    }

    fn response(&mut self, response: Response, desk: &mut Desk<'_>) {
        let Some(id) = response.id().cloned() else {
            return;
        };
        if self.subscriptions.owns(&id) {
            let request = self
                .subscriptions
                .ended(&id, response.outcome().err(), desk);
            return self.send(request, desk);
        }
        let Some(call) = desk.calls.close(&id) else {
            return;
        };
        if call.request.is_some()
            && let Ok(result) = response.outcome()
            && let Some(asked) = inputs::Required::parse(result)
        {
            let request = self.inputs.require(call, &asked, desk);
            return self.send(request, desk);
        }
        let browser_id = call.browser_id;
        let response = response.with_id(browser_id.clone());
        desk.send_browser(listening::renamed_answer(response, &browser_id));
        self.inputs.completed(&browser_id, desk);
    }

    /// Whether a request of ours, not of the browser, is under this upstream id.
    pub(super) fn on_failed(&mut self, id: &Id, fault: &Fault, desk: &mut Desk<'_>) -> bool {
        let is_ours = self.subscriptions.owns(id);
        if is_ours {
            let error = fault.to_rpc_error(Session::GoesOn);
            let request = self.subscriptions.ended(id, Some(&error), desk);
            self.send(request, desk);
        }
        is_ours
    }

    /// Nobody answered a request to the browser in time. Whether it was one of the façade's.
    pub(super) fn unanswered(&mut self, id: &Id, error: &str, desk: &mut Desk<'_>) -> bool {
        let is_ours = self.inputs.owns(id);
        if is_ours {
            let request = self.inputs.answered(id, Err(error), desk);
            self.send(request, desk);
        }
        is_ours
    }

    /// A call is over for another reason than its answer.
    pub(super) fn gave_up(&mut self, browser_id: &Id, desk: &mut Desk<'_>) {
        self.inputs.forget(browser_id, desk);
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        [self.inputs.deadline(), self.subscriptions.deadline()]
            .into_iter()
            .flatten()
            .min()
    }

    pub(super) fn on_due(&mut self, desk: &mut Desk<'_>) {
        for request in self.inputs.on_due(desk) {
            self.send(Some(request), desk);
        }
        let request = self.subscriptions.on_due(desk);
        self.send(request, desk);
    }
}
