//! What is counted for operators, by the names that dashboards know.
//!
//! Owns the names of the metrics and of their labels, and the text that Prometheus reads. Never takes a label that a
//! caller could choose: every one is of a small fixed set.

use std::sync::OnceLock;

use footbridge_shared::api::SessionState;
use footbridge_shared::api::Transport;
use footbridge_shared::fault::FaultCode;
use metrics::Counter;
use metrics::Gauge;
use metrics::counter;
use metrics::describe_counter;
use metrics::describe_gauge;
use metrics::gauge;
use metrics_exporter_prometheus::PrometheusBuilder;
use metrics_exporter_prometheus::PrometheusHandle;

const LIMIT: &str = "footbridge_limit";
const REACHED: &str = "footbridge_limit_reached_total";
const CONNECTIONS: &str = "footbridge_connections";
const REFUSED: &str = "footbridge_requests_refused_total";
const FAULTS: &str = "footbridge_errors_total";
const SESSIONS: &str = "footbridge_sessions";
const OPENED: &str = "footbridge_sessions_opened_total";
const ENDED: &str = "footbridge_sessions_ended_total";
const DETACHED: &str = "footbridge_sessions_detached_total";
const RESUMED: &str = "footbridge_sessions_resumed_total";
const TICKETS: &str = "footbridge_tickets_issued_total";
const CHILDREN: &str = "footbridge_children";
const MESSAGES: &str = "footbridge_messages_total";
const BYTES: &str = "footbridge_message_bytes_total";
const AUDIT_LOST: &str = "footbridge_audit_lost_total";
const RELOADS: &str = "footbridge_reloads_total";

static HANDLE: OnceLock<PrometheusHandle> = OnceLock::new();

/// Begins to count, once per process; whatever was counted before is lost.
pub fn install() {
    HANDLE.get_or_init(|| {
        let recorder = PrometheusBuilder::new().build_recorder();
        let handle = recorder.handle();
        // Fails when somebody else counts already, who is then asked instead of us.
        let _ = metrics::set_global_recorder(recorder);
        describe();
        handle
    });
}

fn describe() {
    describe_gauge!(
        LIMIT,
        "The configured bounds: the keys of the table [limits]."
    );
    describe_counter!(REACHED, "How often a bound was reached.");
    describe_gauge!(CONNECTIONS, "TCP connections now, sockets included.");
    describe_counter!(
        REFUSED,
        "HTTP requests that were refused, by the code of the answer."
    );
    describe_counter!(
        FAULTS,
        "Errors told to browsers, by code and whose doing it was."
    );
    describe_gauge!(SESSIONS, "Sessions now.");
    describe_counter!(OPENED, "Sessions that were opened.");
    describe_counter!(ENDED, "Sessions that ended, by the code of the reason.");
    describe_counter!(
        DETACHED,
        "How often a session lost its socket and waited for its browser."
    );
    describe_counter!(
        RESUMED,
        "How often a browser came back, by whether it went on where it was."
    );
    describe_counter!(TICKETS, "Tickets that POST connect gave out.");
    describe_gauge!(CHILDREN, "MCP servers that run as child processes now.");
    describe_counter!(MESSAGES, "Frames from and to browsers.");
    describe_counter!(BYTES, "Bytes of the frames from and to browsers.");
    describe_counter!(AUDIT_LOST, "Records of the audit log that were lost.");
    describe_counter!(
        RELOADS,
        "Files that were read again, by whether they were good."
    );
}

/// Everything that was counted, in the text format of Prometheus; empty before [`install`].
pub fn render() -> String {
    HANDLE
        .get()
        .map(PrometheusHandle::render)
        .unwrap_or_default()
}

/// Shows a bound, and that it has not been reached yet; `limit` is its key in the table `[limits]`.
pub fn bound(limit: &'static str, value: f64) {
    gauge!(LIMIT, "limit" => limit).set(value);
    counter!(REACHED, "limit" => limit).increment(0);
}

/// Counts that a limit was reached; `limit` is its key in the table `[limits]`.
pub fn reached(limit: &'static str) {
    counter!(REACHED, "limit" => limit).increment(1);
}

/// Counts a request that was refused.
pub fn refused(code: FaultCode) {
    counter!(REFUSED, "code" => code.name()).increment(1);
}

/// Counts an error that a browser was told.
pub fn fault(code: FaultCode) {
    counter!(FAULTS, "code" => code.name(), "side" => code.side().name()).increment(1);
}

/// Counts a ticket.
pub fn ticket() {
    counter!(TICKETS).increment(1);
}

/// Counts a file that was read again; `what` is the word of the audit log.
pub fn reloaded(what: &'static str, is_good: bool) {
    let result = if is_good { "used" } else { "kept_old" };
    counter!(RELOADS, "what" => what, "result" => result).increment(1);
}

/// Counts records of the audit log that were lost.
pub fn audit_lost(count: u64) {
    counter!(AUDIT_LOST).increment(count);
}

/// Something that is there now; dropping it ends that.
#[derive(Debug)]
pub struct Counted(GaugeOf);

struct GaugeOf(Gauge);

impl std::fmt::Debug for GaugeOf {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("a gauge")
    }
}

impl Counted {
    fn new(gauge: Gauge) -> Self {
        gauge.increment(1);
        Self(GaugeOf(gauge))
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.0.decrement(1);
    }
}

/// Counts a connection as long as it is kept.
pub fn connection() -> Counted {
    Counted::new(gauge!(CONNECTIONS))
}

/// Counts a child process as long as it is kept.
pub fn child() -> Counted {
    Counted::new(gauge!(CHILDREN))
}

/// A session has been opened.
pub fn session_opened(transport: Transport, dialect: &'static str) {
    counter!(OPENED, "transport" => transport.name(), "dialect" => dialect).increment(1);
}

/// A session has ended for this reason.
pub fn session_ended(code: FaultCode) {
    counter!(ENDED, "code" => code.name()).increment(1);
}

/// A session has lost its socket and waits.
pub fn detached() {
    counter!(DETACHED).increment(1);
}

/// A session's browser came back.
pub fn resumed(recovered: bool) {
    let recovered = if recovered { "true" } else { "false" };
    counter!(RESUMED, "recovered" => recovered).increment(1);
}

/// Shows how many sessions there are of one kind.
pub fn sessions(transport: Transport, dialect: &'static str, state: SessionState, n: usize) {
    let (transport, state) = (transport.name(), state.name());
    gauge!(SESSIONS, "transport" => transport, "dialect" => dialect, "state" => state)
        .set(n as f64);
}

/// What passes between one session and its browser. Looked up once, so that a message costs two additions.
pub struct Traffic {
    from_browser: [Counter; 2],
    to_browser: [Counter; 2],
}

impl std::fmt::Debug for Traffic {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Traffic")
    }
}

impl Default for Traffic {
    fn default() -> Self {
        let of = |direction: &'static str| {
            [
                counter!(MESSAGES, "direction" => direction),
                counter!(BYTES, "direction" => direction),
            ]
        };
        Self {
            from_browser: of("from_browser"),
            to_browser: of("to_browser"),
        }
    }
}

impl Traffic {
    /// A frame from the browser.
    pub fn from_browser(&self, n_bytes: usize) {
        count(&self.from_browser, n_bytes);
    }

    /// A frame to the browser.
    pub fn to_browser(&self, n_bytes: usize) {
        count(&self.to_browser, n_bytes);
    }
}

fn count([messages, bytes]: &[Counter; 2], n_bytes: usize) {
    messages.increment(1);
    bytes.increment(n_bytes as u64);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_counted_is_rendered_under_its_name() {
        install();
        install();
        bound("frame_bytes", 7.0);
        reached("frame_bytes");
        refused(FaultCode::HostDenied);
        fault(FaultCode::UpstreamExited);
        let child = child();
        let text = render();
        for line in [
            "footbridge_limit{limit=\"frame_bytes\"} 7",
            "footbridge_requests_refused_total{code=\"host_denied\"} ",
            "footbridge_errors_total{code=\"upstream_exited\",side=\"upstream\"} ",
            "# TYPE footbridge_children gauge",
            "# HELP footbridge_limit_reached_total ",
        ] {
            assert!(text.contains(line), "{line} is missing in\n{text}");
        }
        drop(child);
    }
}
