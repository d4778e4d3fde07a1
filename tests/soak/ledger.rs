//! What was asked of the server, what it answered, and what is wrong with that.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::support::{CALLBACK, parse};

/// What a request is to be answered with.
#[derive(Clone, Debug)]
pub(crate) enum Asked {
    /// Something, whatever it is.
    Anything,
    /// How much the server holds.
    Held,
    /// A text of so many bytes.
    Echo(usize),
    /// The beginning of an MCPC task.
    McpcTask,
    /// The beginning of a task of MCP 2026-07-28.
    ModernTask,
    /// A result, or a ticket.
    Result,
    /// How a task is doing.
    Get(String),
    /// The same in words.
    Check(String),
    /// Nothing before it is cancelled.
    Listen,
}

#[derive(Debug)]
pub(crate) struct Open {
    pub(crate) asked: Asked,
    pub(crate) at: Instant,
    /// It may be answered, or not.
    pub(crate) cancelled: bool,
}

/// A task that runs, as far as the client can know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Task {
    /// Its end will come by itself.
    Mcpc,
    /// `tasks/get` tells how it is doing.
    Modern,
    /// `check_task` does.
    Ticket,
}

#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Counts {
    pub(crate) requests: u64,
    pub(crate) answers: u64,
    pub(crate) tasks: u64,
    pub(crate) callbacks: u64,
    pub(crate) lines: u64,
}

/// Keys of requests are their ids as JSON.
#[derive(Default)]
pub(crate) struct Ledger {
    pub(crate) open: HashMap<String, Open>,
    pub(crate) tasks: HashMap<String, Task>,
    pub(crate) counts: Counts,
    /// The ids of tasks that ended, or are yet to be known, for requests about such.
    pub(crate) recent: Vec<String>,
    pub(crate) faults: Vec<String>,
    /// How many bytes the server held when it was last asked.
    pub(crate) held: u64,
}

impl Ledger {
    pub(crate) fn ask(&mut self, id: &Value, asked: Asked) {
        self.counts.requests += 1;
        let open = Open { asked, at: Instant::now(), cancelled: false };
        let before = self.open.insert(id.to_string(), open);
        assert!(before.is_none(), "ids are used once");
    }

    pub(crate) fn cancel(&mut self, id: &str) {
        if let Some(open) = self.open.get_mut(id) {
            open.cancelled = true;
        }
    }

    /// The requests that are to be answered, and are not.
    pub(crate) fn unanswered(&self) -> impl Iterator<Item = (&String, &Open)> {
        self.open.iter().filter(|(_, open)| !open.cancelled)
    }

    /// After this, what was cancelled is not to be answered any more.
    pub(crate) fn forget_cancelled(&mut self) {
        self.open.retain(|_, open| !open.cancelled);
    }

    pub(crate) fn hear(&mut self, line: &str) {
        self.counts.lines += 1;
        let message = parse(line);
        if let Some(method) = message["method"].as_str() {
            self.hear_notification(method, &message["params"]);
        } else if message["id"] == CALLBACK {
            self.counts.callbacks += 1;
            self.hear_callback(&parse(text(&message)));
        } else if let Some(open) = self.open.remove(&message["id"].to_string()) {
            self.counts.answers += 1;
            self.hear_answer(&open, &message);
        } else if !is_of_garbage(&message["id"]) {
            self.fault(format!("an answer to nothing that is open: {line}"));
        }
    }

    fn fault(&mut self, mut fault: String) {
        let end = fault.char_indices().nth(400).map_or(fault.len(), |(at, _)| at);
        fault.truncate(end);
        self.faults.push(fault);
    }

    /// None is about a request that was answered.
    fn hear_notification(&mut self, method: &str, params: &Value) {
        let id = match method {
            "notifications/progress" => &params["progressToken"],
            "notifications/tasks" => &params["_meta"]["io.modelcontextprotocol/subscriptionId"],
            _ => return,
        };
        if !self.open.contains_key(&id.to_string()) {
            self.fault(format!("{method} of nothing that is open: {params}"));
        }
    }

    fn hear_callback(&mut self, message: &Value) {
        let Some(task_id) = message["task_id"].as_str() else { return };
        let event = message["event"].as_str().unwrap_or_default();
        match (event, self.tasks.get(task_id)) {
            ("update", Some(Task::Mcpc)) => {}
            ("complete" | "failed", Some(Task::Mcpc)) => self.end(task_id),
            (_, task) => self.fault(format!("{event} of a task that is {task:?}: {message}")),
        }
    }

    fn hear_answer(&mut self, open: &Open, message: &Value) {
        let result = &message["result"];
        match &open.asked {
            Asked::Anything => {}
            Asked::Held => self.held = text(message).parse().expect("a number"),
            Asked::Echo(bytes) if text(message).len() == *bytes => {}
            Asked::McpcTask if text(message).contains(r#""event":"created""#) => {
                let created = parse(text(message));
                self.begin(created["task_id"].as_str().unwrap_or_default(), Task::Mcpc);
            }
            Asked::ModernTask if result["resultType"] == "task" => {
                self.begin(result["taskId"].as_str().unwrap_or_default(), Task::Modern);
            }
            Asked::Result if result["content"].is_array() => {
                let id = text(message).split_once(" goes on as task `");
                if let Some((id, _)) = id.and_then(|(_, rest)| rest.split_once('`')) {
                    self.begin(id, Task::Ticket);
                }
            }
            // What is over at once need not be a task.
            Asked::ModernTask if result["content"].is_array() => {}
            Asked::Get(id) => {
                if result["status"] != "working" {
                    self.end(id);
                }
            }
            Asked::Check(id) => {
                let is_known = result["isError"] == false;
                if !(is_known && text(message).contains(" is running")) {
                    self.end(id);
                }
            }
            asked => self.fault(format!("{asked:?} was answered with {message}")),
        }
    }

    fn begin(&mut self, id: &str, task: Task) {
        self.counts.tasks += 1;
        if let Some(other) = self.tasks.insert(id.to_owned(), task) {
            self.fault(format!("task {id} was created twice: {other:?}, {task:?}"));
        }
    }

    /// Whoever asks about a task may hear of its end before, after or instead of its callbacks.
    fn end(&mut self, id: &str) {
        const RECENT: usize = 100;
        if self.tasks.remove(id).is_some() {
            self.recent.push(id.to_owned());
            if self.recent.len() > RECENT {
                self.recent.remove(0);
            }
        }
    }

    /// What keeps the server from rest, in short.
    pub(crate) fn unrest(&self) -> String {
        let age = |open: &Open| open.at.elapsed().as_millis();
        let of_open = |(id, open): (&String, &Open)| {
            let id: String = id.chars().take(40).collect();
            format!("{id} ({:?}, {} ms)", open.asked, age(open))
        };
        let open: Vec<String> = self.unanswered().take(10).map(of_open).collect();
        let tasks: Vec<String> =
            self.tasks.iter().take(10).map(|(id, task)| format!("{id:.40} ({task:?})")).collect();
        format!(
            "{} requests are not answered, {open:?}; {} tasks run, {tasks:?}",
            self.unanswered().count(),
            self.tasks.len()
        )
    }

    /// How long the oldest request waits.
    pub(crate) fn oldest(&self) -> Duration {
        let listens = |open: &Open| matches!(open.asked, Asked::Listen);
        let ages = self.unanswered().filter(|(_, open)| !listens(open));
        ages.map(|(_, open)| open.at.elapsed()).max().unwrap_or_default()
    }
}

/// The ids of our own requests are strings, or larger numbers.
pub(crate) const OWN_NUMBERS: u64 = 1_000_000_000_000;

/// Whether a message may be an answer to a line of garbage, whose id may be read wrongly, or not at all.
fn is_of_garbage(id: &Value) -> bool {
    id.is_null() || id.as_i64().is_some_and(|id| id.unsigned_abs() < OWN_NUMBERS)
}

fn text(message: &Value) -> &str {
    message["result"]["content"][0]["text"].as_str().unwrap_or_default()
}
