#[mcpc::tool(execution(task_support = "required"))]
async fn add(a: i64) -> i64 {
    a
}

fn main() {
    let _ = mcpc::tools![add];
}
