//! How a browser spells messages on its socket.
//!
//! Owns the translation between frames and what they mean, and what must be remembered to spell it.
//! Never decides what a message is for, and never sees a socket or a clock.

mod mcp;
mod native;
mod studio;

use std::sync::Arc;
use std::time::Duration;

use chrono::DateTime;
use chrono::Utc;
use footbridge_shared::api::Era;
use footbridge_shared::api::SessionState;
use footbridge_shared::api::Transport;
use footbridge_shared::control::MCP_SUBPROTOCOL;
use footbridge_shared::control::NATIVE_SUBPROTOCOL;
use footbridge_shared::fault::Fault;
use footbridge_shared::fault::FaultCode;
use footbridge_shared::params::Secret;
use footbridge_shared::rpc;
use footbridge_shared::rpc::Id;
use footbridge_shared::rpc::Malformed;
use footbridge_shared::rpc::Message;
use serde_json::value::RawValue;

use crate::meters;
pub use native::Kind;
pub use native::kind;

/// What a browser said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Inbound {
    /// A JSON-RPC message.
    Message(Message),
    /// It wants lines of standard error, or no longer does.
    Stderr(bool),
    /// It wants the session to outlive its socket.
    Resumable,
}

/// What the bridge says.
#[derive(Clone, Debug)]
pub enum Outbound {
    /// A JSON-RPC message.
    Message(Message),
    /// The session entered a state.
    State(SessionState),
    /// The MCP server is ready.
    Initialized(Arc<Greeting>),
    /// A line of the server's standard error.
    Stderr(String),
    /// A request of the MCP server was not answered in time and has been withdrawn.
    Withdrawn(Id),
    /// The session now outlives its socket.
    Resumable(WayBack),
    /// The browser is back.
    Resumed {
        /// Whether both go on where they were.
        recovered: bool,
        /// How many of the browser's numbered frames have arrived.
        received: u64,
        /// For the next time.
        way_back: WayBack,
    },
    /// So many of the browser's numbered frames have arrived.
    Ack(u64),
    /// The bridge is going away.
    Draining,
    /// What ends the session.
    Failed(Failure),
}

/// How a browser comes back to its session.
#[derive(Clone, Debug)]
pub struct WayBack {
    /// The token that opens it.
    pub token: Secret,
    /// How long the session waits without a socket.
    pub window: Duration,
}

/// What ends a session, and how far the MCP server had got.
#[derive(Clone, Debug)]
pub struct Failure {
    /// What went wrong.
    pub fault: Fault,
    /// Whether the handshake had begun and was not finished.
    pub during_handshake: bool,
}

/// What an MCP server says of itself, as the text it said it in.
#[derive(Debug)]
pub struct Greeting {
    /// Its capabilities: an object.
    pub capabilities: Box<RawValue>,
    /// Its name and version.
    pub server_info: Option<Box<RawValue>>,
    /// How to use it: a string.
    pub instructions: Option<Box<RawValue>>,
    /// The negotiated revision.
    pub protocol_version: String,
    /// Which family of revisions that is of.
    pub era: Era,
    /// The whole `InitializeResult`.
    pub result: Box<RawValue>,
}

/// Which words are spoken on a socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DialectName {
    /// AutoGen Studio's envelope and bare JSON-RPC, each answered in kind.
    Studio,
    /// Pure JSON-RPC for stock MCP SDK clients, which do their own `initialize`.
    Mcp,
    /// JSON-RPC plus control frames.
    Native,
}

impl DialectName {
    /// Every dialect.
    pub const ALL: [Self; 3] = [Self::Studio, Self::Mcp, Self::Native];

    /// The dialect's name in logs and status.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Studio => "studio",
            Self::Mcp => "mcp",
            Self::Native => "native",
        }
    }

    /// The dialect of a socket that offers these subprotocols; `None` when it offers only unknown ones.
    pub fn choose(offered: &[&str]) -> Option<Self> {
        let offers = |name| offered.contains(&name);
        if offers(NATIVE_SUBPROTOCOL) {
            Some(Self::Native)
        } else if offers(MCP_SUBPROTOCOL) {
            Some(Self::Mcp)
        } else {
            offered.is_empty().then_some(Self::Studio)
        }
    }

    /// The subprotocol to echo.
    pub const fn subprotocol(self) -> Option<&'static str> {
        match self {
            Self::Studio => None,
            Self::Mcp => Some(MCP_SUBPROTOCOL),
            Self::Native => Some(NATIVE_SUBPROTOCOL),
        }
    }

    /// Whether the bridge does the MCP handshake; otherwise the browser does.
    pub const fn is_managed(self) -> bool {
        match self {
            Self::Studio | Self::Native => true,
            Self::Mcp => false,
        }
    }
}

/// What one frame or one message leads to, in order within each list.
#[derive(Debug, Default)]
pub struct Turn {
    /// Frames to send.
    pub to_browser: Vec<String>,
    /// Frames to send that are about the socket rather than the session: they have no number.
    pub unnumbered: Vec<String>,
    /// What the browser meant.
    pub inbound: Vec<Inbound>,
}

/// One browser's spelling, and what it must remember to spell.
#[derive(Debug)]
pub struct Dialect(Spelling);

#[derive(Debug)]
enum Spelling {
    Studio(Box<studio::Studio>),
    Mcp,
    Native(native::Native),
}

impl Dialect {
    /// The spelling of a socket that has just opened.
    pub fn new(name: DialectName, session_id: &str, transport: Transport) -> Self {
        Self(match name {
            DialectName::Studio => Spelling::Studio(Box::new(studio::Studio::new(session_id))),
            DialectName::Mcp => Spelling::Mcp,
            DialectName::Native => Spelling::Native(native::Native::new(session_id, transport)),
        })
    }

    /// Reads a frame. What is wrong with it is answered in `turn`; the session goes on.
    pub fn decode(&mut self, text: String, now: DateTime<Utc>, turn: &mut Turn) {
        match &mut self.0 {
            Spelling::Studio(studio) => studio.decode(text, now, turn),
            Spelling::Mcp => mcp::decode(text, turn),
            Spelling::Native(native) => native.decode(text, now, turn),
        }
    }

    /// Answers a frame that is not to be read, for this reason; the session goes on.
    pub fn refuse(&mut self, text: &str, why: &Malformed, now: DateTime<Utc>, turn: &mut Turn) {
        match &mut self.0 {
            Spelling::Studio(studio) => studio.refuse(text, why, now, turn),
            Spelling::Mcp | Spelling::Native(_) => turn.to_browser.push(refusal(why)),
        }
    }

    /// Spells what the bridge says; nothing when this dialect has no word for it.
    pub fn encode(&mut self, outbound: Outbound, now: DateTime<Utc>, turn: &mut Turn) {
        match &mut self.0 {
            Spelling::Studio(studio) => studio.encode(outbound, now, turn),
            Spelling::Mcp => mcp::encode(outbound, turn),
            Spelling::Native(native) => native.encode(outbound, now, turn),
        }
    }
}

/// Reads JSON-RPC: one message, or a batch of them (protocol revision 2025-03-26).
fn decode_rpc(text: String, turn: &mut Turn) -> Result<(), Malformed> {
    // An empty batch has no answers to send, so it is answered as the malformed message it is (JSON-RPC 2.0, 6).
    if let Some(items) = rpc::split_batch(&text).filter(|items| !items.is_empty()) {
        for item in items {
            match Message::parse(item) {
                Ok(message) => turn.inbound.push(Inbound::Message(message)),
                Err(malformed) => turn.to_browser.push(refusal(&malformed)),
            }
        }
        return Ok(());
    }
    turn.inbound.push(Inbound::Message(Message::parse(text)?));
    Ok(())
}

/// The JSON-RPC error that answers a malformed frame.
fn refusal(malformed: &Malformed) -> String {
    meters::fault(FaultCode::FrameMalformed);
    let id = malformed.id().map_or("null", Id::as_json);
    let error = serde_json::json!({
        "code": malformed.rpc_code(),
        "message": malformed.to_string(),
        "data": { "source": "bridge", "code": "frame_malformed" },
    });
    format!("{{\"jsonrpc\":\"2.0\",\"id\":{id},\"error\":{error}}}")
}

/// A value as JSON text. The types given to it cannot fail to serialize; should one, the frame says so.
fn to_text(value: &impl serde::Serialize) -> String {
    serde_json::to_string(value).unwrap_or_else(|_| {
        r#"{"type":"error","error":"The bridge could not write a frame.","code":"internal","side":"bridge"}"#.to_owned()
    })
}

#[cfg(test)]
mod tests;
