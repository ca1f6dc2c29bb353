//! One frame from the browser, read within its bounds: how deep it is, how long its ids are.

use chrono::Utc;
use footbridge_shared::rpc;
use footbridge_shared::rpc::Id;
use footbridge_shared::rpc::Malformed;
use footbridge_shared::rpc::Message;

use crate::config::Limits;
use crate::dialect::Dialect;
use crate::dialect::Inbound;
use crate::dialect::Turn;
use crate::meters;

/// Reads a frame. What is wrong with it, or over a bound, is answered in the turn; the session goes on.
pub(super) fn read(text: String, dialect: &mut Dialect, limits: &Limits) -> Turn {
    let mut turn = Turn::default();
    let now = Utc::now();
    // Most frames do not even have that many brackets, which is found out at memory speed.
    let mut opened = memchr::memchr2_iter(b'[', b'{', text.as_bytes());
    if opened.nth(limits.json_depth).is_some() && rpc::is_deeper_than(&text, limits.json_depth) {
        meters::reached("json_depth");
        dialect.refuse(&text, &rpc::too_deep(&text), now, &mut turn);
        return turn;
    }
    dialect.decode(text, now, &mut turn);
    let is_fine = |inbound: &Inbound| match inbound {
        Inbound::Message(Message::Request(request)) => is_short(request.id(), limits.id_bytes),
        Inbound::Message(Message::Response(_) | Message::Notification(_))
        | Inbound::Stderr(_)
        | Inbound::Resumable => true,
    };
    if turn.inbound.iter().all(is_fine) {
        return turn;
    }
    meters::reached("id_bytes");
    let (kept, refused): (Vec<_>, Vec<_>) = turn.inbound.drain(..).partition(is_fine);
    turn.inbound = kept;
    for inbound in refused {
        let Inbound::Message(Message::Request(request)) = inbound else {
            continue;
        };
        let id = request.id().clone();
        let text = Message::from(request).into_text();
        let malformed = Malformed::Shape {
            problem: "\"id\" must be a 64-bit integer or a string of at most as many bytes as limits.id_bytes",
            id: Some(id),
        };
        dialect.refuse(&text, &malformed, now, &mut turn);
    }
    turn
}

/// Whether an id is a string of at most so many bytes, or an integer that every program can hold.
fn is_short(id: &Id, limit: usize) -> bool {
    let json = id.as_json();
    if json.starts_with('"') {
        json.len() <= limit + 2
    } else {
        json.parse::<i64>().is_ok()
    }
}

#[cfg(test)]
mod tests {
    use footbridge_shared::api::Transport;
    use serde_json::Value;
    use serde_json::json;

    use super::*;
    use crate::dialect::DialectName;

    fn request(id: &str, depth: usize) -> String {
        // The message itself is the first level.
        let (open, close) = ("[".repeat(depth - 1), "]".repeat(depth - 1));
        format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"a","params":{open}{close}}}"#)
    }

    /// How many messages a frame holds, and the answers to what is wrong with it.
    fn read_as(name: DialectName, text: String) -> (usize, Vec<Value>) {
        let mut dialect = Dialect::new(name, "sid", Transport::Stdio);
        let turn = read(text, &mut dialect, &Limits::default());
        let answers = turn
            .to_browser
            .iter()
            .map(|frame| serde_json::from_str(frame).unwrap());
        (turn.inbound.len(), answers.collect())
    }

    #[test]
    fn a_frame_of_64_levels_passes_and_one_level_more_is_answered_under_its_id() {
        for name in [DialectName::Mcp, DialectName::Native] {
            assert_eq!(read_as(name, request("7", 64)), (1, Vec::new()));
            let (n_messages, answers) = read_as(name, request("7", 65));
            assert_eq!(n_messages, 0);
            assert_eq!(answers[0]["id"], 7);
            assert_eq!(answers[0]["error"]["code"], -32600);
            assert_eq!(answers[0]["error"]["data"]["code"], "frame_malformed");
        }
    }

    #[test]
    fn a_million_levels_are_refused_and_not_followed() {
        for name in DialectName::ALL {
            for text in [
                request("\"deep\"", 1_000_000),
                "[".repeat(1_000_000),
                "{\"a\":".repeat(1_000_000),
            ] {
                assert_eq!(read_as(name, text).0, 0);
            }
        }
        let (_, answers) = read_as(DialectName::Mcp, request("\"deep\"", 1_000_000));
        assert_eq!(answers[0]["id"], "deep");
    }

    #[test]
    fn brackets_in_strings_are_no_levels() {
        let text = json!({ "jsonrpc": "2.0", "id": 1, "method": "a", "params": { "a": "[{\"\\".repeat(500) } });
        assert_eq!(read_as(DialectName::Mcp, text.to_string()), (1, Vec::new()));
    }

    #[test]
    fn an_id_of_128_bytes_passes_and_one_byte_more_is_answered() {
        let id = |n: usize| format!("\"{}\"", "x".repeat(n));
        assert_eq!(
            read_as(DialectName::Mcp, request(&id(128), 2)),
            (1, Vec::new())
        );
        let (n_messages, answers) = read_as(DialectName::Mcp, request(&id(129), 2));
        assert_eq!(n_messages, 0);
        assert_eq!(answers[0]["id"], "x".repeat(129));
        assert_eq!(answers[0]["error"]["code"], -32600);
    }

    #[test]
    fn an_id_of_64_bits_passes_and_a_larger_number_is_answered() {
        for (id, n_messages) in [
            ("9223372036854775807", 1),
            ("-9223372036854775808", 1),
            ("9223372036854775808", 0),
            ("123456789012345678901234567890", 0),
        ] {
            let (n, answers) = read_as(DialectName::Native, request(id, 2));
            assert_eq!(n, n_messages, "{id}");
            assert_eq!(answers.len(), 1 - n_messages, "{id}");
        }
    }

    #[test]
    fn what_is_fine_in_a_batch_passes_beside_what_is_not() {
        let long = format!("\"{}\"", "x".repeat(200));
        let batch = format!(
            "[{},{},{}]",
            request("1", 2),
            request(&long, 2),
            request("2", 2)
        );
        let (n_messages, answers) = read_as(DialectName::Mcp, batch);
        assert_eq!((n_messages, answers.len()), (2, 1));
    }

    #[test]
    fn a_page_of_the_envelope_is_told_in_its_own_words() {
        let mut dialect = Dialect::new(DialectName::Studio, "sid", Transport::Stdio);
        let deep = format!(
            r#"{{"type":"operation","operation":"call_tool","arguments":{}{}}}"#,
            "[".repeat(70),
            "]".repeat(70)
        );
        let mut turn = read(deep, &mut dialect, &Limits::default());
        assert!(turn.to_browser.is_empty(), "`initialized` comes first");
        let greeting = crate::dialect::Greeting {
            capabilities: serde_json::value::to_raw_value(&json!({})).unwrap(),
            server_info: None,
            instructions: None,
            protocol_version: "2025-11-25".to_owned(),
            era: footbridge_shared::api::Era::Legacy,
            result: serde_json::value::to_raw_value(&json!({})).unwrap(),
        };
        let outbound = crate::dialect::Outbound::Initialized(std::sync::Arc::new(greeting));
        dialect.encode(outbound, Utc::now(), &mut turn);
        let frame: Value = serde_json::from_str(&turn.to_browser[1]).unwrap();
        assert_eq!(frame["type"], "error");
        assert!(
            frame["error"]
                .as_str()
                .unwrap()
                .starts_with("Invalid message format")
        );
    }
}
