//! Prompts, resources and completion, as any handler of rmcp has them; and tools that answer with what is still to be
//! asked, as MCP 2026-07-28 does it.

use std::sync::{Arc, Mutex};

use mcpc::rmcp::model::*;
use mcpc::rmcp::service::{RequestContext, SubscriptionContext};
use mcpc::rmcp::{ErrorData, RoleServer, ServerHandler};
use serde_json::{Value, json};
use tokio::sync::watch;

use crate::PNG;
use crate::rounds::{self, Rounds, filled_in, form};

/// Tells who listens that the list of prompts has changed.
#[derive(Clone, Debug)]
pub(crate) struct PromptChanges(Arc<watch::Sender<()>>);

impl Default for PromptChanges {
    fn default() -> Self {
        Self(Arc::new(watch::Sender::new(())))
    }
}

impl PromptChanges {
    pub(crate) fn tell(&self) {
        self.0.send_replace(());
    }
}

pub(crate) struct Handler {
    prompts: PromptChanges,
    /// What subscriptions hear that were accepted: a change may come right after the client has read that.
    accepted: Mutex<Vec<watch::Receiver<()>>>,
    rounds: Rounds,
}

impl Handler {
    pub(crate) fn new(prompts: PromptChanges) -> Self {
        Self { prompts, accepted: Mutex::default(), rounds: Rounds::default() }
    }
}

type Context = RequestContext<RoleServer>;

impl ServerHandler for Handler {
    fn get_info(&self) -> ServerConfig {
        let capabilities = ServerCapabilities::builder()
            .enable_completions()
            .enable_prompts()
            .enable_prompts_list_changed()
            .enable_resources()
            .enable_resources_subscribe()
            .enable_tools();
        ServerConfig::new(capabilities.build())
    }

    async fn list_tools(
        &self,
        _: Option<PaginatedRequestParams>,
        _: Context,
    ) -> Result<ListToolsResult, ErrorData> {
        Ok(ListToolsResult::with_all_items(rounds::list()))
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        context: Context,
    ) -> Result<CallToolResponse, ErrorData> {
        self.rounds.call(&request, &context.client_capabilities().unwrap_or_default())
    }

    async fn list_prompts(
        &self,
        _: Option<PaginatedRequestParams>,
        _: Context,
    ) -> Result<ListPromptsResult, ErrorData> {
        let prompt = |name: &str, description: &str, arguments: &[&str]| {
            let arguments = arguments
                .iter()
                .map(|name| PromptArgument::new(*name).with_description(*name).with_required(true));
            Prompt::new(name, Some(description), Some(arguments.collect()))
        };
        Ok(ListPromptsResult::with_all_items(vec![
            prompt("test_simple_prompt", "A prompt without arguments", &[]),
            prompt("test_prompt_with_arguments", "A prompt with arguments", &["arg1", "arg2"]),
            prompt(
                "test_prompt_with_embedded_resource",
                "A prompt with a resource",
                &["resourceUri"],
            ),
            prompt("test_prompt_with_image", "A prompt with an image", &[]),
            prompt("test_input_required_result_prompt", "A prompt that asks the user", &[]),
        ]))
    }

    async fn get_prompt(
        &self,
        request: GetPromptRequestParams,
        _: Context,
    ) -> Result<GetPromptResponse, ErrorData> {
        let argument = |name: &str| {
            let value = request.arguments.as_ref().and_then(|it| it.get(name));
            value.and_then(Value::as_str).unwrap_or_default()
        };
        let text = |text: String| PromptMessage::new_text(Role::User, text);
        let messages = match &*request.name {
            "test_simple_prompt" => vec![text("This is a simple prompt for testing.".to_owned())],
            "test_prompt_with_arguments" => {
                let (arg1, arg2) = (argument("arg1"), argument("arg2"));
                vec![text(format!("Prompt with arguments: arg1='{arg1}', arg2='{arg2}'"))]
            }
            "test_prompt_with_embedded_resource" => {
                let content = "Embedded resource content for testing.";
                let content = ResourceContents::text(content, argument("resourceUri"));
                let resource = EmbeddedResource::new(content.with_mime_type("text/plain"));
                vec![
                    PromptMessage::new(Role::User, ContentBlock::Resource(resource)),
                    text("Please process the embedded resource above.".to_owned()),
                ]
            }
            "test_prompt_with_image" => {
                let image = ContentBlock::Image(ImageContent::new(PNG, "image/png"));
                vec![
                    PromptMessage::new(Role::User, image),
                    text("Please analyze the image above.".to_owned()),
                ]
            }
            "test_input_required_result_prompt" => {
                let answers = request.input_responses.clone().unwrap_or_default();
                match filled_in(&answers, "user_context", "context") {
                    Some(context) => vec![text(format!("Prompt with context: {context}"))],
                    None => {
                        let question =
                            form("What context should the prompt use?", "context", "string");
                        let questions = [("user_context".to_owned(), question)].into();
                        return Ok(InputRequiredResult::from_input_requests(questions).into());
                    }
                }
            }
            other => return Err(unknown("prompt", other)),
        };
        Ok(GetPromptResult::new(messages).into())
    }

    async fn list_resources(
        &self,
        _: Option<PaginatedRequestParams>,
        _: Context,
    ) -> Result<ListResourcesResult, ErrorData> {
        let resource = |name: &str, mime_type: &str| {
            Resource::new(format!("test://{name}"), name)
                .with_description(name)
                .with_mime_type(mime_type)
        };
        Ok(ListResourcesResult::with_all_items(vec![
            resource("static-text", "text/plain"),
            resource("static-binary", "image/png"),
            resource("watched-resource", "text/plain"),
        ]))
    }

    async fn list_resource_templates(
        &self,
        _: Option<PaginatedRequestParams>,
        _: Context,
    ) -> Result<ListResourceTemplatesResult, ErrorData> {
        let template = ResourceTemplate::new("test://template/{id}/data", "template")
            .with_description("A resource template with parameter substitution")
            .with_mime_type("application/json");
        Ok(ListResourceTemplatesResult::with_all_items(vec![template]))
    }

    async fn read_resource(
        &self,
        request: ReadResourceRequestParams,
        _: Context,
    ) -> Result<ReadResourceResponse, ErrorData> {
        let uri = &*request.uri;
        let text = |text: &str, mime_type: &str| {
            ResourceContents::text(text, uri).with_mime_type(mime_type)
        };
        let id = uri.strip_prefix("test://template/").and_then(|rest| rest.strip_suffix("/data"));
        let contents = match (uri, id) {
            (_, Some(id)) => {
                let data =
                    json!({"id": id, "templateTest": true, "data": format!("Data for ID: {id}")});
                text(&data.to_string(), "application/json")
            }
            ("test://static-text", _) => {
                text("This is the content of the static text resource.", "text/plain")
            }
            ("test://static-binary", _) => {
                ResourceContents::blob(PNG, uri).with_mime_type("image/png")
            }
            ("test://watched-resource", _) => text("Watched resource content", "text/plain"),
            _ => {
                let data = json!({"uri": uri});
                return Err(ErrorData::resource_not_found(
                    format!("unknown resource `{uri}`"),
                    Some(data),
                ));
            }
        };
        Ok(ReadResourceResult::new(vec![contents]).into())
    }

    async fn subscribe(&self, _: SubscribeRequestParams, _: Context) -> Result<(), ErrorData> {
        Ok(())
    }

    async fn unsubscribe(&self, _: UnsubscribeRequestParams, _: Context) -> Result<(), ErrorData> {
        Ok(())
    }

    async fn complete(
        &self,
        request: CompleteRequestParams,
        _: Context,
    ) -> Result<CompleteResult, ErrorData> {
        let known = ["test value 1", "test value 2", "paris"].map(str::to_owned);
        let values =
            known.into_iter().filter(|it| it.starts_with(&request.argument.value)).collect();
        let completion = CompletionInfo::with_all_values(values)
            .map_err(|error| ErrorData::internal_error(error, None))?;
        Ok(CompleteResult::new(completion))
    }

    fn accepted_subscription_filter(
        &self,
        requested: &SubscriptionFilter,
    ) -> Option<SubscriptionFilter> {
        self.accepted.lock().expect("nobody panics with it").push(self.prompts.0.subscribe());
        Some(requested.clone())
    }

    async fn listen(&self, subscription: SubscriptionContext) -> Result<(), ErrorData> {
        let accepted = self.accepted.lock().expect("nobody panics with it").pop();
        let mut changes = accepted.unwrap_or_else(|| self.prompts.0.subscribe());
        loop {
            tokio::select! {
                changed = changes.changed() => if changed.is_err() { return Ok(()) },
                () = subscription.cancelled() => return Ok(()),
            }
            let _ = subscription.sink().notify_prompt_list_changed().await;
        }
    }
}

fn unknown(what: &str, name: &str) -> ErrorData {
    ErrorData::invalid_params(format!("unknown {what} `{name}`"), None)
}
