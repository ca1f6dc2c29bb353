//! The session's one task: it opens the socket, reads it to its end and carries out effects.
//! Owns the sockets' handles, the timers and the callers who wait.
//! Never decides: every event goes to `Client`, and what it asks for is done in order.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;
use std::time::Duration;

use gloo_timers::callback::Timeout;
use js_sys::{Date, Math};
use wasm_bindgen_futures::spawn_local;
use web_sys::AbortController;

use crate::api::Bridge;
use crate::client::Client;
use crate::effect::{Effect, Request, Timer, milliseconds};
use crate::fault::{Fault, Side};
use crate::opening;
use crate::page::{Caller, Page};
use crate::socket::{Arrival, Handle, Socket};

/// A session that is being opened, open, or over.
#[derive(Debug)]
pub(crate) struct Task {
    client: RefCell<Client>,
    /// Gone when the session is over, so that JavaScript can collect it.
    page: RefCell<Option<Page>>,
    /// The bridge, and the body of the request for a session, until it is asked for one.
    plan: RefCell<Option<Result<Plan, Fault>>>,
    /// The URL of this session's sockets, without a query.
    url: RefCell<String>,
    socket: RefCell<Option<Handle>>,
    /// Sockets that nobody listens to any more, and that must not be closed yet.
    abandoned: RefCell<Vec<Handle>>,
    /// The last attempt to come back to the session, in milliseconds since 1970.
    attempt: Cell<f64>,
    /// Which socket counts: what an earlier one brings does not.
    turn: Cell<u32>,
    /// Stops the `connect` route when nobody waits for it any more.
    opening: Option<AbortController>,
    callers: RefCell<Vec<(u64, Caller)>>,
    timers: RefCell<Vec<(Timer, Timeout)>>,
    effects: RefCell<VecDeque<Effect>>,
    performing: Cell<bool>,
    watched: Cell<bool>,
}

/// How to ask for a session.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) bridge: Bridge,
    pub(crate) body: String,
}

/// The way back to the session of an earlier page.
#[derive(Debug)]
pub(crate) struct Return {
    /// The URL of its sockets, without a query.
    pub(crate) url: String,
    pub(crate) token: String,
}

impl Task {
    /// A session that nobody has begun to open.
    pub(crate) fn new(page: Page) -> Rc<Self> {
        Rc::new(Self {
            client: RefCell::new(Client::new()),
            page: RefCell::new(Some(page)),
            plan: RefCell::new(None),
            url: RefCell::default(),
            socket: RefCell::new(None),
            abandoned: RefCell::default(),
            attempt: Cell::new(0.0),
            turn: Cell::new(0),
            opening: AbortController::new().ok(),
            callers: RefCell::default(),
            timers: RefCell::default(),
            effects: RefCell::default(),
            performing: Cell::new(false),
            watched: Cell::new(false),
        })
    }

    /// Begins to open the session, which must be ready within `timeout`. With `resumable` it
    /// outlives its socket; `earlier` is tried before a new one is asked for. The outcome is told
    /// to the page, a wrong option like any other failure.
    pub(crate) fn open(
        self: &Rc<Self>,
        bridge: Result<Bridge, Fault>,
        options: &str,
        timeout: Duration,
        resumable: bool,
        earlier: Option<Return>,
    ) {
        let plan = bridge.and_then(|bridge| {
            let body = opening::body(options, self.client.borrow().methods())?;
            Ok(Plan { bridge, body })
        });
        *self.plan.borrow_mut() = Some(plan);
        let token = earlier.map(|earlier| {
            *self.url.borrow_mut() = earlier.url;
            earlier.token
        });
        self.with(|client| client.open(timeout, resumable, token));
    }

    /// Opens the session's next socket: its first, or with a query another.
    fn connect(self: &Rc<Self>, query: Option<String>) {
        let task = Rc::clone(self);
        spawn_local(async move {
            let outcome = match query {
                Some(query) => {
                    let url = task.url.borrow().clone() + &query;
                    task.carry(&url).await
                }
                None => task.begin().await,
            };
            if let Err(fault) = outcome {
                task.with(|client| client.unusable(fault));
            }
        });
    }

    /// Lets the client decide, then does what it asks for.
    pub(crate) fn with<T>(self: &Rc<Self>, decide: impl FnOnce(&mut Client) -> T) -> T {
        let decided = decide(&mut self.client.borrow_mut());
        self.settle();
        decided
    }

    /// Carries out what the client asks for, in order. Apart from `with`, so that there is one of it.
    fn settle(self: &Rc<Self>) {
        self.effects
            .borrow_mut()
            .extend(self.client.borrow_mut().take_effects());
        // Effects call into JavaScript, which may call back: those effects wait their turn.
        if self.performing.replace(true) {
            return;
        }
        loop {
            let effect = self.effects.borrow_mut().pop_front();
            let Some(effect) = effect else { break };
            self.perform(effect);
        }
        self.performing.set(false);
    }

    /// Sends a request, and gives the id by which it can be cancelled.
    pub(crate) fn request(self: &Rc<Self>, request: Request, caller: Caller) -> u64 {
        if let Err(fault) = self.has_room() {
            caller.on_fault(&fault.to_json());
            return 0;
        }
        self.with(|client| {
            let id = client.request(request);
            self.callers.borrow_mut().push((id, caller));
            id
        })
    }

    /// Sends a notification.
    pub(crate) fn notify(self: &Rc<Self>, method: &str, params: Option<&str>) -> Result<(), Fault> {
        self.has_room()?;
        self.with(|client| client.notify(method, params))
    }

    /// Whether the page wants to see every frame.
    pub(crate) fn watch(&self, watched: bool) {
        self.watched.set(watched);
    }

    fn has_room(&self) -> Result<(), Fault> {
        let socket = self.socket.borrow();
        let congested = socket.as_ref().is_some_and(Handle::is_congested);
        self.client.borrow().room(congested)
    }

    /// Asks the bridge for a session, and carries it.
    async fn begin(self: &Rc<Self>) -> Result<(), Fault> {
        let Some(opening) = &self.opening else {
            return Err(Fault::new(
                "internal",
                Side::Browser,
                "this environment has no AbortController",
            ));
        };
        let plan = self.plan.borrow_mut().take();
        let Some(plan) = plan else { return Ok(()) };
        let Plan { bridge, body } = plan?;
        let url = bridge.connect(&body, &opening.signal()).await?;
        if !self.client.borrow().wants_socket() {
            return Ok(());
        }
        let end = url.find('?').unwrap_or(url.len());
        *self.url.borrow_mut() = url[..end].to_owned();
        self.carry(&url).await
    }

    /// Opens a socket and reads it to its end, also when it no longer counts.
    async fn carry(self: &Rc<Self>, url: &str) -> Result<(), Fault> {
        let turn = self.turn.get() + 1;
        self.turn.set(turn);
        let counts = || self.turn.get() == turn;
        let mut socket = Socket::connect(url)?;
        *self.socket.borrow_mut() = Some(socket.handle());
        let is_open = socket.opened().await;
        if counts() {
            if !is_open {
                self.with(|client| client.socket_closed(1006, String::new()));
            } else if socket.speaks_native() {
                self.with(Client::opened);
            } else {
                return Err(Fault::not_a_bridge(
                    "does not speak footbridge.v1 on its socket",
                ));
            }
        }
        if !is_open {
            return Ok(());
        }
        loop {
            match socket.next().await {
                Arrival::Frame(text) => {
                    if counts() {
                        self.show("in", &text);
                        self.with(|client| client.frame(&text));
                    }
                }
                Arrival::Closed { code, reason } => {
                    if counts() {
                        self.with(|client| client.socket_closed(code, reason));
                    }
                    return Ok(());
                }
            }
        }
    }

    fn perform(self: &Rc<Self>, effect: Effect) {
        match effect {
            Effect::Begin => self.connect(None),
            Effect::Connect(query) => {
                let attempt = Date::now().max(self.attempt.get() + 1.0);
                self.attempt.set(attempt);
                self.connect(Some(format!("{query}&attempt={}", attempt as u64)));
            }
            Effect::Abandon => {
                self.turn.set(self.turn.get() + 1);
                if let Some(socket) = self.socket.borrow_mut().take() {
                    // Before it is open no close frame can go out.
                    if socket.is_connecting() {
                        socket.close();
                    } else {
                        self.abandoned.borrow_mut().push(socket);
                    }
                }
            }
            Effect::CloseAbandoned => self.close_abandoned(),
            Effect::Pass { token, taken_up } => {
                self.tell(|page| page.on_pass(&self.url.borrow(), &token, taken_up));
            }
            Effect::Send(text) => {
                self.show("out", &text);
                if let Some(socket) = &*self.socket.borrow() {
                    socket.send(&text);
                }
            }
            Effect::State(state, reason) => {
                self.tell(|page| page.on_state(state.name(), reason.as_deref()));
            }
            Effect::Ready(initialized) => self.tell(|page| page.on_ready(&initialized)),
            Effect::Resolve { call, result } => {
                if let Some(caller) = self.release(call) {
                    caller.on_result(&result);
                }
            }
            Effect::Reject { call, fault } => {
                if let Some(caller) = self.release(call) {
                    caller.on_fault(&fault.to_json());
                }
            }
            Effect::Progress { call, params } => {
                // Not borrowed while JavaScript runs: it may make another call.
                let caller = self
                    .callers
                    .borrow()
                    .iter()
                    .find(|(id, _)| *id == call)
                    .cloned();
                if let Some((_, caller)) = caller {
                    caller.on_progress(&params);
                }
            }
            Effect::Ask {
                ask,
                method,
                params,
            } => {
                self.tell(|page| page.on_ask(ask as f64, &method, &params));
            }
            Effect::Withdraw { ask } => self.tell(|page| page.on_withdraw(ask as f64)),
            Effect::Notification { method, params } => {
                self.tell(|page| page.on_notification(&method, &params));
            }
            Effect::Stderr(line) => self.tell(|page| page.on_stderr(&line)),
            Effect::StartTimer(timer, after) => self.start_timer(timer, after),
            Effect::StopTimer(timer) => {
                self.timers
                    .borrow_mut()
                    .retain(|(known, _)| *known != timer);
            }
            Effect::CloseSocket => {
                if let Some(opening) = &self.opening {
                    opening.abort();
                }
                if let Some(socket) = &*self.socket.borrow() {
                    socket.close();
                }
                self.close_abandoned();
            }
            Effect::Closed {
                code,
                reason,
                fault,
            } => {
                let page = self.page.borrow_mut().take();
                if let Some(page) = page {
                    page.on_closed(code, &reason, fault.as_ref().map(Fault::to_json));
                }
                self.timers.borrow_mut().clear();
            }
        }
    }

    fn close_abandoned(&self) {
        for socket in self.abandoned.borrow_mut().drain(..) {
            socket.close();
        }
    }

    fn start_timer(self: &Rc<Self>, timer: Timer, after: Duration) {
        let task = Rc::downgrade(self);
        // What a timer of the environment can hold at most: 24 days.
        let mut after = milliseconds(after).min(i32::MAX as u64) as f64;
        if timer == Timer::Retry {
            // So that not all who lost the bridge at once come back at once.
            after *= Math::random();
        }
        let timeout = Timeout::new(after as u32, move || {
            if let Some(task) = task.upgrade() {
                task.with(|client| client.expired(timer));
            }
        });
        let mut timers = self.timers.borrow_mut();
        // Dropping the earlier one stops it.
        timers.retain(|(known, _)| *known != timer);
        timers.push((timer, timeout));
    }

    fn release(&self, call: u64) -> Option<Caller> {
        let mut callers = self.callers.borrow_mut();
        let at = callers.iter().position(|(id, _)| *id == call)?;
        Some(callers.remove(at).1)
    }

    fn show(&self, direction: &str, text: &str) {
        if self.watched.get() {
            self.tell(|page| page.on_frame(direction, text));
        }
    }

    fn tell(&self, word: impl FnOnce(&Page)) {
        let page = self.page.borrow().clone();
        if let Some(page) = page {
            word(&page);
        }
    }
}
