//! What a call may say, and what it is told if it says something else.

use std::collections::{BTreeMap, HashMap};

use mcpc::{Call, Sender, Server, tools};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::support::{Mcpc, Plain, in_task, parse};

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[allow(dead_code, reason = "it is only read")]
struct Filter {
    field: String,
    min: Option<u8>,
    max: Option<f64>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[allow(dead_code, reason = "it is only read")]
enum Source {
    File { path: String },
    Table { schema: String, rows: Option<u32> },
}

#[derive(Deserialize, Serialize, JsonSchema)]
#[allow(dead_code, reason = "it is only read")]
enum Target {
    Stdout,
    Disk(String),
    Bucket { name: String, region: String },
}

#[derive(Clone, Copy, Deserialize, JsonSchema, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[serde(rename_all = "lowercase")]
enum Level {
    Low,
    High,
}

#[derive(Deserialize, JsonSchema)]
struct Tree {
    name: String,
    #[serde(default)]
    children: Vec<Tree>,
}

#[mcpc::tool]
async fn search(
    filters: Vec<Filter>,
    source: Source,
    target: Option<Target>,
    levels: Option<BTreeMap<String, Level>>,
) -> usize {
    drop((source, target, levels));
    filters.len()
}

#[mcpc::tool]
async fn depth(tree: Tree) -> usize {
    fn depth(tree: &Tree) -> usize {
        assert!(!tree.name.is_empty());
        1 + tree.children.iter().map(depth).max().unwrap_or(0)
    }
    depth(&tree)
}

#[mcpc::background]
async fn import(
    #[arg(length = 1..=5, pattern = "^[a-z]*$")] name: String,
    #[arg(length = 2..)] parts: Option<Vec<u8>>,
    #[arg(length = ..2)] labels: Option<HashMap<String, u8>>,
    #[arg(default = 3, range = 1..=9)] level: u8,
    updates: Sender,
) -> String {
    updates.progress(1, 1, "done");
    format!("{name}{}{}{level}", parts.map_or(0, |it| it.len()), labels.map_or(0, |it| it.len()))
}

#[mcpc::tool]
async fn ids(id: uuid::Uuid, when: Option<chrono::NaiveDate>, of: HashMap<u16, char>) -> String {
    format!("{id}{when:?}{}", of.len())
}

#[mcpc::tool]
async fn who(call: Call) -> Value {
    said(&call)
}

#[mcpc::background]
async fn who_later(call: Call, updates: Sender) -> Value {
    assert_eq!(call.task_id(), Some(updates.task_id()));
    said(&call)
}

fn said(call: &Call) -> Value {
    json!({
        "session": call.session_id(),
        "task": call.task_id(),
        "client": call.client().map(|client| client.name),
        "request": call.context().id,
    })
}

async fn connect() -> Mcpc {
    Mcpc::connect(
        Server::new("arguments").tools(tools![search, depth, import, ids, who, who_later]),
    )
    .await
}

async fn refused(tool: &str, arguments: Value, expected: &[&str]) {
    let (text, is_error) = connect().await.ask(tool, arguments.clone()).await;
    assert_eq!(text.lines().collect::<Vec<_>>(), expected, "{arguments}");
    assert!(is_error, "{arguments}");
}

async fn accepted(tool: &str, arguments: Value, expected: &str) {
    let answer = connect().await.ask(tool, arguments.clone()).await;
    assert_eq!(answer, (expected.to_owned(), false), "{arguments}");
}

#[tokio::test]
async fn every_problem_of_a_call_is_listed_with_its_place() {
    refused(
        "search",
        json!({
            "filters": [
                {"field": "age", "min": 256, "maxx": 1},
                {"field": 5},
                {"min": "many"},
                "age",
            ],
            "source": {"kind": "table", "rows": -1},
            "target": {"Bucket": {"name": "b"}},
            "levels": {"a b": "low", "c": "hgh"},
            "limit": 5,
        }),
        &[
            "argument `filters[0].min`: 256 is not in 0..=255",
            "unknown argument `filters[0].maxx`; did you mean `max`?",
            "argument `filters[1].field`: expected a string, got the number 5; send it as a string: \"5\"",
            "argument `filters[2].field` is missing",
            "argument `filters[2].min`: expected a whole number, got the string \"many\"",
            "argument `filters[3]`: expected an object, got the string \"age\"",
            "argument `source.schema` is missing",
            "argument `source.rows`: -1 is not in 0..=4294967295",
            "argument `target.Bucket.region` is missing",
            "argument `levels.c`: the string \"hgh\" is none of `low`, `high`; did you mean `high`?",
            "unknown argument `limit`; expected one of `filters`, `source`, `target`, `levels`",
        ],
    )
    .await;
}

#[tokio::test]
async fn of_an_enum_the_variant_that_was_meant_is_spoken_of() {
    let source = |source: Value| json!({"filters": [], "source": source});
    for (value, expected) in [
        (json!({"path": "x"}), "argument `source.kind` is missing"),
        (
            json!({"kind": "fil"}),
            "argument `source.kind`: the string \"fil\" is none of `file`, `table`; did you mean `file`?",
        ),
        (
            json!({"kind": 1}),
            "argument `source.kind`: expected one of `file`, `table`, got the number 1",
        ),
        (json!({"kind": "file"}), "argument `source.path` is missing"),
        (json!("file"), "argument `source`: expected an object, got the string \"file\""),
        (json!(null), "argument `source`: expected an object, got null"),
    ] {
        refused("search", source(value), &[expected]).await;
    }
    let target = |target: Value| json!({"filters": [], "source": {"kind": "file", "path": ""}, "target": target});
    for (value, expected) in [
        (
            json!("stdot"),
            "argument `target`: the string \"stdot\" is none of `Stdout`, `Disk`, `Bucket`; did you mean `Stdout`?",
        ),
        (
            json!("Disk"),
            "argument `target`: expected an object `{\"Disk\": ..}`, got the string \"Disk\"",
        ),
        (
            json!({"Stdout": null}),
            "argument `target`: expected the string \"Stdout\", got an object",
        ),
        (
            json!({"Disk": 5}),
            "argument `target.Disk`: expected a string, got the number 5; send it as a string: \"5\"",
        ),
        (
            json!({"Tape": 5}),
            "argument `target`: the key \"Tape\" is none of `Stdout`, `Disk`, `Bucket`",
        ),
        (json!([1]), "argument `target`: expected a string or an object, got an array"),
        (json!({"Disk": "/", "Tape": 1}), "unknown argument `target.Tape`; expected one of `Disk`"),
        (
            json!({}),
            "argument `target`: expected an object with one key, one of `Disk`, `Bucket`, got 0 keys",
        ),
    ] {
        refused("search", target(value), &[expected]).await;
    }
    accepted("search", target(json!("Stdout")), "0").await;
    accepted("search", target(json!({"Disk": "/"})), "0").await;
    accepted("search", target(json!(null)), "0").await;
}

#[tokio::test]
async fn a_type_that_contains_itself_is_searched_to_the_end() {
    let tree = json!({"name": "a", "children": [{"name": "b"}, {"children": [{"name": 5}]}]});
    refused(
        "depth",
        json!({"tree": tree}),
        &[
            "argument `tree.children[1].name` is missing",
            "argument `tree.children[1].children[0].name`: expected a string, got the number 5; send it as a string: \"5\"",
        ],
    )
    .await;
    let tree = json!({"name": "a", "children": [{"name": "b", "children": [{"name": "c"}]}]});
    accepted("depth", json!({"tree": tree}), "3").await;
}

#[tokio::test]
async fn what_only_the_type_knows_has_its_place_too() {
    refused(
        "ids",
        json!({"id": "5", "when": "yesterday", "of": {"1": "a", "2": "bc"}}),
        &[
            "argument `id`: expected a UUID like \"67e55044-10b1-426f-9247-bb680e5fe0c8\", got the string \"5\"",
            "argument `when`: expected a date like \"2026-11-29\", got the string \"yesterday\"",
            "argument `of.2`: a length of 2 is not in 1..=1",
        ],
    )
    .await;
    let id = "00000000-0000-0000-0000-000000000000";
    refused(
        "ids",
        json!({"id": id, "of": {"1": "a", "a b": "d"}}),
        &["argument `of`: the key \"a b\": expected a whole number from 0 to 65535, got the string \"a b\""],
    )
    .await;
    accepted("ids", json!({"id": id, "of": {"1": "a"}}), &format!("{id}None1")).await;
}

#[tokio::test]
async fn what_the_attribute_asks() {
    let ask = |name: Value, more: Value| {
        let mut arguments = json!({"name": name});
        let more = more.as_object().expect("an object").clone();
        arguments.as_object_mut().expect("an object").extend(more);
        arguments
    };
    for (name, more, expected) in [
        ("", json!({}), "argument `name`: a length of 0 is not in 1..=5"),
        (
            "ab1",
            json!({}),
            "argument `name`: the string \"ab1\" does not match the pattern `^[a-z]*$`",
        ),
        (
            "a",
            json!({"parts": "1, 2"}),
            "argument `parts`: expected an array, got the string \"1, 2\"",
        ),
        ("a", json!({"parts": [1]}), "argument `parts`: a length of 1 is not in 2.."),
        (
            "a",
            json!({"labels": {"a": 1, "b": 2}}),
            "argument `labels`: a length of 2 is not in ..2",
        ),
        ("a", json!({"level": 0}), "argument `level`: 0 is not in 1..=9"),
        // One sentence, though the type of the argument has something to say, too.
        ("a", json!({"level": 256}), "argument `level`: 256 is not in 1..=9"),
    ] {
        refused("import", ask(json!(name), more), &[expected]).await;
    }
    refused(
        "import",
        json!({"name": "ABCDEF", "parts": ["x"]}),
        &[
            "argument `name`: a length of 6 is not in 1..=5",
            "argument `name`: the string \"ABCDEF\" does not match the pattern `^[a-z]*$`",
            "argument `parts`: a length of 1 is not in 2..",
            "argument `parts[0]`: expected a whole number, got the string \"x\"",
        ],
    )
    .await;
    accepted("import", ask(json!("abcde"), json!({"labels": {"ä": 1}})), "abcde013").await;
}

#[tokio::test]
async fn numbers_of_json() {
    accepted("import", json!({"name": "a", "level": 5.0}), "a005").await;
    accepted("import", json!({"name": "a", "level": null, "parts": null}), "a003").await;
    refused(
        "import",
        json!({"name": "a", "level": 5.5}),
        &["argument `level`: expected a whole number, got the number 5.5"],
    )
    .await;
}

#[tokio::test]
async fn a_flood_of_problems_is_cut_short() {
    let filters: Vec<u8> = vec![0; 100_000];
    let source = json!({"kind": "file", "path": ""});
    let (text, _) =
        connect().await.ask("search", json!({"filters": filters, "source": source})).await;
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 21);
    assert_eq!(lines[0], "argument `filters[0]`: expected an object, got the number 0");
    assert_eq!(lines[20], "there are more problems than these");

    let unknown: serde_json::Map<String, Value> =
        (0..100_000).map(|i| (format!("unknown{i}"), Value::Null)).collect();
    let (text, _) = connect().await.ask("depth", unknown.into()).await;
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 21);
    assert_eq!(lines[0], "argument `tree` is missing");
    assert_eq!(lines[20], "there are more problems than these");
}

#[tokio::test]
async fn a_huge_key_is_not_repeated() {
    let levels = json!({"x".repeat(1 << 20): 5, "y".repeat(1 << 20): [1, 2]});
    let source = json!({"kind": "file", "path": ""});
    let arguments = json!({"filters": [], "source": source, "levels": levels});
    let (text, is_error) = connect().await.ask("search", arguments).await;
    assert!(is_error);
    assert_eq!(text.len(), 523, "{text}");
}

#[derive(Deserialize, JsonSchema)]
#[serde(untagged)]
#[allow(dead_code, reason = "it is only read")]
enum Size {
    Square { side: u8 },
    Box { width: u8, height: u8 },
}

#[derive(Deserialize, JsonSchema)]
#[allow(dead_code, reason = "it is only read")]
struct Place {
    #[serde(alias = "town")]
    city: String,
    number: u8,
    #[serde(default)]
    #[schemars(schema_with = "digits")]
    grade: u8,
}

#[derive(Deserialize, JsonSchema)]
#[serde(try_from = "u8")]
struct Digit(u8);

impl TryFrom<u8> for Digit {
    type Error = String;

    fn try_from(number: u8) -> Result<Self, String> {
        if number < 4 { Ok(Self(number)) } else { Err(format!("{number} is none")) }
    }
}

fn digits(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    schemars::json_schema!({"enum": [1, 2, 3]})
}

#[mcpc::tool]
async fn odd(
    size: Option<Size>,
    place: Option<Place>,
    digit: Option<Digit>,
    key: Option<BTreeMap<u8, bool>>,
    #[arg(default = Some(5))] five: Option<u8>,
    #[arg(default = "five")] text: Option<String>,
    large: Option<i64>,
) -> String {
    let digit = digit.map(|digit| digit.0);
    drop((size, place, key));
    format!("{digit:?} {five:?} {text:?} {large:?}")
}

#[tokio::test]
async fn what_types_may_ask() {
    for (arguments, expected) in [
        (json!({"size": {"side": 256}}), "argument `size.side`: 256 is not in 0..=255"),
        (json!({"size": {"width": 5}}), "argument `size.height` is missing"),
        (
            json!({"place": {"town": "x", "number": 300}}),
            "argument `place.number`: 300 is not in 0..=255",
        ),
        (json!({"place": {"number": 3}}), "argument `place.city` is missing"),
        (
            json!({"key": {"+7": true}}),
            "argument `key`: the key \"+7\": expected a whole number from 0 to 255, got the string \"+7\"",
        ),
        (json!({"digit": 5}), "argument `digit`: 5 is none"),
        (
            json!({"digit": 9, "place": "Bern"}),
            "argument `place`: expected an object, got the string \"Bern\"\nargument `digit`: 9 is none",
        ),
        (
            json!({"place": {"city": "x", "number": 300, "grade": 9}}),
            "argument `place.number`: 300 is not in 0..=255\nargument `place.grade`: expected one of `1`, `2`, `3`, got the number 9",
        ),
        (json!({"size": {"z": 1}}), "argument `size.side` is missing"),
    ] {
        let mut client = Plain::connect(Server::new("odd").tools(tools![odd])).await;
        assert_eq!(client.ask("odd", arguments).await, (expected.to_owned(), true));
    }
    let mut client = Plain::connect(Server::new("odd").tools(tools![odd])).await;
    for (arguments, expected) in [
        (json!({}), "None Some(5) Some(\"five\") None"),
        (json!({"five": null, "text": null}), "None None None None"),
        (
            json!({"place": {"town": "x", "number": 3}, "digit": 2}),
            "Some(2) Some(5) Some(\"five\") None",
        ),
        (json!({"large": 1e17}), "None Some(5) Some(\"five\") Some(100000000000000000)"),
    ] {
        assert_eq!(client.ask("odd", arguments).await, (expected.to_owned(), false));
    }
}

#[tokio::test]
async fn a_call_shows_its_ids_and_its_client() {
    let mut client = connect().await;
    let (text, _) = client.ask("who", json!({})).await;
    assert_eq!(
        parse(&text),
        json!({"session": "default", "task": null, "client": "raw", "request": "ask"})
    );
    let (text, _) = client.ask("who", in_task("t", json!({}))).await;
    let expected = json!({"session": "s", "task": "t", "client": "raw", "request": "ask"});
    assert_eq!(parse(&text), expected);
    client.start("t7", "who_later", json!({})).await;
    let expected = json!({"session": "s", "task": "t7", "client": "raw", "request": "t7"});
    assert_eq!(client.task().await[1], ("complete".to_owned(), expected));
}

#[derive(Deserialize, JsonSchema)]
#[allow(dead_code, reason = "it is only read")]
struct Order {
    #[schemars(range(min = 1, max = 99))]
    quantity: u8,
    #[schemars(length(max = 5), regex(pattern = "^[a-z]+$"))]
    code: Option<String>,
    #[serde(alias = "orders", default)]
    parts: Vec<Order>,
}

#[mcpc::tool]
async fn order(order: Order, #[arg(default)] plain: u8) -> u8 {
    order.quantity + plain
}

#[tokio::test]
async fn limits_inside_of_a_type_are_checked_too() {
    let mut client = Plain::connect(Server::new("orders").tools(tools![order])).await;
    for (order, expected) in [
        (json!({"quantity": 100}), "argument `order.quantity`: 100 is not in 1..=99"),
        (json!({"quantity": 0}), "argument `order.quantity`: 0 is not in 1..=99"),
        (
            json!({"quantity": 1, "code": "abcdef"}),
            "argument `order.code`: a length of 6 is not in ..=5",
        ),
        (
            json!({"quantity": 1, "parts": [{"quantity": 1, "code": "A"}]}),
            "argument `order.parts[0].code`: the string \"A\" does not match the pattern `^[a-z]+$`",
        ),
    ] {
        assert_eq!(
            client.ask("order", json!({ "order": order })).await,
            (expected.to_owned(), true)
        );
    }
    // However many are fine before the one that is not.
    let mut parts = vec![json!({"quantity": 1}); 30_000];
    parts.push(json!({"quantity": 0}));
    let order = json!({"quantity": 1, "parts": parts});
    let expected = "argument `order.parts[30000].quantity`: 0 is not in 1..=99".to_owned();
    assert_eq!(client.ask("order", json!({ "order": order })).await, (expected, true));
    // What the type takes beyond its schema, it takes.
    let order = json!({"quantity": 9, "code": null, "orders": [{"quantity": 1, "code": "a"}]});
    assert_eq!(client.ask("order", json!({ "order": order })).await, ("9".to_owned(), false));
}

#[derive(Deserialize, JsonSchema)]
#[allow(dead_code, reason = "it is only read")]
struct Letter {
    #[schemars(email, length(max = 64))]
    to: String,
    #[serde(default)]
    #[schemars(inner(url))]
    links: Vec<String>,
    #[serde(default)]
    #[schemars(range(max = 9))]
    weight: u8,
}

#[mcpc::tool]
async fn letter(letter: Letter) -> u8 {
    letter.weight
}

/// Its type is a string, and takes any text.
#[tokio::test]
async fn limits_beside_a_format_are_checked_whatever_the_text_is() {
    let mut client = Plain::connect(Server::new("letters").tools(tools![letter])).await;
    let too_long = "argument `letter.to`: a length of 65 is not in ..=64";
    let too_heavy = "argument `letter.weight`: 10 is not in 0..=9";
    for (letter, expected) in [
        (json!({"to": "a".repeat(65)}), too_long),
        (json!({"to": format!("{}@b", "a".repeat(63))}), too_long),
        (json!({"to": "a", "weight": 10}), too_heavy),
        (json!({"to": "a", "links": vec!["b"; 100], "weight": 10}), too_heavy),
    ] {
        let answer = client.ask("letter", json!({ "letter": letter })).await;
        assert_eq!(answer, (expected.to_owned(), true), "{letter}");
    }
    let letter = json!({"to": "a", "links": vec!["b"; 100], "weight": 9});
    assert_eq!(client.ask("letter", json!({ "letter": letter })).await, ("9".to_owned(), false));
}

/// Has no error for a value that is not there.
struct Certain(u8);

impl<'de> Deserialize<'de> for Certain {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let number = u8::deserialize(deserializer);
        Ok(Self(number.unwrap_or_else(|error| panic!("somebody must have written it: {error}"))))
    }
}

impl JsonSchema for Certain {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Certain".into()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        u8::json_schema(generator)
    }
}

#[mcpc::tool]
async fn certain(number: Certain, #[arg(default = Certain(5))] other: Certain) -> u8 {
    number.0 + other.0
}

#[tokio::test]
async fn what_panics_when_it_is_read_from_nothing_cannot_be_left_out() {
    let mut client = Plain::connect(Server::new("certain").tools(tools![certain])).await;
    assert_eq!(client.list().await[0]["inputSchema"]["required"], json!(["number"]));
    let missing = ("argument `number` is missing".to_owned(), true);
    assert_eq!(client.ask("certain", json!({})).await, missing);
    assert_eq!(client.ask("certain", json!({"number": 2})).await, ("7".to_owned(), false));
}

#[mcpc::tool]
async fn literals(
    #[arg(default = -6, range = -9..0)] number: Option<i8>,
    #[arg(default = true)] flag: Option<bool>,
    #[arg(default = 'x')] letter: Option<char>,
    #[arg(default = Some(0.5))] float: Option<f64>,
) -> String {
    format!("{number:?} {flag:?} {letter:?} {float:?}")
}

#[tokio::test]
async fn a_literal_is_the_default_of_what_is_optional() {
    let mut client = Plain::connect(Server::new("literals").tools(tools![literals])).await;
    let schema = &client.list().await[0]["inputSchema"];
    assert_eq!(schema.get("required"), None);
    let default = |name: &str| schema["properties"][name]["default"].clone();
    let defaults = ["number", "flag", "letter", "float"].map(default);
    assert_eq!(defaults, [json!(-6), json!(true), json!("x"), json!(0.5)]);
    for (arguments, expected) in [
        (json!({}), "Some(-6) Some(true) Some('x') Some(0.5)"),
        (json!({"number": -1, "flag": null, "letter": "y"}), "Some(-1) None Some('y') Some(0.5)"),
    ] {
        assert_eq!(client.ask("literals", arguments).await, (expected.to_owned(), false));
    }
}
