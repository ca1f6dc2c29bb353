//! Says on a socket why it gets no session.

use std::io;
use std::time::Duration;

use chrono::Utc;
use footbridge_shared::api::Transport;
use footbridge_shared::fault::Fault;
use futures_util::SinkExt;
use futures_util::StreamExt;
use poem::web::websocket::CloseCode;
use poem::web::websocket::Message as Frame;
use tokio::time::timeout;

use crate::dialect::Dialect;
use crate::dialect::DialectName;
use crate::dialect::Failure;
use crate::dialect::Outbound;
use crate::dialect::Turn;
use crate::meters;
use crate::session::Socket;

/// Says why in the words of the dialect, closes, and reads to the end so that the code arrives; for so long at most.
pub(super) async fn farewell(
    mut stream: Socket,
    fault: Fault,
    (dialect, session_id): (DialectName, String),
    limit: Duration,
) {
    meters::fault(fault.code);
    let mut turn = Turn::default();
    let close = Frame::Close(Some((
        CloseCode::from(fault.code.close_code()),
        short(&fault.message),
    )));
    let failure = Failure {
        fault,
        during_handshake: false,
    };
    Dialect::new(dialect, &session_id, Transport::Stdio).encode(
        Outbound::Failed(failure),
        Utc::now(),
        &mut turn,
    );
    let said = async {
        for frame in turn.to_browser.into_iter().chain(turn.unnumbered) {
            stream.send(Frame::Text(frame)).await?;
        }
        stream.send(close).await?;
        while let Some(Ok(_)) = stream.next().await {}
        stream.close().await
    };
    let said: Result<io::Result<()>, _> = timeout(limit, said).await;
    // Otherwise it was said, or the page is gone already.
    if said.is_err() {
        meters::reached("close_timeout");
    }
}

fn short(message: &str) -> String {
    message.chars().take(100).filter(char::is_ascii).collect()
}
