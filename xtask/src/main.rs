//! `cargo xtask`: builds, runs and tests Footbridge.

mod wasm;

use std::process::ExitCode;

fn main() -> ExitCode {
    let verb = std::env::args().nth(1);
    let outcome = match verb.as_deref() {
        Some("wasm") => wasm::build(),
        _ => Err("usage: cargo xtask wasm".to_owned()),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            #[expect(
                clippy::print_stderr,
                reason = "a command line tool says what went wrong"
            )]
            {
                eprintln!("xtask: {message}");
            }
            ExitCode::FAILURE
        }
    }
}
