//! The way back to a session whose socket was lost.

use std::net::IpAddr;

use footbridge_shared::fault::Fault;
use footbridge_shared::fault::FaultCode;
use footbridge_shared::params::Secret;
use tokio::sync::mpsc;

use crate::config::Limits;
use crate::principal::Principal;
use crate::session::Attachment;
use crate::session::Place;
use crate::session::Socket;
use crate::session::Taken;

/// The way back to a session whose socket was lost.
#[derive(Debug)]
pub struct WayBack {
    /// Whose session it is.
    pub principal: Principal,
    /// The limits of its server, where it has its own.
    pub limits: Option<Limits>,
    pub(super) attach: mpsc::Sender<Attachment>,
    pub(super) token: Secret,
}

impl WayBack {
    /// Gives the session another socket; the one that it replaces, if there still was one.
    ///
    /// # Errors
    /// The fault and the socket, when the session has ended meanwhile.
    pub async fn take(
        self,
        socket: Socket,
        peer: Option<IpAddr>,
        place: Place,
    ) -> Result<Option<Socket>, (Fault, Socket)> {
        let (attachment, taken) = Attachment::new(socket, self.token, peer, place);
        if let Err(unsent) = self.attach.send(attachment).await {
            return Err((session_over(), unsent.0.into_socket()));
        }
        match taken.await {
            Ok(Taken::Instead(replaced)) => Ok(replaced),
            Ok(Taken::TooLate(socket)) => Err((taken_over(), socket)),
            // A session that ends now takes both sockets with it.
            Err(_) => Ok(None),
        }
    }
}

/// Why a socket is closed that another one has displaced.
pub fn taken_over() -> Fault {
    Fault::new(
        FaultCode::TakenOver,
        "Another socket has taken the session up.",
    )
}

pub(super) fn session_over() -> Fault {
    Fault::new(
        FaultCode::SessionUnknown,
        "The session is over, or this token does not open it.",
    )
    .hint("Connect anew; what was in flight may or may not have run.")
}
