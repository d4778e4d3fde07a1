#[mcpc::tool]
async fn repeat(text: String, #[arg(default = true)] times: usize) -> String {
    text.repeat(times)
}

fn main() {}
