//! What a session does for its program: requests, notifications, and how they end.
//! Owns the rules for what may be sent; never decides what a frame of the bridge means.

use std::time::Duration;

use super::{Client, Phase};
use crate::effect::{Effect, Request, Timer, milliseconds};
use crate::fault::{Fault, Side};
use crate::frame;

#[derive(Debug)]
pub(super) struct Call {
    pub(super) id: u64,
    pub(super) method: String,
    pub(super) timeout: Option<Duration>,
    pub(super) progress: bool,
    /// JSON text; present when progress was asked for.
    pub(super) token: Option<String>,
    /// That of its frame.
    number: u64,
}

impl Client {
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
            self.ask_for(Effect::Reject { call: id, fault });
            return id;
        }
        // Without a token nobody tells that a slow call is alive, and the timeout would cut it.
        let asked = if progress || timeout.is_some() {
            let Some(asked) = frame::ask_for_progress(params.as_deref(), id) else {
                let fault = Fault::misuse("`_meta` of the params must be an object");
                self.ask_for(Effect::Reject { call: id, fault });
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
            self.start(Timer::Call(id), timeout);
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

    /// Whether the program may send more; `congested` says that the socket takes no more.
    pub(crate) fn room(&self, congested: bool) -> Result<(), Fault> {
        if !congested && self.line.has_room() {
            return Ok(());
        }
        Err(
            Fault::new("too_many_pending", Side::Browser, TOO_MUCH).with_hint(
                "wait for earlier calls, or until the session is ready again, before making more",
            ),
        )
    }

    fn may_send(&self, params: Option<&str>) -> Result<(), Fault> {
        if params.is_some_and(|params| !params.starts_with('{')) {
            return Err(Fault::misuse("params must be an object"));
        }
        match self.phase {
            Phase::Open => self.room(false),
            Phase::Opening | Phase::Waiting => Err(Fault::misuse(
                "the session is not ready yet: wait for connect",
            )),
            Phase::Closing | Phase::Closed => Err(closed_by_page()),
        }
    }

    /// A call had neither answer nor progress in time.
    pub(super) fn out_of_time(&mut self, id: u64) {
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
            self.ask_for(Effect::Reject { call: id, fault });
        }
    }

    /// Whether the call was in flight; it no longer is.
    pub(super) fn forget(&mut self, id: u64) -> bool {
        let Some(at) = self.calls.iter().position(|call| call.id == id) else {
            return false;
        };
        if self.calls.remove(at).timeout.is_some() {
            self.stop(Timer::Call(id));
        }
        true
    }

    /// Ends all that is under way, in both directions.
    pub(super) fn settle_all(&mut self, fault: &Fault) {
        for call in std::mem::take(&mut self.calls) {
            if call.timeout.is_some() {
                self.stop(Timer::Call(call.id));
            }
            let may_have_run = self.line.may_have_arrived(call.number);
            self.ask_for(Effect::Reject {
                call: call.id,
                fault: fault.of_call(may_have_run),
            });
        }
        for ask in std::mem::take(&mut self.asks) {
            self.ask_for(Effect::Withdraw { ask: ask.number });
        }
    }
}

/// Why the program may not send more for now.
pub(super) const TOO_MUCH: &str = "too much waits to be sent to the bridge";

pub(super) fn closed_by_page() -> Fault {
    Fault::new("socket_closed", Side::Browser, "the session is closed")
}
