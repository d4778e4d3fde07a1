//! Every path that the attributes write down is absolute, so nothing of the user's gets in its way.

#![allow(dead_code, unused_imports, unused_macros, non_camel_case_types, non_upper_case_globals)]

mod shadows {
    pub(crate) struct Option;
    pub(crate) struct Some;
    pub(crate) struct None;
    pub(crate) struct Result;
    pub(crate) struct Ok;
    pub(crate) struct Err;
    pub(crate) struct Vec;
    pub(crate) struct Box;
    pub(crate) struct String;
    pub(crate) struct Tool;
    pub(crate) struct Definition;
    pub(crate) struct Settings;
    pub(crate) struct Range;
    pub(crate) trait Send {}
    pub(crate) trait Sync {}
    pub(crate) trait Default {}
    pub(crate) trait From {}
    pub(crate) trait Into {}
    pub(crate) trait Fn {}
    pub(crate) trait Future {}
    pub(crate) mod std {}
    pub(crate) mod core {}
    pub(crate) mod alloc {}
    pub(crate) mod mcpc {}
    pub(crate) mod serde {}
    pub(crate) mod schemars {}
}

use shadows::*;

type str = ();
type bool = ();
type u64 = ();

const name: i32 = 1;
const description: i32 = 2;
static schema: i32 = 3;
static generator: i32 = 4;

macro_rules! vec {
    () => {
        compile_error!("not this one")
    };
}
macro_rules! panic {
    () => {
        compile_error!("not this one")
    };
}
macro_rules! assert {
    () => {
        compile_error!("not this one")
    };
}
macro_rules! concat {
    () => {
        compile_error!("not this one")
    };
}

fn drop() {}

/// Adds two numbers.
#[::mcpc::tool(name = "plus", title = "Plus", read_only)]
async fn add(a: i64, #[arg(default = 1, range = 0..=9)] b: i64) -> i64 {
    a + b
}

#[::mcpc::background(timeout = "1h 30m")]
async fn parse(
    #[arg(default = "7", rename = "digits")] text: ::std::string::String,
    #[arg(default)] more: ::std::option::Option<i64>,
    #[arg(example = "5", length = 1..=9, pattern = "^[0-9]*$")]
    other: ::std::option::Option<::std::string::String>,
    call: ::mcpc::Call,
    updates: ::mcpc::Sender,
) -> ::std::result::Result<i64, ::std::num::ParseIntError> {
    updates.progress(1, 1, other.as_deref().unwrap_or(call.session_id()));
    let parsed: i64 = text.parse()?;
    ::std::result::Result::Ok(parsed + more.unwrap_or(0))
}

#[::mcpc::tool]
async fn nothing() {}

pub fn main() {
    let _ = ::mcpc::tools![add, parse, nothing];
}
