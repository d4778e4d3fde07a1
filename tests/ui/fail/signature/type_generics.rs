#[mcpc::tool]
async fn echo<T: Send + 'static>(text: String) -> String {
    text
}

fn main() {}
