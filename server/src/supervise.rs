//! The small process between the bridge and an MCP server: it sees to it that nothing outlives a session.
//!
//! Owns one command and every process that comes of it, also those that made themselves daemons: they become
//! its children (Linux), and it ends only after all of them. It ends them when the bridge says so (SIGTERM) and
//! when the bridge dies, however that happens.
//! Never touches what is said: standard input, output and error pass from the bridge to the command directly.

use std::ffi::OsString;
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

pub mod groups;
pub mod processes;
mod restrict;
mod task;
mod verdict;

pub use restrict::Restrictions;
use task::Task;
pub use task::Terms;
pub use verdict::Verdict;

/// Exit code of a supervisor that could not do its work, as `timeout` and `env` use it.
const EXIT_BROKEN: u8 = 125;

/// How long processes that the command left behind may take to follow SIGTERM. The command had its own wait.
pub(crate) const LEFTOVER_WAIT: Duration = Duration::from_millis(500);

/// How long to keep killing. A process in an uninterruptible system call cannot be waited for forever.
const KILL_WAIT: Duration = Duration::from_secs(3);

/// Runs a supervisor. `args` are those after the word `supervise`.
///
/// The exit code is the command's, or 128 and the number of the signal that ended it.
pub fn run(args: impl Iterator<Item = OsString>) -> ExitCode {
    let Some(task) = Task::from_args(args) else {
        complain("usage: footbridge supervise --parent PID [--report] [terms] -- COMMAND [ARG…]");
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
            if let (true, Some(errno)) = (task.report, error.raw_os_error()) {
                Verdict::NotStarted(errno).write();
            }
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
    for group in &task.terms.groups {
        groups::join(group)?;
    }
    if let Some(restrictions) = task.terms.restrictions {
        restrictions.apply()?;
    }
    restrict::close_inherited();
    let error = Command::new(&task.command).args(&task.args).exec();
    Ok(Verdict::NotStarted(
        error.raw_os_error().unwrap_or_default(),
    ))
}

fn supervise(task: &Task) -> io::Result<Verdict> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?
        .block_on(async {
            let verdict = watch(task).await;
            end_groups(&task.terms).await;
            verdict
        })
}

async fn watch(task: &Task) -> io::Result<Verdict> {
    let mut stop = StopSignals::listen()?;
    let mut children = signal(SignalKind::child())?;
    // Its environment holds the command's secrets.
    let hard = rustix::process::getrlimit(Resource::Core).maximum;
    let no_core = Rlimit {
        current: Some(0),
        maximum: hard,
    };
    rustix::process::setrlimit(Resource::Core, no_core)?;
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
                let wait = task.terms.term_wait;
                let wait = if has_parent(task) { wait } else { wait.min(LEFTOVER_WAIT) };
                kill_at = Some(Instant::now() + wait);
                ask_to_end(direct, task.terms.nested);
            }
            () = tokio::time::sleep_until(kill_at.unwrap_or_else(Instant::now)), if kill_at.is_some() => {
                signal_group(direct, Signal::KILL);
                kill_at = Some(Instant::now() + KILL_WAIT);
            }
        }
    };
    clear(direct, &task.terms, &mut children).await;
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
        .args(task.terms.to_args())
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

/// SIGTERM, and SIGCONT for whoever is stopped and could not hear it.
fn ask_to_end(direct: Pid, nested: bool) {
    let within = if nested {
        // What made the namespaces would end at once and take the MCP server along, without its being asked.
        processes::beyond_children(direct)
    } else {
        Vec::new()
    };
    for signal in [Signal::TERM, Signal::CONT] {
        if within.is_empty() {
            signal_group(direct, signal);
        }
        for pid in &within {
            let _ = rustix::process::kill_process(*pid, signal);
        }
    }
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
async fn clear(direct: Pid, terms: &Terms, children: &mut SignalStream) {
    let this = rustix::process::getpid();
    let wait = terms.term_wait.min(LEFTOVER_WAIT);
    let begun = Instant::now();
    let mut told = false;
    while reap(direct).1 && begun.elapsed() < wait + KILL_WAIT {
        let kill = begun.elapsed() >= wait;
        if kill {
            terms.groups.iter().for_each(|group| groups::kill(group));
        }
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
async fn clear(direct: Pid, terms: &Terms, _children: &mut SignalStream) {
    let wait = terms.term_wait.min(LEFTOVER_WAIT);
    if rustix::process::kill_process_group(direct, Signal::TERM).is_err() {
        return;
    }
    let begun = Instant::now();
    while begun.elapsed() < wait && rustix::process::test_kill_process_group(direct).is_ok() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let _ = rustix::process::kill_process_group(direct, Signal::KILL);
}

/// Ends the command's control groups, and with them whatever is left in them.
async fn end_groups(terms: &Terms) {
    let begun = Instant::now();
    let mut left = terms.groups.clone();
    loop {
        left.retain(|group| !groups::end(group));
        if left.is_empty() || begun.elapsed() >= KILL_WAIT {
            return;
        }
        while let Ok(Some(_)) = rustix::process::wait(WaitOptions::NOHANG) {}
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
