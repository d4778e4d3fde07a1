#[mcpc::tool]
async fn repeat(text: String, #[arg(range = 5..=1)] times: usize) -> String {
    text.repeat(times)
}

fn main() {}
