//! The member that says which `subscriptions/listen` a message belongs to: the id of that request (MCP 2026-07-28,
//! basic/patterns/subscriptions). Where ids are mapped, it has to be mapped, too.

use footbridge_shared::rpc;
use footbridge_shared::rpc::Id;
use footbridge_shared::rpc::Notification;
use footbridge_shared::rpc::Response;

const SUBSCRIPTION_ID: &str = "io.modelcontextprotocol/subscriptionId";

/// The request that a notification belongs to.
pub(super) fn of(notification: &Notification) -> Option<Id> {
    id_in(notification.params()?)
}

/// As the session revisions have it.
pub(super) fn without(notification: Notification) -> Notification {
    edited(notification, None)
}

/// With the id under which the browser made the request.
pub(super) fn renamed(notification: Notification, browser_id: &Id) -> Notification {
    edited(notification, Some(browser_id.as_json()))
}

/// The answer to a `subscriptions/listen`, with the id under which the browser made the request.
pub(super) fn renamed_answer(response: Response, browser_id: &Id) -> Response {
    let edited = response.outcome().ok().and_then(|result| {
        id_in(result)?;
        edit(result, Some(browser_id.as_json()))
    });
    match (edited, response.id()) {
        (Some(result), Some(id)) => Response::result(id.clone(), &result),
        (None, _) | (_, None) => response,
    }
}

fn id_in(object: &str) -> Option<Id> {
    // Most messages belong to no subscription, and some are large.
    memchr::memmem::find(object.as_bytes(), SUBSCRIPTION_ID.as_bytes())?;
    let meta = &object[rpc::member(object, "_meta")?];
    Id::from_json(&meta[rpc::member(meta, SUBSCRIPTION_ID)?])
}

fn edited(notification: Notification, id: Option<&str>) -> Notification {
    match notification.params().and_then(|params| edit(params, id)) {
        Some(params) => notification.with_params(&params),
        None => notification,
    }
}

fn edit(object: &str, id: Option<&str>) -> Option<String> {
    let meta = &object[rpc::member(object, "_meta")?];
    let meta = rpc::edit(meta, &[(SUBSCRIPTION_ID, id)])?;
    let is_empty = meta
        .trim_matches(['{', '}', ' ', '\t', '\r', '\n'])
        .is_empty();
    rpc::edit(object, &[("_meta", (!is_empty).then_some(meta.as_str()))])
}
