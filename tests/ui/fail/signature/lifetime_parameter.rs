#[mcpc::tool]
async fn echo<'a>(text: String) -> String {
    text
}

fn main() {}
