//! Getting an MCP server ready: which era it is of, which revision it speaks, what it says of itself.
//!
//! Asks `server/discover` first and falls back to `initialize` (MCP 2026-07-28, basic/versioning, era detection).
//! Never relays a call.

mod greeting;
mod profile;

use std::time::Duration;

use footbridge_shared::api::Transport;
use footbridge_shared::fault::Fault;
use footbridge_shared::fault::FaultCode;
use footbridge_shared::rpc;
use footbridge_shared::rpc::Id;
use footbridge_shared::rpc::Message;
use footbridge_shared::rpc::Notification;
use footbridge_shared::rpc::Request;
use footbridge_shared::rpc::Response;
use tokio::time::Instant;

use super::calls::Calls;
use crate::dialect::Greeting;
use crate::meters;
pub(super) use greeting::of_discover;
pub(super) use greeting::of_initialize;
pub use profile::Profile;
use profile::code;
use profile::offers_modern;

/// The session revisions: the one proposed, and the older ones accepted.
pub(super) const LEGACY: [&str; 4] = ["2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05"];

/// The stateless revision.
pub(super) const MODERN: &str = "2026-07-28";

/// MCP 2026-07-28, basic: error codes with a meaning of their own.
const HEADER_MISMATCH: i64 = -32020;
const MISSING_CAPABILITY: i64 = -32021;
const UNSUPPORTED_VERSION: i64 = -32022;

/// Which era a server is of: worth remembering for the next session with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It wants `initialize`.
    Legacy,
    /// It knows `server/discover`.
    Modern,
}

/// What the handshake is for.
#[derive(Debug)]
pub(super) enum Purpose {
    /// The server is new.
    First,
    /// The server has forgotten us.
    Renewal,
    /// The server refused the browser's own `initialize`, with this answer: it may know only the stateless revision.
    Rescue(Response),
}

/// A handshake under way.
#[derive(Debug)]
pub(super) struct Handshake {
    pub(super) purpose: Purpose,
    profile: Profile,
    /// The params of `initialize`.
    params: String,
    label: String,
    patience: Option<Duration>,
    probe: Probe,
    probe_due: Option<Instant>,
    initialize: Option<Id>,
    /// Found while `initialize` was under way.
    discovered: Option<Greeting>,
    may_respawn: bool,
    verdict: Option<Verdict>,
}

#[derive(Debug)]
enum Probe {
    /// To be sent first.
    Wanted,
    /// Only if `initialize` fails.
    Spare,
    Sent {
        id: Id,
        is_second: bool,
    },
    Done,
}

/// What comes next.
#[derive(Debug)]
pub(super) enum Step {
    /// Nothing yet; a message is for the browser, once it may hear it.
    Wait(Option<Message>),
    /// This goes to the MCP server.
    Send(Message),
    /// The server is ready, once it has heard the last word.
    Ready {
        greeting: Greeting,
        last: Option<Message>,
    },
    /// The server cannot be used.
    Failed(Fault),
}

impl Handshake {
    /// With a new server, or with one of a known era.
    pub(super) fn first(
        profile: Profile,
        label: &str,
        transport: Transport,
        known: Option<Verdict>,
        patience: Duration,
    ) -> Self {
        let probe = match (transport, known) {
            // HTTP+SSE is a transport of the session revisions alone.
            (Transport::Sse, _) => Probe::Done,
            (Transport::Stdio | Transport::Http, Some(Verdict::Legacy)) => Probe::Spare,
            (Transport::Stdio | Transport::Http, Some(Verdict::Modern) | None) => Probe::Wanted,
        };
        let params = format!(
            r#"{{"protocolVersion":"{}","capabilities":{},"clientInfo":{}}}"#,
            LEGACY[0], profile.capabilities, profile.client_info
        );
        Self {
            purpose: Purpose::First,
            profile,
            params,
            label: label.to_owned(),
            patience: (transport == Transport::Stdio).then_some(patience),
            probe,
            probe_due: None,
            initialize: None,
            discovered: None,
            may_respawn: transport == Transport::Stdio,
            verdict: None,
        }
    }

    /// With a server that forgot the session which these params of `initialize` began.
    pub(super) fn renewal(profile: Profile, params: String, label: &str) -> Self {
        let mut handshake = Self::first(profile, label, Transport::Sse, None, Duration::ZERO);
        handshake.purpose = Purpose::Renewal;
        handshake.params = params;
        handshake
    }

    /// With a server that refused the browser's own `initialize`.
    pub(super) fn rescue(profile: Profile, label: &str, refusal: Response) -> Self {
        let mut handshake = Self::first(profile, label, Transport::Http, None, Duration::ZERO);
        handshake.purpose = Purpose::Rescue(refusal);
        handshake
    }

    pub(super) fn profile(&self) -> &Profile {
        &self.profile
    }

    pub(super) fn params(&self) -> &str {
        &self.params
    }

    /// The first message; also after the server was started anew or reached anew.
    pub(super) fn open(&mut self, calls: &mut Calls, now: Instant) -> Message {
        self.initialize = None;
        match self.probe {
            Probe::Wanted | Probe::Sent { .. } => self.discover(calls, now, false),
            Probe::Spare | Probe::Done => self.greet(calls),
        }
    }

    fn discover(&mut self, calls: &mut Calls, now: Instant, is_second: bool) -> Message {
        let id = calls.next_id();
        let meta: Vec<String> = self
            .profile
            .meta()
            .iter()
            .map(|(name, value)| format!("\"{name}\":{value}"))
            .collect();
        let params = format!(r#"{{"_meta":{{{}}}}}"#, meta.join(","));
        self.probe = Probe::Sent {
            id: id.clone(),
            is_second,
        };
        self.probe_due = self.patience.map(|patience| now + patience);
        Request::new(id, "server/discover", Some(&params)).into()
    }

    fn greet(&mut self, calls: &mut Calls) -> Message {
        let id = calls.next_id();
        self.initialize = Some(id.clone());
        Request::new(id, "initialize", Some(&self.params)).into()
    }

    /// When [`Self::on_due`] is next needed.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.probe_due
    }

    /// The server has had its time for the probe: it may be one that never answers what it does not know.
    pub(super) fn on_due(&mut self, calls: &mut Calls, now: Instant) -> Option<Message> {
        self.probe_due.take_if(|due| *due <= now)?;
        meters::reached("probe_timeout");
        Some(self.greet(calls))
    }

    /// Whether a server that has just ended may be started again: some end at a request they do not know.
    pub(super) fn may_respawn(&mut self) -> bool {
        let may = self.may_respawn
            && self.initialize.is_none()
            && matches!(self.probe, Probe::Sent { .. });
        if may {
            self.may_respawn = false;
            self.probe = Probe::Done;
            self.probe_due = None;
            self.verdict = Some(Verdict::Legacy);
        }
        may
    }

    /// What to remember of a server that is ready.
    pub(super) fn verdict(&self) -> Option<Verdict> {
        self.verdict
    }

    pub(super) fn on_message(&mut self, message: Message, calls: &mut Calls, now: Instant) -> Step {
        match message {
            Message::Response(response) => self.on_response(&response, calls, now),
            Message::Request(request) if request.method() == "ping" => {
                Step::Send(Response::result(request.id().clone(), "{}").into())
            }
            message @ (Message::Request(_) | Message::Notification(_)) => Step::Wait(Some(message)),
        }
    }

    /// Whether an answer under this id is for the handshake. One without an id answers what is under way.
    pub(super) fn awaits(&self, id: Option<&Id>) -> bool {
        id.is_none() || id == self.initialize.as_ref() || self.is_probe(id)
    }

    fn is_probe(&self, id: Option<&Id>) -> bool {
        matches!(&self.probe, Probe::Sent { id: probe, .. } if Some(probe) == id)
    }

    fn on_response(&mut self, response: &Response, calls: &mut Calls, now: Instant) -> Step {
        let is_anonymous = response.id().is_none();
        if self.is_probe(response.id()) || (is_anonymous && self.initialize.is_none()) {
            self.on_probed(response.outcome(), calls, now)
        } else if is_anonymous || response.id() == self.initialize.as_ref() {
            self.on_greeted(response.outcome(), calls, now)
        } else {
            Step::Wait(None)
        }
    }

    fn on_probed(&mut self, outcome: Result<&str, &str>, calls: &mut Calls, now: Instant) -> Step {
        let was_second = matches!(
            self.probe,
            Probe::Sent {
                is_second: true,
                ..
            }
        );
        self.probe = Probe::Done;
        self.probe_due = None;
        match outcome {
            Ok(result) => match of_discover(result, &self.label) {
                // The server is of both eras or of the new one; the answer to `initialize` will tell.
                Some(greeting) if self.initialize.is_some() => {
                    self.discovered = Some(greeting);
                    Step::Wait(None)
                }
                Some(greeting) => self.ready_modern(greeting),
                None => self.fall_back(calls),
            },
            Err(error) => match code(error) {
                Some(UNSUPPORTED_VERSION) if offers_modern(error) && !was_second => {
                    Step::Send(self.discover(calls, now, true))
                }
                Some(HEADER_MISMATCH | MISSING_CAPABILITY) => Step::Failed(refused(error)),
                _ => self.fall_back(calls),
            },
        }
    }

    fn fall_back(&mut self, calls: &mut Calls) -> Step {
        if self.initialize.is_some() {
            return Step::Wait(None);
        }
        match &self.purpose {
            Purpose::First | Purpose::Renewal => {
                self.verdict = Some(Verdict::Legacy);
                Step::Send(self.greet(calls))
            }
            Purpose::Rescue(_) => Step::Failed(Fault::new(
                FaultCode::UpstreamRefused,
                "The MCP server refused the handshake.",
            )),
        }
    }

    fn ready_modern(&mut self, greeting: Greeting) -> Step {
        self.verdict = Some(Verdict::Modern);
        Step::Ready {
            greeting,
            last: None,
        }
    }

    fn on_greeted(&mut self, outcome: Result<&str, &str>, calls: &mut Calls, now: Instant) -> Step {
        match outcome.map(of_initialize) {
            Ok(Ok(greeting)) if LEGACY.contains(&greeting.protocol_version.as_str()) => Step::Ready {
                greeting,
                last: Some(Notification::new("notifications/initialized", None).into()),
            },
            Ok(Ok(greeting)) => Step::Failed(
                Fault::new(
                    FaultCode::UpstreamRefused,
                    format!(
                        "The MCP server speaks protocol revision {:?}, which Footbridge does not know.",
                        greeting.protocol_version
                    ),
                )
                .hint(format!("Known revisions: {MODERN}, {}.", LEGACY.join(", "))),
            ),
            Ok(Err(_)) => Step::Failed(Fault::new(
                FaultCode::UpstreamRefused,
                "The MCP server's answer to initialize is not an InitializeResult.",
            )),
            Err(error) => self.on_not_greeted(refused(error), calls, now),
        }
    }

    /// `initialize` failed: an assumption about the server may have been wrong.
    fn on_not_greeted(&mut self, fault: Fault, calls: &mut Calls, now: Instant) -> Step {
        if let Some(greeting) = self.discovered.take() {
            return self.ready_modern(greeting);
        }
        match self.probe {
            Probe::Spare => {
                self.initialize = None;
                Step::Send(self.discover(calls, now, false))
            }
            Probe::Sent { .. } => {
                self.initialize = None;
                Step::Wait(None)
            }
            Probe::Wanted | Probe::Done => Step::Failed(fault),
        }
    }

    /// A request will not be answered; `None` when it is none of the handshake's.
    pub(super) fn on_failed(
        &mut self,
        id: &Id,
        fault: Fault,
        calls: &mut Calls,
        now: Instant,
    ) -> Option<Step> {
        if self.is_probe(Some(id)) {
            self.probe = Probe::Done;
            self.probe_due = None;
            return Some(if is_era(fault.code) {
                self.fall_back(calls)
            } else {
                Step::Failed(fault)
            });
        }
        (self.initialize.as_ref() == Some(id)).then(|| self.on_not_greeted(fault, calls, now))
    }
}

/// Whether a failure may come from asking a server of one era in the words of the other.
pub(super) fn is_era(code: FaultCode) -> bool {
    matches!(
        code,
        FaultCode::UpstreamNotFound | FaultCode::UpstreamRejected | FaultCode::UpstreamNotMcp
    )
}

fn refused(error: &str) -> Fault {
    let said = rpc::member(error, "message")
        .and_then(|at| serde_json::from_str::<String>(&error[at]).ok());
    Fault::new(
        FaultCode::UpstreamRefused,
        format!(
            "The MCP server refused the handshake: {}",
            said.as_deref().unwrap_or("it gave no reason")
        ),
    )
}
