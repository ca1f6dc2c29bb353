//! Where the programs are that `cargo xtask test setup` has installed.

use crate::root;

fn existing(path: &str) -> String {
    let path = root().join(path);
    assert!(
        path.exists(),
        "{} is missing: run `cargo xtask test setup`",
        path.display()
    );
    path.to_string_lossy().into_owned()
}

/// Node.js 22.
pub fn node() -> String {
    let machine = if cfg!(target_arch = "aarch64") {
        "arm64"
    } else {
        "x64"
    };
    existing(&format!(
        "tests/servers/node_modules/node-linux-{machine}/bin/node"
    ))
}

/// A file of an npm package.
pub fn npm(path: &str) -> String {
    existing(&format!("tests/servers/node_modules/{path}"))
}

/// Python with the SDK of a generation, 1 or 2.
pub fn python(generation: u8) -> String {
    existing(&format!("{}/bin/python", environment(generation)))
}

/// A program that a Python package of a generation brings.
pub fn pypi(generation: u8, program: &str) -> String {
    existing(&format!("{}/bin/{program}", environment(generation)))
}

fn environment(generation: u8) -> &'static str {
    if generation == 1 {
        "tests/.venv"
    } else {
        "tests/.venv2"
    }
}

/// A server of our own, in `tests/servers`.
pub fn script(name: &str) -> String {
    existing(&format!("tests/servers/{name}"))
}

/// A program of this package: Cargo has built it before the tests.
pub fn program(name: &str) -> String {
    // The test binary is target/<profile>/deps/it-<hash>.
    let test = std::env::current_exe().expect("a test knows its own path");
    let folder = test.ancestors().nth(2).expect("target/<profile>");
    folder.join(name).to_string_lossy().into_owned()
}
