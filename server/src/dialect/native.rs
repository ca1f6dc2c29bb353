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
                .to_browser
                .push(to_text(&FromBridge::Pong { timestamp: now })),
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
        turn.to_browser.push(to_text(&frame));
    }
}
