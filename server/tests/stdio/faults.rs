//! Faults that are put into running MCP servers: each is counted, so that a test cannot pass without one.

use std::time::Duration;

use footbridge_shared::fault::FaultCode;
use rustix::process::Pid;
use rustix::process::Signal;
use rustix::process::WaitOptions;
use tokio::time::timeout;

use super::DEADLINE;
use super::FAMILY;
use super::all;
use super::assert_gone;
use super::connect;
use super::kill;
use super::message;
use super::next_message;
use super::next_pids;
use super::parent;
use super::python;

/// How often to kill; more with `FOOTBRIDGE_THOROUGH`.
fn kills() -> usize {
    if std::env::var_os("FOOTBRIDGE_THOROUGH").is_some() {
        1000
    } else {
        20
    }
}

#[tokio::test]
async fn a_server_that_is_killed_takes_its_family_along_every_time_and_leaves_no_zombie() {
    let script = format!("{FAMILY}\nfor line in sys.stdin: pass");
    let mut killed = 0;
    for _ in 0..kills() {
        let mut upstream = connect(python(&script)).await;
        let pids = next_pids(&mut upstream).await;
        let supervisor = parent(pids[0]);
        // Something is on its way when it happens.
        upstream.sender.send(message(1)).await.unwrap();
        kill(pids[0]);
        killed += 1;
        let (messages, _, fault) = all(&mut upstream).await;
        assert!(messages.is_empty());
        assert_eq!(fault.code, FaultCode::UpstreamExited);
        assert_eq!(fault.data.unwrap().signal, Some(9));
        assert_gone(&pids, Duration::ZERO).await;
        // Waited for already, so not even a zombie is left.
        let supervisor = Pid::from_raw(supervisor).unwrap();
        let waited = rustix::process::waitpid(Some(supervisor), WaitOptions::NOHANG);
        assert_eq!(waited.err(), Some(rustix::io::Errno::CHILD));
    }
    assert_eq!(killed, kills());
}

#[tokio::test]
async fn a_server_that_stands_still_goes_on_where_it_was_and_can_be_ended_while_it_stands() {
    let echo = format!("{FAMILY}\nfor line in sys.stdin: print(line, end='', flush=True)");
    let mut stopped = 0;
    for _ in 0..5 {
        let mut upstream = connect(python(&echo)).await;
        let pids = next_pids(&mut upstream).await;
        let server = Pid::from_raw(pids[0]).unwrap();
        rustix::process::kill_process(server, Signal::STOP).unwrap();
        upstream.sender.send(message(1)).await.unwrap();
        let silence = timeout(Duration::from_millis(200), upstream.receiver.recv()).await;
        assert!(silence.is_err(), "it stands still");
        stopped += 1;
        rustix::process::kill_process(server, Signal::CONT).unwrap();
        assert_eq!(next_message(&mut upstream).await, message(1));
        rustix::process::kill_process(server, Signal::STOP).unwrap();
        timeout(DEADLINE, upstream.stop()).await.unwrap();
        assert_gone(&pids, Duration::ZERO).await;
    }
    assert_eq!(stopped, 5);
}
