//! The WebSocket upgrade: whose right opens the session, which dialect, and how a refusal reaches the page.

mod farewell;
mod returning;

use std::cell::OnceCell;
use std::sync::Arc;

use base64::Engine;
use base64::alphabet;
use base64::engine::DecodePaddingMode;
use base64::engine::GeneralPurpose;
use base64::engine::GeneralPurposeConfig;
use chrono::Utc;
use footbridge_shared::fault::Fault;
use footbridge_shared::fault::FaultCode;
use footbridge_shared::params::Secret;
use footbridge_shared::params::ServerParams;
use footbridge_shared::params::wipe;
use poem::FromRequest;
use poem::IntoResponse;
use poem::Request;
use poem::Response;
use poem::handler;
use poem::http::header;
use poem::web::Data;
use poem::web::Path;
use poem::web::websocket::WebSocket;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use zeroize::Zeroizing;

use crate::config::Limits;
use crate::config::ParamsInUrl;
use crate::dialect::DialectName;
use crate::gate::offered_subprotocols;
use crate::http::App;
use crate::http::admission;
use crate::http::api::default_profile;
use crate::http::peer;
use crate::http::record_denied;
use crate::http::refuse;
use crate::principal::Principal;
use crate::session::Opening;
#[cfg(feature = "fuzzing")]
use crate::session::Place;
use crate::session::Socket;
use crate::tickets::Grant;
use crate::tickets::Presented;
use farewell::farewell;

/// tungstenite allocates it for every socket at once; its default of 128 KiB is 20 times what an idle one needs.
const READ_BUFFER: usize = 8 * 1024;
/// How much larger than the limit a frame may be and still get a proper close code: a larger one is not read.
const HARD_LIMIT: usize = 4;
/// The longest id a caller may choose for itself.
const MAX_SESSION_ID: usize = 128;

#[handler]
pub(super) async fn upgrade(
    request: &Request,
    Path(session_id): Path<String>,
    Data(app): Data<&Arc<App>>,
) -> Response {
    let (dialect, socket) = match accept(request).await {
        Ok(accepted) => accepted,
        Err(fault) => return refuse(&fault),
    };
    let admission = match admission(request) {
        Ok(admission) => admission.clone(),
        Err(fault) => return refuse(&fault),
    };
    let peer = peer(request);
    let query = Query::of(request.original_uri().query().unwrap_or_default());
    if let Some(way_back) = query.way_back() {
        return returning::come_back(
            way_back,
            (dialect, socket),
            (session_id, peer, admission),
            app,
        );
    }
    let opening = match authorize(request, query, &session_id, dialect, app) {
        Ok(opening) => Ok(opening),
        Err(Denied {
            fault,
            granted_to,
            before_upgrade,
        }) => {
            let ticket = granted_to
                .as_ref()
                .map(|principal| (&*session_id, principal));
            record_denied(&fault, peer, &admission, ticket);
            if before_upgrade {
                return refuse(&fault);
            }
            Err(fault)
        }
    };
    let app = Arc::clone(app);
    let own = opening
        .as_ref()
        .ok()
        .and_then(|opening| opening.approved.limits());
    let socket = socket
        .protocols(dialect.subprotocol())
        .config(socket_config(own.unwrap_or(&app.config.limits)));
    socket
        .on_upgrade(move |stream| async move {
            let refused = match opening {
                Ok(opening) => {
                    let principal = opening.principal.clone();
                    app.sessions
                        .open(opening, Box::new(stream))
                        .inspect_err(|(fault, _)| {
                            record_denied(
                                fault,
                                peer,
                                &admission,
                                Some((&*session_id, &principal)),
                            );
                        })
                }
                Err(fault) => Err((fault, Box::new(stream) as Socket)),
            };
            if let Err((fault, stream)) = refused {
                let limit = app.config.limits.close_timeout;
                let farewell = farewell(stream, fault, (dialect, session_id), limit);
                app.sessions.spawn_farewell(farewell);
            }
        })
        .into_response()
}

async fn accept(request: &Request) -> Result<(DialectName, WebSocket), Fault> {
    let no_upgrade = || {
        Fault::new(
            FaultCode::BadRequest,
            "This URL is for WebSocket connections.",
        )
        .hint("Open it with a WebSocket client.")
    };
    let key = request
        .headers()
        .get(header::SEC_WEBSOCKET_KEY)
        .ok_or_else(no_upgrade)?;
    let key = STANDARD.decode(key).map_err(|_| no_upgrade())?;
    if key.len() != 16 {
        return Err(no_upgrade());
    }
    let offered = offered_subprotocols(request.headers());
    let dialect = DialectName::choose(&offered).ok_or_else(|| {
        Fault::new(
            FaultCode::BadRequest,
            "None of the subprotocols offered is known.",
        )
        .hint("Offer \"footbridge.v1\", \"mcp\", or none.")
    })?;
    let socket = WebSocket::from_request_without_body(request)
        .await
        .map_err(|_| no_upgrade())?;
    Ok((dialect, socket))
}

fn socket_config(limits: &Limits) -> WebSocketConfig {
    WebSocketConfig::default()
        .read_buffer_size(READ_BUFFER)
        .write_buffer_size(READ_BUFFER)
        .max_write_buffer_size(
            limits
                .backlog_bytes
                .max(READ_BUFFER * 2)
                .saturating_add(limits.upstream_message_bytes * 2),
        )
        .max_frame_size(Some(limits.frame_bytes * HARD_LIMIT))
        .max_message_size(Some(limits.frame_bytes * HARD_LIMIT))
}

/// Why a socket gets no session.
struct Denied {
    fault: Fault,
    /// Whose ticket it brought, when that was good.
    granted_to: Option<Principal>,
    /// What only an attacker would provoke is an HTTP status; what the page should be able to read comes on the
    /// socket.
    before_upgrade: bool,
}

impl Denied {
    fn before_upgrade(fault: Fault) -> Self {
        Self {
            before_upgrade: true,
            ..Self::on_socket(fault)
        }
    }

    fn on_socket(fault: Fault) -> Self {
        Self {
            fault,
            granted_to: None,
            before_upgrade: false,
        }
    }
}

fn authorize(
    request: &Request,
    query: Query,
    session_id: &str,
    dialect: DialectName,
    app: &App,
) -> Result<Opening, Denied> {
    let admission = admission(request).map_err(Denied::before_upgrade)?;
    // Whose ticket it brought, as soon as that has shown itself to be genuine.
    let granted_to = OnceCell::new();
    // Policy judges again: what it permitted when the ticket was issued may have changed.
    let judge = |grant: &Grant| {
        // A ticket is bound to who asked for it; another credential on the same request must be the same person's.
        if admission
            .principal
            .as_ref()
            .is_some_and(|principal| *principal != grant.principal)
        {
            return Err(Fault::new(
                FaultCode::TicketInvalid,
                "The ticket was issued to somebody else.",
            ));
        }
        let _ = granted_to.set(grant.principal.clone());
        app.policy
            .approve_again(&grant.params, grant.revision.as_deref())
    };
    let denied = |fault| Denied {
        granted_to: granted_to.get().cloned(),
        ..Denied::on_socket(fault)
    };
    let redeem = |visible: Option<&str>, ticket: &str| {
        let presented = Presented {
            session_id,
            visible,
            ticket,
            origin: &admission.origin,
        };
        app.tickets
            .redeem(&presented, Utc::now(), judge)
            .map_err(denied)
    };
    let (grant, approved) = match (query.server_params, query.ticket) {
        (Some(params), Some(ticket)) => {
            let visible = decode_text(&params).map_err(Denied::on_socket)?;
            redeem(Some(&visible), &ticket)?
        }
        (Some(params), None) if app.tickets.mode() == ParamsInUrl::Sealed && !is_json(&params) => {
            redeem(None, &params)?
        }
        // Without a ticket the request itself needs everything that POST connect demands.
        (Some(params), None) => {
            let principal = admission.principal().map_err(Denied::before_upgrade)?;
            app.gate
                .count_connect(principal)
                .map_err(Denied::on_socket)?;
            let params = plain_params(&params).map_err(Denied::on_socket)?;
            check_session_id(session_id).map_err(Denied::on_socket)?;
            let grant = Grant {
                principal: principal.clone(),
                origin: admission.origin.clone(),
                params,
                profile: default_profile(),
                revision: None,
            };
            let approved = judge(&grant).map_err(denied)?;
            (grant, approved)
        }
        (None, _) => {
            return Err(Denied::on_socket(
                Fault::new(FaultCode::ParamsInvalid, "Missing server_params")
                    .field("server_params"),
            ));
        }
    };
    Ok(Opening {
        id: session_id.to_owned(),
        principal: grant.principal,
        origin: grant.origin,
        peer: peer(request),
        approved,
        dialect,
        profile: grant.profile,
        program: app.config.program.clone(),
        verdicts: Arc::clone(app.sessions.verdicts()),
    })
}

/// The parameters of a socket's URL.
struct Query {
    server_params: Option<String>,
    ticket: Option<String>,
    resume: Option<String>,
    received: Option<String>,
    attempt: Option<String>,
}

impl Query {
    fn of(query: &str) -> Self {
        let value = |wanted: &str| {
            query
                .split('&')
                .filter_map(|pair| pair.split_once('='))
                .find(|(name, _)| *name == wanted)
                .map(|(_, value)| percent_decode(value))
        };
        Self {
            server_params: value("server_params"),
            ticket: value("ticket"),
            resume: value("resume"),
            received: value("received"),
            attempt: value("attempt"),
        }
    }

    /// That of a socket that comes back to its session.
    fn way_back(&self) -> Option<returning::Way> {
        let token = self.resume.as_ref()?;
        Some(returning::Way {
            token: Secret::new(token),
            received: self.received.clone(),
            attempt: self.attempt.clone(),
        })
    }
}

/// Where a socket with this query comes back to; `None` when it does not come back.
#[cfg(feature = "fuzzing")]
pub(super) fn place(query: &str) -> Option<Result<Place, Fault>> {
    let way = Query::of(query).way_back()?;
    Some(returning::place(&way, DialectName::Native))
}

/// Base64 out of a query: `%2B` and the like decoded; a raw `+`, which forms mean as a space, is a plus again.
pub(super) fn percent_decode(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut decoded = String::with_capacity(text.len());
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let escaped = (byte == b'%')
            .then(|| text.get(at + 1..at + 3))
            .flatten()
            .and_then(|hex| u8::from_str_radix(hex, 16).ok());
        at += if escaped.is_some() { 3 } else { 1 };
        let character = char::from(escaped.unwrap_or(byte));
        decoded.push(if character == ' ' { '+' } else { character });
    }
    decoded
}

const LENIENT: GeneralPurposeConfig = GeneralPurposeConfig::new()
    .with_decode_padding_mode(DecodePaddingMode::Indifferent)
    .with_decode_allow_trailing_bits(true);
const STANDARD: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, LENIENT);

fn params_invalid(problem: &str) -> Fault {
    Fault::new(
        FaultCode::ParamsInvalid,
        format!("Invalid server parameters: {problem}"),
    )
    .field("server_params")
    .hint("server_params is the params object as JSON, in base64.")
}

/// Both alphabets, padded or not.
fn decode(base64: &str) -> Result<Vec<u8>, Fault> {
    let standard = base64.trim().replace('-', "+").replace('_', "/");
    STANDARD
        .decode(standard)
        .map_err(|_| params_invalid("not base64"))
}

fn decode_text(base64: &str) -> Result<String, Fault> {
    String::from_utf8(decode(base64)?).map_err(|_| params_invalid("not UTF-8"))
}

fn is_json(base64: &str) -> bool {
    decode(base64).is_ok_and(|bytes| bytes.first() == Some(&b'{'))
}

pub(super) fn plain_params(base64: &str) -> Result<ServerParams, Fault> {
    let text = Zeroizing::new(decode_text(base64)?);
    let mut value = serde_json::from_str(&text).map_err(|_| params_invalid("not JSON"))?;
    let params = ServerParams::from_json(&value, "server_params").map_err(|error| {
        let field = error.field.clone();
        params_invalid(&error.to_string()).field(field)
    });
    wipe(&mut value);
    params
}

pub(super) fn check_session_id(session_id: &str) -> Result<(), Fault> {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    if (1..=MAX_SESSION_ID).contains(&session_id.len()) && session_id.bytes().all(is_allowed) {
        return Ok(());
    }
    Err(Fault::new(
        FaultCode::ParamsInvalid,
        "A session id has 1 to 128 characters of A-Z a-z 0-9 . _ -",
    ))
}

#[cfg(test)]
mod tests;
