use mcpc::rmcp::RoleServer;
use mcpc::rmcp::service::RequestContext;

#[mcpc::tool]
async fn add(a: i64, context: RequestContext<RoleServer>) -> i64 {
    drop(context);
    a
}

fn main() {
    let _ = mcpc::tools![add];
}
