//! An MCP server as a child process: one JSON-RPC message per line on its standard input and output
//! (MCP basic/transports, stdio).
//!
//! Owns the child, by way of its supervisor, and its three pipes. Never answers what it reads.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use footbridge_shared::fault::ExitReport;
use footbridge_shared::fault::Fault;
use footbridge_shared::fault::FaultCode;
use footbridge_shared::params::EncodingErrors;
use footbridge_shared::params::StdioParams;
use footbridge_shared::rpc;
use footbridge_shared::rpc::Message;
use rustix::process::Pid;
use rustix::process::Signal;
use tokio::io::AsyncWriteExt;
use tokio::io::BufReader;
use tokio::process::Child;
use tokio::process::ChildStdin;
use tokio::process::ChildStdout;
use tokio::process::Command;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::sleep;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tracing::debug;

use crate::config::Limits;
use crate::supervise::Verdict;
use crate::upstream::FromUpstream;
use crate::upstream::Upstream;
use crate::upstream::environment;
use crate::upstream::environment::Redactor;
use crate::upstream::lines;
use crate::upstream::lines::Read;
use crate::upstream::program;
use crate::upstream::spawner;
use crate::upstream::stderr;

const READ_BUFFER: usize = 64 * 1024;
/// How many queued messages go out with one write.
const WRITE_BATCH: usize = 64;
/// How much of a line that is not JSON-RPC is shown to people.
const SHOWN: usize = 200;
/// How long a server that has closed its output may take to exit by itself.
const EXIT_WAIT: Duration = Duration::from_millis(500);
/// What the supervisor needs beyond the child's own wait: for leftovers, and for what cannot be killed at once.
const SUPERVISOR_WAIT: Duration = Duration::from_secs(5);

/// Starts the server under a supervisor.
pub(super) async fn connect(
    params: &StdioParams,
    program: &Path,
    limits: &Limits,
) -> Result<Upstream, Fault> {
    let cwd = params.cwd.as_deref().map(Path::new);
    let env = environment::of_child(&params.env);
    let search = std::env::var_os("PATH");
    let path = program::find(&params.command, cwd, search.as_deref())?;
    let mut command = Command::new(program);
    command
        .args([
            "supervise",
            "--parent",
            &std::process::id().to_string(),
            "--report",
            "--term-wait-ms",
        ])
        .arg(limits.stop_term_wait.as_millis().to_string())
        .arg("--")
        .arg(path)
        .args(&params.args)
        .env_clear()
        .envs(env)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    if let Some(cwd) = cwd {
        command.current_dir(cwd);
    }
    let not_started = |why: String| {
        program::failed(
            &params.command,
            format!(
                "The MCP server `{}` could not be started: {why}.",
                program::name(&params.command)
            ),
        )
    };
    let mut child = spawner::spawn(command)
        .await
        .map_err(|error| not_started(error.to_string()))?;
    let (Some(stdin), Some(stdout), Some(errors)) =
        (child.stdin.take(), child.stdout.take(), child.stderr.take())
    else {
        return Err(not_started("its pipes are missing".to_owned()));
    };
    let (sender, from_session) = mpsc::channel(limits.upstream_queue);
    let (to_session, receiver) = mpsc::channel(limits.upstream_queue);
    let redactor = Redactor::new(&params.env);
    let stop = CancellationToken::new();
    let output = Output {
        to_session: to_session.clone(),
        redactor: redactor.clone(),
        limit: limits.upstream_message_bytes,
        encoding_errors: params.encoding_errors,
    };
    let mut pipes = JoinSet::new();
    pipes.spawn(async move {
        write(stdin, from_session).await;
        Pipe::Input
    });
    pipes.spawn(async move { Pipe::Output(output.read(stdout).await) });
    let errors_to = to_session.clone();
    pipes.spawn(async move { Pipe::Errors(stderr::read(errors, errors_to, redactor).await) });
    let life = Life {
        child: Supervised {
            pid: child
                .id()
                .and_then(|pid| Pid::from_raw(pid.try_into().ok()?)),
            child,
        },
        name: program::name(&params.command),
        limits: limits.clone(),
        stop: stop.clone(),
    };
    let mut tasks = JoinSet::new();
    tasks.spawn(life.run(pipes, to_session));
    Ok(Upstream {
        sender,
        receiver,
        stop,
        tasks,
    })
}

/// The supervisor. Dropping it lets it end the server: it hears SIGTERM, and the server's whole family is its own.
struct Supervised {
    child: Child,
    pid: Option<Pid>,
}

impl Supervised {
    fn terminate(&self) {
        if let Some(pid) = self.pid {
            let _ = rustix::process::kill_process(pid, Signal::TERM);
        }
    }

    /// Waits for its end; whether it came in time.
    async fn ended_within(&mut self, limit: Duration) -> bool {
        let ended = timeout(limit, self.child.wait()).await.is_ok();
        if ended {
            self.pid = None;
        }
        ended
    }
}

impl Drop for Supervised {
    fn drop(&mut self) {
        self.terminate();
    }
}

/// What a pipe's task ended with.
enum Pipe {
    Input,
    Output(OutputEnd),
    Errors(stderr::Ended),
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum OutputEnd {
    /// The server closed it, or nobody reads any more.
    Closed,
    /// A line was over the limit.
    TooLong,
}

/// The one task that owns a child from its start to its end.
struct Life {
    child: Supervised,
    name: String,
    limits: Limits,
    stop: CancellationToken,
}

impl Life {
    async fn run(mut self, mut pipes: JoinSet<Pipe>, to_session: mpsc::Sender<FromUpstream>) {
        let (mut output, mut errors) = (None, None);
        loop {
            tokio::select! {
                () = self.stop.cancelled() => {
                    // The session has let go of its queues, so the server's input is being closed.
                    self.end(self.limits.stop_stdin_wait).await;
                    break;
                }
                _ = self.child.child.wait() => {
                    self.child.pid = None;
                    break;
                }
                Some(Ok(pipe)) = pipes.join_next() => match pipe {
                    Pipe::Input => {}
                    Pipe::Errors(ended) => errors = Some(ended),
                    Pipe::Output(end) => {
                        output = Some(end);
                        let wait = if end == OutputEnd::TooLong { Duration::ZERO } else { EXIT_WAIT };
                        self.end(wait).await;
                        break;
                    }
                },
            }
        }
        // The supervisor outlives the whole family, so both pipes are closed at their far end; unless it was killed.
        while output.is_none() || errors.is_none() {
            tokio::select! {
                () = self.stop.cancelled() => break,
                Some(Ok(pipe)) = pipes.join_next() => match pipe {
                    Pipe::Input => {}
                    Pipe::Output(end) => output = Some(end),
                    Pipe::Errors(ended) => errors = Some(ended),
                },
                () = sleep(SUPERVISOR_WAIT) => {
                    // A slow session is waited for; an orphan that holds a pipe open is not.
                    if to_session.capacity() > 0 {
                        break;
                    }
                }
            }
        }
        let fault = self.fault(
            output == Some(OutputEnd::TooLong),
            errors.unwrap_or_default(),
        );
        let _ = to_session.send(FromUpstream::Gone(fault)).await;
    }

    /// Ends the server: waits for it to go by itself, then SIGTERM, and SIGKILL by the supervisor.
    async fn end(&mut self, wait: Duration) {
        if self.child.ended_within(wait).await {
            return;
        }
        self.child.terminate();
        if !self
            .child
            .ended_within(self.limits.stop_term_wait + SUPERVISOR_WAIT)
            .await
        {
            debug!("a supervisor did not end in time");
            let _ = self.child.child.kill().await;
        }
    }

    fn fault(&self, too_long: bool, errors: stderr::Ended) -> Fault {
        let name = &self.name;
        let mut report = ExitReport {
            command: Some(name.clone()),
            stderr: errors.tail,
            ..ExitReport::default()
        };
        if too_long {
            let limit = self.limits.upstream_message_bytes;
            return Fault::new(FaultCode::UpstreamTooLarge, format!("The MCP server `{name}` sent a message of more than {limit} bytes and was stopped."))
                .hint("Raise limits.upstream_message_bytes.")
                .data(report);
        }
        match errors.verdict {
            Some(Verdict::NotStarted(errno)) => {
                let why = std::io::Error::from_raw_os_error(errno);
                Fault::new(
                    FaultCode::UpstreamFailed,
                    format!("The MCP server `{name}` could not be started: {why}."),
                )
                .field("server_params.command")
                .data(report)
            }
            Some(Verdict::Exit(code)) => {
                report.exit_code = Some(code);
                Fault::new(
                    FaultCode::UpstreamExited,
                    format!("The MCP server `{name}` exited with code {code}."),
                )
                .data(report)
            }
            Some(Verdict::Signal(number)) => {
                report.signal = Some(number);
                Fault::new(
                    FaultCode::UpstreamExited,
                    format!("The MCP server `{name}` was ended by signal {number}."),
                )
                .data(report)
            }
            None => Fault::new(
                FaultCode::UpstreamExited,
                format!("The MCP server `{name}` is gone."),
            )
            .data(report),
        }
    }
}

/// Feeds the server's input until the session lets go of the queue or the server closes it.
async fn write(mut stdin: ChildStdin, mut from_session: mpsc::Receiver<Message>) {
    let mut batch = Vec::with_capacity(WRITE_BATCH);
    let mut bytes = Vec::new();
    while from_session.recv_many(&mut batch, WRITE_BATCH).await > 0 {
        bytes.clear();
        for message in batch.drain(..) {
            push_line(&mut bytes, message.text());
        }
        if stdin.write_all(&bytes).await.is_err() {
            // It closed its input. That is not its end: what it still says is read.
            break;
        }
        if bytes.capacity() > READ_BUFFER * 4 {
            bytes = Vec::new();
        }
    }
}

/// One line per message: a raw line end in JSON can only be white space, so a space says the same.
fn push_line(bytes: &mut Vec<u8>, text: &str) {
    let start = bytes.len();
    bytes.extend_from_slice(text.as_bytes());
    if memchr::memchr2(b'\n', b'\r', &bytes[start..]).is_some() {
        for byte in &mut bytes[start..] {
            if matches!(*byte, b'\n' | b'\r') {
                *byte = b' ';
            }
        }
    }
    bytes.push(b'\n');
}

/// The reading of a server's standard output.
struct Output {
    to_session: mpsc::Sender<FromUpstream>,
    redactor: Redactor,
    limit: usize,
    encoding_errors: EncodingErrors,
}

impl Output {
    async fn read(self, stdout: ChildStdout) -> OutputEnd {
        let mut input = BufReader::with_capacity(READ_BUFFER, stdout);
        let mut line = Vec::new();
        loop {
            match lines::read(&mut input, &mut line, self.limit).await {
                Ok(Read::Line) => {
                    if self.pass(&line).await.is_err() {
                        return OutputEnd::Closed;
                    }
                }
                Ok(Read::Cut) => return OutputEnd::TooLong,
                Ok(Read::End) | Err(_) => return OutputEnd::Closed,
            }
        }
    }

    async fn pass(&self, line: &[u8]) -> Result<(), mpsc::error::SendError<FromUpstream>> {
        let line = line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line);
        if line.iter().all(u8::is_ascii_whitespace) {
            return Ok(());
        }
        let Some(text) = self.decode(line) else {
            return self.skip(&String::from_utf8_lossy(line)).await;
        };
        match rpc::split_batch(&text) {
            Some(items) => {
                for item in items {
                    self.pass_message(item.to_owned()).await?;
                }
                Ok(())
            }
            None => self.pass_message(text).await,
        }
    }

    fn decode(&self, line: &[u8]) -> Option<String> {
        match (str::from_utf8(line), self.encoding_errors) {
            (Ok(text), _) => Some(text.to_owned()),
            (Err(_), EncodingErrors::Strict) => None,
            (Err(_), EncodingErrors::Replace) => Some(String::from_utf8_lossy(line).into_owned()),
            (Err(_), EncodingErrors::Ignore) => {
                Some(line.utf8_chunks().map(|chunk| chunk.valid()).collect())
            }
        }
    }

    async fn pass_message(&self, text: String) -> Result<(), mpsc::error::SendError<FromUpstream>> {
        match Message::parse(text.as_str()) {
            Ok(message) => self.to_session.send(FromUpstream::Message(message)).await,
            Err(_) => self.skip(&text).await,
        }
    }

    /// A line that is no message is for people: a banner, a stray print.
    async fn skip(&self, text: &str) -> Result<(), mpsc::error::SendError<FromUpstream>> {
        debug!(
            bytes = text.len(),
            "a line of standard output is not JSON-RPC"
        );
        let shown = self.redactor.redact(text.to_owned());
        let shown: String = shown.chars().take(SHOWN).collect();
        self.to_session
            .send(FromUpstream::Stderr(format!(
                "stdout (not JSON-RPC): {shown}"
            )))
            .await
    }
}
