//! The JSON-RPC messages in a line, a body or an event.

use footbridge_shared::fault::Fault;
use footbridge_shared::fault::FaultCode;
use footbridge_shared::fault::Session;
use footbridge_shared::rpc;
use footbridge_shared::rpc::Message;
use footbridge_shared::rpc::Response;

use crate::meters;

/// The messages of a text: one, or a batch of them (protocol revision 2025-03-26). What is none is logged and left out.
pub(super) fn parse(text: &str, json_depth: usize) -> Vec<Message> {
    let items = rpc::split_batch(text).unwrap_or_else(|| vec![text]);
    let message = |item: &str| match message(item, json_depth) {
        Ok(message) => Some(message),
        Err(problem) => {
            tracing::warn!(
                bytes = item.len(),
                "a remote MCP server sent something that is not {problem}"
            );
            None
        }
    };
    items.into_iter().filter_map(message).collect()
}

/// [`parse`], but `None` instead of a log entry when any of it is no message.
pub(super) fn parse_quietly(text: &str, json_depth: usize) -> Option<Vec<Message>> {
    let items = rpc::split_batch(text).unwrap_or_else(|| vec![text]);
    items
        .into_iter()
        .map(|item| message(item, json_depth).ok())
        .collect()
}

/// The one message of a text. Programs behind the bridge follow the nesting of a message with their own stack, so one
/// that is too deep is none; when it is an answer, whoever waits for it gets an error instead.
///
/// # Errors
/// What the text is not.
pub(super) fn message(text: &str, json_depth: usize) -> Result<Message, &'static str> {
    let message = Message::parse(text).map_err(|_| "JSON-RPC")?;
    // Most messages do not even have that many brackets, which is found out at memory speed.
    let mut opened = memchr::memchr2_iter(b'[', b'{', text.as_bytes());
    if opened.nth(json_depth).is_none() || !rpc::is_deeper_than(text, json_depth) {
        return Ok(message);
    }
    meters::reached("json_depth");
    match message {
        Message::Response(answer) => match answer.id() {
            Some(id) => {
                let fault = too_deep(json_depth).to_rpc_error(Session::GoesOn);
                Ok(Response::error(id.clone(), &fault).into())
            }
            None => Err("within limits.json_depth"),
        },
        Message::Request(_) | Message::Notification(_) => Err("within limits.json_depth"),
    }
}

fn too_deep(json_depth: usize) -> Fault {
    meters::fault(FaultCode::UpstreamTooLarge);
    Fault::new(
        FaultCode::UpstreamTooLarge,
        format!(
            "The MCP server's answer nests arrays and objects more than {json_depth} levels deep."
        ),
    )
    .hint("Ask for less at once, or raise limits.json_depth.")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nested(member: &str, depth: usize) -> String {
        // The message itself is the first level.
        let (open, close) = ("[".repeat(depth - 1), "]".repeat(depth - 1));
        format!(r#"{{"jsonrpc":"2.0",{member}:{open}{close}}}"#)
    }

    #[test]
    fn a_message_of_64_levels_passes_and_one_level_more_is_left_out() {
        for member in [
            r#""method":"a","params""#,
            r#""id":1,"method":"a","params""#,
            r#""id":1,"result""#,
        ] {
            let text = nested(member, 64);
            assert_eq!(message(&text, 64).unwrap().into_text(), text);
        }
        for member in [
            r#""method":"a","params""#,
            r#""id":1,"method":"a","params""#,
        ] {
            assert_eq!(
                message(&nested(member, 65), 64),
                Err("within limits.json_depth")
            );
            assert!(parse(&nested(member, 65), 64).is_empty());
        }
    }

    #[test]
    fn an_answer_that_is_too_deep_becomes_an_error_under_its_id_however_deep_it_is() {
        for depth in [65, 1_000_000] {
            let text = nested(r#""id":"a","result""#, depth);
            let [Message::Response(answer)] = &parse(&text, 64)[..] else {
                panic!("one answer");
            };
            assert_eq!(answer.id().unwrap().as_json(), "\"a\"");
            let error = answer.outcome().unwrap_err();
            assert!(error.contains("upstream_too_large"), "{error}");
        }
    }
}
