//! `tools![..]` is an expression: empty, with a trailing comma, nested, in a constant's place.

use mcpc::{AnyTool, DynamicTool, Server, Tools, tools};

#[mcpc::tool]
async fn add(a: i64, b: i64) -> i64 {
    a + b
}

#[mcpc::tool]
async fn sub(a: i64, b: i64) -> i64 {
    a - b
}

fn none() -> Tools {
    tools![]
}

fn made() -> DynamicTool {
    DynamicTool::plain("made", "{}", |_, _| async { Ok::<_, String>("made") })
}

fn added() -> Tools {
    let mut tools: Tools = tools![add] + made() + vec![made()];
    tools += made();
    tools.push(made());
    tools.extend([made()]);
    tools + [AnyTool::from(made())] + tools![sub]
}

pub fn main() {
    let _ = Server::new("made").tools(made()).tools(vec![made()]).tools([made()]).tools(added());
    let _ = none();
    let _ = tools![add,];
    let _ = tools!(add, sub);
    let _ = tools! { sub, add, };
    let _ = [tools![add], tools![add, sub]];
    let _ = Server::new("lists")
        .tools(tools![])
        .tools(tools![add])
        .tools(if cfg!(all()) { tools![sub] } else { none() });
}
