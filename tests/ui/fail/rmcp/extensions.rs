use mcpc::rmcp::model::Extensions;

#[mcpc::tool]
async fn add(a: i64, extensions: Extensions) -> i64 {
    drop(extensions);
    a
}

fn main() {}
