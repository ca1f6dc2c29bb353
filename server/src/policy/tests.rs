//! What may run, and what may not.

use std::path::Path;

use super::*;

const FILE: &str = r#"{"mcpServers": {
    "fs": {"command": "npx", "args": ["-y", "fs"], "env": {"KEY": "s3cret"}, "cwd": "/srv"},
    "far": {"url": "https://a.example/mcp"}
}}"#;

fn approve(commands: Commands, params: &str) -> Result<Approved, Fault> {
    let catalogue = Catalogue::parse(FILE, Path::new("/bin/footbridge")).unwrap();
    let params = serde_json::from_str(params).unwrap();
    let params = ServerParams::from_json(&params, "server_params").unwrap();
    Policy::new(commands, catalogue, Arc::default()).approve(&params)
}

fn stdio(fields: &str) -> String {
    format!(r#"{{"type":"StdioServerParams",{fields}}}"#)
}

#[test]
fn a_name_gives_the_catalogues_own_params_whatever_the_commands() {
    for commands in [Commands::Any, Commands::CatalogueOnly] {
        let approved = approve(commands, r#"{"type":"named","server":"fs"}"#).unwrap();
        assert_eq!(approved.label(), "fs");
        assert_eq!(approved.params().secrets()["KEY"].expose(), "s3cret");
    }
}

#[test]
fn a_wrong_name_is_answered_with_the_right_ones() {
    let fault = approve(Commands::Any, r#"{"type":"named","server":"sf"}"#).unwrap_err();
    assert_eq!(fault.code, FaultCode::InvalidField);
    assert_eq!(fault.field.as_deref(), Some("server_params.server"));
    assert_eq!(
        fault.hint.as_deref(),
        Some("The catalogue has: demo, fs, far.")
    );
    let inputs = r#"{"type":"named","server":"fs","inputs":{"KEY":"x"}}"#;
    let fault = approve(Commands::Any, inputs).unwrap_err();
    assert_eq!(fault.field.as_deref(), Some("server_params.inputs.KEY"));
}

#[test]
fn a_written_out_command_must_be_the_catalogues_to_the_letter() {
    for (fields, allowed) in [
        (r#""command":"npx","args":["-y","fs"]"#, true),
        (
            r#""command":"npx","args":["-y","fs"],"env":{},"cwd":"/srv""#,
            true,
        ),
        (
            r#""command":"npx","args":["-y","fs"],"env":{"KEY":"s3cret"}"#,
            true,
        ),
        (r#""command":"/bin/footbridge","args":["demo"]"#, true),
        (
            r#""command":"npx","args":["-y","fs"],"env":{"KEY":"other"}"#,
            false,
        ),
        (
            r#""command":"npx","args":["-y","fs"],"env":{"LD_PRELOAD":"x"}"#,
            false,
        ),
        (r#""command":"npx","args":["-y","fs"],"cwd":"/etc""#, false),
        (r#""command":"npx","args":["-y","fs","/etc"]"#, false),
        (r#""command":"npx","args":["-y fs"]"#, false),
        (r#""command":"/bin/npx","args":["-y","fs"]"#, false),
        (r#""command":"sh","args":["-c","id"]"#, false),
        (r#""command":"npx""#, false),
    ] {
        let approved = approve(Commands::CatalogueOnly, &stdio(fields));
        match approved {
            Ok(approved) => {
                assert!(allowed, "{fields}");
                let catalogues = matches!(approved.label(), "fs" | "demo");
                assert!(catalogues, "{fields}");
            }
            Err(fault) => {
                assert!(!allowed, "{fields}");
                assert_eq!(fault.code, FaultCode::ParamsDenied);
                assert!(fault.message.contains("--servers"));
            }
        }
    }
    let params = stdio(r#""command":"npx","args":["-y","fs"]"#);
    let approved = approve(Commands::CatalogueOnly, &params).unwrap();
    assert_eq!(approved.params().secrets()["KEY"].expose(), "s3cret");
}

#[test]
fn any_command_is_the_callers_own() {
    let params = stdio(r#""command":"/usr/bin/env","args":["-i"],"env":{"_A1":"x"},"cwd":"/""#);
    let approved = approve(Commands::Any, &params).unwrap();
    assert_eq!(approved.label(), "env");
    assert_eq!(approved.params().secrets()["_A1"].expose(), "x");
}

#[test]
fn a_remote_server_is_reached_as_far_as_the_rules_go() {
    let http = |url: &str| format!(r#"{{"type":"StreamableHttpServerParams","url":"{url}"}}"#);
    for commands in [Commands::Any, Commands::CatalogueOnly] {
        let approved = approve(commands, &http("https://a.example:8443/mcp?key=s3cret")).unwrap();
        assert_eq!(approved.label(), "a.example:8443");
        let sse = r#"{"type":"SseServerParams","url":"https://a.example/sse","headers":{"Authorization":"k"}}"#;
        assert_eq!(approve(commands, sse).unwrap().label(), "a.example");
        for (params, code) in [
            (http("http://a.example/"), FaultCode::ParamsDenied),
            (http("https://10.0.0.1/"), FaultCode::ParamsDenied),
            (http("file:///etc/passwd"), FaultCode::InvalidField),
            (http("not a url"), FaultCode::InvalidField),
            (
                r#"{"type":"SseServerParams","url":"https://a.example/","headers":{"Host":"b"}}"#
                    .to_owned(),
                FaultCode::InvalidField,
            ),
        ] {
            let fault = approve(commands, &params).unwrap_err();
            assert_eq!(fault.code, code, "{params}");
            assert!(fault.field.unwrap().starts_with("server_params."));
        }
    }
    let approved = approve(Commands::Any, r#"{"type":"named","server":"far"}"#).unwrap();
    assert_eq!(approved.label(), "far");
}

fn policy(file: &str) -> Policy {
    let catalogue = Catalogue::parse(file, Path::new("/bin/footbridge")).unwrap();
    Policy::new(Commands::CatalogueOnly, catalogue, Arc::default())
}

fn params(json: &str) -> ServerParams {
    ServerParams::from_json(&serde_json::from_str(json).unwrap(), "server_params").unwrap()
}

const ASKS: &str = r#"{"mcpServers": {"fs": {
    "command": "fs", "args": ["--root", "${input:root}"], "inputs": {"root": {}},
    "limits": {"sessions": 2, "start_timeout": 5}, "sandbox": "basic"
}}}"#;

#[test]
fn a_server_with_inputs_is_reached_by_its_name_alone() {
    let policy = policy(ASKS);
    let named = r#"{"type":"named","server":"fs","inputs":{"root":"/srv/data"}}"#;
    let approved = policy.approve(&params(named)).unwrap();
    let ServerParams::Stdio(started) = approved.params() else {
        panic!("a command");
    };
    assert_eq!(started.args, ["--root", "/srv/data"]);
    assert_eq!(approved.secrets(), [Secret::new("/srv/data")]);
    for args in [
        r#"["--root", "/srv/data"]"#,
        r#"["--root", ""]"#,
        r#"["--root", "${input:root}"]"#,
    ] {
        let written = stdio(&format!(r#""command":"fs","args":{args}"#));
        let fault = policy.approve(&params(&written)).unwrap_err();
        assert_eq!(fault.code, FaultCode::ParamsDenied, "{args}");
    }
}

#[test]
fn another_type_or_further_members_give_a_caller_nothing() {
    let policy = policy(FILE);
    for json in [
        r#"{"type":"named","server":"fs","command":"sh","args":["-c","id"],"env":{"X":"y"},"cwd":"/"}"#,
        r#"{"type":"named","server":"fs","url":"https://evil.example/"}"#,
    ] {
        let approved = policy.approve(&params(json)).unwrap();
        let by_name = policy
            .approve(&params(r#"{"type":"named","server":"fs"}"#))
            .unwrap();
        assert_eq!(approved.params(), by_name.params(), "{json}");
    }
    for json in [
        r#"{"type":"StdioServerParams","server":"fs","command":"sh"}"#,
        r#"{"type":"StdioServerParams","server":"far","command":"https://a.example/mcp"}"#,
    ] {
        let fault = policy.approve(&params(json)).unwrap_err();
        assert_eq!(fault.code, FaultCode::ParamsDenied, "{json}");
    }
}

#[test]
fn what_the_catalogue_says_of_a_server_goes_with_its_approval() {
    let policy = policy(ASKS).with_limits(Limits {
        calls_in_flight: 7,
        ..Limits::default()
    });
    let named = r#"{"type":"named","server":"fs","inputs":{"root":"/srv"}}"#;
    let approved = policy.approve(&params(named)).unwrap();
    let limits = approved.limits().unwrap();
    assert_eq!(limits.start_timeout.as_secs(), 5);
    assert_eq!(limits.calls_in_flight, 7);
    assert_eq!(
        (approved.server(), approved.sessions()),
        (Some("fs"), Some(2))
    );
    assert!(approved.sandbox().network);
    let demo = policy
        .approve(&params(r#"{"type":"named","server":"demo"}"#))
        .unwrap();
    assert_eq!(demo.sessions(), None);
    let own = approve(Commands::Any, &stdio(r#""command":"a""#)).unwrap();
    assert_eq!((own.server(), own.limits()), (None, None));

    let mut offline = Sandbox::default();
    offline.network = false;
    let catalogue = Catalogue::clone(&policy.catalogue());
    policy.replace(catalogue, [("fs".to_owned(), Arc::new(offline))].into());
    let approved = policy.approve(&params(named)).unwrap();
    assert!(!approved.sandbox().network, "that of this server alone");
    let demo = params(r#"{"type":"named","server":"demo"}"#);
    assert!(policy.approve(&demo).unwrap().sandbox().network);
}

#[test]
fn an_entry_that_has_changed_is_not_opened_with_an_older_ticket() {
    let policy = policy(FILE);
    let named = params(r#"{"type":"named","server":"fs"}"#);
    let written = params(&stdio(r#""command":"npx","args":["-y","fs"]"#));
    let revision = policy
        .approve(&named)
        .unwrap()
        .revision()
        .map(str::to_owned);
    let again = |params: &ServerParams| policy.approve_again(params, revision.as_deref());
    let replace = |file: &str| {
        let catalogue = Catalogue::parse(file, Path::new("/bin/footbridge")).unwrap();
        policy.replace(catalogue, Sandboxes::new());
    };
    assert!(again(&named).is_ok() && again(&written).is_ok());
    replace(&FILE.replace("a.example", "b.example"));
    assert!(again(&named).is_ok(), "another entry has changed");
    let is_changed = |params: &ServerParams| {
        again(params).is_err_and(|fault| fault.code == FaultCode::TicketInvalid)
    };
    replace(&FILE.replace("\"fs\": ", "\"sf\": "));
    assert!(is_changed(&named));
    assert!(again(&written).is_ok(), "it is the same under another name");
    for file in [&FILE.replace("s3cret", "0ther!"), r#"{"mcpServers": {}}"#] {
        replace(file);
        assert!(is_changed(&named) && is_changed(&written), "{file}");
    }
    assert!(policy.approve_again(&named, None).is_err(), "it is gone");
    replace(FILE);
    assert!(again(&named).is_ok());
}
