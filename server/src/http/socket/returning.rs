//! A socket that comes back to its session (docs/protocol.md, 4.3).

use std::net::IpAddr;
use std::sync::Arc;

use footbridge_shared::fault::Fault;
use footbridge_shared::fault::FaultCode;
use footbridge_shared::params::Secret;
use poem::IntoResponse;
use poem::Response;
use poem::web::websocket::WebSocket;

use super::farewell::farewell;
use super::socket_config;
use crate::dialect::DialectName;
use crate::gate::Admission;
use crate::http::App;
use crate::http::record_denied;
use crate::session::Place;
use crate::session::Socket;
use crate::sessions::WayBack;
use crate::sessions::taken_over;

/// What the URL of such a socket says.
pub(super) struct Way {
    pub(super) token: Secret,
    pub(super) received: Option<String>,
    pub(super) attempt: Option<String>,
}

/// Upgrades, and gives the session its socket; what is wrong is said on the socket, where a page can read it.
pub(super) fn come_back(
    way: Way,
    (dialect, socket): (DialectName, WebSocket),
    (session_id, peer, admission): (String, Option<IpAddr>, Admission),
    app: &Arc<App>,
) -> Response {
    let found = place(&way, dialect).and_then(|place| {
        let (origin, principal) = (&admission.origin, admission.principal.as_ref());
        let way_back = app
            .sessions
            .way_back(&session_id, way.token, origin, principal)?;
        Ok((way_back, place))
    });
    let own = found
        .as_ref()
        .ok()
        .and_then(|(way_back, _)| way_back.limits.as_ref());
    let config = socket_config(own.unwrap_or(&app.config.limits));
    let app = Arc::clone(app);
    socket
        .protocols(dialect.subprotocol())
        .config(config)
        .on_upgrade(move |stream| async move {
            let stream: Socket = Box::new(stream);
            let principal = found
                .as_ref()
                .ok()
                .map(|(way_back, _)| way_back.principal.clone());
            let (fault, stream) = match hand_over(found, stream, peer).await {
                Ok(None) => return,
                Ok(Some(replaced)) => (taken_over(), replaced),
                Err((fault, stream)) => {
                    let session = principal
                        .as_ref()
                        .map(|principal| (&*session_id, principal));
                    record_denied(&fault, peer, &admission, session);
                    (fault, stream)
                }
            };
            let limit = app.config.limits.close_timeout;
            let farewell = farewell(stream, fault, (dialect, session_id), limit);
            app.sessions.spawn_farewell(farewell);
        })
        .into_response()
}

async fn hand_over(
    found: Result<(WayBack, Place), Fault>,
    stream: Socket,
    peer: Option<IpAddr>,
) -> Result<Option<Socket>, (Fault, Socket)> {
    match found {
        Ok((way_back, place)) => way_back.take(stream, peer, place).await,
        Err(fault) => Err((fault, stream)),
    }
}

/// Where the browser says it was.
pub(super) fn place(way: &Way, dialect: DialectName) -> Result<Place, Fault> {
    if dialect != DialectName::Native {
        return Err(Fault::new(
            FaultCode::BadRequest,
            "Only a session of the subprotocol \"footbridge.v1\" can be taken up again.",
        )
        .hint("Offer \"footbridge.v1\"."));
    }
    Ok(Place {
        received: number("received", way.received.as_deref())?,
        attempt: number("attempt", way.attempt.as_deref())?,
    })
}

fn number(name: &str, text: Option<&str>) -> Result<Option<u64>, Fault> {
    text.map(|text| {
        text.parse().map_err(|_| {
            Fault::new(
                FaultCode::BadRequest,
                format!("`{name}` of a socket URL must be a whole number."),
            )
            .field(name)
        })
    })
    .transpose()
}
