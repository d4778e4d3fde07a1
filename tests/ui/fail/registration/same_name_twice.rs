#[mcpc::tool]
async fn add(a: i64, b: i64) -> i64 {
    a + b
}

#[mcpc::tool(name = "add")]
async fn sum(numbers: Vec<i64>) -> i64 {
    numbers.iter().sum()
}

fn main() {
    let _ = mcpc::tools![add, sum];
}
