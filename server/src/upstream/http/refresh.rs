//! Asking a server for its tools on our own behalf, when it says that a call lacked headers
//! (MCP 2026-07-28, basic/transports/streamable-http: recovery from a header mismatch).

use footbridge_shared::fault::Fault;
use footbridge_shared::rpc;
use footbridge_shared::rpc::Id;
use footbridge_shared::rpc::Message;
use footbridge_shared::rpc::Request;

use super::Shared;
use super::exchange::headers_of;
use super::state::text_member;
use crate::upstream::messages;
use crate::upstream::remote::Kind;
use crate::upstream::remote::kind;

/// The most pages that are read.
const PAGES: usize = 100;

/// Learns the tools anew, with the credentials and capabilities of `call`.
pub(super) async fn tools(shared: &Shared, call: &Request) {
    let meta = call
        .params()
        .and_then(|params| Some(&params[rpc::member(params, "_meta")?]))
        .unwrap_or("{}");
    let mut cursor: Option<String> = None;
    for page in 0..PAGES {
        let cursor_member = cursor.as_deref().map_or_else(String::new, |cursor| {
            format!(r#","cursor":{}"#, rpc::quoted(cursor))
        });
        let params = format!(r#"{{"_meta":{meta}{cursor_member}}}"#);
        let id = Id::text(&format!("footbridge/tools/{page}"));
        let request = Request::new(id, "tools/list", Some(&params));
        let result = match ask(shared, request).await {
            Ok(Some(result)) => result,
            Ok(None) => return,
            Err(fault) => {
                tracing::debug!(fault = fault.message, "the tools could not be listed");
                return;
            }
        };
        shared.state().tools.learn(&result);
        cursor = text_member(&result, "nextCursor");
        if cursor.is_none() {
            return;
        }
    }
}

/// The result of a request of our own, when it has one.
async fn ask(shared: &Shared, request: Request) -> Result<Option<String>, Fault> {
    let remote = &shared.remote;
    let mode = shared.state().mode(&request);
    let headers = headers_of(shared, &request, &mode);
    let body = Message::from(request.clone()).into_text();
    let response = remote
        .post(remote.url(), headers, body, remote.post_timeout, "timeout")
        .await?;
    if !response.status().is_success() {
        return Ok(None);
    }
    match kind(&response) {
        Kind::Json => Ok(result_of(
            &remote.text(response).await?,
            &request,
            remote.json_depth,
        )),
        Kind::Events => {
            let mut events = remote.events(response);
            while let Some(event) = events.next().await? {
                if let Some(result) = result_of(&event.data, &request, remote.json_depth) {
                    return Ok(Some(result));
                }
            }
            Ok(None)
        }
        Kind::Other => Ok(None),
    }
}

fn result_of(text: &str, request: &Request, json_depth: usize) -> Option<String> {
    messages::parse(text, json_depth)
        .into_iter()
        .find_map(|message| match message {
            Message::Response(answer) if answer.id() == Some(request.id()) => {
                answer.outcome().ok().map(str::to_owned)
            }
            Message::Request(_) | Message::Response(_) | Message::Notification(_) => None,
        })
}
