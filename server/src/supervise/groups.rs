//! Control groups: one for each MCP server, with bounds that hold for all of its processes together.
//!
//! Owns where they are made, in version 2 of the interface or, where that has no controllers, in version 1; and how
//! they end. Elsewhere than on Linux there are none. Never puts the bridge or a supervisor under a bound.

use std::fs;
use std::fs::File;
use std::io;
use std::io::Write as _;
use std::path::Path;
use std::path::PathBuf;
use std::time::Duration;

use rustix::process::Pid;
use rustix::process::Signal;

use super::processes;

/// Begins the name of every group; the bridge's process id and start time follow.
const PREFIX: &str = "footbridge-";

/// What a group has to bound.
const CONTROLLERS: [&str; 3] = ["pids", "memory", "cpu"];

/// The group of version 2 that the bridge moves itself into: a group with processes cannot bound groups below it.
const OWN: &str = "footbridge";

/// The period that processor time is shared out in, in microseconds: the kernel's default.
const PERIOD: u64 = 100_000;

/// How often, and how long in between, to try to end a group that an earlier bridge has left behind.
const TRIES: u32 = 100;
const PAUSE: Duration = Duration::from_millis(10);

/// Where control groups are made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Groups {
    version: Version,
    /// A directory for each of [`CONTROLLERS`]; in version 2 the same for all.
    parents: [PathBuf; 3],
    /// Which bridge made a group: its process id and start time.
    owner: String,
}

/// The kernel's two interfaces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Version {
    One,
    Two,
}

/// What the processes of one MCP server may use together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Processes and threads.
    pub processes: u64,
    /// Bytes of memory.
    pub memory_bytes: u64,
    /// Percent of one processor.
    pub cpu_percent: u64,
}

impl Groups {
    /// Finds out where this process can make groups, and tries it.
    ///
    /// # Errors
    /// What is missing: the end of a sentence.
    pub fn find() -> Result<Self, String> {
        let read = |path| fs::read_to_string(path).unwrap_or_default();
        let (mounts, memberships) = (read("/proc/self/mountinfo"), read("/proc/self/cgroup"));
        let owner = processes::identity(rustix::process::getpid())
            .ok_or("there are no control groups on this system")?;
        let unified = place(&mounts, &memberships, "");
        let controllers = unified.as_deref().map(controllers_of).unwrap_or_default();
        let lacking = CONTROLLERS
            .iter()
            .find(|controller| !controllers.iter().any(|there| there == *controller));
        let groups = match (unified, lacking) {
            (Some(parent), None) => {
                delegate(&parent)?;
                Self {
                    version: Version::Two,
                    parents: CONTROLLERS.map(|_| parent.clone()),
                    owner,
                }
            }
            (unified, lacking) => {
                let places = CONTROLLERS.map(|name| place(&mounts, &memberships, name));
                let [Some(pids), Some(memory), Some(cpu)] = places else {
                    return Err(match (unified, lacking) {
                        (Some(at), Some(controller)) => format!(
                            "the control group {} does not have the controller `{controller}`; start the bridge as a \
                             systemd unit with Delegate=yes",
                            at.display()
                        ),
                        (_, _) => "no control groups are mounted".to_owned(),
                    });
                };
                Self {
                    version: Version::One,
                    parents: [pids, memory, cpu],
                    owner,
                }
            }
        };
        let trial = Bounds {
            processes: 1,
            memory_bytes: 1 << 20,
            cpu_percent: 100,
        };
        let made = groups.create("trial", &trial).map_err(|error| {
            format!(
                "no control group can be made in {}: {error}",
                groups.parents[0].display()
            )
        })?;
        made.iter().for_each(|group| remove(group));
        Ok(groups)
    }

    /// Makes a group: a directory for each hierarchy. The name is one that no other group of this bridge has.
    ///
    /// # Errors
    /// When the system refuses; nothing is left behind then.
    pub fn create(&self, name: &str, bounds: &Bounds) -> io::Result<Vec<PathBuf>> {
        let name = format!("{PREFIX}{}-{name}", self.owner);
        let directories = self.parents.clone().map(|parent| parent.join(&name));
        let mut made: Vec<PathBuf> = Vec::new();
        let mut make = || -> io::Result<()> {
            for directory in &directories {
                if !made.contains(directory) {
                    fs::create_dir(directory)?;
                    made.push(directory.clone());
                }
            }
            self.set(&directories, bounds)
        };
        let result = make();
        if result.is_err() {
            made.iter().for_each(|group| remove(group));
        }
        result.map(|()| made)
    }

    fn set(&self, [pids, memory, cpu]: &[PathBuf; 3], bounds: &Bounds) -> io::Result<()> {
        let (most, bytes) = (
            bounds.processes.to_string(),
            bounds.memory_bytes.to_string(),
        );
        let quota = bounds.cpu_percent * PERIOD / 100;
        write(&pids.join("pids.max"), &most)?;
        match self.version {
            Version::One => {
                write(&memory.join("memory.limit_in_bytes"), &bytes)?;
                // Not there on a kernel that does not account for swap.
                let _ = write(&memory.join("memory.memsw.limit_in_bytes"), &bytes);
                write(&cpu.join("cpu.cfs_period_us"), &PERIOD.to_string())?;
                write(&cpu.join("cpu.cfs_quota_us"), &quota.to_string())
            }
            Version::Two => {
                write(&memory.join("memory.max"), &bytes)?;
                let _ = write(&memory.join("memory.swap.max"), "0");
                write(&cpu.join("cpu.max"), &format!("{quota} {PERIOD}"))
            }
        }
    }

    /// Ends what bridges that are gone have left behind, as after a crash of bridge and supervisor together.
    pub fn sweep(&self) {
        let mut left: Vec<PathBuf> = self
            .parents
            .iter()
            .flat_map(|parent| fs::read_dir(parent).into_iter().flatten().flatten())
            .filter(|entry| entry.file_name().to_str().is_some_and(is_abandoned))
            .map(|entry| entry.path())
            .collect();
        for _ in 0..TRIES {
            left.retain(|group| !end(group));
            if left.is_empty() {
                return;
            }
            std::thread::sleep(PAUSE);
        }
    }
}

/// Whether a directory is the group of a bridge that is gone.
fn is_abandoned(name: &str) -> bool {
    let Some(owner) = name.strip_prefix(PREFIX) else {
        return false;
    };
    let mut parts = owner.splitn(3, '-');
    let (Some(pid), Some(started)) = (parts.next(), parts.next()) else {
        return false;
    };
    let Some(pid) = pid.parse().ok().and_then(Pid::from_raw) else {
        return false;
    };
    processes::identity(pid) != Some(format!("{pid}-{started}"))
}

/// Where in the file system a process is, for a controller of version 1, or `""` for version 2.
fn place(mounts: &str, memberships: &str, controller: &str) -> Option<PathBuf> {
    let kind = if controller.is_empty() {
        "cgroup2"
    } else {
        "cgroup"
    };
    let (root, mounted) = mounts.lines().find_map(|line| {
        let (before, after) = line.split_once(" - ")?;
        let mut after = after.split(' ');
        let is_it = after.next()? == kind
            && (controller.is_empty()
                || after.nth(1)?.split(',').any(|option| option == controller));
        let mut before = before.split(' ').skip(3);
        is_it.then_some((before.next()?, before.next()?))
    })?;
    let own = memberships.lines().find_map(|line| {
        let mut parts = line.splitn(3, ':').skip(1);
        let controllers = parts.next()?;
        let is_it = controllers.split(',').any(|name| name == controller);
        is_it.then_some(parts.next()?)
    })?;
    // In a container the mount may show only a part, and the process may be outside of it.
    let below = Path::new(own).strip_prefix(root).unwrap_or(Path::new(""));
    let mounted = Path::new(mounted);
    let inside = mounted.join(below);
    Some(if inside.is_dir() {
        inside
    } else {
        mounted.to_owned()
    })
}

fn controllers_of(group: &Path) -> Vec<String> {
    words_of(&group.join("cgroup.controllers"))
}

fn words_of(file: &Path) -> Vec<String> {
    let text = fs::read_to_string(file).unwrap_or_default();
    text.split_whitespace().map(str::to_owned).collect()
}

/// Lets groups below `parent` be bounded, which in version 2 needs a `parent` without processes.
fn delegate(parent: &Path) -> Result<(), String> {
    let control = parent.join("cgroup.subtree_control");
    let given = words_of(&control);
    let is_given = |name: &&str| given.iter().any(|there| there == name);
    if CONTROLLERS.iter().all(is_given) {
        return Ok(());
    }
    let refused = |error: io::Error| {
        format!(
            "the control group {} is not this program's own ({error}); start the bridge as a systemd unit with \
             Delegate=yes",
            parent.display()
        )
    };
    let own = parent.join(OWN);
    if let Err(error) = fs::create_dir(&own)
        && error.kind() != io::ErrorKind::AlreadyExists
    {
        return Err(refused(error));
    }
    join(&own).map_err(refused)?;
    let wanted = CONTROLLERS.map(|name| format!("+{name}")).join(" ");
    write(&control, &wanted).map_err(|error| {
        // Somebody else is in there: as it was.
        let _ = join(parent);
        let _ = fs::remove_dir(&own);
        refused(error)
    })
}

/// Puts this process into a group.
pub(super) fn join(group: &Path) -> io::Result<()> {
    // `0` is whoever writes it.
    write(&group.join("cgroup.procs"), "0")
}

/// Kills everything in a group and removes it; true when it is gone. For as long as it is not, call it again.
pub fn end(group: &Path) -> bool {
    kill(group);
    remove(group);
    !group.exists()
}

/// Kills everything in a group, without waiting for it to be gone.
pub(super) fn kill(group: &Path) {
    for below in groups_below(group) {
        kill(&below);
    }
    if write(&group.join("cgroup.kill"), "1").is_ok() {
        return;
    }
    // Version 1, or an old kernel: let nothing new come, then end what is there.
    let _ = write(&group.join("pids.max"), "0");
    let pids = fs::read_to_string(group.join("cgroup.procs")).unwrap_or_default();
    for pid in pids.lines() {
        if let Some(pid) = pid.parse().ok().and_then(Pid::from_raw) {
            let _ = rustix::process::kill_process(pid, Signal::KILL);
        }
    }
}

fn remove(group: &Path) {
    for below in groups_below(group) {
        remove(&below);
    }
    let _ = fs::remove_dir(group);
}

/// Groups that an MCP server has made in its own.
fn groups_below(group: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(group).into_iter().flatten().flatten();
    entries
        .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()))
        .map(|entry| entry.path())
        .collect()
}

/// Writes to a file that is there already, as all of a group's are.
fn write(file: &Path, text: &str) -> io::Result<()> {
    File::options()
        .write(true)
        .open(file)?
        .write_all(text.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOUNTS: &str = "\
31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755
32 31 0:29 / /proc/sys rw,relatime - cgroup cgroup rw,cpu,cpuacct
35 31 0:32 /docker/7 /proc rw,relatime shared:9 - cgroup cgroup rw,memory
41 31 0:38 / /sys rw,relatime - cgroup2 cgroup2 rw
";
    const MEMBERSHIPS: &str = "\
5:memory:/docker/7/self
4:cpu,cpuacct:/no/such
3:pids:/
0::/fs/nothing
";

    #[test]
    fn a_hierarchy_is_found_by_its_mount_and_the_processs_place_in_it() {
        let place = |controller| place(MOUNTS, MEMBERSHIPS, controller);
        // The directories of these mounts are real, so that what is there can be told from what is not.
        assert_eq!(place("memory").as_deref(), Some(Path::new("/proc/self")));
        assert_eq!(place("cpu").as_deref(), Some(Path::new("/proc/sys")));
        assert_eq!(place("").as_deref(), Some(Path::new("/sys")));
        assert_eq!(place("pids"), None, "it is not mounted");
        assert_eq!(place("blkio"), None);
    }

    #[test]
    fn only_groups_of_bridges_that_are_gone_are_abandoned() {
        let this = processes::identity(rustix::process::getpid()).unwrap();
        assert!(!is_abandoned(&format!("{PREFIX}{this}-abc")));
        let pid = std::process::id();
        assert!(is_abandoned(&format!("{PREFIX}{pid}-1-abc")));
        assert!(is_abandoned(&format!("{PREFIX}2147483647-1-abc")));
        for other in ["footbridge", "footbridge-x-1", "footbridge-7", "user.slice"] {
            assert!(!is_abandoned(other), "{other}");
        }
    }

    #[test]
    fn bounds_are_written_in_the_words_of_either_version() {
        let folder = std::env::temp_dir().join(format!("footbridge-groups-{}", std::process::id()));
        let bounds = Bounds {
            processes: 7,
            memory_bytes: 4096,
            cpu_percent: 50,
        };
        for (version, expected) in [
            (
                Version::One,
                [
                    ("pids.max", "7"),
                    ("memory.limit_in_bytes", "4096"),
                    ("cpu.cfs_period_us", "100000"),
                    ("cpu.cfs_quota_us", "50000"),
                ]
                .as_slice(),
            ),
            (
                Version::Two,
                &[
                    ("pids.max", "7"),
                    ("memory.max", "4096"),
                    ("memory.swap.max", "0"),
                    ("cpu.max", "50000 100000"),
                ],
            ),
        ] {
            fs::create_dir_all(&folder).unwrap();
            let groups = Groups {
                version,
                parents: CONTROLLERS.map(|_| folder.clone()),
                owner: "1-2".to_owned(),
            };
            let directories = CONTROLLERS.map(|_| folder.clone());
            for (file, _) in expected {
                fs::write(folder.join(file), "").unwrap();
            }
            groups.set(&directories, &bounds).unwrap();
            for (file, text) in expected {
                assert_eq!(&fs::read_to_string(folder.join(file)).unwrap(), text);
            }
            fs::remove_file(folder.join("pids.max")).unwrap();
            assert!(groups.set(&directories, &bounds).is_err());
            // The kernel makes the files; here there are none, so nothing can be bounded and nothing stays.
            assert!(groups.create("x", &bounds).is_err());
            assert_eq!(groups_below(&folder), Vec::<PathBuf>::new());
            fs::remove_dir_all(&folder).unwrap();
        }
    }
}
