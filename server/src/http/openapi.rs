//! The OpenAPI description of the HTTP part.

use poem::Response;
use poem::handler;

use crate::http::json;

const DOCUMENT: &str = include_str!("openapi.json");

#[handler]
pub(super) fn document() -> Response {
    let mut document: serde_json::Value = serde_json::from_str(DOCUMENT).unwrap_or_default();
    document["info"]["version"] = env!("CARGO_PKG_VERSION").into();
    json(&document)
}
