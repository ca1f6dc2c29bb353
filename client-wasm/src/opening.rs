//! What opens a session: the body of the bridge's `connect` route, and its answer.
//! Owns which capabilities a page's handlers imply; never sends anything.

use crate::fault::Fault;
use crate::json::{Members, Object};

/// The path and query of the new session's socket, from the `connect` route's answer.
pub(crate) fn socket_path(answer: &str) -> Result<String, Fault> {
    Members::decode(answer)
        .and_then(|answer| answer.string("websocket_url"))
        .ok_or_else(|| Fault::not_a_bridge("answered without a `websocket_url`"))
}

/// The body for the `connect` route. `options` are those of the program, as JSON; `methods` are
/// the ones it answers.
pub(crate) fn body(options: &str, methods: &[String]) -> Result<String, Fault> {
    let options = Members::decode(options)
        .ok_or_else(|| Fault::misuse("the options of connect must be an object"))?;
    let inputs = options.some("inputs");
    let server_params = match (options.some("server"), options.some("params")) {
        (Some(server), None) => {
            let named = Object::new().string("type", "named").raw("server", server);
            named.maybe_raw("inputs", inputs).finish()
        }
        (None, Some(_)) if inputs.is_some() => {
            return Err(Fault::misuse(
                "`inputs` goes with `server`: `params` carries its own values",
            ));
        }
        (None, Some(params)) => params.to_owned(),
        (Some(_), Some(_)) => {
            return Err(Fault::misuse(
                "connect takes `server` or `params`, not both",
            ));
        }
        (None, None) => {
            return Err(Fault::misuse(
                "connect needs `server` (a name of the bridge's catalogue) or `params`",
            ));
        }
    };
    let derived = capabilities(methods);
    Ok(Object::new()
        .raw("server_params", &server_params)
        .raw(
            "client_capabilities",
            options.some("capabilities").unwrap_or(&derived),
        )
        .maybe_raw("client_info", options.some("clientInfo"))
        .finish())
}

/// The MCP client capabilities that handlers for `methods` stand for, as JSON.
fn capabilities(methods: &[String]) -> String {
    let mut capabilities = Object::new();
    for method in methods {
        capabilities = match method.as_str() {
            "sampling/createMessage" => capabilities.raw("sampling", "{}"),
            "elicitation/create" => capabilities.raw("elicitation", r#"{"form":{},"url":{}}"#),
            "roots/list" => capabilities.raw("roots", r#"{"listChanged":true}"#),
            _ => capabilities,
        };
    }
    capabilities.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(options: &str, methods: &[&str], expected: &str) {
        let methods: Vec<String> = methods.iter().map(|&method| method.to_owned()).collect();
        let body = body(options, &methods).unwrap_or_else(|fault| fault.message);
        assert_eq!(body, expected);
    }

    #[test]
    fn a_catalogue_entry_travels_by_name() {
        check(
            r#"{"server":"fs","inputs":{"root":"/data"}}"#,
            &[],
            r#"{"server_params":{"type":"named","server":"fs","inputs":{"root":"/data"}},"client_capabilities":{}}"#,
        );
    }

    #[test]
    fn params_travel_as_they_are_written() {
        check(
            r#"{"params":{"type":"SseServerParams","url":"https://x/","timeout":5.0,"later":1},"clientInfo":{"name":"me","version":"1"}}"#,
            &[],
            r#"{"server_params":{"type":"SseServerParams","url":"https://x/","timeout":5.0,"later":1},"client_capabilities":{},"client_info":{"name":"me","version":"1"}}"#,
        );
    }

    #[test]
    fn handlers_say_what_the_page_can_do() {
        check(
            r#"{"server":"fs"}"#,
            &[
                "elicitation/create",
                "ping",
                "roots/list",
                "sampling/createMessage",
            ],
            r#"{"server_params":{"type":"named","server":"fs"},"client_capabilities":{"elicitation":{"form":{},"url":{}},"roots":{"listChanged":true},"sampling":{}}}"#,
        );
    }

    #[test]
    fn capabilities_that_are_given_are_the_ones_declared() {
        check(
            r#"{"server":"fs","capabilities":{"sampling":{"tools":{}}}}"#,
            &["roots/list"],
            r#"{"server_params":{"type":"named","server":"fs"},"client_capabilities":{"sampling":{"tools":{}}}}"#,
        );
    }

    #[test]
    fn an_answer_without_a_socket_is_not_a_bridges() {
        assert_eq!(
            socket_path(r#"{"websocket_url":"/ws?a\u0026b"}"#).unwrap(),
            "/ws?a&b"
        );
        assert_eq!(
            socket_path(r#"{"status":true}"#).unwrap_err().code,
            "unexpected_answer"
        );
    }

    #[test]
    fn a_session_has_exactly_one_server() {
        check(
            "{}",
            &[],
            "connect needs `server` (a name of the bridge's catalogue) or `params`",
        );
        check(
            r#"{"server":"a","params":{}}"#,
            &[],
            "connect takes `server` or `params`, not both",
        );
        check(
            r#"{"params":{},"inputs":{}}"#,
            &[],
            "`inputs` goes with `server`: `params` carries its own values",
        );
    }
}
