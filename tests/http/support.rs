//! A client of HTTP, without a network: it hands requests to the server's router and reads the bodies of responses.

use axum::Router;
use axum::body::{Body, BodyDataStream};
use axum::http::{HeaderMap, Request, StatusCode};
use futures::StreamExt as _;
use mcpc::Service;
use serde_json::{Value, json};
use tower::ServiceExt as _;

pub(crate) const MODERN: &str = "2026-07-28";

#[derive(Clone)]
pub(crate) struct Http {
    pub(crate) router: Router,
    /// What is sent with every request.
    pub(crate) headers: Vec<(String, String)>,
}

/// An event of a stream.
#[derive(Clone, Debug)]
pub(crate) struct Event {
    pub(crate) id: Option<String>,
    pub(crate) data: Value,
}

/// A response.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) events: Events,
}

/// The events of a response.
pub(crate) struct Events {
    body: BodyDataStream,
    text: String,
}

impl Http {
    pub(crate) fn to(service: &Service) -> Self {
        Self::through(service.clone().into_router().expect("it can be served"))
    }

    pub(crate) fn through(router: Router) -> Self {
        Self { router, headers: vec![("host".into(), "localhost".into())] }
    }

    pub(crate) fn with(&self, name: &str, value: &str) -> Self {
        let mut client = self.clone();
        client.headers.retain(|(known, _)| known != name);
        client.headers.push((name.into(), value.into()));
        client
    }

    pub(crate) async fn send(&self, method: &str, headers: &[(&str, &str)], body: Body) -> Answer {
        let mut request = Request::builder().method(method).uri("/mcp");
        for (name, value) in &self.headers {
            if !headers.iter().any(|(other, _)| other == name) {
                request = request.header(name, value);
            }
        }
        for (name, value) in headers.iter().filter(|(_, value)| !value.is_empty()) {
            request = request.header(*name, *value);
        }
        let request = request.body(body).expect("a request");
        let response = self.router.clone().oneshot(request).await.expect("it cannot fail");
        let (parts, body) = response.into_parts();
        let events = Events { body: body.into_data_stream(), text: String::new() };
        Answer { status: parts.status, headers: parts.headers, events }
    }

    pub(crate) async fn post(&self, headers: &[(&str, &str)], body: impl ToString) -> Answer {
        let json = ("content-type", "application/json");
        let accept = ("accept", "application/json, text/event-stream");
        let mut all: Vec<_> = [json, accept].into_iter().collect();
        all.retain(|(name, _)| !headers.iter().any(|(other, _)| other == name));
        all.extend(headers);
        self.send("POST", &all, Body::from(body.to_string())).await
    }

    /// Begins a session; returns a client of it.
    pub(crate) async fn begin(&self) -> Self {
        self.begin_with(initialize("2025-11-25")).await
    }

    pub(crate) async fn begin_with(&self, initialize: Value) -> Self {
        let answer = self.post(&[], initialize).await;
        assert_eq!(answer.status, StatusCode::OK);
        let id = answer.headers["mcp-session-id"].to_str().expect("a text").to_owned();
        let reply = answer.events.last().await;
        assert_eq!(reply["result"]["protocolVersion"], "2025-11-25");
        let session = self.with("mcp-session-id", &id).with("mcp-protocol-version", "2025-11-25");
        let initialized = json!({"jsonrpc": "2.0", "method": "notifications/initialized"});
        assert_eq!(session.post(&[], initialized).await.status, StatusCode::ACCEPTED);
        session
    }

    /// Calls a tool of a session.
    pub(crate) async fn call(&self, id: u64, tool: &str, arguments: Value) -> Value {
        self.start(id, tool, arguments).await.events.last().await
    }

    pub(crate) async fn start(&self, id: u64, tool: &str, arguments: Value) -> Answer {
        let answer = self.post(&[], call(id, tool, arguments)).await;
        assert_eq!(answer.status, StatusCode::OK);
        answer
    }

    /// The stream of a session, from after an event on.
    pub(crate) async fn listen(&self, after: Option<&str>) -> Answer {
        let mut headers = vec![("accept", "text/event-stream")];
        headers.extend(after.map(|after| ("last-event-id", after)));
        self.send("GET", &headers, Body::empty()).await
    }

    /// Sends a request that stands alone (MCP 2026-07-28).
    pub(crate) async fn alone(&self, id: u64, method: &str, params: Value) -> Answer {
        self.alone_as(&json!({}), id, method, params).await
    }

    pub(crate) async fn alone_as(
        &self,
        capabilities: &Value,
        id: u64,
        method: &str,
        mut params: Value,
    ) -> Answer {
        let name = ["name", "taskId", "uri"].iter().find_map(|key| params[key].as_str());
        let name = name.unwrap_or_default().to_owned();
        params["_meta"] = json!({
            "io.modelcontextprotocol/protocolVersion": MODERN,
            "io.modelcontextprotocol/clientInfo": {"name": "c", "version": "1"},
            "io.modelcontextprotocol/clientCapabilities": capabilities,
        });
        let request = json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params});
        let headers =
            [("mcp-protocol-version", MODERN), ("mcp-method", method), ("mcp-name", &name)];
        self.post(&headers, request).await
    }

    /// Calls a tool without a session.
    pub(crate) async fn call_alone(&self, id: u64, tool: &str, arguments: Value) -> Value {
        let params = json!({"name": tool, "arguments": arguments});
        let answer = self.alone(id, "tools/call", params).await;
        assert_eq!(answer.status, StatusCode::OK);
        answer.events.last().await
    }
}

impl Answer {
    /// The body, if that is no stream.
    pub(crate) async fn json(self) -> Value {
        let text = self.events.rest().await;
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{text:?}: {error}"))
    }
}

impl Events {
    /// The next event that holds something; `None` at the end.
    pub(crate) async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some((event, rest)) = self.text.split_once("\n\n") {
                let (event, rest) = (event.to_owned(), rest.to_owned());
                self.text = rest;
                let field = |name: &str| {
                    let mut lines = event.lines();
                    let value = lines.find_map(|line| line.strip_prefix(name))?;
                    Some(value.trim_start().to_owned())
                };
                let data = field("data:").filter(|data| !data.is_empty());
                let Some(data) = data else { continue };
                let data = serde_json::from_str(&data).expect("JSON");
                return Some(Event { id: field("id:"), data });
            }
            let part = self.body.next().await?.expect("it cannot fail");
            self.text.push_str(str::from_utf8(&part).expect("UTF-8"));
        }
    }

    /// The message of the next event.
    pub(crate) async fn message(&mut self) -> Value {
        self.next().await.expect("it goes on").data
    }

    /// The next event of a task.
    pub(crate) async fn callback(&mut self) -> Value {
        self.callback_and_id().await.0
    }

    pub(crate) async fn callback_and_id(&mut self) -> (Value, String) {
        let event = self.next().await.expect("it goes on");
        let text = event.data["result"]["content"][0]["text"].as_str();
        let text = text.unwrap_or_else(|| panic!("a callback, and not {}", event.data));
        (serde_json::from_str(text).expect("JSON"), event.id.expect("an id"))
    }

    /// The last message.
    pub(crate) async fn last(mut self) -> Value {
        let mut last = None;
        while let Some(event) = self.next().await {
            last = Some(event.data);
        }
        last.expect("something was said")
    }

    /// All that is left, as it is.
    pub(crate) async fn rest(mut self) -> String {
        while let Some(part) = self.body.next().await {
            self.text.push_str(str::from_utf8(&part.expect("it cannot fail")).expect("UTF-8"));
        }
        self.text
    }
}

pub(crate) fn initialize(version: &str) -> Value {
    let client = json!({"name": "c", "version": "1"});
    let params = json!({"protocolVersion": version, "capabilities": {}, "clientInfo": client});
    json!({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": params})
}

pub(crate) fn call(id: u64, tool: &str, arguments: Value) -> Value {
    let params = json!({"name": tool, "arguments": arguments});
    json!({"jsonrpc": "2.0", "id": id, "method": "tools/call", "params": params})
}

/// Arguments with the metadata of a client of MCPC.
pub(crate) fn mcpc(task_id: &str, mut arguments: Value) -> Value {
    arguments["_metadata"] = json!({"mcpc_session_id": "s", "mcpc_task_id": task_id});
    arguments
}

/// The text of a call's reply.
pub(crate) fn text(reply: &Value) -> &str {
    reply["result"]["content"][0]["text"].as_str().unwrap_or_else(|| panic!("a text: {reply}"))
}

/// The id in a ticket.
pub(crate) fn ticket(reply: &Value) -> String {
    let id = text(reply).split('`').nth(3).expect("a ticket names its task");
    id.to_owned()
}
