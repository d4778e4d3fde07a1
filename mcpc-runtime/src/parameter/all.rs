//! Parameters that are several of a call's arguments, or all of them.

use std::any::TypeId;
use std::sync::Arc;

use rmcp::model::JsonObject;
use schemars::Schema;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::{Inputs, Place, Settings, Slot, Source, StateType};
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
            is_call: false,
            of_type: StateType::of::<T>(),
            source: |_| Source::Given,
            field_names: field_names::<T>,
            instructions: || None,
            read_back: |_| Ok(()),
            guide: Guide::default(),
            take: |slot, inputs| {
                let given = inputs.groups.and_then(|groups| groups.given());
                let schema = &given.expect("a tool is listed before it is called").checked;
                let is_json = [TypeId::of::<Value>(), TypeId::of::<JsonObject>()];
                let is_json = is_json.contains(&TypeId::of::<T>());
                take_group(slot, inputs, SchemaSource::Given { schema, is_json })
            },
        }
    }
}

/// A schema that is given with a tool: JSON, or what is made of it.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be an `input_schema`",
    label = "is neither JSON nor a schema",
    note = "it may be a `&str` or a `String` of JSON, a `serde_json::Value`, a `serde_json::Map`, an `Arc` of one, or a `schemars::Schema`"
)]
pub trait InputSchema {
    /// The schema as JSON.
    ///
    /// # Errors
    ///
    /// Why it is not JSON.
    fn read(self) -> Result<Value, String>;
}

impl InputSchema for &str {
    fn read(self) -> Result<Value, String> {
        serde_json::from_str(self).map_err(|error| format!("it is not JSON: {error}"))
    }
}

impl InputSchema for String {
    fn read(self) -> Result<Value, String> {
        self.as_str().read()
    }
}

impl InputSchema for Value {
    fn read(self) -> Result<Value, String> {
        Ok(self)
    }
}

impl InputSchema for &Value {
    fn read(self) -> Result<Value, String> {
        Ok(self.clone())
    }
}

impl InputSchema for Schema {
    fn read(self) -> Result<Value, String> {
        Ok(self.to_value())
    }
}

impl InputSchema for JsonObject {
    fn read(self) -> Result<Value, String> {
        Ok(self.into())
    }
}

/// What rmcp's `schema_for_type` makes.
impl InputSchema for Arc<JsonObject> {
    fn read(self) -> Result<Value, String> {
        Arc::unwrap_or_clone(self).read()
    }
}
