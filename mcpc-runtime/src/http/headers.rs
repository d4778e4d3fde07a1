//! What MCP asks of the headers of a request.

use std::borrow::Cow;

use axum::http::{HeaderMap, HeaderValue, header};
use base64::Engine as _;
use rmcp::model::{ClientRequest, JsonRpcRequest, ProtocolVersion, Tool};
use serde_json::Value;

use super::refused::Refused;
use crate::argument::HEADER;
use crate::context::{is_modern, meta_of, named_version};
use crate::phrases::shown;
use crate::registry::Registry;

pub(super) const SESSION: &str = "mcp-session-id";
pub(super) const VERSION: &str = "mcp-protocol-version";
pub(super) const LAST_EVENT: &str = "last-event-id";
const NAME: &str = "mcp-name";
/// Before the names of the headers that say an argument.
const PARAMETER: &str = "mcp-param-";

/// The text of a header.
pub(super) fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

/// Whether the version in the header has no sessions.
pub(super) fn is_modern_by_header(headers: &HeaderMap) -> bool {
    text(headers, VERSION).is_some_and(|version| version >= ProtocolVersion::NO_INITIALIZE.as_str())
}

/// Refuses the header of a version that no session speaks.
pub(super) fn check_version(headers: &HeaderMap) -> Result<(), Refused> {
    let Some(version) = headers.get(VERSION) else { return Ok(()) };
    let version = version.to_str().unwrap_or_default();
    match ProtocolVersion::KNOWN_VERSIONS.iter().any(|known| known.as_str() == version) {
        true => Ok(()),
        false => Err(Refused::bad_request(format!(
            "`MCP-Protocol-Version` names the version `{}`, which this server does not speak",
            shown(version)
        ))),
    }
}

/// Refuses a request whose client takes nothing that it could be answered with. One that says nothing takes anything.
pub(super) fn check_accept(headers: &HeaderMap) -> Result<(), Refused> {
    let mut all = headers.get_all(header::ACCEPT).iter().peekable();
    if all.peek().is_none() {
        return Ok(());
    }
    let takes = |value: &HeaderValue| {
        value.to_str().is_ok_and(|value| value.split(',').any(is_event_stream))
    };
    match all.any(takes) {
        true => Ok(()),
        false => Err(Refused::new(
            axum::http::StatusCode::NOT_ACCEPTABLE,
            super::refused::INVALID_REQUEST,
            "`Accept` must list `application/json` and `text/event-stream`",
        )),
    }
}

/// Whether a range of media types has that of events in it.
fn is_event_stream(range: &str) -> bool {
    let mut parts = range.split(';').map(str::trim);
    let essence = parts.next().unwrap_or_default();
    let is_refused = parts.any(|parameter| {
        let (name, value) = parameter.split_once('=').unwrap_or_default();
        name.trim().eq_ignore_ascii_case("q") && value.trim().parse::<f32>() == Ok(0.0)
    });
    let matches = ["text/event-stream", "text/*", "*/*"];
    !is_refused && matches.iter().any(|it| it.eq_ignore_ascii_case(essence))
}

/// Refuses a body that does not say that it is JSON.
pub(super) fn check_content_type(headers: &HeaderMap) -> Result<(), Refused> {
    let content_type = text(headers, header::CONTENT_TYPE.as_str()).unwrap_or_default();
    let essence = content_type.split(';').next().unwrap_or_default().trim();
    match essence.eq_ignore_ascii_case("application/json") {
        true => Ok(()),
        false => Err(Refused::new(
            axum::http::StatusCode::UNSUPPORTED_MEDIA_TYPE,
            super::refused::INVALID_REQUEST,
            "`Content-Type` must be `application/json`",
        )),
    }
}

/// Refuses a request whose headers do not say what its body says (MCP 2026-07-28), by which others may have let it
/// through.
pub(super) fn check_mirrored(
    headers: &HeaderMap,
    request: &JsonRpcRequest<ClientRequest>,
    tools: &Registry,
) -> Result<(), Refused> {
    let version = meta_of(&request.request).protocol_version();
    let header = text(headers, VERSION).unwrap_or_default();
    differs(headers, "MCP-Protocol-Version", version.as_ref().map_or(header, |it| it.as_str()))?;
    differs(headers, "Mcp-Method", request.request.method())?;
    match &request.request {
        ClientRequest::CallToolRequest(call) => {
            differs(headers, "Mcp-Name", &call.params.name)?;
            match tools.listed(&call.params.name) {
                Some(tool) => check_arguments(headers, call.params.arguments.as_ref(), tool),
                None => Ok(()),
            }
        }
        ClientRequest::GetPromptRequest(get) => differs(headers, "Mcp-Name", &get.params.name),
        ClientRequest::ReadResourceRequest(read) => differs(headers, "Mcp-Name", &read.params.uri),
        ClientRequest::GetTaskRequest(get) => differs_if_there(headers, &get.params.task_id),
        ClientRequest::UpdateTaskRequest(update) => {
            differs_if_there(headers, &update.params.task_id)
        }
        ClientRequest::CancelTaskRequest(cancel) => {
            differs_if_there(headers, &cancel.params.task_id)
        }
        _ => Ok(()),
    }
}

/// Of tasks, clients that are widely used leave the name out (FastMCP 4).
fn differs_if_there(headers: &HeaderMap, value: &str) -> Result<(), Refused> {
    match headers.contains_key(NAME) {
        true => differs(headers, "Mcp-Name", value),
        false => Ok(()),
    }
}

fn differs(headers: &HeaderMap, name: &'static str, value: &str) -> Result<(), Refused> {
    let Some(header) = headers.get(name) else {
        return Err(Refused::mismatch(format!("the header `{name}` is missing")));
    };
    match decoded(header) {
        Some(header) if header == value => Ok(()),
        _ => Err(Refused::mismatch(format!(
            "the header `{name}` is `{}`, and the body says `{}`",
            shown(&String::from_utf8_lossy(header.as_bytes())),
            shown(value)
        ))),
    }
}

/// The arguments that a tool wants in headers, too.
fn check_arguments(
    headers: &HeaderMap,
    arguments: Option<&rmcp::model::JsonObject>,
    tool: &Tool,
) -> Result<(), Refused> {
    let Some(Value::Object(properties)) = tool.input_schema.get("properties") else {
        return Ok(());
    };
    for (name, schema) in properties {
        let Some(Value::String(header)) = schema.get(HEADER) else { continue };
        let header = format!("{PARAMETER}{}", header.to_ascii_lowercase());
        let value = arguments.and_then(|arguments| arguments.get(name));
        let value = value.and_then(|value| match value {
            Value::String(text) => Some(Cow::Borrowed(text.as_str())),
            Value::Bool(_) | Value::Number(_) => Some(Cow::Owned(value.to_string())),
            Value::Null | Value::Array(_) | Value::Object(_) => None,
        });
        match (headers.get(&header), value) {
            (None, None) => {}
            (Some(said), Some(value)) if decoded(said).as_deref() == Some(&*value) => {}
            (said, value) => {
                let said = said.map(|it| String::from_utf8_lossy(it.as_bytes()));
                return Err(Refused::mismatch(format!(
                    "the header `{header}` is {}, and the argument `{name}` is {}",
                    said.map_or("missing".to_owned(), |it| format!("`{}`", shown(&it))),
                    value.map_or("missing".to_owned(), |it| format!("`{}`", shown(&it))),
                )));
            }
        }
    }
    Ok(())
}

/// What a header says, which may be written in Base64. `None` if it is written wrongly.
fn decoded(header: &HeaderValue) -> Option<Cow<'_, str>> {
    let text = str::from_utf8(header.as_bytes()).ok()?;
    let encoded = text.strip_prefix("=?base64?").and_then(|it| it.strip_suffix("?="));
    match encoded {
        None => Some(Cow::Borrowed(text)),
        Some(encoded) => {
            let bytes = base64::engine::general_purpose::STANDARD.decode(encoded).ok()?;
            String::from_utf8(bytes).ok().map(Cow::Owned)
        }
    }
}

/// Whether a request has no session, by what its body says.
pub(super) fn is_modern_by_body(request: &JsonRpcRequest<ClientRequest>) -> bool {
    is_modern(named_version(&request.request))
}
