//! The schemas of `tools/list`, for every kind of type, in both forms.
//!
//! `GOLDEN=overwrite cargo test --test it outside::schemas` writes the files in `golden/schemas` anew; read them before
//! they are committed.

#[path = "../../servers/schemas.rs"]
mod servers;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use mcpc::Schemas;
use serde_json::{Map, Value, json};

use self::servers::server;
use crate::support::{Plain, Wire};

async fn listed(schemas: Schemas) -> Vec<Value> {
    let setting = format!("{schemas:?}");
    let wire = Wire::open_outside("schemas", &setting, || server(schemas));
    Plain::begin(wire).await.list().await
}

#[tokio::test]
async fn every_kind_of_type() {
    let portable = listed(Schemas::Portable).await;
    let draft = listed(Schemas::Draft2020_12).await;
    let mut seen = BTreeSet::new();
    for (portable, draft) in portable.iter().zip(&draft) {
        let name = portable["name"].as_str().expect("a name");
        let both = json!({
            "portable": {"input": portable["inputSchema"], "output": portable["outputSchema"]},
            "draft 2020-12": {"input": draft["inputSchema"], "output": draft["outputSchema"]},
        });
        let path = format!("tests/golden/schemas/{name}.json");
        let found = serde_json::to_string_pretty(&both).expect("JSON") + "\n";
        if std::env::var_os("GOLDEN").is_some() {
            fs::write(&path, &found).expect("a file");
        }
        let expected = fs::read_to_string(&path).expect("a golden file");
        assert_eq!(found, expected, "`{path}`");
        seen.insert(format!("{name}.json"));
    }
    for file in fs::read_dir(Path::new("tests/golden/schemas")).expect("the golden files") {
        let name = file.expect("a file").file_name().into_string().expect("UTF-8");
        assert!(seen.contains(&name), "`{name}` is left over");
    }
}

#[tokio::test]
async fn every_schema_is_one_of_its_draft() {
    for schemas in [Schemas::Portable, Schemas::Draft2020_12] {
        for tool in listed(schemas).await {
            for schema in [&tool["inputSchema"], &tool["outputSchema"]] {
                if schema.is_null() {
                    continue;
                }
                jsonschema::draft202012::meta::validate(schema)
                    .unwrap_or_else(|error| panic!("{error} in {schema}"));
                jsonschema::draft202012::new(schema)
                    .unwrap_or_else(|error| panic!("{error} in {schema}"));
            }
        }
    }
}

#[tokio::test]
async fn a_portable_schema_has_nothing_that_clients_stumble_over() {
    for tool in listed(Schemas::Portable).await {
        let name = &tool["name"];
        walk(&tool["inputSchema"], &mut |schema| check(name, schema, true));
        walk(&tool["outputSchema"], &mut |schema| check(name, schema, false));
    }
}

fn check(tool: &Value, schema: &Map<String, Value>, input: bool) {
    for key in ["$schema", "oneOf", "const", "uniqueItems", "examples"] {
        assert!(!schema.contains_key(key), "`{key}` in {tool}: {schema:?}");
    }
    if schema.contains_key("$ref") {
        assert_eq!(tool, "recursive", "{schema:?}");
    }
    if let Some(kind) = schema.get("type") {
        assert!(kind.is_string(), "a list of types in {tool}: {schema:?}");
    }
    if let Some(format) = schema.get("format") {
        assert_eq!(format, "date-time", "{tool}: {schema:?}");
    }
    if input {
        let required = schema.get("required").and_then(Value::as_array);
        for (name, property) in
            schema.get("properties").and_then(Value::as_object).into_iter().flatten()
        {
            let is_required =
                required.is_some_and(|required| required.iter().any(|other| other == name));
            assert!(is_required || !has_null(property), "{tool}: `{name}` in {schema:?}");
        }
    }
}

/// Whether `null` is one of the things that a schema allows.
fn has_null(schema: &Value) -> bool {
    let mut choices = schema["anyOf"].as_array().into_iter().flatten();
    choices.any(|choice| choice["type"] == "null")
}

/// Looks at a schema and at every schema in it, each of which must be an object.
fn walk(schema: &Value, look: &mut impl FnMut(&Map<String, Value>)) {
    if schema.is_null() {
        return;
    }
    let schema = schema.as_object().unwrap_or_else(|| panic!("no object: {schema}"));
    look(schema);
    for (key, value) in schema {
        match (key.as_str(), value) {
            ("properties" | "patternProperties" | "$defs", Value::Object(schemas)) => {
                schemas.values().for_each(|schema| walk(schema, look));
            }
            ("anyOf" | "prefixItems", Value::Array(schemas)) => {
                schemas.iter().for_each(|schema| walk(schema, look));
            }
            ("additionalProperties", Value::Bool(_)) => {}
            ("items" | "additionalProperties", schema) => walk(schema, look),
            _ => {}
        }
    }
}
