#[mcpc::tool]
async fn repeat(text: String, #[arg(default = "two")] times: usize) -> String {
    text.repeat(times)
}

fn main() {}
