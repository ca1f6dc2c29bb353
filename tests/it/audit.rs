use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use footbridge_tests::Bridge;
use footbridge_tests::Echo;
use footbridge_tests::Page;
use footbridge_tests::Scratch;
use footbridge_tests::Speech;
use footbridge_tests::TOKEN;
use footbridge_tests::eventually;
use footbridge_tests::servers;
use footbridge_tests::times;
use reqwest::Method;
use serde_json::Value;
use serde_json::json;

/// How long a record may take to be in the file.
const WRITTEN: Duration = Duration::from_secs(20);

/// The records of a log, each of which is a line.
fn records(path: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    let whole = text.rfind('\n').map_or(0, |end| end + 1);
    let record = |line: &str| serde_json::from_str(line).unwrap_or_else(|_| panic!("{line}"));
    text[..whole].lines().map(record).collect()
}

/// Those of an event.
fn of(records: &[Value], event: &str) -> Vec<Value> {
    let is_it = |record: &&Value| record["event"] == event;
    records.iter().filter(is_it).cloned().collect()
}

/// Waits until there are so many of an event, and gives them.
async fn wait_for(path: &Path, event: &str, count: usize) -> Vec<Value> {
    eventually(WRITTEN, || of(&records(path), event).len() >= count).await;
    let all = records(path);
    let found = of(&all, event);
    assert!(found.len() >= count, "{count} of {event}: {all:?}");
    found
}

async fn bridge(path: &Path, more: &[&str]) -> Bridge {
    let path = path.to_string_lossy();
    let mut flags = vec!["--token", TOKEN, "--audit-log", &*path];
    flags.extend(more);
    Bridge::with(&flags, Some(TOKEN)).await
}

#[tokio::test]
async fn a_session_is_told_from_beginning_to_end_over_every_transport() {
    let folder = Scratch::new();
    let path = folder.path("audit.jsonl");
    let bridge = bridge(&path, &[]).await;
    let pid = bridge.pid();
    let (http, sse) = (
        Echo::start(Speech::Json).await,
        Echo::start(Speech::Sse).await,
    );
    let mut stdio = servers::fake();
    stdio["args"] = json!(["--quiet", "now"]);
    let mut sessions = Vec::new();
    for params in [&stdio, http.params(), sse.params()] {
        let (session, url) = bridge.connect(params).await;
        let mut page = bridge
            .upgrade(&url, "footbridge.v1")
            .await
            .expect("the socket opens");
        page.call("fake/echo", json!({ "some": "text" })).await;
        page.close().await;
        wait_for(&path, "session_closed", sessions.len() + 1).await;
        sessions.push(session);
    }
    assert_eq!(bridge.terminate().await, Some(0));

    let all = records(&path);
    assert_eq!(all[0]["event"], "bridge_started");
    assert_eq!(all[0]["pid"], pid);
    assert_eq!(all.last().expect("a last one")["event"], "bridge_stopped");
    let mut last = String::new();
    for record in &all {
        let timestamp = record["timestamp"]
            .as_str()
            .expect("a timestamp")
            .to_owned();
        assert!(timestamp >= last, "{all:?}");
        last = timestamp;
    }
    for (session, transport) in sessions.iter().zip(["stdio", "http", "sse"]) {
        let story: Vec<&Value> = all
            .iter()
            .filter(|record| record["session"] == **session)
            .collect();
        let events: Vec<&str> = story
            .iter()
            .filter_map(|record| record["event"].as_str())
            .collect();
        let expected = if transport == "stdio" {
            vec![
                "connect_accepted",
                "session_opened",
                "spawned",
                "exited",
                "session_closed",
            ]
        } else {
            vec![
                "connect_accepted",
                "session_opened",
                "reached",
                "session_closed",
            ]
        };
        assert_eq!(events, expected, "{story:?}");
        for record in [story[0], story[1]] {
            assert_eq!(
                (
                    &record["principal"],
                    &record["peer"],
                    &record["origin"],
                    &record["transport"]
                ),
                (
                    &json!("token"),
                    &json!("127.0.0.1"),
                    &json!(""),
                    &json!(transport)
                )
            );
        }
        assert_eq!(story[1]["dialect"], "native");
        let closed = story.last().expect("the end");
        assert_eq!(closed["code"], "session_ended");
        assert_eq!(closed["frames_from_browser"], 1);
        for count in [
            "frames_to_browser",
            "bytes_from_browser",
            "bytes_to_browser",
        ] {
            assert!(closed[count].as_u64() > Some(1), "{closed}");
        }
    }
    let reached = of(&all, "reached");
    for (record, echo) in reached.iter().zip([&http, &sse]) {
        let url = echo.params()["url"].as_str().expect("a URL");
        assert_eq!(
            url,
            format!("http://{}/", record["host"].as_str().expect("a host"))
        );
        assert_eq!(record["address"], "127.0.0.1");
    }
    let (spawned, exited) = (&of(&all, "spawned")[0], &of(&all, "exited")[0]);
    assert_eq!(spawned["program"], servers::fake_program());
    assert_eq!(spawned["argv"].as_str().map(str::len), Some(64));
    assert!(
        spawned["pid"]
            .as_u64()
            .is_some_and(|its| its != u64::from(pid))
    );
    assert_eq!(exited["pid"], spawned["pid"]);
    assert_eq!(exited["exit_code"], 0);
    let text = std::fs::read_to_string(&path).expect("the log");
    assert!(
        !text.contains("--quiet") && !text.contains("fake/echo"),
        "{text}"
    );
}

#[cfg(unix)]
#[tokio::test]
async fn the_log_can_be_read_by_the_bridges_user_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = Scratch::new();
    let path = folder.path("audit.jsonl");
    let _bridge = bridge(&path, &[]).await;
    let mode = std::fs::metadata(&path)
        .expect("the log")
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[tokio::test]
async fn what_is_refused_is_recorded_with_its_code_and_nothing_that_was_sent() {
    let folder = Scratch::new();
    let path = folder.path("audit.jsonl");
    let bridge = bridge(&path, &[]).await;
    let http = footbridge_tests::http();
    let own = format!("http://{}", bridge.address());
    let get = |route: &str| http.get(format!("{own}{route}"));
    for request in [
        get("/api/mcp/servers?key=s3cret").bearer_auth("a-wrong-token-s3cret"),
        get("/api/mcp/servers").header("host", "s3cret.example"),
        get("/api/mcp/servers").header("origin", "https://s3cret.example"),
        // The route needs a token, and there is none.
        get("/api/mcp/servers"),
        http.post(format!("{own}/api/mcp/ws/connect"))
            .json(&json!({ "server_params": servers::fake() })),
        http.request(
            Method::from_bytes(&b"S3CRET".repeat(20)).expect("a method"),
            &own,
        )
        .header("host", "b"),
    ] {
        assert!(
            !request
                .send()
                .await
                .expect("an answer")
                .status()
                .is_success()
        );
    }
    let refused = wait_for(&path, "request_refused", 6).await;
    let codes: Vec<&str> = refused
        .iter()
        .filter_map(|record| record["code"].as_str())
        .collect();
    assert_eq!(
        codes,
        [
            "unauthorized",
            "host_denied",
            "origin_denied",
            "unauthorized",
            "unauthorized",
            "host_denied"
        ]
    );
    assert!(refused.iter().all(|record| record["peer"] == "127.0.0.1"));
    assert_eq!(refused[4]["method"], "POST");
    assert!(
        refused[5]["method"]
            .as_str()
            .is_some_and(|method| method.len() == 32)
    );

    let mut named = servers::fake();
    named["env"] = json!({ "s3cret=": "s3cret" });
    let header = json!({ "type": "SseServerParams", "url": "https://a.example/", "headers": { "x-s3cret ": "v" } });
    let private = json!({ "type": "SseServerParams", "url": "https://10.0.0.1/s3cret" });
    for params in [&named, &header, &private] {
        let (status, _) = bridge
            .post_connect(&json!({ "server_params": params }))
            .await;
        assert!(status >= 400);
    }
    // A ticket that is good for nothing, and one that is good once.
    let (session, url) = bridge.connect(&servers::fake()).await;
    for url in [url.replace(&session, "s3cret"), url.clone(), url] {
        let mut page = bridge
            .upgrade(&url, "")
            .await
            .expect("it is told on the socket");
        page.frame().await;
        page.close().await;
    }
    let denied = wait_for(&path, "connect_denied", 5).await;
    let told: Vec<(&str, Option<&str>)> = denied
        .iter()
        .map(|record| {
            (
                record["code"].as_str().expect("a code"),
                record["field"].as_str(),
            )
        })
        .collect();
    assert_eq!(
        told,
        [
            ("invalid_field", Some("server_params.env")),
            ("invalid_field", Some("server_params.headers")),
            ("params_denied", Some("server_params.url")),
            ("ticket_invalid", None),
            ("ticket_invalid", None),
        ]
    );
    // Whose ticket it was is known once it has shown itself to be genuine, also when it was used before.
    for (record, (principal, session)) in denied.iter().zip([
        (json!("token"), Value::Null),
        (json!("token"), Value::Null),
        (json!("token"), Value::Null),
        (Value::Null, Value::Null),
        (json!("token"), json!(session)),
    ]) {
        assert_eq!(record["principal"], principal, "{record}");
        assert_eq!(record["session"], session, "{record}");
    }
    assert_eq!(bridge.terminate().await, Some(0));
    let text = std::fs::read_to_string(&path).expect("the log");
    assert!(!text.contains("s3cret"), "{text}");
}

#[tokio::test]
async fn a_flood_of_refused_requests_is_counted_and_not_written_out() {
    const REQUESTS: usize = 60;
    let folder = Scratch::new();
    let path = folder.path("audit.jsonl");
    let config = folder.write("footbridge.toml", "[limits]\naudit_refusals = 1");
    let bridge = bridge(&path, &["--config", &config]).await;
    for _ in 0..REQUESTS {
        let request = footbridge_tests::http().get(format!("http://{}/", bridge.address()));
        let answer = request
            .bearer_auth("wrong")
            .send()
            .await
            .expect("an answer");
        assert!(!answer.status().is_success());
    }
    assert_eq!(bridge.terminate().await, Some(0));
    let all = records(&path);
    let written = of(&all, "request_refused").len();
    let omitted: u64 = of(&all, "refusals_omitted")
        .iter()
        .filter_map(|record| record["count"].as_u64())
        .sum();
    assert!((1..REQUESTS).contains(&written), "{all:?}");
    assert_eq!(written + omitted as usize, REQUESTS, "{all:?}");
}

#[tokio::test]
async fn what_an_mcp_server_asks_the_person_for_is_recorded_without_what_it_says() {
    let folder = Scratch::new();
    let path = folder.path("audit.jsonl");
    let bridge = bridge(&path, &[]).await;
    let (session, url) = bridge.connect(&servers::fake()).await;
    let mut page = bridge
        .upgrade(&url, "footbridge.v1")
        .await
        .expect("the socket opens");
    let ask = |params: Value| json!({ "jsonrpc": "2.0", "id": "ask", "method": "elicitation/create", "params": params });
    let asks = [
        ask(json!({ "message": "s3cret", "requestedSchema": { "type": "object" } })),
        ask(
            json!({ "mode": "url", "message": "s3cret", "elicitationId": "s3cret", "url": "https://bank.example:8443/s3cret?a=s3cret" }),
        ),
    ];
    for asked in asks {
        page.start("fake/say", json!({ "lines": [asked.to_string()] }))
            .await;
        page.answer("elicitation/create", json!({ "action": "cancel" }))
            .await;
    }
    let found = wait_for(&path, "elicitation", 2).await;
    for (record, (mode, host)) in found
        .iter()
        .zip([("form", Value::Null), ("url", json!("bank.example:8443"))])
    {
        assert_eq!((&record["mode"], &record["host"]), (&json!(mode), &host));
        assert_eq!(record["session"], *session);
    }
    assert!(
        !std::fs::read_to_string(&path)
            .expect("the log")
            .contains("s3cret")
    );
}

#[tokio::test]
async fn a_log_that_is_renamed_away_is_begun_anew_at_sighup() {
    let folder = Scratch::new();
    let path = folder.path("audit.jsonl");
    let bridge = bridge(&path, &[]).await;
    wait_for(&path, "bridge_started", 1).await;
    let rotated = folder.path("audit.jsonl.1");
    std::fs::rename(&path, &rotated).expect("the same folder");
    let sent = std::process::Command::new("kill")
        .args(["-HUP", &bridge.pid().to_string()])
        .status();
    assert!(sent.is_ok_and(|status| status.success()));
    assert!(
        eventually(WRITTEN, || path.exists()).await,
        "a new file, without any record"
    );
    let mut page = bridge.open(&servers::fake(), "").await;
    page.frame_of("initialized").await;
    wait_for(&path, "session_opened", 1).await;
    page.close().await;
    assert_eq!(bridge.terminate().await, Some(0));
    let first: Vec<String> = records(&rotated)
        .iter()
        .map(|record| record["event"].to_string())
        .collect();
    assert_eq!(first, ["\"bridge_started\""]);
    assert_eq!(of(&records(&path), "bridge_stopped").len(), 1);
}

/// A log whose disk is full until [`mend`]ed.
fn on_a_full_disk(folder: &Scratch) -> std::path::PathBuf {
    let path = folder.path("audit.jsonl");
    std::os::unix::fs::symlink("/dev/full", &path).expect("a link");
    path
}

/// Frees the disk: the log's name means a file of its own from now on.
fn mend(path: &Path) {
    std::fs::remove_file(path).expect("the link");
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_full_disk_stops_no_session_and_what_waited_is_written_once_there_is_room() {
    let n_disks = times(1, 50);
    let mut filled = 0;
    for _ in 0..n_disks {
        let folder = Scratch::new();
        let path = on_a_full_disk(&folder);
        let bridge = bridge(&path, &[]).await;
        for _ in 0..3 {
            let mut page = bridge.open(&servers::fake(), "").await;
            page.frame_of("initialized").await;
            page.close().await;
        }
        let told = || {
            bridge
                .log()
                .matches("the audit log cannot be written")
                .count()
        };
        assert!(eventually(WRITTEN, || told() > 0).await, "{}", bridge.log());
        assert_eq!(bridge.get("/health/ready").await.0, 200);
        mend(&path);
        wait_for(&path, "session_closed", 3).await;
        let all = records(&path);
        assert_eq!(
            all[0]["event"], "bridge_started",
            "nothing is lost: {all:?}"
        );
        assert_eq!(of(&all, "lost").len(), 0);
        assert_eq!(told(), 1, "it is said once");
        assert!(eventually(WRITTEN, || bridge.log().contains("is written again")).await);
        assert_eq!(bridge.terminate().await, Some(0));
        filled += 1;
    }
    assert_eq!(filled, n_disks);
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn records_that_find_no_room_are_counted_in_the_log() {
    let folder = Scratch::new();
    let path = on_a_full_disk(&folder);
    let config = folder.write("footbridge.toml", "[limits]\naudit_queue = 2");
    let bridge = bridge(&path, &["--config", &config]).await;
    for _ in 0..10 {
        bridge.connect(&servers::fake()).await;
    }
    mend(&path);
    let lost = wait_for(&path, "lost", 1).await;
    bridge.connect(&servers::fake()).await;
    assert_eq!(bridge.terminate().await, Some(0));
    let all = records(&path);
    let kept = of(&all, "connect_accepted").len() as u64;
    let count: u64 = of(&all, "lost")
        .iter()
        .filter_map(|record| record["count"].as_u64())
        .sum();
    assert!(kept >= 1 && lost[0]["count"].as_u64() > Some(0), "{all:?}");
    assert_eq!(kept + count, 11, "{all:?}");
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn with_a_required_log_no_session_begins_while_it_cannot_be_written() {
    let folder = Scratch::new();
    let path = on_a_full_disk(&folder);
    let bridge = bridge(&path, &["--audit-required", "--audit-sync"]).await;
    let authorization = format!("Bearer {TOKEN}");
    let mut refused = BTreeSet::new();
    let ready = async |expected: u16| {
        let end = tokio::time::Instant::now() + WRITTEN;
        while bridge.get("/health/ready").await.0 != expected {
            assert!(tokio::time::Instant::now() < end, "{}", bridge.log());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    ready(503).await;
    let (status, answer) = bridge
        .post_connect(&json!({ "server_params": servers::fake() }))
        .await;
    assert_eq!(status, 503, "{answer}");
    refused.insert(answer["error"]["code"].to_string());
    use base64::Engine;
    let params =
        base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(servers::fake().to_string());
    let url = format!("/api/mcp/ws/mine?server_params={params}");
    let mut page = Page::open(bridge.address(), &url, &[("authorization", &authorization)])
        .await
        .expect("it is told on the socket");
    let (frames, close) = page.until_closed().await;
    assert_eq!(close.map(|(code, _)| code), Some(4500));
    refused.insert(frames[0]["code"].to_string());
    assert_eq!(
        refused,
        BTreeSet::from(["\"audit_unavailable\"".to_owned()])
    );

    mend(&path);
    ready(200).await;
    let mut page = bridge.open(&servers::fake(), "").await;
    page.frame_of("initialized").await;
    page.close().await;
    assert_eq!(bridge.terminate().await, Some(0));
    assert_eq!(of(&records(&path), "session_opened").len(), 1);
    assert_eq!(of(&records(&path), "connect_denied").len(), 2);
}

#[tokio::test]
async fn a_log_that_cannot_be_opened_is_said_at_the_start() {
    let output = tokio::process::Command::new(footbridge_tests::binary())
        .args([
            "serve",
            "--listen",
            "127.0.0.1:0",
            "--audit-log",
            "/no/such/folder/audit.jsonl",
        ])
        .output()
        .await
        .expect("it starts");
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(
        said.contains("--audit-log: cannot write /no/such/folder/audit.jsonl"),
        "{said}"
    );
}

#[tokio::test]
async fn a_dash_is_standard_error() {
    let bridge = Bridge::with(&["--token", TOKEN, "--audit-log", "-"], Some(TOKEN)).await;
    let mut page = bridge.open(&servers::fake(), "").await;
    page.frame_of("initialized").await;
    let is_there = || {
        bridge
            .log()
            .lines()
            .any(|line| line.starts_with('{') && line.contains("session_opened"))
    };
    assert!(eventually(WRITTEN, is_there).await, "{}", bridge.log());
}
