use serde_json::Value;

use super::*;

#[test]
fn a_record_is_one_line_with_its_time_first() {
    let text = line(&Record::RequestRefused {
        peer: Some([127, 0, 0, 1].into()),
        code: "host_denied",
        method: "GET\n\u{1b}[31m\"",
    });
    assert!(
        text.ends_with("\"}\n") && text.lines().count() == 1,
        "{text}"
    );
    let value: Value = serde_json::from_str(&text).unwrap();
    let timestamp = value["timestamp"].as_str().unwrap();
    assert!(text.starts_with(&format!(
        r#"{{"timestamp":"{timestamp}","event":"request_refused""#
    )));
    // 2026-11-27T04:00:00.123456Z
    assert_eq!(
        (timestamp.len(), timestamp.ends_with('Z')),
        (27, true),
        "{timestamp}"
    );
    assert!(chrono::DateTime::parse_from_rfc3339(timestamp).is_ok());
    assert_eq!(value["peer"], "127.0.0.1");
    assert_eq!(value["method"], "GET\n\u{1b}[31m\"");
}

#[test]
fn a_field_is_named_without_what_the_caller_called_it() {
    for (path, shown) in [
        ("server_params.env.s3cret", "server_params.env"),
        ("server_params.headers.a.b.c", "server_params.headers"),
        ("server_params.args[3]", "server_params.args[3]"),
        ("server_params", "server_params"),
        ("", ""),
    ] {
        let fault = Fault::new(FaultCode::InvalidField, "").field(path);
        assert_eq!(field(&fault), Some(shown));
    }
    assert_eq!(field(&Fault::new(FaultCode::Internal, "")), None);
}

#[test]
fn a_foreign_word_is_cut() {
    assert_eq!(foreign("DELETE"), "DELETE");
    assert_eq!(foreign(&"é".repeat(100)), "é".repeat(FOREIGN_CHARS));
}

#[test]
fn so_many_refusals_are_recorded_in_a_second_and_no_more() {
    let mut window = Window::new(3);
    let now = window.began;
    let taken = |window: &mut Window, now| (0..5).filter(|_| window.take(now)).count();
    assert_eq!(taken(&mut window, now), 3);
    assert_eq!(taken(&mut window, now + Duration::from_millis(999)), 0);
    assert_eq!(taken(&mut window, now + Duration::from_millis(1000)), 3);
}

#[test]
fn without_a_log_every_session_may_begin() {
    record(&Record::BridgeStopped { pid: 1 });
    assert_eq!(permits(), Ok(()));
}

/// One record of each kind.
fn one_of_each() -> Vec<Record<'static>> {
    static PRINCIPAL: std::sync::LazyLock<Principal> = std::sync::LazyLock::new(Principal::token);
    let (session, principal, origin, label) = ("s", &*PRINCIPAL, "", "l");
    let peer = None;
    let all = vec![
        Record::BridgeStarted {
            version: "1",
            pid: 1,
        },
        Record::BridgeStopped { pid: 1 },
        Record::RequestRefused {
            peer,
            code: "c",
            method: "GET",
        },
        Record::RefusalsOmitted { count: 1 },
        Record::ConnectAccepted {
            session,
            principal,
            origin,
            peer,
            transport: "http",
            label,
        },
        Record::ConnectDenied {
            session: None,
            principal: None,
            origin,
            peer,
            code: "c",
            field: None,
        },
        Record::SessionOpened {
            session,
            principal,
            origin,
            peer,
            dialect: "mcp",
            transport: "http",
            label,
        },
        Record::SessionDetached { session, principal },
        Record::SessionResumed {
            session,
            principal,
            peer,
            recovered: true,
        },
        Record::SessionClosed {
            session,
            principal,
            code: "c",
            duration_ms: 1,
            frames_from_browser: 1,
            frames_to_browser: 1,
            bytes_from_browser: 1,
            bytes_to_browser: 1,
        },
        Record::Spawned {
            session,
            program: "/p",
            argv: "a",
            pid: None,
            sandbox: "none",
        },
        Record::Exited {
            session,
            pid: None,
            code: "c",
            exit_code: None,
            signal: None,
        },
        Record::Reached {
            session,
            host: "h",
            address: [127, 0, 0, 1].into(),
        },
        Record::Elicitation {
            session,
            mode: "form",
            host: None,
        },
        Record::Reloaded {
            what: "tls",
            problem: None,
        },
        Record::Lost { count: 1 },
    ];
    // A variant that is missing above is missing here, which does not compile.
    let is_listed = |record: &Record<'_>| match record {
        Record::BridgeStarted { .. }
        | Record::BridgeStopped { .. }
        | Record::RequestRefused { .. }
        | Record::RefusalsOmitted { .. }
        | Record::ConnectAccepted { .. }
        | Record::ConnectDenied { .. }
        | Record::SessionOpened { .. }
        | Record::SessionDetached { .. }
        | Record::SessionResumed { .. }
        | Record::SessionClosed { .. }
        | Record::Spawned { .. }
        | Record::Exited { .. }
        | Record::Reached { .. }
        | Record::Elicitation { .. }
        | Record::Reloaded { .. }
        | Record::Lost { .. } => true,
    };
    assert!(all.iter().all(is_listed));
    all
}

#[test]
fn the_document_lists_every_event_with_its_members_in_order() {
    let document = include_str!("../../../docs/audit.md");
    let table = document
        .split("| event | members | when |\n")
        .nth(1)
        .unwrap();
    let rows = table.lines().skip(1).take_while(|row| row.starts_with('|'));
    let documented: Vec<Vec<String>> = rows
        .map(|row| {
            let cells: Vec<&str> = row.split('|').collect();
            let names = [cells[1], cells[2]].join(" ");
            names
                .split('`')
                .skip(1)
                .step_by(2)
                .map(str::to_owned)
                .collect()
        })
        .collect();
    let written: Vec<Vec<String>> = one_of_each()
        .iter()
        .map(|record| {
            let text = line(record);
            let members: footbridge_shared::rpc::Members<'_> = serde_json::from_str(&text).unwrap();
            let mut names: Vec<String> = members
                .0
                .iter()
                .map(|(name, _)| name.clone().into_owned())
                .collect();
            assert_eq!(names[..2], ["timestamp", "event"]);
            names.remove(0);
            names[0] = serde_json::from_str(members.0[1].1.get()).unwrap();
            names
        })
        .collect();
    assert_eq!(documented, written);
    for name in written.iter().flat_map(|names| &names[1..]) {
        let is_explained = document.lines().any(|row| {
            let first = row.split('|').nth(1).unwrap_or_default();
            row.starts_with("| `") && first.contains(&format!("`{name}`"))
        });
        let speaks_for_itself = [
            "version",
            "count",
            "duration_ms",
            "exit_code",
            "signal",
            "address",
            "what",
            "problem",
        ]
        .contains(&&**name)
            || name.ends_with("_browser");
        assert!(
            is_explained || speaks_for_itself,
            "docs/audit.md does not explain {name}"
        );
    }
}
