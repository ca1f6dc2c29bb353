//! `cargo xtask serve`: builds what is stale and runs the product.

use std::process::Command;

use crate::run::cargo;
use crate::run::root;
use crate::run::run;
use crate::setup;

pub(crate) fn serve(args: &[String]) -> Result<(), String> {
    let (ours, flags) = match args.iter().position(|arg| arg == "--") {
        Some(at) => (&args[..at], &args[at + 1..]),
        None => (args, &[][..]),
    };
    let is_release = match ours {
        [] => false,
        [flag] if flag == "--release" => true,
        _ => {
            return Err(
                "usage: cargo xtask serve [--release] [-- flags of `footbridge serve`]".to_owned(),
            );
        }
    };
    setup::rust()?;
    setup::page()?;
    let mut build = vec!["build", "--quiet", "--package", "footbridge"];
    if is_release {
        build.push("--release");
    }
    run(cargo(&build))?;
    let target =
        std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), Into::into);
    let program = target
        .join(if is_release { "release" } else { "debug" })
        .join("footbridge");
    let mut serve = Command::new(program);
    serve.arg("serve").args(flags);
    become_program(serve)
}

/// Signals and the exit code are then the product's own.
#[cfg(unix)]
fn become_program(mut program: Command) -> Result<(), String> {
    Err(format!(
        "footbridge could not be started: {}",
        std::os::unix::process::CommandExt::exec(&mut program)
    ))
}

#[cfg(not(unix))]
fn become_program(program: Command) -> Result<(), String> {
    run(program)
}
