#![deny(dead_code)]

#[mcpc::tool]
async fn add(a: i64, b: i64) -> i64 {
    a + b
}

#[mcpc::background]
async fn sum(numbers: Vec<i64>) -> i64 {
    numbers.iter().sum()
}

fn main() {
    let _ = mcpc::tools![sum];
}
