//! What is taken away from a process before it becomes an MCP server.
//!
//! Owns the order of it; it runs in the process itself, between fork and exec. Never gives anything back.

use std::fmt;
use std::io;

use rustix::process::Resource;
use rustix::process::Rlimit;

/// The bounds a command gets; whatever comes of it inherits them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Restrictions {
    /// Files and sockets one process may have open.
    pub open_files: u64,
    /// Bytes a file may grow to.
    pub file_bytes: u64,
    /// Processes and threads of the same user, in all of the machine, beyond which it can start no more. The kernel
    /// does not hold it against root.
    pub user_processes: u64,
}

impl fmt::Display for Restrictions {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            open_files,
            file_bytes,
            user_processes,
        } = self;
        write!(formatter, "{open_files},{file_bytes},{user_processes}")
    }
}

impl Restrictions {
    /// Reads what `Display` wrote.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let mut numbers = text.split(',').map(|number| number.parse().ok());
        let restrictions = Self {
            open_files: numbers.next()??,
            file_bytes: numbers.next()??,
            user_processes: numbers.next()??,
        };
        numbers.next().is_none().then_some(restrictions)
    }

    /// Applies them to this process.
    pub(super) fn apply(&self) -> io::Result<()> {
        rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o077));
        // A core dump would hold the secrets of the environment.
        bound(Resource::Core, 0)?;
        bound(Resource::Nofile, self.open_files)?;
        bound(Resource::Fsize, self.file_bytes)?;
        if !rustix::process::geteuid().is_root() {
            bound(Resource::Nproc, self.user_processes)?;
        }
        #[cfg(target_os = "linux")]
        rustix::thread::set_no_new_privs(true)?;
        Ok(())
    }
}

/// Lowers a resource limit for good, and never raises one.
fn bound(resource: Resource, value: u64) -> io::Result<()> {
    let now = rustix::process::getrlimit(resource);
    let value = now.maximum.map_or(value, |maximum| maximum.min(value));
    let limit = Rlimit {
        current: Some(value),
        maximum: Some(value),
    };
    Ok(rustix::process::setrlimit(resource, limit)?)
}

/// Closes everything beyond the standard streams: files that whoever started the bridge left open in it are none of
/// an MCP server's business.
///
/// Nothing of this process may own one of them, so this is for a process that does nothing afterwards but exec.
pub(super) fn close_inherited() {
    let directory = if cfg!(target_os = "linux") {
        "/proc/self/fd"
    } else {
        "/dev/fd"
    };
    let open: Vec<i32> = std::fs::read_dir(directory)
        .into_iter()
        .flatten()
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .filter(|descriptor| *descriptor > 2)
        .collect();
    for descriptor in open {
        // The directory itself is among them and closed by now.
        let _ = nix::unistd::close(descriptor);
    }
}
