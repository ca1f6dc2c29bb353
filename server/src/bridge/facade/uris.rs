//! The URIs of subscriptions, in a spelling that can be compared.

use std::collections::BTreeSet;

use footbridge_shared::rpc;
use footbridge_shared::rpc::Notification;
use serde::Deserialize;

/// The URIs that a server has agreed to, as JSON text.
pub(super) fn accepted(notification: &Notification) -> BTreeSet<String> {
    #[derive(Deserialize)]
    struct Acknowledged {
        notifications: Filter,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Filter {
        #[serde(default)]
        resource_subscriptions: Vec<Box<serde_json::value::RawValue>>,
    }
    let acknowledged = notification
        .params()
        .and_then(|params| serde_json::from_str::<Acknowledged>(params).ok());
    let uris = acknowledged.map(|acknowledged| acknowledged.notifications.resource_subscriptions);
    uris.unwrap_or_default()
        .iter()
        .filter_map(|uri| canonical(uri.get()))
        .collect()
}

/// A JSON string in the one spelling that can be compared.
pub(super) fn canonical(json: &str) -> Option<String> {
    serde_json::from_str::<String>(json)
        .ok()
        .map(|text| rpc::quoted(&text))
}
