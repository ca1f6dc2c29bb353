//! Payloads through the bridge, over every transport and in both eras, to the byte.

use footbridge_tests::Bridge;
use footbridge_tests::Echo;
use footbridge_tests::Speech;
use footbridge_tests::servers;
use serde_json::Value;

/// Texts that a JSON library is likely to change: one object a line.
const CORPUS: &str = include_str!("../wire/corpus.jsonl");

/// The raw text of the result that comes back for these params.
async fn echoed(bridge: &Bridge, params: &Value, dialect: &str) -> Vec<String> {
    let mut page = bridge.open(params, dialect).await;
    page.frame_of("initialized").await;
    let mut results = Vec::new();
    for (number, payload) in CORPUS.lines().enumerate() {
        let id = format!("\"\\u0061-{number}\"");
        page.send_text(&format!(r#"{{"vendor":[1.0],"method":"fake/echo","id":{id},"params":{payload},"jsonrpc":"2.0"}}"#)).await;
        let text = loop {
            let text = page.text().await.expect("the session lives");
            if text.contains(&id) {
                break text;
            }
        };
        let result = text
            .strip_prefix(&format!(r#"{{"jsonrpc":"2.0","id":{id},"result":"#))
            .and_then(|rest| rest.strip_suffix('}'))
            .unwrap_or_else(|| panic!("an answer in the server's own spelling: {text}"));
        results.push(result.to_owned());
    }
    page.close().await;
    results
}

#[tokio::test]
async fn nothing_is_lost_over_any_transport_of_the_sessions() {
    let bridge = Bridge::configured("[limits]\njson_depth = 500").await;
    let json = Echo::start(Speech::Json).await;
    let events = Echo::start(Speech::Events).await;
    let sse = Echo::start(Speech::Sse).await;
    for params in [
        &servers::fake(),
        json.params(),
        events.params(),
        sse.params(),
    ] {
        let results = echoed(&bridge, params, "footbridge.v1").await;
        for (result, payload) in results.iter().zip(CORPUS.lines()) {
            assert_eq!(result, payload, "{params}");
        }
    }
}

#[tokio::test]
async fn nothing_is_lost_behind_the_face_but_what_the_revision_adds() {
    let bridge = Bridge::configured("[limits]\njson_depth = 500").await;
    let stateless = Echo::start(Speech::Stateless).await;
    let results = echoed(&bridge, stateless.params(), "footbridge.v1").await;
    for (result, payload) in results.iter().zip(CORPUS.lines()) {
        if payload.contains("_meta") {
            // What was there stays, in its place; what the revision wants comes last.
            let (before, after) = payload
                .split_once(r#","traceparent":"00-x"}"#)
                .expect("its end");
            let stamped = result
                .strip_prefix(&format!(r#"{before},"traceparent":"00-x","#))
                .expect("all that was there");
            assert!(
                stamped.starts_with(r#""io.modelcontextprotocol/protocolVersion":"2026-07-28""#),
                "{result}"
            );
            assert!(stamped.ends_with(after), "{result}");
        } else {
            let rest = result
                .strip_prefix(payload[..payload.len() - 1].trim_end())
                .expect("all that was there");
            assert!(
                rest.starts_with(r#","_meta":{"io.modelcontextprotocol/"#),
                "{rest}"
            );
        }
    }
}
