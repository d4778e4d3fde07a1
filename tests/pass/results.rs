//! Everything that a tool may return where nothing can go wrong.

use std::borrow::Cow;
use std::collections::BTreeMap;

use rmcp::model::{
    AudioContent, CallToolResult, ContentBlock, EmbeddedResource, ImageContent, TextContent,
};
use schemars::JsonSchema;
use serde::Serialize;

#[derive(Serialize, JsonSchema)]
struct Weather {
    degrees: f64,
    sky: Option<Sky>,
}

#[derive(Serialize, JsonSchema)]
enum Sky {
    Clear,
    Clouds { cover: u8 },
}

macro_rules! tools_returning {
    ($($name:ident: $ty:ty),* $(,)?) => {
        $(
            #[mcpc::tool]
            async fn $name() -> $ty {
                unimplemented!()
            }
        )*
        fn list() -> mcpc::Tools {
            mcpc::tools![$($name),*]
        }
    };
}

tools_returning! {
    unit: (),
    string: String,
    text: &'static str,
    cow: Cow<'static, str>,
    boolean: bool,
    letter: char,
    integer: i64,
    unsigned: u128,
    float: f32,
    structure: Weather,
    enumeration: Sky,
    list_of: Vec<Weather>,
    maybe: Option<Weather>,
    map: BTreeMap<String, Weather>,
    tuple: (u8, String),
    boxed: Box<Weather>,
    json: serde_json::Value,
    whole_reply: CallToolResult,
    blocks: Vec<ContentBlock>,
    block: ContentBlock,
    text_content: TextContent,
    image: ImageContent,
    audio: AudioContent,
    resource: EmbeddedResource,
}

#[mcpc::tool]
async fn nothing() {}

#[mcpc::background]
async fn weather() -> Weather {
    Weather { degrees: 21.0, sky: Some(Sky::Clouds { cover: 2 }) }
}

#[mcpc::tool]
async fn sky() -> Sky {
    Sky::Clear
}

pub fn main() {
    let _ = list();
    let _ = mcpc::tools![nothing, weather, sky];
}
