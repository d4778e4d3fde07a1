// errors: 2, because each of the two tools has a mistake; that they are listed adds none

#[mcpc::tool]
fn add(a: i64, b: i64) -> i64 {
    a + b
}

#[mcpc::background]
fn sum(numbers: Vec<i64>) -> i64 {
    numbers.iter().sum()
}

fn main() {
    let _ = mcpc::tools![add, sum];
}
