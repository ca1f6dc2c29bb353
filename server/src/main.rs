//! The `footbridge` program: reads its arguments and runs one of its parts.

use std::convert::Infallible;
use std::ffi::OsString;
use std::io;
use std::io::IsTerminal;
use std::io::Write;
use std::process::ExitCode;

use clap::Args;
use clap::CommandFactory;
use clap::FromArgMatches;
use clap::Parser;
use clap::Subcommand;
use footbridge::audit;
use footbridge::audit::Audit;
use footbridge::config::Config;
use footbridge::config::error::ConfigError;
use footbridge::config::settings::Settings;
use footbridge::config::startup::Startup;
use footbridge::demo;
use footbridge::logs;
use footbridge::meters;
use footbridge::open;
use footbridge::runtime_file::RuntimeFile;
use footbridge::serve::Bound;
use footbridge::supervise;
use tokio::runtime::Runtime;
use tokio::signal::unix::Signal;
use tokio::signal::unix::SignalKind;
use tokio::signal::unix::signal;
use tokio_util::sync::CancellationToken;

/// What was asked for cannot be done: a wrong setting, a port in use.
const MISUSE: u8 = 2;

/// The bridge that lets a browser app talk to any MCP server.
#[derive(Parser)]
#[command(name = "footbridge", version, about, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run the bridge and its playground.
    Serve(Box<Serve>),
    /// Be a small MCP server on standard input and output, to try things with.
    Demo,
}

#[derive(Args)]
struct Serve {
    #[command(flatten)]
    _settings: Settings,
}

fn main() -> ExitCode {
    let mut args = std::env::args_os();
    let program = args.next();
    let args: Vec<OsString> = args.collect();
    // Supervisors are many and must start in a moment: nothing else may come first.
    if args.first().is_some_and(|word| word == "supervise") {
        return supervise::run(args.into_iter().skip(1));
    }
    let matches = Cli::command().get_matches_from(program.into_iter().chain(args));
    match Cli::from_arg_matches(&matches).map(|cli| cli.command) {
        Ok(Command::Demo) => run_demo(),
        Ok(Command::Serve(_)) => match matches
            .subcommand_matches("serve")
            .map(Settings::from_matches)
        {
            Some(Ok(settings)) => run_serve(settings),
            Some(Err(error)) => fail(&error.to_string()),
            None => ExitCode::from(MISUSE),
        },
        Err(error) => fail(&error.to_string()),
    }
}

fn run_demo() -> ExitCode {
    log_to_stderr("warn");
    let Ok(runtime) = Runtime::new() else {
        return fail("The system gives no threads to run in.");
    };
    match runtime.block_on(demo::run()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say(&mut io::stderr(), &error.to_string());
            ExitCode::FAILURE
        }
    }
}

fn run_serve(settings: Settings) -> ExitCode {
    let program = match std::env::current_exe() {
        Ok(program) => program,
        Err(error) => return fail(&format!("The program cannot find itself: {error}.")),
    };
    let startup = match Startup::check(settings, program) {
        Ok(startup) => startup,
        Err(error) => return fail(&error.to_string()),
    };
    hide_memory();
    for warning in &startup.warnings {
        say(&mut io::stderr(), &format!("Warning: {warning}"));
    }
    log_to_stderr(&startup.log);
    meters::install();
    let audit = match start_audit(&startup.config) {
        Ok(audit) => audit,
        Err(error) => return fail(&error.to_string()),
    };
    let Ok(runtime) = Runtime::new() else {
        return fail("The system gives no threads to run in.");
    };
    let code = runtime.block_on(serve(startup, audit.as_ref()));
    // Whatever still runs ends here, and has its last record before the log ends.
    drop(runtime);
    if audit.is_some_and(|audit| !audit.close()) {
        say(
            &mut io::stderr(),
            "Warning: The last records of the audit log could not be written.",
        );
    }
    code
}

fn start_audit(config: &Config) -> Result<Option<Audit>, ConfigError> {
    let Some(log) = &config.audit else {
        return Ok(None);
    };
    let options = audit::Options {
        path: log.path.clone(),
        required: log.required,
        sync: log.sync,
        queue: config.limits.audit_queue,
        refusals: config.limits.audit_refusals,
    };
    audit::start(&options)
        .map(Some)
        .map_err(|error| ConfigError::unwritable("--audit-log", &log.path, &error))
}

async fn serve(startup: Startup, audit: Option<&Audit>) -> ExitCode {
    let wants_page = startup.open;
    // Without a log the signal ends the program, as it does when a terminal is closed. Heard from the first moment:
    // whoever sends it does not know how far the start has got.
    let hangup = audit.and_then(|_| signal(SignalKind::hangup()).ok());
    let bound = match bind(startup.config).await {
        Ok(bound) => bound,
        Err(error) => return fail(&error.to_string()),
    };
    let url = bound.page_url();
    // It is there before anybody is told that the bridge listens.
    let written = startup.runtime_folder.map(|folder| {
        let port = bound.address().port();
        RuntimeFile::write(&folder, port, &bound.local_url(), &url, bound.token())
    });
    let _file = match written.transpose() {
        Ok(file) => file,
        Err(error) => {
            return fail(&format!(
                "The file of --runtime-file cannot be written: {error}."
            ));
        }
    };
    say(&mut io::stdout(), &format!("Footbridge listens on {url}"));
    let page = wants_page.then(|| open::page(&url));
    if let Some(Err(error)) = &page {
        say(
            &mut io::stderr(),
            &format!("Warning: The page could not be opened: {error}. Open the URL above."),
        );
    }
    let stop = CancellationToken::new();
    let stopped = async {
        if let Err(error) = wait_for_signal().await {
            say(
                &mut io::stderr(),
                &format!("Warning: Signals cannot be heard: {error}."),
            );
            std::future::pending::<()>().await;
        }
        stop.cancel();
    };
    let serving = async { tokio::join!(bound.serve(stop.clone()), stopped).0 };
    let result = tokio::select! {
        result = serving => result,
        never = follow_renames(audit, hangup) => match never {},
    };
    match result {
        Ok(0) => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(error) => {
            say(
                &mut io::stderr(),
                &format!("The bridge cannot serve: {error}."),
            );
            ExitCode::FAILURE
        }
    }
}

/// The token came by the environment or a file and is in memory from now on: other programs of this user, the MCP
/// servers above all, must not read it out of `/proc`. The command line stays visible; nothing can be done about it.
fn hide_memory() {
    #[cfg(target_os = "linux")]
    let _ = rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable);
}

async fn bind(config: Config) -> Result<Bound, ConfigError> {
    let address = config.listen;
    Bound::bind(config).await.map_err(|error| {
        let (ip, port) = (address.ip(), address.port());
        let kind = error.kind();
        ConfigError::new(if kind == io::ErrorKind::AddrInUse {
            format!("Port {port} on {ip} is in use; stop the other program or choose another with --listen.")
        } else if kind == io::ErrorKind::PermissionDenied {
            format!("Port {port} needs privileges this user does not have; choose one above 1023 with --listen.")
        } else if kind == io::ErrorKind::AddrNotAvailable {
            format!("{ip} is not an address of this machine; choose another with --listen.")
        } else {
            format!("The bridge cannot listen on {address}: {error}.")
        })
    })
}

/// Whoever renames the audit log away sends SIGHUP, and then finds a new file there at once.
async fn follow_renames(audit: Option<&Audit>, hangup: Option<Signal>) -> Infallible {
    if let (Some(audit), Some(mut hangup)) = (audit, hangup) {
        while hangup.recv().await.is_some() {
            audit.reopen();
        }
    }
    std::future::pending().await
}

async fn wait_for_signal() -> io::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    Ok(())
}

fn log_to_stderr(filter: &str) {
    // Fails when this process logs already, which it does not.
    let _ = logs::start(filter, io::stderr().is_terminal());
}

fn fail(sentence: &str) -> ExitCode {
    say(&mut io::stderr(), sentence);
    ExitCode::from(MISUSE)
}

/// A line for the person who started the program; a closed terminal is no reason to stop.
fn say(to: &mut dyn Write, sentence: &str) {
    let _ = writeln!(to, "{}", sentence.trim_end());
    let _ = to.flush();
}
