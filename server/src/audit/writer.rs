//! The one thread that writes the audit log, and the queue in front of it.
//!
//! Owns the file for as long as the process runs. A full disk stops neither it nor the bridge: it keeps what waits,
//! tries again, and says how much is missing. Never makes a sender wait.

use std::io;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;
use std::sync::mpsc::Receiver;
use std::sync::mpsc::RecvTimeoutError;
use std::sync::mpsc::SyncSender;
use std::sync::mpsc::sync_channel;
use std::thread;
use std::thread::JoinHandle;
use std::time::Duration;

use tracing::error;
use tracing::info;
use tracing::warn;

use super::Options;
use super::Record;
use super::file::Log;
use super::line;
use crate::meters;

/// Bytes that are written at once, about.
const BATCH_BYTES: usize = 64 * 1024;

/// From an attempt to write that failed to the next.
const RETRY: Duration = Duration::from_secs(1);

/// How long counts wait to be written when nothing else is.
const IDLE: Duration = Duration::from_secs(5);

/// How long the end of the process waits for the last records.
const CLOSE_WAIT: Duration = Duration::from_secs(5);

/// What the writer is told.
enum Order {
    Line(String),
    /// Look around: the file may have a new name, or the end has come.
    Wake,
}

/// What the writer and those who send to it both see.
#[derive(Debug, Default)]
struct State {
    /// The latest attempt to write failed, or records had no room.
    is_failing: AtomicBool,
    is_ending: AtomicBool,
    /// Records that are lost, and not yet said to be.
    n_lost: AtomicU64,
    /// Refused requests that were not recorded, and not yet counted in the log.
    n_omitted: AtomicU64,
}

impl State {
    fn lose(&self, count: u64) {
        self.is_failing.store(true, Ordering::Relaxed);
        self.n_lost.fetch_add(count, Ordering::Relaxed);
        meters::audit_lost(count);
    }
}

/// The senders' end.
#[derive(Clone, Debug)]
pub(super) struct Queue {
    orders: SyncSender<Order>,
    state: Arc<State>,
}

impl Queue {
    /// Hands a line to the writer, or counts it as lost when too many wait already.
    pub(super) fn push(&self, line: String) {
        if self.orders.try_send(Order::Line(line)).is_err() {
            meters::reached("audit_queue");
            self.state.lose(1);
        }
    }

    /// Counts a refusal that is not recorded.
    pub(super) fn omit(&self) {
        self.state.n_omitted.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn is_failing(&self) -> bool {
        self.state.is_failing.load(Ordering::Relaxed)
    }

    fn wake(&self) {
        // A full queue wakes it as well.
        let _ = self.orders.try_send(Order::Wake);
    }
}

/// The audit log of this process. Whoever holds it closes it last of all.
#[derive(Debug)]
pub struct Audit {
    queue: Queue,
    thread: JoinHandle<()>,
    ended: Receiver<()>,
}

impl Audit {
    /// Looks at once whether the file was renamed away, and goes on in a new one if so. Every record does that too.
    pub fn reopen(&self) {
        self.queue.wake();
    }

    /// Writes what waits and ends the log; false when that could not be done in time.
    pub fn close(self) -> bool {
        self.queue.push(line(&Record::BridgeStopped {
            pid: std::process::id(),
        }));
        self.end(CLOSE_WAIT)
    }

    fn end(self, wait: Duration) -> bool {
        self.queue.state.is_ending.store(true, Ordering::Release);
        self.queue.wake();
        self.thread.thread().unpark();
        self.ended.recv_timeout(wait) != Err(RecvTimeoutError::Timeout) && !self.queue.is_failing()
    }
}

/// Opens the log and starts the thread.
pub(super) fn start(options: &Options) -> io::Result<(Audit, Queue)> {
    let log = Log::open(&options.path)?;
    let (orders, received) = sync_channel(options.queue);
    let (ends, ended) = sync_channel(1);
    let state = Arc::new(State::default());
    let writer = Writer {
        orders: received,
        state: Arc::clone(&state),
        log,
        syncs: options.sync,
        cannot_write: false,
        cannot_reopen: false,
    };
    let thread = thread::Builder::new()
        .name("audit".to_owned())
        .spawn(move || {
            writer.run();
            let _ = ends.send(());
        })?;
    let queue = Queue { orders, state };
    let audit = Audit {
        queue: queue.clone(),
        thread,
        ended,
    };
    Ok((audit, queue))
}

struct Writer {
    orders: Receiver<Order>,
    state: Arc<State>,
    log: Log,
    syncs: bool,
    /// It was said that the log cannot be written.
    cannot_write: bool,
    /// It was said that no new file can be opened.
    cannot_reopen: bool,
}

impl Writer {
    fn run(mut self) {
        loop {
            // Asked before the queue is emptied: what was sent before the end is then in the last batch.
            let is_ending = self.state.is_ending.load(Ordering::Acquire);
            let wait = if is_ending { Duration::ZERO } else { IDLE };
            let mut next = match self.orders.recv_timeout(wait) {
                Ok(order) => Some(order),
                Err(RecvTimeoutError::Timeout) => None,
                Err(RecvTimeoutError::Disconnected) => return,
            };
            let counts = self.take_counts();
            let mut batch = String::new();
            while let Some(order) = next {
                if let Order::Line(line) = order {
                    batch.push_str(&line);
                }
                let has_room = batch.len() < BATCH_BYTES;
                next = has_room.then(|| self.orders.try_recv().ok()).flatten();
            }
            self.refresh();
            self.write(&batch);
            // Behind what was in the queue when there was no room for them.
            self.write(&counts);
            if is_ending && batch.len() < BATCH_BYTES {
                return;
            }
        }
    }

    /// What was left out so far, as records.
    fn take_counts(&self) -> String {
        let mut lines = String::new();
        let omitted = self.state.n_omitted.swap(0, Ordering::Relaxed);
        if omitted > 0 {
            lines.push_str(&line(&Record::RefusalsOmitted { count: omitted }));
        }
        let lost = self.state.n_lost.swap(0, Ordering::Relaxed);
        if lost > 0 {
            lines.push_str(&line(&Record::Lost { count: lost }));
        }
        lines
    }

    /// Goes on in a new file when the open one was renamed away; whether it did.
    fn refresh(&mut self) -> bool {
        match self.log.refresh() {
            Ok(is_new) => {
                self.cannot_reopen = false;
                is_new
            }
            Err(error) => {
                if !std::mem::replace(&mut self.cannot_reopen, true) {
                    warn!(%error, "the audit log was moved away and cannot be opened anew; it goes on where it is");
                }
                false
            }
        }
    }

    /// Writes whole lines, however long that takes; gives up only at the end of the process.
    fn write(&mut self, lines: &str) {
        let mut n_written = 0;
        while n_written < lines.len() {
            let problem = match self.log.write(&lines.as_bytes()[n_written..]) {
                Ok(0) => io::Error::from(io::ErrorKind::WriteZero),
                Ok(n_bytes) => {
                    n_written += n_bytes;
                    continue;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => error,
            };
            self.fail(&problem);
            if self.state.is_ending.load(Ordering::Acquire) {
                let count = lines.as_bytes()[n_written..]
                    .iter()
                    .filter(|byte| **byte == b'\n')
                    .count();
                error!(count, "records of the audit log are lost");
                self.state.lose(count as u64);
                return;
            }
            thread::park_timeout(RETRY);
            if self.refresh() {
                // The line that was cut off begins anew in the new file.
                n_written = lines.as_bytes()[..n_written]
                    .iter()
                    .rposition(|byte| *byte == b'\n')
                    .map_or(0, |at| at + 1);
            }
        }
        if lines.is_empty() {
            return;
        }
        match self.syncs.then(|| self.log.sync()) {
            Some(Err(problem)) => self.fail(&problem),
            Some(Ok(())) | None => self.recover(),
        }
    }

    fn fail(&mut self, problem: &io::Error) {
        self.state.is_failing.store(true, Ordering::Relaxed);
        if !std::mem::replace(&mut self.cannot_write, true) {
            error!(%problem, "the audit log cannot be written; its records wait, and are lost when too many do");
        }
    }

    fn recover(&mut self) {
        self.state.is_failing.store(false, Ordering::Relaxed);
        if std::mem::take(&mut self.cannot_write) {
            info!("the audit log is written again");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::path::PathBuf;

    use super::*;

    /// A folder of a test's own.
    struct Folder(PathBuf);

    impl Folder {
        fn new(name: &str) -> Self {
            let path = std::env::temp_dir()
                .join(format!("footbridge-audit-{}-{name}", std::process::id()));
            std::fs::create_dir_all(&path).unwrap();
            Self(path)
        }

        fn log(&self) -> PathBuf {
            self.0.join("audit.jsonl")
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = std::fs::remove_dir_all(&self.0);
        }
    }

    fn started(path: &Path, queue: usize) -> (Audit, Queue) {
        start(&Options {
            path: path.to_owned(),
            required: true,
            sync: true,
            queue,
            refusals: 10,
        })
        .unwrap()
    }

    fn until(what: &str, mut is_so: impl FnMut() -> bool) {
        for _ in 0..3000 {
            if is_so() {
                return;
            }
            thread::sleep(Duration::from_millis(10));
        }
        panic!("waited in vain: {what}");
    }

    fn read(path: &Path) -> String {
        std::fs::read_to_string(path).unwrap_or_default()
    }

    #[test]
    fn lines_are_written_in_order_and_the_last_at_the_end() {
        let folder = Folder::new("order");
        let (audit, queue) = started(&folder.log(), 1000);
        let lines: Vec<String> = (0..500).map(|n| format!("{{\"n\":{n}}}\n")).collect();
        lines.iter().for_each(|line| queue.push(line.clone()));
        assert!(audit.close());
        let text = read(&folder.log());
        let (all, last) = text.split_at(lines.concat().len());
        assert_eq!(all, lines.concat());
        assert!(
            last.contains("bridge_stopped") && last.lines().count() == 1,
            "{last}"
        );
    }

    #[cfg(unix)]
    #[test]
    fn a_new_file_is_the_users_alone_and_an_old_one_is_continued_on_a_line_of_its_own() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = Folder::new("mode");
        let (audit, queue) = started(&folder.log(), 10);
        queue.push("one\n".to_owned());
        assert!(audit.end(CLOSE_WAIT));
        let mode = std::fs::metadata(folder.log())
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600);
        std::fs::write(folder.log(), "one\ncut o").unwrap();
        let (audit, queue) = started(&folder.log(), 10);
        queue.push("two\n".to_owned());
        assert!(audit.end(CLOSE_WAIT));
        assert_eq!(read(&folder.log()), "one\ncut o\ntwo\n");
    }

    #[test]
    fn a_file_that_is_renamed_away_is_left_and_a_new_one_begun() {
        let folder = Folder::new("rename");
        let (audit, queue) = started(&folder.log(), 10);
        queue.push("one\n".to_owned());
        until("the first line", || read(&folder.log()) == "one\n");
        let rotated = folder.0.join("audit.jsonl.1");
        std::fs::rename(folder.log(), &rotated).unwrap();
        audit.reopen();
        until("a new file without any record", || folder.log().exists());
        queue.push("two\n".to_owned());
        until("the second line", || read(&folder.log()) == "two\n");
        std::fs::remove_file(folder.log()).unwrap();
        queue.push("three\n".to_owned());
        assert!(audit.end(CLOSE_WAIT));
        assert_eq!(read(&folder.log()), "three\n");
        assert_eq!(read(&rotated), "one\n");
    }

    #[test]
    fn a_moved_file_that_cannot_be_made_anew_is_written_on() {
        let folder = Folder::new("gone");
        let inner = folder.0.join("inner");
        std::fs::create_dir(&inner).unwrap();
        let (audit, queue) = started(&inner.join("audit.jsonl"), 10);
        let moved = folder.0.join("moved");
        std::fs::rename(&inner, &moved).unwrap();
        queue.push("kept\n".to_owned());
        assert!(audit.end(CLOSE_WAIT));
        assert_eq!(read(&moved.join("audit.jsonl")), "kept\n");
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_full_disk_loses_only_what_finds_no_room_and_the_log_says_how_much() {
        let folder = Folder::new("full");
        // A name that means the full device first, and a file later.
        std::os::unix::fs::symlink("/dev/full", folder.log()).unwrap();
        let (audit, queue) = started(&folder.log(), 4);
        queue.push("first\n".to_owned());
        until("the failure", || queue.is_failing());
        for n in 0..10 {
            queue.push(format!("{n}\n"));
        }
        let n_lost = queue.state.n_lost.load(Ordering::Relaxed);
        assert_eq!(n_lost, 6, "four had room beside the one that is tried");
        std::fs::remove_file(folder.log()).unwrap();
        audit.thread.thread().unpark();
        until("the recovery", || {
            read(&folder.log()).contains("\"count\":6")
        });
        assert!(!queue.is_failing());
        queue.push("last\n".to_owned());
        assert!(audit.end(CLOSE_WAIT));
        let text = read(&folder.log());
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[..5], ["first", "0", "1", "2", "3"]);
        assert!(lines[5].contains("\"event\":\"lost\""), "{text}");
        assert_eq!(lines[6..], ["last"]);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn the_end_does_not_wait_for_a_disk_that_stays_full() {
        let (audit, queue) = started(Path::new("/dev/full"), 4);
        queue.push("first\n".to_owned());
        until("the failure", || queue.is_failing());
        assert!(!audit.close());
        assert!(queue.state.n_lost.load(Ordering::Relaxed) > 0);
    }

    #[test]
    fn refusals_that_were_left_out_are_counted_in_the_log() {
        let folder = Folder::new("omitted");
        let (audit, queue) = started(&folder.log(), 4);
        (0..3).for_each(|_| queue.omit());
        assert!(audit.end(CLOSE_WAIT));
        let text = read(&folder.log());
        assert!(
            text.contains(r#""event":"refusals_omitted","count":3"#),
            "{text}"
        );
    }

    #[test]
    fn what_cannot_be_opened_is_an_error_at_the_start() {
        let folder = Folder::new("wrong");
        for path in [folder.0.clone(), folder.0.join("no/such/folder.jsonl")] {
            let options = Options {
                path,
                required: false,
                sync: false,
                queue: 1,
                refusals: 1,
            };
            assert!(start(&options).is_err(), "{options:?}");
        }
    }
}
