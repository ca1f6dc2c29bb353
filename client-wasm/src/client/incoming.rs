//! What a session does about a frame from the bridge.
//! Owns how answers find their calls, and how the MCP server's requests reach the page.

use super::calls::Call;
use super::way::{Link, STALLED};
use super::{Ask, Client, Phase};
use crate::effect::{Effect, State, Timer};
use crate::fault::Fault;
use crate::frame::{self, Control, Frame};

impl Client {
    /// A frame arrived.
    pub(crate) fn frame(&mut self, text: &str) {
        // What arrives after the end is nobody's.
        if self.is_over() {
            return;
        }
        let frame = match self.way.link {
            Link::Up => Frame::decode(text),
            Link::Trying => return self.welcomed(Frame::decode(text)),
            Link::Down => return,
        };
        self.count(frame.is_numbered(), text.len());
        if !matches!(frame, Frame::Control(Control::Closing)) {
            self.last_error = None;
        }
        match frame {
            Frame::Control(control) => self.control(control, text),
            Frame::Request { id, method, params } => self.asked(id, method, params),
            Frame::Notification { method, params } => self.told(method, params),
            Frame::Result { id, result } => {
                if self.forget(id) {
                    let result = result.to_owned();
                    self.ask_for(Effect::Resolve { call: id, result });
                }
            }
            Frame::Error { id, error } => {
                if self.forget(id) {
                    let fault = Fault::from_rpc(error);
                    self.ask_for(Effect::Reject { call: id, fault });
                }
            }
            Frame::Other => {}
        }
    }

    /// A frame arrived on a socket that is to come back to the session.
    fn welcomed(&mut self, frame: Frame<'_>) {
        match frame {
            Frame::Control(Control::Resumed(resumed)) => self.resumed(resumed),
            Frame::Control(Control::Error(fault)) => self.last_error = Some(fault),
            Frame::Control(_)
            | Frame::Request { .. }
            | Frame::Notification { .. }
            | Frame::Result { .. }
            | Frame::Error { .. }
            | Frame::Other => {}
        }
    }

    fn control(&mut self, control: Control, text: &str) {
        match control {
            Control::Starting => self.enter(State::Starting, None),
            // Who waits for a first `ready` waits for `initialized`, which says more.
            Control::Ready if self.phase == Phase::Open => {
                self.enter(State::Ready, None);
            }
            Control::Ready | Control::Closing => {}
            Control::Initialized => {
                if self.phase == Phase::Waiting {
                    self.stop(Timer::Ready);
                }
                self.phase = Phase::Open;
                self.ask_for(Effect::Ready(text.to_owned()));
                self.enter(State::Ready, None);
            }
            Control::Stderr(line) => self.ask_for(Effect::Stderr(line)),
            Control::Error(fault) => {
                if self.phase == Phase::Waiting && fault.code != STALLED {
                    self.fail(fault);
                } else {
                    self.last_error = Some(fault);
                }
            }
            Control::Resumable(pass) => self.kept(pass),
            Control::Ack(received) => self.acknowledged(received),
            Control::Pong => self.ponged(),
            Control::Resumed(_) => {}
        }
    }

    fn asked(&mut self, id: &str, method: String, params: Option<&str>) {
        if !self.methods.contains(&method) {
            let text = if method == "ping" {
                frame::result(id, "{}")
            } else {
                frame::error(id, -32601, &format!("this page does not answer {method}"))
            };
            self.put(text);
            return;
        }
        let ask = self.next_id;
        self.next_id += 1;
        self.asks.push(Ask {
            number: ask,
            id: id.to_owned(),
            method: method.clone(),
        });
        let params = params.unwrap_or("{}").to_owned();
        self.ask_for(Effect::Ask {
            ask,
            method,
            params,
        });
    }

    fn told(&mut self, method: String, params: Option<&str>) {
        match method.as_str() {
            "notifications/progress" if self.progressed(params) => return,
            "notifications/cancelled" => {
                if let Some(id) = frame::param(params, "requestId")
                    && let Some(at) = self.asks.iter().position(|ask| ask.id == id)
                {
                    let ask = self.asks.remove(at).number;
                    self.ask_for(Effect::Withdraw { ask });
                }
            }
            _ => {}
        }
        let params = params.unwrap_or("{}").to_owned();
        self.ask_for(Effect::Notification { method, params });
    }

    /// Whether the progress was that of a call whose program wants to hear of it.
    fn progressed(&mut self, params: Option<&str>) -> bool {
        let Some(token) = frame::param(params, "progressToken") else {
            return false;
        };
        let call = self
            .calls
            .iter()
            .find(|call| call.token.as_deref() == Some(token));
        let Some(&Call {
            id,
            timeout,
            progress,
            ..
        }) = call
        else {
            return false;
        };
        if let Some(timeout) = timeout {
            self.start(Timer::Call(id), timeout);
        }
        if progress {
            let params = params.unwrap_or("{}").to_owned();
            self.ask_for(Effect::Progress { call: id, params });
        }
        progress
    }
}
