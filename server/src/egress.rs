//! Which hosts the bridge may connect to for its callers, and by which way.
//!
//! Owns the rules about URLs and addresses. Never makes a connection.

/// What outgoing HTTP connections may reach, and how.
#[derive(Clone, Debug, Default)]
pub struct Egress {}
