//! The upgrade as every session's, onto a socket that gives back what it gets. For the Autobahn test suite alone.
//!
//! Never part of the product: it needs the cargo feature `echo`.

use poem::Endpoint;
use poem::EndpointExt;
use poem::IntoResponse;
use poem::Request;
use poem::Response;
use poem::handler;
use poem::web::Data;

use crate::config::Limits;
use crate::http::refuse;
use crate::http::socket::accept;
use crate::http::socket::socket_config;
use crate::session::echo::echo as give_back;

/// A socket that gives back what it gets, whoever asks.
pub fn echo(limits: &Limits) -> impl Endpoint<Output = Response> + 'static {
    upgrade.data(limits.clone()).map_to_response()
}

#[handler]
async fn upgrade(request: &Request, Data(limits): Data<&Limits>) -> Response {
    let (dialect, socket) = match accept(request).await {
        Ok(accepted) => accepted,
        Err(fault) => return refuse(&fault),
    };
    let limits = limits.clone();
    socket
        .protocols(dialect.subprotocol())
        .config(socket_config(&limits))
        .on_upgrade(move |stream| give_back(Box::new(stream), limits))
        .into_response()
}
