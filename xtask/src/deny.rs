//! `cargo xtask deny`: what `deny.toml` allows, checked by cargo-deny itself.
//!
//! Never part of `cargo xtask test`: `tests/it/supply.rs` checks the lock files wherever the tests run. Known
//! vulnerabilities are looked up in the RustSec database, which takes the network; the other checks do not.

use std::process::Command;

use crate::run::cargo;
use crate::run::first_line;
use crate::run::root;
use crate::run::run;
use crate::run::say;

/// The release that CI and everybody else runs.
const VERSION: &str = "0.20.2";
/// What cargo-deny can be asked.
const CHECKS: [&str; 4] = ["advisories", "bans", "licenses", "sources"];

/// Whether nothing is against the rules. Without arguments, every rule.
pub(crate) fn deny(args: &[String]) -> Result<bool, String> {
    if let Some(unknown) = args.iter().find(|arg| !CHECKS.contains(&arg.as_str())) {
        return Err(format!(
            "there is no check {unknown}; the checks are {}",
            CHECKS.join(", ")
        ));
    }
    install()?;
    let mut check = tool();
    // A rule that fits nothing any more is one to take out.
    check.args(["check", "--deny", "warnings"]).args(args);
    Ok(run(check).is_ok())
}

/// cargo-deny from a folder of its own, so that no other release is meant.
fn tool() -> Command {
    let mut command = Command::new(root().join("target/cargo-deny/bin/cargo-deny"));
    command.current_dir(root());
    // It asks cargo itself about the workspace.
    command.env_remove("CARGO_MANIFEST_DIR");
    command
}

fn install() -> Result<(), String> {
    let mut asks = tool();
    asks.arg("--version");
    if first_line(asks).is_some_and(|line| line.ends_with(VERSION)) {
        return Ok(());
    }
    say(&format!(
        "installing cargo-deny {VERSION} into target/cargo-deny"
    ));
    let mut installs = cargo(&[
        "install",
        "--quiet",
        "--locked",
        "--root",
        "target/cargo-deny",
    ]);
    installs.args(["--version", VERSION, "cargo-deny"]);
    run(installs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_check_that_does_not_exist_is_named_and_nothing_is_installed() {
        let outcome = deny(&["licences".to_owned()]);
        assert!(
            outcome.is_err_and(|error| error.contains("licences") && error.contains("licenses"))
        );
    }
}
