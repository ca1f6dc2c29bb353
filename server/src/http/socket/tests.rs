use footbridge_shared::params::ServerParams;

use super::query::percent_decode;
use super::*;

#[test]
fn params_are_read_from_every_spelling_of_base64() {
    let json = r#"{"type":"StdioServerParams","command":"a>?b~~","args":["ÿ"]}"#;
    let expected = ServerParams::from_json(&serde_json::from_str(json).unwrap(), "p").unwrap();
    use base64::engine::general_purpose as engines;
    for base64 in [
        engines::STANDARD.encode(json),
        engines::STANDARD_NO_PAD.encode(json),
        engines::URL_SAFE.encode(json),
        engines::URL_SAFE_NO_PAD.encode(json),
    ] {
        let escaped = base64
            .replace('+', "%2B")
            .replace('/', "%2f")
            .replace('=', "%3D");
        for query in [base64.as_str(), &escaped, &base64.replace('+', " ")] {
            assert_eq!(
                plain_params(&percent_decode(query)).unwrap(),
                expected,
                "{query}"
            );
        }
    }
}

#[test]
fn params_that_cannot_be_read_say_why() {
    for (text, problem) in [
        ("!!", "Invalid server parameters: not base64"),
        ("/w==", "Invalid server parameters: not UTF-8"),
        (
            "e30",
            "Invalid server parameters: server_params.type is required",
        ),
        (
            "W10=",
            "Invalid server parameters: server_params must be an object",
        ),
        ("ew", "Invalid server parameters: not JSON"),
    ] {
        let fault = plain_params(text).unwrap_err();
        assert_eq!(
            (fault.code, fault.message.as_str()),
            (FaultCode::ParamsInvalid, problem)
        );
    }
}

#[test]
fn session_ids_are_short_and_plain() {
    for (id, allowed) in [
        ("a", true),
        ("A-1_b.c", true),
        ("", false),
        ("a b", false),
        ("ä", false),
        ("a/b", false),
        (".", false),
        ("..", false),
        (".hidden", false),
        ("a..b", true),
        (&"x".repeat(129), false),
    ] {
        assert_eq!(check_session_id(id).is_ok(), allowed, "{id}");
    }
}

proptest::proptest! {
    #[test]
    fn no_query_makes_the_decoder_panic(text in ".{0,200}") {
        let _ = plain_params(&percent_decode(&text));
    }
}
