#[mcpc::tool]
async fn add(#[validate(email)] a: String) -> String {
    a
}

fn main() {
    let _ = mcpc::tools![add];
}
