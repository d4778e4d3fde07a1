#[mcpc::tool]
async fn add(a: i64, b: i64) -> i64 {
    a + b
}

fn all(made: mcpc::DynamicTool) -> mcpc::Tools {
    drop(made.clone());
    mcpc::tools![add, made]
}

fn main() {}
