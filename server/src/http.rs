//! The routes: what each takes and gives.
//!
//! Owns the mapping between HTTP and the rest. Never talks to an upstream.

mod api;
#[cfg(feature = "echo")]
mod echo;
#[cfg(feature = "fuzzing")]
pub(crate) mod fuzzing;
mod metrics;
mod openapi;
mod page;
mod socket;

#[cfg(feature = "echo")]
pub use echo::echo;

use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::Arc;

use footbridge_shared::api::ErrorResponse;
use footbridge_shared::fault::Fault;
use footbridge_shared::fault::FaultCode;
use poem::Body;
use poem::Endpoint;
use poem::EndpointExt;
use poem::Request;
use poem::Response;
use poem::Route;
use poem::get;
use poem::http::HeaderValue;
use poem::http::Method;
use poem::http::StatusCode;
use poem::http::header;
use poem::post;
use tracing::debug;

use crate::audit;
use crate::audit::Record;
use crate::config::Config;
use crate::gate::Admission;
use crate::gate::Gate;
use crate::gate::METRICS;
use crate::meters;
use crate::policy::Policy;
use crate::principal::Principal;
use crate::sessions::Sessions;
use crate::tickets::Tickets;

/// Under which path the routes are.
pub const PREFIX: &str = "/api/mcp";

/// In how many seconds to try again, where nothing better is known.
const RETRY_AFTER: u32 = 5;
/// A year of TLS alone (RFC 6797, 6.1).
const STRICT_TRANSPORT: &str = "max-age=31536000";

/// What the routes work with.
#[derive(Debug)]
pub struct App {
    /// What the bridge runs under.
    pub config: Config,
    /// What every request must pass.
    pub gate: Gate,
    /// Which servers may be reached.
    pub policy: Policy,
    /// The tickets.
    pub tickets: Tickets,
    /// The sessions.
    pub sessions: Sessions,
}

/// Everything the bridge serves, behind its gate.
pub fn routes(app: Arc<App>) -> impl Endpoint<Output = Response> {
    let api = Route::new()
        .at("/ws/connect", post(api::connect))
        .at("/ws/status/:session_id", get(api::status))
        .at("/ws/:session_id", get(socket::upgrade).delete(api::end))
        .at("/servers", get(api::servers))
        .at("/openapi.json", get(openapi::document))
        .at("/*rest", no_route);
    Route::new()
        .nest(PREFIX, api)
        .at("/health/live", get(api::live))
        .at("/health/ready", get(api::ready))
        .at(METRICS, get(metrics::metrics))
        .at("/*path", page::Page)
        .data(Arc::clone(&app))
        .around(move |inner, request| guarded(inner, request, Arc::clone(&app)))
}

#[poem::handler]
fn no_route() -> Response {
    refuse(
        &Fault::new(FaultCode::NotFound, "There is no such route.")
            .hint(format!("{PREFIX}/openapi.json lists them.")),
    )
}

/// The gate in front, errors as JSON behind, CORS for the pages that are allowed.
async fn guarded<E: Endpoint<Output = Response>>(
    inner: Arc<E>,
    request: Request,
    app: Arc<App>,
) -> poem::Result<Response> {
    let has_name = app.config.tls.is_some() && has_name(&request);
    let mut response = admitted(inner, request, &app).await?;
    if has_name {
        let value = HeaderValue::from_static(STRICT_TRANSPORT);
        response
            .headers_mut()
            .insert(header::STRICT_TRANSPORT_SECURITY, value);
    }
    Ok(response)
}

/// Whether the host is a name that is the bridge's alone. A browser that is told to use TLS with `localhost` would do
/// so with every port of it, and with an address it does not listen (RFC 6797, 8.1.1).
fn has_name(request: &Request) -> bool {
    let host = request.headers().get(header::HOST);
    let host = host.and_then(|host| host.to_str().ok()).unwrap_or_default();
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
    let name = name.trim_end_matches('.').to_ascii_lowercase();
    !name.starts_with('[')
        && name != "localhost"
        && !name.ends_with(".localhost")
        && name.parse::<std::net::Ipv4Addr>().is_err()
}

async fn admitted<E: Endpoint<Output = Response>>(
    inner: Arc<E>,
    mut request: Request,
    app: &App,
) -> poem::Result<Response> {
    let (method, peer) = (request.method().clone(), app.gate.peer(&request));
    let refused = |code: FaultCode| {
        let (code, method) = (code.name(), audit::foreign(method.as_str()));
        debug!(code, method, "request refused");
        let peer = Some(peer);
        audit::record(&Record::RequestRefused { peer, code, method });
    };
    let admission = match app.gate.admit(&request).await {
        Ok(admission) => admission,
        Err(fault) => {
            refused(fault.code);
            // The page of an allowed origin should be able to read that its credential is wrong, or has to wait.
            let has_allowed_origin = matches!(
                fault.code,
                FaultCode::Unauthorized | FaultCode::TooManyRequests
            );
            let origin = request.headers().get(header::ORIGIN);
            let mut response = refuse(&fault);
            allow_cors(&mut response, origin.filter(|_| has_allowed_origin));
            return Ok(response);
        }
    };
    let origin = admission
        .needs_cors
        .then(|| request.headers().get(header::ORIGIN).cloned())
        .flatten();
    let mut response = if request.method() == Method::OPTIONS && origin.is_some() {
        preflight()
    } else {
        request.set_data(admission);
        match inner.call(request).await {
            Ok(response) => response,
            Err(error) => refuse(&from_poem(&error)),
        }
    };
    // A route that needs a credential found none.
    if response.extensions().get() == Some(&FaultCode::Unauthorized) {
        refused(FaultCode::Unauthorized);
    }
    allow_cors(&mut response, origin.as_ref());
    harden(&mut response);
    Ok(response)
}

/// Where a request comes from that has passed the gate.
fn peer(request: &Request) -> Option<IpAddr> {
    request.data::<Admission>().map(|admission| admission.peer)
}

/// Records that somebody who passed the gate gets no session. Who brought no credential is recorded as any other
/// request without one.
fn record_denied(
    fault: &Fault,
    peer: Option<IpAddr>,
    admission: &Admission,
    ticket: Option<(&str, &Principal)>,
) {
    if fault.code == FaultCode::Unauthorized {
        return;
    }
    audit::record(&Record::ConnectDenied {
        session: ticket.map(|(session, _)| session),
        principal: ticket
            .map(|(_, principal)| principal)
            .or(admission.principal.as_ref()),
        origin: &admission.origin,
        peer,
        code: fault.code.name(),
        field: audit::field(fault),
    });
}

fn admission(request: &Request) -> Result<&Admission, Fault> {
    request
        .data::<Admission>()
        .ok_or_else(|| Fault::new(FaultCode::Internal, "The request did not pass the gate."))
}

fn from_poem(error: &poem::Error) -> Fault {
    match error.status() {
        StatusCode::NOT_FOUND => Fault::new(FaultCode::NotFound, "There is no such route."),
        StatusCode::METHOD_NOT_ALLOWED => Fault::new(
            FaultCode::MethodNotAllowed,
            "This route does not take that method.",
        ),
        status if status.is_client_error() => {
            Fault::new(FaultCode::BadRequest, "The request cannot be read.")
        }
        _ => Fault::new(FaultCode::Internal, "The bridge failed to answer."),
    }
}

fn preflight() -> Response {
    Response::builder()
        .status(StatusCode::NO_CONTENT)
        .header(header::ACCESS_CONTROL_ALLOW_METHODS, "GET, POST, DELETE")
        .header(
            header::ACCESS_CONTROL_ALLOW_HEADERS,
            "authorization, content-type",
        )
        .header(header::ACCESS_CONTROL_MAX_AGE, "600")
        .header("access-control-allow-private-network", "true")
        .finish()
}

fn allow_cors(response: &mut Response, origin: Option<&HeaderValue>) {
    let headers = response.headers_mut();
    headers.append(header::VARY, HeaderValue::from_static("Origin"));
    if let Some(origin) = origin {
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
        headers.insert(
            header::ACCESS_CONTROL_EXPOSE_HEADERS,
            HeaderValue::from_static("www-authenticate, retry-after"),
        );
    }
}

/// What an answer that is no page may do, should a browser show it as one.
const NO_PAGE: &str =
    "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'";

/// What no page of the bridge uses. It writes to the clipboard where a person asks it to copy, and nothing else.
const PERMISSIONS: &str = "accelerometer=(), autoplay=(), browsing-topics=(), camera=(), clipboard-read=(), \
    clipboard-write=(self), display-capture=(), encrypted-media=(), fullscreen=(), geolocation=(), gyroscope=(), hid=(), \
    idle-detection=(), local-fonts=(), magnetometer=(), microphone=(), midi=(), payment=(), picture-in-picture=(), \
    publickey-credentials-create=(), publickey-credentials-get=(), screen-wake-lock=(), serial=(), storage-access=(), \
    usb=(), window-management=(), xr-spatial-tracking=()";

/// What belongs on every answer, of the page or of the API.
fn harden(response: &mut Response) {
    let headers = response.headers_mut();
    for (name, value) in [
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::X_FRAME_OPTIONS, "DENY"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    for (name, value) in [
        ("cross-origin-opener-policy", "same-origin"),
        ("cross-origin-resource-policy", "same-origin"),
        ("permissions-policy", PERMISSIONS),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers
        .entry(header::CACHE_CONTROL)
        .or_insert(HeaderValue::from_static("no-store"));
    headers
        .entry(header::CONTENT_SECURITY_POLICY)
        .or_insert(HeaderValue::from_static(NO_PAGE));
}

/// A value as a JSON body.
fn json(value: &impl serde::Serialize) -> Response {
    match serde_json::to_vec(value) {
        Ok(body) => Response::builder()
            .content_type("application/json")
            .body(Body::from(body)),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into(),
    }
}

/// The answer that says what went wrong.
fn refuse(fault: &Fault) -> Response {
    meters::refused(fault.code);
    let mut response = json(&ErrorResponse {
        status: false,
        message: &fault.message,
        error: fault,
    });
    response.set_status(
        StatusCode::from_u16(fault.code.http_status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR),
    );
    response.extensions_mut().insert(fault.code);
    let headers = response.headers_mut();
    if fault.code == FaultCode::Unauthorized {
        headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    if matches!(
        fault.code,
        FaultCode::TooManyRequests | FaultCode::TooManySessions | FaultCode::ShuttingDown
    ) {
        let seconds = fault.retry_after.map_or(RETRY_AFTER, NonZeroU32::get);
        headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    harden(&mut response);
    response
}

/// A result of a route, either way as a response.
fn respond<T: serde::Serialize>(result: Result<T, Fault>) -> Response {
    match result {
        Ok(value) => json(&value),
        Err(fault) => refuse(&fault),
    }
}
