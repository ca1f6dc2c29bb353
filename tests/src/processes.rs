//! What runs below a process, as `/proc` tells it.

use std::fs;

/// Every process below this one, by id.
pub fn descendants(pid: u32) -> Vec<u32> {
    let mut found = Vec::new();
    let mut waiting = vec![pid];
    let parents: Vec<(u32, u32)> = all();
    while let Some(parent) = waiting.pop() {
        let children = parents
            .iter()
            .filter(|(_, its_parent)| *its_parent == parent)
            .map(|(child, _)| *child);
        for child in children {
            found.push(child);
            waiting.push(child);
        }
    }
    found
}

/// Which of these processes are there and not dead.
pub fn alive(pids: &[u32]) -> Vec<u32> {
    let all = all();
    pids.iter()
        .copied()
        .filter(|pid| all.iter().any(|(there, _)| there == pid))
        .collect()
}

/// Process and parent of everything that is not a zombie.
fn all() -> Vec<(u32, u32)> {
    stats()
        .filter(|(_, state, _)| state != "Z" && state != "X")
        .map(|(pid, _, parent)| (pid, parent))
        .collect()
}

/// Id, state and parent of every process.
fn stats() -> impl Iterator<Item = (u32, String, u32)> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    pids.filter_map(|pid| {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        // The program's name stands in parentheses and may hold anything.
        let mut fields = stat.rsplit_once(')')?.1.split_whitespace();
        let state = fields.next()?.to_owned();
        let parent = fields.next()?.parse().ok()?;
        Some((pid, state, parent))
    })
}

/// What a process holds of the machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Holding {
    /// Resident memory, in KiB.
    pub memory: u64,
    /// Threads.
    pub threads: u64,
    /// Its children, zombies included.
    pub family: usize,
}

/// What a process holds now.
///
/// # Panics
/// When it is not there.
pub fn holding(pid: u32) -> Holding {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("the process runs");
    let number = |name: &str| -> u64 {
        let line = status.lines().find(|line| line.starts_with(name));
        let text = line.and_then(|line| line.split_whitespace().nth(1));
        text.and_then(|text| text.parse().ok()).expect(name)
    };
    Holding {
        memory: number("VmRSS:"),
        threads: number("Threads:"),
        family: children(pid),
    }
}

/// Direct children, zombies included: a zombie is one that was never waited for.
fn children(pid: u32) -> usize {
    stats().filter(|(_, _, parent)| *parent == pid).count()
}
