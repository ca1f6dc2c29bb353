//! Threads that redeem one ticket at the same moment, in every order they can run in.

use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;

use loom::sync::Arc;
use loom::sync::Mutex;
use loom::thread;
use uuid::Uuid;

use super::*;
use crate::tickets::pending::Issuer;
use crate::tickets::pending::Lock;

impl Lock<Lists> for Mutex<Lists> {
    fn with<R>(&self, work: impl FnOnce(&mut Lists) -> R) -> R {
        work(&mut self.lock().unwrap())
    }
}

const END: i64 = 100;

fn pending(in_all: usize) -> Arc<Pending<Mutex<Lists>>> {
    let limits = Limits {
        pending_tickets: in_all,
        used_tickets: 1,
        ..Limits::default()
    };
    Arc::new(Pending::new(
        Mutex::new(Lists::default()),
        Bounds::of(&limits),
    ))
}

fn entry() -> Entry {
    Entry {
        principal: Principal::token(),
        kept: None,
    }
}

/// How many of three threads get `true`.
fn successes(attempt: impl Fn() -> bool + Clone + Send + 'static) -> usize {
    let others = [(); 2].map(|()| {
        let attempt = attempt.clone();
        thread::spawn(attempt)
    });
    let mine = attempt();
    let others = others.map(|other| other.join().unwrap());
    others.into_iter().filter(|won| *won).count() + usize::from(mine)
}

/// Runs a model in every order, and says how many there were.
fn explore(model: impl Fn() + Send + Sync + 'static) -> usize {
    static RUNS: AtomicUsize = AtomicUsize::new(0);
    let before = RUNS.load(Ordering::Relaxed);
    loom::model(move || {
        RUNS.fetch_add(1, Ordering::Relaxed);
        model();
    });
    RUNS.load(Ordering::Relaxed) - before
}

#[test]
fn of_threads_that_redeem_one_ticket_exactly_one_wins_in_every_order() {
    for issuer in [Issuer::Here, Issuer::Elsewhere] {
        let n_orders = explore(move || {
            let (pending, unique) = (pending(1), Uuid::from_u128(1));
            if issuer == Issuer::Here {
                pending.add(unique, END, entry(), 0).unwrap();
            }
            let n = successes(move || pending.consume(unique, issuer, END, 0).is_ok());
            assert_eq!(n, 1, "one wins");
        });
        assert!(n_orders >= 6, "three threads have six orders: {n_orders}");
    }
}

#[test]
fn a_ticket_that_expires_while_it_is_redeemed_is_redeemed_at_most_once_and_frees_its_room() {
    explore(|| {
        let (pending, unique) = (pending(1), Uuid::from_u128(1));
        pending.add(unique, END, entry(), 0).unwrap();
        let sweeper = {
            let pending = Arc::clone(&pending);
            thread::spawn(move || pending.sweep(END + 1))
        };
        let other = {
            let pending = Arc::clone(&pending);
            thread::spawn(move || pending.consume(unique, Issuer::Here, END, END).is_ok())
        };
        let mine = pending.consume(unique, Issuer::Here, END, END).is_ok();
        let n = usize::from(mine) + usize::from(other.join().unwrap());
        sweeper.join().unwrap();
        assert!(n <= 1);
        assert_eq!(pending.sizes(), (0, 0, 0));
        pending.add(Uuid::from_u128(2), END, entry(), 0).unwrap();
    });
}

#[test]
fn threads_that_issue_together_do_not_pass_the_bound() {
    explore(|| {
        let pending = pending(2);
        let ids = Arc::new(AtomicUsize::new(0));
        let n = {
            let pending = Arc::clone(&pending);
            successes(move || {
                let unique = Uuid::from_u128(ids.fetch_add(1, Ordering::Relaxed) as u128);
                pending.add(unique, END, entry(), 0).is_ok()
            })
        };
        assert_eq!(n, 2);
        assert_eq!(pending.sizes().0, 2);
    });
}

/// The same question asked with the lock let go between looking and taking, as it must not be.
#[test]
#[should_panic(expected = "one wins")]
fn the_model_would_notice_a_look_apart_from_the_removal() {
    explore(|| {
        let list = Arc::new(Mutex::new(vec![1]));
        let n = successes(move || {
            let is_listed = list.lock().unwrap().contains(&1);
            if is_listed {
                list.lock().unwrap().clear();
            }
            is_listed
        });
        assert_eq!(n, 1, "one wins");
    });
}
