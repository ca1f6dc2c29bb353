//! What of a session goes into the audit log: its beginning, its end, and what the person in front of it is asked for.
//!
//! Owns that every beginning has an end, however the session's task ends. Never records what was said.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use footbridge_shared::fault::FaultCode;
use footbridge_shared::rpc;
use footbridge_shared::rpc::Message;
use tokio::time::Instant;
use url::Url;

use super::Opening;
use super::Pulse;
use crate::audit;
use crate::audit::Record;
use crate::audit::Witness;
use crate::dialect::Outbound;
use crate::egress::authority;
use crate::principal::Principal;

/// A session whose beginning has been recorded.
#[derive(Debug)]
pub(super) struct Recorded {
    session: String,
    principal: Principal,
    opened: Instant,
    pulse: Arc<Pulse>,
    /// Why it ended; until that is known, a bug.
    code: FaultCode,
}

impl Recorded {
    pub(super) fn opened(opening: &Opening, pulse: &Arc<Pulse>) -> Self {
        audit::record(&Record::SessionOpened {
            session: &opening.id,
            principal: &opening.principal,
            origin: &opening.origin,
            peer: opening.peer,
            dialect: opening.dialect.name(),
            transport: opening.transport().name(),
            label: opening.approved.label(),
        });
        Self {
            session: opening.id.clone(),
            principal: opening.principal.clone(),
            opened: Instant::now(),
            pulse: Arc::clone(pulse),
            code: FaultCode::Internal,
        }
    }

    /// It ended, for this reason.
    pub(super) fn closed(mut self, code: FaultCode) {
        self.code = code;
    }
}

impl Drop for Recorded {
    fn drop(&mut self) {
        let (from, to) = (&self.pulse.from_browser, &self.pulse.to_browser);
        audit::record(&Record::SessionClosed {
            session: &self.session,
            principal: &self.principal,
            code: self.code.name(),
            duration_ms: self.opened.elapsed().as_millis() as u64,
            frames_from_browser: from.frames.load(Ordering::Relaxed),
            frames_to_browser: to.frames.load(Ordering::Relaxed),
            bytes_from_browser: from.bytes.load(Ordering::Relaxed),
            bytes_to_browser: to.bytes.load(Ordering::Relaxed),
        });
    }
}

/// Records that the MCP server asks the person in front of the page for something, if that is what it does.
pub(super) fn elicitation(outbound: &Outbound) {
    if let Outbound::Message(Message::Request(request)) = outbound
        && request.method() == "elicitation/create"
    {
        let (mode, host) = asked(request.params().unwrap_or_default());
        Witness::here().asked(mode, host.as_deref());
    }
}

/// The mode of an elicitation, and the host of its URL.
fn asked(params: &str) -> (&'static str, Option<String>) {
    let text = |name: &str| -> Option<String> {
        serde_json::from_str(&params[rpc::member(params, name)?]).ok()
    };
    if text("mode").as_deref() != Some("url") {
        return ("form", None);
    }
    let host = text("url")
        .and_then(|url| Url::parse(&url).ok())
        .filter(Url::has_host)
        .map(|url| authority(&url));
    ("url", host)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_elicitation_is_known_by_its_mode_and_the_host_of_its_url_alone() {
        for (params, mode, host) in [
            (r#"{"message":"m","requestedSchema":{}}"#, "form", None),
            (
                r#"{"mode":"form","url":"https://a.example/"}"#,
                "form",
                None,
            ),
            (
                r#"{"mode":"url","url":"https://me:s3cret@A.example:8443/s3cret?k=s3cret#s3cret"}"#,
                "url",
                Some("a.example:8443"),
            ),
            (
                r#"{"mode":"url","url":"mailto:s3cret@a.example"}"#,
                "url",
                None,
            ),
            (r#"{"mode":"url","url":7}"#, "url", None),
            ("", "form", None),
        ] {
            let (its_mode, its_host) = asked(params);
            assert_eq!((its_mode, its_host.as_deref()), (mode, host), "{params}");
        }
    }
}
