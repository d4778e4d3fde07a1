#[mcpc::tool(annotations(read_only_hint = true, destructive_hint = false, title = "Add"))]
async fn add(a: i64) -> i64 {
    a
}

fn main() {
    let _ = mcpc::tools![add];
}
