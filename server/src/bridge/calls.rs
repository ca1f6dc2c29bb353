//! Calls in both directions: their ids, their deadlines, their cancellation.

use std::collections::BTreeMap;
use std::collections::HashMap;
use std::time::Duration;

use footbridge_shared::fault::Fault;
use footbridge_shared::fault::FaultCode;
use footbridge_shared::fault::Session;
use footbridge_shared::rpc::Id;
use footbridge_shared::rpc::Message;
use footbridge_shared::rpc::Request;
use footbridge_shared::rpc::Response;
use tokio::time::Instant;

use crate::config::Limits;
use crate::meters;

/// Requests of the browser that the MCP server has not answered.
///
/// Upstream ids count up and are never used twice: MCP 2025-03-26 (basic, requests) forbids an id that was
/// used before in the session, and a browser that reloads starts at 1 again.
#[derive(Debug)]
pub(super) struct Calls {
    /// By upstream id, which is also the order in which they were sent.
    open: BTreeMap<u64, Call>,
    /// Those that wait for the browser's own answers before they are sent again.
    parked: HashMap<Id, Call>,
    by_browser_id: HashMap<Id, u64>,
    next: u64,
    last_progress: Option<Instant>,
    capacity: usize,
    timeout: Duration,
    timeout_max: Duration,
}

/// One of them.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) browser_id: Id,
    pub(super) upstream_id: u64,
    /// The request, where it may have to be sent again with more.
    pub(super) request: Option<Box<Request>>,
    /// How often the server has asked for further input.
    pub(super) rounds: usize,
    /// It stays open as long as the browser wants it to: a `subscriptions/listen`.
    is_endless: bool,
    /// It has been sent a second time, because the server had forgotten the session.
    pub(super) is_resent: bool,
    sent: Instant,
}

/// Where a call was when the browser cancelled it.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Cancelled {
    /// The server works on it, under this id.
    InFlight(Id),
    /// It waited for the browser.
    Parked,
}

/// Why a request is not relayed.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Refused {
    IdInFlight,
    TooMany,
}

impl Refused {
    pub(super) fn fault(&self, capacity: usize) -> Fault {
        match self {
            Self::IdInFlight => Fault::new(
                FaultCode::IdInFlight,
                "A request with this id is still being answered.",
            )
            .hint("Use a new id for each request."),
            Self::TooMany => {
                meters::reached("calls_in_flight");
                Fault::new(
                    FaultCode::TooManyInFlight,
                    format!("The session already has {capacity} requests in flight."),
                )
                .hint("Wait for some of them, or raise limits.calls_in_flight.")
            }
        }
    }
}

impl Calls {
    pub(super) fn new(limits: &Limits) -> Self {
        Self {
            open: BTreeMap::new(),
            parked: HashMap::new(),
            by_browser_id: HashMap::new(),
            next: 0,
            last_progress: None,
            capacity: limits.calls_in_flight,
            timeout: limits.request_timeout,
            timeout_max: limits.request_timeout_max,
        }
    }

    pub(super) fn capacity(&self) -> usize {
        self.capacity
    }

    pub(super) fn len(&self) -> usize {
        self.open.len() + self.parked.len()
    }

    /// An upstream id for a request of the bridge itself.
    pub(super) fn next_id(&mut self) -> Id {
        self.next += 1;
        Id::number(self.next)
    }

    /// The upstream id for a request; `keep` when it may have to be sent again with more.
    pub(super) fn open(
        &mut self,
        request: &Request,
        keep: bool,
        now: Instant,
    ) -> Result<Id, Refused> {
        if self.by_browser_id.contains_key(request.id()) {
            return Err(Refused::IdInFlight);
        }
        if self.len() >= self.capacity {
            return Err(Refused::TooMany);
        }
        let id = self.next_id();
        let call = Call {
            browser_id: request.id().clone(),
            upstream_id: self.next,
            request: keep.then(|| Box::new(request.clone())),
            rounds: 0,
            is_endless: request.method() == "subscriptions/listen",
            is_resent: false,
            sent: now,
        };
        self.by_browser_id
            .insert(call.browser_id.clone(), call.upstream_id);
        self.open.insert(call.upstream_id, call);
        Ok(id)
    }

    /// The call that an answer of the MCP server is for.
    pub(super) fn close(&mut self, upstream_id: &Id) -> Option<Call> {
        let call = self.open.remove(&upstream_id.as_number()?)?;
        self.by_browser_id.remove(&call.browser_id);
        Some(call)
    }

    /// The call under an upstream id.
    pub(super) fn get_mut(&mut self, upstream_id: &Id) -> Option<&mut Call> {
        self.open.get_mut(&upstream_id.as_number()?)
    }

    /// The browser's id of a call under way.
    pub(super) fn browser_id(&self, upstream_id: &Id) -> Option<&Id> {
        Some(&self.open.get(&upstream_id.as_number()?)?.browser_id)
    }

    /// Lets a call wait for the browser; its time does not run.
    pub(super) fn park(&mut self, call: Call) {
        self.by_browser_id
            .insert(call.browser_id.clone(), call.upstream_id);
        self.parked.insert(call.browser_id.clone(), call);
    }

    /// The request of a parked call and the upstream id to send it again under.
    pub(super) fn resume(&mut self, browser_id: &Id, now: Instant) -> Option<(Id, Request)> {
        let mut call = self.parked.remove(browser_id)?;
        let request = Request::clone(call.request.as_deref()?);
        let id = self.next_id();
        call.upstream_id = self.next;
        call.sent = now;
        self.by_browser_id
            .insert(browser_id.clone(), call.upstream_id);
        self.open.insert(call.upstream_id, call);
        Some((id, request))
    }

    /// Takes a parked call away, to answer it.
    pub(super) fn unpark(&mut self, browser_id: &Id) -> Option<Call> {
        self.by_browser_id.remove(browser_id);
        self.parked.remove(browser_id)
    }

    /// Forgets a call that the browser no longer wants.
    pub(super) fn cancel(&mut self, browser_id: &Id) -> Option<Cancelled> {
        let upstream_id = self.by_browser_id.remove(browser_id)?;
        if self.parked.remove(browser_id).is_some() {
            return Some(Cancelled::Parked);
        }
        self.open.remove(&upstream_id);
        Some(Cancelled::InFlight(Id::number(upstream_id)))
    }

    /// Progress of any call gives every call more time: matching tokens to calls would mean opening payloads.
    pub(super) fn progressed(&mut self, now: Instant) {
        self.last_progress = Some(now);
    }

    fn oldest(&self) -> Option<&Call> {
        self.open.values().find(|call| !call.is_endless)
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        let oldest = self.oldest()?;
        let last_sign = self
            .last_progress
            .map_or(oldest.sent, |progress| progress.max(oldest.sent));
        Some((last_sign + self.timeout).min(oldest.sent + self.timeout_max))
    }

    /// The calls whose time is up. The oldest call has the earliest deadline, so the first that still has time
    /// ends the search.
    pub(super) fn take_due(&mut self, now: Instant) -> Vec<Call> {
        let mut due = Vec::new();
        while self.deadline().is_some_and(|deadline| deadline <= now) {
            let key = self.oldest().map(|call| call.upstream_id);
            let Some(call) = key.and_then(|key| self.open.remove(&key)) else {
                break;
            };
            self.by_browser_id.remove(&call.browser_id);
            meters::reached(if now >= call.sent + self.timeout_max {
                "request_timeout_max"
            } else {
                "request_timeout"
            });
            due.push(call);
        }
        due
    }

    /// Forgets every call: the browser's id, and the upstream id of those that the MCP server works on.
    pub(super) fn forget_all(&mut self) -> Vec<(Id, Option<Id>)> {
        self.by_browser_id.clear();
        let open = std::mem::take(&mut self.open).into_values();
        let open = open.map(|call| (call.browser_id, Some(Id::number(call.upstream_id))));
        open.chain(self.parked.drain().map(|(id, _)| (id, None)))
            .collect()
    }

    /// Gives up every call: the answers that say so, in the order in which the calls were sent.
    pub(super) fn fail_all(&mut self, fault: &Fault, session: Session) -> Vec<Response> {
        self.by_browser_id.clear();
        let mut calls: Vec<Call> = std::mem::take(&mut self.open).into_values().collect();
        calls.extend(self.parked.drain().map(|(_, call)| call));
        calls.sort_by_key(|call| call.upstream_id);
        let error = fault.to_rpc_error(session);
        calls
            .into_iter()
            .map(|call| Response::error(call.browser_id, &error))
            .collect()
    }
}

/// Requests of the MCP server that the browser has not answered. Their ids pass unchanged.
#[derive(Debug)]
pub(super) struct Asked {
    open: HashMap<Id, Open>,
    timeout: Option<Duration>,
    capacity: usize,
    /// Bytes of their texts that are kept, for a page that was loaded anew.
    kept: usize,
    max_kept: usize,
    n_opened: u64,
}

/// One of them.
#[derive(Debug)]
struct Open {
    /// In which order they came.
    order: u64,
    until: Option<Instant>,
    request: Option<Message>,
}

impl Open {
    fn n_bytes(&self) -> usize {
        self.request
            .as_ref()
            .map_or(0, |request| request.text().len())
    }
}

impl Asked {
    pub(super) fn new(timeout: Option<Duration>, limits: &Limits) -> Self {
        Self {
            open: HashMap::new(),
            timeout,
            capacity: limits.asks_in_flight,
            kept: 0,
            max_kept: 0,
            n_opened: 0,
        }
    }

    /// Whether the browser may be asked so many times more; the fault to tell the server otherwise.
    pub(super) fn room_for(&self, n: usize) -> Result<(), Fault> {
        if self.open.len().saturating_add(n) <= self.capacity {
            return Ok(());
        }
        meters::reached("asks_in_flight");
        Err(Fault::new(
            FaultCode::TooManyInFlight,
            format!(
                "The browser already has {} requests of this server to answer.",
                self.capacity
            ),
        )
        .hint("Wait for some of the answers."))
    }

    pub(super) fn is_open(&self, id: &Id) -> bool {
        self.open.contains_key(id)
    }

    /// From here on texts are kept, of so many bytes.
    pub(super) fn keep(&mut self, max_kept: usize) {
        self.max_kept = max_kept;
    }

    /// `request`: what to ask again when another page takes the place of this one.
    pub(super) fn open(&mut self, id: Id, request: Option<&Request>, now: Instant) {
        let mut open = Open {
            order: self.n_opened,
            until: self.timeout.map(|timeout| now + timeout),
            request: request
                .filter(|_| self.max_kept > 0)
                .map(|request| Message::from(request.clone())),
        };
        if self.kept + open.n_bytes() > self.max_kept {
            open.request = None;
        }
        self.n_opened += 1;
        self.kept += open.n_bytes();
        self.open.insert(id, open);
    }

    /// Whether it was open.
    pub(super) fn close(&mut self, id: &Id) -> bool {
        let Some(open) = self.open.remove(id) else {
            return false;
        };
        self.kept -= open.n_bytes();
        true
    }

    /// What to ask again, in the order in which it came; and what is no longer known well enough for that, and is
    /// not open any more.
    pub(super) fn again(&mut self) -> (Vec<Message>, Vec<Id>) {
        let is_kept = |open: &Open| open.request.is_some();
        let forgotten = self.open.extract_if(|_, open| !is_kept(open));
        let forgotten = forgotten.map(|(id, _)| id).collect();
        let mut kept: Vec<&Open> = self.open.values().collect();
        kept.sort_by_key(|open| open.order);
        let again = kept.iter().filter_map(|open| open.request.clone());
        (again.collect(), forgotten)
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        self.open.values().filter_map(|open| open.until).min()
    }

    pub(super) fn take_due(&mut self, now: Instant) -> Vec<Id> {
        let is_due = |open: &Open| open.until.is_some_and(|until| until <= now);
        let mut due: Vec<Id> = self
            .open
            .iter()
            .filter(|(_, open)| is_due(open))
            .map(|(id, _)| id.clone())
            .collect();
        due.sort();
        for id in &due {
            meters::reached("answer_timeout");
            self.close(id);
        }
        due
    }
}
