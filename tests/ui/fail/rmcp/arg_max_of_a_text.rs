#[mcpc::tool]
async fn greet(#[arg(max = 64)] name: Option<String>) -> Option<String> {
    name
}

fn main() {
    let _ = mcpc::tools![greet];
}
