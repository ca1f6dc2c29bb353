//! The headers of a request that stands alone (MCP 2026-07-28, basic/transports/streamable-http): they repeat what
//! the body says, for whoever routes requests without reading bodies.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use footbridge_shared::rpc::Request;
use reqwest::header::HeaderMap;
use reqwest::header::HeaderName;
use reqwest::header::HeaderValue;

use super::state::PROTOCOL_VERSION;
use super::state::text_member;
use super::tools::Tools;

const METHOD: HeaderName = HeaderName::from_static("mcp-method");
const NAME: HeaderName = HeaderName::from_static("mcp-name");

/// The headers of one request.
pub(super) fn of_request(request: &Request, version: &str, tools: &Tools) -> HeaderMap {
    let mut headers = of_notification(request.method(), Some(version));
    let Some(params) = request.params() else {
        return headers;
    };
    let name = match request.method() {
        "tools/call" | "prompts/get" => text_member(params, "name"),
        "resources/read" => text_member(params, "uri"),
        "tasks/get" | "tasks/update" | "tasks/cancel" => text_member(params, "taskId"),
        _ => None,
    };
    if let Some(name) = name {
        insert(&mut headers, NAME, &name);
        if request.method() == "tools/call" {
            for (header, value) in tools.headers(&name, params) {
                insert(&mut headers, header, &value);
            }
        }
    }
    headers
}

/// The headers of a message that is no request.
pub(super) fn of_notification(method: &str, version: Option<&str>) -> HeaderMap {
    let mut headers = HeaderMap::new();
    if let Some(version) = version {
        insert(&mut headers, PROTOCOL_VERSION, version);
    }
    insert(&mut headers, METHOD, method);
    headers
}

fn insert(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(&encode(value)) {
        headers.insert(name, value);
    }
}

/// A value as a header can carry it: as it is, or as `=?base64?…?=` when it could not be told apart or carried.
pub(super) fn encode(value: &str) -> String {
    let is_plain = value
        .bytes()
        .all(|byte| matches!(byte, b'\t' | b' '..=b'~'))
        && value.trim_matches([' ', '\t']) == value
        && !(value.starts_with("=?base64?") && value.ends_with("?="));
    if is_plain {
        value.to_owned()
    } else {
        format!("=?base64?{}?=", STANDARD.encode(value))
    }
}

#[cfg(test)]
mod tests {
    use footbridge_shared::rpc::Id;

    use super::*;

    #[test]
    fn values_that_a_header_cannot_carry_are_encoded() {
        for (value, expected) in [
            ("plain-1.2/x", "plain-1.2/x"),
            ("two words\tand", "two words\tand"),
            ("", ""),
            (" lead", "=?base64?IGxlYWQ=?="),
            ("trail ", "=?base64?dHJhaWwg?="),
            ("日本", "=?base64?5pel5pys?="),
            ("a\nb", "=?base64?YQpi?="),
            ("=?base64?eA==?=", "=?base64?PT9iYXNlNjQ/ZUE9PT89?="),
        ] {
            assert_eq!(encode(value), expected, "{value:?}");
        }
    }

    #[test]
    fn method_and_name_are_repeated() {
        for (method, params, name) in [
            ("tools/call", r#"{"name":"a","arguments":{}}"#, Some("a")),
            ("prompts/get", r#"{"name":"p"}"#, Some("p")),
            (
                "resources/read",
                r#"{"uri":"file:///x"}"#,
                Some("file:///x"),
            ),
            ("tasks/get", r#"{"taskId":"t"}"#, Some("t")),
            ("tools/list", r#"{"name":"a"}"#, None),
        ] {
            let request = Request::new(Id::number(1), method, Some(params));
            let headers = of_request(&request, "2026-07-28", &Tools::default());
            assert_eq!(headers[PROTOCOL_VERSION], "2026-07-28");
            assert_eq!(headers[METHOD], method);
            assert_eq!(headers.get(NAME).map(|name| name.to_str().unwrap()), name);
        }
    }
}
