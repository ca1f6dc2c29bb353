mod model;
mod races;

use serde_json::json;
use serde_json::value::to_raw_value;

use super::*;
use crate::config::settings::Settings;
use crate::config::startup::Startup;

const SECRET: &str = "s3cret-value";
const UNDER: &str = "/ws";

fn config() -> Config {
    Startup::check(Settings::default(), "/bin/footbridge".into())
        .unwrap()
        .config
}

fn tickets(mode: ParamsInUrl, limits: Limits) -> Tickets {
    Tickets::new(&Config {
        params_in_url: mode,
        limits,
        ..config()
    })
    .unwrap()
}

fn signed() -> Tickets {
    tickets(ParamsInUrl::Signed, Limits::default())
}

fn stdio(argument: &str, secret: &str) -> ServerParams {
    let params = json!({ "type": "StdioServerParams", "command": "c", "args": [argument], "env": { "KEY": secret } });
    ServerParams::from_json(&params, "p").unwrap()
}

fn grant_of(params: ServerParams) -> Grant {
    Grant {
        revision: Some("a1b2".to_owned()),
        principal: Principal::token(),
        origin: "http://a".to_owned(),
        params,
        profile: Profile {
            capabilities: to_raw_value(&json!({})).unwrap(),
            client_info: to_raw_value(&json!({})).unwrap(),
        },
    }
}

fn grant() -> Grant {
    grant_of(stdio("a", SECRET))
}

/// A socket's URL in its parts.
#[derive(Clone, Debug)]
struct Parts {
    session_id: String,
    visible: Option<String>,
    ticket: String,
}

impl Parts {
    fn of(issued: &Issued) -> Self {
        let (path, query) = issued.websocket_url.split_once('?').unwrap();
        assert_eq!(path, format!("{UNDER}/{}", issued.session_id));
        let undone = |text: &str| {
            text.replace("%2B", "+")
                .replace("%2F", "/")
                .replace("%3D", "=")
        };
        let value = |name| {
            let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
            pairs
                .into_iter()
                .find(|(found, _)| *found == name)
                .map(|(_, value)| undone(value))
        };
        let shown = value("server_params").unwrap();
        let (visible, ticket) = match value("ticket") {
            Some(ticket) => (Some(STANDARD.decode(shown).unwrap()), ticket),
            None => (None, shown),
        };
        Self {
            session_id: issued.session_id.clone(),
            visible: visible.map(|bytes| String::from_utf8(bytes).unwrap()),
            ticket,
        }
    }

    fn of_origin<'a>(&'a self, origin: &'a str) -> Presented<'a> {
        Presented {
            session_id: &self.session_id,
            visible: self.visible.as_deref(),
            ticket: &self.ticket,
            origin,
        }
    }

    fn presented(&self) -> Presented<'_> {
        self.of_origin("http://a")
    }
}

fn redeem(
    tickets: &Tickets,
    presented: &Presented<'_>,
    now: DateTime<Utc>,
) -> Result<Grant, Fault> {
    tickets
        .redeem(presented, now, |_| Ok(()))
        .map(|(grant, ())| grant)
}

fn message(outcome: Result<Grant, Fault>) -> String {
    let fault = outcome.unwrap_err();
    assert_eq!(fault.code, FaultCode::TicketInvalid, "{fault:?}");
    fault.message
}

#[test]
fn a_ticket_opens_its_session_once_with_its_secrets() {
    let (now, tickets) = (Utc::now(), signed());
    let issued = tickets.issue(UNDER, &grant(), now).unwrap();
    let parts = Parts::of(&issued);
    let visible = parts.visible.as_deref().unwrap();
    assert!(visible.contains("KEY") && !visible.contains(SECRET));
    assert!(!issued.websocket_url.contains(SECRET));
    let redeemed = redeem(&tickets, &parts.presented(), now).unwrap();
    assert_eq!(
        (redeemed.params, redeemed.principal),
        (grant().params, Principal::token())
    );
    let again = redeem(&tickets, &parts.presented(), now);
    assert_eq!(message(again), "The ticket has been used.");
}

#[test]
fn a_sealed_ticket_is_the_params() {
    let (now, tickets) = (Utc::now(), tickets(ParamsInUrl::Sealed, Limits::default()));
    let issued = tickets.issue(UNDER, &grant(), now).unwrap();
    let parts = Parts::of(&issued);
    assert_eq!(parts.visible, None);
    let redeemed = redeem(&tickets, &parts.presented(), now).unwrap();
    assert_eq!(redeemed.params, grant().params);
    assert!(redeem(&tickets, &parts.presented(), now).is_err());
}

#[test]
fn a_ticket_is_bound_to_session_params_origin_and_time() {
    let (now, tickets) = (Utc::now(), signed());
    let parts = Parts::of(&tickets.issue(UNDER, &grant(), now).unwrap());
    let other = tickets.issue(UNDER, &grant(), now).unwrap().session_id;
    let late = now + TimeDelta::milliseconds(60_001);
    let altered = parts.visible.as_ref().unwrap().replace("\"c\"", "\"rm\"");
    let middle = parts.ticket.len() / 2;
    let letter = if parts.ticket[middle..].starts_with('A') {
        "B"
    } else {
        "A"
    };
    let mut flipped = parts.ticket.clone();
    flipped.replace_range(middle..=middle, letter);
    let good = parts.presented();
    for (presented, at) in [
        (
            Presented {
                session_id: &other,
                ..good
            },
            now,
        ),
        (
            Presented {
                session_id: "id",
                ..good
            },
            now,
        ),
        (
            Presented {
                session_id: "",
                ..good
            },
            now,
        ),
        (
            Presented {
                visible: Some(&altered),
                ..good
            },
            now,
        ),
        (
            Presented {
                visible: Some(""),
                ..good
            },
            now,
        ),
        (
            Presented {
                visible: None,
                ..good
            },
            now,
        ),
        (
            Presented {
                origin: "http://b",
                ..good
            },
            now,
        ),
        (Presented { origin: "", ..good }, now),
        (good, late),
        (
            Presented {
                ticket: &flipped,
                ..good
            },
            now,
        ),
        (Presented { ticket: "", ..good }, now),
        (
            Presented {
                ticket: "AAAA",
                ..good
            },
            now,
        ),
    ] {
        message(redeem(&tickets, &presented, at));
    }
    message(redeem(&signed(), &good, now));
    let last = now + TimeDelta::seconds(60);
    assert!(
        redeem(&tickets, &good, last).is_ok(),
        "a failed attempt does not use it up"
    );
}

#[test]
fn a_ticket_that_is_no_longer_permitted_is_refused_and_not_used_up() {
    let (now, tickets) = (Utc::now(), signed());
    let parts = Parts::of(&tickets.issue(UNDER, &grant(), now).unwrap());
    let denied = tickets.redeem(&parts.presented(), now, |grant| {
        assert_eq!(grant.params, self::grant().params);
        Err::<(), _>(Fault::new(FaultCode::ParamsDenied, "Not any more."))
    });
    assert_eq!(denied.unwrap_err().code, FaultCode::ParamsDenied);
    assert!(redeem(&tickets, &parts.presented(), now).is_ok());
}

#[test]
fn tickets_that_nobody_uses_make_room_when_their_time_is_over() {
    let limits = Limits {
        pending_tickets: 2,
        ..Limits::default()
    };
    let (now, tickets) = (Utc::now(), tickets(ParamsInUrl::Signed, limits));
    tickets.issue(UNDER, &grant(), now).unwrap();
    tickets.issue(UNDER, &grant(), now).unwrap();
    let fault = tickets.issue(UNDER, &grant(), now).unwrap_err();
    assert_eq!(fault.code, FaultCode::TooManyRequests);
    assert!(fault.hint.unwrap().contains("limits.pending_tickets."));
    let later = now + TimeDelta::seconds(61);
    tickets.issue(UNDER, &grant(), later).unwrap();
    assert_eq!(tickets.pending.sizes(), (1, 0, 0));
}

#[test]
fn one_caller_cannot_take_the_room_of_all() {
    let limits = Limits {
        pending_tickets_per_principal: 2,
        ..Limits::default()
    };
    let (now, tickets) = (Utc::now(), tickets(ParamsInUrl::Signed, limits));
    let issued = tickets.issue(UNDER, &grant(), now).unwrap();
    tickets.issue(UNDER, &grant(), now).unwrap();
    let fault = tickets.issue(UNDER, &grant(), now).unwrap_err();
    assert_eq!(fault.code, FaultCode::TooManyRequests);
    assert!(
        fault
            .hint
            .unwrap()
            .contains("pending_tickets_per_principal")
    );
    let other = Grant {
        principal: Principal::anyone(),
        ..grant()
    };
    tickets.issue(UNDER, &other, now).unwrap();
    redeem(&tickets, &Parts::of(&issued).presented(), now).unwrap();
    tickets.issue(UNDER, &grant(), now).unwrap();
}

#[test]
fn what_is_too_long_for_a_url_is_kept_until_it_is_opened() {
    for mode in [ParamsInUrl::Signed, ParamsInUrl::Sealed] {
        let (now, tickets) = (Utc::now(), tickets(mode, Limits::default()));
        let long = grant_of(stdio("a", &SECRET.repeat(2000)));
        let issued = tickets.issue(UNDER, &long, now).unwrap();
        assert!(issued.websocket_url.len() < 1000, "{issued:?}");
        let parts = Parts::of(&issued);
        if mode == ParamsInUrl::Signed {
            assert_eq!(
                serde_json::from_str::<Value>(parts.visible.as_ref().unwrap()).unwrap(),
                json!({ "type": "StdioServerParams", "command": "c", "kept": true })
            );
        }
        assert!(tickets.pending.sizes().2 > SECRET.len() * 2000);
        let redeemed = redeem(&tickets, &parts.presented(), now).unwrap();
        assert_eq!(redeemed.params, long.params);
        assert_eq!(tickets.pending.sizes(), (0, 0, 0));
        let again = redeem(&tickets, &parts.presented(), now);
        assert_eq!(message(again), "The ticket has been used.");
    }
}

#[test]
fn what_is_declared_is_kept_too_when_it_makes_the_url_too_long() {
    let (now, tickets) = (Utc::now(), signed());
    let mut long = grant();
    long.profile.client_info = to_raw_value(&json!({ "name": "n".repeat(8000) })).unwrap();
    let issued = tickets.issue(UNDER, &long, now).unwrap();
    assert!(issued.websocket_url.len() < 1000, "{issued:?}");
    let redeemed = redeem(&tickets, &Parts::of(&issued).presented(), now).unwrap();
    assert_eq!(
        redeemed.profile.client_info.get(),
        long.profile.client_info.get()
    );
}

#[test]
fn a_command_or_url_that_is_itself_long_is_not_shown() {
    let long = "x".repeat(5000);
    for (mut params, kind) in [
        (json!({ "command": long }), "StdioServerParams"),
        (json!({ "url": long }), "SseServerParams"),
        (json!({ "url": long }), "StreamableHttpServerParams"),
        (json!({ "server": long }), "named"),
    ] {
        params["type"] = kind.into();
        let grant = grant_of(ServerParams::from_json(&params, "p").unwrap());
        let issued = signed().issue(UNDER, &grant, Utc::now()).unwrap();
        let visible = Parts::of(&issued).visible.unwrap();
        let expected = json!({ "type": kind, "kept": true });
        assert_eq!(serde_json::from_str::<Value>(&visible).unwrap(), expected);
    }
}

#[test]
fn what_is_kept_is_bounded_and_freed_with_its_ticket() {
    let long = grant_of(stdio("a", &"x".repeat(5000)));
    let n_bytes = long.params.to_json(SecretValues::Exposed).to_string().len() + 4;
    let limits = |kept_params_bytes| Limits {
        kept_params_bytes,
        ..Limits::default()
    };
    let now = Utc::now();
    let two = tickets(ParamsInUrl::Signed, limits(n_bytes * 2));
    for _ in 0..2 {
        two.issue(UNDER, &long, now).unwrap();
    }
    let fault = two.issue(UNDER, &long, now).unwrap_err();
    assert_eq!(fault.code, FaultCode::TooManyRequests);
    assert!(fault.hint.unwrap().contains("limits.kept_params_bytes."));
    // What travels in its URL needs none of that room.
    two.issue(UNDER, &grant(), now).unwrap();
    assert_eq!(two.pending.sizes(), (3, 0, n_bytes * 2));
    two.pending
        .sweep((now + TimeDelta::seconds(61)).timestamp_millis());
    assert_eq!(two.pending.sizes(), (0, 0, 0));
    for too_little in [0, n_bytes - 1] {
        let none = tickets(ParamsInUrl::Signed, limits(too_little));
        let fault = none.issue(UNDER, &long, now).unwrap_err();
        assert_eq!(
            (fault.code, fault.field.as_deref()),
            (FaultCode::TooLarge, Some("server_params"))
        );
        assert!(fault.message.contains("4096 are allowed"), "{fault:?}");
    }
}

#[test]
fn a_url_over_the_limit_is_refused_when_nothing_may_be_kept() {
    let now = Utc::now();
    let url_bytes = signed()
        .issue(UNDER, &grant(), now)
        .unwrap()
        .websocket_url
        .len();
    // Random numbers in the ticket have a digit more or less.
    for (socket_url_bytes, fits) in [(url_bytes + 16, true), (url_bytes - 16, false)] {
        let limits = Limits {
            socket_url_bytes,
            kept_params_bytes: 0,
            ..Limits::default()
        };
        let outcome = tickets(ParamsInUrl::Signed, limits).issue(UNDER, &grant(), now);
        assert_eq!(outcome.is_ok(), fits);
        if let Err(fault) = outcome {
            assert_eq!(fault.code, FaultCode::TooLarge);
            assert!(fault.hint.unwrap().contains("limits.socket_url_bytes"));
        }
    }
    let limits = Limits {
        socket_url_bytes: 100,
        ..Limits::default()
    };
    let tiny = tickets(ParamsInUrl::Signed, limits);
    assert_eq!(
        tiny.issue(UNDER, &grant(), now).unwrap_err().code,
        FaultCode::TooLarge
    );
    assert_eq!(tiny.pending.sizes(), (0, 0, 0));
}

/// Two bridges with the same keys, of these deployments.
fn peers(deployments: [&str; 2], limits: &Limits) -> [Tickets; 2] {
    let file = TicketKeyFile {
        path: "/nowhere".into(),
        keys: TicketKeys::random().unwrap(),
    };
    deployments.map(|deployment| {
        Tickets::new(&Config {
            ticket_keys: Some(file.clone()),
            deployment: deployment.to_owned(),
            limits: limits.clone(),
            ..config()
        })
        .unwrap()
    })
}

#[test]
fn a_bridge_with_the_same_keys_redeems_a_ticket_once_and_one_of_another_deployment_never() {
    let now = Utc::now();
    let [one, two] = peers(["d", "d"], &Limits::default());
    let parts = Parts::of(&one.issue(UNDER, &grant(), now).unwrap());
    let redeemed = redeem(&two, &parts.presented(), now).unwrap();
    assert_eq!(redeemed.params, grant().params);
    let again = redeem(&two, &parts.presented(), now);
    assert_eq!(message(again), "The ticket has been used.");
    assert_eq!(two.pending.sizes(), (0, 1, 0));
    two.pending
        .sweep((now + TimeDelta::seconds(61)).timestamp_millis());
    assert_eq!(two.pending.sizes(), (0, 0, 0));

    let [one, two] = peers(["d", "e"], &Limits::default());
    let parts = Parts::of(&one.issue(UNDER, &grant(), now).unwrap());
    message(redeem(&two, &parts.presented(), now));
}

#[test]
fn what_another_bridge_keeps_cannot_be_opened_here() {
    let now = Utc::now();
    let [one, two] = peers(["d", "d"], &Limits::default());
    let long = grant_of(stdio("a", &"x".repeat(5000)));
    let parts = Parts::of(&one.issue(UNDER, &long, now).unwrap());
    let sentence = message(redeem(&two, &parts.presented(), now));
    assert!(sentence.contains("too long for a URL"), "{sentence}");
    assert!(redeem(&one, &parts.presented(), now).is_ok());
}

#[test]
fn a_foreign_ticket_that_cannot_be_remembered_is_not_taken() {
    let now = Utc::now();
    let limits = Limits {
        used_tickets: 1,
        ..Limits::default()
    };
    let [one, two] = peers(["d", "d"], &limits);
    let [first, second] = [(); 2].map(|()| Parts::of(&one.issue(UNDER, &grant(), now).unwrap()));
    redeem(&two, &first.presented(), now).unwrap();
    let fault = redeem(&two, &second.presented(), now).unwrap_err();
    assert_eq!(fault.code, FaultCode::TooManyRequests);
    message(redeem(&two, &first.presented(), now));
}

#[test]
fn a_key_that_has_left_the_ring_opens_nothing_and_an_older_one_in_it_does() {
    let now = Utc::now();
    let [one, _] = peers(["d", "d"], &Limits::default());
    let old = one.key_file.as_ref().unwrap().keys.clone();
    let new = TicketKeys::random().unwrap();
    let parts = Parts::of(&one.issue(UNDER, &grant(), now).unwrap());
    one.take_keys(&new);
    message(redeem(&one, &parts.presented(), now));
    one.take_keys(&TicketKeys {
        newest: new.newest,
        older: vec![old.newest],
    });
    assert!(redeem(&one, &parts.presented(), now).is_ok());
}

#[test]
fn what_looks_like_a_secret_in_a_readable_url_is_warned_of_and_not_repeated() {
    let argument = "--api-key=abc-s3cret";
    for (mode, secret, n_warnings) in [
        (ParamsInUrl::Signed, "x".to_owned(), 1),
        (ParamsInUrl::Sealed, "x".to_owned(), 0),
        // Kept params are not in the URL.
        (ParamsInUrl::Signed, "x".repeat(5000), 0),
    ] {
        let grant = grant_of(stdio(argument, &secret));
        let tickets = tickets(mode, Limits::default());
        let warnings = tickets.issue(UNDER, &grant, Utc::now()).unwrap().warnings;
        assert_eq!(warnings.len(), n_warnings, "{warnings:?}");
        for warning in warnings {
            assert!(warning.starts_with("server_params.args[0] "), "{warning}");
            assert!(!warning.contains("s3cret"), "{warning}");
        }
    }
}

proptest::proptest! {
    #[test]
    fn no_text_is_taken_for_a_ticket(text in "(?s).{0,300}", visible in "(?s).{0,50}") {
        let tickets = signed();
        let genuine = tickets.issue(UNDER, &grant(), Utc::now()).unwrap();
        for session_id in [&text, &genuine.session_id] {
            let presented = Presented { session_id, visible: Some(&visible), ticket: &text, origin: "" };
            let refused = redeem(&tickets, &presented, Utc::now()).is_err();
            proptest::prop_assert!(refused);
        }
    }

    #[test]
    fn no_bytes_make_opening_panic_not_even_behind_the_encryption(
        bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..300),
        members in proptest::collection::btree_map("[a-z]{1,10}", "(?s).{0,10}", 0..5),
    ) {
        let ring = Ring::new(&TicketKeys::random().unwrap());
        let json = serde_json::to_vec(&members).unwrap();
        for text in [bytes.clone(), json] {
            proptest::prop_assert!(seal::read(&text).is_none());
            let sealed = ring.seal(text.clone(), b"bound").unwrap();
            proptest::prop_assert_eq!(ring.open(&sealed, b"bound"), Some(text));
            proptest::prop_assert!(ring.open(&sealed, b"other").is_none());
            proptest::prop_assert!(ring.open(&bytes, b"bound").is_none());
        }
    }
}
