//! `cargo xtask autobahn`: the Autobahn test suite against the server's own sockets, which give back what they get.
//!
//! Owns which cases run and what they have to come to. The suite needs Python 2.7, which cannot be installed from here.
//! Never part of `cargo xtask test`: `tests/it/websocket.rs` has the same cases by hand.

use std::collections::BTreeMap;
use std::fs;
use std::io::BufRead;
use std::io::BufReader;
use std::path::Path;
use std::path::PathBuf;
use std::process::Child;
use std::process::Command;
use std::process::Stdio;

use serde_json::Value;
use serde_json::json;

use crate::run::cargo;
use crate::run::first_line;
use crate::run::program;
use crate::run::root;
use crate::run::run;
use crate::run::say;

/// Names a Python 2.7 that is not on the `PATH`.
const PYTHON: &str = "FOOTBRIDGE_PYTHON2";
/// What the suite is installed from.
const LIST: &str = "tests/autobahn/requirements.txt";
/// Framing, pings, reserved bits, opcodes, fragments, UTF-8, closing, and a message in parts. Left out: 9, which
/// measures, and 12 and 13, which are about compression, which the bridge does not have.
const CASES: [&str; 8] = ["1.*", "2.*", "3.*", "4.*", "5.*", "6.*", "7.*", "10.*"];
/// How many those are.
const N_CASES: usize = 247;
/// Text that is wrong in the middle of a frame may be refused at its first wrong byte or when its frame is whole.
const MAY_BE_LATE: [&str; 2] = ["6.4.3", "6.4.4"];

/// Whether every case came to what it has to.
pub(crate) fn autobahn(args: &[String]) -> Result<bool, String> {
    if !args.is_empty() {
        return Err("usage: cargo xtask autobahn".to_owned());
    }
    let folder = root().join("target/autobahn");
    fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let python = python()?;
    install(&python, &folder)?;
    run(cargo(&[
        "build",
        "--quiet",
        "--package",
        "footbridge",
        "--example",
        "echo",
        "--features",
        "echo",
    ]))?;
    let mut server = Server::start()?;
    let spec = json!({
        "outdir": "reports",
        "servers": [{ "agent": "footbridge", "url": format!("ws://{}", server.address) }],
        "cases": CASES,
        "exclude-cases": [],
        "exclude-agent-cases": {},
    });
    let write = |name: &str, text: String| {
        fs::write(folder.join(name), text).map_err(|error| format!("{name}: {error}"))
    };
    write("spec.json", spec.to_string())?;
    // What an earlier run came to must not be taken for this one's.
    let _ = fs::remove_dir_all(folder.join("reports"));
    let mut suite = Command::new(&python);
    suite
        .arg(folder.join("bin/wstest"))
        .args(["-m", "fuzzingclient", "-s", "spec.json"])
        .env("PYTHONUSERBASE", &folder)
        .env("PYTHONWARNINGS", "ignore")
        .current_dir(&folder)
        .stdout(Stdio::null());
    let ran = run(suite);
    server.still_runs()?;
    ran?;
    let report = folder.join("reports/index.json");
    let report =
        fs::read_to_string(&report).map_err(|error| format!("{}: {error}", report.display()))?;
    let report = serde_json::from_str(&report).map_err(|error| format!("the report: {error}"))?;
    let (counts, wrong) = judge(&report);
    let counts: Vec<String> = counts
        .iter()
        .map(|(outcome, n)| format!("{n} {outcome}"))
        .collect();
    say(&format!("Autobahn: {}", counts.join(", ")));
    for problem in &wrong {
        say(problem);
    }
    if !wrong.is_empty() {
        say("each case is told in target/autobahn/reports/index.html");
    }
    Ok(wrong.is_empty())
}

/// How often each outcome was had, and every case that came to something else than it has to.
fn judge(report: &Value) -> (BTreeMap<String, usize>, Vec<String>) {
    let cases = report["footbridge"]
        .as_object()
        .cloned()
        .unwrap_or_default();
    let mut counts = BTreeMap::new();
    let mut wrong = Vec::new();
    for (name, case) in &cases {
        let outcome = |member: &str| case[member].as_str().unwrap_or("MISSING").to_owned();
        let (behavior, close) = (outcome("behavior"), outcome("behaviorClose"));
        *counts.entry(behavior.clone()).or_insert(0) += 1;
        let is_fine = match behavior.as_str() {
            "OK" | "INFORMATIONAL" => true,
            "NON-STRICT" => MAY_BE_LATE.contains(&name.as_str()),
            _ => false,
        };
        if !is_fine || !matches!(close.as_str(), "OK" | "INFORMATIONAL") {
            wrong.push(format!("case {name}: {behavior}, its close {close}"));
        }
    }
    if cases.len() != N_CASES {
        wrong.push(format!("{} cases ran instead of {N_CASES}", cases.len()));
    }
    (counts, wrong)
}

/// A Python 2.7.
fn python() -> Result<PathBuf, String> {
    let named = std::env::var_os(PYTHON).map(PathBuf::from);
    let home = std::env::var_os("HOME")
        .map(PathBuf::from)
        .unwrap_or_default();
    let built = fs::read_dir(home.join(".pyenv/versions"));
    let built = built.into_iter().flatten().flatten().filter_map(|entry| {
        let is_it = entry.file_name().to_string_lossy().starts_with("2.7");
        is_it.then(|| entry.path().join("bin/python2.7"))
    });
    let candidates = match named {
        Some(path) => vec![path],
        None => [PathBuf::from("python2.7")]
            .into_iter()
            .chain(built)
            .collect(),
    };
    let works = |path: &PathBuf| {
        let asks = "import sys, pip; sys.exit(sys.version_info[:2] != (2, 7))";
        first_line(program(
            &path.to_string_lossy(),
            &["-W", "ignore", "-c", asks],
            "",
        ))
        .is_some()
    };
    candidates.into_iter().find(works).ok_or_else(|| {
        format!(
            "the Autobahn test suite runs on Python 2.7 with pip, and there is none as python2.7 on the PATH or in \
             ~/.pyenv/versions. Install one (pyenv install 2.7.18) or name it in {PYTHON}"
        )
    })
}

/// The suite, below `target/`, unless it is there already.
fn install(python: &Path, folder: &Path) -> Result<(), String> {
    let stamp = folder.join("installed.txt");
    let wanted =
        fs::read_to_string(root().join(LIST)).map_err(|error| format!("{LIST}: {error}"))?;
    if fs::read_to_string(&stamp).is_ok_and(|installed| installed == wanted) {
        return Ok(());
    }
    say("installing the Autobahn test suite into target/autobahn");
    let mut pip = Command::new(python);
    // A home of its own for what pip calls the user's packages: Python 2.7 brings no virtual environments.
    pip.args([
        "-W",
        "ignore",
        "-m",
        "pip",
        "install",
        "--quiet",
        "--user",
        "--no-deps",
    ])
    .args(["--no-warn-script-location", "--disable-pip-version-check"])
    .args(["--ignore-installed", "--requirement", LIST])
    .env("PYTHONUSERBASE", folder)
    .current_dir(root());
    run(pip)?;
    fs::write(&stamp, wanted).map_err(|error| format!("{}: {error}", stamp.display()))
}

/// The example `echo`, which ends with its standard input.
struct Server {
    child: Child,
    address: String,
}

impl Server {
    fn start() -> Result<Self, String> {
        let target =
            std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), Into::into);
        let mut child = Command::new(target.join("debug/examples/echo"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| format!("the example `echo` could not be started: {error}"))?;
        let mut address = String::new();
        if let Some(output) = child.stdout.take() {
            let _ = BufReader::new(output).read_line(&mut address);
        }
        Ok(Self {
            child,
            address: address.trim().to_owned(),
        })
    }

    fn still_runs(&mut self) -> Result<(), String> {
        match self.child.try_wait() {
            Ok(None) => Ok(()),
            Ok(Some(status)) => Err(format!("the server ended under attack with {status}")),
            Err(error) => Err(format!("the server cannot be asked: {error}")),
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn case(behavior: &str, close: &str) -> Value {
        json!({ "behavior": behavior, "behaviorClose": close })
    }

    /// A report of as many good cases as there have to be, but for these.
    fn wrong_with(bad: &[(&str, Value)]) -> Vec<String> {
        let mut cases = serde_json::Map::new();
        for (name, case) in bad {
            cases.insert((*name).to_owned(), case.clone());
        }
        for n in bad.len()..N_CASES {
            cases.insert(format!("good {n}"), case("OK", "OK"));
        }
        judge(&json!({ "footbridge": cases })).1
    }

    #[test]
    fn a_case_that_fails_or_closes_uncleanly_is_named() {
        assert!(wrong_with(&[]).is_empty());
        for (name, outcome) in [
            ("1.1.1", case("FAILED", "OK")),
            ("1.1.1", case("OK", "UNCLEAN")),
            ("1.1.1", case("OK", "FAILED BY CLIENT")),
            ("1.1.1", case("NON-STRICT", "OK")),
            ("1.1.1", json!({})),
        ] {
            let wrong = wrong_with(&[(name, outcome.clone())]);
            assert_eq!(wrong.len(), 1, "{outcome}");
            assert!(wrong[0].contains("1.1.1"), "{wrong:?}");
        }
    }

    #[test]
    fn only_text_that_is_refused_late_may_be_less_than_strict() {
        let late = case("NON-STRICT", "OK");
        assert!(
            wrong_with(&[
                ("6.4.3", late.clone()),
                ("7.13.1", case("INFORMATIONAL", "INFORMATIONAL"))
            ])
            .is_empty()
        );
        assert_eq!(wrong_with(&[("6.4.2", late)]).len(), 1);
    }

    #[test]
    fn a_suite_that_did_not_run_whole_is_no_success() {
        assert_eq!(judge(&json!({})).1.len(), 1);
        assert_eq!(
            judge(&json!({ "footbridge": { "1.1.1": case("OK", "OK") } }))
                .1
                .len(),
            1
        );
    }
}
