//! Starts supervisors, and makes sure that none is forgotten.
//!
//! Owns the one thread that forks, and the handle of each supervisor. Never knows what is said to an MCP server.

use std::io;
use std::panic::AssertUnwindSafe;
use std::panic::catch_unwind;
use std::process::ExitStatus;
use std::process::Stdio;
use std::sync::Mutex;
use std::sync::PoisonError;

use rustix::process::Pid;
use rustix::process::Signal;
use tokio::process::Child;
use tokio::process::ChildStderr;
use tokio::process::ChildStdin;
use tokio::process::ChildStdout;
use tokio::process::Command;
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio::sync::oneshot;

use crate::supervise::processes;

/// A command to start, on behalf of a runtime, and where the supervisor goes.
struct Order {
    command: Command,
    mark: String,
    runtime: Handle,
    reply: oneshot::Sender<io::Result<Started>>,
}

/// A supervisor and the standard streams of its command.
#[derive(Debug)]
pub(super) struct Started {
    pub(super) supervisor: Supervisor,
    pub(super) stdin: ChildStdin,
    pub(super) stdout: ChildStdout,
    pub(super) stderr: ChildStderr,
}

/// A running supervisor. Dropping it tells it to end its command; that then goes on without us.
#[derive(Debug)]
pub(super) struct Supervisor {
    child: Child,
    mark: String,
}

/// The orders of the forking thread.
///
/// A static, because supervisors die with the *thread* that started them (`PR_SET_PDEATHSIG`): this one must
/// outlive every session and every runtime, so nothing smaller than the process can own it.
static ORDERS: Mutex<Option<mpsc::Sender<Order>>> = Mutex::new(None);

/// Starts `command`, whose environment holds `mark` as [`processes::MARK`].
pub(super) async fn start(mut command: Command, mark: String) -> io::Result<Started> {
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        // Ctrl-C at the bridge's terminal is the bridge's alone.
        .process_group(0);
    let orders = orders()?;
    let (reply, started) = oneshot::channel();
    let order = Order {
        command,
        mark,
        runtime: Handle::current(),
        reply,
    };
    let gone = || io::Error::other("the thread that starts processes is gone");
    orders.send(order).await.map_err(|_| gone())?;
    started.await.map_err(|_| gone())?
}

/// Where orders go. A thread that the system did not give is asked for again the next time.
fn orders() -> io::Result<mpsc::Sender<Order>> {
    let mut orders = ORDERS.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(sender) = &*orders {
        return Ok(sender.clone());
    }
    let sender = start_thread()?;
    *orders = Some(sender.clone());
    Ok(sender)
}

fn start_thread() -> io::Result<mpsc::Sender<Order>> {
    let (sender, mut orders) = mpsc::channel::<Order>(16);
    std::thread::Builder::new()
        .name("spawner".to_owned())
        .spawn(move || {
            while let Some(order) = orders.blocking_recv() {
                // A runtime that is shutting down panics here, which must not take the others' supervisors along.
                let _ = catch_unwind(AssertUnwindSafe(|| fulfil(order)));
            }
        })?;
    Ok(sender)
}

fn fulfil(order: Order) {
    let Order {
        mut command,
        mark,
        runtime,
        reply,
    } = order;
    let _entered = runtime.enter();
    let started = command.spawn().and_then(|mut child| {
        let streams = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let supervisor = Supervisor { child, mark };
        let (Some(stdin), Some(stdout), Some(stderr)) = streams else {
            return Err(io::Error::other("the process has no pipes"));
        };
        Ok(Started {
            supervisor,
            stdin,
            stdout,
            stderr,
        })
    });
    // If nobody waits any more, dropping the answer ends the supervisor.
    let _ = reply.send(started);
}

impl Supervisor {
    /// Waits until the supervisor, and with it everything it watches, is gone. Cancel-safe.
    pub(super) async fn wait(&mut self) -> io::Result<ExitStatus> {
        self.child.wait().await
    }

    /// Its process id, until it has been waited for.
    pub(super) fn id(&self) -> Option<u32> {
        self.child.id()
    }

    /// Tells it to end its command: SIGTERM, a wait, SIGKILL.
    pub(super) fn terminate(&self) {
        self.signal(Signal::TERM);
    }

    /// Kills it. Its command dies with it; [`Self::sweep`] finds the rest.
    pub(super) fn kill(&self) {
        self.signal(Signal::KILL);
    }

    /// Kills whatever carries the mark: for a supervisor that could not do it itself any more.
    /// True when nothing was left.
    pub(super) fn sweep(&self) -> bool {
        let left = processes::marked(&self.mark);
        for pid in &left {
            let _ = rustix::process::kill_process(*pid, Signal::KILL);
        }
        left.is_empty()
    }

    fn signal(&self, signal: Signal) {
        // `None` once it has been waited for: its number may be somebody else's by now.
        let pid = self.child.id().and_then(|id| i32::try_from(id).ok());
        if let Some(pid) = pid.and_then(Pid::from_raw) {
            let _ = rustix::process::kill_process(pid, signal);
        }
    }
}

impl Drop for Supervisor {
    fn drop(&mut self) {
        self.terminate();
    }
}
