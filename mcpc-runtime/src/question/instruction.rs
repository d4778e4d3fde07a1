//! What a running task can be told.

use std::convert::Infallible;
use std::fmt;

use rmcp::model::JsonObject;
use schemars::JsonSchema as Schematic;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::response::in_words;
use crate::argument::{Argument, Checks, Guide, JsonSchema, Reader, Reading, SchemaSource};
use crate::schema::{Direction, Schemas};

/// What the instructions of a tool are, without their type.
#[derive(Clone, Copy)]
#[doc(hidden)]
pub struct Instructions {
    json_schema: JsonSchema,
    check: fn(&Value) -> Result<(), String>,
}

impl fmt::Debug for Instructions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Instructions").finish_non_exhaustive()
    }
}

impl Instructions {
    /// Those that are values of a type.
    pub(crate) fn of<M: DeserializeOwned + Schematic>() -> Self {
        Self { json_schema: M::json_schema, check: |value| read::<M>(value).map(drop) }
    }

    /// Their schema, as clients are to see it.
    pub(crate) fn schema(self, schemas: Schemas) -> JsonObject {
        let schema = schemas.write(Direction::Input, |mut writer| {
            let schema = (self.json_schema)(&mut writer.generator);
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
    pub(crate) fn check(self, value: &Value) -> Result<(), String> {
        crate::guard::guarded(|| (self.check)(value))
            .unwrap_or_else(|_| Err("it cannot be read".to_owned()))
    }
}

/// Reads an instruction as an argument is read, mended where it was meant to be one.
pub(crate) fn read<M: DeserializeOwned + Schematic>(value: &Value) -> Result<M, String> {
    let (checks, guide) = (Checks::default(), Guide::default());
    let argument = Argument {
        name: "message",
        checks: &checks,
        guide: &guide,
        schema: SchemaSource::Type(M::json_schema),
        has_default: false,
        fields: None,
    };
    let read = argument.read(Reader::new(value), None, Reading::default());
    read.map_err(|problems| in_words("message", &problems))
}
