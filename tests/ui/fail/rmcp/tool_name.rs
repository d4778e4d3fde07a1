use mcpc::rmcp::handler::server::tool::ToolName;

#[mcpc::tool]
async fn add(a: i64, name: ToolName) -> i64 {
    drop(name);
    a
}

fn main() {}
