//! The attributes leave the function alone: tests and other tools call it as before.

#[mcpc::tool]
async fn add(a: i64, b: i64) -> i64 {
    a + b
}

#[mcpc::background]
async fn sum(numbers: Vec<i64>) -> i64 {
    let mut sum = 0;
    for number in numbers {
        sum = add(sum, number).await;
    }
    sum
}

#[tokio::main(flavor = "current_thread")]
pub async fn main() {
    assert_eq!(add(1, 2).await, 3);
    assert_eq!(sum(vec![1, 2, 3]).await, 6);
}
