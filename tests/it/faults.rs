//! What is done to a session from outside, as often as `FOOTBRIDGE_THOROUGH` asks: processes killed and stopped, nothing
//! left of what the system gives, sessions without end. Each test counts what it has done, so that none can pass by
//! doing nothing; SECURITY.md has the numbers.

use std::collections::BTreeSet;
use std::process::Command;
use std::time::Duration;

use footbridge_tests::Bridge;
use footbridge_tests::Echo;
use footbridge_tests::Page;
use footbridge_tests::Speech;
use footbridge_tests::alive;
use footbridge_tests::descendants;
use footbridge_tests::eventually;
use footbridge_tests::holding;
use footbridge_tests::servers;
use footbridge_tests::times;
use serde_json::Value;
use serde_json::json;

use crate::processes::process_of;

/// How long whatever was started may take to be gone.
const GONE: Duration = Duration::from_secs(20);

/// Calls that are on their way when something happens to a server.
const IN_FLIGHT: usize = 3;

/// Bounds that no test of this file is about: as many sessions in as short a time as it takes, and pages that hold calls and
/// read nothing meanwhile.
const MANY: &str = "connections = 4000\npending_tickets = 4000\nconnects_per_minute = 60000\nconnects_burst = 4000\nping_interval = 3600\npong_timeout = 3600\nrequest_timeout = 3600";

fn signal(name: &str, pid: u32) {
    let status = Command::new("kill").args([name, &pid.to_string()]).status();
    assert!(status.is_ok_and(|status| status.success()), "{name} {pid}");
}

/// What the system says of a process.
fn state(pid: u32) -> String {
    std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default()
}

fn errors_for<'a>(frames: &'a [Value], id: &Value) -> Vec<&'a Value> {
    let answers = frames.iter().filter(|frame| frame["id"] == *id);
    answers
        .filter(|frame| frame.get("method").is_none())
        .collect()
}

/// A session with the server that answers as told, and calls that it holds.
async fn holding_calls(bridge: &Bridge) -> (Page, Vec<Value>) {
    let mut page = bridge.open(&servers::fake(), "footbridge.v1").await;
    page.frame_of("initialized").await;
    let mut ids = Vec::new();
    for _ in 0..IN_FLIGHT {
        ids.push(page.start("fake/hold", json!({})).await);
    }
    let heard = page.call("fake/heard", json!({})).await;
    let heard = heard["result"].to_string();
    assert_eq!(
        heard.matches("fake/hold").count(),
        IN_FLIGHT,
        "they are on their way"
    );
    (page, ids)
}

/// Whether what was held is answered, each call once, when the server is told to.
async fn assert_released(page: &mut Page, ids: &[Value]) {
    page.call("fake/release", json!({})).await;
    for id in ids {
        assert_eq!(page.response(id).await["result"], json!({}), "{id}");
    }
}

#[tokio::test]
async fn when_a_server_is_killed_every_call_in_flight_gets_one_error_and_nothing_is_left() {
    let bridge = Bridge::configured(&format!("[limits]\n{MANY}")).await;
    let n_kills = times(50, 1000);
    let (mut killed, mut answered) = (0, 0);
    for _ in 0..n_kills {
        let (mut page, ids) = holding_calls(&bridge).await;
        let family = descendants(bridge.pid());
        signal("-KILL", process_of(&bridge, "fake_mcp"));
        killed += 1;
        let (frames, close) = page.until_closed().await;
        for id in &ids {
            let answers = errors_for(&frames, id);
            assert_eq!(answers.len(), 1, "{frames:?}");
            assert_eq!(answers[0]["error"]["data"]["code"], "upstream_exited");
            answered += 1;
        }
        assert_eq!(close.map(|(code, _)| code), Some(4502));
        assert!(
            eventually(GONE, || alive(&family).is_empty()).await,
            "{family:?}"
        );
    }
    assert_eq!((killed, answered), (n_kills, n_kills * IN_FLIGHT));
    // Not even a zombie: the bridge has waited for every one of its children.
    assert!(
        eventually(GONE, || holding(bridge.pid()).family == 0).await,
        "{:?}",
        holding(bridge.pid())
    );
}

#[tokio::test]
async fn a_server_that_stands_still_costs_its_call_and_not_the_session_and_is_still_ended() {
    let bridge = Bridge::configured("[limits]\nrequest_timeout = 1").await;
    let mut page = bridge.open(&servers::fake(), "footbridge.v1").await;
    page.frame_of("initialized").await;
    let server = process_of(&bridge, "fake_mcp");
    let family = descendants(bridge.pid());
    let n_stops = times(3, 100);
    let (mut stopped, mut answered) = (0, 0);
    for n in 0..n_stops {
        signal("-STOP", server);
        assert!(eventually(GONE, || state(server).contains(") T ")).await);
        stopped += 1;
        let answer = page.call("fake/echo", json!({ "n": n })).await;
        assert_eq!(
            answer["error"]["data"]["code"], "upstream_timeout",
            "{answer}"
        );
        assert_eq!(answer["error"]["data"]["session"], "goes_on", "{answer}");
        answered += 1;
        signal("-CONT", server);
        // Of the same server: what it says to the call that is over reaches nobody.
        let answer = page.call("fake/echo", json!({ "after": n })).await;
        assert_eq!(answer["result"]["after"], n, "{answer}");
    }
    assert_eq!((stopped, answered), (n_stops, n_stops));
    signal("-STOP", server);
    page.close().await;
    assert!(
        eventually(GONE, || alive(&family).is_empty()).await,
        "{family:?}"
    );
}

#[tokio::test]
async fn a_bridge_that_the_system_gives_no_more_files_says_so_and_recovers() {
    let bridge = Bridge::configured(&format!("[limits]\n{MANY}")).await;
    let limit = |files: usize| {
        let mut command = Command::new("prlimit");
        command.args([
            "--pid",
            &bridge.pid().to_string(),
            &format!("--nofile={files}:"),
        ]);
        assert!(command.status().is_ok_and(|status| status.success()));
    };
    let (mut held, ids) = holding_calls(&bridge).await;
    let n_times = times(3, 100);
    let mut refused = 0;
    for _ in 0..n_times {
        let (_, url) = bridge.connect(&servers::fake()).await;
        let open = bridge.open_files().await;
        // Room for the socket, and not for the pipes of a process.
        limit(open + 1);
        let mut page = bridge
            .upgrade(&url, "footbridge.v1")
            .await
            .expect("the socket opens");
        let (frames, close) = page.until_closed().await;
        let error = frames.iter().find(|frame| frame["type"] == "error");
        let error = error.unwrap_or_else(|| panic!("{frames:?}"));
        assert_eq!(error["code"], "too_many_children", "{error}");
        assert_eq!(close.map(|(code, _)| code), Some(4429));
        refused += 1;
        limit(1024);
        let mut page = bridge.open(&servers::fake(), "footbridge.v1").await;
        page.frame_of("initialized").await;
        page.close().await;
        assert!(bridge.closes_files_to(open).await);
    }
    assert_eq!(refused, n_times);
    assert_released(&mut held, &ids).await;
    held.close().await;
    assert!(eventually(GONE, || descendants(bridge.pid()).is_empty()).await);
}

/// Keeps a bridge from having more processes and threads, or lets it again: by a control group as root, whom the limit of
/// the user does not bind, and by that limit as anybody else.
struct Processes {
    pid: u32,
    group: Option<std::path::PathBuf>,
}

impl Processes {
    fn of(bridge: &Bridge) -> Self {
        let pid = bridge.pid();
        let name = format!("footbridge-tests-{pid}");
        let group = ["/sys/fs/cgroup/pids", "/sys/fs/cgroup"]
            .iter()
            .find_map(|parent| {
                let group = std::path::Path::new(parent).join(&name);
                std::fs::create_dir(&group).ok()?;
                std::fs::write(group.join("cgroup.procs"), pid.to_string()).ok()?;
                group.join("pids.max").exists().then_some(group)
            });
        Self { pid, group }
    }

    fn bound(&self, is_bound: bool) {
        if let Some(group) = &self.group {
            let most = if is_bound { "1" } else { "max" };
            std::fs::write(group.join("pids.max"), most).expect("the group is ours");
        }
        let most = if is_bound { "1:" } else { "4096:" };
        let mut command = Command::new("prlimit");
        command.args(["--pid", &self.pid.to_string(), &format!("--nproc={most}")]);
        assert!(command.status().is_ok_and(|status| status.success()));
    }
}

impl Drop for Processes {
    fn drop(&mut self) {
        let Some(group) = &self.group else {
            return;
        };
        // Empty a moment after its last process is gone.
        for _ in 0..200 {
            if std::fs::remove_dir(group).is_ok() {
                return;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

#[tokio::test]
async fn a_bridge_that_the_system_gives_no_more_processes_says_so_and_recovers() {
    let bridge = Bridge::configured(&format!("[limits]\n{MANY}")).await;
    let processes = Processes::of(&bridge);
    let (mut held, ids) = holding_calls(&bridge).await;
    let n_times = times(3, 100);
    let mut refused = 0;
    for _ in 0..n_times {
        let (_, url) = bridge.connect(&servers::fake()).await;
        processes.bound(true);
        let mut page = bridge
            .upgrade(&url, "footbridge.v1")
            .await
            .expect("the socket opens");
        let (frames, close) = page.until_closed().await;
        let error = frames.iter().find(|frame| frame["type"] == "error");
        let error = error.unwrap_or_else(|| panic!("{frames:?}"));
        assert_eq!(error["code"], "too_many_children", "{error}");
        assert_eq!(close.map(|(code, _)| code), Some(4429));
        assert_eq!(bridge.get("/health/live").await.0, 200);
        refused += 1;
        processes.bound(false);
        let mut page = bridge.open(&servers::fake(), "footbridge.v1").await;
        page.frame_of("initialized").await;
        page.close().await;
    }
    assert_eq!(refused, n_times);
    assert_released(&mut held, &ids).await;
    held.close().await;
    assert!(eventually(GONE, || descendants(bridge.pid()).is_empty()).await);
    drop(bridge);
}

/// Processes whose environment has a mark of the bridge's, by the mark; what a supervisor lost would be among them.
fn marked() -> BTreeSet<(u32, String)> {
    let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    pids.filter_map(|pid| {
        let environment = std::fs::read(format!("/proc/{pid}/environ")).ok()?;
        let mark = environment
            .split(|byte| *byte == 0)
            .find_map(|variable| variable.strip_prefix(b"FOOTBRIDGE_MARK="))?;
        Some((pid, String::from_utf8_lossy(mark).into_owned()))
    })
    .collect()
}

#[tokio::test]
async fn the_process_table_is_the_same_after_many_bridges_whatever_ended_them() {
    let n_bridges = times(6, 200);
    let (mut ended, mut families) = (0, 0);
    for n in 0..n_bridges {
        let bridge = Bridge::start().await;
        let pid = bridge.pid();
        let (page, _) = holding_calls(&bridge).await;
        let mut other = bridge.open(&servers::hostile(), "footbridge.v1").await;
        other.frame_of("initialized").await;
        let daemons = other.call_tool("daemons", json!({})).await;
        let daemons: Vec<u32> = serde_json::from_value(daemons["pids"].clone()).expect("ids");
        let family: Vec<u32> = descendants(pid).into_iter().chain(daemons).collect();
        let marks: BTreeSet<String> = marked()
            .into_iter()
            .filter(|(pid, _)| family.contains(pid))
            .map(|(_, mark)| mark)
            .collect();
        assert_eq!(marks.len(), 2, "one for each session");
        families += 1;
        match n % 3 {
            0 => {
                page.close().await;
                other.cut();
                assert!(eventually(GONE, || descendants(pid).is_empty()).await);
                drop(bridge);
            }
            1 => assert_eq!(bridge.terminate().await, Some(0)),
            _ => bridge.kill().await.expect("it ran"),
        }
        ended += 1;
        let left = || {
            let of_it = marked()
                .into_iter()
                .filter(|(_, mark)| marks.contains(mark));
            of_it.map(|(pid, _)| pid).chain(alive(&family)).collect()
        };
        let gone = eventually(GONE, || Vec::<u32>::is_empty(&left())).await;
        assert!(gone, "{n}: {:?}", left());
    }
    assert_eq!((ended, families), (n_bridges, n_bridges));
}

#[tokio::test]
async fn what_a_session_took_is_given_back_when_it_ends_however_it_ends() {
    let bridge = Bridge::configured(&format!("[limits]\nstop_stdin_wait = 0.5\n{MANY}")).await;
    let stdio = servers::fake();
    let echo = Echo::start(Speech::Events).await;
    let cycle = async |n: usize| {
        let params = if n.is_multiple_of(2) {
            &stdio
        } else {
            echo.params()
        };
        let mut page = bridge.open(params, "footbridge.v1").await;
        page.frame_of("initialized").await;
        let answer = page.call("fake/echo", json!({ "n": n })).await;
        assert_eq!(answer["result"]["n"], n);
        match n % 3 {
            0 => page.close().await,
            1 => drop(page),
            _ => {
                // Left in the middle of a call.
                page.start("fake/hold", json!({})).await;
            }
        }
    };
    let idle = || {
        let now = holding(bridge.pid());
        now.family == 0
    };
    for n in 0..times(60, 1000) {
        cycle(n).await;
    }
    assert!(eventually(Duration::from_secs(30), idle).await);
    let (before, files) = (holding(bridge.pid()), bridge.open_files().await);
    let n_cycles = times(200, 10_000);
    for n in 0..n_cycles {
        cycle(n).await;
    }
    let after = || holding(bridge.pid());
    let back = eventually(Duration::from_secs(30), || {
        let now = after();
        now.family == 0 && now.threads <= before.threads + 2
    });
    assert!(back.await, "{before:?} {:?}", after());
    assert!(bridge.closes_files_to(files + 2).await);
    let grown = after().memory.saturating_sub(before.memory);
    // A KiB for each session, and what an allocator keeps.
    assert!(
        grown < n_cycles as u64 + 8 * 1024,
        "{grown} KiB in {n_cycles} sessions"
    );
}
