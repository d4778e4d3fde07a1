//! A server by hand, which says what a test has it say.

use std::sync::{Arc, Mutex};

use mcpc::testing::{self, As, Client};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};

use crate::support::messages::parse;

/// What a server was told, line by line.
pub(super) type Told = Arc<Mutex<Vec<String>>>;

/// Connects to a server that opens in order, and then answers each message with these lines.
pub(super) async fn connect(
    persona: As,
    answer: impl Fn(&Value) -> Vec<String> + Send + 'static,
) -> (Client, Told) {
    let told = Told::default();
    let ((reader, mut output), (input, writer)) =
        (tokio::io::duplex(1 << 16), tokio::io::duplex(1 << 16));
    let heard = Arc::clone(&told);
    tokio::spawn(async move {
        let mut lines = BufReader::new(input).lines();
        while let Some(line) = lines.next_line().await.expect("UTF-8") {
            let message = parse(&line);
            heard.lock().expect("no panic").push(line);
            let answers = opening(&message).map(|it| vec![it]).unwrap_or_else(|| answer(&message));
            for line in answers {
                output.write_all(format!("{line}\n").as_bytes()).await.expect("it is read");
            }
        }
    });
    (testing::connect_io(reader, writer, persona).await, told)
}

/// What every server says of itself.
fn opening(message: &Value) -> Option<String> {
    let tool = |name: &str, output: Value| json!({"name": name, "inputSchema": {"type": "object"}, "outputSchema": output});
    let of_tasks = json!({
        "name": "starts_a_task", "inputSchema": {"type": "object"}, "execution": {"taskSupport": "optional"},
    });
    let tools = json!([
        of_tasks,
        tool("promises", json!({"type": "object", "required": ["answer"]})),
        tool("promises_a_number", json!({"type": "integer", "required": ["answer"]})),
    ]);
    let info = |version: &str| {
        let info = json!({"mcpc_enabled": true, "mcpc_version": version, "mcpc_provider": "fake"});
        json!({"content": [{"type": "text", "text": info.to_string()}]})
    };
    let result = match (message["method"].as_str()?, message["params"]["name"].as_str()) {
        ("initialize" | "server/discover", _) => json!({"serverInfo": {}}),
        ("tools/list", _) => json!({"tools": tools}),
        (_, Some("is_mcpc_enabled")) => info("0.2.1"),
        (_, Some("_mcpc_init")) => info("0.2.6"),
        _ => return None,
    };
    Some(reply(message, result))
}

/// The reply to a request.
pub(super) fn reply(request: &Value, result: Value) -> String {
    json!({"jsonrpc": "2.0", "id": request["id"], "result": result}).to_string()
}

/// A result that is a text.
pub(super) fn text(text: &str) -> Value {
    json!({"content": [{"type": "text", "text": text}]})
}
