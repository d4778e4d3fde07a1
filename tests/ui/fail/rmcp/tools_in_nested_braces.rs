mod math {
    #[mcpc::tool]
    pub async fn add(a: i64, b: i64) -> i64 {
        a + b
    }

    pub mod more {
        #[mcpc::tool]
        pub async fn sub(a: i64, b: i64) -> i64 {
            a - b
        }
    }
}

fn main() {
    let _ = mcpc::tools![math::{add, more::{sub,},}];
}
