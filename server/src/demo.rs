//! `footbridge demo`: a built-in MCP server over stdio, so that there is something real to talk to
//! on a machine that has nothing else.
//! Owns the session on standard input and output and what the server says about itself.
//! Never touches the bridge, the disk or the network: any MCP client can start it as it stands.

mod ask;
mod changes;
mod end;
mod form;
mod long_task;
mod media;
mod notes;
mod prompts;
mod question;
mod resources;
#[cfg(test)]
mod tests;
mod tools;
mod weather;

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU64};
use std::time::Duration;

use rmcp::handler::server::router::prompt::PromptRouter;
use rmcp::handler::server::router::tool::ToolRouter;
use rmcp::model::{
    CompleteRequestParams, CompleteResult, Implementation, ListResourceTemplatesResult,
    ListResourcesResult, PaginatedRequestParams, ReadResourceRequestParams, ReadResourceResponse,
    ServerCapabilities, ServerConfig, SubscribeRequestParams, SubscriptionFilter,
    UnsubscribeRequestParams,
};
use rmcp::service::{RequestContext, ServerInitializeError, SubscriptionContext};
use rmcp::{ErrorData, RoleServer, ServerHandler, ServiceExt, prompt_handler, tool_handler};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_util::sync::CancellationToken;

use changes::{Change, Changes};
use end::EndOfInput;
use notes::Notes;

const INSTRUCTIONS: &str = "A server to try a client on. Every tool does what its name says and \
    touches nothing outside this process. `long_task` reports progress and can be cancelled, the \
    `ask_` tools and `list_roots` ask something back, `tick` and `add_note` change resources: \
    subscribe to demo://counter or demo://clock to see it happen.";

/// How often subscribers of `demo://clock` hear of it.
const CLOCK_PERIOD: Duration = Duration::from_secs(1);

/// Why the demo server ended other than by the end of its input.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The client said something else than a handshake or a complete request first.
    #[error("the demo server could not begin its session: {0}")]
    Begin(#[source] Box<ServerInitializeError>),
    /// The session's task panicked.
    #[error("the demo server's session broke off: {0}")]
    Session(#[from] tokio::task::JoinError),
}

/// Serves one MCP session on standard input and output until the input ends.
///
/// # Errors
///
/// When the first message begins no session, or when the session breaks off.
pub async fn run() -> Result<(), Error> {
    announce_start();
    let (reader, writer) = rmcp::transport::io::stdio_pipes();
    serve(reader, writer).await
}

#[expect(
    clippy::print_stderr,
    reason = "an MCP server over stdio logs to standard error"
)]
fn announce_start() {
    eprintln!(
        "footbridge demo server ready (version {}, MCP over stdio)",
        env!("CARGO_PKG_VERSION")
    );
}

async fn serve<R, W>(reader: R, writer: W) -> Result<(), Error>
where
    R: AsyncRead + Send + Unpin + 'static,
    W: AsyncWrite + Send + Unpin + 'static,
{
    let ended = CancellationToken::new();
    let demo = Demo::new(ended.clone());
    let changes = Arc::clone(&demo.changes);
    let transport = (EndOfInput::new(reader, ended), writer);
    // Boxed for its size: the handshake's future holds the whole session.
    let running = match Box::pin(demo.serve(transport)).await {
        Ok(running) => running,
        // Nobody began a session before the input ended: nothing went wrong.
        Err(ServerInitializeError::ConnectionClosed(_)) => return Ok(()),
        Err(error) => return Err(Error::Begin(Box::new(error))),
    };
    let peer = running.peer().clone();
    let mut clock = tokio::time::interval(CLOCK_PERIOD);
    clock.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
    let mut waiting = std::pin::pin!(running.waiting());
    loop {
        tokio::select! {
            quit = &mut waiting => {
                quit?;
                return Ok(());
            }
            _ = clock.tick() => {
                changes.announce(&peer, Change::Updated(resources::CLOCK.to_owned())).await;
            }
        }
    }
}

/// The server's state. One process serves one session.
#[derive(Debug)]
struct Demo {
    tools: ToolRouter<Self>,
    prompts: PromptRouter<Self>,
    notes: Notes,
    counter: AtomicU64,
    changes: Arc<Changes>,
    /// Severity from which log messages are sent, as set by `logging/setLevel`.
    log_threshold: AtomicU8,
    /// Cancelled at the end of the input, so that nothing keeps waiting for a client that left.
    ended: CancellationToken,
}

impl Demo {
    fn new(ended: CancellationToken) -> Self {
        let mut tools = Self::plain_tools()
            + Self::form_tools()
            + Self::weather_tools()
            + Self::long_task_tools()
            + Self::asking_tools();
        for route in tools.map.values_mut() {
            tools::standardize(&mut route.attr);
        }
        Self {
            tools,
            prompts: Self::prompt_router(),
            notes: Notes::default(),
            counter: AtomicU64::new(0),
            changes: Arc::default(),
            log_threshold: AtomicU8::new(long_task::DEFAULT_LOG_THRESHOLD),
            ended,
        }
    }
}

#[tool_handler(router = self.tools)]
#[prompt_handler(router = self.prompts)]
impl ServerHandler for Demo {
    #[expect(
        deprecated,
        reason = "logging is deprecated in the newest revision and part of all others"
    )]
    fn get_info(&self) -> ServerConfig {
        ServerConfig::new(
            ServerCapabilities::builder()
                .enable_logging()
                .enable_completions()
                .enable_prompts()
                .enable_resources()
                .enable_resources_list_changed()
                .enable_resources_subscribe()
                .enable_tools()
                .build(),
        )
        .with_server_info(
            Implementation::new("footbridge-demo", env!("CARGO_PKG_VERSION"))
                .with_title("Footbridge demo")
                .with_description("A built-in MCP server to try a client on."),
        )
        .with_instructions(INSTRUCTIONS)
    }

    async fn complete(
        &self,
        request: CompleteRequestParams,
        _context: RequestContext<RoleServer>,
    ) -> Result<CompleteResult, ErrorData> {
        self.completion(&request)
    }

    #[expect(
        deprecated,
        reason = "logging is deprecated in the newest revision and part of all others"
    )]
    async fn set_level(
        &self,
        request: rmcp::model::SetLevelRequestParams,
        _context: RequestContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        self.set_log_threshold(&request);
        Ok(())
    }

    async fn list_resources(
        &self,
        _request: Option<PaginatedRequestParams>,
        _context: RequestContext<RoleServer>,
    ) -> Result<ListResourcesResult, ErrorData> {
        Ok(ListResourcesResult::with_all_items(self.resources()))
    }

    async fn list_resource_templates(
        &self,
        _request: Option<PaginatedRequestParams>,
        _context: RequestContext<RoleServer>,
    ) -> Result<ListResourceTemplatesResult, ErrorData> {
        Ok(ListResourceTemplatesResult::with_all_items(
            resources::templates(),
        ))
    }

    async fn read_resource(
        &self,
        request: ReadResourceRequestParams,
        _context: RequestContext<RoleServer>,
    ) -> Result<ReadResourceResponse, ErrorData> {
        self.read(&request.uri).map(Into::into)
    }

    async fn subscribe(
        &self,
        request: SubscribeRequestParams,
        _context: RequestContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        // Only what can be read can change, and only so is the set of subscriptions bounded.
        self.read(&request.uri)?;
        self.changes.subscribe(request.uri);
        Ok(())
    }

    async fn unsubscribe(
        &self,
        request: UnsubscribeRequestParams,
        _context: RequestContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        self.changes.unsubscribe(&request.uri);
        Ok(())
    }

    fn accepted_subscription_filter(
        &self,
        requested: &SubscriptionFilter,
    ) -> Option<SubscriptionFilter> {
        self.changes.accept();
        Some(requested.supported_by(&self.get_info().capabilities))
    }

    async fn listen(&self, subscription: SubscriptionContext) -> Result<(), ErrorData> {
        self.changes.deliver(&subscription, &self.ended).await;
        Ok(())
    }
}
