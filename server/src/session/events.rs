//! What a session does about one event: of the MCP server, of the browser, or of the clock.

use footbridge_shared::fault::Fault;
use footbridge_shared::fault::FaultCode;
use tokio::time::Instant;

use super::Session;
use super::browser::Heard;
use super::frames;
use super::link::Link;
use super::sockets::Parting;
use crate::bridge::Event;
use crate::meters;
use crate::upstream::FromUpstream;

impl Session {
    pub(super) fn on_upstream(
        &mut self,
        mut item: Option<FromUpstream>,
        link: &mut Link,
    ) -> Option<Fault> {
        loop {
            let reason = match item {
                Some(FromUpstream::Message(message)) => {
                    self.passed();
                    self.decide(Event::Upstream(message))
                }
                Some(FromUpstream::Stderr(line)) => self.decide(Event::Stderr(line)),
                Some(FromUpstream::Failed { id, fault }) => {
                    self.decide(Event::Failed { id, fault })
                }
                Some(FromUpstream::Forgotten(message)) => self.decide(Event::Forgotten(message)),
                Some(FromUpstream::Reconnected(fault)) => self.decide(Event::Reconnected(fault)),
                Some(FromUpstream::Gone(fault)) => {
                    let exit = fault.data.as_deref().cloned();
                    self.vitals
                        .snapshot
                        .send_modify(|snapshot| snapshot.exit = exit);
                    self.decide(Event::Gone(fault))
                }
                None => self.decide(Event::Ended(Fault::new(
                    FaultCode::UpstreamExited,
                    "The MCP server is gone.",
                ))),
            };
            if reason.is_some() || self.wants_respawn || !self.line.may_take() {
                return reason;
            }
            // What has arrived meanwhile goes out with the same write.
            item = Some(link.try_receive()?);
        }
    }

    pub(super) fn on_browser(&mut self, heard: Heard) -> Option<Fault> {
        match heard {
            Heard::Text(text) if text.len() > self.limits.frame_bytes => self.too_large(),
            Heard::Text(text) => {
                self.passed();
                self.vitals.pulse.from_browser.count(text.len());
                let turn = frames::read(text, &mut self.dialect, &self.limits);
                self.line.held_more(turn.inbound.len().saturating_sub(1));
                self.carry_out(turn)
            }
            Heard::Acknowledged => {
                self.on_acknowledged();
                None
            }
            Heard::Wrote | Heard::Paused => None,
            Heard::Left(Parting::Lost) if self.is_resumable() => self.detach(),
            Heard::Left(_) => self.decide(Event::Ended(Fault::new(
                FaultCode::SessionEnded,
                "The browser left.",
            ))),
            Heard::TooLarge => self.too_large(),
        }
    }

    fn too_large(&mut self) -> Option<Fault> {
        meters::reached("frame_bytes");
        let limit = self.limits.frame_bytes;
        let sentence = format!("A frame may have at most {limit} bytes.");
        let hint = "Send less at once, or raise limits.frame_bytes.";
        let fault = Fault::new(FaultCode::FrameTooLarge, sentence).hint(hint);
        self.decide(Event::Ended(fault))
    }

    pub(super) fn on_due(&mut self, life_ends: Instant) -> Option<Fault> {
        let now = Instant::now();
        let is_read = self.outbox.is_empty() && self.line.has_room();
        if let Err(fault) = self.line.check(now, is_read) {
            if fault.code == FaultCode::BrowserStalled && self.is_resumable() {
                return self.detach();
            }
            return self.decide(Event::Ended(fault));
        }
        if self.gone_by.is_some_and(|by| now >= by) {
            return self.give_up();
        }
        if now >= life_ends {
            meters::reached("session_life");
            return self.decide(Event::Ended(Fault::new(
                FaultCode::SessionIdle,
                "The session has reached its longest life.",
            )));
        }
        if now >= self.last_message + self.limits.idle_timeout {
            meters::reached("idle_timeout");
            return self.decide(Event::Ended(Fault::new(
                FaultCode::SessionIdle,
                "No message passed for too long.",
            )));
        }
        self.decide(Event::Due)
    }
}
