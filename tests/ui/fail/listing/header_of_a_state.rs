#[mcpc::tool]
async fn add(a: i64, #[arg(header = "Region")] state: mcpc::State<i64>) -> i64 {
    a + *state
}

fn main() {}
