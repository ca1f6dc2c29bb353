//! `cargo xtask fuzz`: lets libFuzzer look for input that breaks a target of `fuzz/`, for so many seconds.
//!
//! What it finds on the way is kept below `target/`, so that the corpora stay small enough to be read.
//! Never part of `cargo xtask test`: `fuzz/tests/replay.rs` is.

use std::fs;
use std::process::Command;

use crate::run::first_line;
use crate::run::program;
use crate::run::root;
use crate::run::run;
use crate::run::say;

/// How long a target runs when nothing else is said.
const SECONDS: u32 = 60;
/// The longest input, as in `fuzz/tests/replay.rs`.
const MAX_BYTES: u32 = 4096;
/// Seconds that one input may take.
const STUCK: u32 = 30;

/// What to run, and for how long.
#[derive(Debug, PartialEq, Eq)]
struct Wanted<'a> {
    /// None: every target, one after the other.
    target: Option<&'a str>,
    seconds: u32,
}

/// Whether no target was broken.
pub(crate) fn fuzz(args: &[String]) -> Result<bool, String> {
    let known = targets()?;
    let wanted = parse(args, &known)?;
    tools()?;
    let mut broken = Vec::new();
    for target in known
        .iter()
        .filter(|name| wanted.target.is_none_or(|wanted| wanted == *name))
    {
        say(&format!("── {target} for {} s", wanted.seconds));
        if let Err(problem) = run(fuzzer(target, wanted.seconds)?) {
            say(&format!("── {target} FAILED: {problem}"));
            broken.push(target.as_str());
        }
    }
    if !broken.is_empty() {
        say(&format!(
            "broken: {}. The input is in fuzz/artifacts/; once it is mended, move it to fuzz/corpus/ under a name \
             that says what it is, where the tests replay it",
            broken.join(", ")
        ));
    }
    Ok(broken.is_empty())
}

/// The names of the targets, which are those of their programs.
fn targets() -> Result<Vec<String>, String> {
    let folder = root().join("fuzz/fuzz_targets");
    let entries =
        fs::read_dir(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let mut names: Vec<String> = entries
        .flatten()
        .filter_map(|entry| Some(entry.file_name().to_str()?.strip_suffix(".rs")?.to_owned()))
        .collect();
    names.sort();
    Ok(names)
}

fn parse<'a>(args: &'a [String], known: &[String]) -> Result<Wanted<'a>, String> {
    let mut wanted = Wanted {
        target: None,
        seconds: SECONDS,
    };
    let mut args = args.iter();
    while let Some(arg) = args.next() {
        if arg == "--seconds" {
            wanted.seconds = args
                .next()
                .and_then(|seconds| seconds.parse().ok())
                .filter(|seconds| *seconds > 0)
                .ok_or("--seconds needs a whole number above 0")?;
        } else if known.contains(arg) && wanted.target.is_none() {
            wanted.target = Some(arg);
        } else {
            return Err(format!(
                "{arg} is not understood: give one target and --seconds N; the targets are {}",
                known.join(", ")
            ));
        }
    }
    Ok(wanted)
}

/// The nightly compiler, whose sanitizer libFuzzer needs, and the command that drives both.
fn tools() -> Result<(), String> {
    let installed = program("rustup", &["toolchain", "list"], "")
        .output()
        .map_err(|error| format!("rustup is needed for the nightly compiler: {error}"))?;
    if !String::from_utf8_lossy(&installed.stdout)
        .lines()
        .any(|line| line.starts_with("nightly"))
    {
        say("installing the nightly compiler");
        run(program(
            "rustup",
            &["toolchain", "install", "nightly", "--profile", "minimal"],
            "",
        ))?;
    }
    if first_line(nightly(&["fuzz", "--version"])).is_none() {
        say("installing cargo-fuzz");
        run(nightly(&["install", "--locked", "cargo-fuzz"]))?;
    }
    Ok(())
}

/// A cargo of the nightly compiler, whichever one runs this.
fn nightly(args: &[&str]) -> Command {
    let mut command = program("rustup", &["run", "nightly", "cargo"], "");
    command.args(args);
    for variable in ["CARGO", "CARGO_MANIFEST_DIR", "RUSTUP_TOOLCHAIN"] {
        command.env_remove(variable);
    }
    // As for a release, every target would take its linker a quarter of an hour, and tell of a crash without a name.
    for (setting, value) in [("LTO", "off"), ("CODEGEN_UNITS", "16"), ("STRIP", "none")] {
        command.env(format!("CARGO_PROFILE_RELEASE_{setting}"), value);
    }
    command
}

fn fuzzer(target: &str, seconds: u32) -> Result<Command, String> {
    let found = format!("target/fuzz-corpus/{target}");
    fs::create_dir_all(root().join(&found)).map_err(|error| format!("{found}: {error}"))?;
    let mut command = nightly(&["fuzz", "run", "--features", "libfuzzer", target]);
    // New inputs go into the first folder; the second is only read.
    command.args([found, format!("fuzz/corpus/{target}")]);
    command.arg("--");
    command.args([
        format!("-max_total_time={seconds}"),
        format!("-max_len={MAX_BYTES}"),
        format!("-timeout={STUCK}"),
    ]);
    Ok(command)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(args: &[&str]) -> Result<(Option<String>, u32), String> {
        let args: Vec<String> = args.iter().map(|&arg| arg.to_owned()).collect();
        let known = ["rpc".to_owned(), "sse".to_owned()];
        parse(&args, &known).map(|wanted| (wanted.target.map(str::to_owned), wanted.seconds))
    }

    #[test]
    fn one_target_or_all_and_for_how_long() {
        assert_eq!(parsed(&[]), Ok((None, SECONDS)));
        assert_eq!(parsed(&["rpc"]), Ok((Some("rpc".to_owned()), SECONDS)));
        assert_eq!(
            parsed(&["--seconds", "5", "sse"]),
            Ok((Some("sse".to_owned()), 5))
        );
    }

    #[test]
    fn what_is_not_understood_is_named() {
        for args in [
            &["unheard_of"][..],
            &["rpc", "sse"],
            &["--seconds"],
            &["--seconds", "0"],
            &["--seconds", "soon"],
        ] {
            assert!(parsed(args).is_err(), "{args:?}");
        }
        assert!(parsed(&["unheard_of"]).is_err_and(|error| error.contains("rpc, sse")));
    }

    #[test]
    fn every_target_is_found() {
        assert!(targets().is_ok_and(|names| names.contains(&"params".to_owned())));
    }
}
