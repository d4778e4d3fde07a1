//! Tools that ask while their call is open.

use mcpc::rmcp::model::ServerRequest;
use mcpc::rmcp::service::ServiceError;
use mcpc::{Call, NoAnswer, Tools, tools};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// Asks the client's model, with rmcp's own request.
#[mcpc::tool]
async fn test_sampling(
    /// What to ask it
    prompt: String,
    call: Call,
) -> Result<String, ServiceError> {
    let messages = json!([{"role": "user", "content": {"type": "text", "text": prompt}}]);
    let params = json!({"messages": messages, "maxTokens": 100});
    let request = json!({"method": "sampling/createMessage", "params": params});
    let request = serde_json::from_value(request).expect("it is one");
    let answer = call.context().peer.send_request(ServerRequest::CreateMessageRequest(request));
    Ok(format!("LLM response: {:?}", answer.await?))
}

/// Asks the user.
#[mcpc::tool]
async fn test_elicitation(
    /// What to ask
    message: String,
    call: Call,
) -> Result<String, NoAnswer> {
    let Reply { response } = call.ask(message).await?;
    Ok(format!("User response: {response}"))
}

#[derive(Deserialize, JsonSchema)]
struct Reply {
    /// User's response
    response: String,
}

/// Asks the user, who may leave everything as it is.
#[mcpc::tool]
async fn test_elicitation_sep1034_defaults(call: Call) -> Result<String, NoAnswer> {
    let user: User = call.ask("Please review and update the form fields with defaults").await?;
    Ok(format!("Elicitation completed: {user:?}"))
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(default)]
struct User {
    /// User name
    name: String,
    /// User age
    age: i64,
    /// User score
    score: f64,
    /// User status
    status: Status,
    /// Verification status
    verified: bool,
}

impl Default for User {
    fn default() -> Self {
        let (name, status) = ("John Doe".to_owned(), Status::Active);
        Self { name, age: 30, score: 95.5, status, verified: true }
    }
}

#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Status {
    Active,
    Inactive,
    Pending,
}

/// Asks for a confirmation.
#[mcpc::tool]
async fn test_input_required_result_request_state(call: Call) -> Result<&'static str, NoAnswer> {
    let Confirmation { ok } = call.ask("Please confirm").await?;
    Ok(if ok { "state-ok" } else { "not confirmed" })
}

/// Asks for a confirmation; refuses the answer to what it did not ask.
#[mcpc::tool]
async fn test_input_required_result_tampered_state(call: Call) -> Result<&'static str, NoAnswer> {
    let Confirmation { ok } = call.ask("Please confirm").await?;
    Ok(if ok { "integrity-ok" } else { "not confirmed" })
}

#[derive(Deserialize, JsonSchema)]
struct Confirmation {
    ok: bool,
}

/// Asks the user to choose, in all ways that forms have, some of which no type says.
#[mcpc::tool]
async fn test_elicitation_sep1330_enums(call: Call) -> Result<String, ServiceError> {
    let titled = |titles: [&str; 3]| -> Value {
        (1..)
            .zip(titles)
            .map(|(n, title)| json!({"const": format!("value{n}"), "title": title}))
            .collect()
    };
    let options = json!(["option1", "option2", "option3"]);
    let fields = json!({
        "untitledSingle": {"type": "string", "description": "Select one option", "enum": options},
        "titledSingle": {
            "type": "string",
            "description": "Select one option with titles",
            "oneOf": titled(["First Option", "Second Option", "Third Option"]),
        },
        "legacyEnum": {
            "type": "string",
            "description": "Select one option (legacy)",
            "enum": ["opt1", "opt2", "opt3"],
            "enumNames": ["Option One", "Option Two", "Option Three"],
        },
        "untitledMulti": {
            "type": "array",
            "description": "Select multiple options",
            "minItems": 1,
            "maxItems": 3,
            "items": {"type": "string", "enum": options},
        },
        "titledMulti": {
            "type": "array",
            "description": "Select multiple options with titles",
            "minItems": 1,
            "maxItems": 3,
            "items": {"anyOf": titled(["First Choice", "Second Choice", "Third Choice"])},
        },
    });
    let schema = json!({"type": "object", "properties": fields, "required": []});
    let message = "Please select options from the enum fields";
    let params = json!({"mode": "form", "message": message, "requestedSchema": schema});
    let request = json!({"method": "elicitation/create", "params": params});
    let request = serde_json::from_value(request).expect("it is one");
    let answer = call.context().peer.send_request(ServerRequest::ElicitRequest(request)).await?;
    Ok(format!("Elicitation completed: {answer:?}"))
}

pub(crate) fn tools() -> Tools {
    tools![
        test_sampling,
        test_elicitation,
        test_elicitation_sep1034_defaults,
        test_elicitation_sep1330_enums,
        test_input_required_result_request_state,
        test_input_required_result_tampered_state,
    ]
}
