//! What is counted for operators, by the names that dashboards know.
//!
//! Owns the names of the metrics and of their labels. Never takes a label that a caller could choose: every one is
//! of a small fixed set.

/// Counts that a limit was reached; `limit` is its key in the table `[limits]`.
pub fn reached(limit: &'static str) {
    metrics::counter!("footbridge_limit_reached_total", "limit" => limit).increment(1);
}

/// Counts records of the audit log that were lost.
pub fn audit_lost(count: u64) {
    metrics::counter!("footbridge_audit_lost_total").increment(count);
}

/// Counts a child process that has been started, for as long as it is kept.
#[derive(Debug)]
pub struct Child(());

impl Child {
    /// One more.
    pub fn started() -> Self {
        metrics::gauge!("footbridge_children").increment(1.0);
        Self(())
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        metrics::gauge!("footbridge_children").decrement(1.0);
    }
}
