//! What comes back.

use rmcp::model::{ElicitResult, ElicitationAction, JsonObject};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Asked, Form, NoAnswer};
use crate::argument::{
    Argument, Checks, Guide, JsonSchema, Reader, Reading, SchemaSource, of_nothing, read_by_schema,
};
use crate::message::Json;
use crate::phrases::kind;

/// An answer that fits its question, as a log has it; or that there is none.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Response {
    /// What was filled in.
    Accept(JsonObject),
    Decline,
    Cancel,
    /// The client agreed, and left out what was asked.
    YesAlone,
    /// What was filled in does not fit, and why: the question is asked anew.
    Refused(String),
}

impl Response {
    /// What a log has of an answer.
    pub(crate) fn of(json: &Json) -> Self {
        serde_json::from_str(json.as_str()).unwrap_or(Self::Cancel)
    }

    pub(crate) fn to_json(&self) -> Json {
        Json::new(self).unwrap_or_else(|_| Json::null())
    }

    /// The answer that a client gave to a form.
    ///
    /// # Errors
    ///
    /// What is wrong with it, in a sentence for who wrote it.
    pub(crate) fn to_form(asked: &Asked, result: ElicitResult) -> Result<Self, String> {
        match result.action {
            ElicitationAction::Decline => Ok(Self::Decline),
            ElicitationAction::Accept => match result.content.unwrap_or_default() {
                Value::Null => Self::Accept(JsonObject::new()).fitting(asked),
                Value::Object(content) => Self::Accept(content).fitting(asked),
                other => Err(format!("expected an object in `content`, found {}", kind(&other))),
            },
            // Or whatever a later protocol has.
            _ => Ok(Self::Cancel),
        }
    }

    /// The answer that a model wrote.
    ///
    /// # Errors
    ///
    /// What is wrong with it.
    pub(crate) fn in_message(asked: &Asked, message: Value) -> Result<Self, String> {
        let expected = || {
            let found = kind(&message);
            let expected = match &asked.form {
                Form::Url(_) => Form::YesOrNo.expected(),
                form => form.expected(),
            };
            Err(format!("expected {expected}, found {found}"))
        };
        let content = match (&asked.form, &message) {
            // Of an address, whether the user has opened it.
            (Form::YesOrNo | Form::Url(_), message) => {
                let Some(is_yes) = yes_or_no(message) else { return expected() };
                return Ok(if is_yes { Self::Accept(JsonObject::new()) } else { Self::Decline });
            }
            (Form::Value { .. }, Value::Object(content)) if content.contains_key(Form::FIELD) => {
                content.clone()
            }
            (Form::Value { .. }, message) => {
                json!({ Form::FIELD: message }).as_object().cloned().unwrap_or_default()
            }
            (Form::Fields(_), Value::Object(content)) => content.clone(),
            (Form::Fields(_), Value::String(text)) => match serde_json::from_str(text) {
                Ok(Value::Object(content)) => content,
                _ => return expected(),
            },
            (Form::Fields(_), _) => return expected(),
        };
        Self::Accept(content).fitting(asked)
    }

    /// The answer if it fits its question, mended where it was meant to.
    fn fitting(self, asked: &Asked) -> Result<Self, String> {
        let schema = asked.form.schema();
        let (Self::Accept(content), Form::Value { .. } | Form::Fields(_)) = (&self, &asked.form)
        else {
            return Ok(self);
        };
        let mut content = content.clone();
        if let Form::Value { schema: value, .. } = &asked.form {
            meant(value, content.get_mut(Form::FIELD));
        }
        let read = read_by_schema(&schema, content, None, Reading::default());
        read.map(Self::Accept).map_err(|problems| in_words(Form::FIELD, &problems))
    }

    /// The response itself, unless the question is asked anew; the error is why.
    pub(crate) fn fits(self) -> Result<Self, String> {
        match self {
            Self::Refused(problem) => Err(problem),
            response => Ok(response),
        }
    }

    /// Whether the client agreed to a form and filled in nothing, as one does that shows no forms.
    pub(crate) fn is_bare(asked: &Asked, result: &ElicitResult) -> bool {
        let is_empty = match &result.content {
            None | Some(Value::Null) => true,
            Some(Value::Object(content)) => content.is_empty(),
            Some(_) => false,
        };
        result.action == ElicitationAction::Accept && is_empty && asked.form.has_to_be_filled_in()
    }

    /// Whether it is a yes, where nothing is filled in.
    pub(crate) fn agreed(self) -> Result<(), NoAnswer> {
        match self {
            Self::Accept(_) | Self::YesAlone => Ok(()),
            Self::Decline => Err(NoAnswer::Declined),
            Self::Cancel => Err(NoAnswer::Cancelled),
            Self::Refused(problem) => Err(NoAnswer::NotUnderstood(problem)),
        }
    }

    /// Reads the answer; the inner error says what is wrong with it.
    pub(super) fn read<T: DeserializeOwned>(
        self,
        form: &Form,
        json_schema: JsonSchema,
    ) -> Result<Result<T, String>, NoAnswer> {
        let value = match (form, self) {
            (Form::YesOrNo, Self::Accept(_)) => true.into(),
            (Form::YesOrNo, Self::Decline) => false.into(),
            (_, Self::Decline) => return Err(NoAnswer::Declined),
            (_, Self::Cancel) => return Err(NoAnswer::Cancelled),
            (_, Self::YesAlone) => return Err(NoAnswer::OnlyYesOrNo),
            (_, Self::Refused(problem)) => return Err(NoAnswer::NotUnderstood(problem)),
            (Form::Value { .. }, Self::Accept(mut content)) => {
                match content.shift_remove(Form::FIELD) {
                    Some(value) => value,
                    None => return Ok(of_nothing().ok_or_else(|| form.expected())),
                }
            }
            (Form::Fields(_) | Form::Url(_), Self::Accept(content)) => Value::Object(content),
        };
        let (checks, guide) = (Checks::default(), Guide::default());
        let fields: Vec<Box<str>> = value
            .as_object()
            .map_or_else(Vec::new, |object| object.keys().map(|key| key.as_str().into()).collect());
        let argument = Argument {
            name: Form::FIELD,
            checks: &checks,
            guide: &guide,
            schema: SchemaSource::Type(json_schema),
            has_default: false,
            fields: value.is_object().then_some(&fields),
        };
        let read = argument.read(Reader::new(&value), None, Reading::default());
        Ok(read.map_err(|problems| in_words(Form::FIELD, &problems)))
    }
}

/// What a person or a model means by a word.
fn yes_or_no(message: &Value) -> Option<bool> {
    let word = match message {
        Value::Bool(answer) => return Some(*answer),
        Value::String(word) => word.trim().trim_end_matches(['.', '!']).to_lowercase(),
        _ => return None,
    };
    match word.as_str() {
        "yes" | "y" | "true" | "ok" => Some(true),
        "no" | "n" | "false" => Some(false),
        _ => None,
    }
}

/// Takes a choice that is written in other letters for the choice, and a value in place of a text for its text.
fn meant(schema: &JsonObject, answer: Option<&mut Value>) {
    let Some(answer) = answer else { return };
    let is_text = schema.get("type").is_some_and(|it| it == "string");
    if is_text && (answer.is_number() || answer.is_boolean()) {
        *answer = answer.to_string().into();
    }
    let choices = schema.get("enum").and_then(Value::as_array);
    let choices = choices.into_iter().flatten().filter_map(Value::as_str);
    if let Value::String(text) = answer
        && let Some(choice) = choices.clone().find(|it| it.eq_ignore_ascii_case(text.trim()))
    {
        *answer = choice.into();
    }
}

/// Sentences about arguments, of what is none.
pub(super) fn in_words(field: &str, problems: &[String]) -> String {
    let field = format!("argument `{field}`: ");
    let of_answer = |problem: &String| {
        let problem = problem.strip_prefix(&field).unwrap_or(problem);
        problem.strip_prefix("argument ").unwrap_or(problem).to_owned()
    };
    problems.iter().map(of_answer).collect::<Vec<_>>().join("; ")
}
