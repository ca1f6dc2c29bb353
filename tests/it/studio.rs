//! AutoGen Studio's envelope: recordings of its own server (`tests/wire/studio`) played against the bridge, and bare
//! JSON-RPC on the same socket.

use std::collections::HashMap;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use footbridge_tests::Bridge;
use footbridge_tests::Page;
use footbridge_tests::root;
use footbridge_tests::servers;
use serde::Deserialize;
use serde_json::Value;
use serde_json::json;
use serde_json::value::RawValue;
use tokio::time::Instant;

use crate::connect::is_moment;

/// How long the bridge may take for a frame that the recording has.
const FRAME: Duration = Duration::from_secs(10);

/// What the names of a recording are in ours.
struct Names {
    session_id: String,
    /// Their request ids and ours.
    request_ids: HashMap<String, String>,
}

/// A line of a recording.
#[derive(Deserialize)]
struct Line {
    dir: String,
    frame: Box<RawValue>,
}

impl Line {
    fn frame(&self) -> Value {
        serde_json::from_str(self.frame.get()).expect("a frame is JSON")
    }

    /// What the page sent: the frame as it was written, or a text that is no frame.
    fn text(&self) -> String {
        serde_json::from_str(self.frame.get()).unwrap_or_else(|_| self.frame.get().to_owned())
    }
}

fn recording(name: &str) -> Vec<Line> {
    let path = root().join(format!("tests/wire/studio/{name}.jsonl"));
    let text = std::fs::read_to_string(&path).expect("the recording is there");
    let line = |line| serde_json::from_str(line).expect("a line is JSON");
    text.lines().map(line).collect()
}

/// Plays a recording: sends its frames and finds ours for each of theirs. What is left of ours comes back.
async fn play(params: &Value, lines: &[Line]) -> Vec<Value> {
    let bridge = Bridge::start().await;
    let (session_id, url) = bridge.connect(params).await;
    let mut page = bridge.upgrade(&url, "").await.expect("the socket opens");
    let mut names = Names {
        session_id,
        request_ids: HashMap::new(),
    };
    let mut ours = vec![page.frame().await];
    assert_eq!(ours[0]["type"], "initialized", "it is the first frame");
    for line in lines {
        match line.dir.as_str() {
            "out" => page.send_text(&names.translate(line.text())).await,
            "in" => {
                let theirs = line.frame();
                if theirs["details"]["note"].is_string() {
                    answer_sampling(&mut page, &mut ours, &theirs).await;
                }
                find(&mut page, &mut ours, &theirs, &mut names).await;
            }
            other => panic!("{other:?} cannot be played"),
        }
    }
    ours
}

/// AutoGen Studio invents an answer to a sampling request; the bridge asks the page, which here answers the same.
async fn answer_sampling(page: &mut Page, ours: &mut Vec<Value>, theirs: &Value) {
    let at = loop {
        if let Some(at) = ours
            .iter()
            .position(|frame| frame["type"] == "sampling_request")
        {
            break at;
        }
        ours.push(page.frame_within(FRAME).await.expect("a sampling request"));
    };
    let request = ours.remove(at);
    assert_eq!(
        request["params"]["systemPrompt"],
        "You are a helpful test server."
    );
    let result = without_nulls(&theirs["details"]["response"]);
    let answer = json!({ "type": "sampling_response", "request_id": request["request_id"], "result": result });
    page.send(&answer).await;
}

fn without_nulls(value: &Value) -> Value {
    match value {
        Value::Object(members) => members
            .iter()
            .filter(|(_, value)| !value.is_null())
            .map(|(name, value)| (name.clone(), without_nulls(value)))
            .collect::<serde_json::Map<_, _>>()
            .into(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
            value.clone()
        }
    }
}

/// Takes the first of our frames that says what theirs says.
async fn find(page: &mut Page, ours: &mut Vec<Value>, theirs: &Value, names: &mut Names) {
    let mut from = 0;
    let end = Instant::now() + FRAME;
    loop {
        for at in from..ours.len() {
            if names.compare(theirs, &ours[at]).is_ok() {
                ours.remove(at);
                return;
            }
        }
        from = ours.len();
        match page.frame_within(end - Instant::now()).await {
            Some(frame) => ours.push(frame),
            None => {
                let differences: Vec<String> = ours
                    .iter()
                    .filter_map(|frame| {
                        Some(format!(
                            "{}\n  in {frame}",
                            names.compare(theirs, frame).err()?
                        ))
                    })
                    .collect();
                panic!("nothing says\n{theirs}\n{}", differences.join("\n"));
            }
        }
    }
}

impl Names {
    /// A frame of their page as ours would send it.
    fn translate(&self, frame: String) -> String {
        self.request_ids
            .iter()
            .fold(frame, |frame, (theirs, ours)| frame.replace(theirs, ours))
    }

    /// Whether our frame says what theirs does; else where it does not. What is learned of names stays only when
    /// it does.
    ///
    /// The rules: every member of theirs is in ours with the same value, and ours may have more. What is `null` in
    /// theirs, or `isError` that is false, may be absent in ours; their `meta` is our `_meta`. Moments are compared by their shape, session and
    /// request ids by which one they are. The activity of a notification is called by its method, error texts have
    /// no Python class in front, and a text that tells the time of day may tell another. Texts that the recording
    /// shortened are compared as far as they go.
    fn compare(&mut self, theirs: &Value, ours: &Value) -> Result<(), String> {
        let known = self.request_ids.clone();
        let compared = self.compare_at("", theirs, ours);
        if compared.is_err() {
            self.request_ids = known;
        }
        compared
    }

    fn compare_at(&mut self, at: &str, theirs: &Value, ours: &Value) -> Result<(), String> {
        let differ = || Err(format!("{at}: {ours} is not {theirs}"));
        match (theirs, ours) {
            (Value::Null, _) => Ok(()),
            (Value::Object(members), Value::Object(_)) => {
                let is_notification = members.get("message") == Some(&json!("ServerNotification"));
                let is_invented = ours["details"]["response"].is_object()
                    && theirs["details"]["note"].is_string();
                // The server of the recordings chooses these at random.
                let is_random = theirs["data"]
                    .as_str()
                    .is_some_and(|data| data.ends_with("-level message"));
                for (name, value) in members {
                    let path = format!("{at}.{name}");
                    let member = match name.as_str() {
                        "meta" => &ours["_meta"],
                        name => &ours[name],
                    };
                    match name.as_str() {
                        "message" if is_notification => {
                            let method = theirs["details"]["content"]["method"]
                                .as_str()
                                .unwrap_or_default();
                            if *member != json!(format!("MCP {method}")) {
                                return Err(format!("{path}: {member}"));
                            }
                        }
                        // The bridge never invents an answer, so it cannot say that it did.
                        "message" if is_invented => {}
                        "note" => {}
                        // Their Python model fills it in.
                        "isError" if *value == json!(false) && member.is_null() => {}
                        "level" | "data" if is_random => {
                            if !member.is_string() {
                                return Err(format!("{path}: {member}"));
                            }
                        }
                        _ => self.compare_at(&path, value, member)?,
                    }
                }
                Ok(())
            }
            (Value::Array(theirs_items), Value::Array(ours_items)) => {
                // AutoGen Studio shows the first page of a list, the bridge all of it.
                let is_list = [".data.tools", ".data.resources", ".data.prompts"].contains(&at);
                if theirs_items.len() > ours_items.len()
                    || (theirs_items.len() < ours_items.len() && !is_list)
                {
                    return differ();
                }
                for (n, (theirs, ours)) in theirs_items.iter().zip(ours_items).enumerate() {
                    self.compare_at(&format!("{at}[{n}]"), theirs, ours)?;
                }
                Ok(())
            }
            (Value::String(theirs_text), Value::String(ours_text)) => {
                if self.compare_texts(at, theirs_text, ours_text) {
                    Ok(())
                } else {
                    differ()
                }
            }
            (Value::Number(a), Value::Number(b)) if a.as_f64() == b.as_f64() => Ok(()),
            (Value::Bool(a), Value::Bool(b)) if a == b => Ok(()),
            _ => differ(),
        }
    }

    fn compare_texts(&mut self, at: &str, theirs: &str, ours: &str) -> bool {
        match at.rsplit('.').next().unwrap_or_default() {
            "timestamp" => is_moment(&json!(ours)),
            "session_id" => ours == self.session_id,
            "request_id" => {
                ours == self
                    .request_ids
                    .entry(theirs.to_owned())
                    .or_insert_with(|| ours.to_owned())
            }
            "error" => without_class(theirs) == ours,
            "blob" => {
                theirs == ours
                    || decoded(theirs).is_some_and(|theirs| {
                        decoded(ours)
                            .is_some_and(|ours| without_time(&theirs) == without_time(&ours))
                    })
            }
            _ => match theirs.split_once('…') {
                Some((start, rest)) if rest.ends_with("chars)") => {
                    ours.starts_with(start) && rest == format!("({} chars)", ours.chars().count())
                }
                _ => without_time(theirs) == without_time(ours),
            },
        }
    }
}

/// A Python error's text without its class, as in `McpError: no`.
fn without_class(error: &str) -> &str {
    match error.split_once(": ") {
        Some((class, rest)) if class.ends_with("Error") && !class.contains(' ') => rest,
        _ => error,
    }
}

/// Digits as `0` in a text that tells the time of day.
fn without_time(text: &str) -> String {
    if !text.ends_with(" AM") && !text.ends_with(" PM") {
        return text.to_owned();
    }
    let words = text.split(' ').map(|word| {
        let is_time =
            word.split(':').count() == 3 && word.chars().all(|c| c.is_ascii_digit() || c == ':');
        if is_time || word == "AM" || word == "PM" {
            "time"
        } else {
            word
        }
    });
    words.collect::<Vec<_>>().join(" ")
}

fn decoded(base64: &str) -> Option<String> {
    String::from_utf8(STANDARD.decode(base64).ok()?).ok()
}

/// A test per recording of the reference server.
macro_rules! recordings {
    ($($test:ident: $recording:literal;)+) => {$(
        #[tokio::test]
        async fn $test() {
            play(&servers::everything(), &recording($recording)).await;
        }
    )+};
}

recordings! {
    listing_the_tools_is_answered_as_recorded: "list_tools";
    calling_a_tool_is_answered_as_recorded: "call_tool_echo";
    an_image_is_answered_as_recorded: "call_tool_image";
    structured_content_is_answered_as_recorded: "call_tool_structured";
    a_call_that_fails_is_answered_as_recorded: "call_tool_errors";
    resources_are_answered_as_recorded: "resources";
    prompts_are_answered_as_recorded: "prompts";
    a_long_operation_is_answered_as_recorded: "long_operation";
    notifications_become_activity_as_recorded: "activity_notifications";
    sampling_shows_its_course_as_recorded: "sampling";
    an_elicitation_that_is_accepted_goes_as_recorded: "elicitation_accept";
    an_elicitation_that_is_declined_goes_as_recorded: "elicitation_decline";
    an_elicitation_that_is_cancelled_goes_as_recorded: "elicitation_cancel";
}

#[tokio::test]
async fn what_real_servers_rarely_send_is_answered_as_recorded() {
    play(&servers::fake(), &recording("raw_fixture")).await;
}

#[tokio::test]
async fn frames_that_are_wrong_are_answered_as_recorded_except_json_rpc_which_is_understood() {
    let mut lines = recording("ping_and_bad_frames");
    let is_json_rpc = |line: &Line| line.frame().get("jsonrpc").is_some();
    let sent = lines
        .iter()
        .position(is_json_rpc)
        .expect("it sends JSON-RPC");
    lines.remove(sent);
    // Its answer, the second of two that say the same.
    let refused = json!("Unknown message type: None");
    let answer = lines
        .iter()
        .rposition(|line| line.frame()["error"] == refused)
        .expect("an answer");
    lines.remove(answer);
    let rest = play(&servers::everything(), &lines).await;
    assert!(
        rest.iter().all(|frame| frame["type"] != "error"),
        "{rest:?}"
    );
}

#[tokio::test]
async fn a_frame_that_is_no_object_gets_an_error_and_the_session_lives() {
    let bridge = Bridge::start().await;
    let mut page = bridge.open(&servers::fake(), "").await;
    page.frame_of("initialized").await;
    let lines = recording("non_object_frame");
    for line in lines.iter().filter(|line| line.dir == "out") {
        page.send_text(&line.text()).await;
    }
    let error = page.frame().await;
    assert_eq!(error["type"], "error");
    assert!(
        error["error"]
            .as_str()
            .is_some_and(|error| error.contains("object")),
        "{error}"
    );
    assert_eq!(page.frame().await["type"], "pong");
}

#[tokio::test]
async fn a_server_that_exits_is_told_as_recorded_and_then_closes_with_4502() {
    let bridge = Bridge::start().await;
    let mut page = bridge.open(&servers::shell("exit 3"), "").await;
    let (frames, close) = page.until_closed().await;
    let kinds: Vec<&Value> = frames.iter().map(|frame| &frame["type"]).collect();
    let recorded: Vec<Value> = recording("not_started_exits")
        .iter()
        .filter(|line| line.dir == "in")
        .map(Line::frame)
        .collect();
    let theirs: Vec<&Value> = recorded.iter().map(|frame| &frame["type"]).collect();
    assert_eq!(kinds, theirs, "{frames:?}");
    assert_eq!(frames[0]["operation"], "initialize");
    assert!(
        frames[0]["error"]
            .as_str()
            .is_some_and(|error| error.contains("code 3")),
        "{frames:?}"
    );
    assert!(
        frames[1]["error"]
            .as_str()
            .is_some_and(|error| error.contains("code 3")),
        "{frames:?}"
    );
    assert_eq!(close.expect("a close code").0, 4502);
}

#[tokio::test]
async fn a_command_that_is_not_there_is_told_as_recorded_and_then_closes_with_4502() {
    let bridge = Bridge::start().await;
    let params = json!({ "type": "StdioServerParams", "command": "no-such-command-anywhere" });
    let mut page = bridge.open(&params, "").await;
    let (frames, close) = page.until_closed().await;
    assert_eq!(frames.len(), 1, "{frames:?}");
    assert_eq!(
        recording("not_started_no_such_command")[0].frame()["type"],
        frames[0]["type"]
    );
    let error = frames[0]["error"].as_str().unwrap_or_default();
    assert!(error.contains("no-such-command-anywhere"), "{error}");
    assert_eq!(close.expect("a close code").0, 4502);
}

#[tokio::test]
async fn initialized_comes_first_whatever_the_browser_says_before() {
    let bridge = Bridge::start().await;
    // The server says something of its own accord before it has been greeted.
    let early = r#"{"jsonrpc":"2.0","method":"notifications/message","params":{"level":"info","data":"early"}}"#;
    let params = servers::shell(&format!("echo '{early}'; exec {}", servers::fake_program()));
    let mut page = bridge.open(&params, "").await;
    page.send(&json!({ "type": "ping" })).await;
    page.send(&json!({ "type": "nonsense" })).await;
    page.send(&json!({ "type": "operation", "operation": "list_tools" }))
        .await;
    assert_eq!(page.frame().await["type"], "initialized");
    let mut kinds = Vec::new();
    for _ in 0..4 {
        kinds.push(page.frame().await["type"].clone());
    }
    kinds.sort_by_key(Value::to_string);
    assert_eq!(kinds, ["error", "mcp_activity", "operation_result", "pong"]);
}

#[tokio::test]
async fn lists_are_complete() {
    let bridge = Bridge::start().await;
    let mut page = bridge.open(&servers::fake(), "").await;
    page.send(&json!({ "type": "operation", "operation": "list_tools" }))
        .await;
    let answer = page.frame_of("operation_result").await;
    let names: Vec<&str> = answer["data"]["tools"]
        .as_array()
        .expect("tools")
        .iter()
        .filter_map(|tool| tool["name"].as_str())
        .collect();
    assert_eq!(names, ["argv", "fail", "note", "audio"]);
    assert!(
        answer["data"].get("nextCursor").is_none_or(Value::is_null),
        "{answer}"
    );
}

#[tokio::test]
async fn an_operation_with_an_id_gets_it_back() {
    let bridge = Bridge::start().await;
    let mut page = bridge.open(&servers::fake(), "").await;
    page.frame_of("initialized").await;
    for (id, tool) in [
        (json!(1), "audio"),
        (json!("b"), "fail"),
        (json!({ "any": "JSON" }), ""),
    ] {
        page.send(
            &json!({ "type": "operation", "operation": "call_tool", "tool_name": tool, "id": id }),
        )
        .await;
    }
    for (id, kind) in [
        (json!(1), "operation_result"),
        (json!("b"), "operation_error"),
        (json!({ "any": "JSON" }), "operation_error"),
    ] {
        let answer = page.frame_where(|frame| frame["id"] == id).await;
        assert_eq!(answer["type"], kind, "{answer}");
    }
}

#[tokio::test]
async fn the_payload_of_an_operation_is_the_servers_own_json() {
    let bridge = Bridge::start().await;
    let mut page = bridge.open(&servers::fake(), "").await;
    page.text().await.expect("initialized");
    page.send_text(r#"{"type":"operation","operation":"call_tool","tool_name":"audio","arguments":{"n":1E5,"z":1,"a":123456789012345678901234567890}}"#).await;
    let answer = page.text().await.expect("an answer");
    assert!(
        answer.contains(r#""priority":0.5"#)
            && answer.contains(r#""_meta":{"com.example/tag":"kept"}"#),
        "{answer}"
    );
    let heard = page.call("fake/heard", json!({})).await;
    let lines = heard["result"].as_array().expect("lines");
    let arguments = r#""arguments":{"n":1E5,"z":1,"a":123456789012345678901234567890}"#;
    assert!(
        lines
            .iter()
            .any(|line| line.as_str().is_some_and(|line| line.contains(arguments))),
        "{lines:?}"
    );
}

#[tokio::test]
async fn the_plain_example_of_the_wire_works_as_it_stands() {
    let bridge = Bridge::start().await;
    let mut page = bridge.open(&servers::fake(), "").await;
    assert_eq!(page.frame().await["type"], "initialized");
    page.send_text(r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#)
        .await;
    let listed = page.frame().await;
    assert_eq!(
        (&listed["jsonrpc"], &listed["id"]),
        (&json!("2.0"), &json!(1))
    );
    assert_eq!(listed["result"]["tools"][0]["name"], "argv");
    // Bare JSON-RPC is not gathered: the cursor is the browser's to follow.
    assert_eq!(listed["result"]["nextCursor"], "2");
    page.send_text(
        r#"{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"note","arguments":{}}}"#,
    )
    .await;
    // From now on what comes unasked is JSON-RPC too.
    let note = r#"{"jsonrpc":"2.0","method":"notifications/message","params":{"level":"info","data":"from the fixture"}}"#;
    assert_eq!(page.text().await.as_deref(), Some(note));
    let called = page.frame().await;
    assert_eq!(
        (&called["id"], &called["result"]["content"][0]["text"]),
        (&json!(2), &json!("noted"))
    );
    page.send_text(r#"{"jsonrpc":"2.0","id":3,"method":"tools/call","params":{"name":"fail"}}"#)
        .await;
    let failed = page.text().await.expect("an answer");
    assert_eq!(
        failed,
        r#"{"jsonrpc":"2.0","id":3,"error":{"code":-32042,"message":"Teapot \"é\" failure","data":{"short":"stout"}}}"#
    );
    page.send_text(r#"{"jsonrpc":"2.0","id":4,"method":"initialize","params":{}}"#)
        .await;
    assert_eq!(page.frame().await["result"]["serverInfo"]["name"], "fake");
}

#[tokio::test]
async fn envelope_and_json_rpc_are_each_answered_in_kind_on_one_socket() {
    let bridge = Bridge::start().await;
    let mut page = bridge.open(&servers::fake(), "").await;
    page.frame_of("initialized").await;
    page.send(&json!({ "type": "operation", "operation": "call_tool", "tool_name": "note" }))
        .await;
    let activity = page.frame_of("mcp_activity").await;
    assert_eq!(activity["details"]["method"], "notifications/message");
    page.frame_of("operation_result").await;
    page.send(&json!({ "jsonrpc": "2.0", "id": "x", "method": "tools/call", "params": { "name": "note" } })).await;
    page.frame_where(|frame| frame["method"] == "notifications/message")
        .await;
    assert_eq!(
        page.response(&json!("x")).await["result"]["content"][0]["text"],
        "noted"
    );
    page.send(&json!({ "type": "operation", "operation": "call_tool", "tool_name": "note" }))
        .await;
    page.frame_where(|frame| frame["method"] == "notifications/message")
        .await;
    assert_eq!(
        page.frame_of("operation_result").await["data"]["tool_name"],
        "note"
    );
    // And what the server asks comes as JSON-RPC, and is answered so.
    let ask = r#"{"jsonrpc":"2.0","id":"q","method":"elicitation/create","params":{"message":"?","requestedSchema":{}}}"#;
    page.send(&json!({ "jsonrpc": "2.0", "id": "say", "method": "fake/say", "params": { "lines": [ask] } })).await;
    let asked = page
        .frame_where(|frame| frame["method"] == "elicitation/create")
        .await;
    let answer = json!({ "jsonrpc": "2.0", "id": asked["id"], "result": { "action": "decline" } });
    page.send(&answer).await;
    let heard = page.call("fake/heard", json!({})).await["result"].clone();
    assert!(
        heard
            .as_array()
            .expect("lines")
            .contains(&json!(answer.to_string())),
        "{heard}"
    );
}

#[tokio::test]
async fn a_notification_without_params_has_an_object_where_the_page_reads_it() {
    let bridge = Bridge::start().await;
    let mut page = bridge.open(&servers::everything(), "").await;
    page.send(&json!({ "type": "operation", "operation": "call_tool", "tool_name": "echo", "arguments": { "message": "x" } })).await;
    let activity = page
        .frame_where(|frame| frame["details"]["method"] == "notifications/tools/list_changed")
        .await;
    assert_eq!(activity["details"]["content"]["params"], json!({}));
    assert_eq!(activity["details"]["params"], json!({}));
}

#[tokio::test]
async fn other_operations_go_on_while_an_elicitation_is_open() {
    let bridge = Bridge::start().await;
    let mut page = bridge.open(&servers::everything(), "").await;
    page.send(&json!({ "type": "operation", "operation": "call_tool", "tool_name": "trigger-elicitation-request" })).await;
    let request = page.frame_of("elicitation_request").await;
    page.send(&json!({ "type": "operation", "operation": "call_tool", "tool_name": "echo", "arguments": { "message": "meanwhile" } })).await;
    let echoed = page.frame_of("operation_result").await;
    assert_eq!(
        echoed["data"]["result"]["content"][0]["text"],
        "Echo: meanwhile"
    );
    page.send(&json!({ "type": "elicitation_response", "request_id": request["request_id"], "action": "maybe" })).await;
    assert_eq!(
        page.frame_of("operation_error").await["request_id"],
        request["request_id"]
    );
    page.send(&json!({ "type": "elicitation_response", "request_id": request["request_id"], "action": "cancel" })).await;
    assert_eq!(
        page.frame_of("operation_result").await["data"]["tool_name"],
        "trigger-elicitation-request"
    );
}

#[tokio::test]
async fn a_question_nobody_answers_is_answered_with_an_error_that_says_so() {
    let bridge = Bridge::configured("[limits]\nanswer_timeout = 0.3\n").await;
    let mut page = bridge.open(&servers::everything(), "").await;
    page.send(&json!({ "type": "operation", "operation": "call_tool", "tool_name": "trigger-sampling-request", "arguments": { "prompt": "q" } })).await;
    let request = page.frame_of("sampling_request").await;
    let activity = page
        .frame_where(|frame| frame["activity_type"] == "error")
        .await;
    assert_eq!(activity["details"]["request_id"], request["request_id"]);
    let answer = page
        .frame_where(|frame| frame["operation"] == "call_tool")
        .await;
    assert!(
        answer.to_string().contains("Nobody answered in time"),
        "{answer}"
    );
    // Too late.
    page.send(
        &json!({ "type": "sampling_response", "request_id": request["request_id"], "result": {} }),
    )
    .await;
    let refused = page.frame_of("operation_error").await;
    assert!(
        refused["error"]
            .as_str()
            .is_some_and(|error| error.starts_with("Unknown sampling request_id")),
        "{refused}"
    );
}
