//! What a running task can be told.

use std::convert::Infallible;
use std::fmt;
use std::sync::Arc;

use rmcp::model::JsonObject;
use schemars::JsonSchema as Schematic;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::response::in_words;
use crate::argument::{
    Argument, Checks, Guide, JsonSchema, Reader, Reading, SchemaSource, read_by_schema,
};
use crate::schema::{Direction, Given, Schemas, definitions};

/// What the instructions of a tool are, without their type.
#[derive(Clone)]
#[doc(hidden)]
pub struct Instructions(Are);

#[derive(Clone)]
enum Are {
    /// Values of a type.
    Typed { json_schema: JsonSchema, check: fn(&Value) -> Result<(), String> },
    /// What a schema says that was given with the tool, as the argument [`MESSAGE`].
    Given(Arc<Given>),
}

/// The argument that brings an instruction.
const MESSAGE: &str = "message";

impl fmt::Debug for Instructions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Instructions").finish_non_exhaustive()
    }
}

impl Instructions {
    /// Those that are values of a type.
    pub(crate) fn of<M: DeserializeOwned + Schematic>() -> Self {
        let check = |value: &Value| read::<M>(value).map(drop);
        Self(Are::Typed { json_schema: M::json_schema, check })
    }

    /// Those that a schema describes.
    ///
    /// # Errors
    ///
    /// What is wrong with the schema.
    pub(crate) fn by_schema(schema: Value) -> Result<Self, String> {
        Ok(Self(Are::Given(Arc::new(Given::of_value(schema, MESSAGE)?))))
    }

    /// Their schema, as clients are to see it.
    pub(crate) fn schema(&self, schemas: Schemas) -> JsonObject {
        let json_schema = match &self.0 {
            Are::Typed { json_schema, .. } => json_schema,
            Are::Given(given) => {
                let properties = given.checked.get("properties");
                let value = properties.and_then(|it| it.get(MESSAGE)).and_then(Value::as_object);
                let mut schema = value.cloned().unwrap_or_default();
                if let Some(definitions) = definitions(&given.checked) {
                    schema.insert("$defs".to_owned(), definitions.clone().into());
                }
                return schema;
            }
        };
        let schema = schemas.write(Direction::Input, |mut writer| {
            let schema = json_schema(&mut writer.generator);
            Ok::<_, Infallible>(writer.of_one(schema, false))
        });
        let Ok(schema) = schema;
        schema
    }

    /// Whether a value is an instruction.
    ///
    /// # Errors
    ///
    /// What is wrong with it.
    pub(crate) fn check(&self, value: &Value) -> Result<(), String> {
        let check = || match &self.0 {
            Are::Typed { check, .. } => check(value),
            Are::Given(given) => read_given(given, value).map(drop),
        };
        crate::guard::guarded(check).unwrap_or_else(|_| Err("it cannot be read".to_owned()))
    }

    /// What reads instructions that a schema describes; nothing, if a type does.
    pub(crate) fn reader(&self) -> Option<impl Fn(&Value) -> Result<Value, String> + use<>> {
        match &self.0 {
            Are::Typed { .. } => None,
            Are::Given(given) => {
                let given = Arc::clone(given);
                Some(move |value: &Value| read_given(&given, value))
            }
        }
    }
}

/// Reads an instruction as an argument is read, mended where it was meant to be one.
pub(crate) fn read<M: DeserializeOwned + Schematic>(value: &Value) -> Result<M, String> {
    let (checks, guide) = (Checks::default(), Guide::default());
    let argument = Argument {
        name: MESSAGE,
        checks: &checks,
        guide: &guide,
        schema: SchemaSource::Type(M::json_schema),
        has_default: false,
        fields: None,
    };
    let read = argument.read(Reader::new(value), None, Reading::default());
    read.map_err(|problems| in_words(MESSAGE, &problems))
}

/// The same by a schema that was given.
fn read_given(given: &Given, value: &Value) -> Result<Value, String> {
    let arguments = JsonObject::from_iter([(MESSAGE.to_owned(), value.clone())]);
    let read = read_by_schema(&given.checked, arguments, None, Reading::default());
    let mut read = read.map_err(|problems| in_words(MESSAGE, &problems))?;
    Ok(read.shift_remove(MESSAGE).unwrap_or_default())
}
