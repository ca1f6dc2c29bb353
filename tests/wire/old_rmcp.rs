//! An MCP server over stdio on rmcp 0.8.5, which ends at the first request that is not `initialize`.

use old_rmcp::ErrorData;
use old_rmcp::RoleServer;
use old_rmcp::ServerHandler;
use old_rmcp::ServiceExt;
use old_rmcp::model::CallToolRequestParam;
use old_rmcp::model::CallToolResult;
use old_rmcp::model::Content;
use old_rmcp::model::ListToolsResult;
use old_rmcp::model::PaginatedRequestParam;
use old_rmcp::model::ServerCapabilities;
use old_rmcp::model::ServerInfo;
use old_rmcp::model::Tool;
use old_rmcp::service::RequestContext;
use serde_json::json;

struct Echo;

impl ServerHandler for Echo {
    fn get_info(&self) -> ServerInfo {
        ServerInfo {
            capabilities: ServerCapabilities::builder().enable_tools().build(),
            ..ServerInfo::default()
        }
    }

    async fn list_tools(
        &self,
        _: Option<PaginatedRequestParam>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        let schema = json!({ "type": "object", "properties": { "message": { "type": "string" } } });
        let schema = schema.as_object().cloned().unwrap_or_default();
        Ok(ListToolsResult::with_all_items(vec![Tool::new(
            "echo",
            "Says it again.",
            schema,
        )]))
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParam,
        _: RequestContext<RoleServer>,
    ) -> Result<CallToolResult, ErrorData> {
        let arguments = request.arguments.unwrap_or_default();
        let message = arguments
            .get("message")
            .and_then(|message| message.as_str());
        Ok(CallToolResult::success(vec![Content::text(
            message.unwrap_or_default(),
        )]))
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let service = Echo
        .serve((tokio::io::stdin(), tokio::io::stdout()))
        .await?;
    service.waiting().await?;
    Ok(())
}
