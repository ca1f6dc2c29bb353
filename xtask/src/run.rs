//! Running other programs, and saying so.

use std::path::Path;
use std::path::PathBuf;
use std::process::Command;

/// The repository's root.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .map(Path::to_path_buf)
        .unwrap_or_default()
}

/// A program, to be run in a folder of the repository.
pub(crate) fn program(name: &str, args: &[&str], folder: &str) -> Command {
    let mut command = Command::new(name);
    command.args(args).current_dir(root().join(folder));
    command
}

/// The cargo that runs this.
pub(crate) fn cargo(args: &[&str]) -> Command {
    let mut command = program(env!("CARGO"), args, "");
    // What cargo sets for this program is not meant for the next one.
    command.env_remove("CARGO_MANIFEST_DIR");
    command
}

/// Runs a command to its end.
pub(crate) fn run(mut command: Command) -> Result<(), String> {
    let name = command.get_program().to_string_lossy().into_owned();
    match command.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("{name} ended with {status}")),
        Err(error) => Err(format!("{name} could not be started: {error}")),
    }
}

/// The first line a command prints; `None` when it cannot be run.
pub(crate) fn first_line(mut command: Command) -> Option<String> {
    let output = command
        .output()
        .ok()
        .filter(|output| output.status.success())?;
    Some(
        String::from_utf8_lossy(&output.stdout)
            .lines()
            .next()
            .unwrap_or_default()
            .to_owned(),
    )
}

/// A line for the person who waits.
#[expect(clippy::print_stderr, reason = "a command line tool says what it does")]
pub(crate) fn say(line: &str) {
    eprintln!("xtask: {line}");
}
