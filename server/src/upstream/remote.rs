//! One remote MCP server: its URL, the headers it gets, how long it may take; requests to it and their bodies.
//!
//! Owns everything that HTTP+SSE and Streamable HTTP have in common. Never knows which messages pass.

use std::collections::HashSet;
use std::collections::VecDeque;
use std::net::IpAddr;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::Duration;

use footbridge_shared::fault::Fault;
use footbridge_shared::fault::FaultCode;
use footbridge_shared::params::HttpParams;
use footbridge_shared::params::Secrets;
use footbridge_shared::params::SseParams;
use reqwest::Client;
use reqwest::Method;
use reqwest::Response;
use reqwest::StatusCode;
use reqwest::header::ACCEPT;
use reqwest::header::CONTENT_TYPE;
use reqwest::header::HeaderMap;
use reqwest::header::HeaderName;
use reqwest::header::HeaderValue;
use reqwest::header::USER_AGENT;
use tokio::time::timeout;
use url::Url;

use super::client;
use super::events::Event;
use super::events::Parser;
use super::failure;
use super::redact::Redactor;
use crate::audit::Witness;
use crate::config::Limits;
use crate::egress::Egress;
use crate::egress::authority;

/// Bytes of an error's body that are read to find a JSON-RPC error in it.
const ERROR_BYTES: usize = 256 * 1024;

/// Addresses of one server that are recorded; the name of a large service may mean ever new ones.
const ADDRESSES: usize = 16;

/// A remote MCP server.
#[derive(Debug)]
pub(super) struct Remote {
    client: Client,
    url: Url,
    headers: HeaderMap,
    /// To connect, and for an answer that says no more than that a message has arrived.
    pub(super) post_timeout: Duration,
    /// How long an answer under way may stay silent.
    pub(super) silence: Duration,
    pub(super) max_bytes: usize,
    pub(super) json_depth: usize,
    host: String,
    redactor: Redactor,
    witness: Witness,
    /// The addresses that were connected to and recorded.
    recorded: Mutex<HashSet<IpAddr>>,
}

/// The kind of body an answer has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Json,
    Events,
    Other,
}

impl Remote {
    pub(super) fn http(
        params: &HttpParams,
        egress: &Egress,
        limits: &Limits,
    ) -> Result<Self, Fault> {
        let times = (params.timeout, params.sse_read_timeout);
        Self::new(&params.url, &params.headers, times, egress, limits)
    }

    pub(super) fn sse(params: &SseParams, egress: &Egress, limits: &Limits) -> Result<Self, Fault> {
        let times = (params.timeout, params.sse_read_timeout);
        Self::new(&params.url, &params.headers, times, egress, limits)
    }

    fn new(
        url: &str,
        headers: &Secrets,
        times: (f64, f64),
        egress: &Egress,
        limits: &Limits,
    ) -> Result<Self, Fault> {
        let wrong = |field: &str| {
            let field = format!("server_params.{field}");
            Fault::new(
                FaultCode::InvalidField,
                format!("{field} is not valid in HTTP."),
            )
            .field(field)
        };
        let url = Url::parse(url).map_err(|_| wrong("url"))?;
        // Addresses that are written out never reach the resolver, which checks the others.
        egress.check_url(&url)?;
        let mut map = HeaderMap::new();
        map.insert(
            USER_AGENT,
            HeaderValue::from_static(concat!("footbridge/", env!("CARGO_PKG_VERSION"))),
        );
        for (name, value) in headers {
            let at = || wrong(&format!("headers.{name}"));
            let mut value = HeaderValue::from_str(value.expose()).map_err(|_| at())?;
            value.set_sensitive(true);
            map.insert(HeaderName::try_from(name).map_err(|_| at())?, value);
        }
        let post_timeout = Duration::from_secs_f64(times.0);
        Ok(Self {
            client: client::client(egress, post_timeout, url.scheme() == "https")?,
            host: authority(&url),
            redactor: Redactor::of_remote(headers, &url),
            witness: Witness::here(),
            recorded: Mutex::default(),
            url,
            headers: map,
            post_timeout,
            silence: Duration::from_secs_f64(times.1),
            max_bytes: limits.upstream_message_bytes,
            json_depth: limits.json_depth,
        })
    }

    /// The URL of the params.
    pub(super) fn url(&self) -> &Url {
        &self.url
    }

    /// The host, with its port when that is not the usual one: safe to show.
    pub(super) fn host(&self) -> &str {
        &self.host
    }

    /// Posts a message; the answer has begun when this returns. `field` names the parameter that `patience` is.
    pub(super) async fn post(
        &self,
        url: &Url,
        extra: HeaderMap,
        body: String,
        patience: Duration,
        field: &str,
    ) -> Result<Response, Fault> {
        let request = self
            .request(Method::POST, url, extra)
            .header(CONTENT_TYPE, "application/json")
            .header(ACCEPT, "application/json, text/event-stream")
            .body(body);
        self.send(request, patience, field).await
    }

    /// Opens a stream of events; the answer has begun when this returns.
    pub(super) async fn get(&self, url: &Url, extra: HeaderMap) -> Result<Response, Fault> {
        let request = self
            .request(Method::GET, url, extra)
            .header(ACCEPT, "text/event-stream");
        self.send(request, self.post_timeout, "timeout").await
    }

    /// Ends a session.
    pub(super) async fn delete(&self, url: &Url, extra: HeaderMap) -> Result<Response, Fault> {
        self.send(
            self.request(Method::DELETE, url, extra),
            self.post_timeout,
            "timeout",
        )
        .await
    }

    fn request(&self, method: Method, url: &Url, extra: HeaderMap) -> reqwest::RequestBuilder {
        self.client
            .request(method, url.clone())
            .headers(self.headers.clone())
            .headers(extra)
    }

    async fn send(
        &self,
        request: reqwest::RequestBuilder,
        patience: Duration,
        field: &str,
    ) -> Result<Response, Fault> {
        match timeout(patience, request.send()).await {
            Ok(Ok(response)) => {
                if let Some(address) = response.remote_addr() {
                    self.record(address.ip());
                }
                Ok(response)
            }
            Ok(Err(error)) => {
                let error = error.without_url();
                // It may quote what the server sent.
                let shown = self.redactor.redact_text(&format!("{error:?}"));
                tracing::debug!(
                    host = self.host,
                    error = shown,
                    "a request to an MCP server failed"
                );
                let mut fault = failure::of_error(&error, &self.host);
                fault.message = self.redactor.redact_text(&fault.message);
                Err(fault)
            }
            Err(_) => Err(failure::silent(&self.host, patience, field)),
        }
    }

    /// Records an address that was connected to, the first time.
    fn record(&self, address: IpAddr) {
        let mut recorded = self.recorded.lock().unwrap_or_else(PoisonError::into_inner);
        if recorded.len() < ADDRESSES && recorded.insert(address) {
            self.witness.reached(&self.host, address);
        }
    }

    /// What it means that an answer is no success.
    pub(super) fn refusal(&self, status: StatusCode, headers: &HeaderMap) -> Fault {
        failure::of_status(status, headers, &self.host, &self.redactor)
    }

    /// A whole body of at most `max_bytes`.
    pub(super) async fn text(&self, response: Response) -> Result<String, Fault> {
        self.body(response, self.max_bytes, self.silence).await
    }

    /// The body of an answer that is an error; empty when it cannot be read.
    pub(super) async fn error_text(&self, response: Response) -> String {
        self.body(response, ERROR_BYTES, self.post_timeout)
            .await
            .unwrap_or_default()
    }

    async fn body(
        &self,
        mut response: Response,
        max_bytes: usize,
        patience: Duration,
    ) -> Result<String, Fault> {
        let mut bytes = Vec::new();
        loop {
            match timeout(patience, response.chunk()).await {
                Ok(Ok(Some(chunk))) if bytes.len() + chunk.len() <= max_bytes => {
                    bytes.extend_from_slice(&chunk);
                }
                Ok(Ok(Some(_))) => return Err(failure::too_large(&self.host, max_bytes)),
                Ok(Ok(None)) => break,
                Ok(Err(_)) => return Err(failure::dropped(&self.host)),
                Err(_) => return Err(failure::silent(&self.host, patience, "sse_read_timeout")),
            }
        }
        String::from_utf8(bytes).map_err(|_| {
            failure::not_mcp(
                &self.host,
                "the answer is not UTF-8",
                "Check that the URL is that of an MCP endpoint.",
            )
        })
    }

    /// Reads the events of an answer.
    pub(super) fn events(&self, response: Response) -> Events {
        Events {
            response,
            parser: Parser::new(self.max_bytes),
            waiting: VecDeque::new(),
            silence: self.silence,
            max_bytes: self.max_bytes,
            host: self.host.clone(),
        }
    }
}

/// What kind of body the headers announce; parameters and case of the media type do not matter (RFC 9110, 8.3.1).
pub(super) fn kind(response: &Response) -> Kind {
    let value = response.headers().get(CONTENT_TYPE);
    let media_type = value
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split(';').next())
        .unwrap_or_default()
        .trim();
    if media_type.eq_ignore_ascii_case("text/event-stream") {
        Kind::Events
    } else if media_type.eq_ignore_ascii_case("application/json") {
        Kind::Json
    } else {
        Kind::Other
    }
}

/// A stream of events as it comes in.
#[derive(Debug)]
pub(super) struct Events {
    response: Response,
    parser: Parser,
    waiting: VecDeque<Event>,
    silence: Duration,
    max_bytes: usize,
    host: String,
}

impl Events {
    /// The next event; `None` when the stream has ended as it should. Cancel-safe.
    ///
    /// # Errors
    /// The stream broke, was silent for too long, or had an event over the bound.
    pub(super) async fn next(&mut self) -> Result<Option<Event>, Fault> {
        loop {
            if let Some(event) = self.waiting.pop_front() {
                return Ok(Some(event));
            }
            match timeout(self.silence, self.response.chunk()).await {
                Ok(Ok(Some(chunk))) => {
                    let mut events = Vec::new();
                    let read = self.parser.push(&chunk, &mut events);
                    self.waiting.extend(events);
                    if read.is_err() {
                        return Err(failure::too_large(&self.host, self.max_bytes));
                    }
                }
                Ok(Ok(None)) => return Ok(None),
                Ok(Err(_)) => return Err(failure::dropped(&self.host)),
                Err(_) => {
                    return Err(failure::silent(
                        &self.host,
                        self.silence,
                        "sse_read_timeout",
                    ));
                }
            }
        }
    }

    /// Where to resume the stream, if it can be.
    pub(super) fn last_id(&self) -> Option<&str> {
        self.parser.last_id()
    }

    /// How long the server asks to wait before that.
    pub(super) fn retry(&self) -> Option<Duration> {
        self.parser.retry()
    }
}
