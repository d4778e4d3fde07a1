use mcpc::rmcp::Json;

#[derive(serde::Serialize, schemars::JsonSchema)]
struct Sum {
    sum: i64,
}

#[mcpc::background]
async fn add(a: i64, b: i64) -> Result<Json<Sum>, String> {
    Ok(Json(Sum { sum: a + b }))
}

fn main() {}
