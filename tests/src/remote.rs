//! Real MCP servers over HTTP, each on a free port of its own and gone with its value.

use std::process::Stdio;

use serde_json::Value;
use serde_json::json;
use tokio::net::TcpListener;
use tokio::net::TcpStream;
use tokio::process::Child;
use tokio::process::Command;

use crate::fixtures;
use crate::within;

/// A server that runs.
#[derive(Debug)]
pub struct Remote {
    child: Child,
    command: Vec<String>,
    port: u16,
    params: Value,
}

impl Remote {
    /// The reference server: `streamableHttp` or `sse`.
    pub async fn everything(transport: &str) -> Self {
        let command = [
            fixtures::node(),
            fixtures::npm("@modelcontextprotocol/server-everything/dist/index.js"),
            transport.to_owned(),
        ];
        Self::start(&command, if transport == "sse" { "sse" } else { "mcp" }).await
    }

    /// `tests/servers/fixture.py` on the Python SDK of a generation, over `sse` or `streamable-http`.
    pub async fn python(generation: u8, transport: &str, stateless: bool) -> Self {
        let mut command = vec![
            fixtures::python(generation),
            fixtures::script("fixture.py"),
            transport.to_owned(),
        ];
        command.extend(stateless.then(|| "stateless".to_owned()));
        Self::start(&command, if transport == "sse" { "sse" } else { "mcp" }).await
    }

    /// `tests/servers/fixture.mjs` on the TypeScript SDK 2.x.
    pub async fn typescript(modern_only: bool) -> Self {
        let mut command = vec![
            fixtures::node(),
            fixtures::script("fixture.mjs"),
            "http".to_owned(),
        ];
        command.extend(modern_only.then(|| "modern-only".to_owned()));
        Self::start(&command, "mcp").await
    }

    async fn start(command: &[String], path: &str) -> Self {
        // Free now, and with luck still when the server binds it: it cannot be asked which port it took.
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("its number").port();
        drop(listener);
        let kind = if path == "sse" {
            "SseServerParams"
        } else {
            "StreamableHttpServerParams"
        };
        let params = json!({ "type": kind, "url": format!("http://127.0.0.1:{port}/{path}") });
        let remote = Self {
            child: spawn(command, port),
            command: command.to_vec(),
            port,
            params,
        };
        remote.answers().await;
        remote
    }

    async fn answers(&self) {
        within("a server to listen", async {
            while TcpStream::connect(("127.0.0.1", self.port)).await.is_err() {
                tokio::time::sleep(std::time::Duration::from_millis(30)).await;
            }
        })
        .await;
    }

    /// How it is reached.
    pub fn params(&self) -> Value {
        self.params.clone()
    }

    /// Kills it and starts it again on the same port: it has forgotten everything.
    pub async fn restart(&mut self) {
        self.child.kill().await.expect("it runs");
        self.child = spawn(&self.command, self.port);
        self.answers().await;
    }
}

fn spawn(command: &[String], port: u16) -> Child {
    Command::new(&command[0])
        .args(&command[1..])
        .arg(port.to_string())
        .env("PORT", port.to_string())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .expect("the server starts")
}
