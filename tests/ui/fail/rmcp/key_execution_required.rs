#[mcpc::background(execution(task_support = "required"))]
async fn wait() {}

fn main() {
    let _ = mcpc::tools![wait];
}
