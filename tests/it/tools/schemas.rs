//! Schemas that were written, and not made of types: what a call is checked by.

use mcpc::around::{Next, ToolCall};
use mcpc::{DynamicTool, Server, tools};
use serde_json::{Value, json};

use crate::support::messages::call_written;
use crate::support::{Plain, text};

/// A tool that says what it was called with.
fn echo(schema: Value) -> DynamicTool {
    DynamicTool::plain("echo", schema, async |arguments, _| {
        Ok::<_, String>(format!("called with {}", Value::from(arguments)))
    })
}

fn serving(schema: Value) -> Server {
    Server::new("schemas").tools(echo(schema))
}

async fn client(schema: Value) -> Plain {
    Plain::connect(serving(schema)).await
}

/// What a tool of one property says of a value of it.
async fn of_property(schema: Value, value: &str) -> String {
    let schema = json!({"type": "object", "properties": {"n": schema}});
    written(serving(schema), "echo", &format!("{{\"n\":{value}}}")).await
}

/// What a tool says of arguments that are written like this.
async fn written(server: Server, tool: &str, arguments: &str) -> String {
    let mut client = Plain::connect(server).await;
    client.wire.send(&call_written("1", tool, arguments)).await;
    text(&client.wire.value().await)
}

fn why_not_built(schema: Value) -> String {
    serving(schema).check().expect_err("it is not built").to_string()
}

#[tokio::test(start_paused = true)]
async fn a_large_call_is_checked_to_its_end() {
    let mut client = client(json!({
        "type": "object",
        "properties": {
            "ids": {"type": "array", "items": {"type": "integer"}},
            "path": {"type": "string", "pattern": "^[a-z]+$"},
        },
    }))
    .await;
    let ids: Vec<u32> = (0..25_000).collect();
    let (text, is_error) = client.ask("echo", json!({"ids": ids, "path": "../x"})).await;
    let expected = r#"argument `path`: the string "../x" does not match the pattern `^[a-z]+$`"#;
    assert_eq!((text.as_str(), is_error), (expected, true));
    // What was made of it is, too.
    let ids = serde_json::to_string(&ids).expect("a list");
    let (text, _) = client.ask("echo", json!({"ids": ids, "path": "../x"})).await;
    assert!(text.contains(expected), "{}", &text[..200.min(text.len())]);
}

#[tokio::test(start_paused = true)]
async fn a_whole_number_arrives_as_it_was_written_or_not_at_all() {
    let integer = || json!({"type": "integer"});
    let refused = |number: &str| {
        format!(
            "argument `n`: {number} would lose digits: a whole number can have a maximum of 64 bits here"
        )
    };
    let large = "123456789012345678901234";
    assert_eq!(of_property(integer(), large).await, refused(large));
    let fraction = "9007199254740993.5";
    assert_eq!(of_property(integer(), fraction).await, refused(fraction));
    // Also in a text, which is not taken for it then.
    let said = of_property(integer(), &format!("\"{large}\"")).await;
    assert_eq!(said, format!("argument `n`: expected a whole number, got the string \"{large}\""));
    for exact in ["18446744073709551615", "-9223372036854775808", "1e19", "1e22"] {
        let said = of_property(integer(), exact).await;
        assert!(said.starts_with("called with "), "{said}");
    }
    // The limits are those of the number that was written.
    let limited = json!({"type": "number", "maximum": u64::MAX});
    assert_eq!(
        of_property(limited, "18446744073709551616").await,
        "argument `n`: 18446744073709551616 is not in ..=18446744073709551615"
    );
    // Any other number is a float.
    let said = of_property(json!({"type": "number"}), large).await;
    assert!(said.starts_with("called with "), "{said}");
}

/// Lists what there is.
#[mcpc::tool(input_schema = limits())]
async fn list(#[arg(all)] all: Value) -> String {
    format!("called with {all}")
}

fn limits() -> Value {
    json!({
        "type": "object",
        "properties": {
            "limit": {"type": "integer", "format": "uint32", "minimum": 0},
            "pair": {"type": "array", "minItems": 2, "maxItems": 2},
            "set": {"type": "array", "uniqueItems": true},
            "id": {"type": "integer"},
        },
        "patternProperties": {"^x-": {"type": "string", "maxLength": 2}},
        "additionalProperties": false,
    })
}

#[tokio::test(start_paused = true)]
async fn all_limits_of_a_given_schema_count_whatever_reads_the_value() {
    let server = || Server::new("given").tools(tools![list]);
    let arguments = r#"{"limit":-5,"pair":[1,2,3],"set":[1,1],"id":123456789012345678901234}"#;
    let said = written(server(), "list", arguments).await;
    let mut said: Vec<&str> = said.lines().collect();
    said.sort_unstable();
    assert_eq!(
        said,
        [
            "argument `id`: 123456789012345678901234 would lose digits: a whole number can have a maximum of 64 \
             bits here",
            "argument `limit`: -5 is not in 0..=4294967295",
            "argument `pair`: a length of 3 is not in 2..=2",
            "argument `set`: its items 0 and 1 are equal, and each may be there once",
        ]
    );
    let said = written(server(), "list", r#"{"x-a":"long","y":1}"#).await;
    assert_eq!(
        said,
        "argument `x-a`: a length of 4 is not in ..=2\nunknown argument `y`; \
                      expected one of `limit`, `pair`, `set`, `id`"
    );
    let ignoring = server().ignore_unknown_arguments(true);
    let said = written(ignoring, "list", r#"{"x-a":"ok","y":1}"#).await;
    assert_eq!(said, r#"called with {"x-a":"ok"}"#);
}

#[tokio::test(start_paused = true)]
async fn the_limits_of_every_draft_are_read() {
    for (schema, value, expected) in [
        (json!({"exclusiveMinimum": 0}), "0", "0 is not greater than 0"),
        (json!({"minimum": 5, "exclusiveMinimum": 0}), "1", "1 is not in 5.."),
        (json!({"minimum": 0, "exclusiveMinimum": true}), "0", "0 is not greater than 0"),
        (json!({"minimum": 0, "exclusiveMinimum": false}), "-1", "-1 is not in 0.."),
        (json!({"exclusiveMaximum": 5}), "5", "5 is not in ..5"),
        (json!({"maximum": 5, "exclusiveMaximum": true}), "5", "5 is not in ..5"),
        (json!({"maximum": 9, "exclusiveMaximum": 5}), "5", "5 is not less than 5"),
        (json!({"multipleOf": 5}), "7", "7 is not a multiple of 5"),
        (json!({"multipleOf": 0.1}), "0.25", "0.25 is not a multiple of 0.1"),
        (
            json!({"uniqueItems": true}),
            r#"[{"a":1,"b":2},0,{"b":2,"a":1}]"#,
            "its items 0 and 2 are equal, and each may be there once",
        ),
        (
            json!({"items": [{"type": "string"}], "additionalItems": {"minimum": 1}}),
            r#"["a",0]"#,
            "0 is not in 1..",
        ),
    ] {
        let said = of_property(schema, value).await;
        assert!(said.ends_with(expected), "{said}, not {expected}");
        assert!(said.starts_with("argument `n"), "{said}");
    }
    for (schema, value) in [
        (json!({"exclusiveMinimum": 0}), "0.5"),
        (json!({"maximum": 5, "exclusiveMaximum": false}), "5"),
        (json!({"multipleOf": 0.1}), "0.3"),
        (json!({"multipleOf": 5}), "-15"),
        (json!({"uniqueItems": true}), "[1,2,\"1\"]"),
        (json!({"uniqueItems": false}), "[1,1]"),
    ] {
        let said = of_property(schema, value).await;
        assert!(said.starts_with("called with"), "{said}");
    }
}

#[tokio::test(start_paused = true)]
async fn references_into_the_schema_are_followed_wherever_they_lead() {
    let schema = json!({
        "$schema": "http://json-schema.org/draft-07/schema#",
        "type": "object",
        "properties": {
            "a": {"$ref": "#/definitions/Name"},
            "b": {"$ref": "#/properties/a"},
            "c": {"$ref": "#/definitions/with~1slash%20and space"},
            "tree": {"$ref": "#/definitions/Tree"},
            "$ref": {"type": "string", "enum": ["#/nowhere"]},
            "e": {"default": {"$ref": "#/nowhere"}},
        },
        "definitions": {
            "Name": {"type": "string", "maxLength": 3},
            "with/slash and space": {"minimum": 1},
            "Tree": {
                "type": "object",
                "properties": {"children": {"type": "array", "items": {"$ref": "#/definitions/Tree"}}},
                "additionalProperties": false,
            },
        },
    });
    let mut client = client(schema.clone()).await;
    assert_eq!(client.listed("echo").await["inputSchema"], schema);
    let arguments = json!({
        "a": 1, "b": "long", "c": 0, "tree": {"children": [{"child": []}]}, "$ref": "#/x",
    });
    let (text, is_error) = client.ask("echo", arguments).await;
    assert!(is_error, "{text}");
    let mut lines: Vec<&str> = text.lines().collect();
    lines.sort_unstable();
    assert_eq!(
        lines,
        [
            "argument `$ref`: the string \"#/x\" is none of `#/nowhere`",
            "argument `a`: expected a string, got the number 1; send it as a string: \"1\"",
            "argument `b`: a length of 4 is not in ..=3",
            "argument `c`: 0 is not in 1..",
            "unknown argument `tree.children[0].child`; did you mean `children`?",
        ]
    );
}

#[tokio::test]
async fn a_reference_that_leads_nowhere_is_an_error_when_the_tool_is_added() {
    let of = |reference: &str| json!({"type": "object", "properties": {"a": {"$ref": reference}}});
    let expected = |problem: &str| format!("the input schema of the tool `echo`: {problem}");
    let nowhere = "its reference `#/definitions/A` leads nowhere; expected a part of this schema";
    assert_eq!(why_not_built(of("#/definitions/A")), expected(nowhere));
    let other = "its reference `other.json` leads nowhere; expected a part of this schema";
    assert_eq!(why_not_built(of("other.json")), expected(other));
    let circle = json!({
        "type": "object",
        "properties": {"a": {"$ref": "#/$defs/a"}},
        "$defs": {"a": {"anyOf": [{"$ref": "#/$defs/b"}]}, "b": {"$ref": "#/$defs/a"}},
    });
    let problem = "its reference `#/$defs/a` leads back to itself";
    assert_eq!(why_not_built(circle), expected(problem));
    let service = Server::new("schemas").dynamic_tools(true).build().expect("it is built");
    let error = service.add(echo(of("#/definitions/A"))).expect_err("it is not added");
    assert_eq!(error.to_string(), expected(nowhere));
    let output = echo(json!({})).output_schema(of("#/definitions/A"));
    let error = Server::new("schemas").tools(output).check().expect_err("it is not built");
    assert!(error.to_string().ends_with(nowhere), "{error}");
}

#[tokio::test(start_paused = true)]
async fn keys_are_those_of_the_properties_and_of_the_patterns() {
    let schema = || {
        json!({
            "type": "object",
            "properties": {"x-own": {"type": "string"}, "inner": {"$ref": "#/$defs/inner"}},
            "patternProperties": {"^x-": {"minLength": 2}, "n$": {"maxLength": 3}},
            "additionalProperties": false,
            "$defs": {"inner": {
                "type": "object",
                "patternProperties": {"^[0-9]+$": {"type": "integer"}},
                "additionalProperties": false,
            }},
        })
    };
    let mut asked = client(schema()).await;
    let arguments = json!({"x-own": "a", "x-n": "abcd", "y": 1, "inner": {"1": 1, "a": 1}});
    let (text, _) = asked.ask("echo", arguments).await;
    let mut lines: Vec<&str> = text.lines().collect();
    lines.sort_unstable();
    assert_eq!(
        lines,
        [
            "argument `x-n`: a length of 4 is not in ..=3",
            "argument `x-own`: a length of 1 is not in 2..",
            "unknown argument `inner.a`",
            "unknown argument `y`; expected one of `x-own`, `inner`",
        ]
    );
    let mut ignoring = Plain::connect(serving(schema()).ignore_unknown_arguments(true)).await;
    let (text, _) = ignoring.ask("echo", json!({"x-a": "ab", "y": 1})).await;
    assert_eq!(text, r#"called with {"x-a":"ab"}"#);
}

/// Says a number.
#[mcpc::tool]
async fn say(n: u128) -> String {
    n.to_string()
}

#[tokio::test(start_paused = true)]
async fn a_number_that_was_changed_around_a_call_is_the_one_that_is_read() {
    let server = || Server::new("around").tools(tools![say]);
    let changing = server().around(|mut call: ToolCall, next: Next| {
        call.arguments_mut().insert("n".into(), json!(5.0));
        next.run(call)
    });
    let large = r#"{"n":123456789012345678901234}"#;
    assert_eq!(written(changing, "say", large).await, "5");
    let leaving = server().around(|call: ToolCall, next: Next| next.run(call));
    assert_eq!(written(leaving, "say", large).await, "123456789012345678901234");
}
