//! The server that the reference's lines are held against.

use mcpc::{Sender, Server, tools};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};

#[mcpc::tool]
async fn echo(text: String) -> String {
    text
}

#[mcpc::background]
async fn bg(count: Option<u32>, text: Option<String>, updates: Sender) -> Value {
    let count = count.unwrap_or(0);
    for i in 0..count {
        updates.send(json!({"i": i, "text": text})).await;
    }
    json!({"n": count, "text": text})
}

#[mcpc::background]
async fn bg_fail(count: u32, updates: Sender) -> Result<(), String> {
    for i in 0..count {
        updates.send(json!({"i": i})).await;
    }
    Err("Error: deliberate failure".to_owned())
}

#[mcpc::background]
async fn emit(event: String, data: Option<Value>, updates: Sender) {
    updates.emit(&event, data).await;
}

#[mcpc::background]
async fn repeat(value: Value, updates: Sender) -> Value {
    updates.send(&value).await;
    value
}

#[derive(Serialize, JsonSchema)]
struct Distance {
    meters: f64,
}

#[mcpc::tool]
async fn measure(meters: f64) -> Distance {
    Distance { meters }
}

pub(crate) fn server(name: &str) -> Server {
    Server::new(name).tools(tools![echo, bg, bg_fail, emit, repeat, measure])
}
