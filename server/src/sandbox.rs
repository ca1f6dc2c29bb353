//! How closely a process is kept: the levels of the sandbox.
//!
//! Owns their names and what an operator may ask for beside them. Never starts anything.

use std::path::PathBuf;
use std::str::FromStr;

/// How closely a process is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SandboxLevel {
    /// It may do what the bridge's user may do.
    None,
    /// Limits of the operating system for one process, and no new privileges.
    Basic,
    /// Those, and bounds on memory, processor and number of processes for all of its family.
    Cgroup,
    /// Those of `Basic`, and a file system of its own, made by bubblewrap.
    Bwrap,
    /// Those of `Basic`, and rules of the kernel about files and connections.
    Landlock,
}

impl SandboxLevel {
    /// Every level, from the loosest.
    pub const ALL: [Self; 5] = [
        Self::None,
        Self::Basic,
        Self::Cgroup,
        Self::Bwrap,
        Self::Landlock,
    ];

    /// The level's name in settings and in the catalogue.
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Basic => "basic",
            Self::Cgroup => "cgroup",
            Self::Bwrap => "bwrap",
            Self::Landlock => "landlock",
        }
    }
}

/// A word that names no level; the end of a sentence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be \"none\", \"basic\", \"cgroup\", \"bwrap\" or \"landlock\"")]
pub struct UnknownLevel;

impl FromStr for SandboxLevel {
    type Err = UnknownLevel;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|level| level.name() == name)
            .ok_or(UnknownLevel)
    }
}

/// What a sandboxed process may do beyond its level's rules.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct SandboxOptions {
    /// Absolute paths below which it may write.
    pub writable: Vec<PathBuf>,
    /// Whether it may use the network; absent: as its level has it.
    pub network: Option<bool>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_level_is_read_by_its_name_and_listed_in_the_sentence() {
        for level in SandboxLevel::ALL {
            assert_eq!(level.name().parse(), Ok(level));
            assert!(UnknownLevel.to_string().contains(level.name()));
        }
        assert_eq!("Basic".parse::<SandboxLevel>(), Err(UnknownLevel));
    }
}
