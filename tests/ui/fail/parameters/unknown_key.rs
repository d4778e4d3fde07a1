#[mcpc::tool]
async fn repeat(text: String, #[arg(defualt = 2)] times: usize) -> String {
    text.repeat(times)
}

fn main() {}
