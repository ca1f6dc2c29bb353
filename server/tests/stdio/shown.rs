//! What is shown of an MCP server, and what never is.

use std::time::Duration;

use footbridge_shared::params::Secret;
use footbridge_shared::rpc::Message;
use tokio::time::Instant;

use super::DEADLINE;
use super::all;
use super::connect;
use super::message;
use super::python;
use super::shell;

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
    assert!(fault.data.unwrap().stderr.ends_with("x\nthe end"));
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
    params
        .env
        .insert("DONE".to_owned(), Secret::new(done.to_str().unwrap()));
    let mut upstream = connect(params).await;
    let deadline = Instant::now() + DEADLINE;
    while !done.exists() {
        assert!(Instant::now() < deadline, "standard error was not read");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    std::fs::remove_file(&done).unwrap();
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
    for shown in lines.iter().chain([
        &format!("{fault:?}"),
        &fault.to_rpc_error(footbridge_shared::fault::Session::Ends),
    ]) {
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
        serde_json::from_str(notification.params().unwrap()).unwrap();
    assert!(std::env::var_os("CARGO_MANIFEST_DIR").is_some());
    assert!(!environment.contains_key("CARGO_MANIFEST_DIR"));
    assert_eq!(environment["ADDED"], "here");
    assert!(environment.contains_key("PATH"));
}
