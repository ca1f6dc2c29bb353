//! The rules of CONTRIBUTING.md and ARCHITECTURE.md that a machine can check, read off the sources as text.

use std::path::Path;
use std::path::PathBuf;

use footbridge_tests::root;

/// The server's modules, lowest first: a module may name only modules of earlier lines, and its own children.
const LAYERS: &[&[&str]] = &[
    &[
        "demo",
        "egress",
        "logs",
        "meters",
        "open",
        "principal",
        "runtime_file",
        "sandbox",
        "supervise",
        "tls",
        "variables",
    ],
    &["audit", "catalogue"],
    &["config"],
    &["accept", "dialect", "policy"],
    &["bridge", "gate", "upstream"],
    &["jwks", "session", "tickets"],
    &["sessions"],
    &["http"],
    &["serve"],
    &["fuzzing"],
    &["lib", "main"],
];

/// Lines a file may have before its tests.
const LENGTH: usize = 400;

/// Files that are longer, and the length they must not pass. A line goes when its file has been divided.
const LONGER: &[(&str, usize)] = &[("server/src/bridge.rs", 475), ("shared/src/rpc.rs", 510)];

/// Words that mean something else here, or nothing.
const BANNED: &[&str] = &[
    "downstream",
    "backend",
    "gateway",
    "hub",
    "packet",
    "tunnel",
];

/// Macros that stand for work not done.
const UNFINISHED: &[&str] = &["todo!", "unimplemented!", "dbg!"];

/// Where the text of a secret may be taken out.
const EXPOSERS: &[&str] = &[
    "fuzz/src/params.rs",
    "fuzz/src/redact.rs",
    "server/src/catalogue/input.rs",
    "server/src/config/",
    "server/src/dialect/native.rs",
    "server/src/gate.rs",
    "server/src/gate/proxy.rs",
    "server/src/policy.rs",
    "server/src/policy/",
    "server/src/runtime_file.rs",
    "server/src/serve.rs",
    "server/src/tickets/keys.rs",
    "server/src/tickets/seal.rs",
    "server/src/upstream/",
    "shared/src/params.rs",
];

/// The only source of crates that may be locked.
const CRATES: &str = "source = \"registry+https://github.com/rust-lang/crates.io-index\"";

/// A file of the repository: its path from the root, and its text.
struct File {
    path: String,
    text: String,
}

/// Every file with this ending, but for what is built or installed.
fn files(ending: &str) -> Vec<File> {
    let mut found = Vec::new();
    let mut waiting = vec![PathBuf::new()];
    while let Some(folder) = waiting.pop() {
        for entry in std::fs::read_dir(root().join(&folder))
            .expect("a folder that was found")
            .flatten()
        {
            let name = entry.file_name().to_string_lossy().into_owned();
            let path = folder.join(&name);
            if entry.path().is_dir() {
                if !name.starts_with('.')
                    && !matches!(name.as_str(), "target" | "node_modules" | "dist" | "pkg")
                {
                    waiting.push(path);
                }
            } else if name.ends_with(ending) {
                found.push(File {
                    text: std::fs::read_to_string(root().join(&path)).expect("a text file"),
                    path: path.to_string_lossy().replace('\\', "/"),
                });
            }
        }
    }
    assert!(!found.is_empty(), "no file ends with {ending}");
    found.sort_by(|left, right| left.path.cmp(&right.path));
    found
}

/// Fails with everything that a rule finds, so that one run shows it all.
fn check(files: &[File], rule: impl Fn(&File) -> Vec<String>) {
    let problems: Vec<String> = files.iter().flat_map(rule).collect();
    assert!(problems.is_empty(), "\n{}", problems.join("\n"));
}

/// A file as a rule's own test writes it.
fn file(path: &str, text: &str) -> File {
    File {
        path: path.to_owned(),
        text: text.to_owned(),
    }
}

/// The lines with their numbers.
fn numbered(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.lines()
        .enumerate()
        .map(|(index, line)| (index + 1, line))
}

/// What comes before the unit tests; nothing of a file that is only tests.
fn before_tests(file: &File) -> &str {
    if file.path.ends_with("tests.rs") {
        return "";
    }
    let tests = file.text.find("#[cfg(test)]\nmod ");
    &file.text[..tests.unwrap_or(file.text.len())]
}

/// A line without what stands between these marks.
fn without_quoted(line: &str, mark: char) -> String {
    line.replace("\\\"", "")
        .split(mark)
        .step_by(2)
        .collect::<Vec<_>>()
        .join(" ")
}

/// A line without its strings and its comment.
fn code(line: &str) -> String {
    let line = without_quoted(line, '"');
    line.split("//").next().unwrap_or_default().to_owned()
}

/// The words of a line in lower case; `snake_case` and `CamelCase` are several.
fn words(line: &str) -> Vec<String> {
    let mut spaced = String::new();
    let mut was_lower = false;
    for letter in line.chars() {
        if letter.is_uppercase() && was_lower {
            spaced.push(' ');
        }
        spaced.push(letter);
        was_lower = letter.is_lowercase();
    }
    spaced
        .split(|letter: char| !letter.is_alphabetic())
        .map(str::to_lowercase)
        .collect()
}

fn layer(module: &str) -> Option<usize> {
    LAYERS.iter().position(|layer| layer.contains(&module))
}

fn names_only_lower_modules(file: &File) -> Vec<String> {
    let Some(inside) = file.path.strip_prefix("server/src/") else {
        return Vec::new();
    };
    let module = inside.split(['/', '.']).next().unwrap_or(inside);
    let Some(own) = layer(module) else {
        return vec![format!(
            "{}: `{module}` has no place in LAYERS of tests/it/tidy.rs",
            file.path
        )];
    };
    let mut problems = Vec::new();
    for (number, line) in numbered(&file.text) {
        let code = code(line);
        for rest in code.split("crate::").skip(1) {
            let end = rest.find(|letter: char| !letter.is_alphanumeric() && letter != '_');
            let named = &rest[..end.unwrap_or(rest.len())];
            if named == module {
                continue;
            }
            match layer(named) {
                Some(other) if other < own => {}
                Some(_) => problems.push(format!(
                    "{}:{number}: `{module}` may not name `{named}`",
                    file.path
                )),
                None => problems.push(format!(
                    "{}:{number}: name one module per line, not `{}`",
                    file.path,
                    line.trim()
                )),
            }
        }
    }
    problems
}

#[test]
fn modules_name_only_modules_below_them() {
    check(&files(".rs"), names_only_lower_modules);
    let check = |path, text| names_only_lower_modules(&file(path, text));
    assert_eq!(
        check(
            "server/src/bridge/calls.rs",
            "use crate::bridge::Event;\nuse crate::http::App;\n"
        ),
        ["server/src/bridge/calls.rs:2: `bridge` may not name `http`"]
    );
    assert_eq!(
        check(
            "server/src/bridge.rs",
            "// crate::http is above\nlet text = \"crate::http\";"
        ),
        [""; 0]
    );
    assert_eq!(
        check("server/src/serve.rs", "use crate::{accept, http};").len(),
        1
    );
    assert_eq!(
        check("server/src/upstream.rs", "use crate::gate::Gate;").len(),
        1
    );
    assert_eq!(check("server/src/unheard_of.rs", "").len(), 1);
}

fn is_short(file: &File) -> Vec<String> {
    let length = before_tests(file).lines().count();
    let listed = LONGER.iter().find(|(path, _)| *path == file.path);
    match listed {
        Some((path, _)) if length <= LENGTH => {
            vec![format!("{path} is short enough now; take it off the list")]
        }
        Some((_, most)) if length <= *most => Vec::new(),
        None if length <= LENGTH || is_test_file(&file.path) => Vec::new(),
        Some(_) | None => vec![format!("{} has {length} lines before its tests", file.path)],
    }
}

#[test]
fn files_are_short() {
    let files = files(".rs");
    check(&files, is_short);
    for (path, _) in LONGER {
        assert!(
            files.iter().any(|file| file.path == *path),
            "{path} is listed and not there"
        );
    }
    let lines = |n| "\n".repeat(n);
    assert_eq!(is_short(&file("server/src/a.rs", &lines(LENGTH))), [""; 0]);
    assert_eq!(
        is_short(&file("server/src/a.rs", &lines(LENGTH + 1))).len(),
        1
    );
    let tested = format!(
        "{}#[cfg(test)]\nmod tests {{\n{}",
        lines(LENGTH),
        lines(LENGTH)
    );
    assert_eq!(is_short(&file("server/src/a.rs", &tested)), [""; 0]);
    assert_eq!(is_short(&file(LONGER[0].0, "short")).len(), 1);
}

fn begins_with_its_purpose(file: &File) -> Vec<String> {
    let first = file.text.lines().find(|line| !line.trim().is_empty());
    // A file of tests is described where it is named.
    if first.is_some_and(|line| line.starts_with("//!"))
        || file.path.starts_with("tests/it/")
        || file.path.ends_with("tests.rs")
    {
        return Vec::new();
    }
    vec![format!("{} does not begin with `//!`", file.path)]
}

#[test]
fn files_begin_with_what_they_are_for() {
    check(&files(".rs"), begins_with_its_purpose);
    assert_eq!(
        begins_with_its_purpose(&file("server/src/a.rs", "\nuse std::fs;")).len(),
        1
    );
}

fn is_finished(file: &File) -> Vec<String> {
    numbered(&file.text)
        .filter(|(_, line)| {
            UNFINISHED
                .iter()
                .any(|unfinished| code(line).contains(unfinished))
        })
        .map(|(number, line)| format!("{}:{number}: {}", file.path, line.trim()))
        .collect()
}

#[test]
fn nothing_is_left_to_be_done() {
    check(&files(".rs"), is_finished);
    assert_eq!(
        is_finished(&file("a.rs", "fn a() {\n    todo!()\n}")),
        ["a.rs:2: todo!()"]
    );
}

fn keeps_to_the_glossary(file: &File) -> Vec<String> {
    let mut problems = Vec::new();
    for (number, line) in numbered(&file.text) {
        let unquoted = without_quoted(&without_quoted(line, '"'), '`');
        let words = words(&unquoted);
        for banned in BANNED {
            if words
                .iter()
                .any(|word| word.strip_suffix('s').unwrap_or(word) == *banned)
            {
                problems.push(format!(
                    "{}:{number}: the glossary has another word for `{banned}`",
                    file.path
                ));
            }
        }
    }
    problems
}

#[test]
fn names_and_comments_keep_to_the_glossary() {
    check(&files(".rs"), keeps_to_the_glossary);
    for bad in [
        "// The backends.",
        "let hub_url = 1;",
        "struct TunnelState;",
        "fn f(packet: u8) {}",
    ] {
        assert_eq!(keeps_to_the_glossary(&file("a.rs", bad)).len(), 1, "{bad}");
    }
    for good in [
        "let a = \"backend\";",
        "// A `gateway` of others.",
        "let github = 1;",
    ] {
        assert_eq!(keeps_to_the_glossary(&file("a.rs", good)), [""; 0]);
    }
}

fn keeps_secrets(file: &File) -> Vec<String> {
    let is_tests = is_test_file(&file.path);
    if is_tests
        || EXPOSERS
            .iter()
            .any(|allowed| file.path.starts_with(allowed))
    {
        return Vec::new();
    }
    numbered(before_tests(file))
        .filter(|(_, line)| {
            let code = code(line);
            code.contains(".expose()") || code.contains("Secret::expose")
        })
        .map(|(number, _)| format!("{}:{number}: a secret is not taken out here", file.path))
        .collect()
}

#[test]
fn secrets_are_taken_out_only_where_they_are_handed_on() {
    check(&files(".rs"), keeps_secrets);
    let leak = "info!(token = token.expose());";
    assert_eq!(keeps_secrets(&file("server/src/session.rs", leak)).len(), 1);
    assert_eq!(keeps_secrets(&file("server/src/serve.rs", leak)), [""; 0]);
    for allowed in EXPOSERS {
        assert!(
            Path::new(&root()).join(allowed).exists(),
            "{allowed} is listed and not there"
        );
    }
}

fn locks_no_place(file: &File) -> Vec<String> {
    numbered(&file.text)
        .filter(|(_, line)| {
            let line = line.trim();
            line.starts_with("\"resolved\": \"http")
                || line.starts_with("source = ") && line != CRATES
        })
        .map(|(number, line)| format!("{}:{number}: {}", file.path, line.trim()))
        .collect()
}

#[test]
fn lock_files_name_no_place_to_download_from() {
    check(&files("package-lock.json"), locks_no_place);
    check(&files("Cargo.lock"), locks_no_place);
    let place = "      \"resolved\": \"https://mirror.example/a.tgz\",";
    assert_eq!(locks_no_place(&file("package-lock.json", place)).len(), 1);
    let place = "source = \"git+https://git.example/a\"";
    assert_eq!(locks_no_place(&file("Cargo.lock", place)).len(), 1);
}

fn is_test_file(path: &str) -> bool {
    path.contains("/tests/") || path.starts_with("tests/")
}
