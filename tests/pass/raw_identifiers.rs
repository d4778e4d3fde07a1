//! A keyword is a name like any other: neither clients nor models see the `r#`.

use mcpc::Tool;

#[mcpc::tool]
async fn r#type(r#fn: String, r#match: Option<u8>) -> String {
    r#fn + &r#match.unwrap_or(3).to_string()
}

#[mcpc::background]
async fn r#loop(#[arg(default, range = ..10)] r#in: u8, r#struct: mcpc::Sender) -> u8 {
    r#struct.progress(1, 1, "done");
    r#in
}

#[tokio::main(flavor = "current_thread")]
pub async fn main() {
    let _ = mcpc::tools![r#type, r#loop];
    assert_eq!(<r#type as Tool>::NAME, "type");
    assert_eq!(<r#loop as Tool>::NAME, "loop");
    assert_eq!(r#type("a".to_owned(), None).await, "a3");
}
