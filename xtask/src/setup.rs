//! What has to be there before something can be built or tested: installed when missing, and said so first.

use std::fs;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;
use std::time::SystemTime;

use crate::run::cargo;
use crate::run::first_line;
use crate::run::program;
use crate::run::root;
use crate::run::run;
use crate::run::say;
use crate::wasm;

/// The oldest Node.js that builds the page.
const NODE: u32 = 20;

/// Node.js and npm, which cannot be installed from here.
pub(crate) fn node() -> Result<(), String> {
    let version = first_line(program("node", &["--version"], "")).unwrap_or_default();
    let major = version
        .trim_start_matches('v')
        .split('.')
        .next()
        .and_then(|major| major.parse().ok())
        .unwrap_or(0_u32);
    if major >= NODE {
        return Ok(());
    }
    Err(format!(
        "Node.js {NODE} or newer is needed (found {}); get it from https://nodejs.org",
        if version.is_empty() { "none" } else { &version }
    ))
}

/// npm packages of a folder, when its lock file has changed since they were installed.
pub(crate) fn npm(folder: &str) -> Result<(), String> {
    node()?;
    let at = root().join(folder);
    if newest(&[at.join("package-lock.json"), at.join("package.json")])
        <= modified(&at.join("node_modules/.package-lock.json"))
    {
        return Ok(());
    }
    say(&format!("installing the npm packages of {folder}"));
    run(program(
        "npm",
        &["ci", "--no-audit", "--no-fund", "--loglevel=error"],
        folder,
    ))
}

/// The npm package and the page.
pub(crate) fn page() -> Result<(), String> {
    wasm::build()?;
    npm("www")?;
    let www = root().join("www");
    let sources = [
        "src",
        "public",
        "index.html",
        "package.json",
        "package-lock.json",
        "vite.config.ts",
        "tsconfig.json",
    ];
    let mut sources: Vec<PathBuf> = sources.iter().map(|source| www.join(source)).collect();
    sources.extend([
        root().join("client-wasm/pkg"),
        root().join("client-wasm/npm"),
    ]);
    if newest(&sources) <= modified(&www.join("dist/index.html")) {
        return Ok(());
    }
    say("building the page");
    run(program("npm", &["run", "--silent", "build"], "www"))
}

/// The rustup components and the target that the checks need.
pub(crate) fn rust() -> Result<(), String> {
    for (list, add, wanted) in [
        (
            ["target", "list", "--installed"],
            ["target", "add"],
            "wasm32-unknown-unknown",
        ),
        (
            ["component", "list", "--installed"],
            ["component", "add"],
            "rustfmt",
        ),
        (
            ["component", "list", "--installed"],
            ["component", "add"],
            "clippy",
        ),
    ] {
        let Ok(output) = program("rustup", &list, "").output() else {
            // Without rustup the toolchain is somebody else's business; the build says what is missing.
            return Ok(());
        };
        if !String::from_utf8_lossy(&output.stdout).contains(wanted) {
            say(&format!("installing {wanted}"));
            run(program("rustup", &[add[0], add[1], wanted], ""))?;
        }
    }
    Ok(())
}

/// The Python environments of the tests: one for each generation of the SDK.
pub(crate) fn python() -> Result<(), String> {
    environment("tests/.venv", "tests/servers/requirements.txt")?;
    environment("tests/.venv2", "tests/servers/requirements-2.txt")
}

fn environment(folder: &str, list: &str) -> Result<(), String> {
    let venv = root().join(folder);
    let stamp = venv.join("installed.txt");
    let wanted =
        fs::read_to_string(root().join(list)).map_err(|error| format!("{list}: {error}"))?;
    if fs::read_to_string(&stamp).is_ok_and(|installed| installed == wanted) {
        return Ok(());
    }
    say(&format!(
        "installing the Python packages of the tests into {folder}"
    ));
    if run(program("python3", &["-m", "venv", folder], "")).is_err() {
        debian(&["python3-venv"])?;
        run(program("python3", &["-m", "venv", "--clear", folder], ""))?;
    }
    let pip = venv.join("bin/pip");
    run(program(
        &pip.to_string_lossy(),
        &["install", "--quiet", "--requirement", list],
        "",
    ))?;
    fs::write(&stamp, wanted).map_err(|error| format!("{}: {error}", stamp.display()))
}

/// The browser of the tests.
pub(crate) fn chromium() -> Result<(), String> {
    if Path::new("/usr/bin/chromium").exists() || std::env::var_os("FOOTBRIDGE_CHROMIUM").is_some()
    {
        return Ok(());
    }
    debian(&["chromium"])
}

/// What makes the namespaces of the sandbox.
pub(crate) fn bubblewrap() -> Result<(), String> {
    if !cfg!(target_os = "linux") || first_line(program("bwrap", &["--version"], "")).is_some() {
        return Ok(());
    }
    debian(&["bubblewrap"])
}

/// Debian packages, where that can be done without asking.
fn debian(packages: &[&str]) -> Result<(), String> {
    let names = packages.join(" ");
    let is_root = first_line(program("id", &["-u"], "")).as_deref() == Some("0");
    if !is_root || first_line(program("apt-get", &["--version"], "")).is_none() {
        return Err(format!(
            "{names} is needed: install it (on Debian: apt-get install {names})"
        ));
    }
    say(&format!("installing the Debian packages {names}"));
    run(apt(&["update", "-qq"]))?;
    let mut args = vec!["install", "-qq", "-y", "--no-install-recommends"];
    args.extend(packages);
    run(apt(&args))
}

fn apt(args: &[&str]) -> Command {
    let mut command = program("apt-get", args, "");
    command.env("DEBIAN_FRONTEND", "noninteractive");
    command
}

/// The server, for the tests that run it.
pub(crate) fn server() -> Result<(), String> {
    run(cargo(&["build", "--quiet", "--package", "footbridge"]))
}

/// When the newest file below these paths was changed.
fn newest(paths: &[PathBuf]) -> SystemTime {
    let mut newest = SystemTime::UNIX_EPOCH;
    let mut waiting = paths.to_vec();
    while let Some(path) = waiting.pop() {
        // A folder's own time tells of files that were removed.
        newest = newest.max(modified(&path));
        if path.is_dir() {
            let entries = fs::read_dir(&path).into_iter().flatten().flatten();
            waiting.extend(entries.map(|entry| entry.path()));
        }
    }
    newest
}

/// When a file was changed; long ago when it is not there.
fn modified(path: &Path) -> SystemTime {
    path.metadata()
        .and_then(|metadata| metadata.modified())
        .unwrap_or(SystemTime::UNIX_EPOCH)
}
