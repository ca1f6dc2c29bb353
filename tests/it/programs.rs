use std::net::TcpListener;
use std::path::PathBuf;

use footbridge_tests::Bridge;
use footbridge_tests::Scratch;
use footbridge_tests::TOKEN;
use footbridge_tests::eventually;
use footbridge_tests::issuer::Issuer;
use footbridge_tests::root;
use footbridge_tests::servers;
use footbridge_tests::within;
use serde_json::Value;
use serde_json::json;
use tokio::io::AsyncRead;
use tokio::io::AsyncReadExt;
use tokio::io::AsyncWrite;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::process::Command;

use crate::tls::shake;
use crate::tls::write_pair;

/// Node.js 22, which has a global `WebSocket`; the machine's own may be older.
fn node22() -> PathBuf {
    let arch = if cfg!(target_arch = "aarch64") {
        "arm64"
    } else {
        "x64"
    };
    let path = root().join(format!(
        "tests/servers/node_modules/node-linux-{arch}/bin/node"
    ));
    assert!(
        path.exists(),
        "{} is missing: run `cargo xtask test setup`",
        path.display()
    );
    path
}

fn python() -> PathBuf {
    let path = root().join("tests/.venv/bin/python");
    assert!(
        path.exists(),
        "{} is missing: run `cargo xtask test setup`",
        path.display()
    );
    path
}

/// Runs a program to its end; what it printed.
async fn output(mut command: Command) -> String {
    let output = within("a program", command.kill_on_drop(true).output())
        .await
        .expect("it starts");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(
        output.status.success(),
        "{}\n{}\n{}",
        output.status,
        text(&output.stdout),
        text(&output.stderr)
    );
    text(&output.stdout)
}

/// Runs a stock SDK client; what it saw.
async fn sdk_client(
    bridge: &Bridge,
    program: PathBuf,
    script: &str,
    params: &Value,
    calls: &Value,
) -> Value {
    let mut command = Command::new(program);
    command
        .arg(root().join("tests/clients").join(script))
        .args([params.to_string(), calls.to_string()])
        .env("FOOTBRIDGE_URL", format!("http://{}", bridge.address()))
        .env("FOOTBRIDGE_TOKEN", TOKEN);
    let printed = output(command).await;
    serde_json::from_str(printed.trim()).expect("the client prints one line of JSON")
}

fn names(seen: &Value) -> Vec<&str> {
    seen["tools"]
        .as_array()
        .expect("tools")
        .iter()
        .filter_map(|tool| tool.as_str().or(tool["name"].as_str()))
        .collect()
}

/// The calls of one name that a client made.
fn call<'a>(seen: &'a Value, name: &str) -> &'a Value {
    seen["calls"]
        .as_array()
        .expect("calls")
        .iter()
        .find(|call| call["name"] == name)
        .unwrap_or_else(|| panic!("no call of {name}: {seen}"))
}

/// A stock SDK client, called as it is, against the demo and a server of the same SDK. `says` is what the client
/// answers when it is asked for sampling.
async fn check_sdk(program: PathBuf, script: &str, says: &str) {
    let bridge = Bridge::start().await;
    let calls = json!([
        { "name": "add", "arguments": { "a": 20, "b": 22 } },
        { "name": "long_task", "arguments": { "steps": 3, "delay_ms": 20 } },
        { "name": "ask_sampling", "arguments": { "prompt": "What is a bridge?" } },
        { "name": "ask_elicitation", "arguments": {} },
        { "name": "add_note", "arguments": { "name": "sdk", "text": "was here" } },
        { "name": "fail", "arguments": { "mode": "protocol" } },
    ]);
    let seen = sdk_client(&bridge, program.clone(), script, &servers::demo(), &calls).await;
    assert_eq!(seen["protocol_version"], "2025-11-25", "{seen}");
    assert_eq!(seen["server"]["name"], "footbridge-demo", "{seen}");
    assert_eq!(seen["capabilities"]["resources"]["subscribe"], true);
    assert!(names(&seen).contains(&"ask_elicitation"), "{seen}");
    let sum = &call(&seen, "add")["result"]["structuredContent"]["sum"];
    assert_eq!(sum.as_f64(), Some(42.0), "{seen}");
    let steps: Vec<f64> = seen["progress"]
        .as_array()
        .expect("progress")
        .iter()
        .filter_map(|progress| progress["progress"].as_f64())
        .collect();
    assert_eq!(steps, [1.0, 2.0, 3.0], "{seen}");
    assert_eq!(seen["sampled"], json!(["What is a bridge?"]), "{seen}");
    let sampled = &call(&seen, "ask_sampling")["result"]["content"][1]["text"];
    assert_eq!(sampled, says, "{seen}");
    assert_eq!(seen["elicited"].as_array().map(Vec::len), Some(1), "{seen}");
    let elicited = &call(&seen, "ask_elicitation")["result"]["structuredContent"];
    assert_eq!(
        *elicited,
        json!({ "action": "accept", "content": { "name": "Ada", "colour": "blue" } }),
        "{seen}"
    );
    let notifications = seen["notifications"].as_array().expect("notifications");
    for method in [
        "notifications/message",
        "notifications/resources/list_changed",
    ] {
        assert!(
            notifications.iter().any(|heard| heard == method),
            "{method}: {seen}"
        );
    }
    let expected = json!({
        "code": -32050,
        "message": "This call failed with a JSON-RPC error, as you asked it to.",
        "data": { "mode": "protocol", "retry": false },
    });
    assert_eq!(call(&seen, "fail")["error"], expected, "{seen}");

    let arguments = json!({ "duration": 0.2, "steps": 2 });
    let calls = json!([
        { "name": "echo", "arguments": { "message": "wörld 🌉" } },
        { "name": "trigger-long-running-operation", "arguments": arguments },
        { "name": "trigger-sampling-request", "arguments": { "prompt": "q", "maxTokens": 5 } },
        { "name": "trigger-elicitation-request", "arguments": {} },
    ]);
    let seen = sdk_client(&bridge, program, script, &servers::everything(), &calls).await;
    assert_eq!(seen["server"]["name"], "mcp-servers/everything", "{seen}");
    let echoed = call(&seen, "echo")["result"]["content"].to_string();
    assert!(echoed.contains("wörld 🌉"), "{seen}");
    assert_eq!(seen["progress"].as_array().map(Vec::len), Some(2), "{seen}");
    let sampled = call(&seen, "trigger-sampling-request")["result"].to_string();
    assert!(sampled.contains(says), "{seen}");
    let elicited = call(&seen, "trigger-elicitation-request")["result"].to_string();
    assert!(elicited.contains("Ada"), "{seen}");
}

#[tokio::test]
async fn the_typescript_sdks_websocket_client_works_as_it_is() {
    check_sdk(node22(), "sdk_ws.mjs", "An answer from the TypeScript SDK.").await;
}

#[tokio::test]
async fn the_python_sdks_websocket_client_works_as_it_is() {
    check_sdk(python(), "sdk_ws.py", "An answer from the Python SDK.").await;
}

async fn quickstart(bridge: &Bridge, args: &[&str]) -> String {
    let mut command = Command::new(python());
    command.arg(root().join("docs/examples/quickstart.py"));
    command
        .args([
            "--url",
            &format!("http://{}", bridge.address()),
            "--token",
            TOKEN,
        ])
        .args(args);
    output(command).await
}

#[tokio::test]
async fn the_quickstart_of_the_documents_runs() {
    let bridge = Bridge::start().await;
    let printed = quickstart(&bridge, &[]).await;
    for part in ["tools: add, ", "Hello", "status: connected"] {
        assert!(printed.contains(part), "{printed}");
    }
    let everything = servers::everything();
    let args = everything["args"]
        .as_array()
        .expect("args")
        .iter()
        .filter_map(Value::as_str);
    let mut command = vec![
        "--tool",
        "echo",
        "--arguments",
        r#"{"message":"over the bridge"}"#,
        "--",
        "node",
    ];
    command.extend(args);
    let printed = quickstart(&bridge, &command).await;
    assert!(printed.contains("over the bridge"), "{printed}");
}

#[tokio::test]
async fn the_quickstart_reads_a_row_that_is_there() {
    let (bridge, folder) = (Bridge::start().await, Scratch::new());
    let database = folder.path("test.db");
    let sqlite = servers::sqlite(database.to_str().expect("a Unicode path"));
    let text = |name: &str| sqlite[name].as_str().expect(name).to_owned();
    let args = sqlite["args"].as_array().expect("args");
    let run = async |tool: &str, query: &str| {
        let (query, command) = (json!({ "query": query }).to_string(), text("command"));
        let mut flags = vec!["--tool", tool, "--arguments", &query, "--", &command];
        flags.extend(args.iter().filter_map(Value::as_str));
        quickstart(&bridge, &flags).await
    };
    run("create_table", "CREATE TABLE bridges (name TEXT)").await;
    run("write_query", "INSERT INTO bridges VALUES ('Rialto')").await;
    let printed = run("read_query", "SELECT name FROM bridges").await;
    for part in ["session: ", "read_query", "Rialto", "status: connected"] {
        assert!(printed.contains(part), "{printed}");
    }
}

/// The README's example as it stands there, with this bridge's URL and token in it.
#[tokio::test]
async fn the_readmes_example_runs() {
    let readme = std::fs::read_to_string(root().join("README.md")).expect("README.md");
    let example = readme
        .split("```js\n")
        .nth(1)
        .and_then(|rest| rest.split("```").next())
        .expect("a js block");
    let bridge = Bridge::start().await;
    let example = example
        .replace(
            "http://127.0.0.1:8000",
            &format!("http://{}", bridge.address()),
        )
        .replace("the token it printed", TOKEN);
    let package = root().join("client-wasm/npm/node.js");
    let example = example.replace(
        "from \"footbridge\"",
        &format!("from {:?}", package.to_string_lossy()),
    );
    let mut command = Command::new(node22());
    command.args(["--input-type=module", "--eval", &example]);
    let printed = output(command).await;
    assert!(
        printed.contains("add, add_note, ask_elicitation"),
        "{printed}"
    );
    assert!(printed.contains("{ sum: 5 }"), "{printed}");
}

/// The commands of the README are those of the runner.
#[test]
fn the_readmes_commands_are_the_runners_two() {
    let readme = std::fs::read_to_string(root().join("README.md")).expect("README.md");
    let commands: Vec<&str> = readme
        .split("```sh\n")
        .skip(1)
        .filter_map(|rest| rest.split("```").next())
        .map(str::trim)
        .collect();
    assert_eq!(commands, ["cargo xtask serve", "cargo xtask test"]);
}

/// The commands of a document that start a bridge, as their flags.
fn commands(document: &str) -> Vec<Vec<String>> {
    let blocks = document.split("```text\n").skip(1);
    let blocks =
        blocks.filter_map(|rest| rest.split("```").next()?.strip_prefix("footbridge serve "));
    let flags = |block: &str| {
        let words = block.replace("\\\n", " ");
        words.split_whitespace().map(str::to_owned).collect()
    };
    blocks.map(flags).collect()
}

/// The status of a `GET` by a connection of its own.
async fn status(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    host: &str,
    path: &str,
    headers: &str,
) -> u16 {
    let request =
        format!("GET {path} HTTP/1.1\r\nhost: {host}\r\n{headers}connection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.expect("written");
    let mut answer = Vec::new();
    let _ = within("an answer", stream.read_to_end(&mut answer)).await;
    let answer = String::from_utf8_lossy(&answer).into_owned();
    let status = answer
        .split(' ')
        .nth(1)
        .and_then(|status| status.parse().ok());
    status.unwrap_or_else(|| panic!("{path}: {answer}"))
}

#[tokio::test]
async fn the_readmes_bridges_for_others_let_in_whom_they_should() {
    let readme = std::fs::read_to_string(root().join("README.md")).expect("README.md");
    let commands = commands(&readme);
    assert_eq!(commands.len(), 3, "{commands:?}");
    let folder = Scratch::new();
    let certificate = write_pair(&folder);
    let issuer = Issuer::new("readme");
    std::fs::rename(folder.path("tls.crt"), folder.path("cert.pem")).expect("it was written");
    std::fs::rename(folder.path("tls.key"), folder.path("key.pem")).expect("it was written");
    let offered = json!({ "mcpServers": { "fake": { "command": servers::fake_program() } } });
    for (name, text) in [
        ("token.txt", TOKEN.to_owned()),
        (
            "metrics.txt",
            "the-token-that-reads-metrics-alone".to_owned(),
        ),
        ("servers.json", offered.to_string()),
        ("keys.json", issuer.jwks().to_string()),
        ("secret.txt", "the-secret-of-the-proxy-in-front".to_owned()),
    ] {
        folder.write(name, &text);
    }
    let bearer = |token: &str| format!("authorization: Bearer {token}\r\n");
    let proxied = "x-user: ann\r\nx-footbridge-proxy-secret: the-secret-of-the-proxy-in-front\r\n";
    let let_in = [
        (bearer(TOKEN), bearer("wrong")),
        (bearer(&issuer.token("ann")), bearer(TOKEN)),
        (proxied.to_owned(), "x-user: ann\r\n".to_owned()),
    ];
    for (command, (good, bad)) in commands.iter().zip(let_in) {
        // Free now, and with luck still when the bridge binds it.
        let free = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
        let port = free.expect("a port").port().to_string();
        let flags: Vec<String> = command
            .iter()
            .map(|flag| {
                let is_file = flag == "audit.jsonl" || folder.has(flag);
                if is_file {
                    folder.path(flag).to_string_lossy().into_owned()
                } else {
                    flag.replace("8443", &port)
                }
            })
            .collect();
        let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
        let bridge = Bridge::with(&flags, None).await;
        let has_tls = flags.contains(&"--tls-cert");
        let host = if has_tls {
            format!("bridge.example:{port}")
        } else {
            "bridge.example".to_owned()
        };
        let get = async |path: &str, headers: &str| {
            if has_tls {
                let stream = shake(bridge.address(), &[&certificate]).await.expect("TLS");
                status(stream, &host, path, headers).await
            } else {
                let stream = TcpStream::connect(bridge.address()).await.expect("TCP");
                status(stream, &host, path, headers).await
            }
        };
        assert_eq!(get("/api/mcp/servers", &good).await, 200, "{flags:?}");
        assert_eq!(get("/api/mcp/servers", &bad).await, 401, "{flags:?}");
        assert_eq!(get("/api/mcp/servers", "").await, 401, "{flags:?}");
        if flags.contains(&"--metrics-token-file") {
            let reader = bearer("the-token-that-reads-metrics-alone");
            assert_eq!(get("/metrics", &reader).await, 200);
            assert_eq!(get("/metrics", "").await, 401);
            let written = || {
                let log = std::fs::read_to_string(folder.path("audit.jsonl")).unwrap_or_default();
                log.contains("bridge_started") && log.contains("request_refused")
            };
            assert!(eventually(footbridge_tests::DEADLINE, written).await);
        }
    }
}
