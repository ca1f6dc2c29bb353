//! The metrics, for whoever runs the bridge: by the bridge's own token, or by one that reads nothing else.

use std::sync::Arc;

use footbridge_shared::api::SessionState;
use footbridge_shared::api::Transport;
use footbridge_shared::fault::Fault;
use footbridge_shared::fault::FaultCode;
use poem::Request;
use poem::Response;
use poem::handler;
use poem::web::Data;

use crate::dialect::DialectName;
use crate::http::App;
use crate::http::admission;
use crate::http::refuse;
use crate::meters;

/// Prometheus' text format, version 0.0.4.
const TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";

#[handler]
pub(super) fn metrics(request: &Request, Data(app): Data<&Arc<App>>) -> Response {
    if let Err(fault) = may_read(request) {
        return refuse(&fault);
    }
    // Counted when somebody asks: a number kept beside the list could drift from it.
    let sessions = app.sessions.census();
    for transport in Transport::ALL {
        for dialect in DialectName::ALL {
            for state in SessionState::ALL {
                let kind = (transport, dialect, state);
                let n = sessions.iter().filter(|session| **session == kind).count();
                meters::sessions(transport, dialect.name(), state, n);
            }
        }
    }
    meters::open_files();
    Response::builder()
        .content_type(TEXT)
        .body(meters::render())
}

/// They tell of everybody's sessions, so one caller among several may not read them.
fn may_read(request: &Request) -> Result<(), Fault> {
    let admission = admission(request)?;
    if admission.reads_metrics {
        return Ok(());
    }
    admission.principal()?;
    if admission.is_operator() {
        return Ok(());
    }
    Err(Fault::new(FaultCode::NotFound, "There is no such route."))
}
