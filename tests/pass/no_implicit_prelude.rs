//! The attributes take nothing from the prelude.

#![no_implicit_prelude]

use ::mcpc::{Call, Sender, State};
use ::std::option::Option;
use ::std::result::Result;
use ::std::string::String;

/// Adds two numbers.
#[::mcpc::tool(name = "plus", read_only)]
async fn add(a: i64, #[arg(default, range = 0..=9)] b: i64, #[arg(default = 7, example = 1)] c: u8) -> i64 {
    a + b + c as i64
}

#[::mcpc::background(timeout = "1h 30m")]
async fn parse(
    #[arg(default = "7", rename = "digits")] text: String,
    #[arg(example = "5", length = 1..=9, pattern = "^[0-9]*$")] other: Option<String>,
    #[arg(default = "8")] third: Option<String>,
    call: Call,
    state: State<u8>,
    updates: Sender,
) -> Result<i64, ::std::num::ParseIntError> {
    ::std::mem::drop((other, third, call, state));
    updates.progress(1, 1, "parsed");
    text.parse()
}

#[::mcpc::tool]
async fn nothing() {}

pub fn main() {
    let server = ::mcpc::Server::new("bare").state(1_u8);
    ::std::mem::drop(server.tools(::mcpc::tools![add, parse, nothing]));
}
