#[mcpc::tool]
async fn repeat(text: String, #[arg(default: 2)] times: usize) -> String {
    text.repeat(times)
}

fn main() {
    let _ = mcpc::tools![repeat];
}
