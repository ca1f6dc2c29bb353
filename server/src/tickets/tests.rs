use std::time::Duration;

use serde_json::json;
use serde_json::value::to_raw_value;

use super::*;

const SECRET: &str = "s3cret-value";

fn grant() -> Grant {
    let params = json!({ "type": "StdioServerParams", "command": "c", "args": ["a"], "env": { "KEY": SECRET } });
    Grant {
        revision: Some("a1b2".to_owned()),
        principal: Principal::token(),
        origin: "http://a".to_owned(),
        params: ServerParams::from_json(&params, "p").unwrap(),
        profile: Profile {
            capabilities: to_raw_value(&json!({})).unwrap(),
            client_info: to_raw_value(&json!({})).unwrap(),
        },
    }
}

fn visible(issued: &Issued) -> String {
    String::from_utf8(
        base64::engine::general_purpose::STANDARD
            .decode(&issued.server_params)
            .unwrap(),
    )
    .unwrap()
}

#[test]
fn a_ticket_opens_its_session_once_with_its_secrets() {
    let (now, tickets) = (
        Utc::now(),
        Tickets::new(&Limits::default(), ParamsInUrl::Signed).unwrap(),
    );
    let issued = tickets.issue("id", &grant(), now).unwrap();
    let visible = visible(&issued);
    assert!(visible.contains("KEY") && !visible.contains(SECRET));
    let ticket = issued.ticket.unwrap();
    assert!(!ticket.contains(SECRET));
    let redeemed = tickets
        .redeem("id", &visible, &ticket, "http://a", now)
        .unwrap();
    assert_eq!(
        (redeemed.params, redeemed.principal),
        (grant().params, Principal::token())
    );
    let again = tickets
        .redeem("id", &visible, &ticket, "http://a", now)
        .unwrap_err();
    assert_eq!(
        (again.code, again.message.as_str()),
        (FaultCode::TicketInvalid, "The ticket has been used.")
    );
}

#[test]
fn a_sealed_ticket_is_the_params() {
    let (now, tickets) = (
        Utc::now(),
        Tickets::new(&Limits::default(), ParamsInUrl::Sealed).unwrap(),
    );
    let issued = tickets.issue("id", &grant(), now).unwrap();
    assert!(issued.ticket.is_none());
    assert_eq!(
        tickets
            .redeem("id", "", &issued.server_params, "http://a", now)
            .unwrap()
            .params,
        grant().params
    );
}

#[test]
fn a_ticket_is_bound_to_session_params_origin_and_time() {
    let (now, tickets) = (
        Utc::now(),
        Tickets::new(&Limits::default(), ParamsInUrl::Signed).unwrap(),
    );
    let issued = tickets.issue("id", &grant(), now).unwrap();
    let (shown, ticket) = (visible(&issued), issued.ticket.clone().unwrap());
    let other = shown.replace("\"c\"", "\"rm\"");
    let late = now + TimeDelta::seconds(61);
    let middle = ticket.len() / 2;
    let other_letter = if ticket[middle..].starts_with('A') {
        "B"
    } else {
        "A"
    };
    let mut flipped = ticket.clone();
    flipped.replace_range(middle..=middle, other_letter);
    for (session, visible, ticket, origin, at) in [
        ("other", shown.as_str(), ticket.as_str(), "http://a", now),
        ("id", other.as_str(), &ticket, "http://a", now),
        ("id", "", &ticket, "http://a", now),
        ("id", &shown, &ticket, "http://b", now),
        ("id", &shown, &ticket, "", now),
        ("id", &shown, &ticket, "http://a", late),
        ("id", &shown, &flipped, "http://a", now),
        ("id", &shown, "", "http://a", now),
        ("id", &shown, "AAAA", "http://a", now),
    ] {
        let fault = tickets
            .redeem(session, visible, ticket, origin, at)
            .unwrap_err();
        assert_eq!(fault.code, FaultCode::TicketInvalid);
    }
    let foreign = Tickets::new(&Limits::default(), ParamsInUrl::Signed).unwrap();
    assert!(
        foreign
            .redeem("id", &shown, &ticket, "http://a", now)
            .is_err()
    );
    assert!(
        tickets
            .redeem("id", &shown, &ticket, "http://a", now)
            .is_ok(),
        "a failed attempt does not use it up"
    );
}

#[test]
fn tickets_that_nobody_uses_make_room_when_their_time_is_over() {
    let limits = Limits {
        pending_tickets: 2,
        ticket_life: Duration::from_secs(60),
        ..Limits::default()
    };
    let (now, tickets) = (
        Utc::now(),
        Tickets::new(&limits, ParamsInUrl::Signed).unwrap(),
    );
    tickets.issue("a", &grant(), now).unwrap();
    tickets.issue("b", &grant(), now).unwrap();
    assert_eq!(
        tickets.issue("c", &grant(), now).unwrap_err().code,
        FaultCode::TooManyRequests
    );
    tickets
        .issue("c", &grant(), now + TimeDelta::seconds(61))
        .unwrap();
}

#[test]
fn params_over_the_limit_are_refused_by_name() {
    let limits = Limits {
        params_bytes: 100,
        ..Limits::default()
    };
    let fault = Tickets::new(&limits, ParamsInUrl::Signed)
        .unwrap()
        .issue("a", &grant(), Utc::now())
        .unwrap_err();
    assert_eq!(
        (fault.code, fault.field.as_deref()),
        (FaultCode::TooLarge, Some("server_params"))
    );
}

proptest::proptest! {
    #[test]
    fn no_text_is_taken_for_a_ticket(text in ".{0,300}") {
        let tickets = Tickets::new(&Limits::default(), ParamsInUrl::Signed).unwrap();
        let refused = tickets.redeem("id", "visible", &text, "", Utc::now()).is_err();
        proptest::prop_assert!(refused);
    }
}
