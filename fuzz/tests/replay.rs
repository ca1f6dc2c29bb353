//! Every target over its corpus, and over mutations of it that are the same each time: a short run for every machine.

use std::any::Any;
use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::mpsc;
use std::sync::mpsc::RecvTimeoutError;
use std::time::Duration;

use footbridge_fuzz::TARGETS;
use footbridge_fuzz::Target;
use footbridge_fuzz::mutate::Numbers;
use footbridge_fuzz::mutate::mutate;

/// Mutations of one target; `FOOTBRIDGE_FUZZ_RUNS` asks for more.
const RUNS: usize = 1_000;
/// The longest input that is made.
const MAX_BYTES: usize = 4096;
/// How long nothing may move: far above what any input takes on the slowest machine.
const STUCK: Duration = Duration::from_secs(30);
/// Bytes of all corpora together: they are for reading, too.
const MAX_CORPUS: usize = 1024 * 1024;

/// The inputs of a target, in the order of their names.
fn corpus(name: &str) -> Vec<(String, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("corpus")
        .join(name);
    let entries = std::fs::read_dir(&folder).expect("a folder for each target");
    let mut inputs: Vec<(String, Vec<u8>)> = entries
        .map(|entry| {
            let entry = entry.expect("an entry");
            let bytes = std::fs::read(entry.path()).expect("a file");
            (entry.file_name().to_string_lossy().into_owned(), bytes)
        })
        .collect();
    inputs.sort();
    inputs
}

/// Runs a target on one input; what it says when it panics.
fn fails(target: Target, input: &[u8]) -> Option<String> {
    let failure = std::panic::catch_unwind(|| target(input)).err()?;
    let hex = input.iter().fold(String::new(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    });
    Some(format!("{}\ninput: {hex}", words(&*failure)))
}

fn words(failure: &(dyn Any + Send)) -> &str {
    failure
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| failure.downcast_ref::<&str>().copied())
        .unwrap_or("a panic without words")
}

/// Does the work on a thread of its own and fails when it stops moving.
fn watched(name: &'static str, inputs: impl Iterator<Item = Vec<u8>> + Send + 'static) {
    let target = TARGETS
        .iter()
        .find(|(known, _)| *known == name)
        .map(|(_, target)| *target)
        .expect("a target of that name");
    let current = Arc::new(Mutex::new(Vec::new()));
    let (sender, moves) = mpsc::sync_channel(1024);
    let shared = Arc::clone(&current);
    let worker = std::thread::spawn(move || {
        for input in inputs {
            shared
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .clone_from(&input);
            if sender.send(fails(target, &input)).is_err() {
                return;
            }
        }
    });
    loop {
        match moves.recv_timeout(STUCK) {
            Ok(None) => {}
            Ok(Some(failure)) => panic!("{name}: {failure}"),
            Err(RecvTimeoutError::Disconnected) => break,
            Err(RecvTimeoutError::Timeout) => {
                let input = current.lock().unwrap_or_else(PoisonError::into_inner);
                panic!("{name} is stuck on {input:02x?}");
            }
        }
    }
    worker.join().expect("the worker catches what panics");
}

fn replay(name: &'static str) {
    let known = corpus(name);
    assert!(!known.is_empty(), "{name} has no corpus");
    watched(name, known.clone().into_iter().map(|(_, bytes)| bytes));
    let n_runs = std::env::var_os("FOOTBRIDGE_FUZZ_RUNS")
        .and_then(|runs| runs.to_str()?.parse().ok())
        .unwrap_or(RUNS);
    let mut numbers = Numbers::new(name.len() as u64);
    let mutations = (0..n_runs).map(move |_| {
        let mut input = known[numbers.below(known.len())].1.clone();
        let other = &known[numbers.below(known.len())].1;
        mutate(&mut input, other, &mut numbers, MAX_BYTES);
        input
    });
    watched(name, mutations);
}

/// A test for each target, so that they run side by side and each says its own name.
macro_rules! replays {
    ($($name:ident)+) => {
        $(#[test]
        fn $name() {
            replay(stringify!($name));
        })+

        const REPLAYED: &[&str] = &[$(stringify!($name)),+];
    };
}

replays!(catalogue config egress frames host_origin params redact resume rpc sse stdio_lines ticket);

#[test]
fn every_target_is_replayed_and_has_a_small_corpus_and_a_program() {
    let names = TARGETS.map(|(name, _)| name);
    assert_eq!(REPLAYED, names);
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let manifest = std::fs::read_to_string(root.join("Cargo.toml")).expect("the manifest");
    let mut n_bytes = 0;
    for name in names {
        n_bytes += corpus(name)
            .iter()
            .map(|(_, bytes)| bytes.len())
            .sum::<usize>();
        assert!(manifest.contains(&format!("path = \"fuzz_targets/{name}.rs\"")));
        let program = std::fs::read_to_string(root.join(format!("fuzz_targets/{name}.rs")));
        assert!(
            program
                .is_ok_and(|text| text.contains(&format!("footbridge_fuzz::{name}::run(input)")))
        );
    }
    let folders = std::fs::read_dir(root.join("corpus")).expect("the corpora");
    assert_eq!(folders.count(), names.len());
    assert!(n_bytes <= MAX_CORPUS, "{n_bytes} bytes");
}

#[test]
fn an_input_that_breaks_a_target_is_named_byte_for_byte() {
    fn broken(input: &[u8]) {
        assert!(input != b"\x00\xff", "this one");
    }
    assert_eq!(fails(broken, b"good"), None);
    assert_eq!(
        fails(broken, b"\x00\xff"),
        Some("this one\ninput: 00ff".to_owned())
    );
}

#[test]
fn mutations_are_the_same_each_time_and_within_their_bound() {
    let made = |seed| {
        let mut numbers = Numbers::new(seed);
        let mut inputs = Vec::new();
        for _ in 0..200 {
            let mut input = b"a short input".to_vec();
            mutate(&mut input, b"another", &mut numbers, 40);
            inputs.push(input);
        }
        inputs
    };
    assert_eq!(made(1), made(1));
    assert_ne!(made(1), made(2));
    assert!(made(1).iter().all(|input| input.len() <= 40));
    let different: std::collections::HashSet<_> = made(1).into_iter().collect();
    assert!(different.len() > 150, "{}", different.len());
}
