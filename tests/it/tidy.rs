use std::path::Path;
use std::path::PathBuf;

use footbridge_tests::root;

/// Who may know whom in the server: a module names only modules of a lower rank, and its own parts.
const RANKS: [(&str, u8); 19] = [
    ("catalogue", 0),
    ("config", 1),
    ("policy", 2),
    ("dialect", 2),
    ("supervise", 2),
    ("bridge", 3),
    ("upstream", 3),
    ("tickets", 4),
    ("session", 4),
    ("sessions", 5),
    ("gate", 5),
    ("accept", 5),
    ("http", 6),
    ("serve", 7),
    ("open", 7),
    ("demo", 7),
    ("lib", 8),
    ("main", 9),
    ("build", 9),
];

/// The only places that may take a secret out of its wrapping.
const EXPOSES: [&str; 7] = [
    "shared/src/params.rs",
    "server/src/upstream/environment.rs",
    "server/src/tickets.rs",
    "server/src/gate.rs",
    "server/src/serve.rs",
    "server/src/policy.rs",
    "server/src/config/",
];

fn rust_files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).expect("a folder").flatten() {
        let path = entry.path();
        let name = entry.file_name().to_string_lossy().into_owned();
        if path.is_dir() && !matches!(name.as_str(), "target" | "node_modules" | ".venv" | ".git") {
            rust_files(&path, found);
        } else if name.ends_with(".rs") {
            found.push(path);
        }
    }
}

/// Every Rust file: its path from the root, and its text.
fn sources() -> Vec<(String, String)> {
    let mut found = Vec::new();
    let top = root().canonicalize().expect("the root");
    rust_files(&top, &mut found);
    let read = |path: PathBuf| {
        let name = path
            .strip_prefix(&top)
            .expect("below the root")
            .to_string_lossy()
            .into_owned();
        (name, std::fs::read_to_string(&path).expect("UTF-8"))
    };
    found.into_iter().map(read).collect()
}

fn is_test(path: &str) -> bool {
    path.ends_with("/tests.rs") || path.starts_with("tests/") || path.contains("/tests/")
}

/// The part of a file that ships.
fn shipped(text: &str) -> &str {
    text.split("#[cfg(test)]\nmod tests").next().unwrap_or(text)
}

fn rank(module: &str) -> u8 {
    let found = RANKS.iter().find(|(name, _)| *name == module);
    found
        .unwrap_or_else(|| panic!("the module {module} has no rank"))
        .1
}

#[test]
fn a_module_of_the_server_names_only_modules_below_it() {
    let mut wrong = Vec::new();
    for (path, text) in sources()
        .into_iter()
        .filter(|(path, _)| path.starts_with("server/src/") && !is_test(path))
    {
        let module = path
            .trim_start_matches("server/src/")
            .split(['/', '.'])
            .next()
            .expect("a module")
            .to_owned();
        for (number, line) in shipped(&text).lines().enumerate() {
            let Some(named) = line
                .split("crate::")
                .nth(1)
                .and_then(|rest| rest.split([':', ';', ' ', ')']).next())
            else {
                continue;
            };
            if line.trim_start().starts_with("//") || named == module {
                continue;
            }
            if rank(named) >= rank(&module) {
                wrong.push(format!(
                    "{path}:{}: `{module}` may not name `{named}`",
                    number + 1
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn no_file_is_longer_than_one_can_hold_in_the_head() {
    let mut wrong = Vec::new();
    for (path, text) in sources().into_iter().filter(|(path, _)| !is_test(path)) {
        let n_lines = shipped(&text).lines().count();
        // rustfmt breaks what was one line into several; the bound leaves room for it.
        if n_lines > 500 {
            wrong.push(format!("{path} has {n_lines} lines before its tests"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_file_says_what_it_is_for() {
    let silent: Vec<String> = sources()
        .into_iter()
        .filter(|(path, text)| !is_test(path) && !text.starts_with("//!"))
        .map(|(path, _)| path)
        .collect();
    assert!(silent.is_empty(), "{silent:?}");
}

#[test]
fn nothing_is_left_undone() {
    let macros = ["todo", "unimplemented", "dbg"].map(|name| format!("{name}!("));
    for (path, text) in sources() {
        for name in &macros {
            assert!(!text.contains(name.as_str()), "{path} has {name}");
        }
    }
}

#[test]
fn secrets_are_exposed_only_where_they_are_handed_on() {
    for (path, text) in sources().into_iter().filter(|(path, _)| !is_test(path)) {
        let exposes =
            shipped(&text).contains(".expose()") || shipped(&text).contains("Secret::expose");
        assert!(
            !exposes || EXPOSES.iter().any(|allowed| path.starts_with(allowed)),
            "{path} exposes a secret"
        );
    }
}

#[test]
fn lock_files_name_no_registry() {
    for path in [
        "client-wasm",
        "www",
        "tests/servers",
        "tests/js",
        "tests/browser",
    ] {
        let path = root().join(path).join("package-lock.json");
        let text = std::fs::read_to_string(&path)
            .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        assert!(!text.contains("\"resolved\": \"http"), "{}", path.display());
    }
}
