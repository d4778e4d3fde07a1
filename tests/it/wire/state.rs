//! What a server keeps for its tools, however it was given.

use std::sync::Arc;

use mcpc::{Server, State, tools};
use serde_json::json;

use crate::support::Plain;

trait Store: Send + Sync {
    fn rows(&self) -> u64;
}

struct Fixed(u64);

impl Store for Fixed {
    fn rows(&self) -> u64 {
        self.0
    }
}

#[mcpc::tool]
async fn of_a_trait(store: State<dyn Store>) -> u64 {
    store.rows()
}

#[mcpc::tool]
async fn in_an_arc(store: State<Arc<dyn Store>>) -> u64 {
    store.rows()
}

#[mcpc::tool]
async fn bare(fixed: State<Fixed>) -> u64 {
    fixed.0
}

async fn said(server: Server, tool: &str) -> serde_json::Value {
    let mut client = Plain::connect(server).await;
    client.result(tool, json!({})).await["structuredContent"]["result"].take()
}

#[tokio::test(start_paused = true)]
async fn a_trait_object_is_found_by_its_trait_and_by_its_arc() {
    let server = || {
        let store: Arc<dyn Store> = Arc::new(Fixed(3));
        Server::new("states").state(store).tools(tools![of_a_trait, in_an_arc])
    };
    assert_eq!(said(server(), "of_a_trait").await, json!(3));
    assert_eq!(said(server(), "in_an_arc").await, json!(3));
}

#[tokio::test(start_paused = true)]
async fn what_is_in_an_arc_is_as_good_as_the_value_which_comes_first() {
    let shared = Arc::new(Fixed(1));
    let server = Server::new("states").state(Arc::clone(&shared)).tools(tools![bare]);
    assert_eq!(said(server, "bare").await, json!(1));
    let server = Server::new("states").state(shared).state(Fixed(2)).tools(tools![bare]);
    assert_eq!(said(server, "bare").await, json!(2));
}
