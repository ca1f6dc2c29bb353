//! Resource subscriptions and list changes of a server that has neither sessions nor `resources/subscribe`
//! (MCP 2026-07-28, basic/patterns/subscriptions): one `subscriptions/listen` of the bridge's own, opened anew
//! before the old one ends whenever what is wanted changes.

use std::collections::BTreeSet;
use std::time::Duration;

use footbridge_shared::fault::Fault;
use footbridge_shared::fault::FaultCode;
use footbridge_shared::fault::Session;
use footbridge_shared::rpc;
use footbridge_shared::rpc::Id;
use footbridge_shared::rpc::Notification;
use footbridge_shared::rpc::Request;
use footbridge_shared::rpc::Response;
use tokio::time::Instant;

use super::Bounds;
use super::uris::accepted;
use super::uris::canonical;
use crate::bridge::desk::Desk;
use crate::bridge::listening;
use crate::bridge::relay::request_id;
use crate::meters;

const ACKNOWLEDGED: &str = "notifications/subscriptions/acknowledged";

/// The pause before a stream that broke is opened again; then twice as long each time, up to half a minute.
const PAUSE: Duration = Duration::from_secs(1);
const DOUBLINGS: u32 = 5;

/// The lists a server can tell changes of: their capability, the member of the filter, the notification.
const LISTS: [(&str, &str, &str); 3] = [
    (
        "tools",
        "toolsListChanged",
        "notifications/tools/list_changed",
    ),
    (
        "prompts",
        "promptsListChanged",
        "notifications/prompts/list_changed",
    ),
    (
        "resources",
        "resourcesListChanged",
        "notifications/resources/list_changed",
    ),
];

/// What a browser wants to hear of, and the stream it comes on.
#[derive(Debug)]
pub(super) struct Subscriptions {
    /// Indices into [`LISTS`].
    lists: Vec<usize>,
    /// URIs the browser is subscribed to, or will be when the next stream is acknowledged. JSON text.
    wanted: BTreeSet<String>,
    max_wanted: usize,
    current: Option<Stream>,
    next: Option<Stream>,
    /// Requests of the browser that the next stream but one will answer.
    waiting: Vec<Change>,
    /// Something may have been missed since the last stream.
    has_gap: bool,
    n_failed: u32,
    retry_at: Option<Instant>,
    /// The server does not have subscriptions: its own error.
    unavailable: Option<String>,
    seed: u64,
}

/// A `subscriptions/listen` that has been sent.
#[derive(Debug)]
struct Stream {
    id: Id,
    uris: BTreeSet<String>,
    changes: Vec<Change>,
}

/// A request of the browser.
#[derive(Debug)]
struct Change {
    browser_id: Id,
    uri: String,
    adds: bool,
}

impl Subscriptions {
    pub(super) fn new(capabilities: &str, bounds: Bounds) -> Self {
        let tells_changes = |(index, (capability, _, _)): (usize, &(&str, &str, &str))| {
            let of = &capabilities[rpc::member(capabilities, capability)?];
            let at = rpc::member(of, "listChanged")?;
            (&of[at] == "true").then_some(index)
        };
        Self {
            lists: LISTS.iter().enumerate().filter_map(tells_changes).collect(),
            wanted: BTreeSet::new(),
            max_wanted: bounds.subscriptions,
            current: None,
            next: None,
            waiting: Vec::new(),
            has_gap: false,
            n_failed: 0,
            retry_at: None,
            unavailable: None,
            seed: bounds.seed,
        }
    }

    /// Whether an upstream id is that of one of our streams.
    pub(super) fn owns(&self, id: &Id) -> bool {
        [&self.current, &self.next]
            .into_iter()
            .flatten()
            .any(|stream| stream.id == *id)
    }

    /// A tool is called: what it changes before the first stream is acknowledged would go unheard.
    pub(super) fn tool_called(&mut self) {
        self.has_gap |= self.current.is_none() && self.next.is_some();
    }

    /// `resources/subscribe` or `resources/unsubscribe`.
    pub(super) fn request(&mut self, request: &Request, desk: &mut Desk<'_>) -> Option<Request> {
        let browser_id = request.id().clone();
        let adds = request.method() == "resources/subscribe";
        let uri = request
            .params()
            .and_then(|params| canonical(&params[rpc::member(params, "uri")?]));
        let Some(uri) = uri else {
            let fault = Fault::new(FaultCode::FrameMalformed, "params.uri must be a string.");
            desk.refuse(browser_id, &fault);
            return None;
        };
        if let Some(error) = self.unavailable.as_deref().filter(|_| adds) {
            desk.send_browser(Response::error(browser_id, error));
            return None;
        }
        if adds && self.wanted.len() + self.waiting.len() >= self.max_wanted {
            meters::reached("subscriptions");
            let fault = Fault::new(
                FaultCode::TooManyInFlight,
                format!("The session already has {} subscriptions.", self.max_wanted),
            )
            .hint("Unsubscribe from some, or raise limits.subscriptions.");
            desk.refuse(browser_id, &fault);
            return None;
        }
        self.waiting.push(Change {
            browser_id,
            uri,
            adds,
        });
        self.reconcile(desk)
    }

    /// Opens a stream for what is wanted now, unless it is there or on its way.
    pub(super) fn reconcile(&mut self, desk: &mut Desk<'_>) -> Option<Request> {
        if self.next.is_some() {
            return None;
        }
        let changes = std::mem::take(&mut self.waiting);
        for change in &changes {
            if change.adds {
                self.wanted.insert(change.uri.clone());
            } else {
                self.wanted.remove(&change.uri);
            }
        }
        if self
            .current
            .as_ref()
            .is_some_and(|current| current.uris == self.wanted)
        {
            accept(changes, desk);
            return None;
        }
        if self.wanted.is_empty() && self.lists.is_empty() {
            if let Some(current) = self.current.take() {
                desk.send_upstream(Desk::cancellation(&current.id, "nothing is subscribed to"));
            }
            accept(changes, desk);
            return None;
        }
        let id = desk.calls.next_id();
        self.retry_at = None;
        let request = Request::new(
            id.clone(),
            "subscriptions/listen",
            Some(&self.filter_params()),
        );
        self.next = Some(Stream {
            id,
            uris: self.wanted.clone(),
            changes,
        });
        Some(request)
    }

    fn filter_params(&self) -> String {
        let mut members: Vec<String> = self
            .lists
            .iter()
            .map(|index| format!("\"{}\":true", LISTS[*index].1))
            .collect();
        if !self.wanted.is_empty() {
            let uris: Vec<&str> = self.wanted.iter().map(String::as_str).collect();
            members.push(format!("\"resourceSubscriptions\":[{}]", uris.join(",")));
        }
        format!(r#"{{"notifications":{{{}}}}}"#, members.join(","))
    }

    /// What of a notification is for the browser, and a request that has become necessary.
    pub(super) fn filter(
        &mut self,
        notification: Notification,
        desk: &mut Desk<'_>,
    ) -> (Option<Notification>, Option<Request>) {
        if notification.method() == "notifications/cancelled" {
            return match request_id(&notification).filter(|id| self.owns(id)) {
                Some(id) => (None, self.ended(&id, None, desk)),
                None => (Some(notification), None),
            };
        }
        let Some(id) = listening::of(&notification) else {
            return (Some(notification), None);
        };
        if self.next.as_ref().is_some_and(|next| next.id == id) {
            if notification.method() != ACKNOWLEDGED {
                // The old stream says it too, until this one is acknowledged.
                return (None, None);
            }
            return (None, self.acknowledged(&notification, desk));
        }
        if self
            .current
            .as_ref()
            .is_some_and(|current| current.id == id)
        {
            let is_news = notification.method() != ACKNOWLEDGED;
            return (is_news.then(|| listening::without(notification)), None);
        }
        // One that the browser opened itself; or one of ours that is over, whose last words nobody wants.
        let browser_id = desk.calls.browser_id(&id).cloned();
        (
            browser_id.map(|browser_id| listening::renamed(notification, &browser_id)),
            None,
        )
    }

    fn acknowledged(
        &mut self,
        notification: &Notification,
        desk: &mut Desk<'_>,
    ) -> Option<Request> {
        let mut stream = self.next.take()?;
        let accepted = accepted(notification);
        for change in std::mem::take(&mut stream.changes) {
            if change.adds && !accepted.contains(&change.uri) {
                self.wanted.remove(&change.uri);
                stream.uris.remove(&change.uri);
                let fault = Fault::new(
                    FaultCode::UpstreamRefused,
                    "The MCP server does not let this resource be subscribed to.",
                );
                desk.refuse(change.browser_id, &fault);
            } else {
                accept(vec![change], desk);
            }
        }
        self.n_failed = 0;
        if let Some(old) = self.current.replace(stream) {
            desk.send_upstream(Desk::cancellation(&old.id, "replaced"));
        }
        if std::mem::take(&mut self.has_gap) {
            self.tell_what_may_have_changed(desk);
        }
        if self.waiting.is_empty() {
            None
        } else {
            self.reconcile(desk)
        }
    }

    fn tell_what_may_have_changed(&self, desk: &mut Desk<'_>) {
        for index in &self.lists {
            desk.send_browser(Notification::new(LISTS[*index].2, None));
        }
        for uri in &self.wanted {
            let params = format!(r#"{{"uri":{uri}}}"#);
            desk.send_browser(Notification::new(
                "notifications/resources/updated",
                Some(&params),
            ));
        }
    }

    /// One of our streams is over: ended, or refused with this error.
    pub(super) fn ended(
        &mut self,
        id: &Id,
        error: Option<&str>,
        desk: &mut Desk<'_>,
    ) -> Option<Request> {
        if let Some(next) = self.next.take_if(|next| next.id == *id) {
            return self.refused(next, error, desk);
        }
        self.current.take_if(|current| current.id == *id)?;
        self.has_gap = true;
        if self.next.is_none() {
            self.retry_later(desk);
        }
        None
    }

    fn refused(
        &mut self,
        stream: Stream,
        error: Option<&str>,
        desk: &mut Desk<'_>,
    ) -> Option<Request> {
        let fault = || {
            Fault::new(
                FaultCode::UpstreamRefused,
                "The MCP server ended the subscription.",
            )
            .to_rpc_error(Session::GoesOn)
        };
        let error = error.map_or_else(fault, str::to_owned);
        for change in stream.changes {
            if change.adds {
                self.wanted.remove(&change.uri);
                desk.send_browser(Response::error(change.browser_id, &error));
            } else {
                desk.send_browser(Response::result(change.browser_id, "{}"));
            }
        }
        if rpc::member(&error, "code")
            .is_some_and(|at| error[at] == rpc::METHOD_NOT_FOUND.to_string())
        {
            self.unavailable = Some(error);
            self.lists.clear();
            self.wanted.clear();
        } else if self.current.is_none() && !(self.wanted.is_empty() && self.lists.is_empty()) {
            self.has_gap = true;
            self.retry_later(desk);
        }
        if self.waiting.is_empty() {
            None
        } else {
            self.reconcile(desk)
        }
    }

    fn retry_later(&mut self, desk: &Desk<'_>) {
        // xorshift: sessions that lost the same server at once do not come back at once.
        self.seed ^= self.seed << 13;
        self.seed ^= self.seed >> 7;
        self.seed ^= self.seed << 17;
        let pause = PAUSE * 2_u32.pow(self.n_failed.min(DOUBLINGS));
        let jitter = pause.mul_f64((self.seed % 1000) as f64 / 2000.0);
        self.n_failed += 1;
        self.retry_at = Some(desk.now + pause - jitter);
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        self.retry_at
    }

    pub(super) fn on_due(&mut self, desk: &mut Desk<'_>) -> Option<Request> {
        let now = desk.now;
        self.retry_at.take_if(|at| *at <= now)?;
        self.reconcile(desk)
    }
}

fn accept(changes: Vec<Change>, desk: &mut Desk<'_>) {
    for change in changes {
        desk.send_browser(Response::result(change.browser_id, "{}"));
    }
}
