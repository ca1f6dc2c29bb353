//! How far MCP servers that are processes are shut in, and whether this machine can do it.
//!
//! Owns the settings of it and what was found on the machine at the start. A level that the machine does not give is
//! an error, never a weaker one.

use std::collections::BTreeMap;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;
use std::process::Stdio;
use std::sync::Arc;
use std::thread::sleep;
use std::time::Duration;

use crate::config::error::ConfigError;
use crate::config::settings::Settings;
use crate::sandbox::SandboxLevel;
use crate::sandbox::SandboxOptions;
use crate::sandbox::bubblewrap::View;
#[cfg(unix)]
use crate::supervise::groups::Groups;

/// How long the trial of `bwrap` may take: this often a pause.
const TRIAL_PAUSES: u32 = 500;
const PAUSE: Duration = Duration::from_millis(20);

/// How far MCP servers that are processes are shut in.
#[derive(Clone, Debug)]
pub struct Sandbox {
    /// The level of every server that the catalogue gives no other.
    pub level: SandboxLevel,
    /// What servers at the level `bwrap` may change.
    pub writable: Vec<PathBuf>,
    /// Whether servers at the level `bwrap` may use the network.
    pub network: bool,
    bubblewrap: Option<PathBuf>,
    #[cfg(unix)]
    groups: Option<Groups>,
}

/// How servers of the catalogue are shut in that are to be shut in otherwise than the rest, by name.
pub type Sandboxes = BTreeMap<String, Arc<Sandbox>>;

impl Default for Sandbox {
    fn default() -> Self {
        Self {
            level: SandboxLevel::default(),
            writable: Vec::new(),
            network: true,
            bubblewrap: None,
            #[cfg(unix)]
            groups: None,
        }
    }
}

impl Sandbox {
    /// What the settings ask for, tried on this machine. `program` is this binary.
    ///
    /// # Errors
    /// A sentence about the path or the level that cannot be had.
    pub fn check(
        settings: &Settings,
        program: &Path,
        warnings: &mut Vec<String>,
    ) -> Result<Self, ConfigError> {
        let level = settings.sandbox.unwrap_or_default();
        let paths = settings.sandbox_write.iter();
        let options = SandboxOptions {
            writable: paths
                .map(|path| existing("--sandbox-write", path))
                .collect::<Result<_, _>>()?,
            network: settings.sandbox_network,
        };
        let asks_for_more = options != SandboxOptions::default();
        if asks_for_more && level != SandboxLevel::Bwrap {
            warnings.push(format!(
                "--sandbox-write and --sandbox-network do nothing for servers at the sandbox level {}; they are for \
                 the level bwrap.",
                level.name()
            ));
        }
        let sandbox = Self::default()
            .of_server(Some(level), &options, program)
            .map_err(|error| ConfigError::new(format!("--sandbox {}: {error}", level.name())))?;
        #[cfg(unix)]
        if level == SandboxLevel::Bwrap && sandbox.groups.is_none() {
            warnings.push(
                "This machine gives no control groups, so nothing bounds the processes, memory and processor time of \
                 MCP servers."
                    .to_owned(),
            );
        }
        Ok(sandbox)
    }

    /// That of one server, once it has been tried on this machine: at another level, and with more options.
    /// `program` is this binary.
    ///
    /// # Errors
    /// A sentence that says what is missing.
    pub fn of_server(
        &self,
        level: Option<SandboxLevel>,
        options: &SandboxOptions,
        program: &Path,
    ) -> Result<Self, String> {
        let mut sandbox = self.clone();
        sandbox.writable.extend(options.writable.iter().cloned());
        let level = level.unwrap_or(self.level);
        sandbox.level = level;
        sandbox.network = options.network.unwrap_or(self.network);
        match level {
            SandboxLevel::None | SandboxLevel::Basic => {}
            SandboxLevel::Cgroup => sandbox.find_groups()?,
            SandboxLevel::Bwrap => {
                // They are more than this level promises, so it does without where there are none.
                let _ = sandbox.find_groups();
                if sandbox.bubblewrap.is_none() {
                    let path = std::env::var_os("PATH").unwrap_or_default();
                    sandbox.bubblewrap = Some(find_bubblewrap(&path)?);
                    sandbox.try_bubblewrap(program)?;
                }
            }
        }
        Ok(sandbox)
    }

    /// The program that makes namespaces, at the level that has them.
    pub fn bubblewrap(&self) -> Option<&Path> {
        match self.level {
            SandboxLevel::None | SandboxLevel::Basic | SandboxLevel::Cgroup => None,
            SandboxLevel::Bwrap => self.bubblewrap.as_deref(),
        }
    }

    /// Where control groups are made, at the levels that have them.
    #[cfg(unix)]
    pub fn groups(&self) -> Option<&Groups> {
        match self.level {
            SandboxLevel::None | SandboxLevel::Basic => None,
            SandboxLevel::Cgroup | SandboxLevel::Bwrap => self.groups.as_ref(),
        }
    }

    #[cfg(unix)]
    fn find_groups(&mut self) -> Result<(), String> {
        if self.groups.is_none() {
            let groups = Groups::find().map_err(|missing| format!("{missing}."))?;
            groups.sweep();
            self.groups = Some(groups);
        }
        Ok(())
    }

    #[cfg(not(unix))]
    fn find_groups(&mut self) -> Result<(), String> {
        Err("there are no control groups on this system.".to_owned())
    }

    /// Starts this very binary as an MCP server would be started, to see whether the kernel allows it.
    fn try_bubblewrap(&self, program: &Path) -> Result<(), String> {
        let Some(bubblewrap) = self.bubblewrap() else {
            return Ok(());
        };
        let view = View {
            program,
            directory: None,
            writable: &self.writable,
            network: self.network,
        };
        let refused = |why: &str| {
            format!(
                "{} cannot make namespaces here ({why}); the kernel or a container may forbid it to this user.",
                bubblewrap.display()
            )
        };
        let mut trial = Command::new(program)
            .args(["supervise", "--parent", &std::process::id().to_string()])
            .args(["--restrict", "256,1048576,1000000", "--nested", "--"])
            .arg(bubblewrap)
            .args(view.arguments())
            .arg("--version")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| refused(&error.to_string()))?;
        for _ in 0..TRIAL_PAUSES {
            match trial.try_wait() {
                Ok(Some(status)) if status.success() => return Ok(()),
                Ok(Some(_)) => {
                    let said = trial.wait_with_output().map(|output| output.stderr);
                    let said = String::from_utf8_lossy(&said.unwrap_or_default()).into_owned();
                    return Err(refused(said.lines().next().unwrap_or("it says nothing")));
                }
                Ok(None) => sleep(PAUSE),
                Err(error) => return Err(refused(&error.to_string())),
            }
        }
        let _ = trial.kill();
        Err(refused("it does not end"))
    }
}

/// Directories that callers may start programs in.
///
/// # Errors
/// A sentence about one that is not there.
pub fn roots(settings: &Settings) -> Result<Vec<PathBuf>, ConfigError> {
    let roots = settings.root.iter().map(|path| {
        let root = existing("--root", path)?;
        if root.is_dir() {
            return Ok(root);
        }
        Err(ConfigError::new(format!(
            "--root {path:?} is not a directory."
        )))
    });
    roots.collect()
}

/// A path with `~` and symbolic links resolved.
fn existing(flag: &str, path: &str) -> Result<PathBuf, ConfigError> {
    let home = std::env::var_os("HOME").map(PathBuf::from);
    let full = match (path.strip_prefix("~/"), home) {
        (Some(rest), Some(home)) => home.join(rest),
        (Some(_), None) | (None, _) => PathBuf::from(path),
    };
    full.canonicalize().map_err(|error| {
        ConfigError::new(format!(
            "{flag} {path:?} cannot be used: {error}; create it first."
        ))
    })
}

fn find_bubblewrap(path: &std::ffi::OsStr) -> Result<PathBuf, String> {
    std::env::split_paths(path)
        .filter(|directory| directory.is_absolute())
        .map(|directory| directory.join("bwrap"))
        .find(|program| program.is_file())
        .ok_or_else(|| {
            "there is no program `bwrap` on the PATH; install bubblewrap (Linux only).".to_owned()
        })
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;

    use super::*;

    fn check(settings: &Settings) -> Result<(Sandbox, Vec<String>), String> {
        let mut warnings = Vec::new();
        Sandbox::check(settings, Path::new("/bin/footbridge"), &mut warnings)
            .map(|sandbox| (sandbox, warnings))
            .map_err(|error| error.to_string())
    }

    #[test]
    fn the_level_is_basic_unless_told_otherwise() {
        let (sandbox, warnings) = check(&Settings::default()).unwrap();
        assert_eq!(sandbox.level, SandboxLevel::Basic);
        assert!(sandbox.network && sandbox.bubblewrap().is_none());
        assert_eq!(warnings, [""; 0]);
    }

    #[test]
    fn options_of_another_level_are_warned_of_and_paths_must_be_there() {
        let settings = Settings {
            sandbox_write: vec!["/tmp".to_owned()],
            ..Settings::default()
        };
        let (sandbox, warnings) = check(&settings).unwrap();
        assert_eq!(
            sandbox.writable,
            [Path::new("/tmp").canonicalize().unwrap()]
        );
        assert!(warnings[0].contains("the level bwrap"), "{warnings:?}");
        let settings = Settings {
            sandbox_write: vec!["/no/such/path".to_owned()],
            ..Settings::default()
        };
        let error = check(&settings).unwrap_err();
        assert!(error.starts_with("--sandbox-write \"/no/such/path\" cannot be used"));
    }

    #[test]
    fn a_machine_without_bwrap_is_told_what_is_missing() {
        let error = find_bubblewrap(OsStr::new("/no/such:bin")).unwrap_err();
        assert!(error.contains("install bubblewrap"), "{error}");
    }

    #[test]
    fn roots_are_directories_with_their_links_resolved() {
        let roots = |path: &str| {
            let settings = Settings {
                root: vec![path.to_owned()],
                ..Settings::default()
            };
            roots(&settings).map_err(|error| error.to_string())
        };
        assert_eq!(roots("/usr/../usr").unwrap(), [Path::new("/usr")]);
        assert!(
            roots("/etc/passwd")
                .unwrap_err()
                .contains("not a directory")
        );
        assert!(roots("/no/such").unwrap_err().contains("--root"));
    }
}
