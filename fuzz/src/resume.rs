//! Coming back to a session: the query, the frames about the socket, and who has which frame.

use std::collections::VecDeque;

use chrono::DateTime;
use footbridge::config::Limits;
use footbridge::dialect::Dialect;
use footbridge::dialect::DialectName;
use footbridge::dialect::Inbound;
use footbridge::dialect::Kind;
use footbridge::dialect::Turn;
use footbridge::dialect::kind;
use footbridge::fuzzing::Kept;
use footbridge::fuzzing::place;
use footbridge_shared::api::Transport;

use crate::input::Input;

/// The first line is a query, the second a frame; the rest are steps of both ends.
pub fn run(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    query(&String::from_utf8_lossy(input.line()));
    frame(&String::from_utf8_lossy(input.line()));
    exchange(input.rest());
}

/// A number that is taken is one that the query has.
fn query(query: &str) {
    let Some(Ok(place)) = place(query) else {
        return;
    };
    assert!(query.contains("resume="));
    for (name, number) in [("received=", place.received), ("attempt=", place.attempt)] {
        assert!(number.is_none() || query.contains(name), "{query}");
    }
}

/// What has no number means nothing to the session, but that it becomes resumable.
fn frame(text: &str) {
    let mut turn = Turn::default();
    let mut dialect = Dialect::new(DialectName::Native, "session", Transport::Stdio);
    dialect.decode(text.to_owned(), DateTime::UNIX_EPOCH, &mut turn);
    match kind(text) {
        Kind::Numbered => {}
        Kind::Resumable => assert_eq!(turn.inbound, [Inbound::Resumable]),
        Kind::Ack(_) => assert!(turn.inbound.is_empty() && turn.unnumbered.is_empty()),
        Kind::Unnumbered => assert!(turn.inbound.is_empty() && turn.to_browser.is_empty()),
    }
}

/// An honest browser gets every frame once and in order; what a liar says harms nobody else, and never panics.
fn exchange(steps: &[u8]) {
    let limits = Limits {
        resume_bytes: 64,
        ..Limits::default()
    };
    let mut kept = Kept::new(&limits);
    let (mut n_pushed, mut n_arrived) = (0_u64, 0_u64);
    let mut wire: VecDeque<String> = VecDeque::new();
    let mut is_honest = true;
    let arrive = |n_arrived: &mut u64, text: &str, is_honest: bool| {
        *n_arrived += 1;
        assert!(!is_honest || text == n_arrived.to_string(), "{text}");
    };
    for step in steps {
        let n = u64::from(step >> 3);
        match step & 7 {
            0 | 1 => {
                n_pushed += 1;
                kept.push(n_pushed.to_string());
            }
            2 | 3 => wire.extend((0..=n).map_while(|_| kept.write())),
            4 => {
                for text in wire.drain(..) {
                    arrive(&mut n_arrived, &text, is_honest);
                }
                kept.acknowledge(n_arrived);
            }
            5 => {
                // A part of what was under way arrives before the socket is lost.
                for text in wire
                    .drain(..)
                    .take(usize::from(step >> 3))
                    .collect::<Vec<_>>()
                {
                    arrive(&mut n_arrived, &text, is_honest);
                }
                wire.clear();
                if !kept.recover(n_arrived) {
                    is_honest = false;
                }
            }
            6 => {
                wire.clear();
                kept.restart();
                (n_pushed, n_arrived, is_honest) = (0, 0, true);
            }
            _ => {
                is_honest = false;
                kept.acknowledge(n_arrived.wrapping_sub(16).wrapping_add(n));
            }
        }
    }
}
