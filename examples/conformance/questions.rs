//! Tools that ask their client, while it waits, as protocols before 2026-07-28 do it.

use mcpc::rmcp::model::{ClientResult, ElicitRequest, ElicitResult, ServerRequest};
use mcpc::rmcp::service::ServiceError;
use mcpc::{Call, Tools, tools};
use serde_json::{Value, json};

/// Asks the client's model.
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
) -> Result<String, ServiceError> {
    let response = json!({"type": "string", "description": "User's response"});
    let answer = ask(&call, &message, json!({"response": response}), json!(["response"])).await?;
    Ok(format!("User response: {answer}"))
}

/// Asks the user, who may leave everything as it is.
#[mcpc::tool]
async fn test_elicitation_sep1034_defaults(call: Call) -> Result<String, ServiceError> {
    let fields = json!({
        "name": {"type": "string", "description": "User name", "default": "John Doe"},
        "age": {"type": "integer", "description": "User age", "default": 30},
        "score": {"type": "number", "description": "User score", "default": 95.5},
        "status": {
            "type": "string",
            "description": "User status",
            "enum": ["active", "inactive", "pending"],
            "default": "active",
        },
        "verified": {"type": "boolean", "description": "Verification status", "default": true},
    });
    let answer =
        ask(&call, "Please review and update the form fields with defaults", fields, json!([]));
    Ok(format!("Elicitation completed: {}", answer.await?))
}

/// Asks the user to choose.
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
    let answer =
        ask(&call, "Please select options from the enum fields", fields, json!([])).await?;
    Ok(format!("Elicitation completed: {answer}"))
}

/// Asks the user to fill in a form.
async fn ask(
    call: &Call,
    message: &str,
    fields: Value,
    required: Value,
) -> Result<String, ServiceError> {
    let schema = json!({"type": "object", "properties": fields, "required": required});
    let params = json!({"mode": "form", "message": message, "requestedSchema": schema});
    let request: ElicitRequest =
        serde_json::from_value(json!({"method": "elicitation/create", "params": params}))
            .expect("it is one");
    match call.context().peer.send_request(ServerRequest::ElicitRequest(request)).await? {
        ClientResult::ElicitResult(ElicitResult { action, content, .. }) => {
            Ok(format!("action={action:?}, content={}", content.unwrap_or_default()))
        }
        _ => Err(ServiceError::UnexpectedResponse),
    }
}

pub(crate) fn tools() -> Tools {
    tools![
        test_sampling,
        test_elicitation,
        test_elicitation_sep1034_defaults,
        test_elicitation_sep1330_enums,
    ]
}
