#[mcpc::tool]
async fn pad<const WIDTH: usize>(text: String) -> String {
    format!("{text:WIDTH$}")
}

fn main() {}
