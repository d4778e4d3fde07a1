//! Tools of a handler of rmcp's that answer with what they have to ask, as MCP 2026-07-28 does it: their client calls
//! again with the answers.

use std::collections::HashMap;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::{Arc, Mutex, PoisonError};

use mcpc::rmcp::ErrorData;
use mcpc::rmcp::model::{
    CallToolRequestParams, CallToolResponse, CallToolResult, ClientCapabilities, ContentBlock,
    InputRequest, InputRequiredResult, InputResponses, Tool,
};
use serde_json::{Map, Value, json};

/// The names and descriptions of the tools.
const TOOLS: [(&str, &str); 6] = [
    ("test_input_required_result_elicitation", "Asks for a name."),
    ("test_input_required_result_sampling", "Asks the client's model."),
    ("test_input_required_result_list_roots", "Asks which folders are open."),
    ("test_input_required_result_multiple_inputs", "Asks several things at once."),
    ("test_input_required_result_multi_round", "Asks one thing after the other."),
    ("test_input_required_result_capabilities", "Asks what its client can answer."),
];

pub(crate) fn list() -> Vec<Tool> {
    let schema: Map<_, _> = [("type".to_owned(), "object".into())].into_iter().collect();
    let schema = Arc::new(schema);
    TOOLS.map(|(name, description)| Tool::new(name, description, Arc::clone(&schema))).into()
}

/// What is known of calls that are to be made again. A client has but the key.
#[derive(Debug, Default)]
pub(crate) struct Rounds {
    known: Mutex<HashMap<String, Value>>,
    keys: RandomState,
}

impl Rounds {
    fn keep(&self, known: Value) -> String {
        let mut all = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let key = format!("{:016x}", self.keys.hash_one(all.len()));
        all.insert(key.clone(), known);
        key
    }

    fn known(&self, key: &str) -> Result<Value, ErrorData> {
        let all = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let unknown = || ErrorData::invalid_params("the `requestState` is not the server's", None);
        all.get(key).cloned().ok_or_else(unknown)
    }

    pub(crate) fn call(
        &self,
        request: &CallToolRequestParams,
        client: &ClientCapabilities,
    ) -> Result<CallToolResponse, ErrorData> {
        let none = InputResponses::new();
        let answers = request.input_responses.as_ref().unwrap_or(&none);
        let known = request.request_state.as_deref().map(|key| self.known(key)).transpose()?;
        Ok(match &*request.name {
            "test_input_required_result_elicitation" => {
                match filled_in(answers, "user_name", "name") {
                    Some(name) => said(format!("Hello, {name}!")),
                    None => {
                        ask([("user_name", form("What is your name?", "name", "string"))], None)
                    }
                }
            }
            "test_input_required_result_sampling" => match answers.get("sample_request") {
                Some(answer) => said(format!("Sampling result: {}", answer["content"]["text"])),
                None => ask([("sample_request", sampling("What is the capital of France?"))], None),
            },
            "test_input_required_result_list_roots" => match answers.get("roots_request") {
                Some(answer) => said(format!("Roots: {}", answer["roots"])),
                None => ask([("roots_request", roots())], None),
            },
            "test_input_required_result_multiple_inputs" => self.several(answers, known),
            "test_input_required_result_multi_round" => self.one_after_the_other(answers, known),
            "test_input_required_result_capabilities" => self.what_it_can(answers, client),
            other => {
                return Err(ErrorData::invalid_params(format!("unknown tool `{other}`"), None));
            }
        })
    }

    fn several(&self, answers: &InputResponses, known: Option<Value>) -> CallToolResponse {
        let keys = ["user_name", "greeting", "client_roots"];
        if known.is_some() && keys.iter().all(|key| answers.contains_key(*key)) {
            return said(keys.map(|key| answers[key].to_string()).join("; "));
        }
        let questions = [
            form("What is your name?", "name", "string"),
            sampling("Generate a greeting"),
            roots(),
        ];
        ask(keys.into_iter().zip(questions), Some(self.keep(Value::Null)))
    }

    fn one_after_the_other(
        &self,
        answers: &InputResponses,
        known: Option<Value>,
    ) -> CallToolResponse {
        if let Some(name) = known.as_ref().and_then(|it| it.get("name"))
            && let Some(color) = filled_in(answers, "step2", "color")
        {
            return said(format!("Multi-round complete for {name} who likes {color}"));
        }
        let Some(name) = known.and(filled_in(answers, "step1", "name")) else {
            let question = [("step1", form("Step 1: What is your name?", "name", "string"))];
            return ask(question, Some(self.keep(Value::Null)));
        };
        let question = [("step2", form("Step 2: What is your favorite color?", "color", "string"))];
        ask(question, Some(self.keep(json!({"name": name}))))
    }

    fn what_it_can(
        &self,
        answers: &InputResponses,
        client: &ClientCapabilities,
    ) -> CallToolResponse {
        if !answers.is_empty() {
            return said("capabilities-ok".to_owned());
        }
        let elicits = client.elicitation.is_some();
        let samples = client.sampling.is_some();
        let elicitation =
            elicits.then(|| ("elicit_input", form("Elicitation input", "value", "string")));
        let sampling = samples.then(|| ("sample_input", sampling("Sample request")));
        if !elicits && !samples {
            return said("No supported capabilities declared".to_owned());
        }
        ask(elicitation.into_iter().chain(sampling), Some(self.keep(Value::Null)))
    }
}

fn said(text: String) -> CallToolResponse {
    CallToolResult::success(vec![ContentBlock::text(text)]).into()
}

fn ask(
    questions: impl IntoIterator<Item = (&'static str, InputRequest)>,
    state: Option<String>,
) -> CallToolResponse {
    let questions = questions.into_iter().map(|(key, question)| (key.to_owned(), question));
    InputRequiredResult::new(Some(questions.collect()), state).into()
}

/// What the user wrote into a field of a form.
pub(crate) fn filled_in(answers: &InputResponses, key: &str, field: &str) -> Option<Value> {
    answers.get(key)?.get("content")?.get(field).cloned()
}

/// Asks the user for one thing.
pub(crate) fn form(message: &str, field: &str, kind: &str) -> InputRequest {
    let properties = json!({field: {"type": kind}});
    let schema = json!({"type": "object", "properties": properties, "required": [field]});
    question(
        "elicitation/create",
        json!({"mode": "form", "message": message, "requestedSchema": schema}),
    )
}

fn sampling(text: &str) -> InputRequest {
    let messages = json!([{"role": "user", "content": {"type": "text", "text": text}}]);
    question("sampling/createMessage", json!({"messages": messages, "maxTokens": 100}))
}

fn roots() -> InputRequest {
    question("roots/list", json!({}))
}

fn question(method: &str, params: Value) -> InputRequest {
    serde_json::from_value(json!({"method": method, "params": params})).expect("it is a request")
}
