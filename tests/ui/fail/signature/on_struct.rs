#[mcpc::tool]
struct Adder;

fn main() {}
