//! The JSON routes: connect, status, end, servers, health.

use std::sync::Arc;

use chrono::Utc;
use footbridge_shared::api::ConnectResponse;
use footbridge_shared::api::ServersResponse;
use footbridge_shared::api::SessionNotice;
use footbridge_shared::fault::Fault;
use footbridge_shared::fault::FaultCode;
use footbridge_shared::params::ServerParams;
use footbridge_shared::params::wipe;
use poem::Body;
use poem::Request;
use poem::Response;
use poem::handler;
use poem::http::header;
use poem::web::Data;
use poem::web::Path;
use serde_json::Value;
use serde_json::value::RawValue;
use tokio::time::timeout;

use crate::audit;
use crate::audit::Record;
use crate::bridge::Profile;
use crate::config::Commands;
use crate::http::App;
use crate::http::PREFIX;
use crate::http::admission;
use crate::http::json;
use crate::http::peer;
use crate::http::record_denied;
use crate::http::refuse;
use crate::http::respond;
use crate::meters;
use crate::principal::Principal;
use crate::session::transport;
use crate::tickets::Grant;

/// What is declared to MCP servers for a browser that does not say (the wire contract, 1).
const DEFAULT_CAPABILITIES: &str = r#"{"sampling":{},"elicitation":{"form":{},"url":{}}}"#;

#[handler]
pub(super) async fn connect(request: &Request, body: Body, Data(app): Data<&Arc<App>>) -> Response {
    let result = try_connect(request, body, app).await;
    if let (Err(fault), Ok(admission)) = (&result, admission(request)) {
        record_denied(fault, peer(request), admission, None);
    }
    respond(result)
}

async fn try_connect(request: &Request, body: Body, app: &App) -> Result<ConnectResponse, Fault> {
    let admission = admission(request)?;
    let principal = admission.principal()?;
    app.gate.count_connect(principal)?;
    let mut body = read_json(request, body, app).await?;
    let profile = read_profile(&body);
    let params = read_params(&body);
    // From here on the secrets are where they are overwritten when they go.
    wipe(&mut body);
    let params = params?;
    let approved = app.policy.approve(&params)?;
    app.sessions.check_room(principal, &approved)?;
    audit::permits()?;
    let now = Utc::now();
    let grant = Grant {
        principal: principal.clone(),
        origin: admission.origin.clone(),
        params,
        profile: profile?,
        revision: approved.revision().map(str::to_owned),
    };
    let issued = app.tickets.issue(&format!("{PREFIX}/ws"), &grant, now)?;
    audit::record(&Record::ConnectAccepted {
        session: &issued.session_id,
        principal,
        origin: &admission.origin,
        peer: peer(request),
        transport: transport(approved.params()).name(),
        label: approved.label(),
    });
    Ok(ConnectResponse {
        status: true,
        message: "Open websocket_url to start the session".to_owned(),
        session_id: issued.session_id,
        websocket_url: issued.websocket_url,
        timestamp: now,
        expires_at: issued.expires,
        warnings: issued.warnings,
    })
}

async fn read_json(request: &Request, body: Body, app: &App) -> Result<Value, Fault> {
    let content_type = request
        .headers()
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    let essence = content_type.split(';').next().unwrap_or_default().trim();
    // Any other type could be posted by a page of any origin without asking first.
    if !essence.eq_ignore_ascii_case("application/json") {
        return Err(Fault::new(
            FaultCode::UnsupportedMediaType,
            "The body must be application/json.",
        )
        .hint("Send the header `Content-Type: application/json`."));
    }
    let limits = &app.config.limits;
    let read = timeout(
        limits.body_timeout,
        body.into_bytes_limit(limits.body_bytes),
    )
    .await;
    let bytes = match read {
        Ok(Ok(bytes)) => bytes,
        Ok(Err(poem::error::ReadBodyError::PayloadTooLarge)) => {
            meters::reached("body_bytes");
            return Err(Fault::new(
                FaultCode::TooLarge,
                format!("The body may have at most {} bytes.", limits.body_bytes),
            ));
        }
        Ok(Err(_)) => {
            return Err(Fault::new(
                FaultCode::BadRequest,
                "The body could not be read.",
            ));
        }
        Err(_) => {
            meters::reached("body_timeout");
            return Err(Fault::new(
                FaultCode::RequestTimeout,
                "The body did not arrive in time.",
            ));
        }
    };
    let value: Value = serde_json::from_slice(&bytes).map_err(|error| {
        Fault::new(
            FaultCode::BadRequest,
            format!(
                "The body is not JSON (line {}, column {}).",
                error.line(),
                error.column()
            ),
        )
    })?;
    if value.is_object() {
        Ok(value)
    } else {
        Err(Fault::new(
            FaultCode::InvalidField,
            "The body must be a JSON object.",
        ))
    }
}

fn read_params(body: &Value) -> Result<ServerParams, Fault> {
    ServerParams::from_json(&body["server_params"], "server_params").map_err(|error| {
        Fault::new(FaultCode::InvalidField, format!("{error}.")).field(error.field)
    })
}

fn read_profile(body: &Value) -> Result<Profile, Fault> {
    let wrong = |field: &str, problem: &str| {
        Fault::new(FaultCode::InvalidField, format!("{field} {problem}.")).field(field)
    };
    let object = |field: &str| match &body[field] {
        Value::Null => Ok(None),
        value @ Value::Object(_) => Ok(Some(raw(value))),
        Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
            Err(wrong(field, "must be an object"))
        }
    };
    if let Value::Object(info) = &body["client_info"] {
        for name in ["name", "version"] {
            if !info.get(name).is_some_and(Value::is_string) {
                return Err(wrong(
                    &format!("client_info.{name}"),
                    "is required and must be a string",
                ));
            }
        }
    }
    let default = default_profile();
    Ok(Profile {
        capabilities: object("client_capabilities")?.unwrap_or(default.capabilities),
        client_info: object("client_info")?.unwrap_or(default.client_info),
    })
}

/// What is declared when the browser does not say.
pub(super) fn default_profile() -> Profile {
    let capabilities =
        serde_json::from_str(DEFAULT_CAPABILITIES).unwrap_or_else(|_| RawValue::NULL.to_owned());
    let client_info = serde_json::json!({ "name": "footbridge", "title": "Footbridge", "version": env!("CARGO_PKG_VERSION") });
    Profile {
        capabilities,
        client_info: raw(&client_info),
    }
}

fn raw(value: &Value) -> Box<RawValue> {
    serde_json::value::to_raw_value(value).unwrap_or_else(|_| RawValue::NULL.to_owned())
}

/// Who calls; a route that asks needs a credential.
fn principal(request: &Request) -> Result<&Principal, Fault> {
    admission(request)?.principal()
}

#[handler]
pub(super) fn status(
    request: &Request,
    Path(session_id): Path<String>,
    Data(app): Data<&Arc<App>>,
) -> Response {
    match principal(request).map(|principal| app.sessions.status(&session_id, principal)) {
        Ok(Some(status)) => json(&status),
        Ok(None) => json(&SessionNotice {
            status: false,
            message: "Session not found",
            session_id,
        }),
        Err(fault) => refuse(&fault),
    }
}

#[handler]
pub(super) fn end(
    request: &Request,
    Path(session_id): Path<String>,
    Data(app): Data<&Arc<App>>,
) -> Response {
    match principal(request).map(|principal| app.sessions.end(&session_id, principal)) {
        Ok(true) => json(&SessionNotice {
            status: true,
            message: "Session ended",
            session_id,
        }),
        Ok(false) => refuse(&Fault::new(FaultCode::SessionUnknown, "Session not found")),
        Err(fault) => refuse(&fault),
    }
}

#[handler]
pub(super) fn servers(request: &Request, Data(app): Data<&Arc<App>>) -> Response {
    respond(principal(request).map(|_| ServersResponse {
        status: true,
        servers: app.policy.catalogue().listing(),
        commands: app.policy.commands() == Commands::Any,
    }))
}

#[handler]
pub(super) fn live() -> Response {
    json(&serde_json::json!({ "status": true, "message": "The bridge is running" }))
}

#[handler]
pub(super) fn ready(Data(app): Data<&Arc<App>>) -> Response {
    if let Err(fault) = audit::permits() {
        refuse(&fault)
    } else if app.sessions.has_room() {
        json(&serde_json::json!({ "status": true, "message": "The bridge takes sessions" }))
    } else {
        refuse(&Fault::new(
            FaultCode::TooManySessions,
            "The bridge takes no more sessions.",
        ))
    }
}
