//! What the documentation says about the configuration, held against the program.

use std::collections::BTreeMap;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;
use std::process::Output;

use footbridge::config::Auth;
use footbridge::config::Commands;
use footbridge::config::Limits;
use footbridge::config::settings::Settings;
use footbridge::config::startup::Startup;

const DOC: &str = include_str!("../../docs/configuration.md");

/// The program, without the variables of whoever runs the tests.
fn footbridge(args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_footbridge"));
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("FOOTBRIDGE_") {
            command.env_remove(name);
        }
    }
    command.args(args).output().unwrap()
}

/// The rows of the table whose head begins with `first`, without code marks.
fn table(first: &str) -> Vec<Vec<String>> {
    let head = format!("| {first} |");
    DOC.lines()
        .skip_while(|line| !line.starts_with(&head))
        .skip(2)
        .take_while(|line| line.starts_with('|'))
        .map(|line| {
            let cells = line.trim_matches('|').split('|');
            cells
                .map(|cell| cell.trim().replace('`', ""))
                .collect::<Vec<_>>()
        })
        .collect()
}

/// The code of the first block in a language.
fn example(language: &str) -> String {
    let fence = format!("```{language}\n");
    let (_, rest) = DOC.split_once(&fence).unwrap();
    rest.split_once("```").unwrap().0.to_owned()
}

/// An empty folder of one test.
fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("configuration-{name}"));
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

/// What `serve --help` says of each flag: its variable and its default.
fn help() -> BTreeMap<String, (String, String)> {
    let output = footbridge(&["serve", "--help"]);
    assert!(output.status.success());
    let text = String::from_utf8(output.stdout).unwrap();
    let mut flags: Vec<(String, String)> = Vec::new();
    for line in text.lines() {
        // An entry begins with its flag; text that begins with one stands further right.
        if let Some(rest) = line.strip_prefix("      --") {
            let end = rest.find([' ', '[', '=']).unwrap_or(rest.len());
            flags.push((format!("--{}", &rest[..end]), String::new()));
        } else if line.trim_start().starts_with("-h, ") {
            break;
        }
        if let Some((_, entry)) = flags.last_mut() {
            entry.push_str(line.trim());
            entry.push(' ');
        }
    }
    let between = |entry: &str, from: &str| {
        let (_, rest) = entry.split_once(from)?;
        rest.split_once(']').map(|(inner, _)| inner.to_owned())
    };
    flags
        .into_iter()
        .map(|(flag, entry)| {
            let variable = between(&entry, "[env: ").unwrap_or_default();
            let default = between(&entry, "[default: ").unwrap_or_else(|| "none".to_owned());
            (flag, (variable, default.replace('`', "")))
        })
        .collect()
}

#[test]
fn help_and_documentation_name_the_same_flags_variables_and_defaults() {
    let documented: BTreeMap<_, _> = table("flag")
        .into_iter()
        .map(|row| {
            let flag = row[0].split(' ').next().unwrap().to_owned();
            let key = flag.trim_start_matches("--").replace('-', "_");
            let expected = if key == "config" { "–" } else { &key };
            assert_eq!(row[1], expected, "the key of {flag}");
            (flag, (row[2].clone(), row[3].clone()))
        })
        .collect();
    assert_eq!(help(), documented);
    assert_eq!(documented.len(), 13);
}

#[test]
fn the_documented_limits_are_the_real_ones() {
    let documented: Vec<Vec<String>> = table("key")
        .into_iter()
        .map(|row| row[..4].to_vec())
        .collect();
    let real: Vec<Vec<String>> = Limits::default()
        .list()
        .into_iter()
        .map(|limit| {
            vec![
                limit.name.to_owned(),
                limit.unit.name().to_owned(),
                limit.value.to_string(),
                format!("{} to {}", limit.range.start(), limit.range.end()),
            ]
        })
        .collect();
    assert_eq!(documented, real);
}

#[test]
fn the_documented_files_are_accepted() {
    let folder = folder("example");
    let place = folder.to_str().unwrap();
    std::fs::write(folder.join("servers.json"), example("json")).unwrap();
    std::fs::write(
        folder.join("token"),
        "the token of the example\n".replace(' ', "-"),
    )
    .unwrap();
    let toml = example("toml").replace("/etc/footbridge", place);
    let settings = Settings::parse(&toml, Path::new("footbridge.toml")).unwrap();
    let startup = Startup::check(settings, PathBuf::from("/bin/footbridge")).unwrap();

    let config = startup.config;
    assert_eq!(config.commands, Commands::CatalogueOnly);
    assert!(
        matches!(config.auth, Auth::Token(token) if token.expose() == "the-token-of-the-example")
    );
    assert_eq!(config.allow_origins, ["https://app.example.com"]);
    assert_eq!(config.limits.sessions, 50);
    let names: Vec<&str> = config.catalogue.iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["demo", "files", "notes", "weather"]);
}

#[cfg(unix)]
#[test]
fn a_token_file_that_others_can_read_is_warned_of() {
    use std::os::unix::fs::PermissionsExt;

    let path = folder("token").join("token");
    std::fs::write(&path, "0123456789abcdef\r\n").unwrap();
    for (mode, n_warnings) in [(0o600, 0), (0o640, 1), (0o604, 1)] {
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        let settings = Settings {
            token_file: Some(path.clone()),
            ..Settings::default()
        };
        let startup = Startup::check(settings, PathBuf::from("/bin/footbridge")).unwrap();
        assert_eq!(startup.warnings.len(), n_warnings, "{mode:o}");
        assert!(
            matches!(startup.config.auth, Auth::Token(token) if token.expose() == "0123456789abcdef")
        );
    }
}

#[test]
fn a_wrong_configuration_is_one_sentence_and_exit_code_2() {
    let folder = folder("wrong");
    let file = |name: &str, text: &str| {
        let path = folder.join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let unknown = file("unknown.toml", "lisen = \"127.0.0.1:0\"\n");
    let limit = file("limit.toml", "[limits]\nsessions = -1\n");
    let catalogue = file(
        "servers.json",
        r#"{"mcpServers":{"fs":{"command":"a","args":["b",1]}}}"#,
    );
    let empty = file("empty-token", "\n");
    let missing = folder.join("missing").to_str().unwrap().to_owned();
    for (args, part) in [
        (
            ["--config", unknown.as_str()],
            "`lisen` is not a setting (did you mean \"listen\"?)",
        ),
        (["--config", &limit], "limits.sessions must be"),
        (["--config", &missing], "--config: cannot read"),
        (["--servers", &missing], "--servers: cannot read"),
        (
            ["--servers", &catalogue],
            "mcpServers.fs.args[1] must be a string",
        ),
        (["--token-file", &missing], "--token-file: cannot read"),
        (["--token-file", &empty], "is empty"),
        (["--listen", "8000"], "must be HOST:PORT"),
        (
            ["--listen", "0.0.0.0:0"],
            "--public-url and --behind-tls-proxy",
        ),
        (["--token", "short"], "at least 16 characters"),
        (
            ["--allow-origin", "https://*.example.com"],
            "patterns are not possible",
        ),
        (["--params-in-url", "plain"], "invalid value 'plain'"),
        (["--unknown", "flag"], "unexpected argument"),
    ] {
        let output = footbridge(&[&["serve"], args.as_slice()].concat());
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{args:?}: {said}");
        assert!(said.contains(part), "{args:?}: {said}");
        assert_eq!(output.stdout, b"", "{args:?}");
    }
}

#[test]
fn a_port_in_use_is_one_sentence_and_exit_code_2() {
    let other = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = other.local_addr().unwrap();
    let output = footbridge(&["serve", "--listen", &address.to_string()]);
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{said}");
    let sentence = format!(
        "Port {} on 127.0.0.1 is in use; stop the other program or choose another with --listen.",
        address.port()
    );
    assert!(said.lines().any(|line| line == sentence), "{said}");
}
