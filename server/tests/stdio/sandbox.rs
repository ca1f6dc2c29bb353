//! What each level of the sandbox takes from an MCP server, and what gets away from none of them.

use std::fs::File;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::Command;
use std::process::Stdio;
use std::time::Duration;

use footbridge::config::Limits;
use footbridge::sandbox::SandboxLevel;
use footbridge::supervise::groups::Bounds;
use footbridge::supervise::groups::Groups;
use footbridge_shared::fault::FaultCode;
use serde_json::json;
use tokio::time::Instant;

use super::DEADLINE;
use super::alive;
use super::all;
use super::assert_gone;
use super::at;
use super::command;
use super::connect_in;
use super::is_alive;
use super::kill;
use super::limits;
use super::message;
use super::next_message;
use super::next_params;
use super::next_pids;
use super::parent;
use super::program;
use super::python;
use super::scratch;
use super::unique;
use super::with_command_line;

/// Waits until it is true.
async fn until(what: &str, ask: impl Fn() -> bool) {
    let deadline = Instant::now() + DEADLINE;
    while !ask() {
        assert!(Instant::now() < deadline, "waited for: {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// Where the control groups of a process are.
fn groups_of(pid: i32) -> Vec<PathBuf> {
    let text =
        std::fs::read_to_string(format!("/proc/{pid}/cgroup")).expect("the process is there");
    let names: Vec<&str> = text
        .lines()
        .filter_map(|line| line.rsplit('/').next())
        .filter(|name| name.starts_with("footbridge-"))
        .collect();
    let name = names.first().expect("a group of its own");
    let mut found = Vec::new();
    let mut waiting = vec![PathBuf::from("/sys/fs/cgroup")];
    while let Some(folder) = waiting.pop() {
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            if !entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                continue;
            }
            if entry.file_name().to_str() == Some(name) {
                found.push(entry.path());
            }
            waiting.push(entry.path());
        }
    }
    assert!(!found.is_empty(), "{text}");
    found
}

const ABOUT: &str = r#"
import json, os, resource
def opened(name):
    try: return os.readlink('/proc/self/fd/' + name) != '/proc/%d/fd' % os.getpid()
    except OSError: return False
status = dict(line.split(':', 1) for line in open('/proc/self/status'))
mask = os.umask(0)
about = {
    'descriptors': sorted(int(name) for name in os.listdir('/proc/self/fd') if opened(name)),
    'files': resource.getrlimit(resource.RLIMIT_NOFILE), 'bytes': resource.getrlimit(resource.RLIMIT_FSIZE),
    'core': resource.getrlimit(resource.RLIMIT_CORE)[0], 'mask': mask,
    'no_new_privileges': status['NoNewPrivs'].strip(), 'session': os.getsid(0) == os.getpid(),
}
print(json.dumps({'jsonrpc': '2.0', 'method': 'about', 'params': about}), flush=True)
"#;

#[tokio::test]
async fn a_server_gets_no_open_file_of_the_bridge_at_any_level() {
    let file = File::open("/etc/passwd").unwrap();
    rustix::io::fcntl_setfd(&file, rustix::io::FdFlags::empty()).unwrap();
    for level in SandboxLevel::ALL {
        let mut upstream = connect_in(at(level), python(ABOUT), &limits())
            .await
            .unwrap();
        let about = next_params(&mut upstream).await;
        assert_eq!(about["descriptors"], json!([0, 1, 2]), "{}", level.name());
        upstream.stop().await;
    }
    drop(file);
}

#[tokio::test]
async fn from_basic_on_rights_and_resources_are_taken_away() {
    let limits = Limits {
        child_open_files: 100,
        child_file_bytes: 1 << 21,
        ..limits()
    };
    for level in SandboxLevel::ALL {
        let name = level.name();
        let mut upstream = connect_in(at(level), python(ABOUT), &limits).await.unwrap();
        let about = next_params(&mut upstream).await;
        upstream.stop().await;
        let is_restricted = level > SandboxLevel::None;
        assert_eq!(about["core"], 0, "{name}");
        assert_eq!(about["session"], level < SandboxLevel::Bwrap, "{name}");
        assert_eq!(about["no_new_privileges"] == "1", is_restricted, "{name}");
        assert_eq!(about["files"] == json!([100, 100]), is_restricted, "{name}");
        let bytes = json!([1 << 21, 1 << 21]);
        assert_eq!(about["bytes"] == bytes, is_restricted, "{name}");
        if is_restricted {
            assert_eq!(about["mask"], 0o077, "{name}");
        }
    }
}

#[tokio::test]
async fn a_setuid_program_is_refused_from_basic_on() {
    let folder = scratch();
    let copy = folder.join("cat");
    std::fs::copy("/bin/cat", &copy).unwrap();
    for (mode, level, starts) in [
        (0o4755, SandboxLevel::None, true),
        (0o4755, SandboxLevel::Basic, false),
        (0o2755, SandboxLevel::Basic, false),
        (0o755, SandboxLevel::Basic, true),
    ] {
        std::fs::set_permissions(&copy, std::fs::Permissions::from_mode(mode)).unwrap();
        let params = command(copy.to_str().unwrap(), &[]);
        match connect_in(at(level), params, &limits()).await {
            Ok(mut upstream) => {
                assert!(starts, "{mode:o}");
                upstream.sender.send(message(1)).await.unwrap();
                assert_eq!(next_message(&mut upstream).await, message(1));
                upstream.stop().await;
            }
            Err(fault) => {
                assert!(!starts, "{mode:o}: {fault:?}");
                assert_eq!(fault.code, FaultCode::UpstreamFailed);
                assert!(
                    fault.message.contains("setuid or setgid"),
                    "{}",
                    fault.message
                );
            }
        }
    }
    std::fs::remove_dir_all(&folder).unwrap();
}

/// Starts children until it cannot, and says how many it has.
const MANY: &str = r#"
import os, time, json
n = 0
try:
    while n < 5000:
        if os.fork() == 0: time.sleep(1000)
        n += 1
except OSError: pass
print(json.dumps({'jsonrpc': '2.0', 'method': 'n', 'params': [os.getpid(), n]}), flush=True)
time.sleep(1000)
"#;

#[test]
fn an_ordinary_users_server_can_start_only_so_many_processes() {
    let pid = std::process::id().to_string();
    let mut supervisor = Command::new(program());
    supervisor
        .args([
            "supervise",
            "--parent",
            &pid,
            "--restrict",
            "256,1048576,64",
            "--",
            "python3",
            "-c",
            MANY,
        ])
        .stdin(Stdio::null())
        .stdout(Stdio::piped());
    if rustix::process::geteuid().is_root() {
        // The kernel does not hold the limit against root.
        supervisor.uid(54_321);
    }
    let mut supervisor = supervisor.spawn().unwrap();
    let mut line = String::new();
    let mut output = std::io::BufReader::new(supervisor.stdout.take().unwrap());
    std::io::BufRead::read_line(&mut output, &mut line).unwrap();
    let said: serde_json::Value = serde_json::from_str(&line).unwrap();
    assert!(said["params"][1].as_u64().unwrap() < 64, "{said}");
    let id = i32::try_from(supervisor.id()).unwrap();
    let id = rustix::process::Pid::from_raw(id).unwrap();
    rustix::process::kill_process(id, rustix::process::Signal::TERM).unwrap();
    supervisor.wait().unwrap();
    let server = i32::try_from(said["params"][0].as_i64().unwrap()).unwrap();
    assert!(!is_alive(server));
}

#[tokio::test]
async fn a_fork_bomb_in_a_control_group_is_capped_and_gone_after_stop() {
    const MOST: usize = 40;
    let limits = Limits {
        child_processes: MOST,
        ..limits()
    };
    let bomb = r#"trap '' TERM
        echo "{\"jsonrpc\":\"2.0\",\"method\":\"pids\",\"params\":[$$]}"
        bomb() { bomb | bomb & sleep 0.01; bomb; }
        bomb 2>/dev/null"#;
    let params = command("bash", &["-c", bomb]);
    let mut upstream = connect_in(at(SandboxLevel::Cgroup), params, &limits)
        .await
        .unwrap();
    let groups = groups_of(next_pids(&mut upstream).await[0]);
    let pids = groups
        .iter()
        .find(|group| group.join("pids.max").exists())
        .expect("a bound on processes")
        .clone();
    let read = |name: &str| std::fs::read_to_string(pids.join(name)).unwrap_or_default();
    // It has tried to have more than it may, many times.
    until("the bound is hit", || {
        let refused = read("pids.events");
        let refused = refused.trim().rsplit(' ').next().unwrap_or_default();
        refused.parse().is_ok_and(|times: u64| times > 10)
    })
    .await;
    let now: usize = read("pids.current").trim().parse().unwrap();
    assert!(now <= MOST, "{now}");
    let family: Vec<i32> = read("cgroup.procs")
        .lines()
        .filter_map(|pid| pid.parse().ok())
        .collect();
    assert!(!family.is_empty());
    upstream.stop().await;
    assert_gone(&family, Duration::ZERO).await;
    assert!(groups.iter().all(|group| !group.exists()), "{groups:?}");
}

/// A daemon that has left its session, its parents and its environment, so that it cannot be told from others.
fn escaped(name: &str) -> String {
    format!(
        r#"
import os, subprocess, time
subprocess.run(["setsid", "env", "-i", "/bin/sh", "-c", "/bin/sleep {name} >/dev/null 2>&1 </dev/null & exit"])
print('{{"jsonrpc":"2.0","method":"pids","params":[%d]}}' % os.getpid(), flush=True)
time.sleep(1000)
"#
    )
}

#[tokio::test]
async fn a_daemon_without_marks_is_gone_with_its_control_group_after_the_supervisor_was_killed() {
    for level in [SandboxLevel::Cgroup, SandboxLevel::Bwrap] {
        let name = unique();
        let script = escaped(&name);
        let mut upstream = connect_in(at(level), python(&script), &limits())
            .await
            .unwrap();
        next_pids(&mut upstream).await;
        let sleeper = format!("/bin/sleep\0{name}");
        until("the daemon runs", || {
            !with_command_line(&sleeper).is_empty()
        })
        .await;
        let daemon = with_command_line(&sleeper);
        let server = with_command_line(&name);
        let supervisor = server
            .iter()
            .copied()
            .find(|pid| parent(*pid) == i32::try_from(std::process::id()).unwrap())
            .expect("the supervisor's command line has the script in it");
        kill(supervisor);
        let (_, _, fault) = all(&mut upstream).await;
        assert_eq!(fault.code, FaultCode::UpstreamExited);
        assert_gone(&daemon, Duration::from_secs(2)).await;
        assert_gone(&server, Duration::from_secs(2)).await;
    }
}

#[tokio::test]
async fn a_daemon_without_marks_is_gone_after_stop_at_every_level() {
    for level in SandboxLevel::ALL {
        let name = unique();
        let script = escaped(&name);
        let mut upstream = connect_in(at(level), python(&script), &limits())
            .await
            .unwrap();
        next_pids(&mut upstream).await;
        let sleeper = format!("/bin/sleep\0{name}");
        until("the daemon runs", || {
            !with_command_line(&sleeper).is_empty()
        })
        .await;
        let all = with_command_line(&name);
        upstream.stop().await;
        assert_eq!(alive(&all), [0; 0], "{}", level.name());
    }
}

#[tokio::test]
async fn what_bridges_that_are_gone_have_left_in_control_groups_is_ended_at_the_next_start() {
    let groups = Groups::find().expect("this machine has control groups");
    let bounds = Bounds {
        processes: 10,
        memory_bytes: 1 << 26,
        cpu_percent: 100,
    };
    let ours = groups.create("swept", &bounds).unwrap();
    // No process has this number.
    let left: Vec<PathBuf> = ours
        .iter()
        .map(|group| group.with_file_name("footbridge-2147483646-1-swept"))
        .collect();
    let mut sleeper = Command::new("sleep").arg("1000").spawn().unwrap();
    for group in &left {
        let _ = std::fs::create_dir(group);
        std::fs::write(group.join("cgroup.procs"), sleeper.id().to_string()).unwrap();
    }
    groups.sweep();
    assert!(!sleeper.wait().unwrap().success(), "it was killed");
    assert!(left.iter().all(|group| !group.exists()), "{left:?}");
    assert!(ours.iter().all(|group| group.exists()), "{ours:?}");
    for group in &ours {
        std::fs::remove_dir(group).unwrap();
    }
}

#[tokio::test]
async fn a_server_that_wants_more_memory_than_its_control_group_has_is_ended_with_a_hint() {
    let limits = Limits {
        child_memory_bytes: 64 << 20,
        ..limits()
    };
    let script = "import time\nall = [bytearray(1 << 20) for i in range(500)]\ntime.sleep(1000)";
    let mut upstream = connect_in(at(SandboxLevel::Cgroup), python(script), &limits)
        .await
        .unwrap();
    let (_, _, fault) = all(&mut upstream).await;
    assert_eq!(fault.data.as_ref().unwrap().signal, Some(9));
    assert!(fault.hint.unwrap().contains("limits.child_memory_bytes"));
}

/// What can be done, by name; every one of them can be done without a sandbox.
const DEEDS: &str = r#"
import json, os, socket, sys
def can(deed):
    try: deed(); return True
    except OSError: return False
def write(folder):
    def deed():
        path = os.path.join(folder, 'footbridge-deed')
        open(path, 'w').close()
        os.remove(path)
    return deed
def connect():
    socket.create_connection(('127.0.0.1', int(os.environ['PORT'])), 5).close()
def reach():
    s = socket.socket(socket.AF_UNIX); s.connect(os.environ['SOCKET'])
deeds = {'home': can(write(os.environ['HOME'])), 'cwd': can(write('.')), 'listed': can(write(os.environ['LISTED'])),
         'tmp': can(write('/tmp')), 'cache': can(lambda: os.makedirs(os.environ['XDG_CACHE_HOME'])),
         'network': can(connect), 'socket': can(reach),
         'others': os.path.exists('/proc/%s/environ' % os.environ['OTHER']),
         'disks': any(name.startswith(('sd', 'vd', 'nvme')) for name in os.listdir('/dev')),
         'powers': open('/proc/self/status').read().split('CapEff:')[1].split()[0]}
print(json.dumps({'jsonrpc': '2.0', 'method': 'deeds', 'params': deeds}), flush=True)
"#;

#[tokio::test]
async fn in_namespaces_only_what_is_listed_can_be_changed_and_others_cannot_be_seen() {
    let (listed, home) = (scratch(), scratch());
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    // As the sockets of the system's services, it lies where a program in namespaces sees nothing.
    let service = scratch().join("service");
    let _service = std::os::unix::net::UnixListener::bind(&service).unwrap();
    let mut params = python(DEEDS);
    params.cwd = home.to_str().map(str::to_owned);
    for (name, value) in [
        ("LISTED", listed.to_str().unwrap().to_owned()),
        ("HOME", "/etc".to_owned()),
        ("PORT", listener.local_addr().unwrap().port().to_string()),
        ("OTHER", std::process::id().to_string()),
        ("SOCKET", service.to_str().unwrap().to_owned()),
    ] {
        params.env.insert(
            name.to_owned(),
            footbridge_shared::params::Secret::new(value),
        );
    }
    for network in [true, false] {
        let mut sandbox = at(SandboxLevel::Bwrap);
        sandbox.writable.push(listed.clone());
        sandbox.network = network;
        let mut upstream = connect_in(sandbox, params.clone(), &limits())
            .await
            .unwrap();
        let expected = json!({
            "home": false, "cwd": false, "listed": true, "tmp": true, "cache": true, "network": network,
            "socket": false, "others": false, "disks": false, "powers": "0000000000000000",
        });
        assert_eq!(next_params(&mut upstream).await, expected);
        upstream.stop().await;
    }
    for folder in [listed, home] {
        std::fs::remove_dir_all(folder).unwrap();
    }
}

#[tokio::test]
async fn in_namespaces_a_server_is_asked_to_end_before_it_is_killed() {
    let folder = scratch();
    let script = r#"
import os, signal, sys, time
def end(*_):
    open(os.path.join(os.environ['FOLDER'], 'asked'), 'w').close()
    sys.exit(7)
signal.signal(signal.SIGTERM, end)
print('{"jsonrpc":"2.0","method":"pids","params":[%d]}' % os.getpid(), flush=True)
while True: time.sleep(1)
"#;
    let mut params = python(script);
    let place = footbridge_shared::params::Secret::new(folder.to_str().unwrap());
    params.env.insert("FOLDER".to_owned(), place);
    let mut sandbox = at(SandboxLevel::Bwrap);
    sandbox.writable.push(folder.clone());
    let limits = Limits {
        stop_term_wait: DEADLINE,
        ..limits()
    };
    let mut upstream = connect_in(sandbox, params, &limits).await.unwrap();
    let inside = next_pids(&mut upstream).await[0];
    assert!(inside < 10, "{inside} is a number of its own namespace");
    upstream.stop().await;
    assert!(folder.join("asked").exists());
    std::fs::remove_dir_all(folder).unwrap();
}
