//! JSON-RPC plus control frames, subprotocol `footbridge.v1`. Specified in docs/protocol.md.

use chrono::DateTime;
use chrono::Utc;
use footbridge_shared::api::Transport;
use footbridge_shared::control::FromBridge;
use footbridge_shared::control::FromBrowser;
use footbridge_shared::rpc::Message;

use crate::dialect::Inbound;
use crate::dialect::Outbound;
use crate::dialect::Turn;
use crate::dialect::mcp;
use crate::dialect::to_text;

/// Bytes of a control frame that is read with the socket; a longer one is taken for any other frame.
const MAX_CONTROL: usize = 128;

#[derive(Debug)]
pub(super) struct Native {
    session_id: String,
    transport: Transport,
}

impl Native {
    pub(super) fn new(session_id: &str, transport: Transport) -> Self {
        Self {
            session_id: session_id.to_owned(),
            transport,
        }
    }

    pub(super) fn decode(&mut self, text: String, now: DateTime<Utc>, turn: &mut Turn) {
        // The usual frame is a message, and reading one as a control frame would mean to open its payload.
        if let Ok(message) = Message::parse(text.as_str()) {
            return turn.inbound.push(Inbound::Message(message));
        }
        match serde_json::from_str(&text) {
            Ok(FromBrowser::Stderr { enabled }) => turn.inbound.push(Inbound::Stderr(enabled)),
            Ok(FromBrowser::Ping) => turn
                .unnumbered
                .push(to_text(&FromBridge::Pong { timestamp: now })),
            Ok(FromBrowser::Resumable) => turn.inbound.push(Inbound::Resumable),
            // It is read with the socket; one that nobody asked for means nothing.
            Ok(FromBrowser::Ack { .. }) => {}
            Err(_) => mcp::decode(text, turn),
        }
    }

    pub(super) fn encode(&mut self, outbound: Outbound, now: DateTime<Utc>, turn: &mut Turn) {
        if let Outbound::Message(message) = outbound {
            return turn.to_browser.push(message.into_text());
        }
        let frame = match &outbound {
            Outbound::Message(_) | Outbound::Withdrawn(_) => return,
            Outbound::State(state) => FromBridge::State {
                state: *state,
                session_id: &self.session_id,
                timestamp: now,
            },
            Outbound::Initialized(greeting) => FromBridge::Initialized {
                session_id: &self.session_id,
                capabilities: &greeting.capabilities,
                server_info: greeting.server_info.as_deref(),
                protocol_version: &greeting.protocol_version,
                era: greeting.era,
                instructions: greeting.instructions.as_deref(),
                transport: self.transport,
                timestamp: now,
            },
            Outbound::Stderr(line) => FromBridge::Stderr {
                line,
                timestamp: now,
            },
            Outbound::Resumable(way_back) => FromBridge::Resumable {
                token: way_back.token.expose(),
                window_ms: way_back.window.as_millis() as u64,
                timestamp: now,
            },
            Outbound::Resumed {
                recovered,
                received,
                way_back,
            } => FromBridge::Resumed {
                recovered: *recovered,
                received: *received,
                token: way_back.token.expose(),
                window_ms: way_back.window.as_millis() as u64,
                timestamp: now,
            },
            Outbound::Ack(received) => FromBridge::Ack {
                received: *received,
            },
            Outbound::Draining => FromBridge::Draining { timestamp: now },
            Outbound::Failed(failure) => FromBridge::Error {
                error: &failure.fault.message,
                code: failure.fault.code.name(),
                side: failure.fault.code.side(),
                hint: failure.fault.hint.as_deref(),
                data: failure.fault.data.as_deref(),
                timestamp: now,
            },
        };
        let frames = match &outbound {
            Outbound::Resumable(_)
            | Outbound::Resumed { .. }
            | Outbound::Ack(_)
            | Outbound::Failed(_) => &mut turn.unnumbered,
            Outbound::Message(_)
            | Outbound::State(_)
            | Outbound::Initialized(_)
            | Outbound::Stderr(_)
            | Outbound::Withdrawn(_)
            | Outbound::Draining => &mut turn.to_browser,
        };
        frames.push(to_text(&frame));
    }
}

/// What a frame of the browser is to whoever counts frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// It has a number.
    Numbered,
    /// It has none: a `ping`.
    Unnumbered,
    /// It has none, and those after it are counted from 1.
    Resumable,
    /// It has none, and says that so many frames have arrived.
    Ack(u64),
}

/// Tells what a frame is to whoever counts, without reading more of it than that takes.
pub fn kind(text: &str) -> Kind {
    // The usual frame is a message, and every frame that has no number is short.
    if text.len() > MAX_CONTROL || memchr::memmem::find(text.as_bytes(), b"\"jsonrpc\"").is_some() {
        return Kind::Numbered;
    }
    match serde_json::from_str(text) {
        Ok(FromBrowser::Ack { received }) => Kind::Ack(received),
        Ok(FromBrowser::Resumable) => Kind::Resumable,
        Ok(FromBrowser::Ping) => Kind::Unnumbered,
        Ok(FromBrowser::Stderr { .. }) | Err(_) => Kind::Numbered,
    }
}
