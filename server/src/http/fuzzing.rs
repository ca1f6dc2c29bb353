//! The socket URL's parsers, for the crate `fuzz`.

use footbridge_shared::fault::Fault;
use footbridge_shared::params::ServerParams;

use crate::http::socket;
use crate::session::Place;

/// Reads the value of the query `server_params`: base64 of JSON, perhaps percent-encoded.
///
/// # Errors
/// The fault that the page is told.
pub fn socket_params(value: &str) -> Result<ServerParams, Fault> {
    socket::plain_params(&socket::percent_decode(value))
}

/// Where a socket with this query comes back to its session; `None` when it does not come back.
///
/// # Errors
/// The fault that the page is told.
pub fn place(query: &str) -> Option<Result<Place, Fault>> {
    socket::place(query)
}

/// Whether a caller may choose this id.
pub fn is_session_id(text: &str) -> bool {
    socket::check_session_id(text).is_ok()
}
