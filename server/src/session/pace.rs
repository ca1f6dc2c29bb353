//! How fast a browser may send: so many messages and bytes each second, more at once after a quiet moment.
//!
//! A browser that is faster is not read for a moment, so that TCP slows it down. One that waits for its answers is
//! never hurt by more than that: what it has sent is read in one go, and nothing waits any more. Only one that goes
//! on sending whatever happens always has more waiting, and that is what is counted against it.

use std::time::Duration;

use footbridge_shared::fault::Fault;
use footbridge_shared::fault::FaultCode;
use tokio::time::Instant;

use crate::config::Limits;
use crate::meters;

/// The part of a second's worth that must have come together before a browser is read again. In smaller pieces, one
/// that waits for its answers would always have something unread, as a flood has.
const PIECE: f64 = 0.25;

/// What a browser may still send now.
#[derive(Debug)]
pub(super) struct Pace {
    messages: Bucket,
    bytes: Bucket,
    refilled: Instant,
    is_paused: bool,
    /// Since when there has always been more to read.
    flooding_since: Option<Instant>,
    patience: Duration,
}

#[derive(Debug)]
struct Bucket {
    level: f64,
    per_second: f64,
    most: f64,
}

impl Bucket {
    fn new(per_second: usize, most: usize) -> Self {
        Self {
            level: most as f64,
            per_second: per_second as f64,
            most: most as f64,
        }
    }

    fn refill(&mut self, seconds: f64) {
        self.level = (self.level + seconds * self.per_second).min(self.most);
    }

    fn is_empty(&self) -> bool {
        self.level < 1.0
    }

    fn is_full(&self) -> bool {
        self.level >= self.most
    }

    /// Seconds until there is enough for a while.
    fn wait(&self) -> f64 {
        let enough = (self.per_second * PIECE).clamp(1.0, self.most.max(1.0));
        ((enough - self.level) / self.per_second).max(0.0)
    }
}

impl Pace {
    pub(super) fn new(limits: &Limits, now: Instant) -> Self {
        Self {
            messages: Bucket::new(limits.messages_per_second, limits.messages_burst),
            bytes: Bucket::new(limits.bytes_per_second, limits.bytes_per_second),
            refilled: now,
            is_paused: false,
            flooding_since: None,
            patience: limits.flood_timeout,
        }
    }

    /// A frame of that many messages was read. A bucket may be overdrawn, so that a frame of any size gets through.
    pub(super) fn took(&mut self, n_messages: usize, n_bytes: usize, now: Instant) {
        self.refill(now);
        self.messages.level -= n_messages as f64;
        self.bytes.level -= n_bytes as f64;
        if self.is_paused || !(self.messages.is_empty() || self.bytes.is_empty()) {
            return;
        }
        self.is_paused = true;
        let is_again = self.flooding_since.is_some();
        self.flooding_since.get_or_insert(now);
        meters::reached(match (self.messages.is_empty(), is_again) {
            (false, _) => "bytes_per_second",
            (true, false) => "messages_burst",
            (true, true) => "messages_per_second",
        });
    }

    /// Nothing more waits to be read.
    pub(super) fn drained(&mut self) {
        self.flooding_since = None;
    }

    /// Whether the browser is to be read now.
    pub(super) fn may_read(&mut self, now: Instant) -> bool {
        if self.is_paused && self.resumes_at() <= now {
            self.refill(now);
            self.is_paused = false;
        }
        !self.is_paused
    }

    /// Whether the browser is not read because it was too fast.
    pub(super) fn is_paused(&self) -> bool {
        self.is_paused
    }

    /// When something is to be done: reading again, or giving up.
    pub(super) fn deadline(&self) -> Option<Instant> {
        let gives_up = self.flooding_since? + self.patience;
        if !self.is_paused {
            return None;
        }
        Some(self.resumes_at().min(gives_up))
    }

    /// What ends the session of a browser that has been too fast for too long.
    pub(super) fn check(&self, now: Instant) -> Result<(), Fault> {
        if self.is_paused
            && self
                .flooding_since
                .is_some_and(|since| now >= since + self.patience)
        {
            meters::reached("flood_timeout");
            return Err(Fault::new(
                FaultCode::TooManyRequests,
                format!(
                    "The browser sent faster than {} messages and {} bytes a second for too long.",
                    self.messages.per_second, self.bytes.per_second
                ),
            )
            .hint(
                "Wait for answers before sending more, or raise limits.messages_per_second and \
                 limits.bytes_per_second.",
            ));
        }
        Ok(())
    }

    fn resumes_at(&self) -> Instant {
        let seconds = self.messages.wait().max(self.bytes.wait());
        // Rounded up, so that the wait is over when it is said to be.
        self.refilled + Duration::from_secs_f64(seconds) + Duration::from_nanos(1)
    }

    fn refill(&mut self, now: Instant) {
        let seconds = now.saturating_duration_since(self.refilled).as_secs_f64();
        self.refilled = self.refilled.max(now);
        self.messages.refill(seconds);
        self.bytes.refill(seconds);
        // It may have been the MCP server that was too slow to read more.
        if self.messages.is_full() && self.bytes.is_full() {
            self.flooding_since = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits() -> Limits {
        Limits {
            messages_per_second: 100,
            messages_burst: 200,
            bytes_per_second: 1000,
            flood_timeout: Duration::from_secs(10),
            ..Limits::default()
        }
    }

    fn pace() -> (Pace, Instant) {
        let now = Instant::now();
        (Pace::new(&limits(), now), now)
    }

    fn after(now: Instant, milliseconds: u64) -> Instant {
        now + Duration::from_millis(milliseconds)
    }

    #[test]
    fn a_burst_passes_and_one_message_more_waits_for_a_quarter_of_a_second() {
        let (mut pace, now) = pace();
        for _ in 0..199 {
            pace.took(1, 0, now);
        }
        assert!(pace.may_read(now));
        pace.took(1, 0, now);
        assert!(!pace.may_read(now));
        assert!(!pace.may_read(after(now, 249)));
        assert!(pace.may_read(after(now, 251)));
        let n_more = (0..).take_while(|_| {
            pace.took(1, 0, after(now, 251));
            pace.may_read(after(now, 251))
        });
        assert_eq!(n_more.count(), 24);
    }

    #[test]
    fn the_rate_is_never_reached_by_one_who_keeps_to_it() {
        let (mut pace, now) = pace();
        for n in 0..2000 {
            let now = after(now, n * 10);
            assert!(pace.may_read(now), "message {n}");
            pace.took(1, 10, now);
        }
    }

    #[test]
    fn bytes_are_bounded_and_one_large_frame_passes_nevertheless() {
        let (mut pace, now) = pace();
        pace.took(1, 999, now);
        assert!(pace.may_read(now));
        pace.took(1, 5000, now);
        assert!(!pace.may_read(now));
        assert!(!pace.may_read(after(now, 5200)));
        assert!(pace.may_read(after(now, 5300)));
    }

    #[test]
    fn one_who_always_has_more_is_given_up_and_one_who_pauses_is_not() {
        for pauses in [true, false] {
            let (mut pace, start) = pace();
            let mut now = start;
            while now < after(start, 30_000) && pace.check(now).is_ok() {
                while pace.may_read(now) {
                    pace.took(1, 0, now);
                }
                now = pace.deadline().expect("it is paused");
                if pace.may_read(now) && pauses {
                    pace.took(1, 0, now);
                    pace.drained();
                }
            }
            let fault = pace.check(now);
            assert_eq!(fault.is_ok(), pauses);
            if let Err(fault) = fault {
                assert_eq!((now - start).as_secs(), 10);
                assert_eq!(fault.code.close_code(), 4429);
            }
        }
    }
}
