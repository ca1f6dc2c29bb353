//! What the end-to-end tests stand on: the real bridge as a process of its own, pages that connect to it, and
//! waiting that ends.
//!
//! Every bridge listens on a free port and is stopped, with everything it started, when the test is over.

mod bridge;
mod echo;
mod faults;
pub mod fixtures;
mod hostile;
pub mod issuer;
mod page;
mod processes;
mod remote;
mod returning;
mod scratch;

use std::future::Future;
use std::path::PathBuf;
use std::time::Duration;

pub use bridge::Bridge;
pub use bridge::TOKEN;
pub use bridge::binary;
pub use echo::Echo;
pub use echo::Speech;
pub use faults::Fate;
pub use faults::Faults;
pub use hostile::Hostile;
pub use hostile::Trick;
pub use hostile::When;
pub use page::Page;
pub use page::Refused;
pub use page::Wire;
pub use processes::Holding;
pub use processes::alive;
pub use processes::descendants;
pub use processes::holding;
pub use remote::Remote;
pub use returning::Returning;
pub use scratch::Scratch;

/// How often a test repeats what it does: `usual` times, or `thorough` times when `FOOTBRIDGE_THOROUGH` is set.
pub fn times(usual: usize, thorough: usize) -> usize {
    if std::env::var_os("FOOTBRIDGE_THOROUGH").is_some() {
        thorough
    } else {
        usual
    }
}

/// How long anything may take before a test gives up on it.
pub const DEADLINE: Duration = Duration::from_secs(60);

/// The repository's root.
pub fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// An HTTP client.
pub fn http() -> reqwest::Client {
    http_builder().build().expect("an HTTP client")
}

/// An HTTP client, to be set up further.
pub fn http_builder() -> reqwest::ClientBuilder {
    // Built together with the bridge, the client has TLS and wants to know whose; a second time it is known already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder()
}

/// Waits for a future, at most [`DEADLINE`].
///
/// # Panics
/// When the time is over; `what` says what was waited for.
pub async fn within<T>(what: &str, future: impl Future<Output = T>) -> T {
    match tokio::time::timeout(DEADLINE, future).await {
        Ok(value) => value,
        Err(_) => panic!("waited {DEADLINE:?} for {what}"),
    }
}

/// Asks again and again until it is true, at most `limit`; whether it became true.
pub async fn eventually(limit: Duration, mut ask: impl FnMut() -> bool) -> bool {
    let end = tokio::time::Instant::now() + limit;
    loop {
        if ask() {
            return true;
        }
        if tokio::time::Instant::now() >= end {
            return false;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Params of one of the real MCP servers that `tests/servers` pins.
pub mod servers {
    use serde_json::Value;
    use serde_json::json;

    use crate::root;

    /// A server of npm, by its package and the path of its program in it.
    fn npm(path: &str, args: &[&str]) -> Value {
        let script = root()
            .join("tests/servers/node_modules/@modelcontextprotocol")
            .join(path);
        assert!(
            script.exists(),
            "{} is missing: run `cargo xtask test setup`",
            script.display()
        );
        let mut all = vec![script.to_string_lossy().into_owned()];
        all.extend(args.iter().map(|&arg| arg.to_owned()));
        json!({ "type": "StdioServerParams", "command": "node", "args": all })
    }

    /// A server of PyPI, by the name of its program.
    fn pypi(program: &str, args: &[&str]) -> Value {
        let program = root().join("tests/.venv/bin").join(program);
        assert!(
            program.exists(),
            "{} is missing: run `cargo xtask test setup`",
            program.display()
        );
        json!({ "type": "StdioServerParams", "command": program, "args": args })
    }

    /// The reference server that uses every feature of MCP.
    pub fn everything() -> Value {
        npm("server-everything/dist/index.js", &["stdio"])
    }

    /// Files below a folder.
    pub fn filesystem(folder: &str) -> Value {
        npm("server-filesystem/dist/index.js", &[folder])
    }

    /// A knowledge graph in a file.
    pub fn memory(file: &str) -> Value {
        let mut params = npm("server-memory/dist/index.js", &[]);
        params["env"] = json!({ "MEMORY_FILE_PATH": file });
        params
    }

    /// A SQLite database.
    pub fn sqlite(file: &str) -> Value {
        pypi("mcp-server-sqlite", &["--db-path", file])
    }

    /// The time of day.
    pub fn time() -> Value {
        pypi("mcp-server-time", &[])
    }

    /// The server that is part of the bridge.
    pub fn demo() -> Value {
        json!({ "type": "named", "server": "demo" })
    }

    /// The program of [`fake`].
    pub fn fake_program() -> String {
        // The test binary is target/<profile>/deps/it-<hash>, and Cargo has built the package's programs before it.
        let test = std::env::current_exe().expect("a test knows its own path");
        let folder = test.ancestors().nth(2).expect("target/<profile>");
        folder.join("fake_mcp").to_string_lossy().into_owned()
    }

    /// The server that answers as told: `tests/wire/fake_mcp.rs`.
    pub fn fake() -> Value {
        json!({ "type": "StdioServerParams", "command": fake_program() })
    }

    /// The server that means harm: `tests/servers/hostile.py`.
    pub fn hostile() -> Value {
        let script = root().join("tests/servers/hostile.py");
        json!({ "type": "StdioServerParams", "command": "python3", "args": [script] })
    }

    /// A shell script as a server.
    pub fn shell(script: &str) -> Value {
        json!({ "type": "StdioServerParams", "command": "/bin/sh", "args": ["-c", script] })
    }
}
