//! How frames of the envelope are recognized, what they show of the browser, and the parts that many of them have.

use std::collections::VecDeque;

use chrono::DateTime;
use chrono::Utc;
use footbridge_shared::api;
use footbridge_shared::fault::UpstreamReport;
use footbridge_shared::rpc;
use footbridge_shared::rpc::Message;
use serde_json::json;

use crate::dialect::to_text;

/// How the browser wants to hear what it did not ask for.
#[derive(Debug)]
pub(super) enum Speech {
    /// It has said nothing yet.
    Unknown(VecDeque<Message>),
    Envelope,
    JsonRpc,
}

/// AutoGen's page shows the text of `error` and nothing else, so what the server last said belongs in it.
pub(super) fn stderr_tail(report: &UpstreamReport) -> String {
    if report.stderr.is_empty() {
        String::new()
    } else {
        format!("\n{}", report.stderr.trim_end())
    }
}

pub(super) fn error_frame(error: &str, now: DateTime<Utc>) -> String {
    to_text(&json!({ "type": "error", "error": error, "timestamp": stamp(now) }))
}

pub(super) fn stamp(now: DateTime<Utc>) -> String {
    api::timestamp(&now).to_string()
}

/// Whether a frame means to be JSON-RPC: an object with a member `jsonrpc`, or a batch of such.
pub(super) fn is_json_rpc(text: &str) -> bool {
    match rpc::split_batch(text) {
        Some(items) => {
            !items.is_empty()
                && items
                    .iter()
                    .all(|item| rpc::member(item, "jsonrpc").is_some())
        }
        None => rpc::member(text, "jsonrpc").is_some(),
    }
}
