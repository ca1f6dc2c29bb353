//! The small process between the bridge and an MCP server: it sees to it that nothing outlives a session.
//!
//! Owns one command and every process that comes of it, also those that made themselves daemons: they become
//! its children (Linux), and it ends only after all of them. It ends them when the bridge says so (SIGTERM) and
//! when the bridge dies, however that happens.
//! Never touches what is said: standard input, output and error pass from the bridge to the command directly.

use std::ffi::OsString;
use std::fmt;
use std::fs::File;
use std::io;
use std::io::Write as _;
use std::os::unix::process::CommandExt as _;
use std::process::Command;
use std::process::ExitCode;
use std::time::Duration;

use rustix::process::Pid;
use rustix::process::Resource;
use rustix::process::Rlimit;
use rustix::process::Signal;
use rustix::process::WaitOptions;
use rustix::process::WaitStatus;
use tokio::signal::unix::Signal as SignalStream;
use tokio::signal::unix::SignalKind;
use tokio::signal::unix::signal;
use tokio::time::Instant;

pub mod processes;

/// Begins a line of the supervisor's own on standard error; see [`Verdict`].
const RECORD: &str = "\u{1e}footbridge ";

/// Exit code of a supervisor that could not do its work, as `timeout` and `env` use it.
const EXIT_BROKEN: u8 = 125;

/// How long processes that the command left behind may take to follow SIGTERM. The command had its own wait.
pub(crate) const LEFTOVER_WAIT: Duration = Duration::from_millis(500);

/// How long to keep killing. A process in an uninterruptible system call cannot be waited for forever.
const KILL_WAIT: Duration = Duration::from_secs(3);

/// How the command ended: the last line on standard error, written when nothing else is left to write there.
///
/// An exit code alone could not say it: all of its 256 values may be the command's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It exited with this code.
    Exit(i32),
    /// This signal ended it.
    Signal(i32),
    /// It could not be started, for this operating system error.
    NotStarted(i32),
}

impl fmt::Display for Verdict {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exit(code) => write!(formatter, "exit {code}"),
            Self::Signal(number) => write!(formatter, "signal {number}"),
            Self::NotStarted(errno) => write!(formatter, "error {errno}"),
        }
    }
}

impl Verdict {
    /// Reads a line of standard error, without its line end; `None` when the command wrote it.
    pub fn from_line(line: &[u8]) -> Option<Self> {
        let text = str::from_utf8(line).ok()?.strip_prefix(RECORD)?;
        let (word, number) = text.split_once(' ')?;
        let number = number.parse().ok()?;
        match word {
            "exit" => Some(Self::Exit(number)),
            "signal" => Some(Self::Signal(number)),
            "error" => Some(Self::NotStarted(number)),
            _ => None,
        }
    }

    fn write(self) {
        // The line end before it closes a line that the command left open. Whoever read this may be gone.
        let _ = io::stderr().write_all(format!("\n{RECORD}{self}\n").as_bytes());
    }
}

/// What `footbridge supervise` was asked to do. The bridge is its only caller, so the form is fixed.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Task {
    /// Become the command instead of watching over it: the second step.
    exec: bool,
    /// The process whose death ends this one.
    parent: Pid,
    /// From SIGTERM to SIGKILL.
    term_wait: Duration,
    /// Whether to write a [`Verdict`].
    report: bool,
    command: OsString,
    args: Vec<OsString>,
}

impl Task {
    /// Reads `[--exec] --parent PID [--term-wait-ms N] [--report] -- COMMAND [ARG…]`.
    fn from_args(mut args: impl Iterator<Item = OsString>) -> Option<Self> {
        let (mut exec, mut report, mut parent) = (false, false, None);
        let mut term_wait = Duration::from_secs(3);
        loop {
            match args.next()?.to_str()? {
                "--exec" => exec = true,
                "--report" => report = true,
                "--parent" => parent = Pid::from_raw(args.next()?.to_str()?.parse().ok()?),
                "--term-wait-ms" => {
                    term_wait = Duration::from_millis(args.next()?.to_str()?.parse().ok()?);
                }
                "--" => break,
                _ => return None,
            }
        }
        Some(Self {
            exec,
            parent: parent?,
            term_wait,
            report,
            command: args.next()?,
            args: args.collect(),
        })
    }
}

/// Runs a supervisor. `args` are those after the word `supervise`.
///
/// The exit code is the command's, or 128 and the number of the signal that ended it.
pub fn run(args: impl Iterator<Item = OsString>) -> ExitCode {
    let Some(task) = Task::from_args(args) else {
        complain(
            "usage: footbridge supervise --parent PID [--term-wait-ms N] [--report] -- COMMAND [ARG…]",
        );
        return ExitCode::from(EXIT_BROKEN);
    };
    let verdict = if task.exec {
        become_command(&task)
    } else {
        supervise(&task)
    };
    match verdict {
        Ok(verdict) => {
            if task.report {
                verdict.write();
            }
            ExitCode::from(match verdict {
                Verdict::Exit(code) => u8::try_from(code).unwrap_or(EXIT_BROKEN),
                Verdict::Signal(number) => u8::try_from(128 + number).unwrap_or(EXIT_BROKEN),
                Verdict::NotStarted(_) => EXIT_BROKEN,
            })
        }
        Err(error) => {
            complain(&format!("footbridge supervise: {error}"));
            ExitCode::from(EXIT_BROKEN)
        }
    }
}

fn complain(sentence: &str) {
    let _ = writeln!(io::stderr(), "{sentence}");
}

/// The second step: what has to happen between fork and exec, in a process that may do it safely.
fn become_command(task: &Task) -> io::Result<Verdict> {
    // A session of its own: a process group to signal, and no terminal to ask for a password on.
    rustix::process::setsid()?;
    #[cfg(target_os = "linux")]
    rustix::process::set_parent_process_death_signal(Some(Signal::KILL))?;
    if rustix::process::getppid() != Some(task.parent) {
        return Err(io::Error::other("the supervisor is gone"));
    }
    let error = Command::new(&task.command).args(&task.args).exec();
    Ok(Verdict::NotStarted(
        error.raw_os_error().unwrap_or_default(),
    ))
}

fn supervise(task: &Task) -> io::Result<Verdict> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?
        .block_on(watch(task))
}

async fn watch(task: &Task) -> io::Result<Verdict> {
    let mut stop = StopSignals::listen()?;
    let mut children = signal(SignalKind::child())?;
    restrict()?;
    #[cfg(target_os = "linux")]
    {
        rustix::process::set_child_subreaper(Some(rustix::process::getpid()))?;
        rustix::process::set_parent_process_death_signal(Some(Signal::TERM))?;
    }
    // The signal only comes for a death after it was asked for.
    if !has_parent(task) {
        return Err(io::Error::other("the bridge is gone"));
    }
    let direct = start(task)?;
    let mut kill_at: Option<Instant> = None;
    let status = loop {
        if let Some(status) = reap(direct).0 {
            break status;
        }
        tokio::select! {
            _ = children.recv() => {}
            () = stop.recv(task), if kill_at.is_none() => {
                // Nobody waits for an orphan's answer any more.
                let wait = if has_parent(task) { task.term_wait } else { task.term_wait.min(LEFTOVER_WAIT) };
                kill_at = Some(Instant::now() + wait);
                signal_group(direct, Signal::TERM);
                signal_group(direct, Signal::CONT);
            }
            () = tokio::time::sleep_until(kill_at.unwrap_or_else(Instant::now)), if kill_at.is_some() => {
                signal_group(direct, Signal::KILL);
                kill_at = Some(Instant::now() + KILL_WAIT);
            }
        }
    };
    clear(direct, task.term_wait.min(LEFTOVER_WAIT), &mut children).await;
    Ok(match (status.exit_status(), status.terminating_signal()) {
        (Some(code), _) => Verdict::Exit(code),
        (None, Some(number)) => Verdict::Signal(number),
        // Only ended processes are waited for.
        (None, None) => Verdict::Exit(i32::from(EXIT_BROKEN)),
    })
}

/// The signals that ask the supervisor to end its command.
struct StopSignals {
    terminate: SignalStream,
    interrupt: SignalStream,
    hangup: SignalStream,
}

impl StopSignals {
    fn listen() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hangup: signal(SignalKind::hangup())?,
        })
    }

    async fn recv(&mut self, task: &Task) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
            _ = self.hangup.recv() => {}
            () = parent_gone(task) => {}
        }
    }
}

/// Elsewhere than on Linux no signal tells of the parent's death.
async fn parent_gone(task: &Task) {
    if cfg!(target_os = "linux") {
        return std::future::pending().await;
    }
    while has_parent(task) {
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}

fn has_parent(task: &Task) -> bool {
    rustix::process::getppid() == Some(task.parent)
}

/// Takes away what an MCP server has no use for. The command inherits it.
fn restrict() -> io::Result<()> {
    rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o077));
    // A core dump would hold the secrets of the environment.
    let none = Rlimit {
        current: Some(0),
        maximum: Some(0),
    };
    rustix::process::setrlimit(Resource::Core, none)?;
    #[cfg(target_os = "linux")]
    rustix::thread::set_no_new_privs(true)?;
    Ok(())
}

fn start(task: &Task) -> io::Result<Pid> {
    // This very program, also when its file has been replaced since.
    let program = if cfg!(target_os = "linux") {
        "/proc/self/exe".into()
    } else {
        std::env::current_exe()?
    };
    let mut command = Command::new(program);
    command
        .arg0("footbridge")
        .args(["supervise", "--exec", "--parent"]);
    command.arg(std::process::id().to_string());
    if task.report {
        command.arg("--report");
    }
    let child = command
        .arg("--")
        .arg(&task.command)
        .args(&task.args)
        .spawn()?;
    // What the bridge closes, the command must see closed, and the other way round.
    let null = File::options().read(true).write(true).open("/dev/null")?;
    rustix::stdio::dup2_stdin(&null)?;
    rustix::stdio::dup2_stdout(&null)?;
    i32::try_from(child.id())
        .ok()
        .and_then(Pid::from_raw)
        .ok_or_else(|| io::Error::other("the command has no process id"))
}

/// Signals the command and its group. The group does not exist before the command's own `setsid`.
fn signal_group(direct: Pid, signal: Signal) {
    if rustix::process::kill_process_group(direct, signal).is_err() {
        let _ = rustix::process::kill_process(direct, signal);
    }
}

/// Takes in every child that has ended: the direct one's status if it was among them, and whether any is left.
fn reap(direct: Pid) -> (Option<WaitStatus>, bool) {
    let mut status = None;
    loop {
        match rustix::process::wait(WaitOptions::NOHANG) {
            Ok(Some((pid, ended))) if pid == direct => status = Some(ended),
            Ok(Some(_)) | Err(rustix::io::Errno::INTR) => {}
            Ok(None) => return (status, true),
            Err(_) => return (status, false),
        }
    }
}

/// Ends what the command left behind.
#[cfg(target_os = "linux")]
async fn clear(direct: Pid, wait: Duration, children: &mut SignalStream) {
    let this = rustix::process::getpid();
    let begun = Instant::now();
    let mut told = false;
    while reap(direct).1 && begun.elapsed() < wait + KILL_WAIT {
        let kill = begun.elapsed() >= wait;
        if kill || !told {
            told = true;
            for pid in processes::descendants(this) {
                let signal = if kill { Signal::KILL } else { Signal::TERM };
                let _ = rustix::process::kill_process(pid, signal);
                let _ = rustix::process::kill_process(pid, Signal::CONT);
            }
        }
        // A grandchild ends without a signal to us, and leaves its own children behind.
        let _ = tokio::time::timeout(Duration::from_millis(10), children.recv()).await;
    }
}

/// Ends what the command left behind in its process group: more cannot be found here.
#[cfg(not(target_os = "linux"))]
async fn clear(direct: Pid, wait: Duration, _children: &mut SignalStream) {
    if rustix::process::kill_process_group(direct, Signal::TERM).is_err() {
        return;
    }
    let begun = Instant::now();
    while begun.elapsed() < wait && rustix::process::test_kill_process_group(direct).is_ok() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let _ = rustix::process::kill_process_group(direct, Signal::KILL);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn task(line: &str) -> Option<Task> {
        Task::from_args(line.split(' ').map(OsString::from))
    }

    #[test]
    fn everything_after_the_dashes_is_the_command() {
        let task = task("--parent 7 --term-wait-ms 50 --report -- sh --exec -- -c").unwrap();
        assert_eq!(task.parent.as_raw_nonzero().get(), 7);
        assert_eq!(task.term_wait, Duration::from_millis(50));
        assert!(task.report && !task.exec);
        assert_eq!(task.command, "sh");
        assert_eq!(task.args, ["--exec", "--", "-c"]);
    }

    #[test]
    fn an_incomplete_task_is_refused() {
        for line in [
            "--parent 7 --",
            "--parent 7 sh",
            "-- sh",
            "--parent x -- sh",
            "--parent 0 -- sh",
            "--parent",
        ] {
            assert_eq!(task(line), None, "{line}");
        }
    }

    #[test]
    fn a_verdict_is_read_as_it_was_written_and_nothing_else_is_one() {
        for verdict in [
            Verdict::Exit(255),
            Verdict::Signal(9),
            Verdict::NotStarted(8),
        ] {
            assert_eq!(
                Verdict::from_line(format!("{RECORD}{verdict}").as_bytes()),
                Some(verdict)
            );
        }
        for line in [
            "",
            "exit 3",
            "footbridge exit 3",
            "\u{1e}footbridge exit",
            "\u{1e}footbridge exit x",
        ] {
            assert_eq!(Verdict::from_line(line.as_bytes()), None, "{line}");
        }
    }
}
