//! The server's own sockets, giving back what they get: what `cargo xtask autobahn` attacks.
//! Prints where it listens, and ends with its standard input.

use std::io::Write;

use footbridge::accept::Door;
use footbridge::accept::serve;
use footbridge::config::Limits;
use footbridge::http::echo;
use tokio::io::AsyncReadExt;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    writeln!(std::io::stdout(), "{}", listener.local_addr()?)?;
    let limits = Limits::default();
    let stop = CancellationToken::new();
    let door = Door {
        listener,
        tls: None,
        behind_proxy: false,
        limits: &limits,
        stop: stop.clone(),
    };
    let ended = async {
        let outcome = tokio::io::stdin().read_to_end(&mut Vec::new()).await;
        stop.cancel();
        outcome
    };
    tokio::join!(serve(door, echo(&limits)), ended).1.map(drop)
}
