//! The rules about tasks of MCP 2025-11-25.

use serde_json::{Value, json};

use super::{Rules, STATUSES};
use crate::testing::wire::Line;

const RELATED_TASK: &str = "io.modelcontextprotocol/related-task";

impl Rules<'_> {
    /// A call that asked for a task is answered.
    pub(super) fn task_of_2025(&mut self, line: &Line, result: &Value, tool: String) {
        let task = &result["task"];
        let Some(task_id) = task["taskId"].as_str() else {
            return self
                .breaks(line, "a call that asks for a task is answered with something else");
        };
        if task["status"] != "working" {
            self.breaks(line, "a task begins as one that works");
        }
        self.is_whole(line, task);
        let known = self.tasks.entry(task_id.to_owned()).or_default();
        (known.is_created, known.tool) = (true, tool);
        if let Some(request) = self.requests.get_mut(&line.get("id").to_string()) {
            request.task_id = Some(task_id.to_owned());
        }
    }

    /// A task was asked about, or cancelled.
    pub(super) fn status_of_2025(&mut self, line: &Line, task: &Value, asked: Option<String>) {
        if task["taskId"].as_str().map(str::to_owned) != asked {
            self.breaks(line, "the status of another task than the one that was asked about");
        }
        self.is_whole(line, task);
        self.stands(line, task);
    }

    /// A task is told of.
    pub(super) fn told_of_task(&mut self, line: &Line) {
        let task = line.get("params").clone();
        let known = self.tasks.get(task["taskId"].as_str().unwrap_or_default());
        match known {
            Some(known) if !known.is_created => {
                self.breaks(line, "a task is told of that the client did not ask for");
            }
            None => self.breaks(line, "a task is told of that the client did not ask for"),
            Some(known) if known.end.is_some() => {
                self.breaks(line, "a task is told of after its end");
            }
            Some(_) => {}
        }
        self.is_whole(line, &task);
        self.stands(line, &task);
    }

    /// The result of a task came.
    pub(super) fn result_of_2025(&mut self, line: &Line, result: &Value, asked: Option<String>) {
        let asked = asked.unwrap_or_default();
        if result["_meta"][RELATED_TASK] != json!({ "taskId": asked }) {
            self.breaks(line, "a result that does not say of which task it is");
        }
        let known = self.tasks.entry(asked).or_default();
        let tool = known.tool.clone();
        // Whatever it was, it is over.
        known.end.get_or_insert_with(String::new);
        self.result(line, result, &tool);
    }

    /// Notes where a task stands, which does not go on after its end.
    fn stands(&mut self, line: &Line, task: &Value) {
        let status = task["status"].as_str().unwrap_or_default().to_owned();
        let known = self.tasks.entry(task["taskId"].as_str().unwrap_or_default().to_owned());
        let known = known.or_default();
        let before = known.end.clone().filter(|before| !before.is_empty());
        if matches!(&*status, "completed" | "failed" | "cancelled") {
            known.end = Some(status.clone());
        }
        if before.is_some_and(|before| before != status) {
            self.breaks(line, "a task that has ended has another status");
        }
    }

    fn is_whole(&mut self, line: &Line, task: &Value) {
        if !task["status"].as_str().is_some_and(|status| STATUSES.contains(&status)) {
            self.breaks(line, "a task has a status");
        }
        let has_ttl = task.get("ttl").is_some_and(|ttl| ttl.is_null() || ttl.is_number());
        if !task["createdAt"].is_string() || !task["lastUpdatedAt"].is_string() || !has_ttl {
            self.breaks(
                line,
                "a task says when it began, when it changed, and how long it is kept",
            );
        }
    }
}
