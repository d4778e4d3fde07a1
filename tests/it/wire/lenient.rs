//! Arguments as models and hosts write them, and what a tool gets of them.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use mcpc::{Server, tools};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::support::messages::call_written;
use crate::support::{Plain, Wire, texts};

#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct User {
    name: String,
    age: Option<u8>,
    #[serde(default = "five")]
    level: u8,
    #[serde(default)]
    tags: Vec<String>,
}

fn five() -> u8 {
    5
}

#[derive(Debug, Deserialize, JsonSchema)]
#[allow(dead_code, reason = "it is shown as a whole")]
struct Article {
    tags: Vec<String>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Level {
    Low,
    High,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
#[allow(dead_code, reason = "it is shown as a whole")]
enum NumberOrText {
    Number(u8),
    Text(String),
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
#[allow(dead_code, reason = "it is shown as a whole")]
enum NumberOrNumbers {
    Number(u8),
    Numbers(Vec<u8>),
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "lowercase")]
#[allow(dead_code, reason = "it is shown as a whole")]
enum Shape {
    Circle { radius: u8 },
    Square { side: f64, tilted: Option<bool> },
}

#[derive(Debug, Deserialize, JsonSchema)]
#[allow(dead_code, reason = "it is shown as a whole")]
enum Target {
    Stdout,
    Disk(u8),
}

#[derive(Debug, Deserialize, JsonSchema)]
#[allow(dead_code, reason = "it is shown as a whole")]
struct Tree {
    size: u8,
    #[serde(default)]
    children: Vec<Tree>,
}

/// A list of itself.
#[derive(Debug, Deserialize, JsonSchema)]
#[allow(dead_code, reason = "it is shown as a whole")]
struct Nest(Vec<Nest>);

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
#[allow(dead_code, reason = "it is shown as a whole")]
enum NumberOrNest {
    Number(u8),
    Nest(Vec<NumberOrNest>),
}

/// Each of its values may be meant in many ways.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
#[allow(dead_code, reason = "it is shown as a whole")]
enum Maze {
    Left { way: Box<Maze> },
    Right { way: Box<Maze>, marks: Option<u8> },
    Back { way: Vec<Maze> },
    End { way: Vec<u8> },
}

macro_rules! takes {
    ($($name:ident: $(#[$arg:meta])? $ty:ty),* $(,)?) => {
        $(
            #[mcpc::tool]
            async fn $name($(#[$arg])? value: $ty) -> String {
                format!("{value:?}")
            }
        )*

        fn server() -> Server {
            Server::new("lenient").tools(tools![$($name),*])
        }
    };
}

takes! {
    byte: u8,
    signed: i64,
    wide: i128,
    float: f64,
    flag: bool,
    text: String,
    anything: Value,
    level: Level,
    maybe_byte: Option<u8>,
    maybe_text: Option<String>,
    maybe_level: Option<Level>,
    maybe_user: Option<User>,
    maybe_bytes: Option<Vec<u8>>,
    maybe_words: Option<Vec<String>>,
    words_or_none: Vec<Option<String>>,
    article: Article,
    bytes: Vec<u8>,
    bytes_of_bytes: Vec<Vec<u8>>,
    queue: VecDeque<u8>,
    set: BTreeSet<u8>,
    words: Vec<String>,
    values: Vec<Value>,
    users: Vec<User>,
    pair: (u8, u8),
    array: [u8; 1],
    map: BTreeMap<String, u8>,
    user: User,
    number_or_text: NumberOrText,
    number_or_numbers: NumberOrNumbers,
    shape: Shape,
    shapes: Vec<Shape>,
    target: Target,
    tree: Tree,
    nest: Nest,
    number_or_nest: NumberOrNest,
    maze: Maze,
    default_byte: #[arg(default = 7, range = 1..=9)] u8,
    default_text: #[arg(default = "seven")] String,
    default_words: #[arg(default)] Vec<String>,
    default_maybe: #[arg(default = Some(7))] Option<u8>,
}

/// What a tool got, or what was answered instead.
async fn got(client: &mut Plain, tool: &str, value: &Value) -> String {
    client.ask(tool, json!({ "value": value })).await.0
}

/// Each value, what the tool gets of it, and what is said where arguments are exact.
async fn table(rows: &[(&str, Value, &str, &str)]) {
    let mut lenient = Plain::connect(server()).await;
    let mut exact = Plain::connect(server().exact_arguments(true)).await;
    for (tool, value, expected, refusal) in rows {
        assert_eq!(got(&mut lenient, tool, value).await, *expected, "{tool} {value}");
        let refusal = match *refusal {
            "" => (*expected).to_owned(),
            refusal => format!("argument `value`: {refusal}"),
        };
        assert_eq!(got(&mut exact, tool, value).await, refusal, "exact: {tool} {value}");
    }
}

#[tokio::test]
async fn a_text_is_taken_for_the_value_that_it_is() {
    table(&[
        ("byte", json!("5"), "5", r#"expected a whole number, got the string "5""#),
        ("byte", json!("5.0"), "5", r#"expected a whole number, got the string "5.0""#),
        ("byte", json!("5e1"), "50", r#"expected a whole number, got the string "5e1""#),
        ("signed", json!("-0"), "0", r#"expected a whole number, got the string "-0""#),
        ("float", json!("1.5"), "1.5", r#"expected a number, got the string "1.5""#),
        ("float", json!("5"), "5.0", r#"expected a number, got the string "5""#),
        ("flag", json!("true"), "true", r#"expected true or false, got the string "true""#),
        ("bytes", json!("[1, 2]"), "[1, 2]", r#"expected an array, got the string "[1, 2]""#),
        ("pair", json!("[1,2]"), "(1, 2)", r#"expected an array, got the string "[1,2]""#),
        ("array", json!("[1]"), "[1]", r#"expected an array, got the string "[1]""#),
        (
            "map",
            json!(r#"{"a":1}"#),
            r#"{"a": 1}"#,
            r#"expected an object, got the string "{\"a\":1}""#,
        ),
        (
            "shape",
            json!(r#"{"kind":"circle","radius":"5"}"#),
            "Circle { radius: 5 }",
            r#"expected an object, got the string "{\"kind\":\"circle\",\"radius\":\"5\"}""#,
        ),
        (
            "target",
            json!(r#"{"Disk":"5"}"#),
            "Disk(5)",
            r#"the string "{\"Disk\":\"5\"}" is none of `Stdout`, `Disk`"#,
        ),
        (
            "number_or_numbers",
            json!("[1]"),
            "Numbers([1])",
            r#"expected a whole number or an array, got the string "[1]""#,
        ),
        (
            "number_or_numbers",
            json!("1"),
            "Number(1)",
            r#"expected a whole number or an array, got the string "1""#,
        ),
        ("maybe_byte", json!("5"), "Some(5)", r#"expected a whole number, got the string "5""#),
        ("default_byte", json!("5"), "5", r#"expected a whole number, got the string "5""#),
    ])
    .await;
}

#[tokio::test]
async fn what_may_be_a_string_stays_one() {
    table(&[
        ("text", json!("5"), r#""5""#, ""),
        ("text", json!("[1]"), r#""[1]""#, ""),
        ("anything", json!("5"), r#"String("5")"#, ""),
        ("number_or_text", json!("5"), r#"Text("5")"#, ""),
        ("maybe_text", json!("null"), r#"Some("null")"#, ""),
        ("maybe_text", json!(""), r#"Some("")"#, ""),
        ("default_text", json!("null"), r#""null""#, ""),
        ("words", json!(["5", "[1]"]), r#"["5", "[1]"]"#, ""),
        ("values", json!(["5"]), r#"[String("5")]"#, ""),
    ])
    .await;
    let mut client = Plain::connect(server()).await;
    for (tool, value, expected) in [
        // Beside what is mended, too.
        (
            "user",
            json!({"name": "5", "age": "6"}),
            r#"User { name: "5", age: Some(6), level: 5, tags: [] }"#,
        ),
        ("level", json!("5"), r#"argument `value`: the string "5" is none of `low`, `high`"#),
        (
            "level",
            json!("\"low\""),
            r#"argument `value`: the string "\"low\"" is none of `low`, `high`; did you mean `low`?"#,
        ),
    ] {
        assert_eq!(got(&mut client, tool, &value).await, expected, "{tool} {value}");
    }
}

#[tokio::test]
async fn a_text_with_anything_around_the_value_is_not_taken() {
    let mut client = Plain::connect(server()).await;
    for text in [
        "5 ", " 5", "\n5", "5x", "[5", "0x5", "05", "+5", "5.", ".5", "5.5", "NaN", "1e400",
        "\"5\"", "٥", "true", "[5]",
    ] {
        let shown = Value::from(text);
        let expected = format!("argument `value`: expected a whole number, got the string {shown}");
        assert_eq!(got(&mut client, "byte", &shown).await, expected);
    }
    for text in ["True", "yes", "1", "true "] {
        let shown = Value::from(text);
        let expected = format!("argument `value`: expected true or false, got the string {shown}");
        assert_eq!(got(&mut client, "flag", &shown).await, expected);
    }
    for (text, more) in [
        (r#" {"name":"a"}"#, ""),
        ("{name: 'a'}", ", which is not JSON"),
        (r#"{"name":"a"}}"#, ", which is not JSON"),
        ("[]", ""),
    ] {
        let shown = Value::from(text);
        let expected =
            format!("argument `value`: expected an object, got the string {shown}{more}");
        assert_eq!(got(&mut client, "user", &shown).await, expected);
    }
}

#[tokio::test]
async fn whole_numbers_in_a_text_arrive_exactly() {
    let mut client = Plain::connect(server()).await;
    for number in [
        "170141183460469231731687303715884105727",
        "-170141183460469231731687303715884105728",
        "18446744073709551617",
        "9007199254740993",
    ] {
        assert_eq!(got(&mut client, "wide", &json!(number)).await, number);
    }
    let below = "-170141183460469231731687303715884105729";
    let limits =
        "-170141183460469231731687303715884105728..=170141183460469231731687303715884105727";
    let expected = format!("argument `value`: {below} is not in {limits}");
    assert_eq!(got(&mut client, "wide", &json!(below)).await, expected);
    // A text and a number, each in the other's neighbourhood.
    let mut client = Plain::connect(Server::new("wide").tools(tools![wides])).await;
    let arguments = r#"{"value":["36893488147419103233",36893488147419103235]}"#;
    client.send(&call_written("ask", "wides", arguments)).await;
    assert_eq!(texts(&client.value().await), ["[36893488147419103233, 36893488147419103235]"]);
    // Over rmcp's own transport, too: it keeps no text of a message, but a string is one.
    let mut client = Plain::begin(Wire::open_over_rmcp(server())).await;
    assert_eq!(
        got(&mut client, "wide", &json!("36893488147419103233")).await,
        "36893488147419103233"
    );
}

#[mcpc::tool]
async fn wides(value: Vec<u128>) -> String {
    format!("{value:?}")
}

#[tokio::test]
async fn what_stands_in_a_text_is_checked_as_ever() {
    let mut client = Plain::connect(server()).await;
    for (tool, value, expected) in [
        ("byte", json!("300"), "argument `value`: 300 is not in 0..=255"),
        ("default_byte", json!("10"), "argument `value`: 10 is not in 1..=9"),
        ("map", json!(r#"{"a":300}"#), "argument `value.a`: 300 is not in 0..=255"),
        (
            "user",
            json!(r#"{"age":"300","nam":"x"}"#),
            "argument `value.name` is missing\n\
             argument `value.age`: 300 is not in 0..=255\n\
             unknown argument `value.nam`; did you mean `name`?",
        ),
        (
            "words",
            json!("[1]"),
            "argument `value[0]`: expected a string, got the number 1; send it as a string: \"1\"",
        ),
        (
            "bytes",
            json!(["1", "x"]),
            "argument `value[1]`: expected a whole number, got the string \"x\"",
        ),
        (
            "shape",
            json!(r#"{"kind":"triangle"}"#),
            "argument `value.kind`: the string \"triangle\" is none of `circle`, `square`",
        ),
    ] {
        assert_eq!(got(&mut client, tool, &value).await, expected, "{tool} {value}");
    }
}

#[tokio::test]
async fn texts_are_taken_inside_of_values_too() {
    let mut client = Plain::connect(server()).await;
    for (tool, value, expected) in [
        ("bytes", json!(["1", 2, "3"]), "[1, 2, 3]"),
        ("bytes_of_bytes", json!(["[1]", ["2"]]), "[[1], [2]]"),
        ("map", json!({"a": "1"}), r#"{"a": 1}"#),
        (
            "users",
            json!(["{\"name\":\"a\",\"age\":\"1\"}", {"name": "b", "tags": "[\"x\"]"}]),
            "[User { name: \"a\", age: Some(1), level: 5, tags: [] }, \
             User { name: \"b\", age: None, level: 5, tags: [\"x\"] }]",
        ),
        (
            "shape",
            json!({"kind": "square", "side": "1.5", "tilted": "false"}),
            "Square { side: 1.5, tilted: Some(false) }",
        ),
        (
            "tree",
            json!({"size": "1", "children": [{"size": "2", "children": "[{\"size\":\"3\"}]"}]}),
            "Tree { size: 1, children: [Tree { size: 2, children: [Tree { size: 3, children: [] }] }] }",
        ),
    ] {
        assert_eq!(got(&mut client, tool, &value).await, expected, "{tool} {value}");
    }
}

#[tokio::test]
async fn nothing_is_said_in_several_ways() {
    let not = |wanted: &str, came: &str| format!("expected {wanted}, got the string {came}");
    let number = [not("a whole number", "\"\""), not("a whole number", "\"null\"")];
    let list = not("an array", "\"\"");
    let object = not("an object", "\"null\"");
    table(&[
        ("maybe_byte", json!(null), "None", ""),
        ("maybe_byte", json!(""), "None", &number[0]),
        ("maybe_byte", json!("null"), "None", &number[1]),
        ("maybe_bytes", json!(""), "None", &list),
        ("maybe_user", json!("null"), "None", &object),
        ("maybe_text", json!(null), "None", ""),
        ("maybe_level", json!(""), "None", "the string \"\" is none of `low`, `high`"),
        ("default_byte", json!(null), "7", ""),
        ("default_byte", json!(""), "7", &number[0]),
        ("default_byte", json!("null"), "7", &number[1]),
        ("default_words", json!(""), "[]", &list),
        ("default_maybe", json!(null), "None", ""),
        ("default_maybe", json!(""), "None", &number[0]),
    ])
    .await;
    let mut client = Plain::connect(server()).await;
    for (tool, value) in [("byte", json!("")), ("byte", json!("null")), ("byte", json!(null))] {
        let came = if value.is_null() { "null".to_owned() } else { format!("the string {value}") };
        let expected = format!("argument `value`: expected a whole number, got {came}");
        assert_eq!(got(&mut client, tool, &value).await, expected, "{value}");
    }
}

#[tokio::test]
async fn nothing_for_a_field_with_a_default_is_as_if_it_were_left_out() {
    let mut lenient = Plain::connect(server()).await;
    let mut exact = Plain::connect(server().exact_arguments(true)).await;
    for (value, expected, refusal) in [
        (
            json!({"name": "a", "level": null, "tags": null}),
            r#"User { name: "a", age: None, level: 5, tags: [] }"#,
            "argument `value.level`: expected a whole number, got null\n\
             argument `value.tags`: expected an array, got null",
        ),
        (
            json!({"name": "a", "level": "", "age": "null", "tags": ""}),
            r#"User { name: "a", age: None, level: 5, tags: [] }"#,
            "argument `value.level`: expected a whole number, got the string \"\"\n\
             argument `value.age`: expected a whole number, got the string \"null\"\n\
             argument `value.tags`: expected an array, got the string \"\"",
        ),
        (
            json!({"name": null}),
            "argument `value.name`: expected a string, got null",
            "argument `value.name`: expected a string, got null",
        ),
    ] {
        assert_eq!(got(&mut lenient, "user", &value).await, expected, "{value}");
        assert_eq!(got(&mut exact, "user", &value).await, refusal, "exact: {value}");
    }
}

#[tokio::test]
async fn a_lone_item_is_taken_for_a_list() {
    let user = r#"[User { name: "a", age: None, level: 5, tags: ["x"] }]"#;
    table(&[
        ("words", json!("a"), r#"["a"]"#, r#"expected an array, got the string "a""#),
        ("words", json!("[\"a\"]"), r#"["a"]"#, r#"expected an array, got the string "[\"a\"]""#),
        ("words", json!("5"), r#"["5"]"#, r#"expected an array, got the string "5""#),
        ("bytes", json!(5), "[5]", "expected an array, got the number 5"),
        ("bytes", json!("5"), "[5]", r#"expected an array, got the string "5""#),
        ("queue", json!(5), "[5]", "expected an array, got the number 5"),
        ("set", json!(5), "{5}", "expected an array, got the number 5"),
        ("bytes_of_bytes", json!(5), "[[5]]", "expected an array, got the number 5"),
        ("maybe_bytes", json!(5), "Some([5])", "expected an array, got the number 5"),
        (
            "values",
            json!({"a": 1}),
            r#"[Object {"a": Number(1)}]"#,
            "expected an array, got an object",
        ),
        ("users", json!({"name": "a", "tags": "x"}), user, "expected an array, got an object"),
        (
            "users",
            json!("{\"name\":\"a\",\"tags\":\"x\"}"),
            user,
            r#"expected an array, got the string "{\"name\":\"a\",\"tags\":\"x\"}""#,
        ),
    ])
    .await;
    let mut client = Plain::connect(server()).await;
    for (tool, value, expected) in [
        ("bytes", json!("x"), "argument `value`: expected an array, got the string \"x\""),
        ("bytes", json!(null), "argument `value`: expected an array, got null"),
        ("users", json!(5), "argument `value`: expected an array, got the number 5"),
        (
            "users",
            json!({"age": 300}),
            "argument `value[0].name` is missing\nargument `value[0].age`: 300 is not in 0..=255",
        ),
        ("pair", json!(5), "argument `value`: expected an array, got the number 5"),
        ("array", json!(5), "argument `value`: expected an array, got the number 5"),
    ] {
        assert_eq!(got(&mut client, tool, &value).await, expected, "{tool} {value}");
    }
}

/// A list that is required: what may be left out is as if it were.
#[tokio::test]
async fn a_text_that_says_nothing_or_is_half_a_list_is_not_the_only_item_of_one() {
    let mut lenient = Plain::connect(server()).await;
    let mut exact = Plain::connect(server().exact_arguments(true)).await;
    for (text, more) in [
        ("", ""),
        ("null", ""),
        ("[a", ", which is not JSON"),
        ("[\"a\",", ", which is not JSON"),
        ("['a', 'b']", ", which is not JSON"),
        (" [\"a\"", ", which is not JSON"),
        ("{\"a\":", ", which is not JSON"),
        ("{a: 1}", ", which is not JSON"),
        // JSON, but not from its first character to its last.
        (" [\"a\"]", ""),
    ] {
        let value = json!(text);
        let sentence = format!("expected an array, got the string {value}{more}");
        for (tool, place) in [("words", "value"), ("words_or_none", "value"), ("values", "value")] {
            let expected = format!("argument `{place}`: {sentence}");
            assert_eq!(got(&mut lenient, tool, &value).await, expected, "{tool} {value}");
            assert_eq!(got(&mut exact, tool, &value).await, expected, "exact: {tool} {value}");
        }
        let expected = format!("argument `value.tags`: {sentence}");
        let article = json!({ "tags": value });
        assert_eq!(got(&mut lenient, "article", &article).await, expected, "{article}");
    }
    for (tool, value, expected) in [
        ("maybe_words", json!(""), "None"),
        ("maybe_words", json!("null"), "None"),
        ("default_words", json!("null"), "[]"),
        ("words", json!(["", "null", "[a"]), r#"["", "null", "[a"]"#),
        ("words", json!(r#"{"a":1}"#), r#"["{\"a\":1}"]"#),
        ("words", json!("a[0]"), r#"["a[0]"]"#),
    ] {
        assert_eq!(got(&mut lenient, tool, &value).await, expected, "{tool} {value}");
    }
}

#[tokio::test]
async fn a_list_of_itself_has_an_end() {
    let mut client = Plain::connect(server()).await;
    for (tool, value, expected) in [
        ("nest", json!("[[]]"), "Nest([Nest([])])"),
        ("nest", json!(["[]"]), "Nest([Nest([])])"),
        ("nest", json!(5), "argument `value`: expected an array, got the number 5"),
        ("number_or_nest", json!(["5", 6]), "Nest([Number(5), Number(6)])"),
        (
            "number_or_nest",
            json!("x"),
            "argument `value`: expected a whole number or an array, got the string \"x\"",
        ),
    ] {
        assert_eq!(got(&mut client, tool, &value).await, expected, "{tool} {value}");
    }
    // Texts in texts are no way to a value that is deeper than one can be sent.
    let deep = |inside: &str| format!("{}{inside}{}", "[".repeat(100), "]".repeat(100));
    let text = (0..10).fold(String::new(), |text, _| deep(&Value::from(text).to_string()));
    let answer = got(&mut client, "nest", &json!(text)).await;
    assert!(answer.contains("expected an array, got a string"), "{answer}");
}

#[tokio::test]
async fn of_several_ways_to_mean_a_value_one_is_found() {
    let mut client = Plain::connect(server()).await;
    let maze = |end: &str| (0..3).fold(json!({ "way": end }), |inside, _| json!({ "way": inside }));
    let end = "Left { way: Left { way: Left { way: End { way: [5] } } } }";
    assert_eq!(got(&mut client, "maze", &maze("[\"5\"]")).await, end);
    let (answer, is_error) = client.ask("maze", json!({ "value": maze("[\"x\"]") })).await;
    assert!(is_error && answer.starts_with("argument `value"), "{answer}");
}

/// A list that has more items than problems are looked for.
#[tokio::test]
async fn a_long_list_is_taken_to_its_end() {
    let list: Vec<String> = (0..100_000).map(|number| (number % 256).to_string()).collect();
    let mut client = Plain::connect(server()).await;
    let text = got(&mut client, "bytes", &json!(list)).await;
    assert!(text.starts_with("[0, 1, ") && text.ends_with("158, 159]"), "{}", &text[..100]);
    let shapes = vec![json!(r#"{"kind":"square","side":"1"}"#); 1000];
    let text = got(&mut client, "shapes", &json!(shapes)).await;
    let expected = vec!["Square { side: 1.0, tilted: None }"; 1000].join(", ");
    assert_eq!(text, format!("[{expected}]"));
}

#[mcpc::tool]
async fn add(a: i64, b: i64) -> i64 {
    a + b
}

#[mcpc::tool]
async fn act(action: String, #[arg(rename = "chatInput")] chat_input: Option<String>) -> String {
    format!("{action} {chat_input:?}")
}

fn host() -> Server {
    Server::new("host").tools(tools![add, act])
}

fn with(mut arguments: Value, more: Value) -> Value {
    let more = more.as_object().expect("an object").clone();
    arguments.as_object_mut().expect("an object").extend(more);
    arguments
}

#[tokio::test]
async fn what_a_host_adds_to_every_call_is_dropped() {
    let host_adds =
        json!({"sessionId": "s", "action": "send", "chatInput": "hi", "toolCallId": "c"});
    let mut lenient = Plain::connect(host()).await;
    let mut exact = Plain::connect(host().exact_arguments(true)).await;
    let numbers = json!({"a": 2, "b": 40});
    let call = with(numbers.clone(), host_adds.clone());
    assert_eq!(lenient.ask("add", call.clone()).await, ("42".to_owned(), false));
    let unknown =
        |name: &str, known: &str| format!("unknown argument `{name}`; expected one of {known}");
    let all =
        ["sessionId", "action", "chatInput", "toolCallId"].map(|name| unknown(name, "`a`, `b`"));
    assert_eq!(exact.ask("add", call).await, (all.join("\n"), true));
    // What else nobody knows is refused, and so is what does not come together.
    let call = with(with(numbers.clone(), host_adds.clone()), json!({"c": 1}));
    assert_eq!(lenient.ask("add", call).await, (unknown("c", "`a`, `b`"), true));
    let call = with(numbers, json!({"sessionId": "s", "action": "send", "chatInput": "hi"}));
    assert_eq!(lenient.ask("add", call).await, (all[..3].join("\n"), true));
    // A tool gets what it asks for.
    let expected = ("send Some(\"hi\")".to_owned(), false);
    assert_eq!(lenient.ask("act", host_adds).await, expected);
}

#[mcpc::background]
async fn later(value: u8, label: Option<u8>) -> String {
    format!("{value} {label:?}")
}

/// Tasks are started and looked after in the same way.
#[tokio::test]
async fn it_is_so_for_tasks_too() {
    let mut client = Plain::connect(Server::new("tasks").tools(tools![later])).await;
    let host_adds =
        json!({"sessionId": "s", "action": "send", "chatInput": "hi", "toolCallId": "c"});
    let call = with(json!({"value": "5", "label": ""}), host_adds.clone());
    assert_eq!(client.ask("later", call).await, ("5 None".to_owned(), false));
    let (answer, _) = client.ask("check_task", with(json!({"task_id": "x"}), host_adds)).await;
    assert!(answer.contains("task") && !answer.contains("argument"), "{answer}");
}

#[tokio::test]
async fn arguments_that_nobody_knows_may_be_ignored() {
    let mut client = Plain::connect(server().ignore_unknown_arguments(true)).await;
    for tool in client.list().await {
        assert_eq!(tool["inputSchema"].get("additionalProperties"), None, "{tool}");
    }
    let ask = client.ask("byte", json!({"value": 5, "vale": 6, "_x": [1]})).await;
    assert_eq!(ask, ("5".to_owned(), false));
    let missing = ("argument `value` is missing".to_owned(), true);
    assert_eq!(client.ask("byte", json!({"vale": 5})).await, missing);
    // Inside of an argument its type decides.
    let tree = client.ask("tree", json!({"value": {"size": 1, "color": "red"}})).await;
    assert_eq!(tree, ("Tree { size: 1, children: [] }".to_owned(), false));
    let user = client.ask("user", json!({"value": {"name": "a", "color": "red"}})).await;
    let unknown = "unknown argument `value.color`; expected one of `name`, `age`, `level`, `tags`";
    assert_eq!(user, (unknown.to_owned(), true));

    let mut strict = Plain::connect(server()).await;
    let schema = &strict.list().await[0]["inputSchema"];
    assert_eq!(schema["additionalProperties"], false);
    assert!(strict.ask("byte", json!({"value": 5, "vale": 6})).await.1);
}

#[derive(Debug, Deserialize, JsonSchema)]
#[allow(dead_code, reason = "it is shown as a whole")]
struct Account {
    username: String,
    email: String,
}

#[mcpc::tool]
async fn create_user(user: Account) -> String {
    format!("{user:?}")
}

#[mcpc::tool]
async fn write_xml(
    playlists: Vec<u32>,
    #[arg(default = 10)] limit: u32,
    has_label: Option<bool>,
    providers: Vec<String>,
) -> String {
    format!("{playlists:?} {limit} {has_label:?} {providers:?}")
}

/// Lines of two hosts: one whose model writes every argument as a text, and one that adds its own.
#[tokio::test]
async fn hosts_are_understood() {
    let server = Server::new("hosts").tools(tools![create_user, write_xml, add]);
    let mut client = Plain::connect(server).await;
    for (name, arguments, expected) in [
        (
            "create_user",
            r#"{"user":"{\"username\":\"u\",\"email\":\"e\"}"}"#,
            r#"Account { username: "u", email: "e" }"#,
        ),
        (
            "write_xml",
            r#"{"playlists":"[]","limit":"200","has_label":"false","providers":"[\"a\"]"}"#,
            r#"[] 200 Some(false) ["a"]"#,
        ),
        ("write_xml", r#"{"playlists":[],"providers":"a"}"#, r#"[] 10 None ["a"]"#),
        (
            "add",
            r#"{"a":2,"b":40,"sessionId":"s1","action":"sendMessage","chatInput":"hello","toolCallId":"call_1"}"#,
            "42",
        ),
    ] {
        client.send(&call_written("ask", name, arguments)).await;
        assert_eq!(texts(&client.value().await), [expected], "{arguments}");
    }
}

/// Values of types that are never strings.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize, JsonSchema)]
struct Everything {
    byte: u8,
    signed: i64,
    wide: u128,
    float: f64,
    flag: bool,
    maybe: Option<i32>,
    list: Vec<Option<i16>>,
    map: BTreeMap<String, bool>,
    pair: (u8, bool),
    choice: Choice,
    inner: Option<Box<Inner>>,
}

#[derive(Debug, Clone, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(tag = "is")]
enum Choice {
    Number { number: i32 },
    Flags { flags: Vec<bool> },
}

#[derive(Debug, Clone, PartialEq, Deserialize, Serialize, JsonSchema)]
struct Inner {
    text: String,
    number: i8,
}

#[mcpc::tool]
async fn everything(value: Everything) -> String {
    format!("{value:?}")
}

fn any_everything() -> impl Strategy<Value = Everything> {
    let choice = prop_oneof![
        any::<i32>().prop_map(|number| Choice::Number { number }),
        any::<Vec<bool>>().prop_map(|flags| Choice::Flags { flags }),
    ];
    let inner = ("[a-z0-9\"\\[{]{0,4}|null|5|true", any::<i8>())
        .prop_map(|(text, number)| Box::new(Inner { text, number }));
    let numbers = any::<(u8, i64, u64, f64, bool, Option<i32>, (u8, bool))>();
    let list = prop::collection::vec(any::<Option<i16>>(), 0..4);
    let map = prop::collection::btree_map("[a-z\"]{0,3}", any::<bool>(), 0..3);
    (numbers, list, map, choice, prop::option::of(inner)).prop_map(
        |((byte, signed, wide, float, flag, maybe, pair), list, map, choice, inner)| {
            let (wide, float) = (wide.into(), if float.is_finite() { float } else { 0.0 });
            Everything { byte, signed, wide, float, flag, maybe, list, map, pair, choice, inner }
        },
    )
}

/// The same with some of what is not a string as a text, from the inside out. `which` picks them.
fn in_texts(value: Value, key: &str, which: &mut impl FnMut() -> bool) -> Value {
    let value = match value {
        Value::Array(items) => {
            items.into_iter().map(|item| in_texts(item, "", which)).collect::<Vec<_>>().into()
        }
        Value::Object(entries) => Value::Object(
            entries
                .into_iter()
                .map(|(key, value)| {
                    let value = in_texts(value, &key, which);
                    (key, value)
                })
                .collect(),
        ),
        other => other,
    };
    // What may be a string stays one.
    match key == "is" || key == "text" || !which() {
        true => value,
        false => value.to_string().into(),
    }
}

#[test]
fn the_text_of_a_value_is_read_as_the_value() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.expect("a runtime");
    let server = Server::new("everything").tools(tools![everything]);
    let client = tokio::sync::Mutex::new(runtime.block_on(Plain::connect(server)));
    let mut runner = TestRunner::new(Config { failure_persistence: None, ..Config::default() });
    let picks = prop::collection::vec(any::<bool>(), 1..40);
    runner
        .run(&(any_everything(), picks), |(value, picks)| {
            let mut pick = picks.iter().copied().cycle();
            let json = serde_json::to_value(&value).expect("JSON");
            let texts = in_texts(json, "", &mut || pick.next().expect("it goes on for ever"));
            let answer =
                async { client.lock().await.ask("everything", json!({ "value": texts })).await };
            prop_assert_eq!(runtime.block_on(answer), (format!("{value:?}"), false), "{}", texts);
            Ok(())
        })
        .unwrap_or_else(|error| panic!("{error}"));
}
