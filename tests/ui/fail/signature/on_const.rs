#[mcpc::tool]
const ONE: i64 = 1;

fn main() {}
