#[mcpc::tool]
async fn repeat(text: String, #[arg(default = 0, range = 1..=100)] times: usize) -> String {
    text.repeat(times)
}

fn main() {}
