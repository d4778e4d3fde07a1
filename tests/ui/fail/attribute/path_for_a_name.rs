const NAME: &str = "sum";

#[mcpc::tool(name = NAME)]
async fn add(a: i64, b: i64) -> i64 {
    a + b
}

fn main() {}
