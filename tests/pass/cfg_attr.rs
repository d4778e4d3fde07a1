//! `#[cfg_attr(..)]` on a tool and on its parameters.

#![deny(warnings)]

use mcpc::{Sender, Server, State, tools};
use serde_json::{Value, json};

/// Says something.
#[mcpc::tool]
#[cfg_attr(all(), doc = "")]
#[cfg_attr(all(), doc = "Twice.", doc = "Thrice.")]
#[cfg_attr(any(), doc = "Never.")]
async fn say(
    /// What to say
    #[cfg_attr(all(), arg(default = 5), doc = "if anything")]
    #[cfg_attr(any(), arg(default = 6, rename = "b"), doc = "or not")]
    a: u8,
    #[arg(range = 1..=9)]
    #[cfg_attr(all(), arg(rename = "c"), cfg_attr(any(), arg(rename = "d")))]
    #[cfg_attr(any(), arg(range = 2..=3))]
    b: u8,
    #[cfg_attr(all(), cfg_attr(all(), arg(rename = "f", default = 1)))] e: u8,
    #[cfg_attr(all(), cfg(any()))] never: Nothing,
    #[cfg_attr(any(), cfg(any()))]
    #[cfg_attr(all(), allow(unused_variables))]
    always: u8,
    #[cfg_attr(any(), arg(default = Unknown, rnge = 9..=1))] plain: u8,
    #[cfg_attr(all(), arg(default = 3))]
    #[cfg_attr(not(all()), arg(default = 4))]
    either: u8,
) -> u64 {
    [a, b, e, plain, either].map(u64::from).iter().sum()
}

#[mcpc::background]
async fn sends(#[cfg_attr(all(), allow(unused))] updates: Sender, #[cfg_attr(any(), arg(default))] state: State<u8>) {
    let _ = state;
}

#[mcpc::tool]
#[cfg_attr(all(), cfg(any()))]
async fn gone(nothing: Nothing) {}

#[cfg_attr(any(), mcpc::background)]
#[cfg_attr(all(), mcpc::tool)]
async fn itself() {}

async fn listed() -> Value {
    let (mut client, server) = tokio::io::duplex(1 << 16);
    let (reader, writer) = tokio::io::split(server);
    let server = Server::new("cfg").state(1_u8).tools(tools![say, sends, #[cfg(any())] gone, itself]);
    tokio::spawn(server.serve_io(reader, writer));
    use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
    for line in [
        r#"{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-06-18","capabilities":{},"clientInfo":{"name":"ui","version":"1"}}}"#,
        r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#,
    ] {
        client.write_all(format!("{line}\n").as_bytes()).await.expect("the server reads");
    }
    let mut lines = BufReader::new(client).lines();
    let _initialized = lines.next_line().await;
    let line = lines.next_line().await.expect("the server writes").expect("a line");
    serde_json::from_str::<Value>(&line).expect("JSON")["result"]["tools"][0].take()
}

#[tokio::main(flavor = "current_thread")]
pub async fn main() {
    let say = listed().await;
    assert_eq!(say["description"], "Says something.\n\nTwice.\nThrice.");
    let byte = json!({"type": "integer", "minimum": 0, "maximum": 255});
    assert_eq!(
        say["inputSchema"],
        json!({
            "type": "object",
            "properties": {
                "a": {
                    "type": "integer", "minimum": 0, "maximum": 255, "default": 5,
                    "description": "What to say\nif anything",
                },
                "c": {"type": "integer", "minimum": 1, "maximum": 9},
                "f": {"type": "integer", "minimum": 0, "maximum": 255, "default": 1},
                "always": byte,
                "plain": byte,
                "either": {"type": "integer", "minimum": 0, "maximum": 255, "default": 3},
            },
            "required": ["c", "always", "plain"],
            "additionalProperties": false,
        })
    );
}
