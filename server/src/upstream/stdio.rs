//! The upstream of an MCP server that is a process: lines of JSON on its standard input and output.
//!
//! Owns the process from start to end, and the report of how it ended. Never interprets a message.

use std::io;
use std::process::ExitStatus;
use std::sync::Arc;
use std::time::Duration;

use footbridge_shared::fault::Fault;
use footbridge_shared::fault::FaultCode;
use footbridge_shared::fault::UpstreamReport;
use footbridge_shared::params::Secret;
use footbridge_shared::params::StdioParams;
use tokio::sync::mpsc;
use tokio::sync::oneshot;
use tokio::task::JoinSet;
use tokio::time::sleep;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::FromUpstream;
use super::Upstream;
use super::children;
use super::children::Place;
use super::launch::Group;
use super::launch::Launched;
use super::launch::Request;
use super::launch::launch;
use super::lines::Lines;
use super::redact::Redactor;
use super::spawner::Supervisor;
use super::stderr::Display;
use super::stderr::Remains;
use super::stderr::Stderr;
use super::stdin;
use super::stdout::End;
use super::stdout::Stdout;
use crate::audit::Witness;
use crate::config::Limits;
use crate::meters;
use crate::supervise::LEFTOVER_WAIT;
use crate::supervise::Verdict;

/// How much longer than it was told a supervisor may take before it is killed itself.
const SUPERVISOR_SLACK: Duration = Duration::from_secs(1);

/// What ends a command that did not end at SIGTERM.
const SIGKILL: i32 = 9;

/// How often to look for processes that a killed supervisor left behind, and how long in between.
const SWEEPS: u32 = 50;
const SWEEP_PAUSE: Duration = Duration::from_millis(20);

/// Starts an MCP server.
/// `secrets` are those that its environment does not hold, or not as a whole.
pub(super) async fn connect(
    request: Request<'_>,
    secrets: &[Secret],
    limits: &Limits,
) -> Result<Upstream, Fault> {
    let params = request.params;
    let launched = launch(request, limits).await?;
    let redactor = Redactor::new(params.env.values().chain(secrets));
    Ok(upstream(launched, params, redactor, limits))
}

/// Puts the tasks around a started process.
fn upstream(
    launched: Launched,
    params: &StdioParams,
    redactor: Redactor,
    limits: &Limits,
) -> Upstream {
    let Launched {
        name,
        started,
        group,
        place,
    } = launched;
    let (sender, to_server) = mpsc::channel(limits.upstream_queue);
    let (to_bridge, receiver) = mpsc::channel(limits.upstream_queue);
    let redactor = Arc::new(redactor);
    let (stop, ending) = (CancellationToken::new(), CancellationToken::new());
    let close_stdin = CancellationToken::new();
    let (stdin_failed, stdin_end) = oneshot::channel();
    let (stdout_ended, stdout_end) = oneshot::channel();
    let (stderr_ended, stderr_end) = oneshot::channel();
    let mut tasks = JoinSet::new();

    let write = stdin::write(started.stdin, to_server, close_stdin.clone());
    tasks.spawn(async move {
        if write.await.is_err() {
            let _ = stdin_failed.send(());
        }
    });
    let stdout = Stdout {
        lines: Lines::new(started.stdout, limits.upstream_message_bytes),
        encoding_errors: params.encoding_errors,
        json_depth: limits.json_depth,
        queue: to_bridge.clone(),
        display: Display::new(
            to_bridge.clone(),
            Arc::clone(&redactor),
            "standard output",
            limits.stderr_lines,
        ),
        ending: ending.clone(),
    };
    tasks.spawn(async move {
        let _ = stdout_ended.send(stdout.read().await);
    });
    let display = Display::new(
        to_bridge.clone(),
        redactor,
        "standard error",
        limits.stderr_lines,
    );
    let stderr = Stderr::new(display, limits.stderr_bytes).read(started.stderr, ending.clone());
    tasks.spawn(async move {
        let _ = stderr_ended.send(stderr.await);
    });
    let process = Process {
        name,
        supervisor: started.supervisor,
        group,
        memory_bytes: limits.child_memory_bytes,
        _place: place,
        stdin_wait: limits.stop_stdin_wait,
        term_wait: limits.stop_term_wait,
        message_bytes: limits.upstream_message_bytes,
        stop: stop.clone(),
        close_stdin,
        ending,
        stdin_end,
        stdout_end,
        stderr_end,
    };
    let (witness, pid) = (Witness::here(), process.supervisor.id());
    tasks.spawn(async move {
        let fault = process.attend().await;
        witness.exited(pid, fault.code, fault.data.as_deref());
        // Fails when the session is over, and waits for it as long as it is not.
        let _ = to_bridge.send(FromUpstream::Gone(fault)).await;
    });
    Upstream::new((sender, receiver), tasks, stop)
}

/// A running MCP server, and everything that tells of its end.
struct Process {
    name: String,
    supervisor: Supervisor,
    group: Group,
    memory_bytes: usize,
    _place: Place,
    stdin_wait: Duration,
    term_wait: Duration,
    message_bytes: usize,
    /// The session asks for the end.
    stop: CancellationToken,
    /// Asks for the end of standard input.
    close_stdin: CancellationToken,
    /// Tells the readers that the process is gone.
    ending: CancellationToken,
    stdin_end: oneshot::Receiver<()>,
    stdout_end: oneshot::Receiver<End>,
    stderr_end: oneshot::Receiver<Remains>,
}

/// Why a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reason {
    Exited,
    ClosedInput,
    ClosedOutput,
    TooLarge,
    Stopped,
}

impl Process {
    /// Waits for the end of the process, brings it about when there is reason to, and says how it went.
    async fn attend(mut self) -> Fault {
        let mut stdout_ended = false;
        let mut is_terminated = false;
        let mut reason = tokio::select! {
            _ = self.supervisor.wait() => Reason::Exited,
            () = self.stop.cancelled() => Reason::Stopped,
            Ok(()) = &mut self.stdin_end => Reason::ClosedInput,
            end = &mut self.stdout_end => {
                stdout_ended = true;
                match end {
                    Ok(End::TooLarge) => Reason::TooLarge,
                    Ok(End::Closed) | Err(_) => Reason::ClosedOutput,
                }
            }
        };
        self.close_stdin.cancel();
        let patience = match reason {
            Reason::TooLarge => Duration::ZERO,
            Reason::Exited | Reason::Stopped => self.stdin_wait,
            // A process that exits closes its pipes first, and may leave others behind that take time to end.
            Reason::ClosedInput | Reason::ClosedOutput => self.stdin_wait + LEFTOVER_WAIT,
        };
        let status = match timeout(patience, self.supervisor.wait()).await {
            Ok(status) => {
                if reason != Reason::Stopped && reason != Reason::TooLarge {
                    reason = Reason::Exited;
                }
                status
            }
            Err(_) => {
                if reason != Reason::TooLarge {
                    meters::reached("stop_stdin_wait");
                }
                is_terminated = true;
                self.terminate().await
            }
        };
        if !status.as_ref().is_ok_and(|status| status.code().is_some()) {
            // A supervisor never ends by a signal of its own accord: it was killed and has left things behind.
            self.sweep().await;
        }
        self.group.end().await;
        self.ending.cancel();
        if !stdout_ended && (&mut self.stdout_end).await == Ok(End::TooLarge) {
            reason = Reason::TooLarge;
        }
        let remains = (&mut self.stderr_end).await.unwrap_or_default();
        if reason == Reason::TooLarge {
            meters::reached("upstream_message_bytes");
        }
        if is_terminated && remains.verdict == Some(Verdict::Signal(SIGKILL)) {
            meters::reached("stop_term_wait");
        }
        self.fault(reason, status.ok(), remains)
    }

    /// SIGTERM and SIGKILL by the supervisor; if that does not do it, without the supervisor.
    async fn terminate(&mut self) -> io::Result<ExitStatus> {
        self.supervisor.terminate();
        let wait = self.term_wait + LEFTOVER_WAIT + SUPERVISOR_SLACK;
        if let Ok(status) = timeout(wait, self.supervisor.wait()).await {
            return status;
        }
        self.supervisor.kill();
        self.sweep().await;
        timeout(SUPERVISOR_SLACK, self.supervisor.wait())
            .await
            .unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
    }

    /// Does a supervisor's last duty in its place.
    async fn sweep(&self) {
        for _ in 0..SWEEPS {
            if self.supervisor.sweep() {
                return;
            }
            sleep(SWEEP_PAUSE).await;
        }
    }

    fn fault(self, reason: Reason, status: Option<ExitStatus>, remains: Remains) -> Fault {
        use std::os::unix::process::ExitStatusExt as _;

        let name = &self.name;
        // Without a verdict the supervisor itself was killed, and its command with it.
        let verdict = remains.verdict.or_else(|| {
            let status = status?;
            status
                .signal()
                .map(Verdict::Signal)
                .or_else(|| status.code().map(Verdict::Exit))
        });
        let report = UpstreamReport {
            command: Some(name.clone()),
            exit_code: match verdict {
                Some(Verdict::Exit(code)) => Some(code),
                Some(Verdict::Signal(_) | Verdict::NotStarted(_)) | None => None,
            },
            signal: match verdict {
                Some(Verdict::Signal(number)) => Some(number),
                Some(Verdict::Exit(_) | Verdict::NotStarted(_)) | None => None,
            },
            stderr: remains.text,
            ..UpstreamReport::default()
        };
        if let Some(Verdict::NotStarted(errno)) = verdict {
            let error = io::Error::from_raw_os_error(errno);
            if children::is_exhaustion(&error) {
                return children::exhausted(name, &error).data(report);
            }
        }
        let was_killed = (reason, verdict) == (Reason::Exited, Some(Verdict::Signal(9)));
        let (code, message) = match (reason, verdict) {
            (_, Some(Verdict::NotStarted(errno))) => (
                FaultCode::UpstreamFailed,
                format!(
                    "The MCP server `{name}` could not be started: {}.",
                    io::Error::from_raw_os_error(errno)
                ),
            ),
            (Reason::TooLarge, _) => (
                FaultCode::UpstreamTooLarge,
                format!(
                    "The MCP server `{name}` sent a message of more than {} bytes, so it was stopped.",
                    self.message_bytes
                ),
            ),
            (Reason::ClosedInput, _) => (
                FaultCode::UpstreamExited,
                format!(
                    "The MCP server `{name}` closed its standard input but did not exit, so it was stopped."
                ),
            ),
            (Reason::ClosedOutput, _) => (
                FaultCode::UpstreamExited,
                format!(
                    "The MCP server `{name}` closed its standard output but did not exit, so it was stopped."
                ),
            ),
            (Reason::Stopped, _) => (
                FaultCode::UpstreamExited,
                format!("The MCP server `{name}` was stopped."),
            ),
            (Reason::Exited, Some(Verdict::Exit(exit_code))) => (
                FaultCode::UpstreamExited,
                format!("The MCP server `{name}` exited with code {exit_code}."),
            ),
            (Reason::Exited, Some(Verdict::Signal(number))) => (
                FaultCode::UpstreamExited,
                format!(
                    "The MCP server `{name}` was killed by signal {number}{}.",
                    signal_name(number)
                ),
            ),
            (Reason::Exited, None) => (
                FaultCode::UpstreamExited,
                format!("The MCP server `{name}` is gone."),
            ),
        };
        let fault = Fault::new(code, message).data(report);
        if was_killed && self.group.is_there() {
            return fault.hint(format!(
                "It may have needed more than the {} bytes of memory that limits.child_memory_bytes gives it.",
                self.memory_bytes
            ));
        }
        fault
    }
}

/// The name of a signal in parentheses, for those that tell something.
fn signal_name(number: i32) -> &'static str {
    match number {
        2 => " (SIGINT)",
        4 => " (SIGILL)",
        6 => " (SIGABRT)",
        8 => " (SIGFPE)",
        9 => " (SIGKILL)",
        11 => " (SIGSEGV)",
        13 => " (SIGPIPE)",
        15 => " (SIGTERM)",
        _ => "",
    }
}
