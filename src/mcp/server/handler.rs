//! The methods of MCP: one handler for both eras of the protocol and both transports.
#![expect(deprecated, reason = "clients before 2026-07-28 log and subscribe this way")]

use std::sync::PoisonError;
use std::time::Instant;

use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CallToolResult, CompleteRequestParams, CompleteResult,
    ContentBlock, CustomRequest, CustomResult, DiscoverResult, ErrorCode, GetPromptRequestParams,
    GetPromptResponse, InitializeRequestParams, InitializeResult, ListPromptsResult,
    ListResourceTemplatesResult, ListResourcesResult, ListToolsResult, PaginatedRequestParams,
    ProtocolVersion, ReadResourceRequestParams, ReadResourceResponse, ServerConfig,
    SetLevelRequestMethod, SetLevelRequestParams, SubscribeRequestParams, SubscriptionFilter, Tool,
    UnsubscribeRequestParams,
};
use rmcp::service::{NotificationContext, RequestContext, SubscriptionContext};
use rmcp::{ErrorData, RoleServer, ServerHandler};

use super::{Docs, Heard};
use crate::mcp::account::{Account, Outcome, RESOURCE};
use crate::mcp::{arguments, completion, prompts, resources};

/// What a list is good for that only a restart changes, and one that a snapshot may change.
const STATIC_TTL_MS: u64 = 3_600_000;
const FOLLOWING_TTL_MS: u64 = 60_000;
/// Methods that are answered here and need parameters.
const METHODS: [&str; 4] = ["tools/call", "resources/read", "prompts/get", "completion/complete"];
/// The same of those that 2026-07-28 dropped.
const DROPPED_METHODS: [&str; 4] =
    ["initialize", "resources/subscribe", "resources/unsubscribe", "logging/setLevel"];

impl ServerHandler for Docs {
    fn get_info(&self) -> ServerConfig {
        self.now().face.info.clone()
    }

    async fn initialize(
        &self,
        request: InitializeRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<InitializeResult, ErrorData> {
        context.peer.set_peer_info(request.clone());
        let mut result = self.negotiate_initialize(&request)?;
        if !self.push {
            // Handshake clients on stateless HTTP have no stream on which a notice could come:
            // promising one would be a lie.
            if let Some(resources) = result.capabilities.resources.as_mut() {
                resources.subscribe = None;
                resources.list_changed = None;
            }
            if let Some(prompts) = result.capabilities.prompts.as_mut() {
                prompts.list_changed = None;
            }
        }
        Ok(result)
    }

    async fn discover(&self, _: RequestContext<RoleServer>) -> Result<DiscoverResult, ErrorData> {
        let versions = self.supported_protocol_versions().into_owned();
        let mut result = DiscoverResult::from_server_info(versions, self.get_info())
            .with_ttl_ms(self.static_ttl());
        result.cache_scope = self.cache_scope();
        Ok(result)
    }

    async fn list_tools(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        let result = ListToolsResult::with_all_items(self.now().face.tools.clone());
        Ok(result.with_ttl_ms(self.static_ttl()).with_cache_scope(self.cache_scope()))
    }

    fn get_tool(&self, name: &str) -> Option<Tool> {
        self.now().face.tools.iter().find(|tool| tool.name == name).cloned()
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let docs = self.for_caller(&context);
        let answer = docs.run(&request.name, request.arguments).await.ok_or_else(|| {
            let names: Vec<&str> = self.face.tools.iter().map(|tool| &*tool.name).collect();
            let name = arguments::shorten(&request.name);
            ErrorData::invalid_params(
                format!("there is no tool {name:?}; there is: {}", names.join(", ")),
                None,
            )
        })?;
        let result = match answer {
            // Each channel holds everything: some clients show the model only the one, some
            // only the other.
            Ok(json) => {
                let value =
                    serde_json::from_str(&json).map_err(|e| resources::internal(e.into()))?;
                let mut result = CallToolResult::success(vec![ContentBlock::text(json)]);
                result.structured_content = Some(value);
                result
            }
            Err(message) => CallToolResult::error(vec![ContentBlock::text(message)]),
        };
        Ok(result.into())
    }

    async fn list_resources(
        &self,
        request: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListResourcesResult, ErrorData> {
        let cursor = request.and_then(|request| request.cursor);
        self.beside(move |docs| resources::list(docs, cursor.as_deref())).await
    }

    async fn list_resource_templates(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListResourceTemplatesResult, ErrorData> {
        Ok(resources::templates(&self.now()))
    }

    async fn read_resource(
        &self,
        request: ReadResourceRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<ReadResourceResponse, ErrorData> {
        let started = Instant::now();
        let docs = self.for_caller(&context);
        let mut account =
            Account { tool: RESOURCE, caller: docs.caller.clone(), ..Account::default() };
        let _turn = self.turn().await;
        let read = resources::read(&docs, &request.uri, &mut account);
        account.outcome = if read.is_ok() { Outcome::Ok } else { Outcome::Error };
        account.elapsed = started.elapsed();
        self.tell(account);
        Ok(read?.into())
    }

    async fn list_prompts(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListPromptsResult, ErrorData> {
        self.beside(prompts::list).await
    }

    async fn get_prompt(
        &self,
        request: GetPromptRequestParams,
        _: RequestContext<RoleServer>,
    ) -> Result<GetPromptResponse, ErrorData> {
        let GetPromptRequestParams { name, arguments, .. } = request;
        self.beside(move |docs| Ok(prompts::get(docs, &name, arguments)?.into())).await
    }

    async fn complete(
        &self,
        request: CompleteRequestParams,
        _: RequestContext<RoleServer>,
    ) -> Result<CompleteResult, ErrorData> {
        self.beside(move |docs| {
            let snapshot = docs.snapshot();
            let catalog = snapshot.catalog().map_err(resources::internal)?;
            let CompleteRequestParams { r#ref, argument, context, .. } = &request;
            let info = completion::complete(docs, catalog, r#ref, argument, context.as_ref());
            Ok(CompleteResult::new(info))
        })
        .await
    }

    /// A method that no type of the SDK fits: one that is unknown, or a known one with parameters
    /// of the wrong types, which must not look as if the method, or the endpoint, were missing.
    async fn on_custom_request(
        &self,
        request: CustomRequest,
        context: RequestContext<RoleServer>,
    ) -> Result<CustomResult, ErrorData> {
        let CustomRequest { method, .. } = request;
        let known = METHODS.contains(&method.as_str())
            || (!is_modern(&context) && DROPPED_METHODS.contains(&method.as_str()));
        if known {
            let message =
                format!("the params of {method} are missing something or of a wrong type");
            return Err(ErrorData::invalid_params(message, None));
        }
        let method = arguments::shorten(&method);
        Err(ErrorData::new(ErrorCode::METHOD_NOT_FOUND, method, None))
    }

    async fn subscribe(
        &self,
        request: SubscribeRequestParams,
        _: RequestContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        let mut subscribed = self.subscribed.lock().unwrap_or_else(PoisonError::into_inner);
        if self.push && subscribed.len() < 10_000 {
            subscribed.insert(request.uri);
        }
        Ok(())
    }

    async fn unsubscribe(
        &self,
        request: UnsubscribeRequestParams,
        _: RequestContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        self.subscribed.lock().unwrap_or_else(PoisonError::into_inner).remove(&request.uri);
        Ok(())
    }

    async fn set_level(
        &self,
        request: SetLevelRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        // Of the dropped methods this is the one that the SDK does not turn away.
        if is_modern(&context) {
            return Err(ErrorData::method_not_found::<SetLevelRequestMethod>());
        }
        *self.level.lock().unwrap_or_else(PoisonError::into_inner) = request.level;
        Ok(())
    }

    async fn on_initialized(&self, context: NotificationContext<RoleServer>) {
        if self.push {
            tokio::spawn(self.clone().push_changes(context.peer));
        }
    }

    fn accepted_subscription_filter(
        &self,
        requested: &SubscriptionFilter,
    ) -> Option<SubscriptionFilter> {
        Some(requested.supported_by(&self.face.info.capabilities))
    }

    async fn listen(&self, context: SubscriptionContext) -> Result<(), ErrorData> {
        let mut changes = self.shared.changes.subscribe();
        let accepted = context.accepted().clone();
        loop {
            let notice = tokio::select! {
                () = context.cancelled() => return Ok(()),
                () = self.shared.closing.cancelled() => return Ok(()),
                change = changes.recv() => match self.notice(change) {
                    Heard::Notice(notice) => notice,
                    Heard::Nothing => continue,
                    Heard::End => return Ok(()),
                },
            };
            let sink = context.sink();
            let mut sent = true;
            if notice.listed && accepted.resources_list_changed == Some(true) {
                sent &= sink.notify_resource_list_changed().await.is_ok();
            }
            if notice.prompts && accepted.prompts_list_changed == Some(true) {
                sent &= sink.notify_prompt_list_changed().await.is_ok();
            }
            for uri in accepted.resource_subscriptions.iter().flatten() {
                if notice.concerns(uri) {
                    sent &= sink.notify_resource_updated(uri.clone()).await.is_ok();
                }
            }
            if !sent {
                return Ok(());
            }
        }
    }
}

impl Docs {
    /// How long a client may keep what it is told of the server and its tools, in milliseconds.
    fn static_ttl(&self) -> u64 {
        if self.followed().is_some() { FOLLOWING_TTL_MS } else { STATIC_TTL_MS }
    }
}

/// Whether a request is of a revision without handshakes.
fn is_modern(context: &RequestContext<RoleServer>) -> bool {
    let newest = ProtocolVersion::V_2026_07_28;
    context.protocol_version().is_some_and(|spoken| spoken.as_str() >= newest.as_str())
}
