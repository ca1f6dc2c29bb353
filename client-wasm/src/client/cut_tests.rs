//! Sessions whose sockets are cut at random, against a model of the bridge that counts as
//! docs/protocol.md says: nothing may be lost, come twice or come out of order, at either end.

use std::collections::VecDeque;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;

use proptest::collection::vec;
use proptest::prelude::any;
use proptest::test_runner::Config;
use proptest::test_runner::TestRunner;

use super::*;
use crate::effect::Request;
use crate::json::Members;

/// What is on its way.
#[derive(Debug)]
enum Parcel {
    /// The upgrade, with its query; or that it was accepted.
    Open(String),
    Frame(String),
    Close(u16),
}

/// One socket: what travels in it, each way.
#[derive(Debug, Default)]
struct Wire {
    to_bridge: VecDeque<Parcel>,
    to_page: VecDeque<Parcel>,
    /// It carries nothing more.
    is_cut: bool,
    /// The page no longer listens to it.
    is_abandoned: bool,
}

/// The bridge's side of one session, and the MCP server behind it.
#[derive(Debug, Default)]
struct Bridge {
    attached: Option<usize>,
    counts: bool,
    kept: VecDeque<String>,
    acknowledged: u64,
    received: u64,
    tokens: Vec<u64>,
    next_token: u64,
    /// The last attempt to come back, by the number of its wire.
    last: usize,
    /// What the MCP server heard, in order.
    heard: Vec<String>,
    /// Ids that it has not answered.
    open: Vec<u64>,
    /// What it told and asked, in order.
    told: u64,
    asked: u64,
    /// Answers of the page to what it asked.
    answered: Vec<String>,
}

/// What happened, so that a test that saw nothing cannot pass.
static CUTS: AtomicU64 = AtomicU64::new(0);
static CUTS_WITH_CALLS: AtomicU64 = AtomicU64::new(0);
static RESUMED_LOST: AtomicU64 = AtomicU64::new(0);
static LATE: AtomicU64 = AtomicU64::new(0);

#[derive(Debug)]
struct World {
    client: Client,
    wires: Vec<Wire>,
    current: Option<usize>,
    timers: Vec<Timer>,
    bridge: Bridge,
    /// What the page did, in order, as the MCP server should hear it.
    done: Vec<String>,
    settled: Vec<(u64, String)>,
    noticed: Vec<String>,
    /// What the MCP server asks and the page has not answered.
    asks: Vec<u64>,
    closed: Option<String>,
    made: u64,
}

impl World {
    fn new() -> Self {
        let mut client = Client::new();
        client.answer_method("roots/list", true);
        client.open(Duration::from_secs(90), true, None);
        let mut world = Self {
            client,
            wires: Vec::new(),
            current: None,
            timers: Vec::new(),
            bridge: Bridge::default(),
            done: Vec::new(),
            settled: Vec::new(),
            noticed: Vec::new(),
            asks: Vec::new(),
            closed: None,
            made: 0,
        };
        world.perform();
        // The handshake is not cut: without a token there is nothing to come back to.
        while !world.client.effects.is_empty()
            || world
                .wires
                .iter()
                .any(|wire| !wire.to_bridge.is_empty() || !wire.to_page.is_empty())
        {
            world.arrive_at_bridge(0);
            world.arrive_at_page(0);
        }
        assert_eq!(world.client.state, State::Ready);
        world
    }

    fn perform(&mut self) {
        for effect in self.client.take_effects() {
            match effect {
                Effect::Begin => self.connect(String::new()),
                Effect::Connect(query) => self.connect(query),
                Effect::Abandon => {
                    if let Some(at) = self.current.take() {
                        self.wires[at].is_abandoned = true;
                        // One that is not open yet is closed without a frame.
                        let is_open = self.wires[at]
                            .to_page
                            .iter()
                            .all(|it| !matches!(it, Parcel::Open(_)))
                            && self.wires[at]
                                .to_bridge
                                .iter()
                                .all(|it| !matches!(it, Parcel::Open(_)));
                        if !is_open {
                            self.end(at);
                        }
                    }
                }
                Effect::CloseAbandoned => {
                    for wire in &mut self.wires {
                        if wire.is_abandoned && !wire.is_cut {
                            wire.is_cut = true;
                            wire.to_bridge.push_back(Parcel::Close(1000));
                        }
                    }
                }
                Effect::Send(text) => {
                    let at = self.current.expect("a socket to send on");
                    if !self.wires[at].is_cut {
                        self.wires[at]
                            .to_bridge
                            .push_back(Parcel::Frame(text.to_string()));
                    }
                }
                Effect::Resolve { call, result } => self.settled.push((call, result)),
                Effect::Reject { call, fault } => self.settled.push((call, fault.to_json())),
                Effect::Notification { params, .. } => self.noticed.push(params),
                Effect::Ask { ask, params, .. } => {
                    self.asks.push(ask);
                    self.noticed.push(params);
                }
                Effect::StartTimer(timer, _) => {
                    self.timers.retain(|it| *it != timer);
                    self.timers.push(timer);
                }
                Effect::StopTimer(timer) => self.timers.retain(|it| *it != timer),
                Effect::Closed { fault, .. } => {
                    self.timers.clear();
                    self.closed = Some(fault.map_or_else(String::new, |fault| fault.to_json()));
                }
                Effect::CloseSocket => panic!("the session was given up"),
                Effect::State(..)
                | Effect::Pass { .. }
                | Effect::Ready(_)
                | Effect::Progress { .. }
                | Effect::Withdraw { .. }
                | Effect::Stderr(_) => {}
            }
        }
    }

    fn connect(&mut self, query: String) {
        let mut wire = Wire::default();
        wire.to_bridge.push_back(Parcel::Open(query));
        self.current = Some(self.wires.len());
        self.wires.push(wire);
    }

    /// Both sides will notice, after what still arrives.
    fn end(&mut self, at: usize) {
        let wire = &mut self.wires[at];
        if !std::mem::replace(&mut wire.is_cut, true) {
            wire.to_bridge.push_back(Parcel::Close(1006));
            wire.to_page.push_back(Parcel::Close(1006));
        }
    }

    /// Cuts a socket: of what is on its way, so much still arrives. A silent cut is noticed by nobody.
    fn cut(&mut self, at: usize, bridge_gets: usize, page_gets: usize, silently: bool) {
        let wire = &mut self.wires[at];
        if wire.is_cut {
            return;
        }
        wire.to_bridge.truncate(bridge_gets);
        let lost = wire.to_page.split_off(page_gets.min(wire.to_page.len()));
        if lost
            .iter()
            .any(|it| matches!(it, Parcel::Frame(text) if text.contains("resumed")))
        {
            RESUMED_LOST.fetch_add(1, Ordering::Relaxed);
        }
        CUTS.fetch_add(1, Ordering::Relaxed);
        if !self.client.calls.is_empty() {
            CUTS_WITH_CALLS.fetch_add(1, Ordering::Relaxed);
        }
        if silently {
            wire.is_cut = true;
        } else {
            self.end(at);
        }
    }

    fn arrive_at_page(&mut self, at: usize) {
        let wire = &mut self.wires[at];
        let Some(parcel) = wire.to_page.pop_front() else {
            return;
        };
        if wire.is_abandoned || self.current != Some(at) {
            return;
        }
        match parcel {
            Parcel::Open(_) => self.client.opened(),
            Parcel::Frame(text) => self.client.frame(&text),
            Parcel::Close(code) => {
                self.wires[at].is_cut = true;
                self.client.socket_closed(code, String::new());
            }
        }
        self.perform();
    }

    fn arrive_at_bridge(&mut self, at: usize) {
        let Some(parcel) = self.wires[at].to_bridge.pop_front() else {
            return;
        };
        match parcel {
            Parcel::Open(query) => self.upgrade(at, &query),
            Parcel::Frame(text) if self.bridge.attached == Some(at) => self.hear(at, &text),
            Parcel::Close(code) if self.bridge.attached == Some(at) => {
                assert_eq!(code, 1006, "a close frame ended the session");
                self.bridge.attached = None;
            }
            Parcel::Frame(_) | Parcel::Close(_) => {}
        }
    }

    fn upgrade(&mut self, at: usize, query: &str) {
        self.reply(at, Parcel::Open(String::new()));
        let Some(query) = query.strip_prefix("?resume=") else {
            self.bridge.attached = Some(at);
            return;
        };
        let (token, received) = query.split_once("&received=").unwrap();
        let token: u64 = token.parse().unwrap();
        let received: u64 = received.parse().unwrap();
        if at < self.bridge.last {
            LATE.fetch_add(1, Ordering::Relaxed);
            return self.reply(at, Parcel::Close(4409));
        }
        if !self.bridge.tokens.contains(&token) {
            return self.reply(at, Parcel::Close(4004));
        }
        self.bridge.last = at;
        if let Some(last) = self.bridge.attached.replace(at) {
            self.reply(last, Parcel::Close(4409));
            self.wires[last].is_cut = true;
        }
        self.acknowledge(received);
        self.bridge.next_token += 1;
        let next = self.bridge.next_token;
        self.bridge.tokens = vec![token];
        self.bridge.tokens.push(next);
        let resumed = format!(
            r#"{{"type":"resumed","recovered":true,"received":{},"token":"{next}","window_ms":120000}}"#,
            self.bridge.received
        );
        self.reply(at, Parcel::Frame(resumed));
        for text in self.bridge.kept.clone() {
            self.reply(at, Parcel::Frame(text));
        }
    }

    fn reply(&mut self, at: usize, parcel: Parcel) {
        if !self.wires[at].is_cut {
            self.wires[at].to_page.push_back(parcel);
        }
    }

    /// The page has so many of the bridge's frames.
    fn acknowledge(&mut self, received: u64) {
        let news = received.checked_sub(self.bridge.acknowledged);
        let news = news.expect("what was acknowledged stays so");
        assert!(
            news as usize <= self.bridge.kept.len(),
            "it has what was never sent"
        );
        self.bridge.kept.drain(..news as usize);
        self.bridge.acknowledged = received;
    }

    fn hear(&mut self, at: usize, text: &str) {
        let members = Members::decode(text).unwrap();
        match members.string("type").as_deref() {
            Some("resumable") => {
                self.bridge.tokens = vec![0];
                let text = r#"{"type":"resumable","token":"0","window_ms":120000}"#;
                self.reply(at, Parcel::Frame(text.to_owned()));
                self.bridge.counts = true;
                self.say(r#"{"type":"initialized","session_id":"s"}"#.to_owned());
            }
            Some("ack") => {
                let received = members.get("received").unwrap().parse().unwrap();
                self.acknowledge(received);
                let newest = self.bridge.next_token;
                self.bridge.tokens.retain(|token| *token == newest);
            }
            Some("ping") => self.reply(at, Parcel::Frame(r#"{"type":"pong"}"#.to_owned())),
            _ => {
                self.bridge.received += 1;
                if let Some(result) = members.get("result") {
                    let answer = format!("{} {result}", members.get("id").unwrap());
                    self.bridge.answered.push(answer);
                    return;
                }
                self.bridge.heard.push(members.string("method").unwrap());
                if let Some(id) = members.get("id") {
                    self.bridge.open.push(id.parse().unwrap());
                }
            }
        }
    }

    /// The bridge sends a numbered frame, now or later.
    fn say(&mut self, text: String) {
        self.bridge.kept.push_back(text.clone());
        if let Some(at) = self.bridge.attached {
            self.reply(at, Parcel::Frame(text));
        }
    }

    fn answer_one(&mut self, which: usize) {
        if self.bridge.open.is_empty() {
            return;
        }
        let id = self.bridge.open.remove(which % self.bridge.open.len());
        self.say(format!(
            r#"{{"jsonrpc":"2.0","id":{id},"result":{{"to":{id}}}}}"#
        ));
    }

    /// One thing happens; `what` and `how` choose it.
    fn step(&mut self, what: u8, how: u16) {
        let how = usize::from(how);
        let some = |of: usize| how % of.max(1);
        match what % 24 {
            0..=4 => self.arrive_at_bridge(some(self.wires.len())),
            5..=9 => self.arrive_at_page(some(self.wires.len())),
            // Old sockets are mostly empty.
            10 | 11 => {
                if let Some(at) = self.current {
                    self.arrive_at_bridge(at);
                    self.arrive_at_page(at);
                }
            }
            12 => {
                if let Some(at) = self.current {
                    self.cut(at, how & 3, (how >> 2) & 3, how & 64 != 0);
                }
            }
            13..=15 => {
                self.made += 1;
                let method = format!("call-{}", self.made);
                let request = Request {
                    method: method.clone(),
                    params: None,
                    timeout: None,
                    progress: false,
                };
                self.client.request(request);
                self.done.push(method);
                self.perform();
            }
            16 => {
                self.made += 1;
                let method = format!("note-{}", self.made);
                self.client.notify(&method, None).unwrap();
                self.done.push(method);
                self.perform();
            }
            17 | 18 => self.answer_one(how),
            19 => {
                self.bridge.told += 1;
                let params = format!("{{\"n\":{}}}", self.bridge.told + self.bridge.asked);
                self.say(format!(
                    r#"{{"jsonrpc":"2.0","method":"news","params":{params}}}"#
                ));
            }
            20 => {
                self.bridge.asked += 1;
                let n = self.bridge.told + self.bridge.asked;
                self.say(format!(
                    r#"{{"jsonrpc":"2.0","id":"q{n}","method":"roots/list","params":{{"n":{n}}}}}"#
                ));
            }
            21 => {
                if !self.asks.is_empty() {
                    let ask = self.asks.remove(some(self.asks.len()));
                    self.client.answer(ask, Ok("{}"));
                    self.perform();
                }
            }
            22 => self.fire(how),
            _ => {
                match how % 4 {
                    0 => self.client.network(false),
                    1 => self.client.network(true),
                    2 => self.client.woke(),
                    // The bridge says how much it has.
                    _ => {
                        if let Some(at) = self.bridge.attached {
                            let text =
                                format!(r#"{{"type":"ack","received":{}}}"#, self.bridge.received);
                            self.reply(at, Parcel::Frame(text));
                        }
                    }
                }
                self.perform();
            }
        }
    }

    fn fire(&mut self, how: usize) {
        let timers: Vec<Timer> = self
            .timers
            .iter()
            .copied()
            .filter(|timer| match timer {
                Timer::Ready | Timer::Window => false,
                Timer::Closed
                | Timer::Call(_)
                | Timer::Ack
                | Timer::Steady
                | Timer::Silence
                | Timer::Pong
                | Timer::Retry
                | Timer::Try => true,
            })
            .collect();
        if !timers.is_empty() {
            let timer = timers[how % timers.len()];
            self.timers.retain(|it| *it != timer);
            self.client.expired(timer);
            self.perform();
        }
    }

    /// The line is good from here on: everything comes to its end.
    fn settle(&mut self) {
        self.client.network(true);
        self.perform();
        for round in 0.. {
            assert!(round < 10_000, "it comes to no end");
            assert_eq!(self.closed, None, "the session goes on");
            for at in 0..self.wires.len() {
                while !self.wires[at].to_bridge.is_empty() || !self.wires[at].to_page.is_empty() {
                    self.arrive_at_bridge(at);
                    self.arrive_at_page(at);
                }
            }
            let is_up = self.client.way.link == Link::Up && self.bridge.attached == self.current;
            let is_quiet = self.bridge.open.is_empty() && self.asks.is_empty();
            let has_all = self.client.line.received()
                == self.bridge.acknowledged + self.bridge.kept.len() as u64;
            let is_there = self.bridge.attached.is_some() && has_all;
            if is_up && is_quiet && is_there && !self.client.line.awaits() {
                return;
            }
            while !self.bridge.open.is_empty() {
                self.answer_one(0);
            }
            for ask in std::mem::take(&mut self.asks) {
                self.client.answer(ask, Ok("{}"));
            }
            self.perform();
            if let Some(at) = self.bridge.attached {
                let text = format!(r#"{{"type":"ack","received":{}}}"#, self.bridge.received);
                self.reply(at, Parcel::Frame(text));
            }
            self.fire(round);
        }
    }

    fn check(&self) {
        assert_eq!(self.closed, None, "the session goes on");
        assert_eq!(self.bridge.heard, self.done, "what the MCP server heard");
        let calls = self.done.iter().filter(|it| it.starts_with("call"));
        assert_eq!(self.settled.len(), calls.count(), "answers");
        let mut ids: Vec<u64> = Vec::new();
        for (call, result) in &self.settled {
            assert_eq!(result, &format!("{{\"to\":{call}}}"));
            assert!(!ids.contains(call), "{call} was answered twice");
            ids.push(*call);
        }
        let said = self.bridge.told + self.bridge.asked;
        let expected: Vec<String> = (1..=said).map(|n| format!("{{\"n\":{n}}}")).collect();
        assert_eq!(self.noticed, expected, "what the page heard");
        assert_eq!(self.bridge.answered.len() as u64, self.bridge.asked);
        let mut answered = self.bridge.answered.clone();
        answered.sort();
        answered.dedup();
        assert_eq!(
            answered.len() as u64,
            self.bridge.asked,
            "answers to the MCP server"
        );
    }
}

#[test]
fn nothing_is_lost_repeated_or_reordered_wherever_sockets_are_cut() {
    let steps = vec((any::<u8>(), any::<u16>()), 0..600);
    let mut runner = TestRunner::new(Config {
        cases: 4000,
        failure_persistence: None,
        ..Config::default()
    });
    runner
        .run(&steps, |steps| {
            let mut world = World::new();
            for (what, how) in steps {
                world.step(what, how);
            }
            world.settle();
            world.check();
            Ok(())
        })
        .unwrap();
    // A search that saw too little proves nothing.
    let happened =
        [&CUTS, &CUTS_WITH_CALLS, &RESUMED_LOST, &LATE].map(|count| count.load(Ordering::Relaxed));
    let at_least = [8_000, 5_000, 200, 40];
    let is_enough = happened
        .iter()
        .zip(at_least)
        .all(|(count, least)| *count >= least);
    assert!(
        is_enough,
        "cuts, with calls in flight, of `resumed`, tries that came late: {happened:?}"
    );
}
