#[mcpc::tool]
async fn repeat(text: String, #[arg(range)] times: usize) -> String {
    text.repeat(times)
}

fn main() {}
