//! The MCP server with the fixtures.
#![expect(deprecated, reason = "clients before 2026-07-28 log and subscribe this way")]

use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CallToolResult, CompleteRequestParams, CompleteResult,
    ErrorData, GetPromptRequestParams, GetPromptResponse, GetPromptResult, ListPromptsResult,
    ListResourceTemplatesResult, ListResourcesResult, ListToolsResult, PaginatedRequestParams,
    ReadResourceRequestParams, ReadResourceResponse, ServerConfig, SetLevelRequestParams,
    SubscribeRequestParams, SubscriptionFilter, Tool, UnsubscribeRequestParams,
};
use rmcp::service::{RequestContext, SubscriptionContext};
use rmcp::{RoleServer, ServerHandler};
use serde_json::json;
use tokio::sync::broadcast;

use super::questions::{self, Turn};
use super::{complete, prompts, resources, tools, typed};

/// Nothing is kept between requests but who listens.
#[derive(Clone)]
pub(crate) struct Everything {
    changes: broadcast::Sender<List>,
}

/// A list of which clients are told that it changed.
#[derive(Clone, Copy)]
enum List {
    Tools,
    Prompts,
}

impl Default for Everything {
    fn default() -> Everything {
        Everything { changes: broadcast::channel(16).0 }
    }
}

type Context = RequestContext<RoleServer>;

impl Everything {
    /// What tools do besides answering.
    async fn act(&self, name: &str, context: &Context) -> Result<bool, ErrorData> {
        match name {
            "test_tool_with_progress" => progress(context).await?,
            "test_tool_with_logging" | "test_logging_tool" => log(context).await?,
            "test_missing_capability" => {
                let client = json!(context.client_capabilities());
                if client.get("sampling").is_none() {
                    let needed = typed(json!({"sampling": {}}));
                    return Err(ErrorData::missing_required_client_capability(needed));
                }
            }
            // Nobody listening is no failure.
            "test_trigger_tool_change" => drop(self.changes.send(List::Tools)),
            "test_trigger_prompt_change" => drop(self.changes.send(List::Prompts)),
            _ => return Ok(false),
        }
        Ok(true)
    }
}

/// Three reports, for clients that want them: the answer becomes a stream.
async fn progress(context: &Context) -> Result<(), ErrorData> {
    let Some(token) = context.meta.get_progress_token() else { return Ok(()) };
    for progress in [0, 50, 100] {
        let report = json!({"progressToken": token, "progress": progress, "total": 100});
        context.peer.notify_progress(typed(report)).await.map_err(gone)?;
    }
    Ok(())
}

/// Three lines. Since 2026-07-28 the request says whether it wants them; before, that was said to
/// the session, of which there is none here, so they are always sent.
async fn log(context: &Context) -> Result<(), ErrorData> {
    if context.meta.protocol_version().is_some() && context.meta.log_level().is_none() {
        return Ok(());
    }
    for step in ["started", "processing data", "completed"] {
        let line = json!({"level": "info", "logger": "everything", "data": format!("Tool {step}")});
        context.peer.notify_logging_message(typed(line)).await.map_err(gone)?;
    }
    Ok(())
}

fn gone(error: rmcp::ServiceError) -> ErrorData {
    ErrorData::internal_error(error.to_string(), None)
}

impl ServerHandler for Everything {
    fn get_info(&self) -> ServerConfig {
        let capabilities = json!({
            "tools": {"listChanged": true},
            "prompts": {"listChanged": true},
            "resources": {"subscribe": true},
            "completions": {},
            "logging": {},
        });
        let version = env!("CARGO_PKG_VERSION");
        let info = json!({"name": "everything", "version": version});
        ServerConfig::new(typed(capabilities)).with_server_info(typed(info))
    }

    async fn list_tools(
        &self,
        _: Option<PaginatedRequestParams>,
        _: Context,
    ) -> Result<ListToolsResult, ErrorData> {
        Ok(ListToolsResult::with_all_items(tools::list()))
    }

    fn get_tool(&self, name: &str) -> Option<Tool> {
        tools::list().into_iter().find(|tool| tool.name == name)
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        context: Context,
    ) -> Result<CallToolResponse, ErrorData> {
        let name = &*request.name;
        let done = |text: &str| -> CallToolResult {
            complete(json!({"content": [{"type": "text", "text": text}]}))
        };
        if self.act(name, &context).await? {
            return Ok(done("Done.").into());
        }
        if let Some(answer) = tools::answer(name, request.arguments.as_ref()) {
            return Ok(answer.into());
        }
        let answers = request.input_responses.as_ref();
        let client = context.client_capabilities();
        match questions::turn(name, answers, request.request_state.as_deref(), client.as_ref())? {
            Some(Turn::Ask(question)) => Ok(question.into()),
            Some(Turn::Answered(answers)) => Ok(done(&format!("state-ok: {answers}")).into()),
            None => Err(ErrorData::invalid_params("no such tool", None)),
        }
    }

    async fn list_resources(
        &self,
        _: Option<PaginatedRequestParams>,
        _: Context,
    ) -> Result<ListResourcesResult, ErrorData> {
        Ok(ListResourcesResult::with_all_items(resources::list()))
    }

    async fn list_resource_templates(
        &self,
        _: Option<PaginatedRequestParams>,
        _: Context,
    ) -> Result<ListResourceTemplatesResult, ErrorData> {
        Ok(ListResourceTemplatesResult::with_all_items(resources::templates()))
    }

    async fn read_resource(
        &self,
        request: ReadResourceRequestParams,
        _: Context,
    ) -> Result<ReadResourceResponse, ErrorData> {
        Ok(resources::read(&request.uri)?.into())
    }

    async fn list_prompts(
        &self,
        _: Option<PaginatedRequestParams>,
        _: Context,
    ) -> Result<ListPromptsResult, ErrorData> {
        Ok(ListPromptsResult::with_all_items(prompts::list()))
    }

    async fn get_prompt(
        &self,
        request: GetPromptRequestParams,
        context: Context,
    ) -> Result<GetPromptResponse, ErrorData> {
        let answers = request.input_responses.as_ref();
        let state = request.request_state.as_deref();
        let client = context.client_capabilities();
        match questions::turn(&request.name, answers, state, client.as_ref())? {
            Some(Turn::Ask(question)) => Ok(question.into()),
            Some(Turn::Answered(answers)) => {
                let content = json!({"type": "text", "text": answers});
                let messages = json!([{"role": "user", "content": content}]);
                let result: GetPromptResult = complete(json!({"messages": messages}));
                Ok(result.into())
            }
            None => Ok(prompts::get(&request.name, request.arguments.as_ref())?.into()),
        }
    }

    async fn complete(
        &self,
        request: CompleteRequestParams,
        _: Context,
    ) -> Result<CompleteResult, ErrorData> {
        let mut values = vec!["paris", "park", "party"];
        values.retain(|value| value.starts_with(&request.argument.value));
        Ok(CompleteResult::new(typed(json!({"values": values, "hasMore": false}))))
    }

    async fn subscribe(&self, _: SubscribeRequestParams, _: Context) -> Result<(), ErrorData> {
        Ok(())
    }

    async fn unsubscribe(&self, _: UnsubscribeRequestParams, _: Context) -> Result<(), ErrorData> {
        Ok(())
    }

    async fn set_level(&self, _: SetLevelRequestParams, _: Context) -> Result<(), ErrorData> {
        Ok(())
    }

    fn accepted_subscription_filter(
        &self,
        requested: &SubscriptionFilter,
    ) -> Option<SubscriptionFilter> {
        Some(requested.clone())
    }

    async fn listen(&self, context: SubscriptionContext) -> Result<(), ErrorData> {
        let mut changes = self.changes.subscribe();
        let accepted = context.accepted().clone();
        loop {
            let list = tokio::select! {
                () = context.cancelled() => return Ok(()),
                list = changes.recv() => list,
            };
            let sent = match list {
                Ok(List::Tools) if accepted.tools_list_changed == Some(true) => {
                    context.sink().notify_tool_list_changed().await
                }
                Ok(List::Prompts) if accepted.prompts_list_changed == Some(true) => {
                    context.sink().notify_prompt_list_changed().await
                }
                Ok(_) => Ok(()),
                Err(_) => return Ok(()),
            };
            if sent.is_err() {
                return Ok(());
            }
        }
    }
}
