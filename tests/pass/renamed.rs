//! `mcpc` under another name.

mod framework {
    pub(crate) use mcpc as m;
}

use framework::m;

/// Adds two numbers.
#[m::tool(crate = m, name = "plus")]
async fn add(a: i64, #[arg(default = 1, range = 0..=9)] b: i64) -> i64 {
    a + b
}

#[framework::m::background(crate = crate::renamed::framework::m)]
async fn parse(text: String, updates: m::Sender) -> Result<i64, std::num::ParseIntError> {
    updates.progress(1, 1, "parsed");
    text.parse()
}

macro_rules! nothing {
    ($crate_of:path) => {
        #[m::tool(crate = $crate_of)]
        async fn nothing() {}
    };
}

nothing!(::mcpc);

macro_rules! of_ours {
    ($name:ident, $text:literal) => {
        #[m::tool(crate = $crate::renamed::framework::m)]
        async fn $name(#[arg(default = $text)] value: String) -> m::Result<String> {
            Ok(value)
        }
    };
}

of_ours!(own, "text");

pub fn main() {
    drop(m::Server::new("renamed").tools(m::tools![add, parse, nothing, own]));
}
