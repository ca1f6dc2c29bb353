//! The JSON-RPC messages in a body or an event.

use footbridge_shared::rpc;
use footbridge_shared::rpc::Message;

/// The messages of a text: one, or a batch of them (protocol revision 2025-03-26). What is none is logged and left out.
pub(super) fn parse(text: &str) -> Vec<Message> {
    let items = rpc::split_batch(text).unwrap_or_else(|| vec![text]);
    let message = |item: &str| match Message::parse(item) {
        Ok(message) => Some(message),
        Err(malformed) => {
            tracing::warn!(%malformed, bytes = item.len(), "a remote MCP server sent something that is no message");
            None
        }
    };
    items.into_iter().filter_map(message).collect()
}

/// [`parse`], but `None` instead of a log entry when any of it is no message.
pub(super) fn parse_quietly(text: &str) -> Option<Vec<Message>> {
    let items = rpc::split_batch(text).unwrap_or_else(|| vec![text]);
    items
        .into_iter()
        .map(|item| Message::parse(item).ok())
        .collect()
}
