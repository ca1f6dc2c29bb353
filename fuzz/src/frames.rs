//! Frames of a browser in each dialect, and what the bridge answers in it.

use std::sync::Arc;

use chrono::DateTime;
use chrono::Utc;
use footbridge::bridge::Profile;
use footbridge::dialect::Dialect;
use footbridge::dialect::DialectName;
use footbridge::dialect::Failure;
use footbridge::dialect::Greeting;
use footbridge::dialect::Inbound;
use footbridge::dialect::Outbound;
use footbridge::dialect::Turn;
use footbridge_shared::api::Era;
use footbridge_shared::api::SessionState;
use footbridge_shared::api::Transport;
use footbridge_shared::fault::Fault;
use footbridge_shared::fault::FaultCode;
use footbridge_shared::rpc::Id;
use footbridge_shared::rpc::Message;
use footbridge_shared::rpc::Response;
use serde_json::value::RawValue;

use crate::input::Input;
use crate::is_json;

const NOW: DateTime<Utc> = DateTime::UNIX_EPOCH;

/// A script, one line for one thing that happens: `>` and a message of the MCP server, `=` and the result of the last
/// request, `!` and a line of standard error; anything else is a frame of the browser.
pub fn run(bytes: &[u8]) {
    for name in [DialectName::Studio, DialectName::Mcp, DialectName::Native] {
        play(name, Input::new(bytes));
    }
    // The whole as one frame, line ends included.
    for name in [DialectName::Studio, DialectName::Mcp, DialectName::Native] {
        let mut dialect = Dialect::new(name, "s", Transport::Stdio);
        let text = String::from_utf8_lossy(bytes).into_owned();
        let turn = decoded(&mut dialect, &text);
        if let Ok(message) = Message::parse(text.as_str()) {
            assert_eq!(turn.inbound, [Inbound::Message(message)]);
        }
    }
}

fn play(name: DialectName, mut input: Input<'_>) {
    let mut dialect = Dialect::new(name, "session", Transport::Stdio);
    let mut last_id = Id::number(0);
    // The first byte says after how many lines the MCP server is ready.
    let ready_after = input.byte() % 4;
    let mut n_lines = 0;
    while !input.is_empty() {
        if n_lines == ready_after {
            encoded(&mut dialect, Outbound::State(SessionState::Ready));
            encoded(&mut dialect, Outbound::Initialized(greeting()));
        }
        n_lines = n_lines.saturating_add(1);
        let line = String::from_utf8_lossy(input.line()).into_owned();
        let turn = if let Some(message) = line.strip_prefix('>') {
            let Ok(message) = Message::parse(message) else {
                continue;
            };
            let text = message.text().to_owned();
            let turn = encoded(&mut dialect, Outbound::Message(message));
            match name {
                DialectName::Studio => {}
                DialectName::Mcp | DialectName::Native => assert_eq!(turn.to_browser, [text]),
            }
            turn
        } else if let Some(result) = line.strip_prefix('=') {
            if !is_json(result) {
                continue;
            }
            let response = Response::result(last_id.clone(), result);
            encoded(&mut dialect, Outbound::Message(response.into()))
        } else if let Some(line) = line.strip_prefix('!') {
            let mut turn = encoded(&mut dialect, Outbound::Stderr(line.to_owned()));
            turn.to_browser
                .extend(encoded(&mut dialect, Outbound::Withdrawn(last_id.clone())).to_browser);
            turn
        } else {
            decoded(&mut dialect, &line)
        };
        for inbound in &turn.inbound {
            if let Inbound::Message(Message::Request(request)) = inbound {
                last_id = request.id().clone();
            }
        }
    }
    let fault = Fault::new(FaultCode::Internal, String::from_utf8_lossy(input.rest()));
    for outbound in [
        Outbound::Draining,
        Outbound::Failed(Failure {
            fault,
            during_handshake: true,
        }),
    ] {
        encoded(&mut dialect, outbound);
    }
}

fn decoded(dialect: &mut Dialect, text: &str) -> Turn {
    let mut turn = Turn::default();
    dialect.decode(text.to_owned(), NOW, &mut turn);
    check(&turn);
    turn
}

fn encoded(dialect: &mut Dialect, outbound: Outbound) -> Turn {
    let mut turn = Turn::default();
    dialect.encode(outbound, NOW, &mut turn);
    check(&turn);
    turn
}

/// Every frame is JSON, and every message one that can be read again.
fn check(turn: &Turn) {
    for frame in turn.to_browser.iter().chain(&turn.unnumbered) {
        assert!(is_json(frame), "{frame}");
    }
    for inbound in &turn.inbound {
        if let Inbound::Message(message) = inbound {
            assert_eq!(Message::parse(message.text()).as_ref(), Ok(message));
        }
    }
}

fn greeting() -> Arc<Greeting> {
    let raw = |json: &str| RawValue::from_string(json.to_owned()).expect("JSON");
    let profile = Profile {
        capabilities: raw(r#"{"tools":{}}"#),
        client_info: raw("{}"),
    };
    Arc::new(Greeting {
        capabilities: profile.capabilities,
        server_info: Some(raw(r#"{"name":"s","version":"1"}"#)),
        instructions: None,
        protocol_version: "2025-11-25".to_owned(),
        era: Era::Legacy,
        result: raw("{}"),
    })
}
