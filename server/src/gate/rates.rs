//! How often anybody may ask: wrong credentials per peer, sessions per principal.
//!
//! Owns the counts. Never keeps more of them than `limits.rate_keys`, whoever asks from wherever.

use std::collections::HashMap;
use std::fmt::Debug;
use std::hash::Hash;
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::Duration;

use governor::Quota;
use governor::RateLimiter;
use governor::clock::Clock;
use governor::middleware::StateInformationMiddleware;
use governor::nanos::Nanos;
use governor::state::keyed::HashMapStateStore;
use tokio::time::Instant;

use crate::config::Limits;
use crate::meters;
use crate::principal::Principal;

/// The runtime's clock, which tests can stop.
#[derive(Clone, Debug)]
struct Ticks(Instant);

impl Clock for Ticks {
    type Instant = Nanos;

    fn now(&self) -> Nanos {
        self.0.elapsed().into()
    }
}

/// A bounded number of allowances (the generic cell rate algorithm), one per key.
#[derive(Debug)]
struct Allowances<K: Clone + Debug + Eq + Hash> {
    limiter: RateLimiter<K, HashMapStateStore<K>, Ticks, StateInformationMiddleware>,
    clock: Ticks,
    most: usize,
}

impl<K: Clone + Debug + Eq + Hash> Allowances<K> {
    fn new(quota: Quota, most: usize) -> Self {
        let clock = Ticks(Instant::now());
        Self {
            limiter: RateLimiter::hashmap_with_clock(quota, clock.clone()).with_middleware(),
            clock,
            most,
        }
    }

    /// Takes one: how many are left, or how long until there is one again.
    fn take(&self, key: &K) -> Result<u32, Duration> {
        if self.limiter.len() >= self.most {
            self.limiter.retain_recent();
        }
        if self.limiter.len() >= self.most {
            // Whoever commands so many addresses or accounts is not held up by a count for each of them; everybody
            // else must not be held up in their place.
            meters::reached("rate_keys");
            return Ok(u32::MAX);
        }
        match self.limiter.check_key(key) {
            Ok(state) => Ok(state.remaining_burst_capacity()),
            Err(not_until) => Err(not_until.wait_time_from(self.clock.now())),
        }
    }
}

/// The wrong credentials of each peer.
#[derive(Debug)]
pub(super) struct Failures {
    attempts: Allowances<IpAddr>,
    /// Who has to wait, and until when.
    waiting: Mutex<HashMap<IpAddr, Instant>>,
    most: usize,
    /// What is added after a wait: one more attempt.
    pause: Duration,
}

impl Failures {
    pub(super) fn new(limits: &Limits) -> Self {
        let quota = Quota::per_minute(number(limits.failed_auth_per_minute));
        Self {
            attempts: Allowances::new(quota, limits.rate_keys),
            waiting: Mutex::default(),
            most: limits.rate_keys,
            pause: quota.replenish_interval(),
        }
    }

    /// How long this peer has to wait before a credential of its is looked at.
    pub(super) fn wait(&self, peer: IpAddr) -> Option<Duration> {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let left = waiting
            .get(&peer)?
            .saturating_duration_since(Instant::now());
        if left.is_zero() {
            waiting.remove(&peer);
            return None;
        }
        Some(left)
    }

    /// Counts a wrong credential.
    pub(super) fn count(&self, peer: IpAddr) {
        let wait = match self.attempts.take(&peer) {
            Ok(0) => self.pause,
            Ok(_) => return,
            Err(wait) => wait,
        };
        meters::reached("failed_auth_per_minute");
        let now = Instant::now();
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.len() >= self.most {
            waiting.retain(|_, until| *until > now);
        }
        if waiting.len() < self.most {
            waiting.insert(peer, now + wait);
        }
    }
}

/// The sessions each principal asks for.
#[derive(Debug)]
pub(super) struct Connects(Allowances<Principal>);

impl Connects {
    pub(super) fn new(limits: &Limits) -> Self {
        let quota = Quota::per_minute(number(limits.connects_per_minute))
            .allow_burst(number(limits.connects_burst));
        Self(Allowances::new(quota, limits.rate_keys))
    }

    /// Counts a session that is asked for.
    ///
    /// # Errors
    /// How long to wait, when it is one too many.
    pub(super) fn take(&self, principal: &Principal) -> Result<(), Duration> {
        self.0.take(principal).map(|_| ())
    }
}

/// Limits begin at 1.
fn number(limit: usize) -> NonZeroU32 {
    let limit = u32::try_from(limit).unwrap_or(u32::MAX);
    NonZeroU32::new(limit).unwrap_or(NonZeroU32::MIN)
}

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::*;

    fn ip(n: u8) -> IpAddr {
        [192, 0, 2, n].into()
    }

    #[tokio::test(start_paused = true)]
    async fn the_last_wrong_credential_a_peer_may_bring_makes_it_wait_and_no_other() {
        let limits = Limits {
            failed_auth_per_minute: 3,
            ..Limits::default()
        };
        let failures = Failures::new(&limits);
        for _ in 0..2 {
            failures.count(ip(1));
            assert_eq!(failures.wait(ip(1)), None);
        }
        failures.count(ip(1));
        assert_eq!(failures.wait(ip(1)), Some(Duration::from_secs(20)));
        assert_eq!(failures.wait(ip(2)), None);
        advance(Duration::from_secs(15)).await;
        assert_eq!(failures.wait(ip(1)), Some(Duration::from_secs(5)));
        advance(Duration::from_secs(6)).await;
        assert_eq!(failures.wait(ip(1)), None);
        // One attempt has come back, not three.
        failures.count(ip(1));
        assert!(failures.wait(ip(1)).is_some());
        advance(Duration::from_secs(120)).await;
        for _ in 0..2 {
            failures.count(ip(1));
        }
        assert_eq!(failures.wait(ip(1)), None);
    }

    #[tokio::test(start_paused = true)]
    async fn a_principal_may_ask_for_a_burst_and_then_at_the_rate() {
        let limits = Limits {
            connects_per_minute: 30,
            connects_burst: 4,
            ..Limits::default()
        };
        let connects = Connects::new(&limits);
        let (ann, ben) = (Principal::token(), Principal::anyone());
        for _ in 0..4 {
            assert_eq!(connects.take(&ann), Ok(()));
        }
        assert_eq!(connects.take(&ann), Err(Duration::from_secs(2)));
        assert_eq!(connects.take(&ben), Ok(()));
        advance(Duration::from_secs(2)).await;
        assert_eq!(connects.take(&ann), Ok(()));
        assert!(connects.take(&ann).is_err());
    }

    #[tokio::test(start_paused = true)]
    async fn no_more_peers_are_remembered_than_may_be_and_old_ones_make_room() {
        let limits = Limits {
            failed_auth_per_minute: 1,
            rate_keys: 2,
            ..Limits::default()
        };
        let failures = Failures::new(&limits);
        for n in 1..=3 {
            failures.count(ip(n));
        }
        assert!(failures.wait(ip(1)).is_some() && failures.wait(ip(2)).is_some());
        assert_eq!(failures.wait(ip(3)), None, "one too many is not remembered");
        assert_eq!(failures.attempts.limiter.len(), 2);
        advance(Duration::from_secs(180)).await;
        failures.count(ip(3));
        assert!(failures.wait(ip(3)).is_some());
        assert!(failures.attempts.limiter.len() <= 2);
        assert!(failures.waiting.lock().unwrap().len() <= 2);
    }
}
