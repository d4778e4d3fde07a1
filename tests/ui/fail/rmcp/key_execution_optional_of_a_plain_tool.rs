#[mcpc::tool(execution(task_support = "optional"))]
async fn wait() {}

fn main() {
    let _ = mcpc::tools![wait];
}
