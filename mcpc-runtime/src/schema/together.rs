//! Several schemas as the parts of one, which has the definitions of all.

use std::collections::HashMap;

use rmcp::model::JsonObject;
use serde_json::Value;

use super::given::each_in;
use super::inlining::reference;

/// The definitions of several schemas.
#[derive(Debug, Default)]
pub(crate) struct Definitions(JsonObject);

impl Definitions {
    /// Takes the definitions out of a schema. One that has the name of another, and says something else, gets a name that
    /// begins with that of the schema's owner, and so do those beside it.
    pub(crate) fn take_from(&mut self, schema: &mut JsonObject, owner: &str) {
        let Some(Value::Object(own)) = schema.shift_remove("$defs") else { return };
        let names = self.names(&own, owner);
        rename(schema, &names);
        for (name, mut definition) in own {
            if let Value::Object(definition) = &mut definition {
                rename(definition, &names);
            }
            let name = names.get(&*name).cloned().unwrap_or(name);
            self.0.insert(name, definition);
        }
    }

    /// Adds all of them to the schema that the others are parts of.
    pub(crate) fn add_to(&self, schema: &mut JsonObject) {
        if !self.0.is_empty() {
            schema.insert("$defs".to_owned(), self.0.clone().into());
        }
    }

    /// How definitions are called here.
    fn names(&self, own: &JsonObject, owner: &str) -> HashMap<String, String> {
        let is_other = |(name, definition): (&String, &Value)| {
            self.0.get(name).is_some_and(|known| known != definition)
        };
        let are_own = own.iter().any(is_other);
        let mut names = HashMap::new();
        for name in own.keys() {
            // That of a schema that was given is a whole pointer.
            let short = name.rsplit(['/', '#']).next().unwrap_or_default();
            let called = if are_own { format!("{owner}.{short}") } else { short.to_owned() };
            let is_taken = |called: &String| {
                let is_of_others = are_own || called != name;
                is_of_others && self.0.contains_key(called)
                    || names.values().any(|taken| taken == called)
            };
            let mut numbered = (2..).map(|number| format!("{called}.{number}"));
            let called = match is_taken(&called) {
                true => numbered.find(|called| !is_taken(called)).unwrap_or(called),
                false => called,
            };
            names.insert(name.clone(), called);
        }
        names
    }
}

/// Has the references of a schema lead to the new names.
fn rename(schema: &mut JsonObject, names: &HashMap<String, String>) {
    if let Some(name) = reference(schema).and_then(|name| names.get(&*name)) {
        let name = name.replace('~', "~0").replace('%', "%25");
        schema.insert("$ref".to_owned(), format!("#/$defs/{name}").into());
    }
    each_in(schema, &mut |part| {
        if let Value::Object(part) = part {
            rename(part, names);
        }
    });
}
