//! How a session finds out that its socket is dead though nobody says so.
//! Owns the signs of life: silence, `ping` and `pong`, the network and the page's sleep.

use std::time::Duration;

use super::Client;
use super::way::Link;
use crate::effect::Timer;
use crate::frame;

/// Silence after which the bridge is asked whether it is there, while something is awaited; and
/// while nothing is, for the sake of what the MCP server may have to tell.
const SILENCE: Duration = Duration::from_secs(15);
const LONG_SILENCE: Duration = Duration::from_secs(45);

/// How long the bridge may take to answer that.
const PONG: Duration = Duration::from_secs(5);

/// A slow line is mistaken for a dead one at most so often in a row: patience doubles each time.
const MOST_PATIENCE: u32 = 4;

/// What a session knows of the life of its socket.
#[derive(Debug)]
pub(super) struct Pulse {
    pub(super) online: bool,
    /// Whether anything has arrived since this was last looked at.
    heard: bool,
    /// What the timer for silence was set to, while it runs.
    watching: Option<Duration>,
    /// Whether a `pong` is waited for.
    probing: bool,
    /// How often the usual patience is doubled.
    patience: u32,
}

impl Default for Pulse {
    fn default() -> Self {
        Self {
            online: true,
            heard: false,
            watching: None,
            probing: false,
            patience: 0,
        }
    }
}

impl Pulse {
    /// Something has arrived.
    pub(super) fn hear(&mut self) {
        self.heard = true;
    }

    /// There is no socket any more.
    pub(super) fn stop(&mut self) {
        self.probing = false;
    }

    /// What was taken for dead may have been slow.
    pub(super) fn be_more_patient(&mut self) {
        self.patience = (self.patience + 1).min(MOST_PATIENCE);
    }
}

impl Client {
    /// The bridge answered `ping`.
    pub(super) fn ponged(&mut self) {
        if std::mem::take(&mut self.pulse.probing) {
            self.pulse.patience = 0;
            self.stop(Timer::Pong);
            self.watch();
        }
    }

    /// The timer for silence fired.
    pub(super) fn silent(&mut self) {
        self.pulse.watching = None;
        if std::mem::take(&mut self.pulse.heard) {
            self.watch();
        } else {
            self.probe();
        }
    }

    /// No `pong` in time.
    pub(super) fn unanswered(&mut self) {
        if self.way.link != Link::Up || !self.pulse.probing {
            return;
        }
        if std::mem::take(&mut self.pulse.heard) {
            // Something large may be before it.
            self.start(Timer::Pong, self.patience(PONG));
        } else {
            self.pulse.be_more_patient();
            self.lost("silent");
        }
    }

    /// Whether this machine has a network.
    pub(crate) fn network(&mut self, online: bool) {
        if std::mem::replace(&mut self.pulse.online, online) == online {
            return;
        }
        if online {
            self.woke();
        } else if self.way.link == Link::Down {
            self.stop(Timer::Retry);
        } else {
            self.probe();
        }
    }

    /// The page is seen again, or the machine slept: whatever was known of the socket is old.
    pub(crate) fn woke(&mut self) {
        if self.is_over() || !self.can_return() || !self.pulse.online {
            return;
        }
        match self.way.link {
            Link::Down => self.try_now(),
            Link::Trying => {}
            Link::Up => self.probe(),
        }
    }

    /// From now on silence means something.
    pub(super) fn watch(&mut self) {
        if self.way.link != Link::Up || !self.can_return() || self.pulse.probing {
            return;
        }
        let awaits = !self.calls.is_empty() || self.line.awaits();
        let silence = if awaits { SILENCE } else { LONG_SILENCE };
        if self.pulse.watching.is_none_or(|set| set > silence) {
            self.pulse.watching = Some(silence);
            self.start(Timer::Silence, silence);
        }
    }

    /// Asks the bridge whether it is still there.
    fn probe(&mut self) {
        let may_ask = self.way.link == Link::Up && self.can_return() && !self.is_over();
        if may_ask && !self.pulse.probing {
            self.pulse.probing = true;
            self.pulse.heard = false;
            self.put_beside(frame::ping());
            self.start(Timer::Pong, self.patience(PONG));
        }
    }

    /// A slow line is given more time once it was taken for a dead one.
    pub(super) fn patience(&self, usual: Duration) -> Duration {
        usual * (1 << self.pulse.patience)
    }
}
