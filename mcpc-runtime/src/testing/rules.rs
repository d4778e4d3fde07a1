//! The rules of the protocols, as a client can see them kept or broken.

mod questions;
mod tasks_2025;

use std::collections::{HashMap, HashSet};
use std::fmt;

use serde_json::Value;

use super::client::message;
use super::persona::{EXTENSION, Facts, STATELESS};
use super::wire::{Line, Side};
use crate::message::{MessageType, TaskEvent};
use crate::names::{CALLBACK_ID, MetadataKeys};

/// What a server is held against.
pub(super) struct Of<'a> {
    pub(super) facts: &'a Facts,
    pub(super) tools: &'a [Value],
    /// Whether it is one of this crate, which promises more than MCPC asks for.
    pub(super) is_ours: bool,
    /// Whether all calls of the client came to their ends, and there were some.
    pub(super) is_at_rest: bool,
}

/// The rules that a server broke, in a sentence each. With `is_over`, every request must be answered and every task ended.
pub(super) fn broken(lines: &[Line], of: Of<'_>, is_over: bool) -> Vec<String> {
    let Of { facts, tools, is_ours, is_at_rest } = of;
    let (requests, tasks, broken) = (HashMap::new(), HashMap::new(), Vec::new());
    let (elicited, shows) = (HashSet::new(), Value::Null);
    let (has_session, listens) = (false, false);
    let mut rules = Rules {
        facts,
        tools,
        is_ours,
        requests,
        tasks,
        elicited,
        shows,
        has_session,
        listens,
        broken,
    };
    for line in lines {
        match line.from {
            Side::Client => rules.client_says(line),
            Side::Server => rules.server_says(line),
        }
    }
    if is_over {
        rules.all_is_over();
    }
    // Else the task may go on that asks.
    if is_over && is_at_rest {
        rules.nothing_is_asked();
    }
    rules.broken
}

struct Rules<'a> {
    facts: &'a Facts,
    tools: &'a [Value],
    is_ours: bool,
    /// By their ids, as JSON.
    requests: HashMap<String, Request>,
    tasks: HashMap<String, Task>,
    /// The requests of the server that show something and are open, by their ids as JSON.
    elicited: HashSet<String>,
    /// What the client said that it shows.
    shows: Value,
    /// Whether it opened a session, in which a server may ask.
    has_session: bool,
    /// Whether the client asked to hear of tasks.
    listens: bool,
    broken: Vec<String>,
}

/// A request of the client.
struct Request {
    method: String,
    /// The tool, of a call.
    tool: String,
    /// The task that it names, or the call that it goes on with; of a call that asked for a task, that one.
    task_id: Option<String>,
    /// Whether it is a call that asks for a task, as MCP 2025-11-25 has it.
    asks_for_task: bool,
    /// The progress token that it gave, as JSON.
    token: Option<String>,
    /// The questions that it answers.
    answers: Vec<String>,
    /// Whether its client speaks MCP 2026-07-28, where structured content may be any value.
    is_stateless: bool,
    /// How far it was said to be.
    progress: Option<f64>,
    is_answered: bool,
    is_cancelled: bool,
}

/// A task, of MCPC or of MCP.
#[derive(Default)]
struct Task {
    is_created: bool,
    /// The tool that made it.
    tool: String,
    /// How it ended.
    end: Option<String>,
    /// What each of its questions asks, by their ids.
    asked: HashMap<String, String>,
    /// The questions whose answers were taken.
    answered: HashSet<String>,
}

const KEYS: [&str; 7] =
    ["type", "event", "session_id", "task_id", "tool_name", "result", "protocol"];

const STATUSES: [&str; 5] = ["working", "input_required", "completed", "failed", "cancelled"];

impl Rules<'_> {
    fn breaks(&mut self, line: &Line, rule: impl fmt::Display) {
        self.broken.push(format!("{rule}: {line}"));
    }

    fn client_says(&mut self, line: &Line) {
        let params = line.get("params");
        match line.get("method").as_str() {
            Some("notifications/cancelled") => {
                if let Some(request) = self.requests.get_mut(&params["requestId"].to_string()) {
                    request.is_cancelled = true;
                }
            }
            Some("notifications/initialized") => {}
            None => {
                self.elicited.remove(&line.get("id").to_string());
            }
            Some(method) => {
                self.declares(method, params);
                self.listens |= method == "subscriptions/listen";
                let request = Request {
                    method: method.to_owned(),
                    tool: params["name"].as_str().unwrap_or_default().to_owned(),
                    task_id: task_id(params),
                    asks_for_task: method == "tools/call" && params["task"].is_object(),
                    token: Some(&params["_meta"]["progressToken"])
                        .filter(|token| !token.is_null())
                        .map(Value::to_string),
                    is_stateless: params["_meta"]["io.modelcontextprotocol/protocolVersion"]
                        == STATELESS,
                    answers: questions::keys(&params["inputResponses"]),
                    progress: None,
                    is_answered: false,
                    is_cancelled: false,
                };
                self.requests.insert(line.get("id").to_string(), request);
            }
        }
    }

    fn server_says(&mut self, line: &Line) {
        let Some(value) = &line.value else {
            return self.breaks(line, "a line is not JSON");
        };
        if !value.is_object() || value["jsonrpc"] != "2.0" {
            return self.breaks(line, "a line is not a message of JSON-RPC 2.0");
        }
        match value.get("method").map(Value::as_str) {
            Some(Some("notifications/progress")) => self.progress(line),
            Some(Some("notifications/tasks")) if !(self.listens && self.facts.has_tasks) => {
                self.breaks(line, "a client that does not listen for tasks hears of one");
            }
            Some(Some("notifications/tasks/status")) => self.told_of_task(line),
            Some(Some("elicitation/create")) => self.elicits(line),
            Some(Some("notifications/cancelled")) => {
                self.elicited.remove(&line.get("params")["requestId"].to_string());
            }
            Some(Some(_)) => {}
            Some(None) => self.breaks(line, "a method is not a string"),
            None if value["id"] == CALLBACK_ID => self.callback(line),
            None => self.reply(line),
        }
    }

    fn progress(&mut self, line: &Line) {
        let params = line.get("params");
        let token = params["progressToken"].to_string();
        let number = params["progress"].as_f64();
        let request = self.requests.values_mut().find(|it| it.token.as_ref() == Some(&token));
        let rule = match (request, number) {
            (None, _) => Some("progress for a token that the client did not give"),
            (Some(request), _) if request.asks_for_task && request.is_answered => {
                // The token is good until the end of the task.
                let task = request.task_id.as_ref().and_then(|id| self.tasks.get(id));
                let is_over = task.is_none_or(|task| task.end.is_some());
                is_over.then_some("progress after the end of its task")
            }
            (Some(request), _) if request.is_answered => {
                Some("progress after the reply to its call")
            }
            (Some(_), None) => Some("progress without a number"),
            (Some(request), Some(number)) => {
                let is_more = request.progress.is_none_or(|before| number > before);
                request.progress = Some(number);
                (!is_more).then_some("progress that does not increase")
            }
        };
        if let Some(rule) = rule {
            self.breaks(line, rule);
        }
        if !matches!(params["total"], Value::Null | Value::Number(_)) {
            self.breaks(line, "a total that is not a number");
        }
    }

    fn reply(&mut self, line: &Line) {
        let (result, error) = (line.get("result"), line.get("error"));
        if result.is_null() == error.is_null() {
            self.breaks(line, "a reply has either a result or an error");
        }
        let is_error = error["code"].is_i64() && error["message"].is_string();
        if !error.is_null() && !is_error {
            self.breaks(line, "an error has a number as its code, and a message");
        }
        let Some(request) = self.requests.get_mut(&line.get("id").to_string()) else {
            return self.breaks(line, "a reply to a request that the client did not make");
        };
        let was_answered = std::mem::replace(&mut request.is_answered, true);
        let (method, tool) = (request.method.clone(), request.tool.clone());
        let asks_for_task = request.asks_for_task;
        let task_id = request.task_id.clone();
        let answers = std::mem::take(&mut request.answers);
        if was_answered {
            return self.breaks(line, "a second reply to a request");
        }
        if result.is_null() {
            return;
        }
        match &*method {
            "tools/call" if result["resultType"] == "input_required" => {
                self.asked_by_reply(line, result, &answers);
            }
            "tools/call" if asks_for_task => self.task_of_2025(line, result, tool),
            "tools/call" => self.call_result(line, result, &tool, task_id),
            "tasks/get" | "tasks/cancel" if self.facts.asks_for_tasks => {
                self.status_of_2025(line, result, task_id);
            }
            "tasks/result" => self.result_of_2025(line, result, task_id),
            "tasks/update" => {
                let task = self.tasks.entry(task_id.unwrap_or_default()).or_default();
                task.answered.extend(answers);
            }
            "tasks/get" => self.status(line, result, task_id),
            _ => {}
        }
    }

    fn call_result(&mut self, line: &Line, result: &Value, tool: &str, task_id: Option<String>) {
        if result["resultType"] == "task" {
            return self.task_result(line, result, tool);
        }
        let message = message(line).filter(|it| it.message_type == MessageType::Task);
        match (message, self.facts.dialect.is_some()) {
            (Some(_), false) => {
                self.breaks(
                    line,
                    "a client that does not speak MCPC is answered with a message of it",
                );
            }
            (Some(message), true) if message.task_event() == Some(TaskEvent::Created) => {
                self.created(line, message.task_id, task_id);
            }
            (Some(_), true) => self.breaks(line, "the reply of a task of MCPC is `created`"),
            (None, _) => self.result(line, result, tool),
        }
    }

    fn created(&mut self, line: &Line, created: Option<String>, asked: Option<String>) {
        if asked.is_some() && created != asked {
            self.breaks(line, "another task was created than the call names");
        }
        // A call that names none is given one.
        let task = self.tasks.entry(asked.or(created).unwrap_or_default()).or_default();
        if std::mem::replace(&mut task.is_created, true) {
            self.breaks(line, "a task is created twice");
        }
    }

    fn task_result(&mut self, line: &Line, task: &Value, tool: &str) {
        if !self.facts.has_tasks {
            self.breaks(
                line,
                format_args!("a client that does not declare `{EXTENSION}` gets a task"),
            );
        }
        match task["taskId"].as_str() {
            Some(task_id) => {
                let known = self.tasks.entry(task_id.to_owned()).or_default();
                known.is_created = true;
                tool.clone_into(&mut known.tool);
            }
            None => self.breaks(line, "a task has an id"),
        }
    }

    fn result(&mut self, line: &Line, result: &Value, tool: &str) {
        let blocks = result["content"].as_array();
        let is_block = |block: &Value| match block["type"].as_str() {
            Some("text") => block["text"].is_string(),
            kind => kind.is_some(),
        };
        if !blocks.is_some_and(|blocks| blocks.iter().all(is_block)) {
            self.breaks(line, "a result has a list of content");
        }
        if !matches!(result["isError"], Value::Null | Value::Bool(_)) {
            self.breaks(line, "`isError` is true or false");
        }
        let structured = &result["structuredContent"];
        let asked = self.requests.get(&line.get("id").to_string());
        let may_be_any = asked.is_some_and(|request| request.is_stateless);
        if !may_be_any && !matches!(structured, Value::Null | Value::Object(_)) {
            self.breaks(line, "structured content is an object");
        }
        let listed = self.tools.iter().find(|listed| listed["name"] == tool);
        let schema = listed.map(|listed| &listed["outputSchema"]).filter(|it| it.is_object());
        if let Some(schema) = schema
            && result["isError"] != true
            && !keeps(result, schema)
        {
            self.breaks(line, "a result without the structured content that its tool promises");
        }
    }

    fn status(&mut self, line: &Line, task: &Value, asked: Option<String>) {
        let status = task["status"].as_str().unwrap_or_default();
        if !STATUSES.contains(&status) {
            self.breaks(line, "a task has a status");
        }
        if task["taskId"].as_str().map(str::to_owned) != asked {
            self.breaks(line, "the status of another task than the one that was asked about");
        }
        let known = self.tasks.entry(asked.unwrap_or_default()).or_default();
        let (before, tool) = (known.end.clone(), known.tool.clone());
        if matches!(status, "completed" | "failed" | "cancelled") {
            known.end = Some(status.to_owned());
        }
        self.asked_by_task(line, task);
        if before.is_some_and(|before| before != status) {
            self.breaks(line, "a task that has ended has another status");
        }
        if status == "completed" {
            self.result(line, &task["result"], &tool);
        }
    }

    fn callback(&mut self, line: &Line) {
        if self.facts.dialect.is_none() {
            return self.breaks(line, "a client that does not speak MCPC gets a callback");
        }
        let text = line.get("result")["content"][0]["text"].as_str().unwrap_or_default();
        let keys = serde_json::from_str::<serde_json::Map<String, Value>>(text);
        let keys: Vec<String> = keys.map(|it| it.keys().cloned().collect()).unwrap_or_default();
        let is_whole =
            keys.len() == KEYS.len() && KEYS.iter().all(|key| keys.iter().any(|it| it == key));
        let Some(message) = message(line).filter(|_| is_whole) else {
            return self.breaks(line, "a callback is a message of MCPC, with all of its keys");
        };
        if message.message_type == MessageType::ServerEvent {
            return;
        }
        let task_id = message.task_id.clone().unwrap_or_default();
        let is_asked = self.requests.values().any(|it| it.task_id.as_deref() == Some(&*task_id));
        let is_ours = self.is_ours;
        let task = self.tasks.entry(task_id).or_default();
        let asked = message.result["question_id"].as_str();
        let before = asked.and_then(|id| task.asked.insert(id.to_owned(), String::new()));
        let is_asked_twice = before.is_some();
        let rule = match message.task_event() {
            _ if !is_asked && !task.is_created => {
                Some("a callback of a task that the client did not start")
            }
            None => Some("an event that a task of MCPC does not have"),
            Some(TaskEvent::Created) => Some("`created` is a reply, not a callback"),
            Some(_) if task.end.is_some() => Some("a callback after the end of its task"),
            Some(_) if is_asked_twice => Some(questions::ONE_ID),
            Some(event) => {
                if event.is_terminal() {
                    task.end = Some(message.event);
                }
                // What lies between may turn the lines of others round.
                (is_ours && !task.is_created).then_some("a callback before `created`")
            }
        };
        if let Some(rule) = rule {
            self.breaks(line, rule);
        }
    }

    fn all_is_over(&mut self) {
        let open = self.requests.iter().filter(|(_, it)| !it.is_answered && !it.is_cancelled);
        // A subscription is answered when it ends.
        let open = open.filter(|(_, request)| request.method != "subscriptions/listen");
        let mut open: Vec<String> = open
            .map(|(id, request)| {
                format!("the request {id} (`{}` {}) has no reply", request.method, request.tool)
            })
            .collect();
        open.sort();
        self.broken.append(&mut open);
        let is_mcpc = self.facts.dialect.is_some();
        let endless =
            self.tasks.iter().filter(|(_, it)| is_mcpc && it.is_created && it.end.is_none());
        let mut endless: Vec<String> =
            endless.map(|(id, _)| format!("the task `{id}` has no end")).collect();
        endless.sort();
        self.broken.append(&mut endless);
    }
}

/// Whether a result has what an output schema promises, as far as a client can tell by looking at it.
fn keeps(result: &Value, schema: &Value) -> bool {
    match result.get("structuredContent") {
        Some(structured) if schema["type"] == "object" => has_all(structured, &schema["required"]),
        structured => structured.is_some(),
    }
}

/// Whether a value is an object with these keys.
fn has_all(value: &Value, required: &Value) -> bool {
    let mut required = required.as_array().into_iter().flatten().filter_map(Value::as_str);
    value.is_object() && required.all(|key| value.get(key).is_some())
}

/// The task that a request names, in the arguments of a call or as MCP does, or the call that it goes on with.
fn task_id(params: &Value) -> Option<String> {
    let arguments = &params["arguments"];
    let of_call =
        MetadataKeys::ALL.iter().find_map(|it| arguments[it.argument][it.task_id].as_str());
    let named = of_call.or_else(|| params["taskId"].as_str());
    named.or_else(|| params["requestState"].as_str()).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::persona::As;
    use super::*;

    fn line(from: Side, value: Value) -> Line {
        let text = value.to_string().into();
        Line { from, at: std::time::Duration::ZERO, text, value: Some(value.into()) }
    }

    fn message(id: Value, event: &str) -> Line {
        let message = json!({
            "type": "task", "event": event, "session_id": "s", "task_id": "t", "tool_name": "work", "result": null,
            "protocol": "mcpc",
        });
        let result = json!({"content": [{"type": "text", "text": message.to_string()}]});
        line(Side::Server, json!({"jsonrpc": "2.0", "id": id, "result": result}))
    }

    #[test]
    fn of_a_server_of_this_crate_nothing_of_a_task_comes_before_created() {
        let ids = json!({"_metadata": {"mcpc_session_id": "s", "mcpc_task_id": "t"}});
        let call =
            json!({"method": "tools/call", "params": {"name": "work", "arguments": ids}, "id": 1});
        let callback = |event| message(json!(CALLBACK_ID), event);
        let call = line(Side::Client, call);
        let created = message(json!(1), "created");
        let early = [call.clone(), callback("update"), created.clone(), callback("complete")];
        let in_order = [call, created, callback("update"), callback("complete")];
        let broken = |lines: &[Line], is_ours| {
            broken(
                lines,
                Of { facts: As::Mcpc.facts(), tools: &[], is_ours, is_at_rest: true },
                true,
            )
        };
        let found = broken(&early, true);
        let rule = "a callback before `created`: ";
        assert!(matches!(&*found, [one] if one.starts_with(rule)), "{found:?}");
        // What lies between may have turned it round.
        assert_eq!(broken(&early, false), Vec::<String>::new());
        assert_eq!(broken(&in_order, true), Vec::<String>::new());
    }
}
