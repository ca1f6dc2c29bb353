//! The accept loop: connections in, TLS and hyper under, a poem endpoint above.
//!
//! Owns every HTTP connection's task. poem's own loop has no header timeout, no cap on connections and retries
//! failed accepts without a pause. Never looks at what a request asks for.

mod connection;
mod peers;

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;
use std::time::Duration;

use hyper::body::Body;
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
use poem::http::HeaderValue;
use poem::http::header;
use poem::http::uri::Scheme;
use poem::web::LocalAddr;
use poem::web::RemoteAddr;
use tokio::io::AsyncRead;
use tokio::io::AsyncWrite;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;
use tokio::runtime::Handle;
use tokio::sync::OwnedSemaphorePermit;
use tokio::sync::Semaphore;
use tokio::time::Instant;
use tokio::time::sleep;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::debug;
use tracing::warn;

use crate::config::Limits;
use crate::meters;
use connection::Connection;
use connection::Ending;
use peers::Peers;
use peers::Place;
use peers::is_anyone;
use peers::is_this_machine;

/// The longest pause after an accept that failed, as it does when file descriptors run out.
const MAX_PAUSE: Duration = Duration::from_secs(1);

/// What a peer is told that has too many connections.
const TOO_MANY: &[u8] =
    b"HTTP/1.1 429 Too Many Requests\r\nretry-after: 5\r\nconnection: close\r\n\
    content-type: text/plain\r\ncontent-length: 38\r\n\r\nToo many connections from one address.";

type App = Arc<dyn poem::endpoint::DynEndpoint<Output = Response>>;

/// How connections are taken.
pub struct Door<'a> {
    /// Where from.
    pub listener: TcpListener,
    /// What shakes hands; `None` for plain HTTP.
    pub tls: Option<TlsAcceptor>,
    /// Whether every connection comes from the one address of a proxy.
    pub behind_proxy: bool,
    /// The bounds.
    pub limits: &'a Limits,
    /// Ends the loop.
    pub stop: CancellationToken,
}

impl std::fmt::Debug for Door<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Door")
            .field("listener", &self.listener)
            .finish_non_exhaustive()
    }
}

/// What every connection is served with.
#[derive(Clone)]
struct House {
    http: http1::Builder,
    app: App,
    tls: Option<TlsAcceptor>,
    head_timeout: Duration,
    close_timeout: Duration,
    stop: CancellationToken,
}

/// Serves connections until the door is told to stop, then waits for the requests under way, at most
/// `drain_timeout`.
pub async fn serve(door: Door<'_>, endpoint: impl IntoEndpoint<Endpoint: 'static>) {
    let is_exempt = if door.behind_proxy {
        is_anyone
    } else {
        is_this_machine
    };
    serve_peers(door, endpoint, is_exempt).await;
}

async fn serve_peers(
    door: Door<'_>,
    endpoint: impl IntoEndpoint<Endpoint: 'static>,
    is_exempt: fn(std::net::IpAddr) -> bool,
) {
    let Door {
        listener,
        tls,
        behind_proxy: _,
        limits,
        stop,
    } = door;
    let app: App = Arc::new(poem::endpoint::ToDynEndpoint(
        endpoint.into_endpoint().map_to_response(),
    ));
    let permits = Arc::new(Semaphore::new(limits.connections));
    let peers = Peers::new(limits.connections_per_peer, is_exempt);
    let connections = TaskTracker::new();
    let ending = Ending {
        tasks: connections.clone(),
        limit: limits.close_timeout,
        // A session's own bound on a browser that does not read, which has a close code, comes first.
        stall: limits.stall_timeout * 2,
        stop: stop.clone(),
        runtime: Handle::current(),
    };
    let mut pause = Duration::from_millis(5);
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(limits.head_timeout)
        // The gate counts exactly and says so; this only bounds what is read until then.
        .max_headers(limits.headers * 2)
        .max_buf_size(limits.head_bytes.max(8192) * 2);
    let house = House {
        http,
        app,
        tls,
        head_timeout: limits.head_timeout,
        close_timeout: limits.close_timeout,
        stop: stop.clone(),
    };
    loop {
        let permit = tokio::select! {
            () = stop.cancelled() => break,
            permit = permit(&permits) => permit,
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
        let house = house.clone();
        let connection = |peer| {
            let places = (permit, peer, meters::connection());
            Connection::new(stream, places, ending.clone())
        };
        match peers.place(remote.ip()) {
            Place::Taken(peer) => {
                connections.spawn(house.serve(connection(peer), remote));
            }
            Place::None(peer) => {
                meters::reached("connections_per_peer");
                connections.spawn(house.turn_away(connection(peer)));
            }
            Place::FarFromIt => meters::reached("connections_per_peer"),
        }
    }
    drop(listener);
    connections.close();
    if timeout(limits.drain_timeout, connections.wait())
        .await
        .is_err()
    {
        meters::reached("drain_timeout");
    }
}

/// Room for one more connection; waits until there is.
async fn permit(permits: &Arc<Semaphore>) -> Option<OwnedSemaphorePermit> {
    if let Ok(permit) = Arc::clone(permits).try_acquire_owned() {
        return Some(permit);
    }
    meters::reached("connections");
    Arc::clone(permits).acquire_owned().await.ok()
}

impl House {
    async fn serve(self, stream: Connection, remote: SocketAddr) {
        // Without it the second of two small frames waits for the first one's acknowledgement (Nagle).
        let _ = stream.tcp().map(|tcp| tcp.set_nodelay(true));
        let local = stream.tcp().and_then(|tcp| tcp.local_addr().ok());
        let local = local.unwrap_or(remote);
        let Some(tls) = self.tls.clone() else {
            return self.speak(stream, (local, remote), Scheme::HTTP).await;
        };
        let begun = Instant::now();
        let handshake = tls.accept(stream).into_fallible();
        let shaken = tokio::select! {
            shaken = timeout(self.head_timeout, handshake) => shaken,
            () = self.stop.cancelled() => return,
        };
        match shaken {
            Ok(Ok(stream)) => {
                let mut house = self;
                // The head has what the handshake left of the time for both.
                let left = house.head_timeout.saturating_sub(begun.elapsed());
                house
                    .http
                    .header_read_timeout(left.max(house.head_timeout / 10));
                house.speak(stream, (local, remote), Scheme::HTTPS).await;
            }
            Ok(Err((error, _stream))) => debug!(%error, "no TLS with this peer"),
            Err(_) => meters::reached("head_timeout"),
        }
    }

    /// Speaks HTTP until either side is done.
    async fn speak(
        self,
        stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
        (local, remote): (SocketAddr, SocketAddr),
        scheme: Scheme,
    ) {
        let (app, stop) = (self.app, self.stop);
        let has_asked = Arc::new(AtomicBool::new(false));
        let asked = Arc::clone(&has_asked);
        let service = service_fn(move |request: hyper::Request<Incoming>| {
            let app = Arc::clone(&app);
            let scheme = scheme.clone();
            asked.store(true, Ordering::Relaxed);
            async move {
                let has_body = !request.body().is_end_stream();
                let request = (
                    request,
                    LocalAddr(Addr::from(local)),
                    RemoteAddr(Addr::from(remote)),
                    scheme,
                )
                    .into();
                let response = match app.call(request).await {
                    Ok(response) => response,
                    Err(error) => error.into_response(),
                };
                let mut response = hyper::Response::from(response);
                // What is refused before its body was read takes the connection with it: whoever asks must not be
                // left to find that out with the next request.
                if has_body && response.status().as_u16() >= 400 {
                    let close = HeaderValue::from_static("close");
                    response.headers_mut().insert(header::CONNECTION, close);
                }
                Ok::<_, Infallible>(response)
            }
        });
        let mut served = pin!(
            self.http
                .serve_connection(TokioIo::new(stream), service)
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
            // A connection that is kept for a next request and gets none ends the same way; nothing is amiss then.
            if error.is_timeout() && !has_asked.load(Ordering::Relaxed) {
                meters::reached("head_timeout");
            } else if error.is_parse_too_large() {
                meters::reached("head_bytes");
            }
            debug!(%error, "connection ended");
        }
    }

    /// Tells a peer that it has too many connections. With TLS that would take a handshake, so it is only closed.
    async fn turn_away(self, mut stream: Connection) {
        if self.tls.is_none() {
            let _ = timeout(self.close_timeout, stream.write_all(TOO_MANY)).await;
        }
    }
}

#[cfg(test)]
mod tests;
