#[mcpc::tool]
async fn add(#[schemars(length(min = 1))] a: String) -> String {
    a
}

fn main() {
    let _ = mcpc::tools![add];
}
