#[derive(serde::Deserialize)]
struct Selector {
    zone: String,
}

#[mcpc::tool(input_schema = r#"{"type": "object"}"#)]
async fn find(#[arg(all)] Selector { zone }: Selector) -> String {
    zone
}

fn main() {
    let _ = mcpc::tools![find];
}
