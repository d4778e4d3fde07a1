//! Takes the protocol's ids out of the arguments of a call.

use std::sync::Arc;

use rmcp::model::JsonObject;
use serde_json::Value;
use uuid::Uuid;

use crate::names::{DEFAULT_SESSION, MetadataKeys};
use crate::phrases::kind;

/// The ids of one call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Ids {
    pub(crate) session_id: Box<str>,
    pub(crate) task_id: Arc<str>,
}

/// What a call says about itself in its arguments.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Metadata {
    /// Whether the call carried metadata in any form, which only an MCPC client does.
    pub(crate) present: bool,
    session_id: Option<Box<str>>,
    task_id: Option<Box<str>>,
}

impl Metadata {
    /// Removes the metadata of every dialect from `arguments`.
    ///
    /// # Errors
    ///
    /// A sentence for the client if the metadata is not an object or an id is not a string with
    /// something in it.
    pub(crate) fn take(arguments: &mut JsonObject) -> Result<Self, String> {
        let mut metadata = Self::default();
        for keys in Self::all_in(arguments) {
            if let Some(value) = arguments.shift_remove(keys.argument) {
                metadata.read(*keys, value)?;
            }
        }
        Ok(metadata)
    }

    /// The keys of what may be metadata among arguments. Hardly any call has any, and to compare a few names takes less
    /// time than to hash one.
    fn all_in(arguments: &JsonObject) -> &'static [MetadataKeys] {
        /// With more arguments it takes longer.
        const FEW: usize = 16;
        let is_one = |name: &String| MetadataKeys::ALL.iter().any(|keys| keys.argument == name);
        match arguments.len() > FEW || arguments.keys().any(is_one) {
            true => &MetadataKeys::ALL,
            false => &[],
        }
    }

    /// The session of a call that carries metadata, as far as that can be told without looking whether it is right.
    pub(crate) fn session_in(arguments: &JsonObject) -> Option<&str> {
        Self::all_in(arguments).iter().find_map(|keys| {
            let metadata = arguments.get(keys.argument)?.as_object()?;
            let named = metadata.get(keys.session_id).and_then(Value::as_str);
            Some(named.filter(|id| !id.is_empty()).unwrap_or(DEFAULT_SESSION))
        })
    }

    /// Removes the metadata of every dialect from the arguments of a tool that may have arguments of these names: only
    /// what has the form of metadata is that.
    pub(crate) fn drop(arguments: &mut JsonObject) {
        for keys in MetadataKeys::ALL {
            let ids = arguments.get(keys.argument).and_then(Value::as_object);
            if ids
                .is_some_and(|it| it.contains_key(keys.session_id) || it.contains_key(keys.task_id))
            {
                arguments.shift_remove(keys.argument);
            }
        }
    }

    fn read(&mut self, keys: MetadataKeys, value: Value) -> Result<(), String> {
        let Value::Object(mut object) = value else {
            return Err(format!(
                "`{}` must be an object with `{}` and `{}`, got {}",
                keys.argument,
                keys.session_id,
                keys.task_id,
                kind(&value),
            ));
        };
        self.present = true;
        let session_id = take_id(&mut object, keys.argument, keys.session_id)?;
        let task_id = take_id(&mut object, keys.argument, keys.task_id)?;
        self.session_id = self.session_id.take().or(session_id);
        self.task_id = self.task_id.take().or(task_id);
        Ok(())
    }

    /// The session, with the protocol's default.
    pub(crate) fn session_id(&self) -> &str {
        self.session_id.as_deref().unwrap_or(DEFAULT_SESSION)
    }

    /// The task, if the client named one.
    pub(crate) fn task_id(&self) -> Option<&str> {
        self.task_id.as_deref()
    }

    /// The ids, with the protocol's defaults for what is missing.
    pub(crate) fn ids(self) -> Ids {
        Ids {
            session_id: self.session_id.unwrap_or_else(|| DEFAULT_SESSION.into()),
            task_id: self.task_id.map_or_else(|| Uuid::new_v4().to_string().into(), Into::into),
        }
    }
}

fn take_id(object: &mut JsonObject, argument: &str, key: &str) -> Result<Option<Box<str>>, String> {
    match object.shift_remove(key) {
        None => Ok(None),
        Some(Value::String(id)) if id.is_empty() => {
            Err(format!("`{argument}.{key}` must not be empty"))
        }
        Some(Value::String(id)) => Ok(Some(id.into())),
        Some(other) => Err(format!("`{argument}.{key}` must be a string, got {}", kind(&other))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn take(arguments: Value) -> (Result<Metadata, String>, Value) {
        let Value::Object(mut arguments) = arguments else { panic!("arguments are an object") };
        (Metadata::take(&mut arguments), Value::Object(arguments))
    }

    fn metadata(session_id: Option<&str>, task_id: Option<&str>) -> Metadata {
        Metadata {
            present: true,
            session_id: session_id.map(Into::into),
            task_id: task_id.map(Into::into),
        }
    }

    #[test]
    fn both_dialects_are_taken_out() {
        let (ids, rest) = take(json!({
            "b": 1, "_metadata": {"mcpc_session_id": "s", "mcpc_task_id": "t", "other": []}, "a": 2
        }));
        assert_eq!(ids, Ok(metadata(Some("s"), Some("t"))));
        assert_eq!(rest.to_string(), r#"{"b":1,"a":2}"#);

        let (ids, rest) = take(json!({"mcpc_params": {"session_id": "s", "task_id": "t"}}));
        assert_eq!(ids, Ok(metadata(Some("s"), Some("t"))));
        assert_eq!(rest, json!({}));
    }

    #[test]
    fn missing_ids_get_the_defaults() {
        assert_eq!(take(json!({"a": 1})).0, Ok(Metadata::default()));
        let ids = take(json!({"_metadata": {}})).0.expect("valid").ids();
        assert_eq!(&*ids.session_id, "default");
        assert_eq!(Uuid::parse_str(&ids.task_id).expect("a uuid").get_version_num(), 4);
        let both = json!({"_metadata": {"mcpc_task_id": "t"}, "mcpc_params": {"session_id": "s"}});
        assert_eq!(take(both).0, Ok(metadata(Some("s"), Some("t"))));
    }

    #[test]
    fn what_is_wrong_is_named() {
        let error = |value| take(value).0.expect_err("invalid");
        assert_eq!(
            error(json!({"_metadata": [1]})),
            "`_metadata` must be an object with `mcpc_session_id` and `mcpc_task_id`, got an array"
        );
        assert_eq!(
            error(json!({"_metadata": {"mcpc_task_id": 7}})),
            "`_metadata.mcpc_task_id` must be a string, got the number 7"
        );
        assert_eq!(
            error(json!({"mcpc_params": {"session_id": ""}})),
            "`mcpc_params.session_id` must not be empty"
        );
        assert_eq!(
            error(json!({"mcpc_params": {"task_id": null}})),
            "`mcpc_params.task_id` must be a string, got null"
        );
    }
}
