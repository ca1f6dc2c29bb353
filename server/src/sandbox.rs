//! How far an MCP server that is a process is shut in.
//!
//! Owns the names of the levels, what an operator may ask for beside them, and the arguments of the program that gives
//! the last of them. Never starts anything.

pub mod bubblewrap;

use std::path::PathBuf;
use std::str::FromStr;

use clap::ValueEnum;
use serde::Deserialize;

/// What is done to keep an MCP server from harming the machine. Each level does what `basic` does, and `bwrap` also
/// what `cgroup` does where the machine has control groups.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, ValueEnum, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum SandboxLevel {
    /// A supervisor alone: nothing outlives the session.
    None,
    /// No new privileges, no core dumps, files for its user alone, resource limits.
    #[default]
    Basic,
    /// A control group: bounds on processes, memory and processor time that hold for all of it together.
    Cgroup,
    /// Namespaces of its own, made by `bwrap`: a read-only view of the files, and no view of other processes.
    Bwrap,
}

impl SandboxLevel {
    /// Every level, the weakest first.
    pub const ALL: [Self; 4] = [Self::None, Self::Basic, Self::Cgroup, Self::Bwrap];

    /// Its name in settings, the catalogue and the audit log.
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Basic => "basic",
            Self::Cgroup => "cgroup",
            Self::Bwrap => "bwrap",
        }
    }
}

/// A word that names no level; the end of a sentence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be \"none\", \"basic\", \"cgroup\" or \"bwrap\"")]
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

/// What a process may do beyond the rules of the level `bwrap`.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct SandboxOptions {
    /// Absolute paths below which it may write.
    pub writable: Vec<PathBuf>,
    /// Whether it may use the network; absent: as it is without this.
    pub network: Option<bool>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_level_has_one_name_everywhere() {
        for level in SandboxLevel::ALL {
            assert_eq!(level.name().parse(), Ok(level));
            assert!(UnknownLevel.to_string().contains(level.name()));
            let flag = level.to_possible_value().unwrap();
            assert_eq!(flag.get_name(), level.name());
            let key = format!("level = {:?}", level.name());
            let table: toml::Table = key.parse().unwrap();
            let read: SandboxLevel = table["level"].clone().try_into().unwrap();
            assert_eq!(read, level);
        }
        assert_eq!("Basic".parse::<SandboxLevel>(), Err(UnknownLevel));
    }
}
