//! What the messages for authors of rmcp's servers say to write, and types of one's own that have the names of rmcp's.

#![deny(warnings)]

use std::collections::BTreeMap;
use std::sync::Arc;

use mcpc::Sender;

#[mcpc::tool(read_only, destructive = false, title = "Add")]
async fn request(call: mcpc::Call) -> Option<u8> {
    let context = call.context();
    drop((context.peer.clone(), context.id.clone(), context.meta.get_progress_token()));
    context.ct.cancelled().await;
    call.context().extensions.get::<u8>().copied()
}

#[mcpc::background]
async fn task(updates: Sender) {
    updates.progress(1, 2, "half");
    updates.stopped().await;
}

#[mcpc::tool]
async fn named() -> &'static str {
    <named as mcpc::Tool>::NAME
}

/// Adds.
#[mcpc::tool]
async fn arguments(
    /// The number
    #[arg(default = five(), range = 1..=9)]
    number: i64,
    #[arg(rename = "text", length = 1..=9, pattern = "^a$")] word: String,
    object: serde_json::Map<String, serde_json::Value>,
    #[arg(default)] any: JsonObject,
) -> i64 {
    drop((word, object, any));
    number
}

#[derive(serde::Deserialize, schemars::JsonSchema)]
struct Args {
    a: i64,
    b: i64,
}

#[mcpc::tool]
async fn fields(#[arg(flatten)] args: Args) -> i64 {
    args.a + args.b
}

#[mcpc::tool]
async fn wrapped(
    #[arg(flatten)] args: mcpc::rmcp::handler::server::wrapper::Parameters<Args>,
) -> i64 {
    args.0.a + args.0.b
}

#[mcpc::tool]
async fn whole(#[arg(all)] arguments: mcpc::rmcp::model::JsonObject) -> usize {
    arguments.len()
}

fn five() -> i64 {
    5
}

type JsonObject = serde_json::Map<String, serde_json::Value>;

macro_rules! own {
    ($($name:ident),*) => {
        $(
            #[derive(serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
            struct $name {
                text: String,
            }
        )*
    };
}

own!(RequestId, Extensions, Meta, Parameters, Peer, Extension);

/// A page of results.
#[derive(serde::Serialize, schemars::JsonSchema)]
struct Json<T> {
    rows: Vec<T>,
}

#[mcpc::tool]
async fn of_my_own(
    id: RequestId,
    extensions: Option<Extensions>,
    meta: Meta,
    parameters: Parameters,
    peer: Peer,
    extension: Extension,
) -> Result<Json<Meta>, String> {
    drop((id, extensions, parameters, peer, extension));
    Ok(Json { rows: vec![meta] })
}

/// Arguments that are shared right away, which `#[arg()]` says.
#[mcpc::tool]
async fn shared(#[arg()] text: Arc<str>, #[arg(default)] words: Option<Arc<Vec<String>>>) -> usize {
    text.len() + words.map_or(0, |words| words.len())
}

#[mcpc::tool]
async fn listed() -> Json<BTreeMap<String, u8>> {
    Json { rows: Vec::new() }
}

pub fn main() {
    let _ = mcpc::tools![request, task, named, arguments, fields, wrapped, whole, of_my_own, shared, listed];
}
