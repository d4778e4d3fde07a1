// errors: 2, because an attribute cannot see the `impl` around a function without a receiver

struct Calculator;

impl Calculator {
    #[mcpc::tool]
    async fn add(a: i64, b: i64) -> i64 {
        a + b
    }
}

fn main() {}
