//! A session that loses its browser and gets it back.
//!
//! Never judges whether a token is good: that has been done when a socket arrives here.

use chrono::Utc;
use footbridge_shared::api::SessionState;
use footbridge_shared::fault::Fault;
use footbridge_shared::fault::FaultCode;
use footbridge_shared::params::Secret;
use tokio::time::Instant;

use super::Session;
use super::resume::Attachment;
use super::resume::Taken;
use super::resume::Tokens;
use crate::audit;
use crate::audit::Record;
use crate::bridge::Event;
use crate::config::token;
use crate::dialect::Outbound;
use crate::dialect::Turn;
use crate::dialect::WayBack;
use crate::meters;

impl Session {
    /// What the session is doing, as the outside may see it.
    pub(super) fn state(&self) -> SessionState {
        let state = self.bridge.state();
        if state == SessionState::Closing || self.line.is_attached() {
            state
        } else {
            SessionState::Detached
        }
    }

    /// Whether the browser can come back.
    pub(super) fn is_resumable(&self) -> bool {
        !self.vitals.tokens.borrow().is_empty()
    }

    /// The browser wants to be able to come back.
    pub(super) fn become_resumable(&mut self) -> Option<Fault> {
        if self.is_resumable() {
            return None;
        }
        let way_back = match self.way_back(None) {
            Ok(way_back) => way_back,
            Err(fault) => return self.decide(Event::Ended(fault)),
        };
        self.bridge.keep_asks(self.limits.resume_bytes);
        let reason = self.tell(Outbound::Resumable(way_back));
        self.line.keep();
        reason
    }

    /// How the browser comes back the next time.
    fn way_back(&self, presented: Option<Secret>) -> Result<WayBack, Fault> {
        let token = token::random()
            .map_err(|_| Fault::new(FaultCode::Internal, "The system gives no random bytes."))?;
        self.vitals
            .tokens
            .send_modify(|tokens| tokens.rotate(token.clone(), presented));
        Ok(WayBack {
            token,
            window: self.limits.resume_window,
        })
    }

    /// The socket is lost; the session waits.
    pub(super) fn detach(&mut self) -> Option<Fault> {
        drop(self.line.detach());
        self.gone_by = Some(Instant::now() + self.limits.resume_window);
        meters::detached();
        audit::record(&Record::SessionDetached {
            session: &self.id,
            principal: &self.principal,
        });
        None
    }

    /// Nobody came back in time.
    pub(super) fn give_up(&mut self) -> Option<Fault> {
        meters::reached("resume_window");
        self.decide(Event::Ended(Fault::new(
            FaultCode::SessionEnded,
            "The browser did not come back in time.",
        )))
    }

    /// A socket is there whose token was good.
    pub(super) fn on_attached(&mut self, attachment: Attachment) -> Option<Fault> {
        let Attachment {
            socket,
            presented,
            peer,
            place,
            taken,
        } = attachment;
        let is_late = place
            .attempt
            .is_some_and(|attempt| Some(attempt) <= self.last_attempt);
        // Whoever waits for either answer has gone when it cannot be given, and the socket with them.
        if is_late || !self.vitals.tokens.borrow().open(&presented) {
            let _ = taken.send(Taken::TooLate(socket));
            return None;
        }
        self.last_attempt = place.attempt.or(self.last_attempt);
        let _ = taken.send(Taken::Instead(self.line.detach()));
        self.gone_by = None;
        let recovered = self.line.attach(socket, place.received, Instant::now());
        let way_back = match self.way_back(Some(presented)) {
            Ok(way_back) => way_back,
            Err(fault) => return self.decide(Event::Ended(fault)),
        };
        let mut turn = Turn::default();
        let resumed = Outbound::Resumed {
            recovered,
            received: self.line.tell_received(),
            way_back,
        };
        self.dialect.encode(resumed, Utc::now(), &mut turn);
        for frame in turn.unnumbered.into_iter().rev() {
            self.vitals.pulse.to_browser.count(frame.len());
            self.line.push_first(frame);
        }
        meters::resumed(recovered);
        audit::record(&Record::SessionResumed {
            session: &self.id,
            principal: &self.principal,
            peer,
            recovered,
        });
        self.publish();
        if recovered {
            None
        } else {
            self.decide(Event::Returned)
        }
    }

    /// The browser has shown that it has what it was sent, the last token too.
    pub(super) fn on_acknowledged(&self) {
        self.vitals.tokens.send_if_modified(Tokens::confirm);
    }

    /// Tells the browser how far it was heard, when that is due.
    pub(super) fn acknowledge(&mut self) {
        if let Some(received) = self.line.take_ack() {
            let _ = self.tell(Outbound::Ack(received));
        }
    }
}
