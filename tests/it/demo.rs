//! The built-in server through the bridge: each of its tools, and everything else it offers, in every dialect.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use footbridge_tests::Bridge;
use footbridge_tests::Page;
use footbridge_tests::servers;
use serde_json::Value;
use serde_json::json;

use crate::servers::DIALECTS;
use crate::servers::names;
use crate::servers::ready_with;
use crate::servers::text;

/// Everything that the demo can ask for.
fn capabilities() -> Value {
    json!({ "sampling": {}, "elicitation": { "form": {} }, "roots": {} })
}

/// A session with the demo that is ready, whoever shakes hands.
async fn ready(bridge: &Bridge, subprotocol: &str) -> Page {
    ready_with(bridge, &servers::demo(), &capabilities(), subprotocol).await
}

/// Starts a tool without waiting for it; the id of the call.
async fn start_tool(page: &mut Page, name: &str, arguments: Value) -> Value {
    page.start(
        "tools/call",
        json!({ "name": name, "arguments": arguments }),
    )
    .await
}

/// How many messages of this method came that nobody asked for.
fn unasked(page: &Page, method: &str) -> usize {
    page.skipped()
        .filter(|frame| frame["method"] == method)
        .count()
}

fn decoded(block: &Value) -> Vec<u8> {
    STANDARD
        .decode(block["data"].as_str().expect("data"))
        .expect("base64")
}

#[tokio::test]
async fn the_demo_has_these_tools_and_says_so_of_itself() {
    let bridge = Bridge::start().await;
    let mut page = bridge.open(&servers::demo(), "footbridge.v1").await;
    let greeting = page.frame_of("initialized").await;
    assert_eq!(greeting["server_info"]["name"], "footbridge-demo");
    for capability in ["tools", "resources", "prompts", "completions", "logging"] {
        assert!(
            greeting["capabilities"][capability].is_object(),
            "{capability}: {greeting}"
        );
    }
    let list = page.call("tools/list", json!({})).await;
    let expected = [
        "add",
        "add_note",
        "ask_elicitation",
        "ask_sampling",
        "complex_form",
        "echo",
        "fail",
        "image",
        "list_roots",
        "long_task",
        "structured",
        "tick",
    ];
    assert_eq!(names(&list, "tools"), expected);
    page.close().await;
}

#[tokio::test]
async fn the_demos_tools_give_text_numbers_pictures_sounds_and_structure() {
    let bridge = Bridge::start().await;
    for dialect in DIALECTS {
        let mut page = ready(&bridge, dialect).await;
        let words = "Grüße, 橋 \u{1f309}\n\"\\\u{0}";
        let echoed = page.call_tool("echo", json!({ "message": words })).await;
        assert_eq!(text(&echoed), words, "{dialect}");

        let sum = page.call_tool("add", json!({ "a": 0.5, "b": 41.5 })).await;
        assert_eq!(
            sum["structuredContent"]["sum"].as_f64(),
            Some(42.0),
            "{sum}"
        );

        let image = page.call_tool("image", json!({})).await;
        let [_, picture, sound] = image["content"].as_array().expect("content").as_slice() else {
            panic!("three blocks are expected: {image}");
        };
        assert_eq!(picture["mimeType"], "image/png");
        assert!(decoded(picture).starts_with(b"\x89PNG\r\n\x1a\n"));
        assert_eq!(sound["mimeType"], "audio/wav");
        assert!(decoded(sound).starts_with(b"RIFF"));

        let report = page
            .call_tool("structured", json!({ "city": "Bergen", "days": 2 }))
            .await;
        let structure = &report["structuredContent"];
        assert_eq!(
            structure["forecast"].as_array().map(Vec::len),
            Some(2),
            "{report}"
        );
        let said: Value = serde_json::from_str(text(&report)).expect("JSON as text");
        assert_eq!(said, *structure, "text and structure say the same");
        page.close().await;
    }
}

#[tokio::test]
async fn a_form_with_everything_in_it_comes_back_with_its_defaults() {
    let bridge = Bridge::start().await;
    let mut page = ready(&bridge, "footbridge.v1").await;
    let form = json!({
        "name": "Ada",
        "email": "ada@example.org",
        "address": { "street": "Quai de Conti", "city": "Paris" },
        "items": [{ "article": "plank", "quantity": 12 }],
        "contact": { "by": "phone", "number": "1" },
        "extra": { "gate": "north" },
    });
    let filled = page.call_tool("complex_form", form).await;
    let back = &filled["structuredContent"];
    assert_eq!(back["address"]["street"], "Quai de Conti", "{filled}");
    assert_eq!(
        back["contact"],
        json!({ "by": "phone", "number": "1" }),
        "{filled}"
    );
    assert_eq!(
        (&back["size"], &back["urgency"], &back["newsletter"]),
        (&json!("medium"), &json!(3), &json!(true)),
        "{filled}"
    );
    let incomplete = page
        .call_tool("complex_form", json!({ "name": "Ada" }))
        .await;
    assert_eq!(incomplete["isError"], true, "{incomplete}");
    page.close().await;
}

#[tokio::test]
async fn what_the_demo_refuses_passes_unchanged() {
    let bridge = Bridge::start().await;
    for dialect in DIALECTS {
        let mut page = ready(&bridge, dialect).await;
        let arguments = json!({ "name": "fail", "arguments": { "mode": "protocol" } });
        let failed = page.call("tools/call", arguments).await;
        let expected = json!({
            "code": -32050,
            "message": "This call failed with a JSON-RPC error, as you asked it to.",
            "data": { "mode": "protocol", "retry": false },
        });
        assert_eq!(failed["error"], expected, "{dialect}");
        let failed = page.call_tool("fail", json!({ "mode": "tool" })).await;
        assert_eq!(failed["isError"], true, "{failed}");
        assert_eq!(text(&failed), "This tool failed, as you asked it to.");
        let unknown = page
            .call("tools/call", json!({ "name": "no such tool" }))
            .await;
        assert_eq!(unknown["error"]["code"], -32602, "{unknown}");
        let unknown = page
            .call("resources/read", json!({ "uri": "demo://nothing" }))
            .await;
        // The revisions differ in the code; an `mcp` browser greets the demo in the older way.
        let code = if dialect == "mcp" { -32002 } else { -32602 };
        assert_eq!(unknown["error"]["code"], code, "{unknown}");
        assert_eq!(
            unknown["error"]["data"],
            json!({ "uri": "demo://nothing" }),
            "{unknown}"
        );
        page.close().await;
    }
}

#[tokio::test]
async fn a_note_becomes_a_resource_and_the_page_hears_of_it() {
    let bridge = Bridge::start().await;
    let mut page = ready(&bridge, "").await;
    let note = json!({ "name": "shopping", "text": "milk" });
    let added = page.call_tool("add_note", note).await;
    assert_eq!(
        added["content"][1]["uri"], "demo://notes/shopping",
        "{added}"
    );
    page.message("notifications/resources/list_changed").await;
    let list = page.call("resources/list", json!({})).await;
    assert!(
        names(&list, "resources").contains(&"shopping".to_owned()),
        "{list}"
    );
    let uri = json!({ "uri": "demo://notes/shopping" });
    let read = page.call("resources/read", uri.clone()).await;
    assert_eq!(read["result"]["contents"][0]["text"], "milk", "{read}");

    page.call("resources/subscribe", uri.clone()).await;
    let note = json!({ "name": "shopping", "text": "bread" });
    page.call_tool("add_note", note).await;
    let updated = page.message("notifications/resources/updated").await;
    assert_eq!(updated["params"], uri, "{updated}");
    let read = page.call("resources/read", uri).await;
    assert_eq!(read["result"]["contents"][0]["text"], "bread", "{read}");

    let refused = page
        .call_tool("add_note", json!({ "name": "Not A Name", "text": "" }))
        .await;
    assert_eq!(refused["isError"], true, "{refused}");
    page.close().await;
}

#[tokio::test]
async fn the_demos_resources_can_be_read_as_text_json_and_bytes() {
    let bridge = Bridge::start().await;
    let mut page = ready(&bridge, "footbridge.v1").await;
    let list = page.call("resources/list", json!({})).await;
    for name in ["readme", "facts", "bridge", "counter", "clock", "welcome"] {
        assert!(
            names(&list, "resources").contains(&name.to_owned()),
            "{name}: {list}"
        );
    }
    let templates = page.call("resources/templates/list", json!({})).await;
    assert_eq!(
        names(&templates, "resourceTemplates"),
        ["note", "greeting"],
        "{templates}"
    );
    let mut read = async |uri: &str| {
        let response = page.call("resources/read", json!({ "uri": uri })).await;
        response["result"]["contents"][0].clone()
    };
    let readme = read("demo://readme").await;
    assert_eq!(readme["mimeType"], "text/markdown", "{readme}");
    let facts = read("demo://facts.json").await;
    let facts: Value = serde_json::from_str(facts["text"].as_str().expect("text")).expect("JSON");
    assert_eq!(facts["name"], "footbridge-demo");
    let picture = read("demo://bridge.png").await;
    let bytes = STANDARD
        .decode(picture["blob"].as_str().expect("a blob"))
        .expect("base64");
    assert!(bytes.starts_with(b"\x89PNG"));
    assert_eq!(read("demo://greetings/finnish").await["text"], "Hei!");
    page.close().await;
}

#[tokio::test]
async fn a_subscriber_hears_of_each_update_until_it_unsubscribes() {
    let bridge = Bridge::start().await;
    for dialect in DIALECTS {
        let mut page = ready(&bridge, dialect).await;
        let counter = json!({ "uri": "demo://counter" });
        page.call_tool("tick", json!({})).await;
        assert_eq!(unasked(&page, "notifications/resources/updated"), 0);

        let subscribed = page.call("resources/subscribe", counter.clone()).await;
        assert_eq!(subscribed["result"], json!({}), "{subscribed}");
        for ticks in 2..=3 {
            page.call_tool("tick", json!({})).await;
            let updated = page.message("notifications/resources/updated").await;
            assert_eq!(updated["params"], counter, "{updated}");
            let read = page.call("resources/read", counter.clone()).await;
            let expected = json!({ "ticks": ticks }).to_string();
            assert_eq!(read["result"]["contents"][0]["text"], expected, "{read}");
        }

        page.call("resources/unsubscribe", counter.clone()).await;
        page.call_tool("tick", json!({})).await;
        // The server would have told of the tick before this answer.
        page.call("resources/read", counter).await;
        assert_eq!(
            unasked(&page, "notifications/resources/updated"),
            0,
            "{dialect}"
        );
        page.close().await;
    }
}

#[tokio::test]
async fn the_clock_is_heard_without_being_asked_again() {
    let bridge = Bridge::start().await;
    let mut page = ready(&bridge, "").await;
    let clock = json!({ "uri": "demo://clock" });
    page.call("resources/subscribe", clock.clone()).await;
    for _ in 0..2 {
        let updated = page.message("notifications/resources/updated").await;
        assert_eq!(updated["params"], clock, "{updated}");
    }
    page.close().await;
}

#[tokio::test]
async fn prompts_are_filled_in_and_their_arguments_completed() {
    let bridge = Bridge::start().await;
    let mut page = ready(&bridge, "").await;
    let list = page.call("prompts/list", json!({})).await;
    assert_eq!(names(&list, "prompts"), ["greet", "review_code"], "{list}");

    let arguments = json!({ "name": "Ada", "tone": "pirate" });
    let prompt = page
        .call(
            "prompts/get",
            json!({ "name": "greet", "arguments": arguments }),
        )
        .await;
    let said = prompt["result"]["messages"][0]["content"]["text"]
        .as_str()
        .expect("text");
    assert!(said.contains("Ada") && said.contains("pirate"), "{prompt}");

    let arguments = json!({ "language": "rust", "code": "fn main() {}" });
    let prompt = page
        .call(
            "prompts/get",
            json!({ "name": "review_code", "arguments": arguments }),
        )
        .await;
    let embedded = &prompt["result"]["messages"][1]["content"]["resource"];
    assert_eq!(embedded["text"], "fn main() {}", "{prompt}");

    let arguments = json!({ "name": "Ada", "tone": "rude" });
    let refused = page
        .call(
            "prompts/get",
            json!({ "name": "greet", "arguments": arguments }),
        )
        .await;
    assert_eq!(refused["error"]["code"], -32602, "{refused}");

    page.call_tool("add_note", json!({ "name": "work", "text": "" }))
        .await;
    let prompt = |name| json!({ "type": "ref/prompt", "name": name });
    let template = |uri| json!({ "type": "ref/resource", "uri": uri });
    for (reference, argument, typed, expected) in [
        (prompt("greet"), "tone", "f", &["formal", "friendly"][..]),
        (
            prompt("review_code"),
            "language",
            "java",
            &["java", "javascript"],
        ),
        (
            template("demo://greetings/{language}"),
            "language",
            "fi",
            &["finnish"],
        ),
        (
            template("demo://notes/{name}"),
            "name",
            "w",
            &["welcome", "work"],
        ),
        (prompt("greet"), "name", "A", &[]),
    ] {
        let argument = json!({ "name": argument, "value": typed });
        let params = json!({ "ref": reference, "argument": argument });
        let completed = page.call("completion/complete", params).await;
        assert_eq!(
            completed["result"]["completion"]["values"],
            json!(expected),
            "{completed}"
        );
    }
    page.close().await;
}

#[tokio::test]
async fn log_messages_come_from_the_level_that_was_set() {
    let bridge = Bridge::start().await;
    let mut page = ready(&bridge, "").await;
    let task = json!({ "steps": 2, "delay_ms": 1 });
    for (level, expected) in [("error", 0), ("info", 2), ("warning", 0), ("debug", 2)] {
        let set = page
            .call("logging/setLevel", json!({ "level": level }))
            .await;
        assert_eq!(set["result"], json!({}), "{set}");
        page.call_tool("long_task", task.clone()).await;
        assert_eq!(
            unasked(&page, "notifications/message"),
            expected,
            "at {level}"
        );
        for _ in 0..expected {
            let message = page.message("notifications/message").await;
            assert_eq!(message["params"]["logger"], "long_task", "{message}");
        }
    }
    page.close().await;
}

#[tokio::test]
async fn progress_comes_in_order_under_the_token_it_was_asked_for_with() {
    let bridge = Bridge::start().await;
    for (dialect, token) in [
        ("", json!("a token")),
        ("mcp", json!(7)),
        ("footbridge.v1", json!("7")),
    ] {
        let mut page = ready(&bridge, dialect).await;
        let arguments = json!({ "steps": 4, "delay_ms": 5 });
        let params = json!({ "name": "long_task", "arguments": arguments, "_meta": { "progressToken": token } });
        let response = page.call("tools/call", params).await;
        assert_eq!(
            text(&response["result"]),
            "All 4 steps are done.",
            "{response}"
        );
        for step in 1..=4 {
            // All of it came before the result.
            assert!(unasked(&page, "notifications/progress") > 0, "{dialect}");
            let params = page.message("notifications/progress").await["params"].clone();
            assert_eq!(params["progressToken"], token, "{params}");
            assert_eq!(params["progress"].as_f64(), Some(f64::from(step)));
            assert_eq!(params["total"].as_f64(), Some(4.0), "{params}");
            assert_eq!(params["message"], format!("Step {step} of 4 is done."));
        }
        page.close().await;
    }
}

#[tokio::test]
async fn a_cancelled_call_stops_and_gets_no_answer() {
    let bridge = Bridge::start().await;
    for dialect in DIALECTS {
        let mut page = ready(&bridge, dialect).await;
        let arguments = json!({ "steps": 1000, "delay_ms": 20 });
        let id = page
            .start(
                "tools/call",
                json!({ "name": "long_task", "arguments": arguments, "_meta": { "progressToken": 1 } }),
            )
            .await;
        page.message("notifications/progress").await;
        page.notify(
            "notifications/cancelled",
            json!({ "requestId": id, "reason": "enough" }),
        )
        .await;
        // What was under way when the server heard of it comes before this answer; afterwards it is silent.
        page.call("ping", json!({})).await;
        let heard = unasked(&page, "notifications/progress");
        page.call_tool("long_task", json!({ "steps": 1, "delay_ms": 150 }))
            .await;
        assert_eq!(
            unasked(&page, "notifications/progress"),
            heard,
            "{dialect}: it has stopped"
        );
        assert!(
            !page.skipped().any(|frame| frame["id"] == id),
            "{dialect}: no answer"
        );
        page.close().await;
    }
}

#[tokio::test]
async fn the_demo_asks_for_sampling_and_reads_the_answer() {
    let bridge = Bridge::start().await;
    for dialect in DIALECTS {
        let mut page = ready(&bridge, dialect).await;
        let arguments = json!({ "prompt": "What is a bridge?", "max_tokens": 9 });
        let id = start_tool(&mut page, "ask_sampling", arguments).await;
        let content = json!({ "type": "text", "text": "A way across." });
        let sampled = json!({ "role": "assistant", "model": "m-1", "content": content });
        let request = page.answer("sampling/createMessage", sampled).await;
        assert_eq!(request["params"]["maxTokens"], 9, "{request}");
        assert_eq!(
            request["params"]["messages"][0]["content"]["text"], "What is a bridge?",
            "{request}"
        );
        let result = page.response(&id).await["result"].clone();
        assert_eq!(text(&result), "The model (m-1) says:", "{result}");
        assert_eq!(result["content"][1]["text"], "A way across.", "{result}");
        page.close().await;
    }
}

#[tokio::test]
async fn a_refusal_of_the_page_reaches_the_demo() {
    let bridge = Bridge::start().await;
    for dialect in ["footbridge.v1", "mcp"] {
        let mut page = ready(&bridge, dialect).await;
        let id = start_tool(&mut page, "ask_sampling", json!({ "prompt": "p" })).await;
        let request = page.message("sampling/createMessage").await;
        let error = json!({ "code": -1, "message": "The user said no" });
        page.send(&json!({ "jsonrpc": "2.0", "id": request["id"], "error": error }))
            .await;
        let response = page.response(&id).await;
        if dialect == "mcp" {
            let result = &response["result"];
            assert_eq!(result["isError"], true, "{result}");
            assert_eq!(
                text(result),
                "The client refused with error -1: The user said no"
            );
        } else {
            // The stateless revision has no way to tell a server so: the call ends with the refusal.
            assert_eq!(response["error"], error, "{response}");
        }
        page.close().await;
    }
}

#[tokio::test]
async fn the_demo_asks_the_user_and_reads_whatever_the_user_does() {
    let bridge = Bridge::start().await;
    for dialect in DIALECTS {
        let mut page = ready(&bridge, dialect).await;
        for answer in [
            json!({ "action": "accept", "content": { "name": "Ada", "colour": "green", "age": 36 } }),
            json!({ "action": "decline" }),
            json!({ "action": "cancel" }),
        ] {
            let id = start_tool(&mut page, "ask_elicitation", json!({})).await;
            // While a question is open everything else goes on.
            assert_eq!(
                text(&page.call_tool("echo", json!({ "message": "m" })).await),
                "m"
            );
            let request = page.answer("elicitation/create", answer.clone()).await;
            let schema = &request["params"]["requestedSchema"];
            assert_eq!(schema["required"], json!(["name", "colour"]), "{request}");
            let result = page.response(&id).await["result"].clone();
            let said = &result["structuredContent"];
            assert_eq!(said["action"], answer["action"], "{result}");
            assert_eq!(said["content"], answer["content"], "{result}");
        }
        page.close().await;
    }
}

#[tokio::test]
async fn a_question_is_withdrawn_with_the_call_it_belongs_to() {
    let bridge = Bridge::start().await;
    for dialect in DIALECTS {
        let mut page = ready(&bridge, dialect).await;
        let id = start_tool(&mut page, "ask_elicitation", json!({})).await;
        let request = page.message("elicitation/create").await;
        page.notify("notifications/cancelled", json!({ "requestId": id }))
            .await;
        let withdrawn = page.message("notifications/cancelled").await;
        assert_eq!(
            withdrawn["params"]["requestId"], request["id"],
            "{dialect}: {withdrawn}"
        );
        // An answer that comes too late does no harm.
        page.send(
            &json!({ "jsonrpc": "2.0", "id": request["id"], "result": { "action": "cancel" } }),
        )
        .await;
        assert_eq!(
            text(&page.call_tool("echo", json!({ "message": "m" })).await),
            "m"
        );
        page.close().await;
    }
}

#[tokio::test]
async fn the_demo_asks_for_the_roots() {
    let bridge = Bridge::start().await;
    for dialect in DIALECTS {
        let mut page = ready(&bridge, dialect).await;
        let id = start_tool(&mut page, "list_roots", json!({})).await;
        let roots = json!({ "roots": [{ "uri": "file:///srv/bridge", "name": "bridge" }] });
        page.answer("roots/list", roots.clone()).await;
        let result = page.response(&id).await["result"].clone();
        assert_eq!(result["structuredContent"], roots, "{dialect}: {result}");
        page.close().await;
    }
}
