//! Coming back to a session: the tokens that open it, and the count of what the browser has sent.
//!
//! Owns when a token is good and when the browser is told how far it was heard (docs/protocol.md, 4.3). Never
//! decides whether a socket is lost.

use std::net::IpAddr;
use std::time::Duration;

use footbridge_shared::params::Secret;
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::sockets::Socket;

/// Frames after which the browser is told how many have arrived.
const FRAMES: u64 = 32;
/// Bytes after which it is.
const BYTES: usize = 64 * 1024;
/// Time after which it is.
const TIME: Duration = Duration::from_secs(1);

/// The tokens that open a session again.
#[derive(Clone, Debug, Default)]
pub struct Tokens {
    current: Option<Secret>,
    /// Good until the browser has shown that it knows the current one.
    previous: Option<Secret>,
}

impl Tokens {
    /// Whether this one does.
    pub fn open(&self, presented: &Secret) -> bool {
        let is_it = |token: &Option<Secret>| token.as_ref() == Some(presented);
        // Both are compared, so that the time does not tell which it was.
        is_it(&self.current) | is_it(&self.previous)
    }

    /// A new token, in place of the one that was presented.
    pub(super) fn rotate(&mut self, token: Secret, presented: Option<Secret>) {
        self.previous = presented;
        self.current = Some(token);
    }

    /// The browser knows the current one; whether that is news.
    pub(super) fn confirm(&mut self) -> bool {
        self.previous.take().is_some()
    }

    /// Whether nothing opens the session again.
    pub(super) fn is_empty(&self) -> bool {
        self.current.is_none()
    }
}

/// Where a browser was that comes back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// How many of the bridge's frames it has; `None` for a page that remembers nothing.
    pub received: Option<u64>,
    /// Which attempt this is: one that comes after a later one is too late.
    pub attempt: Option<u64>,
}

/// What became of a socket that came back.
pub enum Taken {
    /// The session has it, in place of this one.
    Instead(Option<Socket>),
    /// It was too late, or its token no longer good.
    TooLate(Socket),
}

/// A socket that comes back to a session.
pub struct Attachment {
    pub(super) socket: Socket,
    /// The token it brought.
    pub(super) presented: Secret,
    /// Where it comes from.
    pub(super) peer: Option<IpAddr>,
    pub(super) place: Place,
    /// For the socket that it takes the place of.
    pub(super) taken: oneshot::Sender<Taken>,
}

impl std::fmt::Debug for Taken {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(match self {
            Self::Instead(_) => "Instead",
            Self::TooLate(_) => "TooLate",
        })
    }
}

impl Attachment {
    /// A socket, and where the one that it replaces will be.
    pub fn new(
        socket: Socket,
        presented: Secret,
        peer: Option<IpAddr>,
        place: Place,
    ) -> (Self, oneshot::Receiver<Taken>) {
        let (taken, receiver) = oneshot::channel();
        let attachment = Self {
            socket,
            presented,
            peer,
            place,
            taken,
        };
        (attachment, receiver)
    }

    /// The socket, when no session takes it.
    pub fn into_socket(self) -> Socket {
        self.socket
    }
}

impl std::fmt::Debug for Attachment {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Attachment")
            .field("place", &self.place)
            .finish_non_exhaustive()
    }
}

/// Counts what the browser sends.
#[derive(Debug, Default)]
pub(super) struct Counting {
    received: u64,
    told: u64,
    n_bytes: usize,
    tell_by: Option<Instant>,
}

impl Counting {
    /// A numbered frame has arrived.
    pub(super) fn heard(&mut self, n_bytes: usize, now: Instant) {
        self.received += 1;
        self.n_bytes += n_bytes;
        self.tell_by.get_or_insert(now + TIME);
    }

    /// How many the browser is to be told of now, if it is.
    pub(super) fn take_due(&mut self, now: Instant) -> Option<u64> {
        let is_due = self.received - self.told >= FRAMES
            || self.n_bytes >= BYTES
            || self.tell_by.is_some_and(|by| now >= by);
        is_due.then(|| self.tell())
    }

    /// How many the browser is told of.
    pub(super) fn tell(&mut self) -> u64 {
        (self.told, self.n_bytes, self.tell_by) = (self.received, 0, None);
        self.received
    }

    /// When it is to be told at the latest.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.tell_by
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_token_before_is_good_until_the_browser_shows_that_it_has_the_new_one() {
        let mut tokens = Tokens::default();
        assert!(!tokens.open(&Secret::default()));
        let [first, second, third] = ["first", "second", "third"].map(Secret::new);
        tokens.rotate(first.clone(), None);
        tokens.rotate(second.clone(), Some(first.clone()));
        assert!(tokens.open(&first) && tokens.open(&second));
        // The answer that had the second one was lost, and the browser came with the first again.
        tokens.rotate(third.clone(), Some(first.clone()));
        assert!(tokens.open(&first) && tokens.open(&third));
        assert!(!tokens.open(&second));
        assert!(tokens.confirm());
        assert!(!tokens.confirm());
        assert!(tokens.open(&third));
        assert!(!tokens.open(&first));
        assert!(!format!("{tokens:?}").contains(third.expose()));
    }

    #[test]
    fn the_browser_is_told_after_32_frames_64_kib_or_a_second() {
        let now = Instant::now();
        let mut counting = Counting::default();
        for _ in 0..31 {
            counting.heard(10, now);
            assert_eq!(counting.take_due(now), None);
        }
        counting.heard(10, now);
        assert_eq!(counting.take_due(now), Some(32));
        assert_eq!(counting.deadline(), None);
        counting.heard(64 * 1024 - 1, now);
        assert_eq!(counting.take_due(now), None);
        counting.heard(1, now);
        assert_eq!(counting.take_due(now), Some(34));
        counting.heard(1, now);
        assert_eq!(counting.deadline(), Some(now + TIME));
        assert_eq!(counting.take_due(now + TIME), Some(35));
    }
}
