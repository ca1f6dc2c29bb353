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
    let Ok(entries) = fs::read_dir("/proc") else {
        return Vec::new();
    };
    let pids = entries
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    pids.filter_map(|pid| {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        // The program's name stands in parentheses and may hold anything.
        let mut fields = stat.rsplit_once(')')?.1.split_whitespace();
        let state = fields.next()?;
        let parent = fields.next()?.parse().ok()?;
        (state != "Z" && state != "X").then_some((pid, parent))
    })
    .collect()
}
