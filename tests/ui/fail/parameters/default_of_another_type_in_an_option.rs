#[mcpc::tool]
async fn repeat(text: String, #[arg(default = true)] times: Option<usize>) -> String {
    text.repeat(times.unwrap_or(1))
}

fn main() {}
