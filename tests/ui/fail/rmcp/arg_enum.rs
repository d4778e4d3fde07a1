#[mcpc::tool]
async fn add(#[arg(enum = ["a", "b"])] a: String) -> String {
    a
}

fn main() {
    let _ = mcpc::tools![add];
}
