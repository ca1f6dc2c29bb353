//! How a session comes by its sockets: what it does when one is lost, and when it is back.
//! Owns the right to come back and the tries; never decides what a frame means.

use std::borrow::Cow;
use std::rc::Rc;
use std::time::Duration;

use super::line::{Haste, Miscounted};
use super::{Client, Phase};
use crate::address::segment;
use crate::effect::{Effect, State, Timer, milliseconds};
use crate::fault::Fault;
use crate::frame::{self, Pass, Resumed};

/// How soon the bridge hears of what arrived.
const ACK: Duration = Duration::from_secs(1);

/// How long a socket may take from its first byte to `resumed`.
const TRY: Duration = Duration::from_secs(10);

/// How long a socket must last so that the next loss counts as the first.
const STEADY: Duration = Duration::from_secs(10);

/// The longest pause before the second try; it doubles with each one, up to the longest of all.
const PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// Tries to take up the session of an earlier page before a new one is asked for.
const TRIES_OF_A_NEW_PAGE: u32 = 3;

/// The bridge's code for a socket that it gives up, and not the session.
pub(super) const STALLED: &str = "browser_stalled";

/// What a session knows of its socket, and of how to come by the next.
#[derive(Debug)]
pub(super) struct Way {
    /// Whether the session is to outlive its socket.
    pub(super) wanted: bool,
    pub(super) link: Link,
    /// The right to come back, once the bridge has given one.
    pass: Option<Pass>,
    /// The state to go back to.
    before: State,
    /// Sockets that were tried since the last that lasted.
    tries: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Link {
    /// No socket.
    Down,
    /// A socket is being opened, or is open and `resumed` has not come.
    Trying,
    /// Frames pass.
    Up,
}

impl Default for Way {
    fn default() -> Self {
        Self {
            wanted: false,
            link: Link::Down,
            pass: None,
            before: State::Connecting,
            tries: 0,
        }
    }
}

impl Client {
    /// Sends a frame that counts: now, or as soon as there is a socket again. Gives its number.
    pub(super) fn put(&mut self, text: String) -> u64 {
        let text: Rc<str> = text.into();
        let up = self.way.link == Link::Up;
        let number = self.line.put(&text, up);
        if up {
            self.ask_for(Effect::Send(text));
            self.watch();
        }
        number
    }

    /// Sends a frame that does not count.
    pub(super) fn put_beside(&mut self, text: String) {
        self.ask_for(Effect::Send(text.into()));
    }

    /// The session's first socket is open.
    pub(super) fn attached(&mut self) {
        self.way.link = Link::Up;
        if self.way.wanted {
            self.put_beside(frame::resumable());
            self.line.count_ours();
        }
    }

    /// The bridge keeps the session.
    pub(super) fn kept(&mut self, pass: Pass) {
        if self.way.wanted && self.way.pass.is_none() {
            self.line.count_theirs();
            self.acknowledge();
            self.admit(pass, false);
            self.watch();
        }
    }

    /// Whether a lost socket is not the end.
    pub(super) fn can_return(&self) -> bool {
        self.way.pass.is_some()
    }

    /// Begins with the session of an earlier page instead of a new one.
    pub(super) fn take_up(&mut self, token: String) {
        let window = self.timeout;
        self.way.pass = Some(Pass { token, window });
        self.try_now();
    }

    /// Whether the first socket is to take up the session of an earlier page.
    pub(super) fn takes_up(&self) -> bool {
        self.phase == Phase::Opening && self.way.pass.is_some()
    }

    /// The session of an earlier page is out of reach: asks for a new one.
    pub(super) fn begin_instead(&mut self) {
        for timer in [Timer::Retry, Timer::Try] {
            self.stop(timer);
        }
        self.way.pass = None;
        self.way.tries = 0;
        self.way.link = Link::Down;
        self.last_error = None;
        self.ask_for(Effect::Begin);
    }

    /// Counts a frame from the bridge and acknowledges it, unless it bears no number.
    pub(super) fn count(&mut self, numbered: bool, bytes: usize) {
        self.pulse.hear();
        if !numbered {
            return;
        }
        match self.line.arrived(bytes) {
            Some(Haste::Now) => self.acknowledge(),
            // One timer for all that arrive before it fires.
            Some(Haste::Soon) if self.line.untold() == 1 => {
                self.start(Timer::Ack, ACK);
            }
            Some(Haste::Soon) | None => return,
        }
        self.way.tries = 0;
    }

    fn acknowledge(&mut self) {
        let received = self.line.tell();
        self.put_beside(frame::ack(received));
    }

    /// The bridge has this many of our frames.
    pub(super) fn acknowledged(&mut self, received: u64) {
        match self.line.acknowledge(received) {
            Ok(true) => self.way.tries = 0,
            Ok(false) => {}
            Err(Miscounted) => self.lose("miscounted", "the bridge counts otherwise"),
        }
    }

    /// The bridge took us back.
    pub(super) fn resumed(&mut self, resumed: Resumed) {
        let Resumed {
            recovered,
            received,
            pass,
        } = resumed;
        for timer in [Timer::Try, Timer::Window] {
            self.stop(timer);
        }
        // The bridge has closed them, or does not know them.
        self.ask_for(Effect::CloseAbandoned);
        self.start(Timer::Steady, STEADY);
        self.way.link = Link::Up;
        if self.phase == Phase::Opening {
            if recovered {
                return self.lose("miscounted", "the bridge counts otherwise");
            }
            self.line.restart();
            self.acknowledge();
            self.admit(pass, true);
            self.started();
        } else if recovered {
            let Ok(missing) = self.line.resume(received) else {
                return self.lose("miscounted", "the bridge counts otherwise");
            };
            self.acknowledge();
            self.admit(pass, false);
            self.effects.extend(missing.into_iter().map(Effect::Send));
            self.enter(self.way.before, None);
            self.watch();
        } else {
            self.lose("gap", "the bridge could not keep all that was missed");
        }
    }

    fn admit(&mut self, pass: Pass, taken_up: bool) {
        self.ask_for(Effect::Pass {
            token: pass.token.clone(),
            taken_up,
        });
        self.way.pass = Some(pass);
    }

    /// Whether a socket that closed with `code` leaves the session behind it.
    pub(super) fn outlives(&self, code: u16, why: Option<&Fault>) -> bool {
        if self.way.pass.is_none() {
            return false;
        }
        match code {
            // Idle sessions are ended with the same code as stalled sockets.
            4408 => why.is_none_or(|fault| fault.code == STALLED),
            // Whoever has no room for a socket now may have it soon.
            4429 => self.way.link == Link::Trying,
            // What stands between may have closed it.
            1001 | 1005 | 1006 | 1011 | 1013..=1015 => why.is_none(),
            _ => false,
        }
    }

    /// The socket is lost, and the session is not.
    pub(super) fn lost(&mut self, why: &'static str) {
        if self.is_over() {
            return;
        }
        self.ask_for(Effect::Abandon);
        for timer in [Timer::Try, Timer::Pong, Timer::Steady] {
            self.stop(timer);
        }
        self.last_error = None;
        self.way.link = Link::Down;
        self.pulse.stop();
        if self.phase == Phase::Opening {
            if self.way.tries >= TRIES_OF_A_NEW_PAGE {
                return self.begin_instead();
            }
        } else if self.state != State::Detached {
            self.way.before = self.state;
            let window = self
                .way
                .pass
                .as_ref()
                .map_or(Duration::ZERO, |it| it.window);
            self.start(Timer::Window, window);
            let reason = if self.pulse.online { why } else { "offline" };
            self.enter(State::Detached, Some(Cow::Borrowed(reason)));
        }
        self.try_soon();
    }

    /// The session behind the socket is gone, or is no longer ours.
    pub(super) fn lose(&mut self, reason: &'static str, sentence: &str) {
        self.ask_for(Effect::CloseSocket);
        self.finish(1006, String::new(), Some(Fault::lost(reason, sentence)));
    }

    /// Why a socket closed that the session did not outlive.
    pub(super) fn ended(&self, code: u16, reason: &str) -> Fault {
        match code {
            _ if self.way.pass.is_none() => Fault::from_close(code, reason),
            4004 => Fault::lost("session_unknown", "the bridge no longer has the session"),
            4409 => Fault::lost("taken_over", "the session was taken up elsewhere"),
            1012 => Fault::lost("shutting_down", "the bridge is shutting down"),
            _ => Fault::from_close(code, reason),
        }
    }

    /// The first try is made at once, and the others after a pause.
    fn try_soon(&mut self) {
        if !self.pulse.online {
            return;
        }
        if self.way.tries == 0 {
            return self.try_now();
        }
        let doubled = PAUSE.saturating_mul(1 << self.way.tries.min(16));
        let pause = doubled.min(LONGEST_PAUSE);
        self.start(Timer::Retry, pause);
    }

    pub(super) fn try_now(&mut self) {
        let Some(pass) = &self.way.pass else { return };
        let token = segment(&pass.token);
        let query = if self.phase == Phase::Opening {
            format!("?resume={token}")
        } else {
            format!("?resume={token}&received={}", self.line.received())
        };
        self.way.tries += 1;
        self.way.link = Link::Trying;
        self.stop(Timer::Retry);
        self.start(Timer::Try, self.patience(TRY));
        self.ask_for(Effect::Connect(query));
    }

    /// It was long enough ago that something arrived.
    pub(super) fn acknowledge_late(&mut self) {
        if self.way.link == Link::Up && self.line.untold() > 0 {
            self.acknowledge();
        }
    }

    /// The pause before the next try is over.
    pub(super) fn retry(&mut self) {
        if self.way.link == Link::Down {
            self.try_now();
        }
    }

    /// A try took too long.
    pub(super) fn give_up_try(&mut self) {
        if self.way.link == Link::Trying {
            self.pulse.be_more_patient();
            self.lost("silent");
        }
    }

    /// The bridge waits no longer.
    pub(super) fn give_up(&mut self) {
        if self.way.link != Link::Up {
            let window = self.way.pass.as_ref();
            let window = window.map_or(0, |pass| milliseconds(pass.window));
            let sentence = format!("no socket reached the bridge within {window} ms");
            self.lose("window_over", &sentence);
        }
    }

    /// The socket has lasted for a while.
    pub(super) fn steady(&mut self) {
        if self.way.link == Link::Up {
            self.way.tries = 0;
        }
    }
}
