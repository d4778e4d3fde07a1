#[mcpc::tool]
async fn add(#[arg(regex = "^a$")] a: String) -> String {
    a
}

fn main() {
    let _ = mcpc::tools![add];
}
