//! The accept loop: connections in, hyper under, a poem endpoint above.
//!
//! Owns every HTTP connection's task. poem's own loop has no header timeout, no cap on connections and retries
//! failed accepts without a pause. Never looks at a request.

mod linger;

use std::convert::Infallible;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use hyper_util::rt::TokioTimer;
use poem::Addr;
use poem::Endpoint;
use poem::EndpointExt;
use poem::IntoEndpoint;
use poem::Response;
use poem::http::uri::Scheme;
use poem::web::LocalAddr;
use poem::web::RemoteAddr;
use tokio::net::TcpListener;
use tokio::net::TcpStream;
use tokio::runtime::Handle;
use tokio::sync::Semaphore;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::debug;
use tracing::warn;

use crate::accept::linger::Ending;
use crate::accept::linger::Lingering;
use crate::config::Limits;

/// The most headers a request may have.
const MAX_HEADERS: usize = 64;
/// The longest pause after an accept that failed, as it does when file descriptors run out.
const MAX_PAUSE: Duration = Duration::from_secs(1);

/// Serves connections until `stop` is cancelled, then waits for the requests under way, at most `grace`.
pub async fn serve(
    listener: TcpListener,
    endpoint: impl IntoEndpoint<Endpoint: 'static>,
    limits: &Limits,
    stop: CancellationToken,
    grace: Duration,
) {
    let endpoint: Arc<dyn poem::endpoint::DynEndpoint<Output = Response>> = Arc::new(
        poem::endpoint::ToDynEndpoint(endpoint.into_endpoint().map_to_response()),
    );
    let permits = Arc::new(Semaphore::new(limits.connections));
    let connections = TaskTracker::new();
    let ending = Ending {
        tasks: connections.clone(),
        places: Arc::new(Semaphore::new(limits.connections)),
        stop: stop.clone(),
        runtime: Handle::current(),
    };
    let mut pause = Duration::from_millis(5);
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(limits.head_timeout)
        .max_headers(MAX_HEADERS)
        .max_buf_size(limits.head_bytes.max(8192) * 2);
    loop {
        let permit = tokio::select! {
            () = stop.cancelled() => break,
            permit = Arc::clone(&permits).acquire_owned() => permit,
        };
        let accepted = tokio::select! {
            () = stop.cancelled() => break,
            accepted = listener.accept() => accepted,
        };
        let (stream, remote) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                warn!(%error, "a connection could not be accepted");
                sleep(pause).await;
                pause = (pause * 2).min(MAX_PAUSE);
                continue;
            }
        };
        pause = Duration::from_millis(5);
        let connection = connection(
            http.clone(),
            (stream, ending.clone()),
            remote,
            Arc::clone(&endpoint),
            stop.clone(),
        );
        connections.spawn(async move {
            connection.await;
            drop(permit);
        });
    }
    drop(listener);
    connections.close();
    let _ = tokio::time::timeout(grace, connections.wait()).await;
}

fn connection(
    http: http1::Builder,
    (stream, ending): (TcpStream, Ending),
    remote: SocketAddr,
    endpoint: Arc<dyn poem::endpoint::DynEndpoint<Output = Response>>,
    stop: CancellationToken,
) -> impl Future<Output = ()> {
    // Without it the second of two small frames waits for the first one's acknowledgement (Nagle).
    let _ = stream.set_nodelay(true);
    let local = stream.local_addr().unwrap_or(remote);
    let service = service_fn(move |request: hyper::Request<Incoming>| {
        let endpoint = Arc::clone(&endpoint);
        async move {
            let request = (
                request,
                LocalAddr(Addr::from(local)),
                RemoteAddr(Addr::from(remote)),
                Scheme::HTTP,
            )
                .into();
            let response = match endpoint.call(request).await {
                Ok(response) => response,
                Err(error) => error.into_response(),
            };
            Ok::<_, Infallible>(hyper::Response::from(response))
        }
    });
    async move {
        let mut served = pin!(
            http.serve_connection(TokioIo::new(Lingering::new(stream, ending)), service)
                .with_upgrades()
        );
        let result = tokio::select! {
            result = served.as_mut() => result,
            () = stop.cancelled() => {
                served.as_mut().graceful_shutdown();
                served.await
            }
        };
        if let Err(error) = result {
            debug!(%error, "connection ended");
        }
    }
}
