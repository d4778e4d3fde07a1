#[mcpc::tool]
async fn repeat(text: String, #[arg] times: usize) -> String {
    text.repeat(times)
}

fn main() {}
