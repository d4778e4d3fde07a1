//! A message on its way to a server, and the headers that say what it is (SEP-2243).

use std::borrow::Cow;
use std::collections::HashMap;

use base64::Engine as _;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use rmcp::model::{ClientJsonRpcMessage, JsonRpcMessage, RequestId, TASKS_EXTENSION_ID, Tool};
use serde_json::Value;

use crate::argument::HEADER;

/// The version of the protocol that a request speaks.
pub(super) const VERSION: &str = "mcp-protocol-version";

/// A message as it is sent.
#[derive(Clone, Debug)]
pub(super) struct Outgoing {
    pub(super) body: Vec<u8>,
    /// Of a request.
    pub(super) id: Option<RequestId>,
    pub(super) method: String,
    /// Those that say what is in it.
    pub(super) headers: HeaderMap,
    /// Whether it stands alone, without a session.
    pub(super) is_alone: bool,
    /// Whether it may be answered with a task.
    pub(super) may_be_task: bool,
}

/// The arguments of a tool that a server wants in headers, by the way to each.
type Mirrored = Vec<(Vec<String>, HeaderName)>;

/// Of each tool that has any.
#[derive(Debug, Default)]
pub(super) struct MirroredOfTools(HashMap<String, Mirrored>);

impl Outgoing {
    pub(super) fn new(message: &ClientJsonRpcMessage, tools: &MirroredOfTools) -> Self {
        let value = serde_json::to_value(message).unwrap_or_default();
        let params = &value["params"];
        let id = match message {
            JsonRpcMessage::Request(request) => Some(request.id.clone()),
            _ => None,
        };
        let method = value["method"].as_str().unwrap_or_default().to_owned();
        let version = params["_meta"]["io.modelcontextprotocol/protocolVersion"].as_str();
        let version = version.filter(|_| id.is_some());
        let mut headers = HeaderMap::new();
        if let Some(version) = version {
            set(&mut headers, HeaderName::from_static(VERSION), version);
            set(&mut headers, HeaderName::from_static("mcp-method"), &method);
            if let Some(name) = name(&method, params) {
                set(&mut headers, HeaderName::from_static("mcp-name"), name);
            }
            if method == "tools/call" {
                tools.set(&mut headers, params);
            }
        }
        let is_alone = version.is_some();
        let capabilities = &params["_meta"]["io.modelcontextprotocol/clientCapabilities"];
        let may_be_task = capabilities["extensions"].get(TASKS_EXTENSION_ID).is_some();
        let body = serde_json::to_vec(message).unwrap_or_default();
        Self { body, id, method, headers, is_alone, may_be_task }
    }

    /// Whether a server that works answers it before long.
    pub(super) fn is_quick(&self) -> bool {
        !matches!(&*self.method, "tools/call" | "tasks/result" | "subscriptions/listen")
    }

    /// Whether it begins a connection, so that who sends it waits to hear how that went.
    pub(super) fn begins(&self) -> bool {
        matches!(&*self.method, "initialize" | "server/discover")
    }
}

fn name<'a>(method: &str, params: &'a Value) -> Option<&'a str> {
    let key = match method {
        "tools/call" | "prompts/get" => "name",
        "resources/read" | "resources/subscribe" | "resources/unsubscribe" => "uri",
        "tasks/get" | "tasks/update" | "tasks/cancel" => "taskId",
        _ => return None,
    };
    params[key].as_str()
}

/// Sets a header to any text, in Base64 where a header cannot be that.
fn set(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    let is_plain = value.bytes().all(|byte| matches!(byte, b' '..=b'~'))
        && value.trim_matches(' ') == value
        && !(value.starts_with("=?base64?") && value.ends_with("?="));
    let value = match is_plain {
        true => Cow::Borrowed(value),
        false => {
            let encoded = base64::engine::general_purpose::STANDARD.encode(value);
            Cow::Owned(format!("=?base64?{encoded}?="))
        }
    };
    if let Ok(value) = HeaderValue::from_str(&value) {
        headers.insert(name, value);
    }
}

impl MirroredOfTools {
    /// Notes what tools want, as they were listed.
    pub(super) fn note(&mut self, tools: &[Tool]) {
        for tool in tools {
            let mut mirrored = Vec::new();
            collect(tool.input_schema.get("properties"), &mut Vec::new(), &mut mirrored);
            match mirrored.is_empty() {
                true => self.0.remove(&*tool.name),
                false => self.0.insert(tool.name.to_string(), mirrored),
            };
        }
    }

    fn set(&self, headers: &mut HeaderMap, params: &Value) {
        let mirrored = params["name"].as_str().and_then(|tool| self.0.get(tool));
        for (path, header) in mirrored.into_iter().flatten() {
            let argument = path.iter().try_fold(&params["arguments"], |value, key| value.get(key));
            match argument {
                Some(Value::String(text)) => set(headers, header.clone(), text),
                Some(value @ (Value::Bool(_) | Value::Number(_))) => {
                    set(headers, header.clone(), &value.to_string());
                }
                _ => {}
            }
        }
    }
}

fn collect(properties: Option<&Value>, path: &mut Vec<String>, mirrored: &mut Mirrored) {
    for (name, schema) in properties.and_then(Value::as_object).into_iter().flatten() {
        path.push(name.clone());
        let header = schema.get(HEADER).and_then(Value::as_str);
        let header = header.and_then(|it| format!("mcp-param-{it}").to_lowercase().parse().ok());
        if let Some(header) = header {
            mirrored.push((path.clone(), header));
        }
        collect(schema.get("properties"), path, mirrored);
        path.pop();
    }
}
