//! MCP servers as real processes: what is carried, what is shown of them, and that nothing of them stays behind.
#![cfg(target_os = "linux")]

mod carried;
mod ends;
mod family;
mod faults;
mod sandbox;
mod shown;

use std::path::Path;
use std::time::Duration;

use footbridge::catalogue::Catalogue;
use footbridge::config::Commands;
use footbridge::config::Limits;
use footbridge::config::sandbox::Sandbox;
use footbridge::policy::Policy;
use footbridge::sandbox::SandboxLevel;
use footbridge::sandbox::SandboxOptions;
use footbridge::upstream;
use footbridge::upstream::FromUpstream;
use footbridge::upstream::Upstream;
use footbridge_shared::fault::Fault;
use footbridge_shared::params::ServerParams;
use footbridge_shared::params::StdioParams;
use footbridge_shared::rpc::Message;
use rustix::process::Pid;
use rustix::process::Signal;
use tokio::time::Instant;
use tokio::time::timeout;

/// Longer than anything here takes, also on a busy machine.
const DEADLINE: Duration = Duration::from_secs(30);

fn program() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_footbridge"))
}

fn limits() -> Limits {
    Limits {
        stop_stdin_wait: Duration::from_millis(300),
        stop_term_wait: Duration::from_millis(300),
        ..Limits::default()
    }
}

fn command(command: &str, args: &[&str]) -> StdioParams {
    StdioParams {
        command: command.to_owned(),
        args: args.iter().map(|arg| (*arg).to_owned()).collect(),
        ..StdioParams::default()
    }
}

fn shell(script: &str) -> StdioParams {
    command("sh", &["-c", script])
}

fn python(script: &str) -> StdioParams {
    command("python3", &["-c", script])
}

async fn connect_with(params: StdioParams, limits: &Limits) -> Result<Upstream, Fault> {
    connect_in(Sandbox::default(), params, limits).await
}

/// A level of the sandbox, which this machine must give: these tests are not for others.
fn at(level: SandboxLevel) -> Sandbox {
    match Sandbox::default().of_server(Some(level), &SandboxOptions::default(), program()) {
        Ok(sandbox) => sandbox,
        Err(missing) => panic!("{}: {missing}", level.name()),
    }
}

async fn connect_in(
    sandbox: Sandbox,
    params: StdioParams,
    limits: &Limits,
) -> Result<Upstream, Fault> {
    let policy = Policy::new(
        Commands::Any,
        Catalogue::default(),
        std::sync::Arc::default(),
    )
    .with_sandbox(std::sync::Arc::new(sandbox), Vec::new());
    let approved = policy.approve(&ServerParams::Stdio(params))?;
    upstream::connect(&approved, program(), limits).await
}

async fn connect(params: StdioParams) -> Upstream {
    connect_with(params, &limits())
        .await
        .expect("the server starts")
}

fn message(id: u64) -> Message {
    text(&format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"ping"}}"#))
}

fn text(text: &str) -> Message {
    Message::parse(text).expect("a message")
}

async fn next(upstream: &mut Upstream) -> FromUpstream {
    timeout(DEADLINE, upstream.receiver.recv())
        .await
        .expect("something comes in time")
        .expect("the queue ends only after `Gone`")
}

/// The next message; lines of standard error are passed over.
async fn next_message(upstream: &mut Upstream) -> Message {
    loop {
        match next(upstream).await {
            FromUpstream::Message(message) => return message,
            FromUpstream::Stderr(_) => {}
            item @ (FromUpstream::Failed { .. }
            | FromUpstream::Forgotten(_)
            | FromUpstream::Reconnected(_)
            | FromUpstream::Gone(_)) => panic!("{item:?}"),
        }
    }
}

/// Everything up to the end.
async fn all(upstream: &mut Upstream) -> (Vec<Message>, Vec<String>, Fault) {
    let (mut messages, mut lines) = (Vec::new(), Vec::new());
    loop {
        match next(upstream).await {
            FromUpstream::Message(message) => messages.push(message),
            FromUpstream::Stderr(line) => lines.push(line),
            FromUpstream::Gone(fault) => {
                let rest = timeout(DEADLINE, upstream.receiver.recv())
                    .await
                    .expect("the queue ends in time");
                assert!(rest.is_none(), "{rest:?} came after `Gone`");
                return (messages, lines, fault);
            }
            item @ (FromUpstream::Failed { .. }
            | FromUpstream::Forgotten(_)
            | FromUpstream::Reconnected(_)) => panic!("a process never says {item:?}"),
        }
    }
}

fn texts(messages: Vec<Message>) -> Vec<String> {
    messages.into_iter().map(Message::into_text).collect()
}

/// The params of the next message, as JSON.
async fn next_params(upstream: &mut Upstream) -> serde_json::Value {
    let Message::Notification(notification) = next_message(upstream).await else {
        panic!("no notification");
    };
    serde_json::from_str(notification.params().expect("params")).expect("JSON")
}

/// The living processes that have this text in their command line.
fn with_command_line(text: &str) -> Vec<i32> {
    let entries = std::fs::read_dir("/proc").expect("/proc").flatten();
    entries
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .filter(|pid: &i32| {
            let line = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            String::from_utf8_lossy(&line).contains(text)
        })
        .filter(|pid| is_alive(*pid))
        .collect()
}

/// A text that no other command line has.
fn unique() -> String {
    static MADE: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
    let n = MADE.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    format!("1000.{}0{n}", std::process::id())
}

/// A directory of a test's own.
fn scratch() -> std::path::PathBuf {
    let folder = std::env::temp_dir().join(format!("footbridge-{}", unique()));
    std::fs::create_dir_all(&folder).expect("a directory");
    folder.canonicalize().expect("it is there")
}

/// The process ids that a test's MCP server names in a message: `{"method":"pids","params":[1,2]}`.
async fn next_pids(upstream: &mut Upstream) -> Vec<i32> {
    let Message::Notification(notification) = next_message(upstream).await else {
        panic!("no process ids");
    };
    serde_json::from_str(notification.params().expect("params")).expect("process ids")
}

fn is_alive(pid: i32) -> bool {
    std::fs::read_to_string(format!("/proc/{pid}/stat"))
        .ok()
        .and_then(|stat| {
            stat.rsplit_once(") ")
                .map(|(_, rest)| !rest.starts_with(['Z', 'X']))
        })
        .unwrap_or(false)
}

fn alive(pids: &[i32]) -> Vec<i32> {
    pids.iter().copied().filter(|pid| is_alive(*pid)).collect()
}

fn kill(pid: i32) {
    let _ = rustix::process::kill_process(Pid::from_raw(pid).expect("a process id"), Signal::KILL);
}

fn parent(pid: i32) -> i32 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).expect("a living process");
    let (_, rest) = stat.rsplit_once(") ").expect("a name");
    rest.split(' ')
        .nth(1)
        .and_then(|pid| pid.parse().ok())
        .expect("a parent")
}

/// Waits until none of the processes is left; ends them itself before it fails.
async fn assert_gone(pids: &[i32], within: Duration) {
    let deadline = Instant::now() + within;
    while !alive(pids).is_empty() && Instant::now() < deadline {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let left = alive(pids);
    left.iter().for_each(|pid| kill(*pid));
    assert!(left.is_empty(), "{left:?} of {pids:?} stayed behind");
}

/// Starts a child, a grandchild in a session of its own, and one whose parent is gone; names all of them with
/// itself. Nothing ends on its own.
const FAMILY: &str = r#"
import os, subprocess, sys, time
child = subprocess.Popen(["sleep", "1000"])
session = subprocess.Popen(["sleep", "1000"], start_new_session=True)
out = subprocess.run(["sh", "-c", "setsid sleep 1000 >/dev/null 2>&1 </dev/null & echo $!"], capture_output=True)
pids = [os.getpid(), child.pid, session.pid, int(out.stdout)]
print('{"jsonrpc":"2.0","method":"pids","params":%s}' % pids, flush=True)
"#;

fn family(then: &str) -> StdioParams {
    python(&format!("{FAMILY}\n{then}"))
}
