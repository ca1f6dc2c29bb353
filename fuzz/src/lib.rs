//! What reads foreign bytes, as functions of bytes that must hold for all of them.
//!
//! Each target is used twice: `cargo xtask fuzz` lets libFuzzer look for input that breaks it, and `tests/replay.rs`
//! plays what was ever found, and mutations of it, wherever the tests run.
//! Never part of the product.

pub mod catalogue;
pub mod config;
pub mod egress;
pub mod frames;
pub mod host_origin;
mod input;
pub mod mutate;
pub mod params;
pub mod redact;
pub mod resume;
pub mod rpc;
pub mod sse;
pub mod stdio_lines;
pub mod ticket;

/// Panics when something that must hold for these bytes does not.
pub type Target = fn(&[u8]);

/// Every target by its name, which is also its folder in `corpus/`.
pub const TARGETS: [(&str, Target); 12] = [
    ("catalogue", catalogue::run),
    ("config", config::run),
    ("egress", egress::run),
    ("frames", frames::run),
    ("host_origin", host_origin::run),
    ("params", params::run),
    ("redact", redact::run),
    ("resume", resume::run),
    ("rpc", rpc::run),
    ("sse", sse::run),
    ("stdio_lines", stdio_lines::run),
    ("ticket", ticket::run),
];

/// Whether a text is one JSON value.
fn is_json(text: &str) -> bool {
    serde_json::from_str::<&serde_json::value::RawValue>(text).is_ok()
}
