//! The frames of a session that may be taken up again, for the crate `fuzz`.

use poem::web::websocket::Message as Frame;

use super::outgoing::Hoard;
use super::outgoing::Outgoing;
use crate::config::Limits;

/// What a bridge writes and keeps for one browser.
#[derive(Debug)]
pub struct Kept(Outgoing);

impl Kept {
    /// Counts and keeps from the first frame on.
    pub fn new(limits: &Limits) -> Self {
        let mut outgoing = Outgoing::new(limits, Hoard::default());
        outgoing.keep();
        Self(outgoing)
    }

    /// A frame for the browser.
    pub fn push(&mut self, text: String) {
        self.0.push(text);
    }

    /// The next frame to be written.
    pub fn write(&mut self) -> Option<String> {
        match self.0.next()? {
            Frame::Text(text) => Some(text),
            Frame::Binary(_) | Frame::Ping(_) | Frame::Pong(_) | Frame::Close(_) => None,
        }
    }

    /// The browser says that it has so many.
    pub fn acknowledge(&mut self, received: u64) {
        self.0.acknowledge(received);
    }

    /// The browser comes back and says that it has so many; whether it goes on there.
    pub fn recover(&mut self, received: u64) -> bool {
        self.0.recover(received)
    }

    /// Another page begins anew.
    pub fn restart(&mut self) {
        self.0.restart();
    }
}
