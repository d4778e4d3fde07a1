//! What MCP asks of the headers of a request.

use std::borrow::Cow;

use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use base64::Engine as _;
use rmcp::model::{
    CallToolRequestMethod, ClientRequest, ConstString as _, GetTaskMethod, JsonObject,
    JsonRpcRequest, ProtocolVersion, Tool,
};
use serde_json::Value;

use super::refused::Refused;
use crate::argument::HEADER;
use crate::context::{is_modern, named_version};
use crate::phrases::shown;
use crate::registry::Registry;
use crate::transport::{Entry, ShortRequest};

pub(super) static SESSION: HeaderName = HeaderName::from_static("mcp-session-id");
pub(super) static VERSION: HeaderName = HeaderName::from_static("mcp-protocol-version");
pub(super) static LAST_EVENT: HeaderName = HeaderName::from_static("last-event-id");
static METHOD: HeaderName = HeaderName::from_static("mcp-method");
static NAME: HeaderName = HeaderName::from_static("mcp-name");
/// Before the names of the headers that say an argument.
const PARAMETER: &str = "mcp-param-";

/// The text of a header.
pub(super) fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

/// Whether the version in the header has no sessions.
pub(super) fn is_modern_by_header(headers: &HeaderMap) -> bool {
    text(headers, &VERSION)
        .is_some_and(|version| version >= ProtocolVersion::NO_INITIALIZE.as_str())
}

/// Refuses the header of a version that no session speaks.
pub(super) fn check_version(headers: &HeaderMap) -> Result<(), Refused> {
    let Some(version) = headers.get(&VERSION) else { return Ok(()) };
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
    let (essence, parameters) = range.split_once(';').unwrap_or((range, ""));
    let matches = ["text/event-stream", "text/*", "*/*"];
    let is_refused = |parameter: &str| {
        let (name, value) = parameter.split_once('=').unwrap_or_default();
        name.trim().eq_ignore_ascii_case("q") && value.trim().parse::<f32>() == Ok(0.0)
    };
    matches.iter().any(|it| it.eq_ignore_ascii_case(essence.trim()))
        && !parameters.split(';').any(is_refused)
}

/// Refuses a body that does not say that it is JSON.
pub(super) fn check_content_type(headers: &HeaderMap) -> Result<(), Refused> {
    let content_type = text(headers, &header::CONTENT_TYPE).unwrap_or_default();
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

/// What the body of a request says that its headers have to say, too.
#[derive(Clone, Copy)]
pub(super) struct Said<'a> {
    version: Option<&'a str>,
    method: &'a str,
    named: Named<'a>,
}

/// What a request is about.
#[derive(Clone, Copy)]
enum Named<'a> {
    Nothing,
    Tool(&'a str, Arguments<'a>),
    Task(&'a str),
    Other(&'a str),
}

/// The arguments of a call, wherever they are.
#[derive(Clone, Copy)]
enum Arguments<'a> {
    Entries(&'a [Entry<'a>]),
    Object(Option<&'a JsonObject>),
}

impl<'a> Arguments<'a> {
    fn get(self, name: &str) -> Option<&'a Value> {
        match self {
            Self::Entries(all) => all.iter().find(|(it, _)| it == name).map(|(_, value)| value),
            Self::Object(all) => all?.get(name),
        }
    }
}

impl<'a> Said<'a> {
    pub(super) fn by(request: &'a JsonRpcRequest<ClientRequest>) -> Self {
        let named = match &request.request {
            ClientRequest::CallToolRequest(call) => {
                let arguments = Arguments::Object(call.params.arguments.as_ref());
                Named::Tool(&call.params.name, arguments)
            }
            ClientRequest::GetPromptRequest(get) => Named::Other(&get.params.name),
            ClientRequest::ReadResourceRequest(read) => Named::Other(&read.params.uri),
            ClientRequest::GetTaskRequest(get) => Named::Task(&get.params.task_id),
            ClientRequest::UpdateTaskRequest(update) => Named::Task(&update.params.task_id),
            ClientRequest::CancelTaskRequest(cancel) => Named::Task(&cancel.params.task_id),
            _ => Named::Nothing,
        };
        let version = named_version(&request.request);
        Self { version, method: request.request.method(), named }
    }

    /// The same by one that was read in short; `None` if it is none that may be simple.
    pub(super) fn in_short(read: &'a ShortRequest<'a>) -> Option<Self> {
        let version = read.version();
        if read.gets_task() {
            let named = Named::Task(read.task_id()?);
            return Some(Self { version, method: GetTaskMethod::VALUE, named });
        }
        let named = Named::Tool(read.called()?, Arguments::Entries(read.arguments()));
        Some(Self { version, method: CallToolRequestMethod::VALUE, named })
    }

    /// The tool that is called, if one is.
    pub(super) fn tool(self) -> Option<&'a str> {
        match self.named {
            Named::Tool(tool, _) => Some(tool),
            _ => None,
        }
    }

    /// Whether it has no session.
    pub(super) fn is_modern(self) -> bool {
        is_modern(self.version)
    }
}

/// Refuses a request whose headers do not say what its body says (MCP 2026-07-28), by which others may have let it
/// through.
pub(super) fn check_mirrored(
    headers: &HeaderMap,
    said: Said<'_>,
    tools: &Registry,
) -> Result<(), Refused> {
    let header = text(headers, &VERSION).unwrap_or_default();
    differs(headers, (&VERSION, "MCP-Protocol-Version"), said.version.unwrap_or(header))?;
    differs(headers, (&METHOD, "Mcp-Method"), said.method)?;
    let name = (&NAME, "Mcp-Name");
    match said.named {
        Named::Tool(tool, arguments) => {
            differs(headers, name, tool)?;
            match tools.listed(tool) {
                Some(tool) => check_arguments(headers, arguments, tool),
                None => Ok(()),
            }
        }
        Named::Other(other) => differs(headers, name, other),
        // Of tasks, clients that are widely used leave the name out (FastMCP 4).
        Named::Task(task_id) if headers.contains_key(&NAME) => differs(headers, name, task_id),
        Named::Task(_) | Named::Nothing => Ok(()),
    }
}

/// Refuses a header, which people write like this, that does not say this.
fn differs(
    headers: &HeaderMap,
    (name, written): (&HeaderName, &'static str),
    value: &str,
) -> Result<(), Refused> {
    let Some(header) = headers.get(name) else {
        return Err(Refused::mismatch(format!("the header `{written}` is missing")));
    };
    match decoded(header) {
        Some(header) if header == value => Ok(()),
        _ => Err(Refused::mismatch(format!(
            "the header `{written}` is `{}`, and the body says `{}`",
            shown(&String::from_utf8_lossy(header.as_bytes())),
            shown(value)
        ))),
    }
}

/// The arguments that a tool wants in headers, too.
fn check_arguments(
    headers: &HeaderMap,
    arguments: Arguments<'_>,
    tool: &Tool,
) -> Result<(), Refused> {
    let Some(Value::Object(properties)) = tool.input_schema.get("properties") else {
        return Ok(());
    };
    for (name, schema) in properties {
        let Some(Value::String(header)) = schema.get(HEADER) else { continue };
        let header = format!("{PARAMETER}{}", header.to_ascii_lowercase());
        let value = arguments.get(name).and_then(|value| match value {
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
