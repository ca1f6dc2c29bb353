//! Tickets: genuine ones, changed ones and anything else.

use std::sync::LazyLock;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::DateTime;
use chrono::TimeDelta;
use chrono::Utc;
use footbridge::bridge::Profile;
use footbridge::config::ParamsInUrl;
use footbridge::config::settings::Settings;
use footbridge::config::startup::Startup;
use footbridge::principal::Principal;
use footbridge::tickets::Grant;
use footbridge::tickets::Issued;
use footbridge::tickets::Presented;
use footbridge::tickets::Tickets;
use footbridge_shared::fault::FaultCode;
use footbridge_shared::params::ServerParams;
use serde_json::json;
use serde_json::value::RawValue;

use crate::input::Input;

const ORIGIN: &str = "http://127.0.0.1:8000";

static SIGNED: LazyLock<Tickets> = LazyLock::new(|| tickets(ParamsInUrl::Signed));
static SEALED: LazyLock<Tickets> = LazyLock::new(|| tickets(ParamsInUrl::Sealed));

fn tickets(mode: ParamsInUrl) -> Tickets {
    let settings = Settings {
        params_in_url: Some(mode),
        ..Settings::default()
    };
    let startup = Startup::check(settings, "/bin/footbridge".into()).expect("settings");
    Tickets::new(&startup.config).expect("randomness")
}

/// What stands in a socket's URL, and where and when it is opened.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Opened {
    session_id: String,
    visible: String,
    ticket: String,
    origin: String,
    now: DateTime<Utc>,
}

/// The first byte says what is changed, the others how. Nothing but the genuine ticket opens the session, and that once.
pub fn run(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let recipe = input.byte();
    let is_signed = recipe & 0x80 == 0;
    let tickets = if is_signed { &*SIGNED } else { &*SEALED };
    let now = DateTime::UNIX_EPOCH + TimeDelta::days(20_000);
    let grant = grant();
    let issued = tickets.issue("/ws", &grant, now).expect("a ticket");
    let genuine = opened(&issued, now);

    let mut changed = genuine.clone();
    match recipe & 0x07 {
        0 => edit(&mut changed.ticket, &mut input),
        1 => edit(&mut changed.session_id, &mut input),
        2 => edit(&mut changed.visible, &mut input),
        3 => edit(&mut changed.origin, &mut input),
        4 => changed.now += TimeDelta::seconds(61 + i64::from(input.byte())),
        5 => {
            // A part of the ticket goes to another place of the URL.
            let at = usize::from(input.byte()).min(changed.session_id.len());
            changed.visible = format!("{}{}", &genuine.session_id[at..], changed.visible);
            changed.session_id.truncate(at);
        }
        6 => changed.ticket = String::from_utf8_lossy(input.rest()).into_owned(),
        _ => {
            edit(&mut changed.ticket, &mut input);
            edit(&mut changed.session_id, &mut input);
            edit(&mut changed.visible, &mut input);
            edit(&mut changed.origin, &mut input);
        }
    }
    // Padding is no part of a ticket.
    let is_genuine = Opened {
        ticket: changed.ticket.trim_end_matches('=').to_owned(),
        ..changed.clone()
    } == genuine;
    let result = redeem(tickets, &changed);
    assert_eq!(result.is_ok(), is_genuine, "{changed:?}");
    if let Err(code) = result {
        assert_eq!(code, FaultCode::TicketInvalid);
        assert_eq!(redeem(tickets, &genuine), Ok(()));
    }
    assert_eq!(redeem(tickets, &genuine), Err(FaultCode::TicketInvalid));
}

fn grant() -> Grant {
    let params = json!({
        "type": "StdioServerParams", "command": "server", "args": ["-x"], "env": { "KEY": "s3cret-s3cret" },
    });
    Grant {
        principal: Principal::token(),
        origin: ORIGIN.to_owned(),
        params: ServerParams::from_json(&params, "p").expect("params"),
        profile: Profile {
            capabilities: raw("{}"),
            client_info: raw(r#"{"name":"page","version":"1"}"#),
        },
        revision: None,
    }
}

fn raw(json: &str) -> Box<RawValue> {
    RawValue::from_string(json.to_owned()).expect("JSON")
}

/// The parts of a socket's URL.
fn opened(issued: &Issued, now: DateTime<Utc>) -> Opened {
    let (path, query) = issued.websocket_url.split_once('?').expect("a query");
    let value = |name: &str| {
        let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
        let mut values = pairs.filter(|(known, _)| *known == name);
        values.next().map(|(_, value)| value.to_owned())
    };
    let params = value("server_params").expect("params");
    let (visible, ticket) = match value("ticket") {
        Some(ticket) => {
            let base64 = params
                .replace("%2B", "+")
                .replace("%2F", "/")
                .replace("%3D", "=");
            let visible = STANDARD.decode(base64).expect("base64");
            (String::from_utf8(visible).expect("UTF-8"), ticket)
        }
        None => (String::new(), params),
    };
    Opened {
        session_id: path.rsplit('/').next().unwrap_or_default().to_owned(),
        visible,
        ticket,
        origin: ORIGIN.to_owned(),
        now,
    }
}

fn redeem(tickets: &Tickets, opened: &Opened) -> Result<(), FaultCode> {
    let presented = Presented {
        session_id: &opened.session_id,
        visible: (!opened.visible.is_empty()).then_some(&*opened.visible),
        ticket: &opened.ticket,
        origin: &opened.origin,
    };
    match tickets.redeem(&presented, opened.now, |_| Ok(())) {
        Ok((grant, ())) => {
            assert_eq!(grant.origin, ORIGIN);
            assert_eq!(grant.params, self::grant().params);
            Ok(())
        }
        Err(fault) => {
            assert!(!format!("{fault:?}").contains("s3cret"));
            Err(fault.code)
        }
    }
}

/// Up to four changes: a character replaced, put in, left out, or a piece repeated.
fn edit(text: &mut String, input: &mut Input<'_>) {
    for _ in 0..4 {
        if input.is_empty() {
            return;
        }
        let kind = input.byte();
        let at = usize::from(u16::from_be_bytes([input.byte(), input.byte()]));
        let mut characters: Vec<char> = text.chars().collect();
        let at = at % (characters.len() + 1);
        let with = char::from(input.byte());
        match kind % 4 {
            0 if at < characters.len() => characters[at] = with,
            1 if at < characters.len() => {
                characters.remove(at);
            }
            2 => characters.extend_from_within(at..),
            _ => characters.insert(at, with),
        }
        *text = characters.into_iter().collect();
    }
}
