//! What a client is asked to fill in.

use std::convert::Infallible;

use rmcp::model::{ElicitationSchema, JsonObject};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::argument::JsonSchema;
use crate::phrases::{json as json_text, list};
use crate::schema::{Direction, Schemas};

/// The form of an answer, as MCP has forms: an object of texts, numbers, yes or no, and choices.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Form {
    /// Agreeing is a yes, and declining a no: every client that shows questions has both, and one has nothing else.
    YesOrNo,
    /// A value alone, by its schema; in a form it is the field [`Form::FIELD`].
    Value { schema: JsonObject, required: bool },
    /// Some fields.
    Fields(JsonObject),
    /// No form: a person opens an address.
    Url(String),
}

impl Form {
    /// The field of a form that asks for one value.
    pub(crate) const FIELD: &'static str = "answer";

    /// The form of a type.
    ///
    /// # Errors
    ///
    /// Why the type has none.
    pub(super) fn of(json_schema: JsonSchema, may_be_left_out: bool) -> Result<Self, String> {
        let schema = Schemas::Portable.write(Direction::Input, |mut writer| {
            let schema = json_schema(&mut writer.generator);
            Ok::<_, Infallible>(writer.of_one(schema, may_be_left_out))
        });
        let Ok(mut schema) = schema;
        let form = match schema.get("type").and_then(Value::as_str) {
            Some("boolean") => Self::YesOrNo,
            Some("object") => {
                schema.shift_remove("additionalProperties");
                let fields = schema.get_mut("properties").and_then(Value::as_object_mut);
                for (name, field) in fields.into_iter().flatten() {
                    let field = field.as_object_mut().ok_or("it has a field of any type")?;
                    keep_what_forms_have(field).map_err(|is| format!("its field `{name}` {is}"))?;
                }
                Self::Fields(schema)
            }
            _ => {
                keep_what_forms_have(&mut schema).map_err(|is| format!("it {is}"))?;
                Self::Value { schema, required: !may_be_left_out }
            }
        };
        let schema = Value::Object(form.schema());
        serde_json::from_value::<ElicitationSchema>(schema).map_err(|error| error.to_string())?;
        Ok(form)
    }

    /// The schema that a client is asked to fill in.
    pub(crate) fn schema(&self) -> JsonObject {
        let schema = match self {
            Self::YesOrNo | Self::Url(_) => json!({ "type": "object", "properties": {} }),
            Self::Fields(schema) => return schema.clone(),
            Self::Value { schema, required } => {
                let required: &[&str] = if *required { &[Self::FIELD] } else { &[] };
                json!({ "type": "object", "properties": { Self::FIELD: schema }, "required": required })
            }
        };
        match schema {
            Value::Object(schema) => schema,
            _ => JsonObject::new(),
        }
    }

    /// Whether agreeing alone is no answer.
    pub(super) fn has_to_be_filled_in(&self) -> bool {
        let required = |schema: &JsonObject| {
            schema.get("required").and_then(Value::as_array).is_some_and(|it| !it.is_empty())
        };
        required(&self.schema())
    }

    /// What is expected, in words.
    pub(crate) fn expected(&self) -> String {
        match self {
            Self::YesOrNo => "yes or no".to_owned(),
            Self::Url(url) => format!("by opening {url}"),
            Self::Value { schema, .. } => in_words(schema),
            Self::Fields(schema) => {
                let fields = schema.get("properties").and_then(Value::as_object);
                let names = fields.into_iter().flatten().map(|(name, _)| name.as_str());
                match list(names).as_str() {
                    "" => "an object".to_owned(),
                    names => format!("an object with {names}"),
                }
            }
        }
    }

    /// What stands for the answer in a call that a model is told to make.
    pub(super) fn example(&self) -> String {
        match self {
            Self::YesOrNo => json_text("yes"),
            Self::Fields(_) => "{..}".to_owned(),
            Self::Value { schema, .. } => match schema.get("enum").and_then(|it| it.get(0)) {
                Some(first) => first.to_string(),
                None => "..".to_owned(),
            },
            Self::Url(_) => json_text("done"),
        }
    }
}

/// What a value is expected to be.
fn in_words(schema: &JsonObject) -> String {
    let choices = |schema: &JsonObject| {
        let choices = schema.get("enum")?.as_array()?.iter().filter_map(Value::as_str);
        Some(list(choices))
    };
    if let Some(choices) = choices(schema) {
        return format!("one of {choices}");
    }
    match schema.get("type").and_then(Value::as_str) {
        Some("integer") => "a whole number".to_owned(),
        Some("number") => "a number".to_owned(),
        Some("array") => {
            let items = schema.get("items").and_then(Value::as_object).and_then(choices);
            format!("a list of any of {}", items.unwrap_or_default())
        }
        _ => "a text".to_owned(),
    }
}

/// What MCP's forms say of a field.
const KEYS: [&str; 13] = [
    "type",
    "title",
    "description",
    "default",
    "enum",
    "minLength",
    "maxLength",
    "minimum",
    "maximum",
    "format",
    "items",
    "minItems",
    "maxItems",
];

/// Takes out of the schema of a field what no form has.
///
/// # Errors
///
/// Why the field can be in no form, after its name.
fn keep_what_forms_have(field: &mut JsonObject) -> Result<(), String> {
    field.retain(|key, _| KEYS.contains(&key.as_str()));
    let takes = "; a form takes texts, numbers, yes or no, choices and lists of choices";
    match field.get("type").and_then(Value::as_str) {
        Some("string" | "number" | "integer" | "boolean") => Ok(()),
        Some("array") if field.get("items").is_some_and(|items| items.get("enum").is_some()) => {
            Ok(())
        }
        Some("array") => Err(format!("is a list of values that are no choices{takes}")),
        Some("object") => Err(format!("is an object{takes}")),
        _ => Err(format!("may be of several types{takes}")),
    }
}
