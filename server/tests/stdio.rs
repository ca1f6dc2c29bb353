//! MCP servers as real processes: what is carried, what is shown of them, and that nothing of them stays behind.
#![cfg(target_os = "linux")]

use std::io::Read as _;
use std::path::Path;
use std::process::Command;
use std::process::Stdio;
use std::time::Duration;

use footbridge::catalogue::Catalogue;
use footbridge::config::Commands;
use footbridge::config::Limits;
use footbridge::policy::Policy;
use footbridge::upstream;
use footbridge::upstream::FromUpstream;
use footbridge::upstream::Upstream;
use footbridge_shared::fault::Fault;
use footbridge_shared::fault::FaultCode;
use footbridge_shared::params::EncodingErrors;
use footbridge_shared::params::Secret;
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
    let policy = Policy::new(Commands::Any, Catalogue::default());
    let approved = policy.approve(&ServerParams::Stdio(params))?;
    upstream::connect(&approved, program(), limits).await
}

async fn connect(params: StdioParams) -> Upstream {
    connect_with(params, &limits())
        .await
        .expect("the premise of the test")
}

fn message(id: u64) -> Message {
    text(&format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"ping"}}"#))
}

fn text(text: &str) -> Message {
    Message::parse(text).expect("the premise of the test")
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
            FromUpstream::Gone(fault) => panic!("{fault:?}"),
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
                    .expect("the premise of the test");
                assert!(rest.is_none(), "{rest:?} came after `Gone`");
                return (messages, lines, fault);
            }
        }
    }
}

fn texts(messages: Vec<Message>) -> Vec<String> {
    messages.into_iter().map(Message::into_text).collect()
}

/// The process ids that a test's MCP server names in a message: `{"method":"pids","params":[1,2]}`.
async fn next_pids(upstream: &mut Upstream) -> Vec<i32> {
    let Message::Notification(notification) = next_message(upstream).await else {
        panic!("no process ids");
    };
    serde_json::from_str(notification.params().expect("the premise of the test"))
        .expect("the premise of the test")
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
    let _ = rustix::process::kill_process(
        Pid::from_raw(pid).expect("the premise of the test"),
        Signal::KILL,
    );
}

fn parent(pid: i32) -> i32 {
    let stat =
        std::fs::read_to_string(format!("/proc/{pid}/stat")).expect("the premise of the test");
    let (_, rest) = stat.rsplit_once(") ").expect("the premise of the test");
    rest.split(' ')
        .nth(1)
        .expect("the premise of the test")
        .parse()
        .expect("the premise of the test")
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

// What is carried.

#[tokio::test]
async fn messages_go_there_and_back_unchanged() {
    let mut upstream = connect(command("cat", &[])).await;
    let sent = text(
        r#"{"jsonrpc":"2.0","id":"é\n","method":"a","params":{"big":12345678901234567890.10}}"#,
    );
    upstream
        .sender
        .send(sent.clone())
        .await
        .expect("the premise of the test");
    assert_eq!(next_message(&mut upstream).await, sent);
    upstream.stop().await;
}

#[tokio::test]
async fn ten_thousand_messages_each_way_pass_through_queues_of_one() {
    let limits = Limits {
        upstream_queue: 1,
        ..limits()
    };
    let mut upstream = connect_with(command("cat", &[]), &limits)
        .await
        .expect("the premise of the test");
    let sender = upstream.sender.clone();
    let send = async {
        for id in 0..10_000 {
            sender
                .send(message(id))
                .await
                .expect("the premise of the test");
        }
    };
    let receive = async {
        for id in 0..10_000 {
            assert_eq!(next_message(&mut upstream).await, message(id));
        }
    };
    tokio::join!(send, receive);
    upstream.stop().await;
}

#[tokio::test]
async fn a_message_written_on_several_lines_is_sent_on_one() {
    let mut upstream = connect(command("cat", &[])).await;
    let pretty = "{\n  \"jsonrpc\": \"2.0\",\r\n  \"method\": \"a\"\n}";
    upstream
        .sender
        .send(text(pretty))
        .await
        .expect("the premise of the test");
    let received = next_message(&mut upstream).await;
    assert_eq!(received.text(), pretty.replace(['\n', '\r'], " "));
    upstream.stop().await;
}

#[tokio::test]
async fn messages_are_found_between_banners_blank_lines_and_byte_order_marks() {
    let script = r#"
import sys
m = '{"jsonrpc":"2.0","id":%d,"method":"ping"}'
lines = ["\ufeff" + m % 1 + "\r\n", "\r\n", "\n", "Server ready!\n", m % 2 + "\n", "{\"a\":1}\n", "[%s,%s]\n" % (m % 3, m % 4), m % 5]
sys.stdout.buffer.write("".join(lines).encode())
"#;
    let (messages, lines, fault) = all(&mut connect(python(script)).await).await;
    assert_eq!(messages, (1..=5).map(message).collect::<Vec<_>>());
    assert_eq!(
        lines,
        [
            "stdout (not JSON-RPC): Server ready!",
            r#"stdout (not JSON-RPC): {"a":1}"#
        ]
    );
    assert_eq!(
        fault.message,
        "The MCP server `python3` exited with code 0."
    );
}

#[tokio::test]
async fn bytes_that_are_not_utf8_are_skipped_left_out_or_replaced() {
    let script = r#"
import sys
sys.stdout.buffer.write(b'{"jsonrpc":"2.0","method":"a\xffb"}\n{"jsonrpc":"2.0","method":"end"}\n')
"#;
    let end = r#"{"jsonrpc":"2.0","method":"end"}"#;
    for (encoding_errors, expected) in [
        (EncodingErrors::Strict, vec![end]),
        (
            EncodingErrors::Ignore,
            vec![r#"{"jsonrpc":"2.0","method":"ab"}"#, end],
        ),
        (
            EncodingErrors::Replace,
            vec!["{\"jsonrpc\":\"2.0\",\"method\":\"a\u{fffd}b\"}", end],
        ),
    ] {
        let params = StdioParams {
            encoding_errors,
            ..python(script)
        };
        let (messages, ..) = all(&mut connect(params).await).await;
        assert_eq!(texts(messages), expected);
    }
}

#[tokio::test]
async fn a_line_over_the_limit_ends_the_server() {
    let limits = Limits {
        upstream_message_bytes: 1000,
        ..limits()
    };
    let script =
        format!("{FAMILY}\nsys.stdout.write('x' * 100000)\nsys.stdout.flush()\ntime.sleep(1000)");
    let mut upstream = connect_with(python(&script), &limits)
        .await
        .expect("the premise of the test");
    let pids = next_pids(&mut upstream).await;
    let (messages, _, fault) = all(&mut upstream).await;
    assert!(messages.is_empty());
    assert_eq!(fault.code, FaultCode::UpstreamTooLarge);
    assert_gone(&pids, Duration::from_secs(5)).await;
}

#[tokio::test]
async fn a_large_message_passes() {
    let mut upstream = connect(command("cat", &[])).await;
    let large = format!(
        r#"{{"jsonrpc":"2.0","id":1,"method":"a","params":["{}"]}}"#,
        "x".repeat(8 << 20)
    );
    upstream
        .sender
        .send(text(&large))
        .await
        .expect("the premise of the test");
    assert_eq!(next_message(&mut upstream).await.text().len(), large.len());
    upstream.stop().await;
}

// What is shown.

#[tokio::test]
async fn a_flood_on_standard_error_does_not_hold_up_messages() {
    let script = r#"
import os, sys
line = b"x" * 99 + b"\n"
for i in range(200):
    os.write(2, line * 10000)
    print('{"jsonrpc":"2.0","id":%d,"method":"ping"}' % i, flush=True)
os.write(2, b"the end\n")
"#;
    let mut upstream = connect(python(script)).await;
    let (messages, lines, fault) = all(&mut upstream).await;
    assert_eq!(messages, (0..200).map(message).collect::<Vec<_>>());
    assert!(lines.len() < 20_000, "{} lines were shown", lines.len());
    assert!(
        fault
            .data
            .expect("the premise of the test")
            .stderr
            .ends_with("x\nthe end")
    );
}

#[tokio::test]
async fn standard_error_is_read_while_nobody_takes_what_was_read() {
    let script = r#"
import os
for i in range(500):
    print('{"jsonrpc":"2.0","id":%d,"method":"ping"}' % i)
for i in range(50):
    os.write(2, b"x" * 99999 + b"\n")
open(os.environ["DONE"], "w").close()
"#;
    let done = std::env::temp_dir().join(format!("footbridge-stderr-{}", std::process::id()));
    let mut params = python(script);
    params.env.insert(
        "DONE".to_owned(),
        Secret::new(done.to_str().expect("the premise of the test")),
    );
    let mut upstream = connect(params).await;
    let deadline = Instant::now() + DEADLINE;
    while !done.exists() {
        assert!(Instant::now() < deadline, "standard error was not read");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    std::fs::remove_file(&done).expect("the premise of the test");
    let (messages, ..) = all(&mut upstream).await;
    assert_eq!(messages.len(), 500);
}

#[tokio::test]
async fn secrets_appear_neither_in_lines_nor_in_the_end() {
    let mut params = shell(
        r#"echo "key=$API_KEY" >&2; echo "banner $API_KEY"; head -c 8189 /dev/zero | tr '\0' x >&2; echo "$API_KEY" >&2; exit 2"#,
    );
    params
        .env
        .insert("API_KEY".to_owned(), Secret::new("s3cret-value"));
    let (_, lines, fault) = all(&mut connect(params).await).await;
    assert!(lines.contains(&"key=***".to_owned()), "{lines:?}");
    assert!(
        lines.contains(&"stdout (not JSON-RPC): banner ***".to_owned()),
        "{lines:?}"
    );
    for shown in lines
        .iter()
        .chain([&format!("{fault:?}"), &fault.to_rpc_error()])
    {
        assert!(
            !shown.contains("s3c") && !shown.contains("value\""),
            "{shown}"
        );
    }
}

#[tokio::test]
async fn a_server_sees_nothing_of_the_bridges_environment_but_what_is_listed() {
    let mut params = python(
        "import os, json; print(json.dumps({'jsonrpc': '2.0', 'method': 'env', 'params': dict(os.environ)}))",
    );
    params.env.insert("ADDED".to_owned(), Secret::new("here"));
    let (messages, ..) = all(&mut connect(params).await).await;
    let Some(Message::Notification(notification)) = messages.first() else {
        panic!("{messages:?}");
    };
    let environment: serde_json::Map<String, serde_json::Value> =
        serde_json::from_str(notification.params().expect("the premise of the test"))
            .expect("the premise of the test");
    assert!(std::env::var_os("CARGO_MANIFEST_DIR").is_some());
    assert!(!environment.contains_key("CARGO_MANIFEST_DIR"));
    assert_eq!(environment["ADDED"], "here");
    assert!(environment.contains_key("PATH"));
}

// How it starts and ends.

#[tokio::test]
async fn the_end_names_the_exit_code_and_the_last_lines() {
    let (_, lines, fault) =
        all(&mut connect(shell("echo one >&2; printf two >&2; exit 3")).await).await;
    assert_eq!(lines, ["one", "two"]);
    assert_eq!(fault.code, FaultCode::UpstreamExited);
    assert_eq!(fault.message, "The MCP server `sh` exited with code 3.");
    let report = fault.data.expect("the premise of the test");
    assert_eq!(report.command.as_deref(), Some("sh"));
    assert_eq!((report.exit_code, report.signal), (Some(3), None));
    assert_eq!(report.stderr, "one\ntwo");
}

#[tokio::test]
async fn a_signal_is_told_from_an_exit_code() {
    for (script, exit_code, signal) in [
        ("kill -SEGV $$", None, Some(11)),
        ("kill -KILL $$", None, Some(9)),
        ("kill -TERM $$", None, Some(15)),
        ("exit 137", Some(137), None),
        ("exit 255", Some(255), None),
    ] {
        let (_, _, fault) = all(&mut connect(shell(script)).await).await;
        let report = fault.data.expect("the premise of the test");
        assert_eq!(
            (report.exit_code, report.signal),
            (exit_code, signal),
            "{script}"
        );
    }
}

#[tokio::test]
async fn what_cannot_be_started_is_refused_by_name_and_without_its_arguments() {
    for (program, cwd) in [
        ("no-such-program-here", None),
        ("/no/such/program-here", None),
        ("/etc/passwd", None),
        ("/etc", None),
        ("sh", Some("/no-such-directory")),
        ("sh", Some("/etc/passwd")),
    ] {
        let params = StdioParams {
            cwd: cwd.map(str::to_owned),
            ..command(program, &["--token=s3cret"])
        };
        let fault = connect_with(params, &limits()).await.unwrap_err();
        assert_eq!(fault.code, FaultCode::UpstreamFailed, "{program}");
        assert!(!format!("{fault:?}").contains("s3cret"));
        assert!(fault.hint.is_some(), "{fault:?}");
        let name = Path::new(program)
            .file_name()
            .expect("the premise of the test")
            .to_str();
        assert_eq!(
            fault
                .data
                .expect("the premise of the test")
                .command
                .as_deref(),
            name
        );
    }
}

#[tokio::test]
async fn a_program_whose_interpreter_is_missing_is_reported_as_not_started() {
    use std::os::unix::fs::PermissionsExt as _;
    let file = std::env::temp_dir().join(format!("footbridge-script-{}", std::process::id()));
    std::fs::write(&file, "#!/no/such/interpreter\n").expect("the premise of the test");
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o755))
        .expect("the premise of the test");
    let (_, lines, fault) = all(&mut connect(command(
        file.to_str().expect("the premise of the test"),
        &[],
    ))
    .await)
    .await;
    std::fs::remove_file(&file).expect("the premise of the test");
    assert!(lines.is_empty(), "{lines:?}");
    assert_eq!(fault.code, FaultCode::UpstreamFailed);
    assert!(
        fault.message.contains("could not be started: No such file"),
        "{}",
        fault.message
    );
}

#[tokio::test]
async fn a_program_is_started_in_its_working_directory() {
    let params = StdioParams {
        cwd: Some("/usr".to_owned()),
        ..command("bin/env", &["pwd"])
    };
    let (_, lines, _) = all(&mut connect(params).await).await;
    assert_eq!(lines, ["stdout (not JSON-RPC): /usr"]);
}

#[tokio::test]
async fn what_was_queued_is_still_written_when_the_session_ends() {
    let file = std::env::temp_dir().join(format!("footbridge-queued-{}", std::process::id()));
    let mut params = shell("cat > \"$OUT\"");
    params.env.insert(
        "OUT".to_owned(),
        Secret::new(file.to_str().expect("the premise of the test")),
    );
    let upstream = connect(params).await;
    for id in 0..50 {
        upstream
            .sender
            .send(message(id))
            .await
            .expect("the premise of the test");
    }
    upstream.stop().await;
    let written = std::fs::read_to_string(&file).expect("the premise of the test");
    std::fs::remove_file(&file).expect("the premise of the test");
    assert_eq!(written.lines().count(), 50);
}

#[tokio::test]
async fn a_server_that_closes_its_output_and_lives_on_is_ended() {
    let script = format!("{FAMILY}\nos.close(1)\ntime.sleep(1000)");
    let mut upstream = connect(python(&script)).await;
    let pids = next_pids(&mut upstream).await;
    // The children hold the same pipe open; only when they are gone, too, is it closed.
    kill(pids[1]);
    kill(pids[2]);
    let (_, _, fault) = all(&mut upstream).await;
    assert_eq!(fault.code, FaultCode::UpstreamExited);
    assert_gone(&pids, Duration::from_secs(5)).await;
}

#[tokio::test]
async fn a_server_that_closes_its_input_and_lives_on_is_ended() {
    let script = format!(
        "{FAMILY}\nos.close(0)\nchild.kill(); session.kill()\nprint('{{\"jsonrpc\":\"2.0\",\"method\":\"closed\"}}', flush=True)\ntime.sleep(1000)"
    );
    let mut upstream = connect(python(&script)).await;
    let pids = next_pids(&mut upstream).await;
    next_message(&mut upstream).await;
    let sender = upstream.sender.clone();
    let deadline = Instant::now() + DEADLINE;
    while sender.send(message(1)).await.is_ok() && Instant::now() < deadline {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let (_, _, fault) = all(&mut upstream).await;
    assert_eq!(fault.code, FaultCode::UpstreamExited);
    assert_gone(&pids, Duration::from_secs(5)).await;
}

// Nothing stays behind.

#[tokio::test]
async fn a_server_that_ignores_the_end_of_input_and_sigterm_is_killed_in_time() {
    let script = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)\n";
    let mut upstream = connect(python(&format!("{script}{FAMILY}\ntime.sleep(1000)"))).await;
    let pids = next_pids(&mut upstream).await;
    let begun = Instant::now();
    upstream.stop().await;
    assert!(
        begun.elapsed() >= Duration::from_millis(600),
        "{:?}",
        begun.elapsed()
    );
    assert!(
        begun.elapsed() < Duration::from_secs(5),
        "{:?}",
        begun.elapsed()
    );
    assert_gone(&pids, Duration::ZERO).await;
}

#[tokio::test]
async fn a_server_that_floods_both_outputs_is_still_stopped_in_time() {
    let script = r#"
import signal, sys, os, threading
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print('{"jsonrpc":"2.0","method":"pids","params":[%d]}' % os.getpid(), flush=True)
line = b'{"jsonrpc":"2.0","method":"x"}\n' * 1000
def flood(fd):
    while True: os.write(fd, line)
threading.Thread(target=flood, args=(2,)).start()
flood(1)
"#;
    let mut upstream = connect(python(script)).await;
    let pids = next_pids(&mut upstream).await;
    timeout(Duration::from_secs(10), upstream.stop())
        .await
        .expect("the premise of the test");
    assert_gone(&pids, Duration::ZERO).await;
}

#[tokio::test]
async fn the_whole_family_is_gone_after_stop() {
    for then in ["sys.stdin.read()", "time.sleep(1000)"] {
        let mut upstream = connect(family(then)).await;
        let pids = next_pids(&mut upstream).await;
        assert_eq!(alive(&pids), pids);
        let supervisor = parent(pids[0]);
        upstream.stop().await;
        assert_gone(&pids, Duration::ZERO).await;
        assert!(!is_alive(supervisor));
    }
}

#[tokio::test]
async fn the_whole_family_is_gone_after_the_server_has_exited() {
    let mut upstream = connect(family("sys.exit(4)")).await;
    let pids = next_pids(&mut upstream).await;
    let (_, _, fault) = all(&mut upstream).await;
    assert_eq!(
        fault.data.expect("the premise of the test").exit_code,
        Some(4)
    );
    assert_gone(&pids, Duration::ZERO).await;
}

#[tokio::test]
async fn the_whole_family_is_gone_after_a_drop() {
    let mut upstream = connect(family("time.sleep(1000)")).await;
    let mut pids = next_pids(&mut upstream).await;
    pids.push(parent(pids[0]));
    drop(upstream);
    assert_gone(&pids, Duration::from_secs(5)).await;
}

#[test]
fn the_whole_family_is_gone_after_the_runtime_has_ended() {
    let runtime = tokio::runtime::Runtime::new().expect("the premise of the test");
    let (upstream, pids) = runtime.block_on(async {
        let mut upstream = connect(family("time.sleep(1000)")).await;
        let pids = next_pids(&mut upstream).await;
        (upstream, pids)
    });
    drop(runtime);
    drop(upstream);
    let runtime = tokio::runtime::Runtime::new().expect("the premise of the test");
    runtime.block_on(assert_gone(&pids, Duration::from_secs(5)));
}

#[tokio::test]
async fn the_whole_family_is_gone_after_the_supervisor_was_killed() {
    let mut upstream = connect(family("time.sleep(1000)")).await;
    let pids = next_pids(&mut upstream).await;
    kill(parent(pids[0]));
    let (_, _, fault) = all(&mut upstream).await;
    assert_eq!(fault.code, FaultCode::UpstreamExited);
    assert_gone(&pids, Duration::from_secs(2)).await;
}

#[tokio::test]
async fn a_supervisor_that_is_stopped_does_not_hold_up_the_end() {
    let mut upstream = connect(family("time.sleep(1000)")).await;
    let pids = next_pids(&mut upstream).await;
    let supervisor = parent(pids[0]);
    rustix::process::kill_process(
        Pid::from_raw(supervisor).expect("the premise of the test"),
        Signal::STOP,
    )
    .expect("the premise of the test");
    timeout(DEADLINE, upstream.stop())
        .await
        .expect("the premise of the test");
    assert_gone(&pids, Duration::ZERO).await;
    assert!(!is_alive(supervisor));
}

#[tokio::test]
async fn a_server_that_is_stopped_by_a_signal_is_still_ended() {
    let mut upstream = connect(family("time.sleep(1000)")).await;
    let pids = next_pids(&mut upstream).await;
    rustix::process::kill_process(
        Pid::from_raw(pids[0]).expect("the premise of the test"),
        Signal::STOP,
    )
    .expect("the premise of the test");
    timeout(DEADLINE, upstream.stop())
        .await
        .expect("the premise of the test");
    assert_gone(&pids, Duration::ZERO).await;
}

/// A process in the bridge's place: it starts a supervisor as the bridge does, then waits to be killed.
const BRIDGE: &str = r#"
import os, subprocess, sys, time
subprocess.Popen([sys.argv[1], "supervise", "--parent", str(os.getpid()), "--term-wait-ms", "3000", "--report",
                  "--", "python3", "-c", sys.argv[2]], stdin=subprocess.PIPE)
time.sleep(1000)
"#;

#[tokio::test]
async fn the_whole_family_is_gone_after_the_bridge_was_killed() {
    for stubborn in [
        "",
        "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)\n",
    ] {
        let script = format!("{stubborn}{FAMILY}\nprint('end', flush=True)\ntime.sleep(1000)");
        let mut bridge = Command::new("python3")
            .args([
                "-c",
                BRIDGE,
                program().to_str().expect("the premise of the test"),
                &script,
            ])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("the premise of the test");
        let mut said = String::new();
        let mut stdout = bridge.stdout.take().expect("the premise of the test");
        let mut byte = [0];
        while !said.contains("end\n")
            && stdout.read(&mut byte).expect("the premise of the test") > 0
        {
            said.push(char::from(byte[0]));
        }
        let Message::Notification(notification) =
            text(said.lines().next().expect("the premise of the test"))
        else {
            panic!("{said}");
        };
        let mut pids: Vec<i32> =
            serde_json::from_str(notification.params().expect("the premise of the test"))
                .expect("the premise of the test");
        pids.push(parent(pids[0]));
        assert_eq!(alive(&pids), pids);
        bridge.kill().expect("the premise of the test");
        bridge.wait().expect("the premise of the test");
        // Nobody waits for an answer any more, so the usual wait is cut short.
        assert_gone(&pids, Duration::from_secs(3)).await;
    }
}

#[tokio::test]
async fn fifty_servers_start_and_end_at_once() {
    let mut upstreams = Vec::new();
    for _ in 0..50 {
        upstreams.push(connect(command("cat", &[])).await);
    }
    for upstream in &mut upstreams {
        upstream
            .sender
            .send(message(7))
            .await
            .expect("the premise of the test");
        assert_eq!(next_message(upstream).await, message(7));
    }
    let mut stops = tokio::task::JoinSet::new();
    for upstream in upstreams {
        stops.spawn(upstream.stop());
    }
    timeout(DEADLINE, async {
        while stops.join_next().await.is_some() {}
    })
    .await
    .expect("the premise of the test");
}
