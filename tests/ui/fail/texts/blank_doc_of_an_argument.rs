/// Adds.
#[mcpc::tool]
async fn add(
    #[doc = concat!(" ", " ")] a: i64,
    b: i64,
) -> i64 {
    a + b
}

fn main() {}
