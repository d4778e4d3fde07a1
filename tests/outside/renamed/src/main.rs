//! A server whose `mcpc` has another name.

use m::{Sender, Server, tools};

#[m::tool(crate = m)]
async fn add(a: i64, #[arg(default = 1, range = 0..=9)] b: i64) -> i64 {
    a + b
}

#[m::background(crate = m)]
async fn parse(
    #[arg(default = "5")] text: String,
    updates: Sender,
) -> Result<i64, std::num::ParseIntError> {
    updates.progress(1, 1, "parsed");
    text.parse()
}

fn main() {
    drop(Server::new("renamed").tools(tools![add, parse]));
}
