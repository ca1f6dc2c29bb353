//! The configuration as its documents describe it and as the program understands it.

use std::path::Path;
use std::process::Command;
use std::process::Output;

use footbridge::catalogue::Catalogue;
use footbridge::catalogue::Surroundings;
use footbridge::config::Limits;
use footbridge::config::settings::Settings;
use footbridge::sandbox::SandboxLevel;
use footbridge::variables::is_of_code;
use footbridge_shared::params::ServerParams;
use serde_json::json;

const DOCUMENT: &str = include_str!("../../docs/configuration.md");

fn footbridge(args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_footbridge"));
    command.args(args).env("COLUMNS", "400");
    command.output().expect("the program runs")
}

/// The cells of a table's row, without their back ticks.
fn cells(line: &str) -> Vec<String> {
    line.trim_matches('|')
        .split('|')
        .map(|cell| cell.trim().trim_matches('`').to_owned())
        .collect()
}

/// What stands under a heading of the second or third level, to the next of either.
fn section(heading: &str) -> &'static str {
    let after = DOCUMENT
        .split(&format!("## {heading}\n"))
        .nth(1)
        .expect("the section");
    let text = after.split("\n## ").next().expect("its text");
    text.split("\n### ").next().expect("its text")
}

fn rows(heading: &str) -> Vec<Vec<String>> {
    section(heading)
        .lines()
        .filter(|line| line.starts_with("| `"))
        .map(cells)
        .collect()
}

fn block(language: &str, index: usize) -> &'static str {
    let after = DOCUMENT
        .split(&format!("```{language}\n"))
        .nth(index + 1)
        .expect("a block");
    after.split("```").next().expect("its text")
}

/// The terms between back ticks in the one line of a section that begins like this.
fn terms(heading: &str, beginning: &str) -> Vec<&'static str> {
    let mut lines = section(heading).lines();
    let line = lines
        .find(|line| line.starts_with(beginning))
        .expect("the line");
    line.split('`').skip(1).step_by(2).collect()
}

#[test]
fn the_help_and_the_document_name_the_same_flags_variables_and_defaults() {
    let help = footbridge(&["serve", "--help"]);
    let help = String::from_utf8(help.stdout).expect("UTF-8");
    let entries: Vec<Vec<String>> = help
        .split("\n      --")
        .skip(1)
        .map(|entry| {
            let name = entry.split([' ', '[', '\n']).next().expect("a name");
            let bracket = |key: &str| {
                let after = entry.split(&format!("[{key}: ")).nth(1)?;
                after
                    .split(']')
                    .next()
                    .map(|value| value.trim_end_matches('=').replace('`', ""))
            };
            let default = bracket("default").unwrap_or("none".to_owned());
            vec![format!("--{name}"), bracket("env").expect(name), default]
        })
        .collect();
    let documented: Vec<Vec<String>> = rows("Settings")
        .into_iter()
        .map(|row| vec![row[0].clone(), row[2].clone(), row[3].replace('`', "")])
        .collect();
    assert_eq!(entries, documented);
}

#[test]
fn every_setting_of_the_document_is_a_key_of_the_file() {
    for row in rows("Settings").iter().filter(|row| row[1] != "–") {
        assert_eq!(row[1], row[0].trim_start_matches("--").replace('-', "_"));
        // A wrong type is a problem of its own; only an unknown key is called one.
        let text = format!("{} = {{ no = 'setting has a table' }}", row[1]);
        let problem = Settings::parse(&text, Path::new("f"))
            .map(|_| ())
            .expect_err("a wrong type")
            .to_string();
        let unknown = Settings::parse("lisen = 'x'", Path::new("f"))
            .map(|_| ())
            .expect_err("unknown")
            .to_string();
        assert!(
            unknown.contains("lisen") && unknown.contains("listen"),
            "{unknown}"
        );
        let words = |text: &str| {
            text.split_whitespace()
                .skip(2)
                .take(3)
                .collect::<Vec<_>>()
                .join(" ")
        };
        assert_ne!(words(&problem), words(&unknown), "{problem}");
    }
}

#[test]
fn the_document_lists_every_limit_with_its_unit_and_default() {
    let limits = Limits::default().list();
    let expected: Vec<Vec<String>> = limits
        .iter()
        .map(|limit| {
            vec![
                limit.name.to_owned(),
                limit.unit.name().to_owned(),
                limit.value.to_string(),
            ]
        })
        .collect();
    let documented: Vec<Vec<String>> = rows("Limits").iter().map(|row| row[..3].to_vec()).collect();
    assert_eq!(documented, expected);
}

#[test]
fn the_examples_of_the_document_are_understood() {
    let settings =
        Settings::parse(block("toml", 0), Path::new("example.toml")).expect("the TOML example");
    assert_eq!(settings.listen.as_deref(), Some("127.0.0.1:8000"));
    let catalogue =
        Catalogue::parse(block("json", 0), Path::new("/bin/footbridge")).expect("the JSON example");
    let names: Vec<String> = catalogue
        .listing()
        .into_iter()
        .map(|server| server.name)
        .collect();
    assert_eq!(names, ["demo", "files", "time"]);
}

#[test]
fn the_larger_catalogue_of_the_document_is_what_the_document_says() {
    let around = Surroundings {
        program: Path::new("/bin/footbridge"),
        variable: &|_| None,
        file: &|path| Ok(format!("the text of {path}")),
    };
    let catalogue = Catalogue::read(block("json", 1), &around).expect("the JSON example");
    let listing = serde_json::to_value(catalogue.listing()).expect("JSON");
    assert_eq!(
        listing[1]["inputs"],
        json!([
            {
                "name": "folder", "title": "Folder", "description": "One below /srv.",
                "required": true, "secret": false, "pattern": "/srv/[a-z0-9]+",
            },
            {
                "name": "mode", "title": "Mode", "required": false, "secret": false,
                "options": ["--read-only", "--read-write"], "default": "--read-only",
            },
        ])
    );
    assert_eq!(
        listing[2]["inputs"],
        json!([{
            "name": "api-key", "description": "From your account page.", "required": true, "secret": true,
        }])
    );
    let files = catalogue.get("files").expect("it is there");
    let ServerParams::Stdio(stdio) = &files.params else {
        panic!("a command");
    };
    assert_eq!(stdio.command, "/opt/mcp/files");
    assert_eq!(stdio.env["LICENCE"].expose(), "the text of secrets/licence");
    let limits = Limits::default().of_server(&files.limits);
    assert_eq!(limits.map(|limits| limits.sessions), Ok(5));
    assert_eq!(files.sandbox, Some(SandboxLevel::Bwrap));
    assert_eq!(files.sandbox_options.network, Some(false));
    assert_eq!(files.sandbox_options.writable, [Path::new("/srv")]);
}

#[test]
fn the_document_lists_every_member_of_an_input() {
    let file =
        r#"{"mcpServers": {"a": {"command": "a", "inputs": {"x": {"no member of one": 1}}}}}"#;
    let sentence = Catalogue::parse(file, Path::new("/bin/footbridge"))
        .expect_err("an unknown member")
        .to_string();
    let (_, known) = sentence.split_once("there are ").expect("they are named");
    let mut known: Vec<&str> = known.trim_end_matches('.').split(", ").collect();
    let documented = rows("Inputs");
    let mut documented: Vec<&str> = documented.iter().map(|row| &*row[0]).collect();
    known.sort_unstable();
    documented.sort_unstable();
    assert_eq!(documented, known);
}

#[test]
fn the_document_lists_the_limits_that_one_server_may_have() {
    let limits = Limits::default();
    let may_have = |key: &str, value| limits.of_server(&[(key.to_owned(), value)]).is_ok();
    let known: Vec<&str> = limits
        .list()
        .into_iter()
        .filter(|limit| may_have(limit.name, limit.value))
        .map(|limit| limit.name)
        .collect();
    let documented = terms("Limits of one server", "`limits` of a server");
    assert_eq!(documented[2..], known);
}

#[test]
fn the_variables_of_the_document_take_no_input() {
    let names = terms("Inputs", "Variables that decide which code runs");
    assert!(names.len() > 20, "{names:?}");
    for name in names {
        assert!(is_of_code(name), "{name}");
    }
}

#[test]
fn what_is_wrong_is_one_sentence_and_exit_code_2() {
    let folder =
        std::env::temp_dir().join(format!("footbridge-configuration-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder");
    let file = |name: &str, text: &str| {
        let path = folder.join(name);
        std::fs::write(&path, text).expect("a file");
        path.to_string_lossy().into_owned()
    };
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("its address").to_string();
    let unknown = file("unknown.toml", "lisen = 'x'");
    let limit = file("limit.toml", "[limits]\nsesions = 3");
    let broken = file("broken.json", "{\"mcpServers\":{\"fs\":{\"command\":7}}}");
    let remote = file(
        "remote.json",
        r#"{"mcpServers":{"far":{"url":"https://a.example/","headers":{"Host":"b"}}}}"#,
    );
    for (args, part) in [
        (
            vec!["--config", "/does/not/exist.toml"],
            "/does/not/exist.toml",
        ),
        (vec!["--config", &unknown], "lisen"),
        (vec!["--config", &limit], "sesions"),
        (
            vec!["--servers", "/does/not/exist.json"],
            "/does/not/exist.json",
        ),
        (vec!["--servers", &broken], "mcpServers.fs.command"),
        (vec!["--listen", "nonsense"], "--listen"),
        (vec!["--listen", "0.0.0.0:0"], "--public-url"),
        (vec!["--listen", "0.0.0.0:0", "--no-auth"], "--no-auth"),
        (
            vec!["--listen", "0.0.0.0:0", "--allow-commands"],
            "--allow-commands",
        ),
        (vec!["--token", "short"], "16"),
        (vec!["--listen", &address], "is in use"),
        (
            vec!["--allow-origin", "https://a.example/path"],
            "--allow-origin",
        ),
        (
            vec!["--allow-upstream", "https://a.example"],
            "--allow-upstream",
        ),
        (vec!["--allow-header", "x-key,Host"], "--allow-header"),
        (vec!["--upstream-proxy", "ftp://proxy"], "--upstream-proxy"),
        (
            vec!["--upstream-ca", "/does/not/exist.pem"],
            "--upstream-ca",
        ),
        (vec!["--upstream-ca", &unknown], "no certificate"),
        (vec!["--servers", &remote], "\"far\": headers.Host"),
        (vec!["--sandbox", "jail"], "--sandbox"),
        (
            vec!["--sandbox-write", "/does/not/exist"],
            "--sandbox-write",
        ),
        (vec!["--root", "/does/not/exist"], "--root"),
        (vec!["--root", &unknown], "not a directory"),
        (vec!["--nonsense"], "--nonsense"),
    ] {
        let mut all = vec!["serve"];
        all.extend(&args);
        let output = footbridge(&all);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{args:?}: {said}");
        assert!(said.contains(part), "{args:?}: {said}");
        assert!(output.stdout.is_empty(), "{args:?}");
    }
    let _ = std::fs::remove_dir_all(&folder);
}

#[cfg(target_os = "linux")]
#[test]
fn a_sandbox_that_the_machine_cannot_give_is_refused_and_never_replaced_by_a_weaker_one() {
    use std::os::unix::fs::PermissionsExt as _;

    let folder = std::env::temp_dir().join(format!("footbridge-bwrap-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder");
    let serve = || {
        let mut command = Command::new(env!("CARGO_BIN_EXE_footbridge"));
        command.args(["serve", "--listen", "127.0.0.1:0", "--sandbox", "bwrap"]);
        let output = command.env("PATH", &folder).output().expect("it runs");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(output.stdout.is_empty(), "it listens");
        said
    };
    let said = serve();
    assert!(said.contains("--sandbox bwrap"), "{said}");
    assert!(said.contains("install bubblewrap"), "{said}");
    // As on a kernel that lets nobody make namespaces.
    let program = folder.join("bwrap");
    std::fs::write(&program, "#!/bin/sh\necho 'No permissions' >&2\nexit 1\n").expect("a file");
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).expect("it is ours");
    let said = serve();
    assert!(
        said.contains("cannot make namespaces here (No permissions)"),
        "{said}"
    );
    std::fs::remove_dir_all(&folder).expect("the folder is there");
}

#[test]
fn the_program_says_its_version_and_helps() {
    let version = footbridge(&["--version"]);
    let said = String::from_utf8_lossy(&version.stdout).trim().to_owned();
    assert_eq!(said, format!("footbridge {}", env!("CARGO_PKG_VERSION")));
    assert_eq!(footbridge(&[]).status.code(), Some(2));
}
