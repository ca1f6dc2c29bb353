//! Tickets against a list of what each must still be good for: two bridges with the same keys, and, for many more
//! steps, the once-only list alone.

use proptest::prelude::*;
use proptest::test_runner::Config as Cases;
use proptest::test_runner::TestRunner;

use super::*;
use crate::config::ticket_keys::TicketKey;
use crate::tickets::pending::Issuer;
use crate::tickets::pending::NotOnce;

const CASES: u32 = 30;
const STEPS: usize = 400;
/// The list alone costs a small part of what sealing and opening do.
const CASES_OF_THE_LIST: u32 = 250;
const PENDING: usize = 6;
const PER_PRINCIPAL: usize = 4;
const KEPT_BYTES: usize = 1300;
const PRINCIPALS: [&str; 3] = ["ann", "bob", "cy"];
const ORIGINS: [&str; 3] = ["", "http://a", "http://b"];

#[derive(Clone, Debug)]
enum Step {
    Issue {
        node: usize,
        principal: usize,
        origin: usize,
        is_long: bool,
    },
    Redeem {
        node: usize,
        ticket: usize,
        how: How,
    },
    Wait {
        seconds: i64,
    },
    AddKey,
    DropOldestKey,
    DropAllKeysButNewest,
}

/// What is done to a ticket before it is presented.
#[derive(Clone, Debug)]
enum How {
    Untouched,
    NotPermitted,
    OtherOrigin(usize),
    OtherSession(usize),
    OtherParams,
    NoParams,
    Bent(usize),
    Cut(usize),
    Forged(Vec<u8>),
}

fn step() -> impl Strategy<Value = Step> {
    let issue = (0..2usize, 0..3usize, 0..3usize, prop::bool::weighted(0.3)).prop_map(
        |(node, principal, origin, is_long)| Step::Issue {
            node,
            principal,
            origin,
            is_long,
        },
    );
    let how = prop_oneof![
        8 => Just(How::Untouched),
        1 => Just(How::NotPermitted),
        1 => (0..3usize).prop_map(How::OtherOrigin),
        1 => any::<usize>().prop_map(How::OtherSession),
        1 => Just(How::OtherParams),
        1 => Just(How::NoParams),
        1 => any::<usize>().prop_map(How::Bent),
        1 => any::<usize>().prop_map(How::Cut),
        1 => prop::collection::vec(any::<u8>(), 0..80).prop_map(How::Forged),
    ];
    let redeem = (0..2usize, 0..8usize, how).prop_map(|(node, ticket, how)| Step::Redeem {
        node,
        ticket,
        how,
    });
    prop_oneof![
        10 => issue,
        14 => redeem,
        2 => (0..35i64).prop_map(|seconds| Step::Wait { seconds }),
        1 => Just(Step::AddKey),
        1 => Just(Step::DropOldestKey),
        1 => Just(Step::DropAllKeysButNewest),
    ]
}

/// A ticket that was issued, and what is known of it.
#[derive(Debug)]
struct Known {
    parts: Parts,
    grant: Grant,
    node: usize,
    key: TicketKey,
    expires: DateTime<Utc>,
    n_bytes_kept: usize,
    used_at: [bool; 2],
}

impl Known {
    fn is_pending_at(&self, node: usize, now: DateTime<Utc>) -> bool {
        self.node == node && !self.used_at[node] && self.expires >= now
    }
}

struct World {
    nodes: [Tickets; 2],
    keys: TicketKeys,
    now: DateTime<Utc>,
    known: Vec<Known>,
}

impl World {
    fn new(config: &Config) -> Self {
        let keys = TicketKeys::random().unwrap();
        let file = TicketKeyFile {
            path: "/nowhere".into(),
            keys: keys.clone(),
        };
        let config = Config {
            ticket_keys: Some(file),
            ..config.clone()
        };
        Self {
            nodes: [(); 2].map(|()| Tickets::new(&config).unwrap()),
            keys,
            now: DateTime::from_timestamp(1_800_000_000, 0).unwrap(),
            known: Vec::new(),
        }
    }

    fn take(&mut self, step: Step) {
        match step {
            Step::Issue {
                node,
                principal,
                origin,
                is_long,
            } => {
                let mut grant = grant_of(stdio("a", &"x".repeat(if is_long { 450 } else { 5 })));
                grant.principal = Principal::from_name(PRINCIPALS[principal]);
                grant.origin = ORIGINS[origin].to_owned();
                self.issue(node, grant, is_long);
            }
            Step::Redeem { node, ticket, how } => self.redeem(node, ticket, &how),
            Step::Wait { seconds } => self.now += TimeDelta::seconds(seconds),
            Step::AddKey => {
                let newest = TicketKeys::random().unwrap().newest;
                let last = std::mem::replace(&mut self.keys.newest, newest);
                self.keys.older.push(last);
                self.hand_out_keys();
            }
            Step::DropOldestKey => {
                if !self.keys.older.is_empty() {
                    self.keys.older.remove(0);
                }
                self.hand_out_keys();
            }
            Step::DropAllKeysButNewest => {
                self.keys.older.clear();
                self.hand_out_keys();
            }
        }
        self.compare_sizes();
    }

    fn hand_out_keys(&self) {
        for node in &self.nodes {
            node.take_keys(&self.keys);
        }
    }

    fn issue(&mut self, node: usize, grant: Grant, is_long: bool) {
        let n_bytes = grant
            .params
            .to_json(SecretValues::Exposed)
            .to_string()
            .len()
            + 4;
        let n_bytes_kept = if is_long { n_bytes } else { 0 };
        let pending = || {
            let known = self.known.iter();
            known.filter(|known| known.is_pending_at(node, self.now))
        };
        let has_room = pending().count() < PENDING
            && pending()
                .filter(|known| known.grant.principal == grant.principal)
                .count()
                < PER_PRINCIPAL
            && pending().map(|known| known.n_bytes_kept).sum::<usize>() + n_bytes_kept
                <= KEPT_BYTES;
        match self.nodes[node].issue(UNDER, &grant, self.now) {
            Ok(issued) => {
                assert!(has_room, "a bound was passed");
                assert_eq!(issued.expires, self.now + TimeDelta::seconds(60));
                self.known.push(Known {
                    parts: Parts::of(&issued),
                    grant,
                    node,
                    key: self.keys.newest.clone(),
                    expires: issued.expires,
                    n_bytes_kept,
                    used_at: [false; 2],
                });
            }
            Err(fault) => {
                assert!(!has_room, "{fault:?}");
                assert_eq!(fault.code, FaultCode::TooManyRequests);
            }
        }
    }

    /// `ticket` counts back from the newest.
    fn redeem(&mut self, node: usize, ticket: usize, how: &How) {
        let Some(at) = self.known.len().checked_sub(ticket + 1) else {
            return;
        };
        let known = &self.known[at];
        let mut parts = known.parts.clone();
        let mut origin = known.grant.origin.as_str();
        let length = parts.ticket.len();
        match how {
            How::Untouched | How::NotPermitted => {}
            How::OtherOrigin(other) => origin = ORIGINS[*other],
            How::OtherSession(other) => {
                let other = &self.known[other % self.known.len()];
                parts.session_id.clone_from(&other.parts.session_id);
            }
            How::OtherParams => parts.visible = parts.visible.map(|text| text + " "),
            How::NoParams => parts.visible = None,
            How::Bent(place) => {
                let place = place % length;
                let is_a = parts.ticket.as_bytes()[place] == b'A';
                parts
                    .ticket
                    .replace_range(place..=place, if is_a { "B" } else { "A" });
            }
            How::Cut(place) => parts.ticket.truncate(place % length),
            How::Forged(bytes) => {
                parts.ticket = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(bytes);
            }
        }
        let is_genuine = parts.session_id == known.parts.session_id
            && parts.visible == known.parts.visible
            && parts.ticket == known.parts.ticket
            && origin == known.grant.origin;
        let has_key = self.keys.newest == known.key || self.keys.older.contains(&known.key);
        let is_here = known.n_bytes_kept == 0 || known.node == node;
        let is_good =
            is_genuine && has_key && is_here && self.now <= known.expires && !known.used_at[node];
        let is_permitted = !matches!(how, How::NotPermitted);
        let outcome = self.nodes[node].redeem(&parts.of_origin(origin), self.now, |_| {
            if is_permitted {
                Ok(())
            } else {
                Err(Fault::new(FaultCode::ParamsDenied, "No."))
            }
        });
        match outcome {
            Ok((grant, ())) => {
                assert!(is_good && is_permitted, "{how:?} was redeemed");
                assert_eq!(grant.params, known.grant.params);
                assert_eq!(grant.principal, known.grant.principal);
                assert_eq!(grant.origin, known.grant.origin);
                self.known[at].used_at[node] = true;
            }
            // A permitted use comes last: the judge is also asked about what turns out to be used.
            Err(fault) if fault.code == FaultCode::ParamsDenied => {
                assert!(!is_permitted && is_genuine && has_key);
            }
            Err(fault) => {
                assert_eq!(fault.code, FaultCode::TicketInvalid);
                assert!(!is_good, "{how:?}: {fault:?}");
            }
        }
    }

    /// Nothing is remembered longer than it must be, and nothing is forgotten.
    fn compare_sizes(&self) {
        for (index, node) in self.nodes.iter().enumerate() {
            node.pending.sweep(self.now.timestamp_millis());
            let mut expected = (0, 0, 0);
            for known in &self.known {
                if known.is_pending_at(index, self.now) {
                    expected.0 += 1;
                    expected.2 += known.n_bytes_kept;
                } else if known.node != index && known.used_at[index] && known.expires >= self.now {
                    expected.1 += 1;
                }
            }
            assert_eq!(node.pending.sizes(), expected);
        }
    }
}

#[test]
fn tickets_keep_their_promises_whatever_happens_to_them_and_to_the_keys() {
    let limits = Limits {
        pending_tickets: PENDING,
        pending_tickets_per_principal: PER_PRINCIPAL,
        params_bytes: 400,
        kept_params_bytes: KEPT_BYTES,
        ..Limits::default()
    };
    let config = Config { limits, ..config() };
    let mut runner = TestRunner::new(Cases {
        cases: CASES,
        failure_persistence: None,
        ..Cases::default()
    });
    let counts = std::cell::Cell::new((0usize, 0usize, 0usize));
    let steps = prop::collection::vec(step(), STEPS);
    let outcome = runner.run(&steps, |steps| {
        let n_steps = steps.len();
        let mut world = World::new(&config);
        for step in steps {
            world.take(step);
        }
        let n_used = world.known.iter().flat_map(|known| known.used_at);
        let (all, issued, used) = counts.get();
        counts.set((
            all + n_steps,
            issued + world.known.len(),
            used + n_used.filter(|used| *used).count(),
        ));
        Ok(())
    });
    outcome.unwrap();
    let (all, issued, used) = counts.get();
    assert_eq!(all, CASES as usize * STEPS);
    assert!(
        issued >= all / 20 && used >= all / 50,
        "of {all} steps {issued} issued and {used} redeemed"
    );
}

/// A step of the list alone. Tickets are counted back from the newest.
#[derive(Clone, Debug)]
enum ListStep {
    Add { principal: usize, n_bytes: usize },
    Consume { ticket: usize },
    ConsumeForeign { ticket: usize },
    Wait { milliseconds: i64 },
}

fn list_step() -> impl Strategy<Value = ListStep> {
    let n_bytes = prop_oneof![3 => Just(0usize), 1 => 1..600usize];
    prop_oneof![
        4 => (0..3usize, n_bytes).prop_map(|(principal, n_bytes)| ListStep::Add { principal, n_bytes }),
        3 => (0..10usize).prop_map(|ticket| ListStep::Consume { ticket }),
        3 => (0..10usize).prop_map(|ticket| ListStep::ConsumeForeign { ticket }),
        3 => (0..30_000i64).prop_map(|milliseconds| ListStep::Wait { milliseconds }),
    ]
}

/// A ticket as the list should see it.
#[derive(Debug)]
struct Listed {
    unique: Uuid,
    expires: i64,
    principal: usize,
    n_bytes: usize,
    is_used: bool,
    is_used_as_foreign: bool,
}

fn walk_the_list(steps: &[ListStep], limits: &Limits) -> usize {
    let pending = Pending::new(Mutex::new(Lists::default()), Bounds::of(limits));
    let mut known: Vec<Listed> = Vec::new();
    let grant = grant();
    let (mut now, mut n_successes) = (0, 0);
    for (index, step) in steps.iter().enumerate() {
        let live = || known.iter().filter(|known| !known.is_used);
        match *step {
            ListStep::Add { principal, n_bytes } => {
                let has_room = live().count() < PENDING
                    && live().filter(|known| known.principal == principal).count() < PER_PRINCIPAL
                    && live().map(|known| known.n_bytes).sum::<usize>() + n_bytes <= KEPT_BYTES;
                let kept = (n_bytes > 0).then(|| {
                    let mut kept = Kept::of(&grant, 0);
                    kept.n_bytes = n_bytes;
                    Arc::new(kept)
                });
                let (unique, expires) = (Uuid::from_u128(index as u128), now + 60_000);
                let principal_name = Principal::from_name(PRINCIPALS[principal]);
                let entry = Entry {
                    principal: principal_name,
                    kept,
                };
                assert_eq!(pending.add(unique, expires, entry, now).is_ok(), has_room);
                if has_room {
                    let is_used = false;
                    known.push(Listed {
                        unique,
                        expires,
                        principal,
                        n_bytes,
                        is_used,
                        is_used_as_foreign: false,
                    });
                    n_successes += 1;
                }
            }
            ListStep::Consume { ticket } | ListStep::ConsumeForeign { ticket } => {
                let n_foreign = known
                    .iter()
                    .filter(|known| known.is_used_as_foreign)
                    .count();
                let Some(at) = known.len().checked_sub(ticket + 1) else {
                    continue;
                };
                let known = &mut known[at];
                // Nobody asks about one that has expired: the ticket itself says so, and it is off this list.
                let is_foreign = matches!(step, ListStep::ConsumeForeign { .. });
                let (issuer, used) = if is_foreign {
                    (Issuer::Elsewhere, &mut known.is_used_as_foreign)
                } else {
                    (Issuer::Here, &mut known.is_used)
                };
                let expected = if *used {
                    Err(NotOnce::Used)
                } else if is_foreign && n_foreign >= limits.used_tickets {
                    Err(NotOnce::Full)
                } else {
                    Ok(())
                };
                assert_eq!(
                    pending.consume(known.unique, issuer, known.expires, now),
                    expected
                );
                if expected.is_ok() {
                    *used = true;
                    n_successes += 1;
                }
            }
            ListStep::Wait { milliseconds } => {
                now += milliseconds;
                pending.sweep(now);
                known.retain(|known| known.expires >= now);
                let live = known.iter().filter(|known| !known.is_used);
                let n_bytes = live.clone().map(|known| known.n_bytes).sum();
                let foreign = known.iter().filter(|known| known.is_used_as_foreign);
                let n_foreign = foreign.count();
                assert_eq!(pending.sizes(), (live.count(), n_foreign, n_bytes));
            }
        }
    }
    n_successes
}

#[test]
fn the_list_lets_each_ticket_be_used_once_and_keeps_its_bounds_over_a_hundred_thousand_steps() {
    let limits = Limits {
        pending_tickets: PENDING,
        pending_tickets_per_principal: PER_PRINCIPAL,
        used_tickets: 3,
        kept_params_bytes: KEPT_BYTES,
        ..Limits::default()
    };
    let mut runner = TestRunner::new(Cases {
        cases: CASES_OF_THE_LIST,
        failure_persistence: None,
        ..Cases::default()
    });
    let counts = std::cell::Cell::new((0usize, 0usize));
    let steps = prop::collection::vec(list_step(), STEPS);
    let outcome = runner.run(&steps, |steps| {
        let (all, successes) = counts.get();
        let n_successes = walk_the_list(&steps, &limits);
        counts.set((all + steps.len(), successes + n_successes));
        Ok(())
    });
    outcome.unwrap();
    let (all, successes) = counts.get();
    assert!(all >= 100_000, "{all} steps");
    assert!(successes >= all / 10, "{successes} of {all}");
}
