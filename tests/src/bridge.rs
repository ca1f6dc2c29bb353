//! The real `footbridge serve`, on a free port.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Command as StdCommand;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::OnceLock;
use std::sync::PoisonError;
use std::time::Duration;

use serde_json::Value;
use serde_json::json;
use tokio::io::AsyncBufReadExt;
use tokio::io::BufReader;
use tokio::process::Child;
use tokio::process::Command;
use tokio::task::JoinSet;

use crate::page::Page;
use crate::page::Refused;
use crate::root;
use crate::scratch::Scratch;
use crate::within;

/// The token of every bridge that demands one.
pub const TOKEN: &str = "the-token-of-the-end-to-end-tests";

/// The program, built once.
pub fn binary() -> PathBuf {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT
        .get_or_init(|| {
            let status = StdCommand::new(env!("CARGO"))
                .args([
                    "build",
                    "--quiet",
                    "--package",
                    "footbridge",
                    "--bin",
                    "footbridge",
                ])
                .current_dir(root())
                .status();
            assert!(
                status.is_ok_and(|status| status.success()),
                "footbridge does not build"
            );
            // The test binary is target/<profile>/deps/it-<hash>.
            let test = std::env::current_exe().expect("a test knows its own path");
            let folder = test.ancestors().nth(2).expect("target/<profile>");
            folder.join("footbridge")
        })
        .clone()
}

/// A bridge that runs.
#[derive(Debug)]
pub struct Bridge {
    child: Child,
    address: SocketAddr,
    page_url: String,
    token: Option<&'static str>,
    log: Arc<Mutex<String>>,
    _readers: JoinSet<()>,
    http: reqwest::Client,
}

impl Bridge {
    /// Starts one that demands [`TOKEN`].
    pub async fn start() -> Self {
        Self::with(&["--token", TOKEN], Some(TOKEN)).await
    }

    /// Starts one with other flags. `token` is what its callers bring.
    pub async fn with(flags: &[&str], token: Option<&'static str>) -> Self {
        let mut child = Command::new(binary())
            .arg("serve")
            .args(flags)
            // A flag of the test's own wins over it.
            .env("FOOTBRIDGE_LISTEN", "127.0.0.1:0")
            .current_dir(std::env::temp_dir())
            .env("FOOTBRIDGE_LOG", "info,footbridge=debug")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("the bridge starts");
        let log = Arc::new(Mutex::new(String::new()));
        let mut readers = JoinSet::new();
        let mut errors = BufReader::new(child.stderr.take().expect("stderr is piped")).lines();
        let kept = Arc::clone(&log);
        readers.spawn(async move {
            while let Ok(Some(line)) = errors.next_line().await {
                let mut log = kept.lock().unwrap_or_else(PoisonError::into_inner);
                log.push_str(&line);
                log.push('\n');
            }
        });
        let mut output = BufReader::new(child.stdout.take().expect("stdout is piped")).lines();
        let line = within("the bridge's first line", output.next_line())
            .await
            .expect("stdout can be read");
        let line = line.unwrap_or_else(|| {
            panic!(
                "the bridge ended: {}",
                log.lock().unwrap_or_else(PoisonError::into_inner)
            )
        });
        let page_url = line
            .split_whitespace()
            .find(|word| word.starts_with("http"))
            .expect("the first line has the URL");
        let listen = flags.iter().position(|flag| *flag == "--listen");
        let address = listen
            .and_then(|at| flags.get(at + 1).copied())
            .or_else(|| page_url.split('/').nth(2))
            .and_then(|address| address.parse().ok())
            .expect("an address");
        let page_url = page_url.to_owned();
        Self {
            child,
            address,
            page_url,
            token,
            log,
            _readers: readers,
            http: crate::http(),
        }
    }

    /// Starts one that demands [`TOKEN`], with a configuration file of this text.
    pub async fn configured(toml: &str) -> Self {
        let folder = Scratch::new();
        let file = folder.write("footbridge.toml", toml);
        // It is read before the first line is printed, so the folder may go.
        Self::with(&["--token", TOKEN, "--config", &file], Some(TOKEN)).await
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The URL of its page, as it printed it.
    pub fn page_url(&self) -> &str {
        &self.page_url
    }

    /// Its metrics.
    pub async fn metrics(&self) -> String {
        let request = self.request(reqwest::Method::GET, "/metrics");
        let response = within("the metrics", request.send())
            .await
            .expect("the bridge answers");
        assert_eq!(response.status().as_u16(), 200);
        response.text().await.expect("a body")
    }

    /// How often a limit was reached.
    pub async fn reached(&self, limit: &str) -> u64 {
        let start = format!("footbridge_limit_reached_total{{limit=\"{limit}\"}} ");
        let metrics = self.metrics().await;
        let line = metrics.lines().find_map(|line| line.strip_prefix(&start));
        line.and_then(|number| number.parse().ok())
            .unwrap_or_else(|| panic!("{limit} has no metric"))
    }

    /// How many files and sockets it has open. It is asked itself: the system shows them to root alone.
    pub async fn open_files(&self) -> usize {
        let metrics = self.metrics().await;
        let line = metrics
            .lines()
            .find_map(|line| line.strip_prefix("process_open_fds "));
        line.and_then(|number| number.parse().ok())
            .expect("the metric of open files")
    }

    /// Whether it has at most so many files and sockets open, sooner or later.
    pub async fn closes_files_to(&self, most: usize) -> bool {
        let end = tokio::time::Instant::now() + crate::DEADLINE;
        while self.open_files().await > most {
            if tokio::time::Instant::now() >= end {
                return false;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        true
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.id().expect("the bridge runs")
    }

    /// Everything it has written to its standard error.
    pub fn log(&self) -> String {
        self.log
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// A request to one of its routes, with the token and nothing else.
    pub fn request(&self, method: reqwest::Method, path: &str) -> reqwest::RequestBuilder {
        let request = self
            .http
            .request(method, format!("http://{}{path}", self.address));
        match self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        }
    }

    /// `GET`, as JSON.
    pub async fn get(&self, path: &str) -> (u16, Value) {
        answer(self.request(reqwest::Method::GET, path)).await
    }

    /// `POST connect` with a whole body, as JSON.
    pub async fn post_connect(&self, body: &Value) -> (u16, Value) {
        answer(
            self.request(reqwest::Method::POST, "/api/mcp/ws/connect")
                .json(body),
        )
        .await
    }

    /// `POST connect` with params that must be accepted; session id and socket URL.
    pub async fn connect(&self, params: &Value) -> (String, String) {
        self.connect_as(&json!({ "server_params": params })).await
    }

    /// [`Self::connect`] with a whole body.
    pub async fn connect_as(&self, body: &Value) -> (String, String) {
        let (status, answer) = self.post_connect(body).await;
        assert_eq!(status, 200, "{answer}");
        let text = |name: &str| answer[name].as_str().expect(name).to_owned();
        (text("session_id"), text("websocket_url"))
    }

    /// Connects and opens the socket with a subprotocol (`""` for none).
    pub async fn open(&self, params: &Value, subprotocol: &str) -> Page {
        let (_, url) = self.connect(params).await;
        self.upgrade(&url, subprotocol)
            .await
            .expect("the socket opens")
    }

    /// Opens a socket by its path and query.
    ///
    /// # Errors
    /// The HTTP status when the upgrade was refused.
    pub async fn upgrade(&self, url: &str, subprotocol: &str) -> Result<Page, Refused> {
        Page::open(
            self.address,
            url,
            &[("sec-websocket-protocol", subprotocol)],
        )
        .await
    }

    /// Asks it to stop (SIGTERM) and waits; its exit code.
    pub async fn terminate(mut self) -> Option<i32> {
        let pid = self.pid().to_string();
        let killed = StdCommand::new("kill").args(["-TERM", &pid]).status();
        assert!(killed.is_ok_and(|status| status.success()));
        within("the bridge to end", self.child.wait())
            .await
            .ok()
            .and_then(|status| status.code())
    }

    /// Kills it (SIGKILL), as a crash would.
    ///
    /// # Errors
    /// When it has ended already.
    pub async fn kill(mut self) -> io::Result<()> {
        self.child.kill().await
    }
}

async fn answer(request: reqwest::RequestBuilder) -> (u16, Value) {
    let response = within("an answer", request.send())
        .await
        .expect("the bridge answers");
    let status = response.status().as_u16();
    let text = response.text().await.expect("a body");
    (
        status,
        serde_json::from_str(&text).unwrap_or_else(|_| json!(text)),
    )
}
