use super::*;
use proptest::prelude::*;

fn kind(text: &str) -> String {
    match Message::parse(text) {
        Ok(Message::Request(request)) => format!("request {} {}", request.id(), request.method()),
        Ok(Message::Notification(notification)) => {
            format!("notification {}", notification.method())
        }
        Ok(Message::Response(response)) => {
            format!("response {:?} {:?}", response.id(), response.outcome())
        }
        Err(malformed) => malformed.to_string(),
    }
}

#[test]
fn a_message_is_classified_by_the_members_it_has() {
    for (text, expected) in [
        (r#"{"jsonrpc":"2.0","id":1,"method":"a"}"#, "request 1 a"),
        (
            r#"{"method":"a","id":"1","jsonrpc":"2.0","params":{}}"#,
            "request \"1\" a",
        ),
        (
            r#"{"jsonrpc":"2.0","method":"notifications/x"}"#,
            "notification notifications/x",
        ),
        (
            r#"{"jsonrpc":"2.0","id":1,"result":null}"#,
            "response Some(1) Ok(\"null\")",
        ),
        (
            r#"{"jsonrpc":"2.0","id":null,"error":{}}"#,
            "response None Err(\"{}\")",
        ),
        (
            r#"{"jsonrpc":"2.0","error":{}}"#,
            "response None Err(\"{}\")",
        ),
        (
            r#"{"jsonrpc":"2.0","id":12345678901234567890123,"method":"a"}"#,
            "request 12345678901234567890123 a",
        ),
        (
            r#"{"jsonrpc":"2.0","id":null,"method":"a"}"#,
            "\"id\" must be an integer or a string of at most 254 bytes",
        ),
        (
            r#"{"jsonrpc":"2.0","id":1.5,"method":"a"}"#,
            "\"id\" must be an integer or a string of at most 254 bytes",
        ),
        (r#"{"id":1,"method":"a"}"#, "\"jsonrpc\" must be \"2.0\""),
        (
            r#"{"jsonrpc":"2.0","id":1}"#,
            "a message needs \"method\", \"result\" or \"error\"",
        ),
        (
            r#"{"jsonrpc":"2.0","id":1,"result":1,"error":{}}"#,
            "a response has either \"result\" or \"error\", not both",
        ),
        (
            r#"{"jsonrpc":"2.0","result":1}"#,
            "a response needs the \"id\" of its request",
        ),
        (
            r#"{"jsonrpc":"2.0","id":1,"method":"a","method":"b"}"#,
            "the message has a member of the wrong type, or the same member twice",
        ),
        ("[1]", "a message must be a JSON object"),
        ("3", "a message must be a JSON object"),
        ("{", "the frame is not JSON"),
        ("", "the frame is not JSON"),
    ] {
        assert_eq!(kind(text), expected, "{text}");
    }
}

#[test]
fn only_who_waits_for_an_answer_is_answered_under_an_id() {
    let id = |text: &str| Message::parse(text).unwrap_err().id().cloned();
    assert_eq!(id(r#"{"jsonrpc":"2.0","id":1}"#), Some(Id::number(1)));
    assert_eq!(
        id(r#"{"jsonrpc":"2.0","id":1,"method":"a","result":1}"#),
        Some(Id::number(1))
    );
    assert_eq!(
        id(r#"{"jsonrpc":"2.0","id":1,"result":1,"error":{}}"#),
        None
    );
}

#[test]
fn another_id_changes_nothing_but_the_id() {
    let text = "{ \"x\":1E5, \"id\" : \"browser\\u0020id\" ,\"method\":\"m\",\"params\":{\"n\":123456789012345678901234567890,\"s\":\"\\ud800\"},\"jsonrpc\":\"2.0\"}";
    let Ok(Message::Request(request)) = Message::parse(text) else {
        panic!("a request")
    };
    let original = request.id().clone();
    let sent = request.with_id(Id::number(7));
    assert_eq!(
        sent.params(),
        Some("{\"n\":123456789012345678901234567890,\"s\":\"\\ud800\"}")
    );
    assert_eq!(sent.text, text.replace("\"browser\\u0020id\"", "7"));
    assert_eq!(sent.with_id(original).text, text);
}

#[test]
fn one_param_of_a_notification_can_be_replaced() {
    let text = r#"{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"reason":"r","requestId":12,"z":[1]}}"#;
    let Ok(Message::Notification(notification)) = Message::parse(text) else {
        panic!("a notification")
    };
    let edited = notification.with_param("requestId", "\"long-id\"");
    assert_eq!(
        edited.params(),
        Some(r#"{"reason":"r","requestId":"long-id","z":[1]}"#)
    );
    assert_eq!(edited.with_param("requestId", "12").text, text);
}

#[test]
fn two_hundred_levels_of_nesting_pass() {
    let deep = format!("{}{}", "[".repeat(200), "]".repeat(200));
    let text = format!("{{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{deep}}}");
    let Ok(Message::Response(response)) = Message::parse(text.clone()) else {
        panic!("a response")
    };
    assert_eq!(response.outcome(), Ok(deep.as_str()));
    assert_eq!(
        response.with_id(Id::text("a")).with_id(Id::number(1)).text,
        text
    );
}

#[test]
fn what_is_written_is_read_back() {
    let request = Request::new(Id::text("ä\"b"), "tools/call", Some("{\"a\":1}"));
    assert_eq!(
        Message::parse(request.text.clone()),
        Ok(Message::Request(request))
    );
    let response = Response::error(Id::number(3), "{\"code\":1,\"message\":\"m\"}");
    assert_eq!(
        Message::parse(response.text.clone()),
        Ok(Message::Response(response))
    );
    let notification = Notification::new("n", None);
    assert_eq!(
        Message::parse(notification.text.clone()),
        Ok(Message::Notification(notification))
    );
}

#[test]
fn a_batch_is_split_into_its_messages() {
    assert_eq!(
        split_batch(" [ {\"a\":1} , 2 ] "),
        Some(vec!["{\"a\":1}", "2"])
    );
    assert_eq!(split_batch("{}"), None);
}

fn json() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("null".to_owned()),
        "-?(0|[1-9][0-9]{0,30})(\\.[0-9]{1,12})?([eE][+-]?[0-9]{1,3})?",
        any::<String>().prop_map(|text| quoted(&text)),
        Just("\"\\ud83d\"".to_owned()),
    ];
    leaf.prop_recursive(6, 64, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6)
                .prop_map(|items| format!("[{}]", items.join(" , "))),
            prop::collection::vec((any::<String>(), inner), 0..6).prop_map(|members| {
                let members: Vec<_> = members
                    .iter()
                    .map(|(key, value)| format!("{} :{value}", quoted(key)))
                    .collect();
                format!("{{{}}}", members.join(","))
            }),
        ]
    })
}

proptest! {
    #[test]
    fn no_payload_is_changed_by_a_round_trip_through_other_ids(payload in json(), id in any::<i64>(), other in any::<u64>()) {
        let text = format!("{{\"extra\":{payload},\"jsonrpc\":\"2.0\",\"id\":{id},\"method\":\"m\",\"params\":{payload}}}");
        let Ok(Message::Request(request)) = Message::parse(text.clone()) else { panic!("{text}") };
        prop_assert_eq!(request.params(), Some(payload.as_str()));
        let back = request.with_id(Id::number(other)).with_id(Id::from_json(&id.to_string()).unwrap());
        prop_assert_eq!(back.text, text);
    }

    #[test]
    fn no_text_makes_the_parser_panic(text in any::<String>()) {
        let _ = Message::parse(text);
    }
}

#[test]
fn a_message_that_cannot_be_read_is_answered_under_its_id_when_it_has_one_and_only_one() {
    for (text, id) in [
        (r#"{"jsonrpc":"2.0","id":6,"method":7}"#, Some("6")),
        (
            r#"{"jsonrpc":"2.0","id":"a","method":"x","method":"y"}"#,
            Some("\"a\""),
        ),
        (r#"{"jsonrpc":"2.0","id":1,"id":2,"method":"x"}"#, None),
        (r#"{"jsonrpc":"2.0","id":[],"method":7}"#, None),
        (r#"[]"#, None),
    ] {
        let malformed = Message::parse(text).expect_err(text);
        assert_eq!(malformed.id().map(Id::as_json), id, "{text}");
    }
}

#[test]
fn an_array_is_no_message_even_when_its_items_would_fill_one() {
    for text in ["[]", r#" ["2.0",1,"tools/list"]"#] {
        let malformed = Message::parse(text).expect_err(text);
        assert_eq!(malformed.to_string(), NOT_AN_OBJECT, "{text}");
    }
}

#[test]
fn params_can_be_replaced_or_added_and_nothing_else_changes() {
    for (text, expected) in [
        (
            r#"{"params":{"a":1}, "jsonrpc":"2.0","id":7,"method":"m","x":1E5}"#,
            r#"{"params":{"b":22}, "jsonrpc":"2.0","id":"n","method":"m","x":1E5}"#,
        ),
        (
            r#"{"jsonrpc":"2.0","id":7,"method":"m" }"#,
            r#"{"jsonrpc":"2.0","id":"n","method":"m" ,"params":{"b":22}}"#,
        ),
    ] {
        let Ok(Message::Request(request)) = Message::parse(text) else {
            panic!("{text}");
        };
        let request = request.with_params(r#"{"b":22}"#).with_id(Id::text("n"));
        assert_eq!(request.params(), Some(r#"{"b":22}"#));
        assert_eq!(Message::from(request).text(), expected);
    }
    let Ok(Message::Notification(notification)) =
        Message::parse(r#"{"jsonrpc":"2.0","method":"m"}"#)
    else {
        panic!("a notification");
    };
    let notification = notification.with_params("{}");
    assert_eq!(
        Message::from(notification).text(),
        r#"{"jsonrpc":"2.0","method":"m","params":{}}"#
    );
}
