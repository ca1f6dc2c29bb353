//! The query of a socket's URL: server params, a ticket, or the way back to a session.

use base64::Engine;
use base64::alphabet;
use base64::engine::DecodePaddingMode;
use base64::engine::GeneralPurpose;
use base64::engine::GeneralPurposeConfig;
use footbridge_shared::fault::Fault;
use footbridge_shared::fault::FaultCode;
use footbridge_shared::params::Secret;
use footbridge_shared::params::ServerParams;
use footbridge_shared::params::wipe;
use zeroize::Zeroizing;

use super::returning::Way;
#[cfg(feature = "fuzzing")]
use crate::dialect::DialectName;
#[cfg(feature = "fuzzing")]
use crate::session::Place;

/// The longest id a caller may choose for itself.
const MAX_SESSION_ID: usize = 128;

/// The parameters of a socket's URL.
pub(super) struct Query {
    pub(super) server_params: Option<String>,
    pub(super) ticket: Option<String>,
    resume: Option<String>,
    received: Option<String>,
    attempt: Option<String>,
}

impl Query {
    pub(super) fn of(query: &str) -> Self {
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
    pub(super) fn way_back(&self) -> Option<Way> {
        let token = self.resume.as_ref()?;
        Some(Way {
            token: Secret::new(token),
            received: self.received.clone(),
            attempt: self.attempt.clone(),
        })
    }
}

/// Where a socket with this query comes back to; `None` when it does not come back.
#[cfg(feature = "fuzzing")]
pub(in crate::http) fn place(query: &str) -> Option<Result<Place, Fault>> {
    let way = Query::of(query).way_back()?;
    Some(super::returning::place(&way, DialectName::Native))
}

/// Base64 out of a query: `%2B` and the like decoded; a raw `+`, which forms mean as a space, is a plus again.
pub(in crate::http) fn percent_decode(text: &str) -> String {
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
pub(super) const STANDARD: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, LENIENT);

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

pub(super) fn decode_text(base64: &str) -> Result<String, Fault> {
    String::from_utf8(decode(base64)?).map_err(|_| params_invalid("not UTF-8"))
}

pub(super) fn is_json(base64: &str) -> bool {
    decode(base64).is_ok_and(|bytes| bytes.first() == Some(&b'{'))
}

pub(in crate::http) fn plain_params(base64: &str) -> Result<ServerParams, Fault> {
    let text = Zeroizing::new(decode_text(base64)?);
    let mut value = serde_json::from_str(&text).map_err(|_| params_invalid("not JSON"))?;
    let params = ServerParams::from_json(&value, "server_params").map_err(|error| {
        let field = error.field.clone();
        params_invalid(&error.to_string()).field(field)
    });
    wipe(&mut value);
    params
}

pub(in crate::http) fn check_session_id(session_id: &str) -> Result<(), Fault> {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    // A path that ends with `.` or `..` is shortened on its way, and such a session could not be addressed.
    if (1..=MAX_SESSION_ID).contains(&session_id.len())
        && session_id.bytes().all(is_allowed)
        && !session_id.starts_with('.')
    {
        return Ok(());
    }
    Err(Fault::new(
        FaultCode::ParamsInvalid,
        "A session id has 1 to 128 characters of A-Z a-z 0-9 . _ - and does not begin with a dot.",
    ))
}
