//! `cargo xtask`: builds, runs and tests Footbridge.

mod autobahn;
mod deny;
mod fuzz;
mod run;
mod serve;
mod setup;
mod test;
mod wasm;

use std::process::ExitCode;

const USAGE: &str = "usage: cargo xtask serve [--release] [-- flags of `footbridge serve`]
       cargo xtask test [step…]      every check and test, or only these steps
       cargo xtask fuzz [target] [--seconds N]
                                     input that breaks what reads foreign bytes, searched with libFuzzer
       cargo xtask autobahn          the Autobahn test suite against the server's sockets
       cargo xtask deny [check…]     what deny.toml allows, by cargo-deny
       cargo xtask wasm              the npm package's WebAssembly";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let outcome = match args.split_first() {
        Some((verb, rest)) if verb == "serve" => serve::serve(rest).map(|()| true),
        Some((verb, rest)) if verb == "test" => test::test(rest),
        Some((verb, rest)) if verb == "fuzz" => fuzz::fuzz(rest),
        Some((verb, rest)) if verb == "autobahn" => autobahn::autobahn(rest),
        Some((verb, rest)) if verb == "deny" => deny::deny(rest),
        Some((verb, [])) if verb == "wasm" => wasm::build().map(|()| true),
        _ => {
            run::say(USAGE);
            return ExitCode::from(2);
        }
    };
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(message) => {
            run::say(&message);
            ExitCode::FAILURE
        }
    }
}
