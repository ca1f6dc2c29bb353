use std::path::PathBuf;

use footbridge_tests::Bridge;
use footbridge_tests::TOKEN;
use footbridge_tests::root;
use footbridge_tests::servers;
use footbridge_tests::within;
use serde_json::Value;
use serde_json::json;
use tokio::process::Command;

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

async fn check_sdk(program: PathBuf, script: &str) {
    let bridge = Bridge::start().await;
    let calls = json!([
        { "name": "add", "arguments": { "a": 20, "b": 22 } },
        { "name": "long_task", "arguments": { "steps": 3, "delay_ms": 20 } },
        { "name": "ask_sampling", "arguments": { "prompt": "What is a bridge?" } },
        { "name": "fail", "arguments": { "mode": "protocol" } },
    ]);
    let seen = sdk_client(&bridge, program.clone(), script, &servers::demo(), &calls).await;
    assert_eq!(seen["protocol_version"], "2025-11-25", "{seen}");
    assert!(names(&seen).contains(&"ask_elicitation"), "{seen}");
    assert_eq!(
        seen["calls"][0]["result"]["structuredContent"]["sum"].as_f64(),
        Some(42.0),
        "{seen}"
    );
    assert!(
        seen["progress"]
            .as_array()
            .is_some_and(|progress| progress.len() >= 2),
        "{seen}"
    );
    assert!(
        seen["calls"][2]["result"]["content"].to_string().len() > 2,
        "{seen}"
    );
    assert!(
        seen["calls"][3]["error"].to_string().contains("-32050"),
        "the server's own error code: {seen}"
    );

    let calls = json!([{ "name": "echo", "arguments": { "message": "wörld" } }]);
    let seen = sdk_client(&bridge, program, script, &servers::everything(), &calls).await;
    assert!(
        seen["calls"][0]["result"]["content"]
            .to_string()
            .contains("wörld"),
        "{seen}"
    );
}

#[tokio::test]
async fn the_typescript_sdks_websocket_client_works_as_it_is() {
    check_sdk(node22(), "sdk_ws.mjs").await;
}

#[tokio::test]
async fn the_python_sdks_websocket_client_works_as_it_is() {
    check_sdk(python(), "sdk_ws.py").await;
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
