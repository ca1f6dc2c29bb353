//! What a session does about calls, frames and the passing of time.
//! Owns the ids, the calls in flight, the server's open requests and the session's state.
//! Never touches a socket, a clock or JavaScript: it takes events and gives effects.

mod calls;
mod incoming;
mod line;
mod pulse;
mod way;

use std::borrow::Cow;
use std::time::Duration;

use crate::effect::{Effect, State, Timer, milliseconds};
use crate::fault::{Fault, Side};
use crate::frame;

use calls::{Call, TOO_MUCH, closed_by_page};
use line::Line;
use pulse::Pulse;
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
    pulse: Pulse,
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
            pulse: Pulse::default(),
            effects: Vec::new(),
        }
    }

    /// Someone begins to open the session, which must be ready within `timeout`. With `resumable`
    /// it outlives its socket; `token` is the right to come back to that of an earlier page.
    pub(crate) fn open(&mut self, timeout: Duration, resumable: bool, token: Option<String>) {
        self.timeout = timeout;
        self.way.wanted = resumable;
        self.ask_for(Effect::State(State::Connecting, None));
        self.start(Timer::Ready, timeout);
        match token {
            Some(token) => self.take_up(token),
            None => self.ask_for(Effect::Begin),
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
                self.ask_for(Effect::CloseSocket);
                self.finish(1000, String::new(), Some(fault));
            }
            Phase::Open | Phase::Closing | Phase::Closed => {}
        }
    }

    /// A socket could not even be tried, or does not speak as a bridge's does.
    pub(crate) fn unusable(&mut self, fault: Fault) {
        if self.way.link == Link::Trying {
            self.socket_closed(1006, String::new());
        } else {
            self.fail(fault);
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
            Timer::Call(id) => self.out_of_time(id),
        }
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
                self.ask_for(Effect::CloseSocket);
                self.settle_all(&closed_by_page());
                self.finish(1000, String::new(), None);
            }
            Phase::Open => {
                self.phase = Phase::Closing;
                self.ask_for(Effect::CloseSocket);
                self.start(Timer::Closed, CLOSING);
                self.settle_all(&closed_by_page());
            }
            Phase::Closing | Phase::Closed => {}
        }
    }

    fn ask_for(&mut self, effect: Effect) {
        self.effects.push(effect);
    }

    fn start(&mut self, timer: Timer, after: Duration) {
        self.ask_for(Effect::StartTimer(timer, after));
    }

    fn stop(&mut self, timer: Timer) {
        self.ask_for(Effect::StopTimer(timer));
    }

    /// Whether the page, or what happened, has ended the session.
    fn is_over(&self) -> bool {
        matches!(self.phase, Phase::Closing | Phase::Closed)
    }

    fn enter(&mut self, state: State, reason: Option<Cow<'static, str>>) {
        if self.state != state {
            self.state = state;
            self.ask_for(Effect::State(state, reason));
        }
    }

    fn finish(&mut self, code: u16, reason: String, fault: Option<Fault>) {
        self.ask_for(match self.phase {
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
        self.ask_for(Effect::Closed {
            code,
            reason,
            fault,
        });
    }
}

#[cfg(test)]
mod cut_tests;
#[cfg(test)]
mod tests;
