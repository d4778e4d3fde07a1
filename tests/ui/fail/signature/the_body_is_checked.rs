// errors: 2, because the body of a function with a wrong signature is still checked
#[mcpc::tool]
async fn add(a: &i64, b: i64) -> i64 {
    let sum = a + b;
    sum == 3
}

fn main() {
    let _ = mcpc::tools![add];
}
