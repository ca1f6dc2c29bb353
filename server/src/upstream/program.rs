//! Which file a command is, found before anything is started so that the refusal can be a sentence.

use std::ffi::OsStr;
use std::path::Path;
use std::path::PathBuf;

use footbridge_shared::fault::ExitReport;
use footbridge_shared::fault::Fault;
use footbridge_shared::fault::FaultCode;

/// Finds a command as `exec` would: a path as it is, from the working directory; a name on the bridge's `PATH`.
///
/// # Errors
/// A fault that names the command and says what is wrong with it.
pub(super) fn find(
    command: &str,
    cwd: Option<&Path>,
    search: Option<&OsStr>,
) -> Result<PathBuf, Fault> {
    if let Some(cwd) = cwd.filter(|cwd| !cwd.is_dir()) {
        return Err(failed(
            command,
            format!("The working directory `{}` does not exist.", cwd.display()),
        )
        .field("server_params.cwd")
        .hint("Give a folder on the bridge's machine, or leave cwd out."));
    }
    if command.contains('/') {
        let path = cwd.map_or_else(|| PathBuf::from(command), |cwd| cwd.join(command));
        return check(command, &path).map(|()| std::path::absolute(&path).unwrap_or(path));
    }
    let folders = search.map(std::env::split_paths).into_iter().flatten();
    let mut refused = None;
    for path in folders
        .map(|folder| folder.join(command))
        .filter(|path| path.exists())
    {
        match check(command, &path) {
            Ok(()) => return Ok(std::path::absolute(&path).unwrap_or(path)),
            Err(fault) => refused = Some(fault),
        }
    }
    Err(refused.unwrap_or_else(|| {
        failed(
            command,
            format!("There is no program `{command}` on the bridge's PATH."),
        )
        .hint("Install it on the bridge's machine, or give its full path.")
    }))
}

fn check(command: &str, path: &Path) -> Result<(), Fault> {
    let Ok(metadata) = path.metadata() else {
        return Err(failed(
            command,
            format!("There is no program `{}`.", path.display()),
        )
        .hint("Check the path on the bridge's machine."));
    };
    if !metadata.is_file() {
        return Err(
            failed(command, format!("`{}` is not a file.", path.display()))
                .hint("Give the path of a program."),
        );
    }
    if !is_executable(&metadata) {
        return Err(failed(
            command,
            format!("`{}` may not be executed.", path.display()),
        )
        .hint("chmod +x makes it a program."));
    }
    Ok(())
}

#[cfg(unix)]
fn is_executable(metadata: &std::fs::Metadata) -> bool {
    std::os::unix::fs::PermissionsExt::mode(&metadata.permissions()) & 0o111 != 0
}

#[cfg(not(unix))]
fn is_executable(_: &std::fs::Metadata) -> bool {
    true
}

/// A fault of a command that cannot be started.
pub(super) fn failed(command: &str, message: String) -> Fault {
    let report = ExitReport {
        command: Some(name(command)),
        ..ExitReport::default()
    };
    Fault::new(FaultCode::UpstreamFailed, message)
        .field("server_params.command")
        .data(report)
}

/// A command without its folders: what people call it.
pub(super) fn name(command: &str) -> String {
    Path::new(command).file_name().map_or_else(
        || command.to_owned(),
        |name| name.to_string_lossy().into_owned(),
    )
}
