#[mcpc::tool]
async fn add(#[schemars(regex(pattern = "^a$"))] a: String) -> String {
    a
}

fn main() {
    let _ = mcpc::tools![add];
}
