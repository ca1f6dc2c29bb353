//! Which tickets may still be redeemed, so that each is redeemed once.
//!
//! Owns the lists of tickets issued here and of foreign ones used here, what is kept for the former, and their bounds.
//! Everything is under one lock, taken once per question; never holds it while anything else happens.

use std::collections::BTreeSet;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;

use uuid::Uuid;

use crate::config::Limits;
use crate::principal::Principal;
use crate::tickets::Kept;

/// A lock around a value. Tests put one in its place that tries every order of threads.
pub(super) trait Lock<T> {
    /// Works on the value while nobody else does.
    fn with<R>(&self, work: impl FnOnce(&mut T) -> R) -> R;
}

impl<T> Lock<T> for Mutex<T> {
    fn with<R>(&self, work: impl FnOnce(&mut T) -> R) -> R {
        work(&mut self.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// The tickets that may still be redeemed. Moments are milliseconds since the epoch.
#[derive(Debug)]
pub(super) struct Pending<L = Mutex<Lists>> {
    lists: L,
    bounds: Bounds,
}

/// How many may be in the lists.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    in_all: usize,
    per_principal: usize,
    used: usize,
    kept_bytes: usize,
}

impl Bounds {
    pub(super) fn of(limits: &Limits) -> Self {
        Self {
            in_all: limits.pending_tickets,
            per_principal: limits.pending_tickets_per_principal,
            used: limits.used_tickets,
            kept_bytes: limits.kept_params_bytes,
        }
    }
}

/// What is under the lock.
#[derive(Debug, Default)]
pub(super) struct Lists {
    pending: Expiring<Entry>,
    /// Tickets that another process issued and this one has redeemed.
    used: Expiring<()>,
    of_principal: HashMap<Principal, usize>,
    kept_bytes: usize,
}

#[derive(Debug)]
pub(super) struct Entry {
    pub(super) principal: Principal,
    /// What the ticket opens, when it does not travel in it.
    pub(super) kept: Option<Arc<Kept>>,
}

/// Who issued a ticket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Issuer {
    /// This process, which has it on its list until it is redeemed.
    Here,
    /// Another that has the same keys.
    Elsewhere,
}

/// Why there is no room for a ticket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Full {
    InAll,
    OfPrincipal,
    KeptBytes,
}

/// Why a ticket cannot be redeemed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NotOnce {
    /// It has been, or its time is over.
    Used,
    /// It cannot be remembered, so it is not taken.
    Full,
}

impl<L: Lock<Lists>> Pending<L> {
    pub(super) fn new(lists: L, bounds: Bounds) -> Self {
        Self { lists, bounds }
    }

    /// Puts a new ticket on the list.
    pub(super) fn add(
        &self,
        unique: Uuid,
        expires: i64,
        entry: Entry,
        now: i64,
    ) -> Result<(), Full> {
        self.lists.with(|lists| {
            lists.sweep(now);
            let n_bytes = entry.kept.as_ref().map_or(0, |kept| kept.n_bytes);
            let of_principal = lists.of_principal.get(&entry.principal);
            if lists.pending.len() >= self.bounds.in_all {
                return Err(Full::InAll);
            }
            if of_principal.is_some_and(|n| *n >= self.bounds.per_principal) {
                return Err(Full::OfPrincipal);
            }
            if lists.kept_bytes + n_bytes > self.bounds.kept_bytes {
                return Err(Full::KeptBytes);
            }
            lists.kept_bytes += n_bytes;
            *lists
                .of_principal
                .entry(entry.principal.clone())
                .or_default() += 1;
            lists.pending.insert(unique, expires, entry);
            Ok(())
        })
    }

    /// What is kept for a ticket that may still be redeemed.
    pub(super) fn kept(&self, unique: Uuid) -> Option<Arc<Kept>> {
        self.lists
            .with(|lists| lists.pending.get(unique)?.kept.clone())
    }

    /// Uses a ticket up: of all who ask, one gets `Ok`.
    pub(super) fn consume(
        &self,
        unique: Uuid,
        issuer: Issuer,
        expires: i64,
        now: i64,
    ) -> Result<(), NotOnce> {
        self.lists.with(|lists| {
            lists.sweep(now);
            match issuer {
                Issuer::Here => {
                    let entry = lists.pending.remove(unique).ok_or(NotOnce::Used)?;
                    lists.forget(&entry);
                    Ok(())
                }
                Issuer::Elsewhere if lists.used.get(unique).is_some() => Err(NotOnce::Used),
                Issuer::Elsewhere if lists.used.len() >= self.bounds.used => Err(NotOnce::Full),
                Issuer::Elsewhere => {
                    lists.used.insert(unique, expires, ());
                    Ok(())
                }
            }
        })
    }

    /// Frees what belongs to tickets whose time is over.
    pub(super) fn sweep(&self, now: i64) {
        self.lists.with(|lists| lists.sweep(now));
    }

    /// Tickets pending, foreign ones remembered, and bytes kept.
    #[cfg(test)]
    pub(super) fn sizes(&self) -> (usize, usize, usize) {
        self.lists
            .with(|lists| (lists.pending.len(), lists.used.len(), lists.kept_bytes))
    }
}

impl Lists {
    fn sweep(&mut self, now: i64) {
        while let Some(entry) = self.pending.take_expired(now) {
            self.forget(&entry);
        }
        while self.used.take_expired(now).is_some() {}
    }

    fn forget(&mut self, entry: &Entry) {
        self.kept_bytes -= entry.kept.as_ref().map_or(0, |kept| kept.n_bytes);
        if let Some(n) = self.of_principal.get_mut(&entry.principal) {
            *n -= 1;
            if *n == 0 {
                self.of_principal.remove(&entry.principal);
            }
        }
    }
}

/// Values by ticket, and in the order in which they expire.
#[derive(Debug)]
struct Expiring<V> {
    values: HashMap<Uuid, (i64, V)>,
    ends: BTreeSet<(i64, Uuid)>,
}

impl<V> Default for Expiring<V> {
    fn default() -> Self {
        Self {
            values: HashMap::new(),
            ends: BTreeSet::new(),
        }
    }
}

impl<V> Expiring<V> {
    fn len(&self) -> usize {
        self.values.len()
    }

    fn get(&self, unique: Uuid) -> Option<&V> {
        self.values.get(&unique).map(|(_, value)| value)
    }

    fn insert(&mut self, unique: Uuid, expires: i64, value: V) {
        self.values.insert(unique, (expires, value));
        self.ends.insert((expires, unique));
    }

    fn remove(&mut self, unique: Uuid) -> Option<V> {
        let (expires, value) = self.values.remove(&unique)?;
        self.ends.remove(&(expires, unique));
        Some(value)
    }

    /// One that ended before this moment.
    fn take_expired(&mut self, now: i64) -> Option<V> {
        let (expires, unique) = *self.ends.first()?;
        (expires < now).then(|| self.remove(unique)).flatten()
    }
}
