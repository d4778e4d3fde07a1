//! What a server refuses to be built of.

use std::time::Duration;

use mcpc::rmcp::model::RequestId;
use mcpc::{Sender, Server, State, Tools, tools};
use tokio::io::AsyncReadExt as _;

/// The error of a server that cannot be built, as `main` prints it.
async fn refused(server: Server) -> String {
    let served = server.serve_io(tokio::io::empty(), tokio::io::sink()).await;
    format!("{:?}", served.expect_err("the parts do not fit"))
}

async fn refuses(tools: Tools, expected: &str) {
    assert_eq!(refused(Server::new("parts").tools(tools)).await, expected);
}

#[mcpc::tool]
async fn nap(minutes: u8) -> u8 {
    minutes
}

#[tokio::test]
async fn two_tools_of_one_name_in_different_lists() {
    #[mcpc::tool(name = "nap")]
    async fn other() {}

    let text = refused(Server::new("parts").tools(tools![nap]).tools(tools![other])).await;
    let places: Vec<&str> = text.split("tests/it/building.rs:").collect();
    assert_eq!(places.len(), 3, "{text}");
    assert_eq!(places[0], "two tools are called `nap`: ");
}

#[tokio::test]
async fn a_state_that_nobody_gave() {
    struct Database;
    #[mcpc::tool]
    async fn rows(_database: State<Database>) {}

    let shared = std::sync::Arc::new(std::sync::Mutex::new(7_u16));
    let given = Server::new("parts").state(5_u8).state(shared);
    let text = refused(given.tools(tools![rows])).await;
    let start = "the tool `rows` takes `State<it::building::";
    assert!(text.starts_with(start) && text.contains("::Database>`"), "{text}");
    let end = "give the server one with `Server::state`; it has `u8`, `alloc::sync::Arc<std::sync::poison::mutex::Mutex<u16>>`";
    assert!(text.ends_with(end), "{text}");
    let text = refused(Server::new("parts").tools(tools![rows])).await;
    assert!(text.ends_with("give the server one with `Server::state`"), "{text}");
}

/// What a server keeps, and what could come from a client as well.
#[derive(serde::Deserialize, schemars::JsonSchema)]
struct Config {
    limit: u8,
}

#[tokio::test]
async fn a_state_that_is_taken_for_an_argument() {
    /// Says the limit.
    #[mcpc::tool]
    async fn limit(config: Config) -> u8 {
        config.limit
    }
    /// Says the limit of the server.
    #[mcpc::tool]
    async fn ours(config: State<Config>) -> u8 {
        config.limit
    }
    /// Says what is said.
    #[mcpc::tool]
    async fn echo(text: String) -> String {
        text
    }

    let server = |tools| Server::new("parts").state(Config { limit: 3 }).tools(tools);
    let start = "the argument `config` of the tool `limit`: the server has a state of this type, which no tool takes; \
                 write `mcpc::State<it::building::Config>`";
    assert_eq!(refused(server(tools![limit])).await, start);
    let shared = Server::new("parts").state(std::sync::Arc::new(Config { limit: 3 }));
    assert_eq!(refused(shared.tools(tools![echo, limit])).await, start);
    // Both may be meant, if not of one state, and types that everybody has are arguments everywhere.
    server(tools![limit, ours]).build().expect("a tool takes the state");
    server(tools![echo]).build().expect("a state may be there for nothing");
    Server::new("parts").tools(tools![limit]).build().expect("there is no state");
    Server::new("parts").state(String::new()).tools(tools![echo]).build().expect("it is a text");
    server(tools![limit]).dynamic_tools(true).build().expect("a tool that takes it may come");
}

#[tokio::test]
async fn what_rmcp_has_of_a_request_is_no_argument() {
    #[mcpc::tool]
    async fn number(n: RequestId) {
        drop(n);
    }
    type Meta = mcpc::rmcp::model::RequestMetaObject;
    #[mcpc::tool]
    async fn meta(n: Meta) {
        drop(n);
    }
    for (tools, tool, part) in [(tools![number], "number", "id"), (tools![meta], "meta", "meta")] {
        let expected = format!(
            "the argument `n` of the tool `{tool}`: write `call: mcpc::Call`; this is `call.context().{part}`"
        );
        refuses(tools, &expected).await;
    }
}

#[tokio::test]
async fn a_state_under_another_name_is_no_argument() {
    type Names = std::sync::Arc<std::sync::Mutex<String>>;
    type Count = std::sync::atomic::AtomicU8;
    #[mcpc::tool]
    async fn named(n: Names) {
        drop(n);
    }
    #[mcpc::tool]
    async fn count(n: Count) -> u8 {
        n.into_inner()
    }
    for (tools, tool, state) in [
        (tools![named], "named", "Mutex<alloc::string::String>"),
        (tools![count], "count", "AtomicU8"),
    ] {
        let text = refused(Server::new("parts").tools(tools)).await;
        let start = format!("the argument `n` of the tool `{tool}`: a state is `mcpc::State<");
        let end = format!("{state}>`, which `Server::state` is given bare or in an `Arc`");
        assert!(text.starts_with(&start) && text.ends_with(&end), "{text}");
    }
}

#[tokio::test]
async fn two_states_of_one_type() {
    struct Database;
    #[mcpc::tool]
    async fn rows(_database: State<Database>) {}

    let server = Server::new("parts").state(Database).state(5_u8).state(Database);
    let text = refused(server.tools(tools![rows])).await;
    let start = "the server was given two states of the type `it::building::";
    assert!(text.starts_with(start) && text.contains("::Database`; "), "{text}");
    assert!(text.ends_with("give one of them a type of its own"), "{text}");
}

#[tokio::test]
async fn a_result_under_another_name() {
    type Answer = Result<u8, String>;
    #[mcpc::tool]
    async fn answer() -> Answer {
        Err("no".to_owned())
    }
    refuses(
        tools![answer],
        "the tool `answer` returns a `Result` under another name; write `Result` in its signature",
    )
    .await;
}

#[tokio::test]
async fn a_sender_under_another_name_in_a_plain_tool() {
    type Updates = Sender;
    #[mcpc::tool]
    async fn plain(updates: Updates) {
        drop(updates);
    }
    refuses(
        tools![plain],
        "the plain tool `plain` takes a `Sender`; declare it with `#[mcpc::background]`",
    )
    .await;
}

#[tokio::test]
async fn what_is_listed_of_a_tool_and_cannot_be() {
    #[mcpc::tool(meta = serde_json::json!([1]))]
    async fn list() {}
    #[mcpc::background(meta = "{\"a\": 1")]
    async fn broken() {}
    const ADDRESS: &str = "file:///icon.svg";
    #[mcpc::tool(icons = vec![mcpc::Icon::new("data:,"), mcpc::Icon::new(ADDRESS)])]
    async fn icon() {}

    for (tools, problem) in [
        (tools![list], "`list`: its `meta` is not an object: [1]"),
        (tools![broken], "`broken`: its `meta` is not an object: {\"a\": 1"),
        (
            tools![icon],
            "`icon`: the icon `file:///icon.svg` does not start with `https://`, `http://` or `data:`",
        ),
    ] {
        refuses(tools, &format!("the tool {problem}")).await;
    }
}

#[tokio::test]
async fn a_header_that_no_client_would_take() {
    #[mcpc::tool]
    async fn float(#[arg(header = "N")] n: Number) {
        let _ = n;
    }
    #[mcpc::tool]
    async fn any(#[arg(header = "N")] n: serde_json::Value) {
        let _ = n;
    }
    #[mcpc::tool]
    async fn twice(#[cfg_attr(all(), arg(header = "N"))] m: u8, #[arg(header = "n")] n: u8) {
        let _ = m + n;
    }
    #[mcpc::tool]
    async fn optional(#[arg(header = "N")] n: Option<u8>) {
        let _ = n;
    }
    let rule = "`header` is for strings, whole numbers and booleans, and this is of type";
    for (tools, tool, problem) in [
        (tools![float], "float", format!("{rule} `number`")),
        (tools![any], "any", format!("{rule} `any`")),
    ] {
        refuses(tools, &format!("the argument `n` of the tool `{tool}`: {problem}")).await;
    }
    refuses(tools![twice], "the tool `twice`: two arguments have the header `n`").await;
    assert!(Server::new("parts").tools(tools![optional]).check().is_ok());
    let draft = Server::new("parts").schemas(mcpc::Schemas::Draft2020_12).tools(tools![optional]);
    let expected = format!("the argument `n` of the tool `optional`: {rule} `integer` or `null`");
    assert_eq!(refused(draft).await, expected);
}

/// The attribute sees these through names only.
type Number = f64;
type Text = String;
type Numbers = Vec<u8>;

const FIVE: u8 = 5;
const NOTHING: &str = "";

#[tokio::test]
async fn what_an_attribute_asks_of_the_wrong_type() {
    #[mcpc::tool]
    async fn length(#[arg(length = 1..)] n: Number) {
        let _ = n;
    }
    #[mcpc::tool]
    async fn range(#[arg(range = 1..)] n: Option<Text>) {
        let _ = n;
    }
    #[mcpc::tool]
    async fn pattern(#[arg(pattern = "a")] n: Numbers) {
        let _ = n;
    }

    let about =
        |tool: &str, problem: &str| format!("the argument `n` of the tool `{tool}`: {problem}");
    refuses(
        tools![length],
        &about("length", "`length` is for strings, lists and maps, and this is of type `number`"),
    )
    .await;
    refuses(tools![range], &about("range", "`range` is for numbers, and this is of type `string`"))
        .await;
    refuses(
        tools![pattern],
        &about("pattern", "`pattern` is for strings, and this is of type `array`"),
    )
    .await;
}

const LOW: i64 = 200;
const HIGH: i64 = 100;
type Byte = u8;

#[tokio::test]
async fn a_range_or_a_length_that_nothing_has() {
    #[mcpc::tool]
    async fn reversed(#[arg(range = LOW..=HIGH)] n: u64) {
        let _ = n;
    }
    #[mcpc::tool]
    async fn beyond(#[arg(range = 300..)] n: Byte) {
        let _ = n;
    }
    #[mcpc::tool]
    async fn negative(#[arg(length = -HIGH..)] n: String) {
        let _ = n;
    }
    for (tool, problem) in [
        (tools![reversed], "`reversed`: no value of its type is in its `range`, 200..=100"),
        (tools![beyond], "`beyond`: no value of its type is in its `range`, 300.."),
        (tools![negative], "`negative`: nothing has its `length`, -100.."),
    ] {
        refuses(tool, &format!("the argument `n` of the tool {problem}")).await;
    }
}

#[tokio::test]
async fn what_only_the_build_can_tell() {
    use mcpc::Call;
    #[mcpc::tool]
    async fn spoken(#[arg(rename = "c", length = 1..)] call: Call) {
        let _ = call;
    }
    #[mcpc::tool]
    async fn twice(#[cfg(test)] a: u8, #[arg(rename = "a")] b: u8) {
        let _ = (a, b);
    }
    refuses(
        tools![spoken],
        "the argument `c` of the tool `spoken`: `#[arg(..)]` is for arguments of the call, and this \
         is not one",
    )
    .await;
    refuses(
        tools![twice],
        "the argument `a` of the tool `twice`: another one has the same name in JSON",
    )
    .await;
}

#[tokio::test]
async fn a_default_or_an_example_that_no_call_could_have() {
    #[mcpc::tool]
    async fn default(#[arg(range = 1..FIVE, default = FIVE)] n: u8) {
        let _ = n;
    }
    #[mcpc::tool]
    async fn example(#[arg(length = 1.., example = NOTHING.to_owned())] n: String) {
        let _ = n;
    }

    refuses(
        tools![default],
        "the argument `n` of the tool `default`: its `default` does not fit: 5 is not in 1..5",
    )
    .await;
    refuses(
        tools![example],
        "the argument `n` of the tool `example`: its `example` does not fit: a length of 0 is not in 1..",
    )
    .await;
}

/// What starts a session, as short as it can be.
const INITIALIZE: &str = r#"{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2024-11-05","capabilities":{},"clientInfo":{"name":"","version":""}}}"#;

#[tokio::test]
async fn a_limit_that_makes_the_server_useless() {
    /// Takes its time.
    #[mcpc::background]
    async fn work() {}

    let server = || Server::new("limits").tools(tools![nap, work]);
    let session = INITIALIZE.len();
    let too_short = session - 1;
    for (server, text) in [
        (server().max_requests(0), "`Server::max_requests` is 0; expected at least 1"),
        (server().max_tasks(0), "`Server::max_tasks` is 0; expected at least 1"),
        (server().max_questions(0), "`Server::max_questions` is 0; expected at least 1"),
        (server().max_queued_bytes(0), "`Server::max_queued_bytes` is 0; expected at least 1"),
        (
            server().max_message_bytes(too_short),
            &format!(
                "`Server::max_message_bytes` is {too_short}; expected at least {session}, the length of the \
                 shortest request that starts a session"
            ),
        ),
        (server().heartbeat(Duration::ZERO), "`Server::heartbeat` is 0ns; expected a longer time"),
        (server().retention(Duration::ZERO), "`Server::retention` is 0ns; expected a longer time"),
    ] {
        assert_eq!(refused(server).await, text);
    }
}

/// The least that is not refused serves a client.
#[tokio::test]
async fn a_limit_that_is_only_tight() {
    /// Takes its time.
    #[mcpc::background]
    async fn work() {}

    let server = Server::new("limits")
        .tools(tools![nap, work])
        .max_requests(1)
        .max_tasks(1)
        .max_questions(1)
        .max_queued_bytes(1)
        .max_kept_bytes(0)
        .max_message_bytes(INITIALIZE.len())
        .grace(Duration::ZERO)
        .patience(Duration::ZERO)
        .heartbeat(Duration::from_nanos(1))
        .retention(Duration::from_nanos(1));
    let (writer, mut client) = tokio::io::duplex(1 << 12);
    server.serve_io(INITIALIZE.as_bytes(), writer).await.expect("a session");
    let mut answer = String::new();
    client.read_to_string(&mut answer).await.expect("an answer");
    assert!(answer.contains(r#""id":0,"result""#), "{answer}");
}

#[tokio::test]
async fn a_server_that_starts_no_tasks_needs_no_limits_of_them() {
    let server = Server::new("limits").tools(tools![nap]).max_tasks(0).retention(Duration::ZERO);
    server.serve_io(tokio::io::empty(), tokio::io::sink()).await.expect("no error");
}

#[derive(serde::Deserialize, schemars::JsonSchema)]
#[allow(dead_code, reason = "no call gets so far")]
struct Selector {
    zone: String,
    #[serde(alias = "line")]
    row: u8,
}

#[derive(serde::Deserialize, schemars::JsonSchema)]
#[serde(tag = "kind")]
#[allow(dead_code, reason = "no call gets so far")]
enum Either {
    One { x: u8 },
    Other { y: u8 },
}

#[tokio::test]
async fn an_argument_twice_in_groups() {
    #[mcpc::tool]
    async fn beside(#[arg(flatten)] at: Selector, zone: String) {
        drop((at, zone));
    }
    #[mcpc::tool]
    async fn twice(#[arg(flatten)] from: Selector, #[arg(flatten)] to: Selector) {
        drop((from, to));
    }
    #[mcpc::tool]
    async fn by_another_name(line: u8, #[arg(flatten)] at: Selector) {
        drop((line, at));
    }
    let expected =
        "the argument `at` of the tool `beside`: its field `zone` has the name of another argument";
    refuses(tools![beside], expected).await;
    let expected = "the argument `to` of the tool `twice`: its field `zone` is one of `from`, too";
    refuses(tools![twice], expected).await;
    let expected = "the argument `at` of the tool `by_another_name`: its field `line` has the name of another argument";
    refuses(tools![by_another_name], expected).await;
}

#[tokio::test]
async fn a_group_of_what_has_no_fields() {
    type Number = u8;
    type Many = Vec<Selector>;
    type Perhaps = Option<Selector>;
    type Numbered = std::collections::BTreeMap<u8, String>;
    #[mcpc::tool]
    async fn number(#[arg(flatten)] at: Number) {
        let _ = at;
    }
    #[mcpc::tool]
    async fn many(#[arg(flatten)] at: Many) {
        drop(at);
    }
    #[mcpc::tool]
    async fn perhaps(#[arg(flatten)] at: Perhaps) {
        drop(at);
    }
    #[mcpc::tool]
    async fn either(#[arg(flatten)] at: Either) {
        let _ = at;
    }
    #[mcpc::tool]
    async fn numbered(#[arg(flatten)] at: Numbered) {
        drop(at);
    }
    let no_fields = "has no named fields, and only those of a struct, or a map, can be arguments";
    let expected = format!("the argument `at` of the tool `number`: `u8` {no_fields}");
    refuses(tools![number], &expected).await;
    for (tools, start, end) in [
        (
            tools![many],
            "the argument `at` of the tool `many`: `alloc::vec::Vec<it::building::Selector>`",
            no_fields,
        ),
        (
            tools![perhaps],
            "the argument `at` of the tool `perhaps`: `core::option::Option<",
            "is one of several things, and models' APIs take no alternatives for all arguments; take it as one argument, without `flatten`",
        ),
        (
            tools![either],
            "the argument `at` of the tool `either`: `it::building::Either`",
            "is one of several things, and models' APIs take no alternatives for all arguments; take it as one argument, without `flatten`",
        ),
        (
            tools![numbered],
            "the argument `at` of the tool `numbered`: the schema of `alloc::collections::btree::map::BTreeMap<u8, alloc::string::String>` says `patternProperties`",
            "of all fields together, which has no place among arguments; take it as one argument, without `flatten`",
        ),
    ] {
        let text = refused(Server::new("parts").tools(tools)).await;
        assert!(text.starts_with(start) && text.ends_with(end), "{text}");
    }
}

#[tokio::test]
async fn two_groups_of_what_is_left() {
    type Rest = std::collections::HashMap<String, u8>;
    #[mcpc::tool]
    async fn both(#[arg(flatten)] rest: Rest, #[arg(flatten)] others: Rest) {
        drop((rest, others));
    }
    let expected = "the argument `others` of the tool `both`: it takes whatever arguments are left, and so does `rest`";
    refuses(tools![both], expected).await;
}

#[tokio::test]
async fn a_field_that_belongs_to_the_protocol() {
    #[derive(serde::Deserialize, schemars::JsonSchema)]
    #[allow(dead_code, reason = "no call gets so far")]
    struct Ours {
        #[serde(rename = "_metadata")]
        ours: u8,
    }
    #[mcpc::tool]
    async fn takes(#[arg(flatten)] ours: Ours) {
        let _ = ours;
    }
    let expected = "the argument `ours` of the tool `takes`: its field `_metadata` belongs to the MCPC protocol and \
                    never reaches a tool";
    refuses(tools![takes], expected).await;
}

#[tokio::test]
async fn a_group_that_is_no_argument() {
    type Updates = Sender;
    #[mcpc::background]
    async fn takes(#[arg(flatten)] updates: Updates) {
        drop(updates);
    }
    let expected = "the argument `updates` of the tool `takes`: `#[arg(..)]` is for arguments of the call, and this is not one";
    refuses(tools![takes], expected).await;
}

#[tokio::test]
async fn a_given_schema_that_is_none_of_arguments() {
    #[mcpc::tool(input_schema = "{\"type\": ")]
    async fn no_json(#[arg(all)] all: serde_json::Value) {
        drop(all);
    }
    #[mcpc::tool(input_schema = serde_json::json!([1]))]
    async fn a_list(#[arg(all)] all: serde_json::Value) {
        drop(all);
    }
    #[mcpc::background(input_schema = schemars::schema_for!(String))]
    async fn a_string(#[arg(all)] all: serde_json::Value) {
        drop(all);
    }
    #[mcpc::tool(input_schema = r##"{"properties": {"a": {"$ref": "#/nowhere"}}}"##)]
    async fn nowhere(#[arg(all)] all: serde_json::Value) {
        drop(all);
    }
    #[mcpc::tool]
    async fn of_a_list(#[arg(all)] all: Vec2) {
        drop(all);
    }
    type Vec2 = Vec<u8>;
    #[mcpc::tool(input_schema = r#"{"type": "object"}"#)]
    async fn beside(#[arg(all)] all: serde_json::Value, other: Selector) {
        drop((all, other));
    }
    let of =
        |tool: &str, problem: &str| format!("the input schema of the tool `{tool}`: {problem}");
    let expected = of("no_json", "it is not JSON: EOF while parsing a value at line 1 column 9");
    refuses(tools![no_json], &expected).await;
    refuses(tools![a_list], &of("a_list", "it is an array, and not a schema")).await;
    let expected = "it has `\"type\": \"string\"`; expected `\"type\": \"object\"`";
    refuses(tools![a_string], &of("a_string", expected)).await;
    let expected = "its reference `#/nowhere` leads nowhere; expected a part of this schema";
    refuses(tools![nowhere], &of("nowhere", expected)).await;
    let expected = "the argument `all` of the tool `of_a_list`: `alloc::vec::Vec<u8>` is read from something else \
                    than an object, which all arguments are";
    refuses(tools![of_a_list], expected).await;
    let expected =
        "the argument `all` of the tool `beside`: it is all arguments, and there are others";
    refuses(tools![beside], expected).await;
}
