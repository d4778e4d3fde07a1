//! The server that the conformance suite of MCP asks for: tools with the attributes, and everything that is not a
//! tool with rmcp's own handler (`handler.rs`). The suite chooses the names and the texts.

mod handler;
mod questions;
mod rounds;
mod tasks;

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use mcpc::rmcp::model::{
    AudioContent, ContentBlock, EmbeddedResource, ErrorData, ImageContent, ResourceContents,
};
use mcpc::{Call, DynamicTool, LogLevel, Sender, Server, Service, State, Tools, tools};
use serde_json::{Map, Value, json};

use crate::handler::{Handler, PromptChanges};

/// Answers with a text.
#[mcpc::tool]
async fn test_simple_text() -> &'static str {
    "This is a simple text response for testing."
}

/// Answers with an image.
#[mcpc::tool]
async fn test_image_content() -> ImageContent {
    ImageContent::new(PNG, "image/png")
}

/// Answers with a sound.
#[mcpc::tool]
async fn test_audio_content() -> AudioContent {
    AudioContent::new(WAV, "audio/wav")
}

/// Answers with a resource.
#[mcpc::tool]
async fn test_embedded_resource() -> EmbeddedResource {
    let text = "This is an embedded resource content.";
    resource(text, "test://embedded-resource", "text/plain")
}

/// Answers with several kinds of content.
#[mcpc::tool]
async fn test_multiple_content_types() -> Vec<ContentBlock> {
    let data = r#"{"test":"data","value":123}"#;
    vec![
        ContentBlock::text("Multiple content types test:"),
        ContentBlock::Image(ImageContent::new(PNG, "image/png")),
        ContentBlock::Resource(resource(data, "test://mixed-content-resource", "application/json")),
    ]
}

/// Fails.
#[mcpc::tool]
async fn test_error_handling() -> Result<(), &'static str> {
    Err("This tool intentionally returns an error for testing")
}

/// Logs what it does.
#[mcpc::tool]
async fn test_tool_with_logging(call: Call) -> &'static str {
    for text in ["Tool execution started", "Tool processing data", "Tool execution completed"] {
        call.log(LogLevel::Info, text).await;
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    "Tool with logging executed successfully"
}

/// Logs one thing.
#[mcpc::tool]
async fn test_logging_tool(call: Call) -> &'static str {
    call.log(LogLevel::Info, "Diagnostic trace logging activated").await;
    "Logging evaluated"
}

/// Reports its progress.
#[mcpc::background]
async fn test_tool_with_progress(updates: Sender) -> &'static str {
    for done in [0, 50, 100] {
        updates.progress(done, 100, format!("Completed step {done} of 100"));
        // Of two reports within a tenth of a second, the latter counts.
        tokio::time::sleep(Duration::from_millis(130)).await;
    }
    "Progress reported"
}

/// Reports its progress while the answer streams.
#[mcpc::background]
async fn test_streaming_elicitation(updates: Sender) -> &'static str {
    updates.progress(50, 100, "halfway");
    "Streaming complete"
}

/// Takes longer than a stream stays open on which nothing is said, so that a client has to come back.
#[mcpc::tool]
async fn test_reconnection() -> &'static str {
    tokio::time::sleep(Duration::from_secs(2)).await;
    "Reconnection test completed successfully."
}

/// Takes arguments by a schema of JSON Schema 2020-12.
#[mcpc::tool(input_schema = SCHEMA_2020_12)]
async fn json_schema_2020_12_tool(#[arg(all)] arguments: Map<String, Value>) -> String {
    format!("JSON Schema 2020-12 tool called with: {}", Value::Object(arguments))
}

/// Takes an argument that proxies see.
#[mcpc::tool]
async fn test_header(
    /// Where it happens
    #[arg(header = "Region")]
    region: String,
) -> String {
    region
}

/// Needs a client that samples.
#[mcpc::tool]
async fn test_missing_capability(call: Call) -> Result<&'static str, ErrorData> {
    let sampling = serde_json::from_value(json!({"sampling": {}})).unwrap_or_default();
    match call.context().client_capabilities().is_some_and(|it| it.sampling.is_some()) {
        true => Ok("Success"),
        false => Err(ErrorData::missing_required_client_capability(sampling)),
    }
}

/// Changes the list of tools.
#[mcpc::tool]
async fn test_trigger_tool_change(service: State<Running>) -> mcpc::Result<&'static str> {
    let service = service.get().expect("it was set before it is served");
    if !service.remove(TEMPORARY)? {
        let tool = DynamicTool::plain(TEMPORARY, json!({}), async |_, _| Ok::<_, String>("here"));
        service.add(tool.description("Comes and goes."))?;
    }
    Ok("Mutation triggered")
}

/// Changes the list of prompts.
#[mcpc::tool]
async fn test_trigger_prompt_change(prompts: State<PromptChanges>) -> &'static str {
    prompts.tell();
    "Mutation triggered"
}

const TEMPORARY: &str = "temporary";

/// The service that a tool changes whose own it is.
type Running = OnceLock<Service>;

fn content() -> Tools {
    tools![
        test_simple_text,
        test_image_content,
        test_audio_content,
        test_embedded_resource,
        test_multiple_content_types,
        test_error_handling,
        test_tool_with_logging,
        test_logging_tool,
        test_tool_with_progress,
        test_streaming_elicitation,
        test_reconnection,
        json_schema_2020_12_tool,
        test_header,
        test_missing_capability,
        test_trigger_tool_change,
        test_trigger_prompt_change,
    ]
}

#[tokio::main]
async fn main() -> mcpc::Result {
    let running = Arc::new(Running::new());
    let prompts = PromptChanges::default();
    let service = Server::new("conformance")
        .handler(Handler::new(prompts.clone()))
        .state(prompts)
        .state(Arc::clone(&running))
        .tools(content() + questions::tools() + tasks::tools())
        .dynamic_tools(true)
        // So that a client with tasks sees one of what takes a second.
        .task_patience(Duration::from_millis(300))
        .build()?;
    let service = running.get_or_init(|| service);
    // Over HTTP at the address that follows `--http`, or else over stdio.
    match std::env::args().skip_while(|it| it != "--http").nth(1) {
        Some(address) => service.http().poll_after(Duration::from_secs(1)).serve(address).await,
        None => service.serve_stdio().await,
    }
}

fn resource(text: &str, uri: &str, mime_type: &str) -> EmbeddedResource {
    EmbeddedResource::new(ResourceContents::text(text, uri).with_mime_type(mime_type))
}

/// A red pixel.
const PNG: &str = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8DwHwAFBQIAX8jx0gAAAABJRU5ErkJggg==";

/// A moment of silence.
const WAV: &str = "UklGRiYAAABXQVZFZm10IBAAAAABAAEAQB8AAAB9AAACABAAZGF0YQIAAAA=";

const SCHEMA_2020_12: &str = r##"{
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "$defs": {
        "address": {
            "$anchor": "addressDef",
            "type": "object",
            "properties": {"street": {"type": "string"}, "city": {"type": "string"}}
        }
    },
    "properties": {
        "name": {"type": "string"},
        "address": {"$ref": "#/$defs/address"},
        "contactMethod": {"type": "string", "enum": ["phone", "email"]},
        "phone": {"type": "string"},
        "email": {"type": "string"}
    },
    "allOf": [{"anyOf": [{"required": ["phone"]}, {"required": ["email"]}]}],
    "if": {"properties": {"contactMethod": {"const": "phone"}}, "required": ["contactMethod"]},
    "then": {"required": ["phone"]},
    "else": {"required": ["email"]},
    "additionalProperties": false
}"##;
