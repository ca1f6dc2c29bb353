//! Pure JSON-RPC, subprotocol `mcp`: nothing else is ever on the wire.

use crate::dialect::Outbound;
use crate::dialect::Turn;
use crate::dialect::decode_rpc;
use crate::dialect::refusal;

pub(super) fn decode(text: String, turn: &mut Turn) {
    if let Err(malformed) = decode_rpc(text, turn) {
        turn.to_browser.push(refusal(&malformed));
    }
}

pub(super) fn encode(outbound: Outbound, turn: &mut Turn) {
    match outbound {
        Outbound::Message(message) => turn.to_browser.push(message.into_text()),
        Outbound::State(_)
        | Outbound::Initialized(_)
        | Outbound::Stderr(_)
        | Outbound::Withdrawn(_)
        | Outbound::Resumable(_)
        | Outbound::Resumed { .. }
        | Outbound::Ack(_)
        | Outbound::Draining
        | Outbound::Failed(_) => {}
    }
}
