struct Calculator;

impl Calculator {
    async fn add(&self, a: i64, b: i64) -> i64 {
        a + b
    }
}

fn main() {
    let _ = mcpc::tools![Calculator::add];
}
