use std::time::Duration;

use footbridge_tests::Bridge;
use footbridge_tests::DEADLINE;
use footbridge_tests::Page;
use footbridge_tests::Scratch;
use footbridge_tests::TOKEN;
use footbridge_tests::eventually;
use footbridge_tests::servers;
use footbridge_tests::within;
use serde_json::Value;
use serde_json::json;
use tokio::io::AsyncReadExt;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;

use crate::connect::error_of;

/// A bridge that offers these servers and starts nothing else, and the folder of its file.
async fn offering(file: &Value) -> (Bridge, Scratch) {
    let folder = Scratch::new();
    let path = folder.write("servers.json", &file.to_string());
    let bridge = Bridge::with(&["--no-auth", "--servers", &path], None).await;
    (bridge, folder)
}

fn named(server: &str, inputs: &Value) -> Value {
    json!({ "type": "named", "server": server, "inputs": inputs })
}

async fn ready(bridge: &Bridge, params: &Value) -> Page {
    let mut page = bridge.open(params, "footbridge.v1").await;
    page.frame_of("initialized").await;
    page
}

/// The status and the error of a connect that is refused.
async fn refused(bridge: &Bridge, params: &Value) -> (u16, Value) {
    let (status, answer) = bridge
        .post_connect(&json!({ "server_params": params }))
        .await;
    let mut error = error_of(&answer).clone();
    error["message"] = answer["message"].clone();
    (status, error)
}

async fn names(bridge: &Bridge) -> Vec<String> {
    let (_, answer) = bridge.get("/api/mcp/servers").await;
    let servers = answer["servers"].as_array().expect("a list");
    let name = |server: &Value| server["name"].as_str().expect("a name").to_owned();
    servers.iter().map(name).collect()
}

/// Waits until the bridge offers exactly these beside `demo`.
async fn until_offered(bridge: &Bridge, expected: &[&str]) {
    let end = tokio::time::Instant::now() + DEADLINE;
    loop {
        let offered = names(bridge).await;
        if offered[1..] == *expected {
            return;
        }
        assert!(tokio::time::Instant::now() < end, "{offered:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

fn count(bridge: &Bridge, part: &str) -> usize {
    bridge.log().matches(part).count()
}

const UNUSABLE: &str = "the servers file has changed and cannot be used";

#[tokio::test]
async fn a_file_that_changes_is_taken_over_and_a_broken_one_is_not() {
    let fake = json!({ "command": servers::fake_program(), "env": { "VERSION": "one" } });
    let (bridge, folder) = offering(&json!({ "mcpServers": { "a": fake } })).await;
    let mut running = ready(&bridge, &named("a", &json!({}))).await;
    let (_, early) = bridge.connect(&named("a", &json!({}))).await;
    let (_, demo) = bridge.connect(&servers::demo()).await;

    // Added and changed, by a rename as careful programs do it.
    let changed = json!({ "command": servers::fake_program(), "env": { "VERSION": "two" } });
    let next = folder.write(
        "next.json",
        &json!({ "mcpServers": { "a": changed, "b": changed } }).to_string(),
    );
    std::fs::rename(next, folder.path("servers.json")).expect("a rename");
    until_offered(&bridge, &["a", "b"]).await;
    let environment = running.call("fake/environment", json!({})).await;
    assert_eq!(
        environment["result"]["VERSION"], "one",
        "it goes on as it was started"
    );
    let mut page = bridge
        .upgrade(&early, "")
        .await
        .expect("it is told on the socket");
    let (frames, close) = page.until_closed().await;
    assert_eq!(frames[0]["code"], "ticket_invalid", "{frames:?}");
    assert_eq!(close.map(|(code, _)| code), Some(4004));
    let mut page = bridge.upgrade(&demo, "").await.expect("the socket opens");
    assert_eq!(
        page.frame().await["type"],
        "initialized",
        "another entry's ticket opens"
    );
    for server in ["a", "b"] {
        let mut page = ready(&bridge, &named(server, &json!({}))).await;
        let environment = page.call("fake/environment", json!({})).await;
        assert_eq!(environment["result"]["VERSION"], "two");
    }

    // Broken: the old one stays, and it is said once.
    folder.write(
        "servers.json",
        r#"{"mcpServers": {"a": {"command": "x", "env": {"K": "c4nary-of-env"}, "args": [1]}}}"#,
    );
    let told = footbridge_tests::eventually(DEADLINE, || count(&bridge, UNUSABLE) > 0).await;
    assert!(told, "{}", bridge.log());
    assert!(
        bridge
            .log()
            .contains("mcpServers.a.args[0] must be a string.")
    );
    assert_eq!(names(&bridge).await, ["demo", "a", "b"]);
    ready(&bridge, &named("b", &json!({}))).await;

    // Mended, without one of them.
    folder.write(
        "servers.json",
        &json!({ "mcpServers": { "b": changed } }).to_string(),
    );
    until_offered(&bridge, &["b"]).await;
    let metrics = bridge.metrics().await;
    for (result, n) in [("used", 2), ("kept_old", 1)] {
        let line =
            format!("footbridge_reloads_total{{what=\"catalogue\",result=\"{result}\"}} {n}\n");
        assert!(metrics.contains(&line), "{line} is missing in\n{metrics}");
    }
    let (status, error) = refused(&bridge, &named("a", &json!({}))).await;
    assert_eq!(
        (status, &error["field"]),
        (422, &json!("server_params.server"))
    );
    assert_eq!(count(&bridge, UNUSABLE), 1, "{}", bridge.log());
    assert!(!bridge.log().contains("c4nary"), "{}", bridge.log());
    let environment = running.call("fake/environment", json!({})).await;
    assert_eq!(environment["result"]["VERSION"], "one");
}

#[tokio::test]
async fn a_swapped_link_and_a_new_key_file_are_taken_over() {
    let folder = Scratch::new();
    let entry = json!({ "command": servers::fake_program(), "env": { "KEY": "${file:key}" } });
    let first = folder.write(
        "first.json",
        &json!({ "servers": { "a": entry } }).to_string(),
    );
    let second = folder.write(
        "second.json",
        &json!({ "servers": { "a": entry, "b": entry } }).to_string(),
    );
    folder.write("key", "the-first-key\n");
    let link = folder.path("link.json");
    std::os::unix::fs::symlink(first, &link).expect("a link");
    let path = link.to_string_lossy().into_owned();
    let bridge = Bridge::with(&["--no-auth", "--servers", &path], None).await;
    let key = async |server: &str| {
        let mut page = ready(&bridge, &named(server, &json!({}))).await;
        let environment = page.call("fake/environment", json!({})).await;
        environment["result"]["KEY"].clone()
    };
    assert_eq!(key("a").await, "the-first-key");

    let next = folder.path("next");
    std::os::unix::fs::symlink(second, &next).expect("a link");
    std::fs::rename(next, &link).expect("a rename");
    until_offered(&bridge, &["a", "b"]).await;

    // In one step, so that it is never read half-written; and asked for afterwards alone, because a ticket of before
    // does not open what the server has become.
    folder.write("next-key", "the-second-key\n");
    std::fs::rename(folder.path("next-key"), folder.path("key")).expect("a rename");
    let again = || count(&bridge, "the servers file was read again") >= 2;
    assert!(eventually(DEADLINE, again).await, "{}", bridge.log());
    assert_eq!(key("b").await, "the-second-key");
    assert!(!bridge.log().contains("-key\n"), "{}", bridge.log());
    assert!(!bridge.log().contains("second-key"));
}

fn asking() -> Value {
    json!({
        "inputs": [{ "type": "promptString", "id": "api-key", "description": "The key", "password": true }],
        "mcpServers": {
            "fs": {
                "title": "Files",
                "command": servers::fake_program(),
                "args": ["--root", "${input:root}", "end"],
                "env": { "KEY": "${input:api-key}", "AUTH": "Bearer ${input:api-key}" },
                "inputs": [
                    { "name": "root", "title": "Folder" },
                ],
            },
            "strict": {
                "command": servers::fake_program(),
                "args": ["${input:root}"],
                "inputs": { "root": { "pattern": "/srv/[a-z]+" } },
            },
        },
    })
}

#[tokio::test]
async fn inputs_arrive_whole_whatever_they_hold_and_only_where_the_operator_put_them() {
    let (bridge, folder) = offering(&asking()).await;
    let mark = folder.path("mark");
    let touch = mark.to_string_lossy();
    for root in [
        "/srv/files".to_owned(),
        "a b  c".to_owned(),
        format!("; touch {touch}"),
        format!("$(touch {touch})"),
        format!("`touch {touch}`"),
        format!("| touch {touch} #"),
        "${input:api-key} ${env:HOME} $HOME".to_owned(),
        "'\"\\ é 😀 %s".to_owned(),
    ] {
        let inputs = json!({ "root": root, "api-key": root });
        let mut page = ready(&bridge, &named("fs", &inputs)).await;
        let arguments = page.call("fake/arguments", json!({})).await;
        assert_eq!(arguments["result"], json!(["--root", root, "end"]));
        let environment = page.call("fake/environment", json!({})).await;
        assert_eq!(environment["result"]["KEY"], root);
        assert_eq!(environment["result"]["AUTH"], format!("Bearer {root}"));
    }
    assert!(!folder.has("mark"));
}

#[tokio::test]
async fn inputs_that_are_wrong_are_named_and_never_repeated() {
    let (bridge, _folder) = offering(&asking()).await;
    let key = "c4nary-key";
    for (server, inputs, field, part) in [
        ("fs", json!({ "api-key": key }), "root", "is required"),
        (
            "fs",
            json!({ "root": "", "api-key": key }),
            "root",
            "is required",
        ),
        ("fs", json!({ "root": "/c4nary" }), "api-key", "is required"),
        (
            "fs",
            json!({ "root": "--c4nary", "api-key": key }),
            "root",
            "must not begin with a hyphen",
        ),
        (
            "fs",
            json!({ "root": "/c4nary\nx", "api-key": key }),
            "root",
            "no control characters",
        ),
        (
            "fs",
            json!({ "root": "/c4nary\u{0}", "api-key": key }),
            "root",
            "NUL character",
        ),
        (
            "fs",
            json!({ "root": ["/c4nary"], "api-key": key }),
            "root",
            "must be a string",
        ),
        (
            "fs",
            json!({ "root": "/x", "api-key": key, "command": "sh" }),
            "command",
            "is not an input of this server",
        ),
        (
            "strict",
            json!({ "root": "/srv/c4nary" }),
            "root",
            "must match the pattern /srv/[a-z]+",
        ),
        (
            "strict",
            json!({ "root": "/srv/a\n" }),
            "root",
            "must match the pattern",
        ),
    ] {
        let (status, error) = refused(&bridge, &named(server, &inputs)).await;
        assert_eq!(
            (status, &error["code"]),
            (422, &json!("invalid_field")),
            "{error}"
        );
        assert_eq!(error["field"], format!("server_params.inputs.{field}"));
        let message = error["message"].as_str().expect("a sentence");
        assert!(message.contains(part), "{message}");
        assert!(!error.to_string().contains("c4nary"), "{error}");
    }
    assert!(!bridge.log().contains("c4nary"), "{}", bridge.log());
    // What has inputs cannot be reached by writing its command out.
    for root in ["/srv/files", ""] {
        let params = json!({
            "type": "StdioServerParams", "command": servers::fake_program(), "args": ["--root", root, "end"],
        });
        let (status, error) = refused(&bridge, &params).await;
        assert_eq!((status, &error["code"]), (403, &json!("params_denied")));
    }
}

#[tokio::test]
async fn values_are_in_no_url_no_log_and_nothing_that_a_server_says_of_itself() {
    let (bridge, _folder) = offering(&asking()).await;
    let params = named(
        "fs",
        &json!({ "root": "/c4nary/of/root", "api-key": "c4nary-of-key" }),
    );
    let (session_id, url) = bridge.connect(&params).await;
    let visible = crate::connect::query(&url, "server_params");
    let visible = base64::Engine::decode(&base64::engine::general_purpose::STANDARD, visible)
        .expect("base64");
    let visible: Value = serde_json::from_slice(&visible).expect("JSON");
    assert_eq!(visible, named("fs", &json!({ "root": "", "api-key": "" })));

    let mut page = bridge
        .upgrade(&url, "footbridge.v1")
        .await
        .expect("the socket opens");
    page.send(&json!({ "type": "stderr", "enabled": true }))
        .await;
    page.frame_of("initialized").await;
    let said = "cannot open /c4nary/of/root with c4nary-of-key";
    page.call("fake/complain", json!(said)).await;
    let line = page.frame_of("stderr").await;
    assert!(
        line.to_string().contains("cannot open *** with ***"),
        "{line}"
    );
    let (_, status) = bridge
        .get(&format!("/api/mcp/ws/status/{session_id}"))
        .await;
    assert_eq!(status["label"], "fs");
    let (_, listed) = bridge.get("/api/mcp/servers").await;
    for text in [status.to_string(), listed.to_string(), bridge.log()] {
        assert!(!text.contains("c4nary"), "{text}");
    }
}

#[tokio::test]
async fn the_catalogue_tells_what_is_asked_for_and_nothing_else() {
    let (bridge, _folder) = offering(&asking()).await;
    let (_, answer) = bridge.get("/api/mcp/servers").await;
    assert_eq!(
        answer["servers"][1],
        json!({
            "name": "fs", "title": "Files", "transport": "stdio",
            "inputs": [
                { "name": "root", "title": "Folder", "required": true, "secret": false },
                { "name": "api-key", "description": "The key", "required": true, "secret": true },
            ],
        })
    );
    assert_eq!(
        answer["servers"][2],
        json!({
            "name": "strict", "transport": "stdio",
            "inputs": [{ "name": "root", "required": true, "secret": false, "pattern": "/srv/[a-z]+" }],
        })
    );
    assert!(!answer.to_string().contains("fake_mcp"), "{answer}");
}

#[tokio::test]
async fn an_input_is_a_header_of_a_remote_server_and_cannot_be_two() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("its address");
    let (bridge, _folder) = offering(&json!({ "mcpServers": { "far": {
        "url": format!("http://{address}/mcp"),
        "headers": { "Authorization": "Bearer ${input:key}" },
        "inputs": { "key": { "pattern": "(?s).+", "secret": true } },
    } } }))
    .await;
    let forged = named("far", &json!({ "key": "c4nary\r\nX-Forged: 1" }));
    let (status, error) = refused(&bridge, &forged).await;
    assert_eq!(
        (status, &error["field"]),
        (422, &json!("server_params.inputs.key"))
    );
    assert!(!error.to_string().contains("c4nary"));

    let params = named("far", &json!({ "key": "the key, as it is" }));
    let mut page = bridge.open(&params, "footbridge.v1").await;
    let (mut stream, _) = within("a request", listener.accept()).await.expect("one");
    let mut head = Vec::new();
    while !head.windows(4).any(|end| end == b"\r\n\r\n") {
        let byte = within("the head", stream.read_u8()).await.expect("a byte");
        head.push(byte);
    }
    stream
        .write_all(b"HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
        .await
        .expect("written");
    let head = String::from_utf8(head).expect("text").to_ascii_lowercase();
    assert!(
        head.contains("\r\nauthorization: bearer the key, as it is\r\n"),
        "{head}"
    );
    let (frames, _) = page.until_closed().await;
    let error = frames
        .iter()
        .find(|frame| frame["type"] == "error")
        .expect("an error");
    assert_eq!(error["code"], "upstream_forbidden");
}

#[tokio::test]
async fn what_a_reference_stands_for_reaches_the_server_and_nobody_else() {
    let folder = Scratch::new();
    folder.write("key", "c4nary-of-file\n");
    let path = folder.write(
        "servers.json",
        &json!({ "mcpServers": { "a": {
            "command": servers::fake_program(),
            "args": ["--key", "${file:key}", "--cargo=${env:CARGO_MANIFEST_DIR}"],
            "env": { "NONE": "${FOOTBRIDGE_NO_SUCH_VARIABLE:-plain}", "TEXT": "$${HOME}" },
        } } })
        .to_string(),
    );
    let bridge = Bridge::with(&["--token", TOKEN, "--servers", &path], Some(TOKEN)).await;
    let mut page = bridge.open(&named("a", &json!({})), "footbridge.v1").await;
    page.send(&json!({ "type": "stderr", "enabled": true }))
        .await;
    page.frame_of("initialized").await;
    let folder = env!("CARGO_MANIFEST_DIR");
    let arguments = page.call("fake/arguments", json!({})).await;
    assert_eq!(
        arguments["result"],
        json!(["--key", "c4nary-of-file", format!("--cargo={folder}")])
    );
    let environment = page.call("fake/environment", json!({})).await;
    assert_eq!(environment["result"]["NONE"], "plain");
    assert_eq!(environment["result"]["TEXT"], "${HOME}");
    let said = format!("the key is c4nary-of-file, the folder {folder}");
    page.call("fake/complain", json!(said)).await;
    let line = page.frame_of("stderr").await;
    assert!(
        line.to_string().contains("the key is ***, the folder ***"),
        "{line}"
    );
    let (_, listed) = bridge.get("/api/mcp/servers").await;
    assert!(!listed.to_string().contains("c4nary"));
    assert!(!bridge.log().contains("c4nary"), "{}", bridge.log());
}

#[tokio::test]
async fn a_server_has_limits_of_its_own() {
    let (bridge, _folder) = offering(&json!({ "mcpServers": {
        "one": { "command": servers::fake_program(), "limits": { "sessions": 1, "calls_in_flight": 1 } },
        "slow": { "command": "/bin/sh", "args": ["-c", "sleep 100"], "limits": { "start_timeout": 0.5 } },
    } }))
    .await;
    let one = named("one", &json!({}));
    let (_, late) = bridge.connect(&one).await;
    let mut page = ready(&bridge, &one).await;
    let (status, error) = refused(&bridge, &one).await;
    assert_eq!((status, &error["code"]), (503, &json!("too_many_sessions")));
    assert!(
        error["hint"].to_string().contains("in the catalogue"),
        "{error}"
    );
    let mut second = bridge
        .upgrade(&late, "")
        .await
        .expect("it is told on the socket");
    let (_, close) = second.until_closed().await;
    assert_eq!(close.map(|(code, _)| code), Some(4429));
    // Others have room.
    ready(&bridge, &servers::demo()).await;
    let held = page.start("fake/hold", json!({})).await;
    let answer = page.call("fake/release", json!({})).await;
    assert_eq!(answer["error"]["data"]["code"], "too_many_in_flight");
    page.notify("notifications/cancelled", json!({ "requestId": held }))
        .await;
    page.close().await;
    let end = tokio::time::Instant::now() + DEADLINE;
    let body = json!({ "server_params": one });
    while bridge.post_connect(&body).await.0 != 200 {
        assert!(tokio::time::Instant::now() < end, "the place is free again");
    }

    let mut slow = bridge
        .open(&named("slow", &json!({})), "footbridge.v1")
        .await;
    let (frames, close) = slow.until_closed().await;
    let error = frames
        .iter()
        .find(|frame| frame["type"] == "error")
        .expect("an error");
    assert_eq!(error["code"], "upstream_start_timeout");
    assert_eq!(close.map(|(code, _)| code), Some(4502));
}

#[tokio::test]
async fn a_remote_server_by_name_is_one_of_its_own_transport() {
    let echo = footbridge_tests::Echo::start(footbridge_tests::Speech::Json).await;
    let (bridge, _folder) = offering(&json!({ "mcpServers": {
        "far": { "url": echo.params()["url"], "title": "Far away" },
    } }))
    .await;
    // What a caller writes beside the name changes nothing.
    let mut params = named("far", &json!({}));
    params["command"] = json!("/bin/sh");
    params["args"] = json!(["-c", "exit 1"]);
    params["url"] = json!("http://127.0.0.1:1/");
    let (session_id, url) = bridge.connect(&params).await;
    let mut page = bridge
        .upgrade(&url, "footbridge.v1")
        .await
        .expect("the socket opens");
    page.frame_of("initialized").await;
    let (_, status) = bridge
        .get(&format!("/api/mcp/ws/status/{session_id}"))
        .await;
    assert_eq!(
        (&status["transport"], &status["label"]),
        (&json!("http"), &json!("far"))
    );
}
