use mcpc::content::CallToolResult;
use mcpc::rmcp::model::CallToolResponse;

#[mcpc::tool]
async fn add(a: i64) -> Result<CallToolResponse, String> {
    drop(a);
    Ok(CallToolResult::success(vec![]).into())
}

fn main() {}
