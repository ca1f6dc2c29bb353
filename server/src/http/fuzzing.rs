//! The socket URL's parsers, for the crate `fuzz`.

use footbridge_shared::fault::Fault;
use footbridge_shared::params::ServerParams;

use crate::http::socket;

/// Reads the value of the query `server_params`: base64 of JSON, perhaps percent-encoded.
///
/// # Errors
/// The fault that the page is told.
pub fn socket_params(value: &str) -> Result<ServerParams, Fault> {
    socket::plain_params(&socket::percent_decode(value))
}

/// Whether a caller may choose this id.
pub fn is_session_id(text: &str) -> bool {
    socket::check_session_id(text).is_ok()
}
