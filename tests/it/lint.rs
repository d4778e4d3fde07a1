//! What `Server::lint` tells the author of a server.

use std::collections::{BTreeMap, HashMap};

use mcpc::{Finding, Rule, Schemas, Sender, Server, Tools, tools};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

fn findings(server: Server) -> Vec<Finding> {
    server.lint().expect("a server that can be built")
}

/// What is found in tools, a line each.
fn lines(tools: Tools) -> Vec<String> {
    findings(Server::new("hosts").tools(tools)).iter().map(Finding::to_string).collect()
}

/// Imports a table.
#[mcpc::background]
async fn import(
    /// Which one
    #[arg(example = "sales")]
    table: String,
    /// How many rows at most
    #[arg(default = 100, range = 1..=10_000)]
    rows: u32,
    /// From when on
    since: Option<chrono::NaiveDate>,
    /// What to leave out
    filters: Vec<Filter>,
    updates: Sender,
) -> Result<u64, String> {
    let _ = (rows, since, filters, updates);
    Ok(table.len() as u64)
}

/// A filter.
#[derive(Debug, Deserialize, JsonSchema)]
#[allow(dead_code, reason = "only read")]
struct Filter {
    #[schemars(example = &"price")]
    column: String,
    kind: Kind,
    labels: HashMap<String, u8>,
}

#[derive(Debug, Deserialize, JsonSchema)]
enum Kind {
    /// The same.
    Equal,
    Less,
}

/// The control tools are among those that are looked at.
#[test]
fn nothing_is_found_in_what_every_host_takes() -> mcpc::Result {
    assert_eq!(Server::new("hosts").tools(tools![import]).lint()?, []);
    Ok(())
}

#[mcpc::tool(name = "db.read")]
async fn nameless(query: String) -> String {
    query
}

#[test]
fn names_and_descriptions() {
    assert_eq!(
        lines(tools![nameless]),
        [
            "tool `db.read`: its name has a `.`: OpenAI's and Anthropic's APIs take letters, digits, `_` and `-`, \
             and refuse every request of a host that passes the name on as it is (Copilot CLI); use `_`",
            "tool `db.read`: it has no description: no model can tell what it is for, and tools are searched by \
             their descriptions (Claude Code); write a doc comment above the function",
            "tool `db.read`, argument `query`: it has no description, so a model has to guess from its name; write \
             a doc comment before it",
        ]
    );
}

/// Does something.
#[mcpc::tool]
async fn a_name_that_says_everything_there_is_to_say_about_it() {}

#[test]
fn names_with_the_name_of_the_server_before_them() {
    let server = |name| {
        Server::new(name).tools(tools![a_name_that_says_everything_there_is_to_say_about_it])
    };
    let found = findings(server("short"));
    assert_eq!(
        found[0].to_string(),
        "tool `a_name_that_says_everything_there_is_to_say_about_it`: its name has 52 characters: hosts put the \
         server's name before it, which their user chooses, and models' APIs take 64 characters of both; use a maximum \
         of 48"
    );
    let found = findings(server("not-so-short"));
    assert_eq!(
        found[0].to_string(),
        "tool `a_name_that_says_everything_there_is_to_say_about_it`: its name has 52 characters: Claude Code and \
         Codex call it `mcp__not-so-short__a_name_that_says_everything_there_is_to_say_about_it`, and models' APIs \
         take 64 characters, so the host cuts it or the request is refused; use a maximum of 45"
    );
    let found = findings(server("a-server-that-says-everything-there-is-to-say-about-it"));
    assert_eq!(found.len(), 1);
    assert_eq!(
        found[0].to_string(),
        "the server: its name has 54 characters: Claude Code and Codex call a tool `mcp__<server>__<tool>`, and \
         models' APIs take 64 characters, which leaves 3 for a tool; give it a shorter name"
    );
}

/// Of several types.
#[mcpc::tool]
async fn unions(
    /// A shape
    shape: Shape,
    /// Some, or none
    numbers: Vec<Option<u8>>,
    /// Anything
    anything: Value,
    /// How fast
    speed: Speed,
) -> String {
    format!("{shape:?}{numbers:?}{anything}{speed:?}")
}

#[derive(Debug, Deserialize, JsonSchema)]
#[allow(dead_code, reason = "only read")]
struct Speed {
    #[schemars(extend("enum" = [1, 2, 5]))]
    steps: u8,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[allow(dead_code, reason = "only read")]
enum Shape {
    Circle(f64),
    Line { from: (i8, i8), numbered: BTreeMap<u8, bool> },
}

#[test]
fn what_schemas_ask_of_an_api() {
    assert_eq!(
        lines(tools![unions]),
        [
            "tool `unions`, argument `shape`: it may be of several types (`anyOf`): Gemini's API on Vertex AI refuses \
             it beside anything else, such as a description; take a struct with \
             fields that may be left out, or make a tool for each type",
            "tool `unions`, argument `shape.Line.from`: its schema has `prefixItems`: Gemini's API does not \
             know it, and refuses every request of a host that passes it on; take a struct, whose fields have names",
            "tool `unions`, argument `shape.Line.numbered`: its schema has `patternProperties`: Gemini's API \
             does not know it, and refuses every request of a host that passes it on; take a map whose keys are \
             strings, or a list of structs",
            "tool `unions`, argument `numbers[]`: it may be `null` (`anyOf`): Gemini's API on Vertex AI refuses it \
             beside anything else, such as a description; remove the `Option`, or \
             make it a field that may be left out",
            "tool `unions`, argument `anything`: its schema allows any value: Codex tells its model that it is a \
             string, and Gemini's API asks for a type; take a type that says what it is",
            "tool `unions`, argument `speed.steps`: its values are listed, and not all of them are strings (`enum`): \
             Gemini's API refuses every request with it; take an enum whose variants have names, or a `range`",
        ]
    );
}

/// Deploys.
#[mcpc::tool]
async fn deploy(
    /// Where to
    #[arg(header = "Region")]
    region: String,
) -> String {
    region
}

#[test]
fn a_header_is_a_keyword_that_gemini_does_not_know() {
    assert_eq!(
        lines(tools![deploy]),
        [
            "tool `deploy`, argument `region`: its schema has `x-mcp-header`: Gemini's API does not know it, and refuses \
          every request of a host that passes it on; leave `header` out where no proxy reads it"
        ]
    );
}

/// Of a type that contains itself.
#[mcpc::tool]
async fn tree(
    /// Its root
    root: Tree,
) -> String {
    format!("{root:?}")
}

#[derive(Debug, Deserialize, JsonSchema)]
#[allow(dead_code, reason = "only read")]
struct Tree {
    children: Vec<Tree>,
    others: Vec<Tree>,
}

#[test]
fn a_type_that_contains_itself() {
    assert_eq!(
        lines(tools![tree]),
        [
            "tool `tree`, argument `root.children[].children[]`: its type `Tree` contains itself, of which Codex shows \
          its model nothing: Gemini's API takes the `$ref` in `parametersJsonSchema` only, and refuses every request \
          of a host that uses `parameters`; take a list whose items name what they are in, or a string of JSON"
        ]
    );
}

macro_rules! nested {
    ($last:ident) => {
        #[derive(Debug, Deserialize, JsonSchema)]
        #[allow(dead_code, reason = "only read")]
        struct $last {
            x: u8,
        }
    };
    ($first:ident $next:ident $($rest:ident)*) => {
        #[derive(Debug, Deserialize, JsonSchema)]
        #[allow(dead_code, reason = "only read")]
        struct $first {
            next: Vec<$next>,
        }

        nested!($next $($rest)*);
    };
}

nested!(N1 N2 N3 N4 N5 N6 N7 N8 N9 N10);

/// Goes deep.
#[mcpc::tool]
async fn deep(
    /// As deep as may be
    taken: N2,
    /// Deeper
    refused: N1,
) -> String {
    format!("{taken:?}{refused:?}")
}

#[test]
fn objects_in_one_another() {
    assert_eq!(
        lines(tools![deep]),
        [
            "tool `deep`, argument `refused`: objects are nested 11 levels deep: OpenAI's API takes a maximum of 10 \
          in strict mode; take flatter types"
        ]
    );
    // References are followed.
    let plain = Server::new("hosts").tools(tools![deep]).schemas(Schemas::Draft2020_12);
    let mut found = findings(plain);
    found.retain(|finding| finding.rule == Rule::Depth);
    let places: Vec<_> = found.iter().map(|finding| finding.argument.as_deref()).collect();
    assert_eq!(places, [Some("refused")]);
}

macro_rules! long {
    ($($name:ident)*) => {
        $(
            #[mcpc::tool(description = "Says much.")]
            async fn $name(
                /// How
                #[arg(default = "x".repeat(9_000))] text: String,
            ) -> String {
                text
            }
        )*
    };
}

long!(a b c d e f g h);

#[test]
fn what_a_model_has_to_read() {
    let found = lines(tools![a, b, c, d, e, f, g, h]);
    assert_eq!(found.len(), 9);
    assert!(found[0].starts_with("tool `a`: it has 91"), "{}", found[0]);
    assert!(
        found[8].ends_with(
            "which hosts send with every request (Claude Code warns when all servers together have 25,000 tokens); \
             take tools out, or make two servers"
        ),
        "{}",
        found[8]
    );
}

/// What the portable form is for.
#[test]
fn a_plain_schema_has_what_the_portable_form_has_not() {
    let found = findings(Server::new("hosts").tools(tools![import]).schemas(Schemas::Draft2020_12));
    let found: Vec<(Rule, &str)> =
        found.iter().map(|it| (it.rule, it.argument.as_deref().unwrap_or_default())).collect();
    for expected in [
        (Rule::Keyword, ""),
        (Rule::Keyword, "table"),
        (Rule::Format, "rows"),
        (Rule::Format, "since"),
        (Rule::Union, "since"),
        (Rule::Reference, "filters[]"),
        (Rule::Union, "filters[].kind"),
        (Rule::Format, "filters[].labels.*"),
    ] {
        assert!(found.contains(&expected), "{expected:?} in {found:?}");
    }
}

/// For those who have a list of exceptions, or a report.
#[test]
fn a_finding_is_json_and_its_rule_has_a_name() {
    let found = findings(Server::new("hosts").tools(tools![deep]));
    let [finding] = found.as_slice() else { panic!("one finding, not {found:?}") };
    assert_eq!(finding.rule.to_string(), "depth");
    assert_eq!(
        serde_json::to_value(finding).expect("a finding is JSON"),
        serde_json::json!({
            "rule": "depth",
            "tool": "deep",
            "argument": "refused",
            "text": finding.text,
        })
    );
}

#[mcpc::tool]
async fn stateful(state: mcpc::State<u8>) -> u8 {
    *state
}

#[test]
fn a_server_that_cannot_be_built_is_an_error() {
    let error = Server::new("hosts").tools(tools![stateful]).lint().expect_err("no state");
    assert!(error.to_string().contains("`stateful`"), "{error}");
}
