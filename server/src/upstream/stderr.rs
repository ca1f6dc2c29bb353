//! A child's standard error: always read, passed on when there is room, its end kept for the report.

use std::collections::VecDeque;

use tokio::io::BufReader;
use tokio::process::ChildStderr;
use tokio::sync::mpsc;
use tokio::time::Duration;
use tokio::time::Instant;

use crate::supervise::Verdict;
use crate::upstream::FromUpstream;
use crate::upstream::environment::Redactor;
use crate::upstream::lines;
use crate::upstream::lines::Read;

/// A longer line is cut: it is for people.
const LINE_BYTES: usize = 8 * 1024;
/// How many lines a second are passed on; the others are counted.
const LINES_PER_SECOND: u32 = 200;
/// How much of the end goes into an error.
const REPORT_BYTES: usize = 4 * 1024;

/// What standard error left behind.
#[derive(Debug, Default)]
pub(super) struct Ended {
    /// The last lines.
    pub(super) tail: String,
    /// What the supervisor said of the child's end.
    pub(super) verdict: Option<Verdict>,
}

/// Reads to the end.
pub(super) async fn read(
    stderr: ChildStderr,
    to_session: mpsc::Sender<FromUpstream>,
    redactor: Redactor,
) -> Ended {
    let mut input = BufReader::with_capacity(16 * 1024, stderr);
    let mut line = Vec::new();
    let mut ended = Ended::default();
    let mut tail = Tail::default();
    let mut pace = Pace::new();
    // The supervisor's record comes after a line end of its own, which is no line of the child's.
    let mut blank = false;
    while let Ok(read @ (Read::Line | Read::Cut)) =
        lines::read(&mut input, &mut line, LINE_BYTES).await
    {
        if let Some(verdict) = Verdict::from_line(&line) {
            ended.verdict.get_or_insert(verdict);
            continue;
        }
        if std::mem::replace(&mut blank, line.is_empty()) {
            tail.push(String::new());
        }
        if line.is_empty() {
            continue;
        }
        let mut text = redactor.redact(String::from_utf8_lossy(&line).into_owned());
        if read == Read::Cut {
            text.push('…');
        }
        tail.push(text.clone());
        if let Some(n_dropped) = pace.may_pass() {
            if n_dropped > 0 {
                let _ = to_session.try_send(FromUpstream::Stderr(format!(
                    "({n_dropped} lines were left out)"
                )));
            }
            if to_session.try_send(FromUpstream::Stderr(text)).is_err() {
                pace.dropped();
            }
        }
    }
    ended.tail = tail.text();
    ended
}

/// How fast lines are passed on.
struct Pace {
    since: Instant,
    n_passed: u32,
    n_dropped: u64,
}

impl Pace {
    fn new() -> Self {
        Self {
            since: Instant::now(),
            n_passed: 0,
            n_dropped: 0,
        }
    }

    /// Whether a line may pass now; if so, how many were dropped since the last one.
    fn may_pass(&mut self) -> Option<u64> {
        if self.since.elapsed() >= Duration::from_secs(1) {
            self.since = Instant::now();
            self.n_passed = 0;
        }
        if self.n_passed >= LINES_PER_SECOND {
            self.n_dropped += 1;
            return None;
        }
        self.n_passed += 1;
        Some(std::mem::take(&mut self.n_dropped))
    }

    fn dropped(&mut self) {
        self.n_dropped += 1;
    }
}

/// The last lines.
#[derive(Default)]
struct Tail {
    lines: VecDeque<String>,
    n_bytes: usize,
}

impl Tail {
    fn push(&mut self, line: String) {
        self.n_bytes += line.len() + 1;
        self.lines.push_back(line);
        while self.n_bytes > REPORT_BYTES && self.lines.len() > 1 {
            if let Some(oldest) = self.lines.pop_front() {
                self.n_bytes -= oldest.len() + 1;
            }
        }
    }

    fn text(&self) -> String {
        self.lines
            .iter()
            .map(String::as_str)
            .collect::<Vec<_>>()
            .join("\n")
    }
}
