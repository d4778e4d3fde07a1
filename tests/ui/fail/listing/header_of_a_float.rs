#[mcpc::tool]
async fn add(#[arg(header = "Region")] a: Option<f64>, b: i64) -> i64 {
    drop(a);
    b
}

fn main() {}
