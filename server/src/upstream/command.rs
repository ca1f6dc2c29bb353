//! From the command of server params to a program that can be started.
//!
//! Owns the search on the bridge's `PATH` and the sentences that say why nothing can be started.
//! Never starts anything, and never names arguments or values of the environment.

use std::ffi::OsStr;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::path::PathBuf;

use footbridge_shared::fault::Fault;
use footbridge_shared::fault::FaultCode;
use footbridge_shared::fault::UpstreamReport;
use footbridge_shared::params::StdioParams;
use rustix::fs::Access;

/// The bits of a file's mode that give a process the rights of the file's owner and of its group.
const SETUID_AND_SETGID: u32 = 0o6000;

/// A program and the directory to start it in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Located {
    /// Absolute, symbolic links not followed: many programs look at the name they were called by.
    pub(super) program: PathBuf,
    /// The working directory; absent: the bridge's.
    pub(super) directory: Option<PathBuf>,
}

/// The command as errors name it: the file name, without the directories.
pub(super) fn name(command: &str) -> String {
    Path::new(command)
        .file_name()
        .unwrap_or(OsStr::new(command))
        .to_string_lossy()
        .into_owned()
}

/// Finds the program as exec would, but says what is wrong.
pub(super) fn locate(params: &StdioParams, path: Option<&OsStr>) -> Result<Located, Fault> {
    let command = name(&params.command);
    let fault = |message: String| {
        Fault::new(FaultCode::UpstreamFailed, message).data(UpstreamReport {
            command: Some(command.clone()),
            ..UpstreamReport::default()
        })
    };
    let absolute = |path: &Path| {
        std::path::absolute(path).map_err(|_| {
            fault(format!("The MCP server `{command}` could not be started: the bridge's working directory is gone."))
        })
    };
    let directory = match &params.cwd {
        None => None,
        Some(cwd) if !Path::new(cwd).is_dir() => {
            return Err(fault(format!(
                "The MCP server `{command}` could not be started: its working directory does not exist or is not a directory."
            ))
            .field("server_params.cwd")
            .hint("Give a directory that exists on the machine that runs the bridge."));
        }
        Some(cwd) => Some(absolute(Path::new(cwd))?),
    };
    let program = if params.command.contains('/') {
        absolute(&directory.clone().unwrap_or_default().join(&params.command))?
    } else {
        let candidates = || {
            std::env::split_paths(path.unwrap_or_default())
                // A relative entry would mean another program in every directory.
                .filter(|entry| entry.is_absolute())
                .map(|entry| entry.join(&params.command))
        };
        // Like exec: a file that may not be executed is only the answer when there is none that may.
        let found = candidates()
            .find(|path| is_executable(path))
            .or_else(|| candidates().find(|path| path.exists()));
        found.ok_or_else(|| {
            fault(format!(
                "The MCP server could not be started: there is no program `{command}`."
            ))
            .field("server_params.command")
            .hint(format!(
                "Install `{command}` on the machine that runs the bridge, or give its full path."
            ))
        })?
    };
    let reason = if !program.exists() {
        "there is no such file"
    } else if program.is_dir() {
        "it is a directory"
    } else if !is_executable(&program) {
        "it is not executable"
    } else {
        return Ok(Located { program, directory });
    };
    Err(fault(format!(
        "The MCP server `{command}` could not be started: {reason}."
    ))
    .field("server_params.command")
    .hint("Give the path of a program that the bridge's user may execute."))
}

/// Refuses a program that is meant to run with the rights of its owner or its group: in a sandbox it does not get
/// them, and would fail in ways that nobody could explain.
pub(super) fn check_rights(located: &Located) -> Result<(), Fault> {
    let mode = located.program.metadata().map_or(0, |found| found.mode());
    if mode & SETUID_AND_SETGID == 0 {
        return Ok(());
    }
    let command = name(&located.program.to_string_lossy());
    Err(Fault::new(
        FaultCode::UpstreamFailed,
        format!(
            "The MCP server `{command}` could not be started: it is a setuid or setgid program, and in a sandbox it \
             does not get the rights it counts on."
        ),
    )
    .field("server_params.command")
    .hint("Start another program, or let the bridge start this one at the sandbox level none.")
    .data(UpstreamReport {
        command: Some(command),
        ..UpstreamReport::default()
    }))
}

fn is_executable(path: &Path) -> bool {
    path.is_file() && rustix::fs::access(path, Access::EXEC_OK).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn params(command: &str, cwd: Option<&str>) -> StdioParams {
        StdioParams {
            command: command.to_owned(),
            cwd: cwd.map(str::to_owned),
            ..StdioParams::default()
        }
    }

    fn locate_in(path: &str, command: &str, cwd: Option<&str>) -> Result<Located, String> {
        locate(&params(command, cwd), Some(OsStr::new(path))).map_err(|fault| {
            assert_eq!(fault.data.unwrap().command, Some(name(command)));
            fault.message
        })
    }

    #[test]
    fn a_name_is_searched_on_the_path_and_a_path_is_relative_to_the_working_directory() {
        assert_eq!(
            locate_in("/nowhere:/bin", "sh", None).unwrap().program,
            Path::new("/bin/sh")
        );
        let located = locate_in("", "./sh", Some("/bin")).unwrap();
        assert_eq!(located.program, Path::new("/bin/sh"));
        assert_eq!(located.directory.as_deref(), Some(Path::new("/bin")));
        assert_eq!(
            locate_in("", "/bin/sh", Some("/")).unwrap().program,
            Path::new("/bin/sh")
        );
    }

    #[test]
    fn what_cannot_be_started_is_named_with_the_reason() {
        for (command, cwd, sentence) in [
            (
                "no-such-program",
                None,
                "The MCP server could not be started: there is no program `no-such-program`.",
            ),
            (
                "/bin/no-such-program",
                None,
                "The MCP server `no-such-program` could not be started: there is no such file.",
            ),
            (
                "/etc",
                None,
                "The MCP server `etc` could not be started: it is a directory.",
            ),
            (
                "/etc/passwd",
                None,
                "The MCP server `passwd` could not be started: it is not executable.",
            ),
            (
                "passwd",
                None,
                "The MCP server `passwd` could not be started: it is not executable.",
            ),
            (
                "sh",
                Some("/etc/passwd"),
                "The MCP server `sh` could not be started: its working directory does not exist or is not a directory.",
            ),
        ] {
            assert_eq!(locate_in("/etc", command, cwd).unwrap_err(), sentence);
        }
    }
}
