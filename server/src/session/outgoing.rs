//! What waits to be written to the browser and, when the browser may come back, what it has not acknowledged.
//!
//! Owns the numbers of the bridge's frames (docs/protocol.md, 4.3). Never writes anything.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;

use poem::web::websocket::Message as Frame;

use crate::config::Limits;
use crate::meters;

/// Bytes that all sessions together keep for browsers that may come back.
#[derive(Clone, Debug, Default)]
pub struct Hoard(Arc<AtomicUsize>);

impl Hoard {
    fn grow(&self, n_bytes: usize) -> usize {
        self.0.fetch_add(n_bytes, Ordering::Relaxed) + n_bytes
    }

    fn shrink(&self, n_bytes: usize) {
        self.0.fetch_sub(n_bytes, Ordering::Relaxed);
    }
}

/// A queue towards the browser.
#[derive(Debug)]
pub(super) struct Outgoing {
    waiting: VecDeque<Waiting>,
    /// Bytes of the texts that wait.
    n_waiting: usize,
    keeping: Option<Keeping>,
    hoard: Hoard,
    max_messages: usize,
    max_waiting: usize,
    max_kept: usize,
    max_hoard: usize,
}

#[derive(Debug)]
enum Waiting {
    /// Part of the session: it has a number once frames are counted.
    Text(String),
    /// About the socket.
    Plain(Frame),
}

/// What was written and not acknowledged.
#[derive(Debug, Default)]
struct Keeping {
    texts: VecDeque<String>,
    n_bytes: usize,
    /// How many frames the browser has acknowledged: the number of the one before the first that is kept.
    acknowledged: u64,
    /// How many of those that wait were there before frames were counted.
    n_uncounted: usize,
}

impl Outgoing {
    pub(super) fn new(limits: &Limits, hoard: Hoard) -> Self {
        Self {
            waiting: VecDeque::new(),
            n_waiting: 0,
            keeping: None,
            hoard,
            max_messages: limits.backlog_messages,
            max_waiting: limits.backlog_bytes,
            max_kept: limits.resume_bytes,
            max_hoard: limits.resume_bytes_total,
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Whether more may wait to be written.
    pub(super) fn has_room(&self) -> bool {
        self.waiting.len() < self.max_messages && self.n_waiting < self.max_waiting
    }

    /// Whether more may be kept until the browser acknowledges it; what waits counts, as it will be kept.
    pub(super) fn may_keep_more(&self) -> bool {
        self.keeping
            .as_ref()
            .is_none_or(|keeping| keeping.n_bytes + self.n_waiting < self.max_kept)
    }

    pub(super) fn push(&mut self, text: String) {
        let had_room = self.has_room();
        let could_keep = self.may_keep_more();
        self.n_waiting += text.len();
        self.waiting.push_back(Waiting::Text(text));
        if had_room && !self.has_room() {
            meters::reached(if self.n_waiting >= self.max_waiting {
                "backlog_bytes"
            } else {
                "backlog_messages"
            });
        }
        if could_keep && !self.may_keep_more() {
            meters::reached("resume_bytes");
        }
    }

    /// For a frame that is about the socket.
    pub(super) fn push_plain(&mut self, frame: Frame) {
        self.waiting.push_back(Waiting::Plain(frame));
    }

    /// For a frame that is about the socket and has to come before everything that waits.
    pub(super) fn push_first(&mut self, frame: Frame) {
        self.waiting.push_front(Waiting::Plain(frame));
    }

    /// From here on frames are counted, and kept until they are acknowledged.
    pub(super) fn keep(&mut self) {
        let n_uncounted = self.waiting.len();
        self.keeping.get_or_insert_with(|| Keeping {
            n_uncounted,
            ..Keeping::default()
        });
    }

    /// The next frame to write.
    pub(super) fn next(&mut self) -> Option<Frame> {
        let next = self.waiting.pop_front()?;
        let Some(keeping) = &mut self.keeping else {
            return Some(match next {
                Waiting::Text(text) => {
                    self.n_waiting -= text.len();
                    Frame::Text(text)
                }
                Waiting::Plain(frame) => frame,
            });
        };
        let is_counted = keeping.n_uncounted == 0;
        keeping.n_uncounted = keeping.n_uncounted.saturating_sub(1);
        let text = match next {
            Waiting::Plain(frame) => return Some(frame),
            Waiting::Text(text) => text,
        };
        self.n_waiting -= text.len();
        if !is_counted {
            return Some(Frame::Text(text));
        }
        keeping.n_bytes += text.len();
        keeping.texts.push_back(text.clone());
        let is_too_much = self.hoard.grow(text.len()) > self.max_hoard;
        if is_too_much {
            meters::reached("resume_bytes_total");
        }
        // The second is for a browser that acknowledges nothing while the session has to go on for its own sake.
        if is_too_much
            || keeping.n_bytes > self.max_kept.saturating_mul(2).saturating_add(text.len())
        {
            keeping.forget(keeping.texts.len(), &self.hoard);
        }
        Some(Frame::Text(text))
    }

    /// The browser has so many frames. What it cannot have is not believed.
    pub(super) fn acknowledge(&mut self, received: u64) {
        if let Some(keeping) = &mut self.keeping {
            let n = received.saturating_sub(keeping.acknowledged);
            let n = usize::try_from(n).unwrap_or(usize::MAX);
            keeping.forget(n.min(keeping.texts.len()), &self.hoard);
        }
    }

    /// The browser is back and has so many frames: what it has not is written next. False when that is not there.
    pub(super) fn recover(&mut self, received: u64) -> bool {
        let Some(keeping) = &mut self.keeping else {
            return false;
        };
        let sent = keeping.acknowledged + keeping.texts.len() as u64;
        if !(keeping.acknowledged..=sent).contains(&received) {
            return false;
        }
        let n = (received - keeping.acknowledged) as usize;
        keeping.forget(n, &self.hoard);
        // What was about the last socket is of no use on this one.
        self.waiting
            .retain(|waiting| matches!(waiting, Waiting::Text(_)));
        keeping.n_uncounted = 0;
        self.hoard.shrink(keeping.n_bytes);
        self.n_waiting += std::mem::take(&mut keeping.n_bytes);
        for text in keeping.texts.drain(..).rev() {
            self.waiting.push_front(Waiting::Text(text));
        }
        true
    }

    /// Begins to count anew; what waited or was kept is gone.
    pub(super) fn restart(&mut self) {
        self.waiting.clear();
        self.n_waiting = 0;
        if let Some(keeping) = &mut self.keeping {
            self.hoard.shrink(keeping.n_bytes);
            *keeping = Keeping::default();
        }
    }
}

impl Keeping {
    /// Forgets the oldest.
    fn forget(&mut self, n: usize, hoard: &Hoard) {
        let n_bytes: usize = self.texts.drain(..n).map(|text| text.len()).sum();
        self.acknowledged += n as u64;
        self.n_bytes -= n_bytes;
        hoard.shrink(n_bytes);
    }
}

impl Drop for Outgoing {
    fn drop(&mut self) {
        if let Some(keeping) = &self.keeping {
            self.hoard.shrink(keeping.n_bytes);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn outgoing(limits: &Limits) -> (Outgoing, Hoard) {
        let hoard = Hoard::default();
        (Outgoing::new(limits, hoard.clone()), hoard)
    }

    /// The texts that are written, all of them.
    fn written(outgoing: &mut Outgoing) -> Vec<String> {
        let text = |frame| match frame {
            Frame::Text(text) => text,
            other @ (Frame::Binary(_) | Frame::Ping(_) | Frame::Pong(_) | Frame::Close(_)) => {
                format!("{other:?}")
            }
        };
        std::iter::from_fn(|| outgoing.next().map(text)).collect()
    }

    #[test]
    fn what_was_not_acknowledged_is_written_again_in_order_and_before_what_waits() {
        let (mut outgoing, hoard) = outgoing(&Limits::default());
        outgoing.push("before".to_owned());
        outgoing.keep();
        for text in ["1", "22", "333"] {
            outgoing.push(text.to_owned());
        }
        assert_eq!(written(&mut outgoing), ["before", "1", "22", "333"]);
        outgoing.acknowledge(1);
        assert_eq!(hoard.0.load(Ordering::Relaxed), 5);
        outgoing.push("4".to_owned());
        outgoing.push_plain(Frame::Ping(Vec::new()));
        assert!(outgoing.recover(2));
        outgoing.push_first(Frame::Text("resumed".to_owned()));
        assert_eq!(written(&mut outgoing), ["resumed", "333", "4"]);
        drop(outgoing);
        assert_eq!(hoard.0.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn what_the_browser_cannot_have_or_the_bridge_no_longer_has_is_not_recovered() {
        let (mut outgoing, _) = outgoing(&Limits::default());
        assert!(!outgoing.recover(0), "nobody asked to keep anything");
        outgoing.keep();
        outgoing.push("1".to_owned());
        outgoing.push("2".to_owned());
        written(&mut outgoing);
        assert!(!outgoing.recover(3));
        outgoing.acknowledge(2);
        assert!(!outgoing.recover(1));
        assert!(outgoing.recover(2));
        // An acknowledgement of what was never sent changes nothing.
        outgoing.acknowledge(1000);
        assert!(outgoing.recover(2));
        outgoing.restart();
        assert!(outgoing.recover(0));
    }

    #[test]
    fn no_more_is_read_for_a_browser_that_acknowledges_nothing_and_what_it_forces_is_forgotten() {
        let limits = Limits {
            resume_bytes: 10,
            ..Limits::default()
        };
        let (mut outgoing, hoard) = outgoing(&limits);
        outgoing.keep();
        outgoing.push("12345".to_owned());
        assert!(outgoing.may_keep_more());
        outgoing.push("67890".to_owned());
        assert!(!outgoing.may_keep_more());
        for _ in 0..4 {
            written(&mut outgoing);
            outgoing.push("forced".to_owned());
        }
        assert!(hoard.0.load(Ordering::Relaxed) <= 32);
        assert!(!outgoing.recover(0));
    }

    #[test]
    fn all_sessions_together_keep_so_much_and_one_that_goes_over_it_forgets_its_own() {
        let limits = Limits {
            resume_bytes_total: 8,
            ..Limits::default()
        };
        let hoard = Hoard::default();
        let mut first = Outgoing::new(&limits, hoard.clone());
        let mut second = Outgoing::new(&limits, hoard);
        for (outgoing, text) in [(&mut first, "1234"), (&mut second, "5678")] {
            outgoing.keep();
            outgoing.push(text.to_owned());
            written(outgoing);
        }
        second.push("9".to_owned());
        written(&mut second);
        assert!(first.recover(0));
        assert!(!second.recover(0));
        assert!(second.recover(2));
    }

    #[derive(Clone, Debug)]
    enum Step {
        Push(usize),
        Write(usize),
        Acknowledge,
        /// The socket is lost with so many frames on their way.
        Lose(usize),
    }

    proptest! {
        #[test]
        fn the_browser_gets_every_frame_once_and_in_order_wherever_its_sockets_break(
            steps in prop::collection::vec(
                prop_oneof![
                    (1..4_usize).prop_map(Step::Push),
                    (1..6_usize).prop_map(Step::Write),
                    Just(Step::Acknowledge),
                    (0..4_usize).prop_map(Step::Lose),
                ],
                1..200,
            )
        ) {
            let (mut outgoing, hoard) = outgoing(&Limits::default());
            outgoing.keep();
            let (mut n_pushed, mut arrived) = (0_u64, Vec::new());
            // What is on its way over the socket of the moment.
            let mut wire: VecDeque<String> = VecDeque::new();
            for step in steps {
                match step {
                    Step::Push(n) => for _ in 0..n {
                        n_pushed += 1;
                        outgoing.push(n_pushed.to_string());
                    },
                    Step::Write(n) => for _ in 0..n {
                        if let Some(Frame::Text(text)) = outgoing.next() {
                            wire.push_back(text);
                        }
                    },
                    Step::Acknowledge => {
                        arrived.extend(wire.drain(..));
                        outgoing.acknowledge(arrived.len() as u64);
                    }
                    Step::Lose(n) => {
                        let n = wire.len().saturating_sub(n);
                        arrived.extend(wire.drain(..n));
                        wire.clear();
                        prop_assert!(outgoing.recover(arrived.len() as u64));
                    }
                }
            }
            arrived.extend(wire);
            arrived.extend(written(&mut outgoing));
            let expected: Vec<String> = (1..=n_pushed).map(|n| n.to_string()).collect();
            prop_assert_eq!(arrived, expected);
            drop(outgoing);
            prop_assert_eq!(hoard.0.load(Ordering::Relaxed), 0);
        }
    }
}
