#[mcpc::tool]
async fn repeat(text: String, #[arg(default = 2)] #[arg(default = 3)] times: usize) -> String {
    text.repeat(times)
}

fn main() {}
