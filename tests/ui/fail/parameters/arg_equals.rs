#[mcpc::tool]
async fn repeat(text: String, #[arg = 2] times: usize) -> String {
    text.repeat(times)
}

fn main() {}
