//! The one thread that starts child processes.
//!
//! A supervisor asks the kernel to be told of its parent's death, and the kernel means the *thread* that started it
//! (prctl(2), `PR_SET_PDEATHSIG`). A worker thread of the runtime may end at any time; this one never does.

use std::io;
use std::sync::OnceLock;
use std::sync::mpsc;

use tokio::process::Child;
use tokio::process::Command;
use tokio::runtime::Handle;
use tokio::sync::oneshot;

/// How many starts may wait for the thread; a start takes about a millisecond.
const QUEUE: usize = 64;

struct Start {
    command: Command,
    runtime: Handle,
    answer: oneshot::Sender<io::Result<Child>>,
}

/// Starts a command.
pub(super) async fn spawn(command: Command) -> io::Result<Child> {
    static SPAWNER: OnceLock<Result<mpsc::SyncSender<Start>, io::ErrorKind>> = OnceLock::new();
    let spawner = SPAWNER
        .get_or_init(start_thread)
        .as_ref()
        .map_err(|kind| io::Error::from(*kind))?;
    let (answer, answered) = oneshot::channel();
    let start = Start {
        command,
        runtime: Handle::current(),
        answer,
    };
    spawner.try_send(start).map_err(|_| {
        io::Error::new(
            io::ErrorKind::WouldBlock,
            "too many processes are being started",
        )
    })?;
    answered
        .await
        .map_err(|_| io::Error::other("the spawner is gone"))?
}

fn start_thread() -> Result<mpsc::SyncSender<Start>, io::ErrorKind> {
    let (sender, starts) = mpsc::sync_channel::<Start>(QUEUE);
    let run = move || {
        for Start {
            mut command,
            runtime,
            answer,
        } in starts
        {
            let _guard = runtime.enter();
            // A session that has ended meanwhile drops the child, which its guard then ends.
            let _ = answer.send(command.spawn());
        }
    };
    std::thread::Builder::new()
        .name("spawner".to_owned())
        .spawn(run)
        .map_err(|error| error.kind())?;
    Ok(sender)
}
