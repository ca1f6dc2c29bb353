//! Nothing of an MCP server stays behind, however it ends.

use std::io::Read as _;
use std::process::Command;
use std::process::Stdio;
use std::time::Duration;

use footbridge_shared::fault::FaultCode;
use footbridge_shared::rpc::Message;
use rustix::process::Pid;
use rustix::process::Signal;
use tokio::time::Instant;
use tokio::time::timeout;

use super::DEADLINE;
use super::FAMILY;
use super::alive;
use super::all;
use super::assert_gone;
use super::command;
use super::connect;
use super::family;
use super::is_alive;
use super::kill;
use super::message;
use super::next_message;
use super::next_pids;
use super::parent;
use super::program;
use super::python;
use super::text;

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
        .unwrap();
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
    assert_eq!(fault.data.unwrap().exit_code, Some(4));
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
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let (upstream, pids) = runtime.block_on(async {
        let mut upstream = connect(family("time.sleep(1000)")).await;
        let pids = next_pids(&mut upstream).await;
        (upstream, pids)
    });
    drop(runtime);
    drop(upstream);
    let runtime = tokio::runtime::Runtime::new().unwrap();
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
    rustix::process::kill_process(Pid::from_raw(supervisor).unwrap(), Signal::STOP).unwrap();
    timeout(DEADLINE, upstream.stop()).await.unwrap();
    assert_gone(&pids, Duration::ZERO).await;
    assert!(!is_alive(supervisor));
}

#[tokio::test]
async fn a_server_that_is_stopped_by_a_signal_is_still_ended() {
    let mut upstream = connect(family("time.sleep(1000)")).await;
    let pids = next_pids(&mut upstream).await;
    rustix::process::kill_process(Pid::from_raw(pids[0]).unwrap(), Signal::STOP).unwrap();
    timeout(DEADLINE, upstream.stop()).await.unwrap();
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
            .args(["-c", BRIDGE, program().to_str().unwrap(), &script])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut said = String::new();
        let mut stdout = bridge.stdout.take().unwrap();
        let mut byte = [0];
        while !said.contains("end\n") && stdout.read(&mut byte).unwrap() > 0 {
            said.push(char::from(byte[0]));
        }
        let Message::Notification(notification) = text(said.lines().next().unwrap()) else {
            panic!("{said}");
        };
        let mut pids: Vec<i32> = serde_json::from_str(notification.params().unwrap()).unwrap();
        pids.push(parent(pids[0]));
        assert_eq!(alive(&pids), pids);
        bridge.kill().unwrap();
        bridge.wait().unwrap();
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
        upstream.sender.send(message(7)).await.unwrap();
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
    .unwrap();
}
