#[mcpc::tool]
async fn weather(#[arg(rename = "")] city: String) -> String {
    city
}

fn main() {}
