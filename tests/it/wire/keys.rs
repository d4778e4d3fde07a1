//! What the keys of the attributes make of a tool: what is listed of it, and how long a call may take.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use mcpc::{Icon, Server, State, tools};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use crate::support::Plain;

const TEXT: &str = "\n Adds two.\n";

mod names {
    pub(super) const TITLE: &str = "A sum";
}

#[mcpc::tool(description = TEXT, title = names::TITLE)]
async fn constants() {}

#[mcpc::background(description = concat!("Adds ", "two."))]
async fn joined() {}

#[mcpc::tool(description = include_str!("../../ui.rs"))]
async fn from_a_file() {}

/// Adds
#[doc = concat!("two", " numbers.")]
///
/// Once.
#[mcpc::tool]
async fn mixed(
    /// The
    #[doc = concat!(" first ", "one ")]
    a: u8,
    #[doc = include_str!("../../ui.rs")] b: u8,
) {
    let _ = a + b;
}

#[cfg_attr(all(), doc = concat!("Adds ", "two."))]
#[cfg_attr(any(), doc = "Never.")]
#[mcpc::tool]
async fn conditional() {}

/// Adds two.
#[mcpc::tool(icons = "https://example.com/icon.svg", meta = json!({"a/b": {"c": 1}}))]
async fn one_icon() {}

/// Adds two.
#[mcpc::background(icons = icons(), meta = r#"{"d": true}"#)]
async fn icons_made_by_a_function() {}

/// Adds two.
#[mcpc::tool(icons = ["data:,a", "data:,b"], meta = mcpc::rmcp::model::MetaObject::new())]
async fn addresses() {}

fn icons() -> Vec<Icon> {
    vec![Icon::new("data:,").with_mime_type("image/svg+xml").with_sizes(vec!["any".to_owned()])]
}

/// Deploys.
#[mcpc::tool]
async fn deploy(
    #[arg(header = "Region")] region: String,
    #[arg(header = "Dry")] dry: Option<bool>,
) {
    drop((region, dry));
}

async fn listed(name: &str) -> Value {
    let server = Server::new("keys").tools(tools![
        constants,
        joined,
        from_a_file,
        mixed,
        conditional,
        one_icon,
        icons_made_by_a_function,
        addresses,
        deploy,
    ]);
    let tools = Plain::connect(server).await.list().await;
    tools.into_iter().find(|tool| tool["name"] == name).expect("it is listed")
}

#[tokio::test(start_paused = true)]
async fn a_text_may_be_a_constant_or_a_macro_and_is_trimmed() {
    let constants = listed("constants").await;
    assert_eq!(constants["description"], "Adds two.");
    assert_eq!(constants["title"], "A sum");
    assert_eq!(listed("joined").await["description"], "Adds two.");
    assert_eq!(listed("from_a_file").await["description"], include_str!("../../ui.rs").trim());
    assert_eq!(listed("conditional").await["description"], "Adds two.");
}

#[tokio::test(start_paused = true)]
async fn lines_and_macros_of_a_doc_comment_are_joined_in_their_order() {
    let mixed = listed("mixed").await;
    assert_eq!(mixed["description"], "Adds\ntwo numbers.\n\nOnce.");
    let properties = &mixed["inputSchema"]["properties"];
    assert_eq!(properties["a"]["description"], "The\n first one");
    assert_eq!(properties["b"]["description"], include_str!("../../ui.rs").trim());
}

#[tokio::test(start_paused = true)]
async fn icons_and_meta_are_listed() {
    let tool = listed("one_icon").await;
    assert_eq!(tool["icons"], json!([{"src": "https://example.com/icon.svg"}]));
    assert_eq!(tool["_meta"], json!({"a/b": {"c": 1}}));
    let tool = listed("icons_made_by_a_function").await;
    let icon = json!({"src": "data:,", "mimeType": "image/svg+xml", "sizes": ["any"]});
    assert_eq!(tool["icons"], json!([icon]));
    assert_eq!(tool["_meta"], json!({"d": true}));
    let tool = listed("addresses").await;
    assert_eq!(tool["icons"], json!([{"src": "data:,a"}, {"src": "data:,b"}]));
    assert_eq!(tool["_meta"], json!({}));
    let tool = listed("constants").await;
    assert_eq!((tool.get("icons"), tool.get("_meta")), (None, None));
}

#[tokio::test(start_paused = true)]
async fn a_header_is_a_keyword_of_its_argument() {
    let schema = &listed("deploy").await["inputSchema"];
    assert_eq!(schema["properties"]["region"], json!({"type": "string", "x-mcp-header": "Region"}));
    assert_eq!(schema["properties"]["dry"], json!({"type": "boolean", "x-mcp-header": "Dry"}));
}

/// Counts the naps that go on.
#[derive(Default)]
struct Naps(AtomicU32);

struct Nap<'a>(&'a Naps);

impl Drop for Nap<'_> {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::SeqCst);
    }
}

#[mcpc::tool(timeout = "9s")]
async fn nap(seconds: u64, naps: State<Naps>) -> String {
    naps.0.fetch_add(1, Ordering::SeqCst);
    let _nap = Nap(&naps);
    sleep(Duration::from_secs(seconds)).await;
    format!("slept for {seconds} seconds")
}

#[tokio::test(start_paused = true)]
async fn a_plain_tool_that_takes_too_long_is_dropped_and_its_call_answered() {
    let naps = Arc::new(Naps::default());
    let server = Server::new("keys").state(Arc::clone(&naps)).tools(tools![nap]);
    let mut client = Plain::connect(server).await;
    let begin = Instant::now();
    let answer = client.ask("nap", json!({"seconds": 8})).await;
    assert_eq!(answer, ("slept for 8 seconds".to_owned(), false));
    let between = Instant::now();
    assert_eq!(between - begin, Duration::from_secs(8));
    let answer = client.ask("nap", json!({"seconds": 10})).await;
    assert_eq!(answer, ("timed out after 9s".to_owned(), true));
    assert_eq!(between.elapsed(), Duration::from_secs(9));
    assert_eq!(naps.0.load(Ordering::SeqCst), 0, "the body is dropped");
    let answer = client.ask("nap", json!({"seconds": 0})).await;
    assert_eq!(answer, ("slept for 0 seconds".to_owned(), false), "the server goes on");
}
