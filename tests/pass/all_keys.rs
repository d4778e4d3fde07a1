//! Every key of both attributes at once, as a flag and with a value, with a trailing comma.

use mcpc::Tool;

const TITLE: &str = "A title";

/// The doc comment gives way to the key.
#[mcpc::tool(
    name = "calculator.add-two_numbers",
    title = "Add",
    description = "Adds two numbers.",
    read_only,
    destructive = false,
    idempotent = true,
    open_world = false,
    timeout = "1h 30m",
    icons = "data:image/svg+xml;base64,PHN2Zy8+",
    meta = "{\"key\": 1}",
)]
async fn add(a: i64, b: i64) -> i64 {
    a + b
}

#[mcpc::background(
    open_world,
    idempotent,
    destructive,
    read_only = false,
    description = "Says \"hello\".",
    timeout = "2h",
    patience = "0s",
    retention = "1h 30m",
    title = TITLE,
    icons = [mcpc::Icon::new("https://example.com/icon.svg").with_mime_type("image/svg+xml")],
    meta = serde_json::json!({ "key": 1 }),
    name = "hello"
)]
async fn greet(
    #[arg(
        rename = "who",
        default = "you",
        example = "them",
        length = 1..=64,
        pattern = "^[a-z]+$",
        header = "Name",
    )]
    name: String,
) -> String {
    format!("hello, {name}")
}

#[mcpc::tool()]
async fn nothing() {}

pub fn main() {
    let _ = mcpc::tools![add, greet, nothing];
    assert_eq!(<add as Tool>::NAME, "calculator.add-two_numbers");
    assert_eq!(<greet as Tool>::NAME, "hello");
}
