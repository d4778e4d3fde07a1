//! Does not compile: the attribute is not told what `mcpc` is called here.

/// Adds two numbers.
#[m::tool]
async fn add(a: i64, b: i64) -> i64 {
    a + b
}

fn main() {}
