//! The tool that takes its time: progress, log messages, cancellation.
//! Owns the threshold of the log. Never outlives its call or the client.

use std::sync::atomic::Ordering;
use std::time::Duration;

use rmcp::handler::server::wrapper::Parameters;
use rmcp::model::{CallToolResult, ContentBlock, ProgressNotificationParam};
use rmcp::service::RequestContext;
use rmcp::{ErrorData, RoleServer, tool, tool_router};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

use super::Demo;

const MAX_STEPS: u32 = 1000;
const MAX_DELAY: Duration = Duration::from_mins(1);

/// Log messages from this severity on are sent as long as nobody has set a level: `info`.
pub(super) const DEFAULT_LOG_THRESHOLD: u8 = 1;

#[derive(Debug, Deserialize, JsonSchema)]
struct LongTask {
    /// How many steps to take.
    #[serde(default = "five")]
    #[schemars(range(min = 1, max = 1000))]
    steps: u32,
    /// Milliseconds that one step takes.
    #[serde(default = "three_hundred")]
    #[schemars(range(min = 0, max = 60_000))]
    delay_ms: u64,
}

fn five() -> u32 {
    5
}

fn three_hundred() -> u64 {
    300
}

#[tool_router(router = long_task_tools, vis = "pub(super)")]
impl Demo {
    /// Takes a number of steps, reports its progress after each, and can be cancelled.
    #[tool(
        title = "A long task",
        annotations(read_only_hint = true, open_world_hint = false)
    )]
    async fn long_task(
        &self,
        Parameters(LongTask { steps, delay_ms }): Parameters<LongTask>,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResult, ErrorData> {
        let delay = Duration::from_millis(delay_ms);
        if !(1..=MAX_STEPS).contains(&steps) || delay > MAX_DELAY {
            let message = "`steps` must be from 1 to 1000 and `delay_ms` from 0 to 60000.";
            return Ok(CallToolResult::error(vec![ContentBlock::text(message)]));
        }
        for step in 1..=steps {
            tokio::select! {
                // A cancelled call gets no answer; the SDK drops this one.
                () = context.ct.cancelled() => return Err(stopped(step - 1, steps)),
                () = self.ended.cancelled() => return Err(stopped(step - 1, steps)),
                () = tokio::time::sleep(delay) => {}
            }
            let message = format!("Step {step} of {steps} is done.");
            if let Some(token) = context.meta.get_progress_token() {
                let progress = ProgressNotificationParam::new(token, f64::from(step))
                    .with_total(f64::from(steps))
                    .with_message(message.clone());
                // A client that is gone is noticed at the next step.
                let _ = context.peer.notify_progress(progress).await;
            }
            self.log(&context, message).await;
        }
        let message = format!("All {steps} steps are done.");
        Ok(CallToolResult::success(vec![ContentBlock::text(message)]))
    }

    /// Sends a log message at level `info`, when the client wants those.
    #[expect(
        deprecated,
        reason = "logging is deprecated in the newest revision and part of all others"
    )]
    async fn log(&self, context: &RequestContext<RoleServer>, message: String) {
        use rmcp::model::{LoggingLevel, LoggingMessageNotificationParam};

        let threshold = if context.peer.peer_info().is_some() {
            self.log_threshold.load(Ordering::Relaxed)
        } else {
            // In the modern era each request says whether it wants any log at all.
            let Some(level) = context.meta.log_level() else {
                return;
            };
            level as u8
        };
        if (LoggingLevel::Info as u8) < threshold {
            return;
        }
        let params =
            LoggingMessageNotificationParam::new(LoggingLevel::Info, json!({ "message": message }))
                .with_logger("long_task");
        let _ = context.peer.notify_logging_message(params).await;
    }

    #[expect(
        deprecated,
        reason = "logging is deprecated in the newest revision and part of all others"
    )]
    pub(super) fn set_log_threshold(&self, params: &rmcp::model::SetLevelRequestParams) {
        self.log_threshold
            .store(params.level as u8, Ordering::Relaxed);
    }
}

fn stopped(done: u32, steps: u32) -> ErrorData {
    let message = format!("The task was stopped after {done} of {steps} steps.");
    ErrorData::internal_error(message, None)
}
