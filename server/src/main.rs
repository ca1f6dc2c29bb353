//! The program: one supervisor of an MCP server.

use std::process::ExitCode;

fn main() -> ExitCode {
    let mut args = std::env::args_os().skip(1);
    if args.next().is_some_and(|word| word == "supervise") {
        return footbridge::supervise::run(args);
    }
    ExitCode::FAILURE
}
