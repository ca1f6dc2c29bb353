//! What a file of servers may say, and what it means.

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::sandbox::SandboxLevel;

fn parse(text: &str) -> Result<Catalogue, String> {
    Catalogue::parse(text, Path::new("/bin/footbridge")).map_err(|error| error.to_string())
}

fn names(catalogue: &Catalogue) -> Vec<&str> {
    catalogue.iter().map(|(name, _)| name).collect()
}

#[test]
fn files_of_other_programs_are_understood() {
    let catalogue = parse(
        r#"{
            "globalShortcut": "Ctrl+Space",
            "mcpServers": {
                "zoo": {"command": "npx", "args": ["-y", "zoo"], "env": {"KEY": "s3cret"}, "cwd": "/srv",
                        "autoApprove": ["a"], "timeout": "never"},
                "off": {"command": "npx", "disabled": true},
                "events": {"type": "sse", "url": "https://a.example/sse", "headers": {"X-Key": "s3cret"}},
                "ape": {"url": "http://a.example/mcp", "title": "Ape", "description": "Apes."},
                "bee": {"type": "streamableHttp", "url": "http://a.example/mcp"}
            }
        }"#,
    )
    .unwrap();
    assert_eq!(names(&catalogue), ["demo", "zoo", "events", "ape", "bee"]);
    let expected = StdioParams {
        command: "npx".to_owned(),
        args: vec!["-y".to_owned(), "zoo".to_owned()],
        env: [(
            "KEY".to_owned(),
            footbridge_shared::params::Secret::new("s3cret"),
        )]
        .into(),
        cwd: Some("/srv".to_owned()),
        ..StdioParams::default()
    };
    assert_eq!(
        catalogue.get("zoo").unwrap().params,
        ServerParams::Stdio(expected)
    );
    assert!(catalogue.get("off").is_none());
    let listing = catalogue.listing();
    let transports: Vec<&str> = listing
        .iter()
        .map(|server| server.transport.name())
        .collect();
    assert_eq!(transports, ["stdio", "stdio", "sse", "http", "http"]);
    assert_eq!(listing[3].title.as_deref(), Some("Ape"));
    let json = serde_json::to_string(&listing).unwrap();
    for hidden in ["npx", "s3cret", "a.example", "/srv"] {
        assert!(!json.contains(hidden), "{json}");
    }

    let code = parse(r#"{"inputs": [], "servers": {"fs": {"type": "stdio", "command": "fs"}}}"#);
    assert_eq!(names(&code.unwrap()), ["demo", "fs"]);
}

#[test]
fn demo_is_ours_unless_the_file_has_its_own() {
    let ours = parse(r#"{"mcpServers": {}}"#).unwrap();
    let expected = StdioParams {
        command: "/bin/footbridge".to_owned(),
        args: vec!["demo".to_owned()],
        ..StdioParams::default()
    };
    let demo = ours.get("demo").unwrap();
    assert_eq!(demo.params, ServerParams::Stdio(expected));
    assert_eq!(demo.title.as_deref(), Some("Demo"));

    let theirs = r#"{"mcpServers": {"fs": {"command": "fs"}, "demo": {"command": "own"}}}"#;
    let theirs = parse(theirs).unwrap();
    assert_eq!(names(&theirs), ["fs", "demo"]);
    assert!(theirs.get("demo").unwrap().title.is_none());
    let none = parse(r#"{"mcpServers": {"demo": {"disabled": true}}}"#).unwrap();
    assert_eq!(names(&none), [""; 0]);
}

#[test]
fn what_is_wrong_is_named_by_its_path() {
    let needs_member = "this must be a JSON object with a member \"mcpServers\" (or \"servers\").";
    for (text, sentence) in [
        ("[]", needs_member),
        ("{}", needs_member),
        (r#"{"mcpServers": []}"#, "mcpServers must be an object."),
        (
            r#"{"mcpServers": {"fs": "npx"}}"#,
            "mcpServers.fs must be an object.",
        ),
        (
            r#"{"mcpServers": {"fs": {}}}"#,
            "mcpServers.fs needs a command or a url.",
        ),
        (
            r#"{"mcpServers": {"fs": {"command": "a", "url": "b"}}}"#,
            "mcpServers.fs has both a command and a url; keep one.",
        ),
        (
            r#"{"mcpServers": {"fs": {"command": "a", "args": ["x", 1]}}}"#,
            "mcpServers.fs.args[1] must be a string.",
        ),
        (
            r#"{"servers": {"fs": {"command": 1}}}"#,
            "servers.fs.command must be a string.",
        ),
        (
            r#"{"mcpServers": {"fs": {"type": "stdio"}}}"#,
            "mcpServers.fs.command is required.",
        ),
        (
            r#"{"mcpServers": {"fs": {"type": "stdio", "url": "http://a"}}}"#,
            "mcpServers.fs is of type \"stdio\" and needs a command.",
        ),
        (
            r#"{"mcpServers": {"fs": {"type": "ws", "url": "ws://a"}}}"#,
            "mcpServers.fs.type must be \"stdio\" with a command, or \"sse\" or \"http\" with a url.",
        ),
        (
            r#"{"mcpServers": {"fs": {"url": "file:///etc"}}}"#,
            "mcpServers.fs.url must begin with http:// or https://.",
        ),
        (
            r#"{"mcpServers": {"fs": {"command": "a", "env": {"A=B": ""}}}}"#,
            "mcpServers.fs has the impossible variable name \"A=B\".",
        ),
        (
            r#"{"mcpServers": {"fs": {"command": "a", "title": 1}}}"#,
            "mcpServers.fs.title must be a string.",
        ),
        (
            r#"{"mcpServers": {"fs": {"command": "a", "disabled": "no"}}}"#,
            "mcpServers.fs.disabled must be true or false.",
        ),
        (
            r#"{"mcpServers": {"fs": {"command": "a"}, "fs": {"command": "b"}}}"#,
            "mcpServers.fs is there twice.",
        ),
        (
            r#"{"mcpServers": {"a/b": {"command": "a"}}}"#,
            "mcpServers: the name \"a/b\" must have 1 to 64 letters, digits, spaces, dots, underscores or hyphens.",
        ),
    ] {
        assert_eq!(parse(text).unwrap_err(), sentence, "{text}");
    }
    assert!(parse("{").unwrap_err().starts_with("this is not JSON: "));
}

/// What the tests' own environment and files hold; every value has `s3cret` in it.
fn read(text: &str) -> Result<Catalogue, String> {
    let around = Surroundings {
        program: Path::new("/bin/footbridge"),
        variable: &|name| match name {
            "HOME" => Some("/home/me".to_owned()),
            "TOKEN" => Some("s3cret-of-variable".to_owned()),
            "BASE" => Some("https://s3cret.example".to_owned()),
            "EVIL" => Some("s3cret\0".to_owned()),
            _ => None,
        },
        file: &|path| match path {
            "key" => Ok("s3cret-of-file".to_owned()),
            _ => Err("cannot be read".to_owned()),
        },
    };
    Catalogue::read(text, &around).map_err(|error| error.to_string())
}

#[test]
fn references_are_followed_in_every_text_and_remembered_as_secrets() {
    let catalogue = read(
        r#"{"mcpServers": {
            "near": {"command": "${HOME}/bin/fs", "args": ["--key=${file:key}", "$${TOKEN}"], "cwd": "${userHome}/x",
                     "env": {"A": "Bearer ${env:TOKEN}", "B": "${NONE:-plain}"}},
            "far": {"url": "${BASE}/mcp", "headers": {"Authorization": "Bearer ${TOKEN}"}}
        }}"#,
    )
    .unwrap();
    let near = catalogue.get("near").unwrap();
    let ServerParams::Stdio(stdio) = &near.params else {
        panic!("a command");
    };
    assert_eq!(stdio.command, "/home/me/bin/fs");
    assert_eq!(stdio.args, ["--key=s3cret-of-file", "${TOKEN}"]);
    assert_eq!(stdio.cwd.as_deref(), Some("/home/me/x"));
    assert_eq!(stdio.env["A"].expose(), "Bearer s3cret-of-variable");
    assert_eq!(stdio.env["B"].expose(), "plain");
    let known = |name: &str| -> Vec<String> {
        let secrets = &catalogue.get(name).unwrap().secrets;
        secrets
            .iter()
            .map(|secret| secret.expose().to_owned())
            .collect()
    };
    assert_eq!(known("near").len(), 2);
    assert!(known("near").contains(&"s3cret-of-file".to_owned()));
    assert!(known("far").contains(&"s3cret-of-variable".to_owned()));
    let listing = serde_json::to_string(&catalogue.listing()).unwrap();
    assert!(!listing.contains("s3cret"), "{listing}");
}

#[test]
fn inputs_of_vs_code_and_of_an_entry_are_declared_and_listed() {
    let catalogue = read(
        r#"{
            "inputs": [
                {"type": "command", "id": "unused", "command": "x"},
                {"type": "promptString", "id": "api-key", "description": "The key", "password": true},
                {"type": "pickString", "id": "mode", "options": ["ro", "rw"], "default": "ro"}
            ],
            "servers": {
                "code": {"command": "fs", "args": ["${input:mode}"], "env": {"KEY": "${input:api-key}"}},
                "own": {
                    "url": "https://a.example/mcp",
                    "headers": {"Authorization": "Bearer ${input:api-key}"},
                    "inputs": {"api-key": {"title": "Key", "pattern": "k-[0-9]+", "secret": true, "default": "k-53"}}
                },
                "none": {"command": "fs"}
            }
        }"#,
    )
    .unwrap();
    let listing = serde_json::to_value(catalogue.listing()).unwrap();
    assert_eq!(
        listing[1]["inputs"],
        json!([
            {"name": "mode", "required": false, "secret": false, "options": ["ro", "rw"], "default": "ro"},
            {"name": "api-key", "description": "The key", "required": true, "secret": true},
        ])
    );
    assert_eq!(
        listing[2]["inputs"],
        json!([{"name": "api-key", "title": "Key", "required": false, "secret": true, "pattern": "k-[0-9]+"}])
    );
    assert_eq!(listing[3].get("inputs"), None);
    let code = catalogue.get("code").unwrap();
    let slots = [
        ("mode", Place::Arg(0)),
        ("api-key", Place::Secret("KEY".to_owned())),
    ]
    .map(|(input, place)| Slot {
        input: input.to_owned(),
        place,
    });
    assert_eq!(code.slots, slots);
}

#[test]
fn what_is_wrong_with_references_inputs_and_the_rest_is_named_by_its_path() {
    for (entry, sentence) in [
        (
            r#""args": ["--root=${input:root}"], "inputs": {"root": {}}"#,
            "args[0] has an input inside a longer text; an input is a whole argument or none, so make it one of its own.",
        ),
        (
            r#""args": ["${input:root}/x"], "inputs": {"root": {}}"#,
            "args[0] has an input inside a longer text; an input is a whole argument or none, so make it one of its own.",
        ),
        (
            r#""env": {"K": "${input:root}/x"}, "inputs": {"root": {}}"#,
            "env.K has an input and more after it; only a text before it is possible, such as \"Bearer ${input:…}\".",
        ),
        (
            r#""cwd": "${input:root}", "inputs": {"root": {}}"#,
            "cwd must not have an input: callers may give arguments, variables and headers.",
        ),
        (
            r#""env": {"K": "${input:root}"}"#,
            "env.K has an input that is declared nowhere; declare it in \"inputs\" of this server.",
        ),
        (
            r#""inputs": {"root": {}}"#,
            "inputs.root is used nowhere; write ${input:root} where its value belongs.",
        ),
        (
            r#""inputs": 1"#,
            "inputs must be a list or an object of inputs.",
        ),
        (
            r#""env": {"K": "${workspaceFolder}"}"#,
            "env.K refers to `${workspaceFolder}`, which only an editor knows; write the text itself, or ${env:NAME}.",
        ),
        (
            r#""args": ["${file:none}"]"#,
            "args[0] refers to the file none, which cannot be read.",
        ),
        (
            r#""args": ["${env:EVIL}"]"#,
            "args[0] must not contain a NUL character.",
        ),
        (r#""limits": []"#, "limits must be an object of numbers."),
        (
            r#""limits": {"sessions": "1"}"#,
            "limits.sessions must be a number.",
        ),
        (
            r#""sandbox": "strict""#,
            "sandbox must be \"none\", \"basic\", \"cgroup\" or \"bwrap\".",
        ),
        (
            r#""sandbox_options": []"#,
            "sandbox_options must be an object.",
        ),
        (
            r#""sandbox_options": {"writeable": []}"#,
            "sandbox_options.writeable is no option of the sandbox; there are writable and network.",
        ),
        (
            r#""sandbox_options": {"writable": ["data"]}"#,
            "sandbox_options.writable[0] must be an absolute path.",
        ),
        (
            r#""sandbox_options": {"network": 1}"#,
            "sandbox_options.network must be true or false.",
        ),
    ] {
        let text = format!(r#"{{"mcpServers": {{"fs": {{"command": "fs", {entry}}}}}}}"#);
        let expected = format!("mcpServers.fs.{sentence}");
        assert_eq!(read(&text).unwrap_err(), expected, "{text}");
    }
    for (text, part) in [
        (
            r#"{"mcpServers": {"far": {"url": "https://${input:host}/", "inputs": {"host": {}}}}}"#,
            "mcpServers.far.url must not have an input",
        ),
        (
            r#"{"mcpServers": {"a": {"command": "${input:program}", "inputs": {"program": {}}}}}"#,
            "mcpServers.a.command must not have an input",
        ),
        (
            r#"{"mcpServers": {"far": {"url": "https://a.example/", "sandbox": "basic"}}}"#,
            "mcpServers.far.sandbox is for servers with a command",
        ),
        (
            r#"{"inputs": [{"id": "a", "type": "command"}], "servers": {"b": {"command": "c", "args": ["${input:a}"]}}}"#,
            "inputs[0].type must be",
        ),
        (
            r#"{"mcpServers": {"far": {"url": "${TOKEN}"}}}"#,
            "mcpServers.far.url must begin with http:// or https://.",
        ),
    ] {
        let sentence = read(text).unwrap_err();
        assert!(sentence.contains(part), "{sentence}");
        assert!(!sentence.contains("s3cret"), "{sentence}");
    }
}

#[test]
fn limits_and_the_sandbox_are_kept_for_those_who_apply_them() {
    let catalogue = read(
        r#"{"mcpServers": {"fs": {"command": "fs", "sandbox": "bwrap", "limits": {"sessions": 2, "start_timeout": 0.5},
            "sandbox_options": {"network": false, "writable": ["/srv/files"]}}}}"#,
    )
    .unwrap();
    let fs = catalogue.get("fs").unwrap();
    assert_eq!(fs.sandbox, Some(SandboxLevel::Bwrap));
    assert_eq!(fs.sandbox_options.network, Some(false));
    assert_eq!(fs.sandbox_options.writable, [Path::new("/srv/files")]);
    let limits = [("sessions", 2.0), ("start_timeout", 0.5)];
    assert_eq!(
        fs.limits,
        limits.map(|(key, number)| (key.to_owned(), number))
    );
}

#[test]
fn a_revision_is_the_same_for_the_same_entry_and_changes_with_anything_of_it() {
    let revision = |text: &str| read(text).unwrap().get("a").unwrap().revision().to_owned();
    let first = revision(r#"{"mcpServers": {"a": {"command": "x", "env": {"K": "1"}}}}"#);
    let spelled = revision(
        r#"{"mcpServers": {"b": {"command": "y"}, "a": {"env": {"K": "1"}, "command": "x"}}}"#,
    );
    assert_eq!(first, spelled);
    for other in [
        r#"{"mcpServers": {"a": {"command": "x", "env": {"K": "2"}}}}"#,
        r#"{"mcpServers": {"a": {"command": "x", "env": {"K": "1"}, "sandbox": "none"}}}"#,
        r#"{"mcpServers": {"a": {"command": "x", "env": {"K": "${TOKEN}"}}}}"#,
    ] {
        assert_ne!(first, revision(other), "{other}");
    }
    let shared = |pattern: &str| {
        revision(&format!(
            r#"{{"inputs": [{{"id": "i", "pattern": "{pattern}"}}],
                "mcpServers": {{"a": {{"command": "x", "args": ["${{input:i}}"]}}}}}}"#
        ))
    };
    assert_ne!(shared("a"), shared("b"));
}

/// Any JSON, with the members and references of a catalogue in it more often than chance would have them.
fn any_json() -> impl Strategy<Value = serde_json::Value> {
    let texts = [
        "",
        "a",
        "stdio",
        "http",
        "sse",
        "https://a.example/",
        "${TOKEN}",
        "${env:TOKEN}x",
        "${file:key}",
        "${file:x}",
        "${EVIL}",
        "${input:a}",
        "Bearer ${input:a}",
        "${input:a}b",
        "${BASE}/mcp",
        "${",
        "${}",
        "$${a}",
        "promptString",
        "pickString",
        "[a-z]+",
        "(",
        "bwrap",
        "\0",
    ];
    let leaf = prop_oneof![
        Just(json!(null)),
        any::<bool>().prop_map(|flag| json!(flag)),
        any::<f64>().prop_map(|number| json!(number)),
        proptest::sample::select(texts.to_vec()).prop_map(|text| json!(text)),
        any::<String>().prop_map(|text| json!(text)),
    ];
    let members = [
        "mcpServers",
        "servers",
        "inputs",
        "a",
        "demo",
        "command",
        "args",
        "env",
        "cwd",
        "url",
        "headers",
        "type",
        "name",
        "id",
        "title",
        "description",
        "pattern",
        "default",
        "required",
        "secret",
        "options",
        "limits",
        "sessions",
        "sandbox",
        "sandbox_options",
        "writable",
        "network",
        "disabled",
        "allow_dash",
    ];
    let member = prop_oneof![
        8 => proptest::sample::select(members.to_vec()).prop_map(str::to_owned),
        1 => any::<String>(),
    ];
    leaf.prop_recursive(5, 48, 6, move |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(|items| json!(items)),
            proptest::collection::btree_map(member.clone(), inner, 0..6)
                .prop_map(|members| json!(members)),
        ]
    })
}

/// An entry that is right but for one member.
fn nearly_an_entry() -> impl Strategy<Value = serde_json::Value> {
    let base = prop_oneof![
        Just(
            json!({"command": "c", "args": ["${TOKEN}", "${input:a}"], "inputs": {"a": {"default": "d"}}})
        ),
        Just(json!({"url": "${BASE}/x", "headers": {"K": "Bearer ${file:key}"}})),
    ];
    let member = proptest::sample::select(vec![
        "command",
        "args",
        "env",
        "cwd",
        "url",
        "headers",
        "inputs",
        "limits",
        "sandbox",
        "sandbox_options",
    ]);
    (base, member, any_json()).prop_map(|(mut entry, member, value)| {
        entry[member] = value;
        entry
    })
}

proptest! {
    #[test]
    fn no_json_makes_the_parser_fall_over_or_tell_a_secret(
        file in prop_oneof![
            any_json(),
            nearly_an_entry().prop_map(|entry| json!({"mcpServers": {"a": entry}})),
            (any_json(), nearly_an_entry())
                .prop_map(|(inputs, entry)| json!({"inputs": inputs, "servers": {"a": entry}})),
        ],
    ) {
        match read(&file.to_string()) {
            Ok(catalogue) => {
                let listing = serde_json::to_string(&catalogue.listing()).unwrap();
                prop_assert!(!listing.contains("s3cret"), "{}", listing);
                prop_assert!(!listing.contains("${"), "{}", listing);
            }
            Err(sentence) => prop_assert!(!sentence.contains("s3cret"), "{}", sentence),
        }
    }

    #[test]
    fn no_text_makes_the_parser_fall_over(text in any::<String>()) {
        let _ = read(&text);
    }
}
