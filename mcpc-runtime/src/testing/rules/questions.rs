//! The rules about what a server asks.

use serde_json::Value;

use super::Rules;
use crate::testing::persona::STATELESS;
use crate::testing::wire::Line;

pub(super) const ONE_ID: &str = "two questions of a task have one id";

impl Rules<'_> {
    /// Notes what the client says that it shows, in a session or with a request.
    pub(super) fn declares(&mut self, method: &str, params: &Value) {
        let meta = &params["_meta"];
        if method == "initialize" {
            self.has_session = true;
            self.shows = params["capabilities"]["elicitation"].clone();
        } else if meta["io.modelcontextprotocol/protocolVersion"] == STATELESS {
            let capabilities = &meta["io.modelcontextprotocol/clientCapabilities"];
            self.shows = capabilities["elicitation"].clone();
        }
    }

    fn is_shown(&self, params: &Value) -> bool {
        let (form, url) = (self.shows["form"].is_object(), self.shows["url"].is_object());
        // Before there were addresses, a client declared nothing but that.
        let form = form || self.shows.is_object() && !url;
        if params["mode"] == "url" { url } else { form }
    }

    pub(super) fn elicits(&mut self, line: &Line) {
        if !self.has_session {
            self.breaks(line, "a client without a session is asked by a request");
        } else if !self.is_shown(line.get("params")) {
            self.breaks(line, "a client is asked what it does not show");
        }
        self.elicited.insert(line.get("id").to_string());
    }

    /// A call is answered with questions; it brought these answers.
    pub(super) fn asked_by_reply(&mut self, line: &Line, result: &Value, answers: &[String]) {
        let state = &result["requestState"];
        if keys(&result["inputRequests"]).is_empty() && state.is_null() {
            self.breaks(line, "a call waits for an answer, and asks nothing");
        }
        let call = state.as_str().unwrap_or_default().to_owned();
        for (id, request) in requests(result) {
            let text = text(request);
            let known = self.tasks.entry(call.clone()).or_default();
            let before = known.asked.entry(id.clone()).or_insert_with(|| text.to_owned());
            // What was wrong with the answer stands before it.
            let is_same = before == text;
            if is_same && answers.contains(id) {
                self.breaks(line, "an answer is refused without a word");
            }
            self.is_declared(line, request);
        }
    }

    /// A task is asked about, and may ask something.
    pub(super) fn asked_by_task(&mut self, line: &Line, task: &Value) {
        let is_waiting = task["status"] == "input_required";
        let is_asking = !keys(&task["inputRequests"]).is_empty();
        match (is_waiting, is_asking) {
            (true, false) => self.breaks(line, "a task waits for an answer, and asks nothing"),
            (false, true) => {
                self.breaks(line, "a task asks something, and does not wait for an answer");
            }
            (true, true) | (false, false) => {}
        }
        let task_id = task["taskId"].as_str().unwrap_or_default().to_owned();
        for (id, request) in requests(task) {
            let known = self.tasks.entry(task_id.clone()).or_default();
            let text = text(request);
            let before = known.asked.entry(id.clone()).or_insert_with(|| text.to_owned());
            // What was wrong with the answer before may stand before it.
            let is_same = text.ends_with(before.as_str());
            let was_answered = known.answered.contains(id);
            if !is_same {
                self.breaks(line, ONE_ID);
            } else if was_answered {
                self.breaks(line, "an answer is refused without a word");
            }
            self.is_declared(line, request);
        }
    }

    pub(super) fn nothing_is_asked(&mut self) {
        let elicited = std::mem::take(&mut self.elicited).into_iter();
        let mut open: Vec<String> =
            elicited.map(|id| format!("the question {id} is open after the end")).collect();
        open.sort();
        self.broken.append(&mut open);
    }

    fn is_declared(&mut self, line: &Line, request: &Value) {
        let is_shown =
            request["method"] == "elicitation/create" && self.is_shown(&request["params"]);
        if !is_shown {
            self.breaks(line, "a client is asked what it does not show");
        }
    }
}

fn requests(asking: &Value) -> impl Iterator<Item = (&String, &Value)> {
    asking["inputRequests"].as_object().into_iter().flatten()
}

fn text(request: &Value) -> &str {
    request["params"]["message"].as_str().unwrap_or_default()
}

/// The keys of an object.
pub(super) fn keys(object: &Value) -> Vec<String> {
    object.as_object().into_iter().flatten().map(|(key, _)| key.clone()).collect()
}
