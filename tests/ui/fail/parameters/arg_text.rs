/// Says what the weather is like.
#[mcpc::tool]
async fn weather(#[arg("Which city")] city: String) -> String {
    city
}

fn main() {
    let _ = mcpc::tools![weather];
}
