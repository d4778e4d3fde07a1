#[mcpc::tool]
async fn deploy(
    #[arg(rename = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef0")] at: u32,
) -> u32 {
    at
}

fn main() {}
