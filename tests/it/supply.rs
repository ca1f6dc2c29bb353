use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

use footbridge_tests::root;
use serde::Deserialize;
use serde_json::Value;

/// The only registry, as lock files name it.
const REGISTRY: &str = "https://github.com/rust-lang/crates.io-index";

/// Crates that `deny.toml` has to ban, whatever else it bans.
const BANNED: &[&str] = &[
    "openssl-sys",
    "native-tls",
    "aws-lc-sys",
    "serde_yml",
    "async-nats",
];

/// Every folder that npm installs into.
const NPM: &[&str] = &[
    "client-wasm",
    "tests/browser",
    "tests/bundles",
    "tests/conformance",
    "tests/js",
    "tests/servers",
    "www",
];

/// What every `.npmrc` says: lock files are to name packages, not places.
const NPMRC: &str = "omit-lockfile-registry-resolved=true";

/// `deny.toml`, as far as it is checked here: the rest is cargo-deny's business.
#[derive(Deserialize)]
struct Deny {
    graph: Graph,
    licenses: Licences,
    bans: Bans,
    sources: Sources,
}

#[derive(Deserialize)]
struct Graph {
    targets: Vec<String>,
}

#[derive(Deserialize)]
struct Licences {
    allow: BTreeSet<String>,
    exceptions: Vec<Exception>,
}

#[derive(Deserialize)]
struct Exception {
    #[serde(rename = "crate")]
    name: String,
    allow: BTreeSet<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Bans {
    multiple_versions: String,
    wildcards: String,
    deny: Vec<Reasoned>,
    skip: Vec<Reasoned>,
}

/// A crate, and why something is said of it.
#[derive(Deserialize)]
struct Reasoned {
    #[serde(rename = "crate")]
    name: String,
    reason: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Sources {
    unknown_registry: String,
    unknown_git: String,
    allow_registry: Vec<String>,
    allow_git: Vec<String>,
}

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
    resolve: Resolve,
}

#[derive(Deserialize)]
struct Package {
    id: String,
    name: String,
    version: String,
    license: Option<String>,
    source: Option<String>,
    dependencies: Vec<Dependency>,
}

#[derive(Deserialize)]
struct Dependency {
    name: String,
    req: String,
    path: Option<String>,
}

#[derive(Deserialize)]
struct Resolve {
    nodes: Vec<Node>,
}

#[derive(Deserialize)]
struct Node {
    id: String,
}

#[derive(Deserialize)]
struct Lock {
    package: Vec<Locked>,
}

#[derive(Deserialize)]
struct Locked {
    name: String,
    version: String,
    source: Option<String>,
    checksum: Option<String>,
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn deny() -> Deny {
    toml::from_str(&read("deny.toml")).expect("deny.toml has what is checked here")
}

/// Every crate that is built for one of these targets, as cargo resolves it with the lock file.
fn crates(targets: &[String]) -> Vec<Package> {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args([
        "metadata",
        "--locked",
        "--format-version",
        "1",
        "--all-features",
    ]);
    for target in targets {
        cargo.args(["--filter-platform", target]);
    }
    let output = cargo.current_dir(root()).output().expect("cargo runs");
    let problem = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{problem}");
    let metadata: Metadata = serde_json::from_slice(&output.stdout).expect("metadata");
    let used: BTreeSet<String> = metadata
        .resolve
        .nodes
        .into_iter()
        .map(|node| node.id)
        .collect();
    let mut packages = metadata.packages;
    packages.retain(|package| used.contains(&package.id));
    assert!(packages.len() > 100, "{} crates", packages.len());
    packages
}

/// Fails with everything that was found.
fn none(problems: &[String]) {
    assert!(problems.is_empty(), "\n{}", problems.join("\n"));
}

#[test]
fn every_crate_comes_from_the_registry_and_has_a_checksum() {
    let sources = deny().sources;
    assert_eq!(sources.allow_registry, [REGISTRY]);
    assert_eq!(sources.allow_git, [""; 0]);
    assert_eq!(
        (&*sources.unknown_registry, &*sources.unknown_git),
        ("deny", "deny")
    );
    let own = own();
    let lock: Lock = toml::from_str(&read("Cargo.lock")).expect("a lock file");
    let problems: Vec<String> = lock
        .package
        .iter()
        .filter(|package| !is_from_registry(package, &own))
        .map(|package| format!("{} {}: {:?}", package.name, package.version, package.source))
        .collect();
    none(&problems);

    let locked = |name: &str, source: Option<&str>, checksum: Option<&str>| Locked {
        name: name.to_owned(),
        version: "1.0.0".to_owned(),
        source: source.map(str::to_owned),
        checksum: checksum.map(str::to_owned),
    };
    let registry = format!("registry+{REGISTRY}");
    let sum = "0".repeat(64);
    assert!(is_from_registry(
        &locked("a", Some(&registry), Some(&sum)),
        &own
    ));
    assert!(is_from_registry(&locked("footbridge", None, None), &own));
    for bad in [
        locked("a", None, None),
        locked("a", Some(&registry), None),
        locked("a", Some("git+https://git.example/a"), Some(&sum)),
        locked("a", Some("registry+https://mirror.example"), Some(&sum)),
    ] {
        assert!(!is_from_registry(&bad, &own), "{:?}", bad.source);
    }
}

/// The names of our own crates.
fn own() -> BTreeSet<String> {
    let own: BTreeSet<String> = crates(&deny().graph.targets)
        .into_iter()
        .filter(|package| package.source.is_none())
        .map(|package| package.name)
        .collect();
    assert!(
        own.iter()
            .all(|name| name == "xtask" || name.starts_with("footbridge")),
        "{own:?}"
    );
    own
}

fn is_from_registry(package: &Locked, own: &BTreeSet<String>) -> bool {
    match (&package.source, &package.checksum) {
        (None, None) => own.contains(&package.name),
        (Some(source), Some(checksum)) => {
            *source == format!("registry+{REGISTRY}")
                && checksum.len() == 64
                && checksum.bytes().all(|byte| byte.is_ascii_hexdigit())
        }
        (None, Some(_)) | (Some(_), None) => false,
    }
}

/// Whether one may choose licences of an SPDX expression that are all allowed; `/` is how it was written before SPDX.
fn is_allowed(expression: &str, allowed: &dyn Fn(&str) -> bool) -> bool {
    let spaced = expression
        .replace('(', " ( ")
        .replace(')', " ) ")
        .replace('/', " OR ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let mut words = words.as_slice();
    let outcome = any(&mut words, allowed);
    outcome.unwrap_or(false) && words.is_empty()
}

/// Sides of `OR`; `None` where it is no expression.
fn any(words: &mut &[&str], allowed: &dyn Fn(&str) -> bool) -> Option<bool> {
    let mut outcome = all(words, allowed)?;
    while words.first() == Some(&"OR") {
        *words = &words[1..];
        outcome |= all(words, allowed)?;
    }
    Some(outcome)
}

/// Sides of `AND`, which binds closer.
fn all(words: &mut &[&str], allowed: &dyn Fn(&str) -> bool) -> Option<bool> {
    let mut outcome = one(words, allowed)?;
    while words.first() == Some(&"AND") {
        *words = &words[1..];
        outcome &= one(words, allowed)?;
    }
    Some(outcome)
}

/// A licence, perhaps with an exception to it, or what stands in parentheses.
fn one(words: &mut &[&str], allowed: &dyn Fn(&str) -> bool) -> Option<bool> {
    let (&first, rest) = words.split_first()?;
    *words = rest;
    if first == "(" {
        let outcome = any(words, allowed)?;
        let (&last, rest) = words.split_first()?;
        *words = rest;
        return (last == ")").then_some(outcome);
    }
    if let ["WITH", exception, rest @ ..] = *words {
        *words = rest;
        return Some(allowed(&format!("{first} WITH {exception}")));
    }
    let is_name = !matches!(first, ")" | "OR" | "AND" | "WITH");
    is_name.then(|| allowed(first))
}

#[test]
fn every_licence_is_allowed_and_every_allowed_one_is_needed() {
    let deny = deny();
    let crates = crates(&deny.graph.targets);
    let problems: Vec<String> = crates
        .iter()
        .filter(|package| {
            let exception = deny
                .licenses
                .exceptions
                .iter()
                .find(|exception| exception.name == package.name);
            let allowed = |licence: &str| {
                deny.licenses.allow.contains(licence)
                    || exception.is_some_and(|exception| exception.allow.contains(licence))
            };
            let expression = package.license.as_deref();
            !expression.is_some_and(|expression| is_allowed(expression, &allowed))
        })
        .map(|package| {
            format!(
                "{} {}: {:?}",
                package.name, package.version, package.license
            )
        })
        .collect();
    none(&problems);
    for needed in &deny.licenses.allow {
        let others = |licence: &str| licence != needed && deny.licenses.allow.contains(licence);
        let is_needed = crates.iter().any(|package| {
            let expression = package.license.as_deref().unwrap_or_default();
            !is_allowed(expression, &others)
        });
        assert!(is_needed, "nothing needs {needed}");
    }

    let allowed = |licence: &str| matches!(licence, "MIT" | "ISC" | "Apache-2.0");
    for (expression, expected) in [
        ("MIT", true),
        ("GPL-3.0", false),
        ("GPL-3.0 OR MIT", true),
        ("GPL-3.0/MIT", true),
        ("GPL-3.0 AND MIT", false),
        ("MIT AND ISC", true),
        ("(MIT OR GPL-3.0) AND ISC", true),
        ("(MIT OR ISC) AND GPL-3.0", false),
        ("MIT OR GPL-3.0 AND ISC", true),
        ("Apache-2.0 WITH LLVM-exception", false),
        ("Apache-2.0 WITH LLVM-exception OR MIT", true),
        ("", false),
        ("MIT ISC", false),
        ("(MIT", false),
        ("MIT OR", false),
    ] {
        assert_eq!(is_allowed(expression, &allowed), expected, "{expression}");
    }
}

#[test]
fn no_banned_crate_is_locked_and_no_dependency_is_a_wildcard() {
    let bans = deny().bans;
    assert_eq!(bans.wildcards, "deny");
    for name in BANNED {
        assert!(bans.deny.iter().any(|ban| ban.name == *name), "{name}");
    }
    let lock: Lock = toml::from_str(&read("Cargo.lock")).expect("a lock file");
    let problems: Vec<String> = bans
        .deny
        .iter()
        .inspect(|ban| assert!(!ban.reason.is_empty(), "{}", ban.name))
        .filter(|ban| lock.package.iter().any(|package| package.name == ban.name))
        .map(|ban| format!("{} is banned: {}", ban.name, ban.reason))
        .collect();
    none(&problems);
    let wildcards: Vec<String> = crates(&deny().graph.targets)
        .iter()
        .filter(|package| package.source.is_none())
        .flat_map(|package| &package.dependencies)
        .filter(|dependency| dependency.req == "*" && dependency.path.is_none())
        .map(|dependency| format!("{} in any version", dependency.name))
        .collect();
    none(&wildcards);
}

/// Crates that are locked twice and built once: what asks for the second version is a feature that nothing turns on,
/// so cargo-deny does not see it.
const NOT_BUILT: [(&str, &str); 2] = [
    // Of signature, below jsonwebtoken.
    ("rand_core", "0.6.4"),
    // Of the parser below rcgen.
    ("synstructure", "0.13.2"),
];

#[test]
fn a_crate_is_there_twice_only_for_a_reason() {
    let deny = deny();
    assert_eq!(deny.bans.multiple_versions, "deny");
    let mut versions: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for package in crates(&deny.graph.targets) {
        versions
            .entry(package.name)
            .or_default()
            .insert(package.version);
    }
    let mut problems = Vec::new();
    for skipped in &deny.bans.skip {
        assert!(!skipped.reason.is_empty(), "{}", skipped.name);
        let (name, version) = skipped
            .name
            .split_once("@=")
            .unwrap_or_else(|| panic!("{}: write name@=version", skipped.name));
        let known = versions.get_mut(name);
        if !known.is_some_and(|known| known.len() > 1 && known.remove(version)) {
            problems.push(format!("{} is not there twice any more", skipped.name));
        }
    }
    for (name, version) in NOT_BUILT {
        let known = versions.get_mut(name);
        if !known.is_some_and(|known| known.len() > 1 && known.remove(version)) {
            problems.push(format!(
                "{name} {version} is not locked beside another any more"
            ));
        }
    }
    for (name, left) in versions {
        if left.len() > 1 {
            problems.push(format!("{name} is there as {left:?}"));
        }
    }
    none(&problems);
}

/// What is wrong with an entry of a `package-lock.json`; its path there is empty for the folder's own package.
fn entry_problem(path: &str, entry: &Value) -> Option<&'static str> {
    let resolved = entry["resolved"].as_str();
    if entry["link"] == true {
        return (resolved != Some("../client-wasm")).then_some("is a link to somewhere else");
    }
    if !path.contains("node_modules/") {
        let is_own = matches!(path, "" | "../client-wasm");
        return (!is_own).then_some("is a folder that is not ours");
    }
    if resolved.is_some() {
        return Some("names a place to download from");
    }
    // 64 bytes in base64.
    let is_whole = entry["integrity"]
        .as_str()
        .and_then(|integrity| integrity.strip_prefix("sha512-"))
        .is_some_and(|hash| hash.len() == 88 && hash.ends_with("=="));
    (!is_whole).then_some("has no sha512")
}

/// Whether what a `package.json` asks for is a version of the registry, or our own package.
fn is_version(wanted: &str) -> bool {
    if wanted == "file:../client-wasm" {
        return true;
    }
    let wanted = wanted.strip_prefix("npm:").map_or(wanted, |alias| {
        alias.rsplit_once('@').map_or("", |(_, version)| version)
    });
    wanted.starts_with(|first: char| first.is_ascii_digit() || matches!(first, '^' | '~' | '>'))
        && !wanted.contains(['/', ':', '*'])
}

#[test]
fn every_npm_package_is_locked_with_its_hash_and_comes_from_the_registry() {
    let mut problems = Vec::new();
    for folder in NPM {
        let path = format!("{folder}/package-lock.json");
        let lock: Value = serde_json::from_str(&read(&path)).expect("JSON");
        assert_eq!(lock["lockfileVersion"], 3, "{path}");
        let packages = lock["packages"].as_object().expect("packages");
        assert!(packages.len() > 1, "{path}");
        for (name, entry) in packages {
            if let Some(problem) = entry_problem(name, entry) {
                problems.push(format!("{path}: {name} {problem}"));
            }
        }
        let path = format!("{folder}/package.json");
        let package: Value = serde_json::from_str(&read(&path)).expect("JSON");
        for kind in [
            "dependencies",
            "devDependencies",
            "optionalDependencies",
            "peerDependencies",
        ] {
            for (name, wanted) in package[kind].as_object().into_iter().flatten() {
                if !wanted.as_str().is_some_and(is_version) {
                    problems.push(format!("{path}: {name} is {wanted}"));
                }
            }
        }
    }
    none(&problems);

    let hash = format!("sha512-{}==", "A".repeat(86));
    let good = serde_json::json!({ "version": "1.0.0", "integrity": hash });
    assert_eq!(entry_problem("node_modules/a", &good), None);
    for bad in [
        serde_json::json!({ "version": "1.0.0" }),
        serde_json::json!({ "version": "1.0.0", "integrity": "sha1-AAAA" }),
        serde_json::json!({ "integrity": hash, "resolved": "git+ssh://git@git.example/a.git" }),
        serde_json::json!({ "link": true, "resolved": "../../elsewhere" }),
    ] {
        assert!(entry_problem("node_modules/a", &bad).is_some(), "{bad}");
    }
    for bad in [
        "*",
        "latest",
        "",
        "file:../elsewhere",
        "git+https://git.example/a",
        "https://x.example/a.tgz",
        "owner/name",
        "github:owner/name",
        "npm:a",
    ] {
        assert!(!is_version(bad), "{bad}");
    }
}

#[test]
fn every_folder_of_npm_is_listed_and_says_the_same_to_npm() {
    let output = Command::new("git")
        .args(["ls-files", "*package.json", "*package-lock.json"])
        .current_dir(root())
        .output();
    // Without git, as in an archive of the sources, the list is all there is.
    let known = output.map_or_else(|_| Vec::new(), |output| output.stdout);
    for path in String::from_utf8(known).expect("paths").lines() {
        let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
        assert!(NPM.contains(&folder), "{path}");
    }
    for folder in NPM {
        let npmrc = read(&format!("{folder}/.npmrc"));
        assert!(npmrc.lines().any(|line| line == NPMRC), "{folder}");
        let elsewhere = |line: &&str| line.contains("registry=") || line.contains("_auth");
        assert_eq!(npmrc.lines().find(elsewhere), None, "{folder}");
    }
}

/// Whether a line of a `requirements.txt` leaves no choice.
fn is_pinned(line: &str) -> bool {
    let Some((name, version)) = line.split_once("==") else {
        return false;
    };
    let is_plain = |text: &str| {
        !text.is_empty()
            && text
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_'))
    };
    is_plain(name) && is_plain(version)
}

#[test]
fn every_python_package_is_pinned() {
    for path in [
        "tests/autobahn/requirements.txt",
        "tests/servers/requirements.txt",
        "tests/servers/requirements-2.txt",
    ] {
        let text = read(path);
        let mut lines = text
            .lines()
            .filter(|line| !line.is_empty() && !line.starts_with('#'));
        assert!(lines.clone().count() > 10, "{path}");
        assert_eq!(lines.find(|line| !is_pinned(line)), None, "{path}");
    }
    assert!(is_pinned("mcp==1.30.0"));
    for bad in [
        "mcp",
        "mcp>=1",
        "mcp==1.*",
        "mcp==1,>0",
        "-e git+https://git.example/a",
        "a @ https://x.example/a.whl",
        "--index-url=https://x.example",
    ] {
        assert!(!is_pinned(bad), "{bad}");
    }
}
