#[mcpc::tool]
async fn weather(#[arg(range = "a".."c")] city: String) -> String {
    city
}

fn main() {}
