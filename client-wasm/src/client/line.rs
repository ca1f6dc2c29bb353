//! The numbered frames of a session that outlives its sockets.
//! Owns both counts, and the frames that the bridge has not acknowledged; never sends, never waits.

use std::collections::VecDeque;
use std::rc::Rc;

/// Frames that may wait for the bridge's acknowledgement before the program is refused more.
const FRAMES: usize = 4096;

/// The same in bytes; one frame may pass it.
const BYTES: usize = 16 * 1024 * 1024;

/// The bridge hears how much has arrived after so many frames or bytes, or a moment later.
const UNTOLD_FRAMES: u64 = 32;
const UNTOLD_BYTES: usize = 64 * 1024;

/// What both sides have of each other.
#[derive(Debug, Default)]
pub(super) struct Line {
    counting: Counting,
    /// Sent, and not acknowledged yet. The first is number `acknowledged + 1`.
    kept: VecDeque<Rc<str>>,
    kept_bytes: usize,
    acknowledged: u64,
    /// The highest number that was ever put on a socket.
    carried: u64,
    received: u64,
    /// How much of `received` the bridge was told.
    told: u64,
    untold_bytes: usize,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Counting {
    /// The session ends with its socket.
    #[default]
    Nothing,
    /// The bridge was asked to keep the session, and has not answered.
    Ours,
    Both,
}

/// The bridge counts otherwise than we do: nothing can be made of this session any more.
#[derive(Debug)]
pub(super) struct Miscounted;

impl Line {
    /// The bridge is asked to keep the session: what is sent from here on is numbered.
    pub(super) fn count_ours(&mut self) {
        self.counting = Counting::Ours;
    }

    /// The bridge keeps the session: what arrives from here on is numbered.
    pub(super) fn count_theirs(&mut self) {
        self.counting = Counting::Both;
    }

    /// Both begin to count anew.
    pub(super) fn restart(&mut self) {
        *self = Self {
            counting: Counting::Both,
            ..Self::default()
        };
    }

    /// Numbers a frame and keeps it; gives its number. `carried` says whether it goes out now.
    pub(super) fn put(&mut self, text: &Rc<str>, carried: bool) -> u64 {
        if self.counting == Counting::Nothing {
            return 0;
        }
        self.kept_bytes += text.len();
        self.kept.push_back(Rc::clone(text));
        let number = self.acknowledged + self.kept.len() as u64;
        if carried {
            self.carried = number;
        }
        number
    }

    /// Whether the program may send more.
    pub(super) fn has_room(&self) -> bool {
        self.kept.len() < FRAMES && self.kept_bytes < BYTES
    }

    /// Whether something that was sent has not been acknowledged.
    pub(super) fn awaits(&self) -> bool {
        !self.kept.is_empty()
    }

    /// Whether the frame of this number may have reached the bridge. Without numbers, all may have.
    pub(super) fn may_have_arrived(&self, number: u64) -> bool {
        number <= self.carried
    }

    /// The bridge has this many of our frames. What it said before is no news; whether this is.
    pub(super) fn acknowledge(&mut self, received: u64) -> Result<bool, Miscounted> {
        let Some(news) = received.checked_sub(self.acknowledged) else {
            return Ok(false);
        };
        if received > self.carried {
            return Err(Miscounted);
        }
        for _ in 0..news {
            let bytes = self.kept.pop_front().map_or(0, |text| text.len());
            self.kept_bytes -= bytes;
        }
        self.acknowledged = received;
        Ok(news > 0)
    }

    /// There is a new socket, and the bridge has this many of our frames: gives the others, to
    /// be sent now.
    pub(super) fn resume(&mut self, received: u64) -> Result<Vec<Rc<str>>, Miscounted> {
        // What was acknowledged is no longer here.
        if received < self.acknowledged {
            return Err(Miscounted);
        }
        self.acknowledge(received)?;
        self.carried = self.acknowledged + self.kept.len() as u64;
        Ok(self.kept.iter().cloned().collect())
    }

    /// A numbered frame arrived. Whether the bridge should be told at once, or soon.
    pub(super) fn arrived(&mut self, bytes: usize) -> Option<Haste> {
        if self.counting != Counting::Both {
            return None;
        }
        self.received += 1;
        self.untold_bytes += bytes;
        let untold = self.received - self.told;
        Some(
            if untold >= UNTOLD_FRAMES || self.untold_bytes >= UNTOLD_BYTES {
                Haste::Now
            } else {
                Haste::Soon
            },
        )
    }

    /// How many of the bridge's frames have arrived.
    pub(super) fn received(&self) -> u64 {
        self.received
    }

    /// How many have arrived that the bridge was not told of.
    pub(super) fn untold(&self) -> u64 {
        self.received - self.told
    }

    /// The bridge is told of all that have arrived.
    pub(super) fn tell(&mut self) -> u64 {
        self.told = self.received;
        self.untold_bytes = 0;
        self.received
    }
}

/// When the bridge should be told of what arrived.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Haste {
    Now,
    Soon,
}
