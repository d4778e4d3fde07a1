#[mcpc::tool]
async fn add(#[arg(min_length = 1, max_length = 9)] a: String) -> String {
    a
}

fn main() {
    let _ = mcpc::tools![add];
}
