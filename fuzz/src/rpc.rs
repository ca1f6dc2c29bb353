//! JSON-RPC messages: classified, relayed under another id, edited.

use footbridge_shared::rpc;
use footbridge_shared::rpc::Id;
use footbridge_shared::rpc::Message;

use crate::is_json;

/// A message that is relayed differs from the original in its id alone, and an edit in what it names alone.
pub fn run(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    if let Some(items) = rpc::split_batch(&text) {
        for item in items {
            assert!(is_json(item) && text.contains(item));
        }
    }
    edits(&text);
    match Message::parse(text.as_ref()) {
        Ok(message) => {
            assert_eq!(message.text(), text);
            assert!(is_json(&text));
            relayed(message);
        }
        Err(malformed) => {
            assert!(malformed.id().is_none_or(|id| is_json(id.as_json())));
        }
    }
}

fn relayed(message: Message) {
    let other = Id::text("footbridge/\"7\"");
    match message {
        Message::Request(request) => {
            let id = request.id().clone();
            let renamed = request.clone().with_id(other.clone());
            differs_in_id(
                Message::from(request.clone()).text(),
                id.as_json(),
                Message::from(renamed.clone()).text(),
                other.as_json(),
            );
            assert_eq!(renamed.params(), request.params());
            assert_eq!(reparsed(&renamed.clone().into()), renamed.clone().into());
            assert_eq!(renamed.with_id(id), request);

            let with_params = request.clone().with_params("[1]");
            assert_eq!(with_params.params(), Some("[1]"));
            assert_eq!(
                reparsed(&with_params.clone().into()),
                with_params.clone().into()
            );
            if let Some(params) = request.params().map(str::to_owned) {
                assert_eq!(with_params.with_params(&params), request);
            }
        }
        Message::Response(response) => {
            let Some(id) = response.id().cloned() else {
                let renamed = response.clone().with_id(other.clone());
                // An id that is `null` gives way to one; where there is none, none is put in.
                if renamed != response {
                    differs_in_id(
                        Message::from(response).text(),
                        "null",
                        Message::from(renamed).text(),
                        other.as_json(),
                    );
                }
                return;
            };
            let renamed = response.clone().with_id(other.clone());
            differs_in_id(
                Message::from(response.clone()).text(),
                id.as_json(),
                Message::from(renamed.clone()).text(),
                other.as_json(),
            );
            assert_eq!(renamed.outcome(), response.outcome());
            assert_eq!(reparsed(&renamed.clone().into()), renamed.clone().into());
            assert_eq!(renamed.with_id(id), response);
        }
        Message::Notification(notification) => {
            let with_params = notification.clone().with_params("{}");
            assert_eq!(with_params.params(), Some("{}"));
            assert_eq!(reparsed(&with_params.clone().into()), with_params.into());
            let with_param = notification.clone().with_param("progressToken", "7");
            assert_eq!(
                reparsed(&with_param.clone().into()),
                with_param.clone().into()
            );
            if let Some(params) = notification.params()
                && let Some(at) = rpc::member(params, "progressToken")
            {
                let before = params[at].to_owned();
                assert_eq!(
                    with_param.with_param("progressToken", &before),
                    notification
                );
            } else {
                assert_eq!(with_param, notification);
            }
        }
    }
}

fn reparsed(message: &Message) -> Message {
    Message::parse(message.text()).expect("what was a message stays one")
}

fn differs_in_id(text: &str, id: &str, other_text: &str, other: &str) {
    let is_place = |(at, _): (usize, &str)| {
        let (before, after) = (&text[..at], &text[at + id.len()..]);
        other_text
            .strip_prefix(before)
            .and_then(|rest| rest.strip_prefix(other))
            == Some(after)
    };
    assert!(text.match_indices(id).any(is_place), "{text} {other_text}");
}

fn edits(text: &str) {
    let Some(unchanged) = rpc::edit(text, &[]) else {
        return;
    };
    assert_eq!(unchanged, text);
    let changes = [("id", Some("[7]")), ("a", None), ("new", Some("{}"))];
    let edited = rpc::edit(text, &changes).expect("still an object");
    assert!(is_json(&edited), "{edited}");
    let value = |text: &str, name: &str| rpc::member(text, name).map(|at| text[at].to_owned());
    assert_eq!(value(&edited, "id").as_deref(), Some("[7]"));
    assert_eq!(value(&edited, "a"), None);
    assert_eq!(value(&edited, "new").as_deref(), Some("{}"));
    for name in ["method", "params", "result", "jsonrpc"] {
        assert_eq!(value(&edited, name), value(text, name));
    }
    let nothing = rpc::edit(text, &[("id", None), ("a", None), ("params", None)]);
    assert!(nothing.is_some_and(|nothing| is_json(&nothing)));
}
