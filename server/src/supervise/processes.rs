//! Finds processes: by descent, and by the mark that an MCP server's environment carries.
//!
//! Owns the reading of `/proc`; elsewhere than on Linux it finds nothing.
//! Never signals anything.

use rustix::process::Pid;

/// The environment variable that marks every process of one MCP server, whatever becomes of its parents.
pub const MARK: &str = "FOOTBRIDGE_MARK";

/// The living processes that descend from `root`, without `root`.
#[cfg(target_os = "linux")]
pub fn descendants(root: Pid) -> Vec<Pid> {
    below(root, 1)
}

/// The living processes that descend from children of `root`, without those children.
#[cfg(target_os = "linux")]
pub fn beyond_children(root: Pid) -> Vec<Pid> {
    below(root, 2)
}

/// Nothing: there is no `/proc` here.
#[cfg(not(target_os = "linux"))]
pub fn beyond_children(_root: Pid) -> Vec<Pid> {
    Vec::new()
}

/// The living processes that are at least `generations` below `root`.
#[cfg(target_os = "linux")]
fn below(root: Pid, generations: usize) -> Vec<Pid> {
    let table: Vec<Entry> = pids().filter_map(Entry::read).collect();
    let mut family = vec![(root, 0)];
    let mut next = 0;
    while let Some(&(parent, generation)) = family.get(next) {
        family.extend(
            table
                .iter()
                .filter(|entry| entry.parent == Some(parent))
                .map(|entry| (entry.pid, generation + 1)),
        );
        next += 1;
    }
    let is_alive = |pid: &Pid| {
        table
            .iter()
            .any(|entry| entry.pid == *pid && !entry.is_zombie)
    };
    family
        .into_iter()
        .filter(|(_, generation)| *generation >= generations)
        .map(|(pid, _)| pid)
        .filter(is_alive)
        .collect()
}

/// What no other process has, now or later: its id and when it started.
#[cfg(target_os = "linux")]
pub fn identity(pid: Pid) -> Option<String> {
    let started = Entry::read(pid)?.started;
    Some(format!("{pid}-{started}"))
}

/// Nothing: there is no `/proc` here.
#[cfg(not(target_os = "linux"))]
pub fn identity(_pid: Pid) -> Option<String> {
    None
}

/// The living processes whose environment has [`MARK`] with this value, without this one.
#[cfg(target_os = "linux")]
pub fn marked(value: &str) -> Vec<Pid> {
    let wanted = format!("{MARK}={value}");
    let has_mark = |pid: &Pid| {
        // Not readable: another user's, or gone.
        std::fs::read(format!("/proc/{pid}/environ")).is_ok_and(|environment| {
            environment
                .split(|byte| *byte == 0)
                .any(|entry| entry == wanted.as_bytes())
        })
    };
    let this = rustix::process::getpid();
    pids().filter(|pid| *pid != this).filter(has_mark).collect()
}

/// Nothing: there is no `/proc` here.
#[cfg(not(target_os = "linux"))]
pub fn marked(_value: &str) -> Vec<Pid> {
    Vec::new()
}

#[cfg(target_os = "linux")]
struct Entry {
    pid: Pid,
    parent: Option<Pid>,
    is_zombie: bool,
    /// In clock ticks since the machine started.
    started: u64,
}

#[cfg(target_os = "linux")]
impl Entry {
    /// `None` when the process is gone.
    fn read(pid: Pid) -> Option<Self> {
        let stat = std::fs::read(format!("/proc/{pid}/stat")).ok()?;
        // The second field is the program's name in parentheses, and may itself hold spaces and parentheses.
        let after_name = memchr::memrchr(b')', &stat)?;
        let mut fields = str::from_utf8(&stat[after_name + 1..])
            .ok()?
            .split_ascii_whitespace();
        let state = fields.next()?;
        let parent = Pid::from_raw(fields.next()?.parse().ok()?);
        Some(Self {
            pid,
            parent,
            is_zombie: matches!(state, "Z" | "X"),
            started: fields.nth(17)?.parse().ok()?,
        })
    }
}

#[cfg(target_os = "linux")]
fn pids() -> impl Iterator<Item = Pid> {
    std::fs::read_dir("/proc")
        .into_iter()
        .flatten()
        .filter_map(|entry| Pid::from_raw(entry.ok()?.file_name().to_str()?.parse().ok()?))
}
