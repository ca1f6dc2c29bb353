//! `cargo xtask test`: every check and test, step by step.

use std::time::Duration;
use std::time::SystemTime;

use crate::run::cargo;
use crate::run::program;
use crate::run::root;
use crate::run::run;
use crate::run::say;
use crate::setup;
use crate::wasm;

/// A name and what it does.
type Step = (&'static str, fn() -> Result<(), String>);

/// In this order: what is quick first, what others need before them.
const STEPS: [Step; 11] = [
    ("setup", install),
    ("fmt", || run(cargo(&["fmt", "--all", "--check"]))),
    ("page", build_page),
    ("lint", lint),
    ("lint-wasm", lint_wasm),
    ("docs", docs),
    ("rust", rust),
    ("conformance", conformance),
    ("npm", npm),
    ("browser", browser),
    ("bundles", bundles),
];

/// Whether every step passed.
pub(crate) fn test(wanted: &[String]) -> Result<bool, String> {
    if let Some(unknown) = wanted
        .iter()
        .find(|name| !STEPS.iter().any(|(step, _)| step == name))
    {
        let known: Vec<&str> = STEPS.iter().map(|(name, _)| *name).collect();
        return Err(format!(
            "there is no step {unknown}; the steps are {}",
            known.join(", ")
        ));
    }
    let mut failed = Vec::new();
    let mut n_passed = 0;
    for (name, step) in STEPS
        .iter()
        .filter(|(name, _)| wanted.is_empty() || wanted.iter().any(|wanted| wanted == name))
    {
        say(&format!("── {name}"));
        let begun = SystemTime::now();
        let outcome = step();
        let seconds = begun.elapsed().unwrap_or(Duration::ZERO).as_secs();
        match outcome {
            Ok(()) => {
                n_passed += 1;
                say(&format!("── {name} passed in {seconds} s"));
            }
            Err(problem) => {
                say(&format!("── {name} FAILED in {seconds} s: {problem}"));
                failed.push(*name);
            }
        }
    }
    if !failed.is_empty() {
        say(&format!("failed: {}", failed.join(", ")));
    }
    report(n_passed, failed.len());
    Ok(failed.is_empty())
}

#[expect(clippy::print_stdout, reason = "the one line that is the result")]
fn report(n_passed: usize, n_failed: usize) {
    println!("{n_passed} passed, {n_failed} failed");
}

fn install() -> Result<(), String> {
    setup::rust()?;
    for folder in [
        "client-wasm",
        "www",
        "tests/servers",
        "tests/conformance",
        "tests/js",
        "tests/browser",
        "tests/bundles",
    ] {
        // The page's packages include ours, whose own must be there first.
        setup::npm(folder)?;
    }
    setup::python()?;
    setup::bubblewrap()?;
    setup::chromium()
}

/// The npm package, then the page with its type check and unit tests.
fn build_page() -> Result<(), String> {
    setup::page()?;
    run(program("npm", &["run", "--silent", "typecheck"], "www"))?;
    run(program("npm", &["test", "--silent"], "www"))
}

fn lint() -> Result<(), String> {
    run(cargo(&[
        "clippy",
        "--quiet",
        "--workspace",
        "--all-targets",
        "--",
        "-D",
        "warnings",
    ]))
}

fn lint_wasm() -> Result<(), String> {
    run(cargo(&["lint-wasm"]))
}

fn docs() -> Result<(), String> {
    let mut doc = cargo(&["doc", "--quiet", "--workspace", "--no-deps"]);
    doc.env("RUSTDOCFLAGS", "-D warnings");
    run(doc)
}

fn rust() -> Result<(), String> {
    setup::server()?;
    run(cargo(&["test", "--workspace", "--no-fail-fast"]))
}

/// The official conformance suite, both ways. It needs a newer Node.js than the rest: the tests bring their own.
fn conformance() -> Result<(), String> {
    run(cargo(&["build", "--quiet", "--package", "footbridge"]))?;
    run(cargo(&[
        "build",
        "--quiet",
        "--package",
        "footbridge-tests",
        "--bin",
        "conformance_server",
    ]))?;
    let node = ["x64", "arm64"]
        .map(|machine| {
            root().join(format!(
                "tests/servers/node_modules/node-linux-{machine}/bin/node"
            ))
        })
        .into_iter()
        .find(|node| node.exists())
        .ok_or("Node.js 22 is missing: run `cargo xtask test setup`")?;
    let mut suite = program(&node.to_string_lossy(), &["run.mjs"], "tests/conformance");
    for (variable, name) in [
        ("FOOTBRIDGE", "footbridge"),
        ("CONFORMANCE_SERVER", "conformance_server"),
    ] {
        suite.env(variable, root().join("target/debug").join(name));
    }
    run(suite)
}

/// The package as npm ships it, in Node.js and in the TypeScript compiler.
fn npm() -> Result<(), String> {
    wasm::build()?;
    setup::npm("tests/js")?;
    setup::npm("tests/servers")?;
    setup::server()?;
    run(program("npm", &["test", "--silent"], "tests/js"))
}

fn browser() -> Result<(), String> {
    setup::page()?;
    setup::npm("tests/browser")?;
    setup::server()?;
    run(program("npm", &["test", "--silent"], "tests/browser"))
}

/// The package as npm ships it, in bundlers, workers, other runtimes and what checks packages.
fn bundles() -> Result<(), String> {
    wasm::build()?;
    setup::npm("tests/servers")?;
    setup::npm("tests/bundles")?;
    setup::server()?;
    run(program("npm", &["test", "--silent"], "tests/bundles"))
}
