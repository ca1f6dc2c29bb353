//! What a session does about calls, frames and the passing of time.
//! Owns the ids, the calls in flight, the server's open requests and the session's state.
//! Never touches a socket, a clock or JavaScript: it takes events and gives effects.

mod incoming;
mod line;
mod way;

use std::borrow::Cow;
use std::time::Duration;

use crate::effect::{Effect, Request, State, Timer, milliseconds};
use crate::fault::{Fault, Side};
use crate::frame;

use line::Line;
use way::{Link, Way};

/// How long a socket may take to close before the session counts as closed without it.
const CLOSING: Duration = Duration::from_secs(3);

/// One session, seen from the page.
#[derive(Debug)]
pub(crate) struct Client {
    phase: Phase,
    state: State,
    /// How long the MCP server may take to be ready.
    timeout: Duration,
    next_id: u64,
    /// In the order they were made. Answers mostly come in that order, so the search is short.
    calls: Vec<Call>,
    asks: Vec<Ask>,
    methods: Vec<String>,
    wants_stderr: bool,
    /// The bridge's last word, when it was an error: if the socket closes now, this is why.
    last_error: Option<Fault>,
    line: Line,
    way: Way,
    effects: Vec<Effect>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// No socket yet.
    Opening,
    /// A socket, and no MCP server behind it yet.
    Waiting,
    /// The MCP server has been ready.
    Open,
    /// We asked the socket to close.
    Closing,
    Closed,
}

#[derive(Debug)]
struct Call {
    id: u64,
    method: String,
    timeout: Option<Duration>,
    progress: bool,
    /// JSON text; present when progress was asked for.
    token: Option<String>,
    /// That of its frame.
    number: u64,
}

#[derive(Debug)]
struct Ask {
    number: u64,
    /// The server's id, as JSON text.
    id: String,
    method: String,
}

impl Client {
    /// A session that nobody has begun to open.
    pub(crate) fn new() -> Self {
        Self {
            phase: Phase::Opening,
            state: State::Connecting,
            timeout: Duration::MAX,
            next_id: 1,
            calls: Vec::new(),
            asks: Vec::new(),
            methods: Vec::new(),
            wants_stderr: false,
            last_error: None,
            line: Line::default(),
            way: Way::default(),
            effects: Vec::new(),
        }
    }

    /// Someone begins to open the session, which must be ready within `timeout`. With `resumable`
    /// it outlives its socket; `token` is the right to come back to that of an earlier page.
    pub(crate) fn open(&mut self, timeout: Duration, resumable: bool, token: Option<String>) {
        self.timeout = timeout;
        self.way.wanted = resumable;
        self.effects.push(Effect::State(State::Connecting, None));
        self.effects.push(Effect::StartTimer(Timer::Ready, timeout));
        match token {
            Some(token) => self.take_up(token),
            None => self.effects.push(Effect::Begin),
        }
    }

    /// What is to be done since the last time this was asked.
    pub(crate) fn take_effects(&mut self) -> Vec<Effect> {
        std::mem::take(&mut self.effects)
    }

    /// Whether a socket should still be opened.
    pub(crate) fn wants_socket(&self) -> bool {
        self.phase == Phase::Opening
    }

    /// The methods this page answers.
    pub(crate) fn methods(&self) -> &[String] {
        &self.methods
    }

    /// The socket is open.
    pub(crate) fn opened(&mut self) {
        // Who comes back waits for `resumed`.
        if self.phase == Phase::Opening && !self.takes_up() {
            self.attached();
            self.started();
        }
    }

    fn started(&mut self) {
        self.phase = Phase::Waiting;
        self.enter(State::Starting, None);
        if self.wants_stderr {
            self.put(frame::stderr(true));
        }
    }

    /// The session could not be opened, or is given up before it was ready.
    pub(crate) fn fail(&mut self, fault: Fault) {
        match self.phase {
            Phase::Opening | Phase::Waiting => {
                self.effects.push(Effect::CloseSocket);
                self.finish(1000, String::new(), Some(fault));
            }
            Phase::Open | Phase::Closing | Phase::Closed => {}
        }
    }

    /// The socket is gone.
    pub(crate) fn socket_closed(&mut self, code: u16, reason: String) {
        if !self.is_over() && self.outlives(code, self.last_error.as_ref()) {
            return self.lost("socket_lost");
        }
        if self.takes_up() {
            return self.begin_instead();
        }
        let fault = match self.phase {
            Phase::Closing => None,
            Phase::Opening | Phase::Waiting => {
                let why = self.last_error.take();
                Some(why.unwrap_or_else(|| self.ended(code, &reason)))
            }
            Phase::Open => {
                let why = self.last_error.take();
                why.or_else(|| (code != 1000).then(|| self.ended(code, &reason)))
            }
            Phase::Closed => return,
        };
        self.finish(code, reason, fault);
    }

    /// A timer fired.
    pub(crate) fn expired(&mut self, timer: Timer) {
        match timer {
            Timer::Ready => {
                let waited = milliseconds(self.timeout);
                self.fail(Fault::new(
                    "timeout",
                    Side::Browser,
                    format!("the MCP server was not ready within {waited} ms"),
                ));
            }
            Timer::Closed => {
                if self.phase == Phase::Closing {
                    self.finish(1006, String::new(), None);
                }
            }
            Timer::Ack => self.acknowledge_late(),
            Timer::Silence => self.silent(),
            Timer::Pong => self.unanswered(),
            Timer::Retry => self.retry(),
            Timer::Try => self.give_up_try(),
            Timer::Window => self.give_up(),
            Timer::Steady => self.steady(),
            Timer::Call(id) => {
                let Some(call) = self.calls.iter().find(|call| call.id == id) else {
                    return;
                };
                let waited = milliseconds(call.timeout.unwrap_or_default());
                let sentence = format!(
                    "{} had no answer or progress within {waited} ms",
                    call.method
                );
                self.abandon(id, Fault::new("timeout", Side::Browser, sentence));
            }
        }
    }

    /// Sends a request; its outcome follows as an effect that names the id given back.
    pub(crate) fn request(&mut self, request: Request) -> u64 {
        let Request {
            method,
            params,
            timeout,
            progress,
        } = request;
        let id = self.next_id;
        self.next_id += 1;
        if let Err(fault) = self.may_send(params.as_deref()) {
            self.effects.push(Effect::Reject { call: id, fault });
            return id;
        }
        // Without a token nobody tells that a slow call is alive, and the timeout would cut it.
        let asked = if progress || timeout.is_some() {
            let Some(asked) = frame::ask_for_progress(params.as_deref(), id) else {
                let fault = Fault::misuse("`_meta` of the params must be an object");
                self.effects.push(Effect::Reject { call: id, fault });
                return id;
            };
            Some(asked)
        } else {
            None
        };
        let (params, token) = match asked {
            Some((params, token)) => (Some(params), Some(token)),
            None => (params, None),
        };
        let number = self.put(frame::request(id, &method, params.as_deref()));
        if let Some(timeout) = timeout {
            self.effects
                .push(Effect::StartTimer(Timer::Call(id), timeout));
        }
        self.calls.push(Call {
            id,
            method,
            timeout,
            progress,
            token,
            number,
        });
        id
    }

    /// The program no longer wants the answer to a call.
    pub(crate) fn cancel(&mut self, id: u64) {
        if let Some(call) = self.calls.iter().find(|call| call.id == id) {
            let sentence = format!("{} was aborted", call.method);
            self.abandon(id, Fault::new("aborted", Side::Browser, sentence));
        }
    }

    /// Sends a notification.
    pub(crate) fn notify(&mut self, method: &str, params: Option<&str>) -> Result<(), Fault> {
        self.may_send(params)?;
        self.put(frame::notification(method, params));
        Ok(())
    }

    /// From now on this page answers `method`, or no longer does.
    pub(crate) fn answer_method(&mut self, method: &str, answers: bool) {
        self.methods.retain(|known| known != method);
        if answers {
            self.methods.push(method.to_owned());
        }
    }

    /// A handler is done: the JSON text of its result, or what it threw.
    pub(crate) fn answer(&mut self, ask: u64, outcome: Result<&str, (i64, &str)>) {
        // A withdrawn request gets no answer.
        let Some(at) = self.asks.iter().position(|it| it.number == ask) else {
            return;
        };
        let Ask { id, method, .. } = self.asks.remove(at);
        let text = match outcome {
            Ok(_) if !self.line.has_room() => frame::error(&id, -32603, TOO_MUCH),
            Ok(result) if result.starts_with('{') => frame::result(&id, result),
            Ok(_) => {
                let message = format!("the handler for {method} gave no object as its result");
                frame::error(&id, -32603, &message)
            }
            Err((code, message)) => frame::error(&id, code, message),
        };
        self.put(text);
    }

    /// The program wants the server's standard error, or no longer does.
    pub(crate) fn want_stderr(&mut self, wanted: bool) {
        if self.wants_stderr != wanted {
            self.wants_stderr = wanted;
            if matches!(self.phase, Phase::Waiting | Phase::Open) {
                self.put(frame::stderr(wanted));
            }
        }
    }

    /// The program ends the session.
    pub(crate) fn close(&mut self) {
        match self.phase {
            Phase::Opening | Phase::Waiting => self.fail(Fault::new(
                "aborted",
                Side::Browser,
                "the session was given up before it was ready",
            )),
            Phase::Open if self.way.link != Link::Up => {
                self.effects.push(Effect::CloseSocket);
                self.finish(1000, String::new(), None);
            }
            Phase::Open => {
                self.phase = Phase::Closing;
                self.effects.push(Effect::CloseSocket);
                self.effects
                    .push(Effect::StartTimer(Timer::Closed, CLOSING));
                self.settle_all(&closed_by_page());
            }
            Phase::Closing | Phase::Closed => {}
        }
    }

    /// Whether the page, or what happened, has ended the session.
    fn is_over(&self) -> bool {
        matches!(self.phase, Phase::Closing | Phase::Closed)
    }

    fn may_send(&self, params: Option<&str>) -> Result<(), Fault> {
        if params.is_some_and(|params| !params.starts_with('{')) {
            return Err(Fault::misuse("params must be an object"));
        }
        match self.phase {
            Phase::Open if self.line.has_room() => Ok(()),
            Phase::Open => Err(too_many_pending()),
            Phase::Opening | Phase::Waiting => Err(Fault::misuse(
                "the session is not ready yet: wait for connect",
            )),
            Phase::Closing | Phase::Closed => Err(closed_by_page()),
        }
    }

    /// Ends a call without its answer, and says so to the MCP server.
    fn abandon(&mut self, id: u64, fault: Fault) {
        let method = self
            .calls
            .iter()
            .find(|call| call.id == id)
            .map(|call| call.method.as_str());
        // MCP forbids to cancel the handshake.
        if method.is_some_and(|method| method != "initialize") {
            self.put(frame::cancelled(id, &fault.message));
        }
        if self.forget(id) {
            self.effects.push(Effect::Reject { call: id, fault });
        }
    }

    /// Whether the call was in flight; it no longer is.
    fn forget(&mut self, id: u64) -> bool {
        let Some(at) = self.calls.iter().position(|call| call.id == id) else {
            return false;
        };
        if self.calls.remove(at).timeout.is_some() {
            self.effects.push(Effect::StopTimer(Timer::Call(id)));
        }
        true
    }

    fn enter(&mut self, state: State, reason: Option<Cow<'static, str>>) {
        if self.state != state {
            self.state = state;
            self.effects.push(Effect::State(state, reason));
        }
    }

    fn settle_all(&mut self, fault: &Fault) {
        for call in std::mem::take(&mut self.calls) {
            if call.timeout.is_some() {
                self.effects.push(Effect::StopTimer(Timer::Call(call.id)));
            }
            let may_have_run = self.line.may_have_arrived(call.number);
            self.effects.push(Effect::Reject {
                call: call.id,
                fault: fault.of_call(may_have_run),
            });
        }
        for ask in std::mem::take(&mut self.asks) {
            self.effects.push(Effect::Withdraw { ask: ask.number });
        }
    }

    fn finish(&mut self, code: u16, reason: String, fault: Option<Fault>) {
        self.effects.push(match self.phase {
            Phase::Closing => Effect::StopTimer(Timer::Closed),
            Phase::Opening | Phase::Waiting | Phase::Open | Phase::Closed => {
                Effect::StopTimer(Timer::Ready)
            }
        });
        self.phase = Phase::Closed;
        let unanswered = fault
            .clone()
            .unwrap_or_else(|| Fault::from_close(code, &reason));
        self.settle_all(&unanswered);
        let why = fault.as_ref().map(|fault| fault.code.clone());
        self.enter(State::Closed, Some(why.unwrap_or("closed".into())));
        self.effects.push(Effect::Closed {
            code,
            reason,
            fault,
        });
    }
}

/// Why the program may not send more for now.
const TOO_MUCH: &str = "too much waits to be sent to the bridge";

pub(crate) fn too_many_pending() -> Fault {
    Fault::new("too_many_pending", Side::Browser, TOO_MUCH).with_hint(
        "wait for earlier calls, or for the session to be ready again, before making more",
    )
}

fn closed_by_page() -> Fault {
    Fault::new("socket_closed", Side::Browser, "the session is closed")
}

#[cfg(test)]
mod cut_tests;
#[cfg(test)]
mod tests;
