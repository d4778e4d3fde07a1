//! Parameters that are several of a call's arguments, or all of them.

use rmcp::model::JsonObject;
use schemars::Schema;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::{Inputs, Place, Settings, Slot, Source};
use crate::argument::{Guide, Reader, SchemaSource, field_names};

/// Takes the arguments of a group out of `inputs` and reads them as one object.
pub(super) fn take_group<T: DeserializeOwned>(
    slot: &Slot<T>,
    inputs: &mut Inputs<'_>,
    schema: SchemaSource<'_>,
) -> Option<T> {
    let (value, group) = inputs.group(slot.name);
    let value = Reader::new(&value).with_large(inputs.large_of_all());
    let read = slot.arguments(schema, group).read(value, None, inputs.reading);
    read.map_err(|problems| inputs.problems.extend(problems)).ok()
}

/// What can be read from all arguments of a call whose schema was given with the tool.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be read from the arguments of a call",
    label = "is not `serde::Deserialize`",
    note = "derive it, of serde 1, for `{Self}` and for every type inside it"
)]
pub trait Arguments: Sized + 'static {
    /// The slot of a parameter of this type; the one place where its type is checked.
    fn slot(name: &'static str, description: &'static str) -> Slot<Self>;
}

#[diagnostic::do_not_recommend]
impl<T: DeserializeOwned + 'static> Arguments for T {
    fn slot(name: &'static str, description: &'static str) -> Slot<Self> {
        Slot {
            name,
            description,
            settings: Settings { place: Place::All, ..Settings::new() },
            is_argument: true,
            source: |_| Source::Given,
            field_names: field_names::<T>,
            read_back: |_| Ok(()),
            guide: Guide::default(),
            take: |slot, inputs| {
                let schema = inputs.groups.and_then(|groups| groups.schema_given());
                let schema = schema.expect("a tool is listed before it is called");
                take_group(slot, inputs, SchemaSource::Given(schema))
            },
        }
    }
}

/// A schema that is given with a tool: JSON, or what is made of it.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be an `input_schema`",
    label = "is neither JSON nor a schema",
    note = "it may be a `&str` or a `String` of JSON, a `serde_json::Value`, a `serde_json::Map`, or a `schemars::Schema`"
)]
pub trait InputSchema {
    /// The schema as it is listed.
    ///
    /// # Errors
    ///
    /// What is wrong with it.
    fn read(self) -> Result<JsonObject, String>;
}

impl InputSchema for &str {
    fn read(self) -> Result<JsonObject, String> {
        let value: Value =
            serde_json::from_str(self).map_err(|error| format!("it is not JSON: {error}"))?;
        value.read()
    }
}

impl InputSchema for String {
    fn read(self) -> Result<JsonObject, String> {
        self.as_str().read()
    }
}

impl InputSchema for Value {
    fn read(self) -> Result<JsonObject, String> {
        match self {
            Self::Object(schema) => schema.read(),
            other => Err(not_an_object(&other)),
        }
    }
}

impl InputSchema for &Value {
    fn read(self) -> Result<JsonObject, String> {
        self.clone().read()
    }
}

impl InputSchema for Schema {
    fn read(self) -> Result<JsonObject, String> {
        self.to_value().read()
    }
}

impl InputSchema for JsonObject {
    fn read(self) -> Result<JsonObject, String> {
        match self.get("type") {
            Some(kind) if kind == "object" => Ok(self),
            _ => Err(not_an_object(&self.into())),
        }
    }
}

/// MCP asks for the type of an input schema.
fn not_an_object(schema: &Value) -> String {
    let kind = match schema.get("type") {
        Some(kind) => format!("`\"type\": {kind}`"),
        None if schema.is_object() => "no `type`".to_owned(),
        None => return format!("it is {}, and not a schema", crate::phrases::kind(schema)),
    };
    format!("it has {kind}; the schema of arguments has `\"type\": \"object\"`")
}
