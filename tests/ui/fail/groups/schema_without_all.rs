#[mcpc::tool(input_schema = r#"{"type": "object"}"#)]
async fn find(zone: String) -> String {
    zone
}

fn main() {
    let _ = mcpc::tools![find];
}
