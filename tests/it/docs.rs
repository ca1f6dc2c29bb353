//! The documents say what the code does.

use std::collections::BTreeSet;

use footbridge_shared::fault::FaultCode;
use footbridge_tests::Bridge;
use footbridge_tests::root;
use footbridge_tests::servers;
use serde_json::Value;
use serde_json::json;

fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The part of docs/protocol.md under a heading.
fn section(heading: &str) -> String {
    let protocol = read("docs/protocol.md");
    let at = protocol
        .find(&format!("{heading}\n"))
        .unwrap_or_else(|| panic!("docs/protocol.md has no {heading}"));
    let rest = &protocol[at + heading.len()..];
    rest[..rest.find("\n##").unwrap_or(rest.len())].to_owned()
}

/// What stands between backticks, leaving out what stands in parentheses.
fn terms(text: &str) -> BTreeSet<String> {
    let mut depth = 0;
    let outside = |character: &char| {
        match character {
            '(' => depth += 1,
            ')' => depth -= 1,
            _ => {}
        }
        depth == 0
    };
    let outside: String = text.chars().filter(outside).collect();
    outside
        .split('`')
        .skip(1)
        .step_by(2)
        .map(str::to_owned)
        .collect()
}

fn members(value: &Value) -> BTreeSet<String> {
    let object = value.as_object().expect("an object");
    object.keys().cloned().collect()
}

#[test]
fn the_table_of_codes_is_the_codes_in_their_order() {
    let table = section("## 6. Codes");
    let rows: Vec<&str> = table
        .lines()
        .filter(|line| line.starts_with("| `"))
        .collect();
    let expected: Vec<String> = FaultCode::ALL
        .iter()
        .map(|code| {
            let side = format!("{:?}", code.side()).to_lowercase();
            let close = match code.close_code() {
                0 => "stays open".to_owned(),
                close => close.to_string(),
            };
            format!(
                "| `{}` | {side} | {} | {close} | {} | ",
                code.name(),
                code.http_status(),
                code.rpc_code()
            )
        })
        .collect();
    for (row, expected) in rows.iter().zip(&expected) {
        let when = row.strip_prefix(expected.as_str()).unwrap_or_else(|| {
            panic!("docs/protocol.md has\n{row}\nwhere the code has\n{expected}… |")
        });
        assert!(when.ends_with(". |"), "it says when, in a sentence: {row}");
    }
    assert_eq!(rows.len(), expected.len());
}

#[test]
fn every_example_of_the_protocol_is_json() {
    let protocol = read("docs/protocol.md");
    let examples: Vec<&str> = protocol
        .split("```json\n")
        .skip(1)
        .map(|rest| rest.split("```").next().expect("the first part"))
        .collect();
    assert!(examples.len() >= 7, "{}", examples.len());
    for example in examples {
        let value: Result<Value, _> = serde_json::from_str(example);
        assert!(value.is_ok_and(|value| value.is_object()), "{example}");
    }
}

#[tokio::test]
async fn the_protocols_answers_have_the_members_it_names() {
    let bridge = Bridge::start().await;
    let documented = |heading: &str, n: usize| -> Value {
        let text = section(heading);
        let example = text.split("```json\n").nth(n).expect("an example");
        serde_json::from_str(example.split("```").next().expect("the first part")).expect("JSON")
    };
    let connect = "### 2.2 `POST /api/mcp/ws/connect`";
    let body = json!({ "server_params": servers::demo() });
    let (_, answer) = bridge.post_connect(&body).await;
    assert_eq!(members(&answer), members(&documented(connect, 2)));

    let url = answer["websocket_url"].as_str().expect("a URL");
    let mut page = bridge
        .upgrade(url, "footbridge.v1")
        .await
        .expect("the socket opens");
    page.send(&json!({ "type": "stderr", "enabled": true }))
        .await;
    page.send(&json!({ "type": "ping" })).await;
    let frames = section("### 4.3 `native`");
    for kind in ["state", "initialized", "stderr", "pong"] {
        let row = frames
            .lines()
            .find(|line| line.starts_with(&format!("| `{kind}` |")))
            .expect("a row");
        let mut named = terms(row.split('|').nth(2).expect("the members"));
        named.insert("type".to_owned());
        assert_eq!(members(&page.frame_of(kind).await), named, "{kind}");
    }

    let status = "### 2.4 `GET /api/mcp/ws/status/{session_id}`";
    let session_id = answer["session_id"].as_str().expect("an id");
    let path = format!("/api/mcp/ws/status/{session_id}");
    let (_, found) = bridge.get(&path).await;
    let rows = section(status);
    let rows = rows.lines().filter(|line| line.starts_with("| `"));
    let named: BTreeSet<String> = rows
        .flat_map(|row| terms(row.split('|').nth(1).expect("a field")))
        .collect();
    assert_eq!(members(&found), named);
    let (_, unknown) = bridge.get("/api/mcp/ws/status/unknown").await;
    assert_eq!(members(&unknown), members(&documented(status, 1)));

    let wrong =
        json!({ "server_params": { "type": "StdioServerParams", "command": "a", "args": [1] } });
    let (code, refused) = bridge.post_connect(&wrong).await;
    assert_eq!(
        (code, refused),
        (422, documented("### 2.6 Errors", 1)),
        "the example is what really comes"
    );
    page.close().await;
}

#[tokio::test]
async fn the_protocols_own_example_of_a_request_is_accepted() {
    let bridge = Bridge::start().await;
    let text = section("### 2.2 `POST /api/mcp/ws/connect`");
    let body = text
        .split("```json\n")
        .nth(1)
        .and_then(|rest| rest.split("```").next())
        .expect("an example");
    let body: Value = serde_json::from_str(body).expect("JSON");
    let (code, answer) = bridge.post_connect(&body).await;
    assert_eq!(code, 200, "{answer}");
}

/// The tests that a text names as `file::name`.
fn named_tests(text: &str) -> Vec<(&str, &str)> {
    let between_ticks = text.split('`').skip(1).step_by(2);
    between_ticks
        .filter_map(|name| name.split_once("::"))
        .filter(|(file, _)| file.contains(".rs") || file.contains(".mjs"))
        .collect()
}

/// Whether a file has a test of that name, or in JavaScript one whose title begins with it.
fn has_test(text: &str, file: &str, name: &str) -> bool {
    if file.ends_with(".mjs") {
        return text.contains(&format!("test(\"{name}"));
    }
    let declared = format!("fn {name}(");
    let Some(at) = text.find(&declared) else {
        return false;
    };
    // Without the attribute nobody runs it.
    let before = &text[..at];
    let attributes = ["test]", "::test(", "proptest! {"];
    let last = attributes
        .iter()
        .filter_map(|attribute| before.rfind(attribute))
        .max();
    last.is_some_and(|last| !before[last..].contains("fn "))
}

#[test]
fn the_numbers_of_the_faults_are_those_of_their_tests() {
    let security = read("SECURITY.md");
    let cells = |line: &str| -> Vec<String> {
        line.split('|').map(|cell| cell.trim().to_owned()).collect()
    };
    let rows: Vec<Vec<String>> = security
        .lines()
        .filter(|line| {
            ["| F", "| L", "| S"]
                .iter()
                .any(|start| line.starts_with(start))
        })
        .map(cells)
        .collect();
    assert!(rows.len() >= 12, "{}", rows.len());
    for row in rows {
        let [_, kind, _, test, usual, thorough, run, _] = row.as_slice() else {
            panic!("{row:?}");
        };
        let (file, name) = named_tests(test)[0];
        let text = read(file);
        let at = text
            .find(&format!("async fn {name}("))
            .expect("a test of that name");
        let body = &text[at..];
        let body = &body[..body.find("\n}\n").unwrap_or(body.len())];
        let counts = format!("times({usual}, {thorough})");
        assert!(
            body.replace('_', "").contains(&counts),
            "{kind} {name}: {counts}"
        );
        assert!(
            run.contains(thorough.as_str()),
            "{kind} {name} was run as often: {run}"
        );
    }
}

#[test]
fn every_test_that_security_names_exists() {
    let security = read("SECURITY.md");
    let named = named_tests(&security);
    assert!(named.len() > 60, "{}", named.len());
    for (file, name) in named {
        if !file.contains('/') {
            continue;
        }
        assert!(
            has_test(&read(file), file, name),
            "SECURITY.md names `{file}::{name}`, which is not there"
        );
    }
    for threat in 1..=20 {
        assert!(security.contains(&format!("| T{threat} |")), "T{threat}");
    }
    let file = "#[test]\nfn a() {}\nfn b() {}\n// test(\"c d\"";
    assert!(has_test(file, "x.rs", "a") && has_test(file, "x.mjs", "c"));
    assert!(!has_test(file, "x.rs", "b") && !has_test(file, "x.mjs", "d"));
}
