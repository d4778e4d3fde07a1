#[mcpc::tool]
async fn add(#[arg(max_length = 9)] a: String) -> String {
    a
}

fn main() {
    let _ = mcpc::tools![add];
}
