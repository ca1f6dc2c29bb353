//! Messages through the bridge, to the byte: what the browser sends is what the server hears, and the other way.

use std::collections::BTreeSet;

use footbridge_tests::Bridge;
use footbridge_tests::Page;
use footbridge_tests::Refused;
use footbridge_tests::servers;
use serde_json::Value;
use serde_json::json;

use crate::connect::is_moment;

/// Both dialects that relay JSON-RPC and nothing else.
const DIALECTS: [&str; 2] = ["mcp", "footbridge.v1"];

/// A session with the server that answers as told, ready to relay.
async fn ready(bridge: &Bridge, subprotocol: &str) -> Page {
    let mut page = bridge.open(&servers::fake(), subprotocol).await;
    if subprotocol == "mcp" {
        let params = json!({ "protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": { "name": "t", "version": "0" } });
        page.send(
            &json!({ "jsonrpc": "2.0", "id": "hello", "method": "initialize", "params": params }),
        )
        .await;
        page.response(&json!("hello")).await;
        page.send(&json!({ "jsonrpc": "2.0", "method": "notifications/initialized" }))
            .await;
    } else {
        while page.frame().await["type"] != "initialized" {}
    }
    page
}

/// Every line that the server has heard.
async fn heard(page: &mut Page) -> Vec<String> {
    let response = page.call("fake/heard", json!({})).await;
    serde_json::from_value(response["result"].clone()).expect("lines")
}

/// The next frame that is JSON-RPC, as text.
async fn rpc_text(page: &mut Page) -> String {
    loop {
        let text = page.text().await.expect("the socket is open");
        if text.contains("\"jsonrpc\"") {
            return text;
        }
    }
}

/// Lets the server write lines of one's own; `$ID` is the id of the request that asks for it.
async fn let_it_say(page: &mut Page, id: &str, lines: &[&str]) {
    page.send(
        &json!({ "jsonrpc": "2.0", "id": id, "method": "fake/say", "params": { "lines": lines } }),
    )
    .await;
}

/// JSON that a parser would change if it rebuilt it.
fn delicate() -> Vec<String> {
    let deep = format!("{}1{}", "[".repeat(200), "]".repeat(200));
    [
        r#"{"n":123456789012345678901234567890}"#,
        r#"{"n":1E5,"m":1e+05,"f":0.10000000000000000555,"z":-0}"#,
        r#"{"lone":"\ud800","pair":"\ud83d\ude00","escaped":"\u0041\/"}"#,
        r#"{"z":1,"a":2,"m":{"b":1,"a":2}}"#,
        r#"{"unknown":{"com.example/x":null},"_meta":{"com.example/y":[1,2]}}"#,
        r#"{"twice":1,"twice":2}"#,
        r#"{"text":"é 漢字 😀 \u0000 \t"}"#,
        r#"{ "spaced" : [ 1 , 2 ] }"#,
        r#"{"jsonrpc":"1.0","id":"inner","method":"inner","result":1}"#,
        &format!(r#"{{"deep":{deep}}}"#),
    ]
    .map(str::to_owned)
    .to_vec()
}

#[tokio::test]
async fn the_subprotocol_is_echoed_and_an_unknown_one_is_a_400() {
    let bridge = Bridge::start().await;
    let (_, url) = bridge.connect(&servers::fake()).await;
    for unknown in ["graphql-ws", "mcp2, footbridge.v9"] {
        let refused = bridge.upgrade(&url, unknown).await.err();
        assert_eq!(refused, Some(Refused(400)), "{unknown}");
    }
    for (offered, chosen) in [
        ("", None),
        ("mcp", Some("mcp")),
        ("footbridge.v1", Some("footbridge.v1")),
        ("graphql-ws, mcp", Some("mcp")),
    ] {
        let (_, url) = bridge.connect(&servers::fake()).await;
        let page = bridge
            .upgrade(&url, offered)
            .await
            .expect("the socket opens");
        assert_eq!(page.subprotocol.as_deref(), chosen, "{offered}");
    }
}

#[tokio::test]
async fn ids_come_back_with_their_type_and_spelling() {
    let bridge = Bridge::start().await;
    for dialect in DIALECTS {
        let mut page = ready(&bridge, dialect).await;
        for id in [
            "1",
            "\"1\"",
            "0",
            "-7",
            "9007199254740993",
            "\"\"",
            "\"é\\u0041\"",
            "\"a b\"",
        ] {
            page.send_text(&format!(
                r#"{{"jsonrpc":"2.0","id":{id},"method":"fake/echo","params":{{}}}}"#
            ))
            .await;
            let answer = rpc_text(&mut page).await;
            assert!(
                answer.contains(&format!(r#""id":{id}"#)),
                "{dialect}: {id} -> {answer}"
            );
        }
    }
}

#[tokio::test]
async fn a_hundred_calls_answered_in_reverse_find_their_callers() {
    let bridge = Bridge::start().await;
    for dialect in DIALECTS {
        let mut page = ready(&bridge, dialect).await;
        for n in 0..100 {
            let id = if n % 2 == 0 {
                json!(n + 1000)
            } else {
                json!(format!("call {n}"))
            };
            page.send(&json!({ "jsonrpc": "2.0", "id": id, "method": "fake/hold", "params": { "canary": n } })).await;
        }
        page.send(&json!({ "jsonrpc": "2.0", "id": "release", "method": "fake/release" }))
            .await;
        for n in (0..100).rev() {
            let id = if n % 2 == 0 {
                json!(n + 1000)
            } else {
                json!(format!("call {n}"))
            };
            let answer = page.frame().await;
            assert_eq!(
                answer,
                json!({ "jsonrpc": "2.0", "id": id, "result": { "canary": n } }),
                "{dialect}"
            );
        }
        assert_eq!(page.frame().await["id"], "release");
    }
}

#[tokio::test]
async fn an_id_in_flight_is_refused_without_disturbing_the_first() {
    let bridge = Bridge::start().await;
    for dialect in DIALECTS {
        let mut page = ready(&bridge, dialect).await;
        let call = json!({ "jsonrpc": "2.0", "id": "twice", "method": "fake/hold", "params": { "first": true } });
        page.send(&call).await;
        page.send(&json!({ "jsonrpc": "2.0", "id": "twice", "method": "fake/echo", "params": { "second": true } })).await;
        let refused = page.response(&json!("twice")).await;
        assert_eq!(refused["error"]["data"]["source"], "bridge", "{refused}");
        assert_eq!(refused["error"]["data"]["code"], "id_in_flight");
        page.call("fake/release", json!({})).await;
        let first = page.response(&json!("twice")).await;
        assert_eq!(first["result"], json!({ "first": true }), "{dialect}");
        // And afterwards the id is free again.
        page.send(&json!({ "jsonrpc": "2.0", "id": "twice", "method": "fake/echo", "params": { "third": true } })).await;
        assert_eq!(
            page.response(&json!("twice")).await["result"],
            json!({ "third": true })
        );
        let lines = heard(&mut page).await;
        assert!(
            !lines.iter().any(|line| line.contains("second")),
            "{lines:?}"
        );
    }
}

#[tokio::test]
async fn payloads_pass_byte_for_byte_in_both_directions() {
    let bridge = Bridge::configured("[limits]\njson_depth = 500").await;
    for dialect in DIALECTS {
        let mut page = ready(&bridge, dialect).await;
        for (n, payload) in delicate().iter().enumerate() {
            page.send_text(&format!(
                r#"{{"jsonrpc":"2.0","id":"p{n}","method":"fake/echo","params":{payload}}}"#
            ))
            .await;
            let answer = rpc_text(&mut page).await;
            assert_eq!(
                answer,
                format!(r#"{{"jsonrpc":"2.0","id":"p{n}","result":{payload}}}"#),
                "{dialect}"
            );
        }
        let lines = heard(&mut page).await;
        for payload in delicate() {
            assert!(
                lines
                    .iter()
                    .any(|line| line.ends_with(&format!("\"params\":{payload}}}"))),
                "{payload}"
            );
        }
    }
}

#[tokio::test]
async fn results_errors_and_unknown_members_of_the_envelope_pass_unchanged() {
    let bridge = Bridge::start().await;
    for dialect in DIALECTS {
        let mut page = ready(&bridge, dialect).await;
        for (n, rest) in [
            r#""result":null"#,
            r#""result":[]"#,
            r#""result":"text""#,
            r#""result":{},"com.example/beside":{"b":1,"a":2}"#,
            r#""error":{"code":-32602,"message":"Teapot \"é\"","data":{"z":1E5,"a":[null]}}"#,
            r#""error":{"code":7,"message":""}"#,
            r#""error":{"message":"m","code":-32000,"extra":true,"data":null}"#,
        ]
        .iter()
        .enumerate()
        {
            let line = format!(r#"{{"jsonrpc":"2.0","id":$ID,{rest}}}"#);
            let_it_say(&mut page, &format!("r{n}"), &[&line]).await;
            let answer = rpc_text(&mut page).await;
            assert_eq!(
                answer,
                line.replace("$ID", &format!("\"r{n}\"")),
                "{dialect}"
            );
        }
    }
}

#[tokio::test]
async fn requests_of_the_server_go_to_the_browser_and_its_answers_back() {
    let bridge = Bridge::start().await;
    for dialect in DIALECTS {
        let mut page = ready(&bridge, dialect).await;
        for (id, method, rest) in [
            (
                "\"ask-1\"",
                "sampling/createMessage",
                r#""result":{"role":"assistant","content":{"type":"text","text":"é"},"n":1E5}"#,
            ),
            ("7", "roots/list", r#""result":{"roots":[]}"#),
            (
                "8",
                "elicitation/create",
                r#""error":{"code":-1,"message":"no","data":{"z":1,"a":2}}"#,
            ),
        ] {
            let request = format!(
                r#"{{"jsonrpc":"2.0","id":{id},"method":"{method}","params":{{"z":1E5,"a":[]}}}}"#
            );
            let_it_say(
                &mut page,
                "say",
                &[&request, r#"{"jsonrpc":"2.0","id":$ID,"result":{}}"#],
            )
            .await;
            assert_eq!(rpc_text(&mut page).await, request, "{dialect}");
            page.response(&json!("say")).await;
            let answer = format!(r#"{{"jsonrpc":"2.0","id":{id},{rest}}}"#);
            page.send_text(&answer).await;
            let lines = heard(&mut page).await;
            assert_eq!(
                lines.iter().filter(|line| **line == answer).count(),
                1,
                "{dialect} {answer} {lines:?}"
            );
            // A second answer is to a question that nobody asks any more.
            page.send_text(&answer).await;
            let lines = heard(&mut page).await;
            assert_eq!(
                lines.iter().filter(|line| **line == answer).count(),
                1,
                "{dialect} {lines:?}"
            );
        }
    }
}

#[tokio::test]
async fn notifications_pass_in_both_directions_in_order() {
    let bridge = Bridge::start().await;
    for dialect in DIALECTS {
        let mut page = ready(&bridge, dialect).await;
        let notes: Vec<String> = (0..50)
            .map(|n| format!(r#"{{"jsonrpc":"2.0","method":"notifications/progress","params":{{"progressToken":"t","progress":{n}.0}}}}"#))
            .collect();
        for note in &notes {
            page.send_text(note).await;
        }
        let lines = heard(&mut page).await;
        let arrived: Vec<&String> = lines
            .iter()
            .filter(|line| line.contains("progressToken"))
            .collect();
        assert_eq!(arrived, notes.iter().collect::<Vec<_>>(), "{dialect}");
        let lines: Vec<&str> = notes.iter().map(String::as_str).collect();
        let_it_say(&mut page, "say", &lines).await;
        for note in &notes {
            assert_eq!(rpc_text(&mut page).await, *note, "{dialect}");
        }
    }
}

#[tokio::test]
async fn a_cancellation_reaches_the_server_with_the_id_that_the_server_knows() {
    let bridge = Bridge::start().await;
    for dialect in DIALECTS {
        let mut page = ready(&bridge, dialect).await;
        page.send(&json!({ "jsonrpc": "2.0", "id": "mine", "method": "fake/hold", "params": { "canary": 1 } })).await;
        page.send_text(r#"{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":"mine","reason":"no é"}}"#).await;
        // A cancellation of what is not in flight has no id that the server could know.
        page.send_text(r#"{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":"never"}}"#).await;
        let lines = heard(&mut page).await;
        let call = lines
            .iter()
            .find(|line| line.contains("canary"))
            .expect("the call");
        let id = serde_json::from_str::<Value>(call).expect("JSON")["id"].clone();
        let cancelled: Vec<&String> = lines
            .iter()
            .filter(|line| line.contains("notifications/cancelled"))
            .collect();
        let expected = format!(
            r#"{{"jsonrpc":"2.0","method":"notifications/cancelled","params":{{"requestId":{id},"reason":"no é"}}}}"#
        );
        assert_eq!(cancelled, [&expected], "{dialect}");
        // What the server answers all the same goes nowhere.
        page.send(&json!({ "jsonrpc": "2.0", "id": "release", "method": "fake/release" }))
            .await;
        assert_eq!(page.frame().await["id"], "release");
    }
}

#[tokio::test]
async fn a_batch_of_the_browser_is_answered_call_by_call() {
    let bridge = Bridge::start().await;
    for dialect in DIALECTS {
        let mut page = ready(&bridge, dialect).await;
        page.send_text(
            r#"[{"jsonrpc":"2.0","id":"a","method":"fake/echo","params":{"n":1E5}},
                {"jsonrpc":"2.0","method":"notifications/x"},
                7,
                {"jsonrpc":"2.0","id":"b","method":"fake/echo","params":{"n":2}}]"#,
        )
        .await;
        assert_eq!(
            page.response(&json!("a")).await["result"],
            json!({ "n": 1e5 }),
            "{dialect}"
        );
        assert_eq!(
            page.response(&json!("b")).await["result"],
            json!({ "n": 2 }),
            "{dialect}"
        );
        assert!(page.response(&Value::Null).await["error"]["code"].is_i64());
        let lines = heard(&mut page).await;
        assert!(lines.iter().any(|line| line.contains("notifications/x")));
        assert!(lines.iter().all(|line| line.starts_with('{')), "{lines:?}");
    }
}

#[tokio::test]
async fn a_malformed_frame_is_answered_and_the_session_lives() {
    let bridge = Bridge::start().await;
    for dialect in DIALECTS {
        let mut page = ready(&bridge, dialect).await;
        for (frame, code, id) in [
            ("", -32700, Value::Null),
            ("not JSON", -32700, Value::Null),
            ("{\"jsonrpc\":\"2.0\"", -32700, Value::Null),
            ("[]", -32600, Value::Null),
            ("17", -32600, Value::Null),
            ("{}", -32600, Value::Null),
            (r#"{"jsonrpc":"2.0","id":5}"#, -32600, json!(5)),
            (r#"{"jsonrpc":"2.0","id":6,"method":7}"#, -32600, json!(6)),
            (
                r#"{"jsonrpc":"2.0","id":null,"method":"x"}"#,
                -32600,
                Value::Null,
            ),
            (
                r#"{"jsonrpc":"2.0","id":1.5,"method":"x"}"#,
                -32600,
                Value::Null,
            ),
            (r#"{"jsonrpc":"1.0","id":8,"method":"x"}"#, -32600, json!(8)),
        ] {
            page.send_text(frame).await;
            let Some(answer) = page.frame_within(std::time::Duration::from_secs(5)).await else {
                panic!("{dialect}: no answer to {frame:?}")
            };
            assert_eq!(
                answer["error"]["code"], code,
                "{dialect}: {frame} -> {answer}"
            );
            assert_eq!(
                answer["error"]["data"]["source"], "bridge",
                "{dialect}: {frame} -> {answer}"
            );
            assert_eq!(answer["id"], id, "{dialect}: {frame} -> {answer}");
        }
        let echo = page.call("fake/echo", json!({ "still": "here" })).await;
        assert_eq!(echo["result"]["still"], "here");
        let lines = heard(&mut page).await;
        assert!(
            lines.iter().all(|line| line.contains("\"method\"")),
            "{lines:?}"
        );
    }
}

#[tokio::test]
async fn a_server_that_dies_answers_each_call_once_with_an_error_of_the_bridge_and_closes_with_4502()
 {
    let bridge = Bridge::start().await;
    for dialect in DIALECTS {
        let mut page = ready(&bridge, dialect).await;
        for n in 0..5 {
            page.send(&json!({ "jsonrpc": "2.0", "id": n, "method": "fake/hold" }))
                .await;
        }
        page.send(
            &json!({ "jsonrpc": "2.0", "id": "last", "method": "fake/exit",
            "params": { "code": 9, "stderr": "what I wanted to say" } }),
        )
        .await;
        let (frames, close) = page.until_closed().await;
        assert_eq!(close.expect("a close code").0, 4502);
        let mut answered = BTreeSet::new();
        for frame in frames.iter().filter(|frame| frame.get("jsonrpc").is_some()) {
            assert!(answered.insert(frame["id"].to_string()), "twice: {frame}");
            let data = &frame["error"]["data"];
            assert_eq!(data["source"], "bridge", "{frame}");
            assert_eq!(data["code"], "upstream_exited", "{frame}");
            assert_eq!(data["exit_code"], 9, "{frame}");
            assert!(
                data["stderr"]
                    .as_str()
                    .is_some_and(|tail| tail.contains("what I wanted to say")),
                "{frame}"
            );
        }
        let expected: BTreeSet<String> = ["0", "1", "2", "3", "4", "\"last\""]
            .map(str::to_owned)
            .into();
        assert_eq!(answered, expected, "{dialect}");
        let control = frames
            .iter()
            .filter(|frame| frame.get("jsonrpc").is_none())
            .count();
        assert_eq!(control > 0, dialect != "mcp", "{frames:?}");
    }
}

#[tokio::test]
async fn native_frames_come_in_their_documented_order() {
    let bridge = Bridge::start().await;
    let (session_id, url) = bridge.connect(&servers::fake()).await;
    let mut page = bridge
        .upgrade(&url, "footbridge.v1")
        .await
        .expect("the socket opens");
    // A request that comes early waits for `initialized`.
    page.send(&json!({ "jsonrpc": "2.0", "id": 1, "method": "fake/echo", "params": {} }))
        .await;
    let starting = page.frame().await;
    assert_eq!(
        (&starting["type"], &starting["state"]),
        (&json!("state"), &json!("starting"))
    );
    assert_eq!(starting["session_id"], session_id.as_str());
    let ready = page.frame().await;
    assert_eq!(
        (&ready["type"], &ready["state"]),
        (&json!("state"), &json!("ready"))
    );
    let initialized = page.frame().await;
    assert_eq!(initialized["type"], "initialized");
    assert_eq!(initialized["session_id"], session_id.as_str());
    assert_eq!(
        initialized["server_info"],
        json!({ "name": "fake", "version": "1.2.3" })
    );
    assert_eq!(initialized["protocol_version"], "2025-06-18");
    assert_eq!(initialized["era"], "legacy");
    assert_eq!(initialized["transport"], "stdio");
    assert_eq!(initialized["instructions"], Value::Null);
    assert_eq!(page.frame().await["id"], 1);
    page.send(&json!({ "type": "ping" })).await;
    let pong = page.frame().await;
    assert_eq!(pong["type"], "pong");
    for frame in [&starting, &ready, &initialized, &pong] {
        assert!(is_moment(&frame["timestamp"]), "{frame}");
    }
    page.send(&json!({ "jsonrpc": "2.0", "id": 2, "method": "fake/exit", "params": { "code": 1, "stderr": "why" } })).await;
    let (frames, close) = page.until_closed().await;
    let kinds: Vec<&str> = frames
        .iter()
        .map(|frame| frame["type"].as_str().unwrap_or("jsonrpc"))
        .collect();
    assert_eq!(kinds, ["jsonrpc", "state", "error"]);
    assert_eq!(frames[1]["state"], "closing");
    assert_eq!(frames[2]["code"], "upstream_exited");
    assert_eq!(frames[2]["side"], "upstream");
    assert_eq!(
        frames[2]["data"],
        json!({ "command": "fake_mcp", "exit_code": 1, "stderr": "why" })
    );
    assert_eq!(close.expect("a close code").0, 4502);
}

#[tokio::test]
async fn stderr_comes_on_request_with_the_lines_kept_so_far_and_stops_on_request() {
    let bridge = Bridge::start().await;
    let mut page = ready(&bridge, "footbridge.v1").await;
    page.call("fake/complain", json!("one")).await;
    page.call("fake/complain", json!("two")).await;
    page.send(&json!({ "type": "stderr", "enabled": true }))
        .await;
    assert_eq!(page.frame_of("stderr").await["line"], "one");
    assert_eq!(page.frame_of("stderr").await["line"], "two");
    page.call("fake/complain", json!("three")).await;
    assert_eq!(page.frame_of("stderr").await["line"], "three");
    page.send(&json!({ "type": "stderr", "enabled": false }))
        .await;
    page.call("fake/complain", json!("four")).await;
    page.send(&json!({ "type": "stderr", "enabled": true }))
        .await;
    // What was kept comes first, so four is there once, and only now.
    for line in ["one", "two", "three", "four"] {
        assert_eq!(page.frame_of("stderr").await["line"], line);
    }
}

#[tokio::test]
async fn a_native_browser_that_initializes_gets_the_servers_own_result() {
    let bridge = Bridge::start().await;
    let mut page = ready(&bridge, "footbridge.v1").await;
    let params = json!({ "protocolVersion": "2024-11-05", "capabilities": {}, "clientInfo": { "name": "t", "version": "0" } });
    let answer = page.call("initialize", params).await;
    assert_eq!(
        answer["result"]["serverInfo"],
        json!({ "name": "fake", "version": "1.2.3" })
    );
    page.send(&json!({ "jsonrpc": "2.0", "method": "notifications/initialized" }))
        .await;
    let lines = heard(&mut page).await;
    let said = |method: &str| {
        lines
            .iter()
            .filter(|line| line.contains(&format!("\"{method}\"")))
            .count()
    };
    assert_eq!(
        (said("initialize"), said("notifications/initialized")),
        (1, 1),
        "{lines:?}"
    );
}

#[tokio::test]
async fn an_mcp_browser_does_its_own_handshake_and_hears_nothing_but_json_rpc() {
    let bridge = Bridge::start().await;
    let mut page = bridge.open(&servers::fake(), "mcp").await;
    let params = r#"{"protocolVersion":"1999-01-01","clientInfo":{"version":"0","name":"odd"},"capabilities":{"x":1E5}}"#;
    page.send_text(&format!(
        r#"{{"jsonrpc":"2.0","id":0,"method":"initialize","params":{params}}}"#
    ))
    .await;
    let first = page.frame().await;
    assert_eq!(first["id"], 0);
    assert_eq!(first["result"]["serverInfo"]["name"], "fake");
    page.send_text(r#"{"jsonrpc":"2.0","id":1,"method":"fake/client"}"#)
        .await;
    assert_eq!(
        page.text().await.expect("an answer"),
        format!(r#"{{"jsonrpc":"2.0","id":1,"result":{params}}}"#)
    );
}
