struct Calculator;

impl Calculator {
    #[mcpc::tool]
    async fn add(&self, a: i64, b: i64) -> i64 {
        a + b
    }

    #[cfg(any())]
    #[mcpc::tool]
    async fn sub(&self) {}
}

fn main() {
    let _ = mcpc::tools![Calculator::add];
}
