#[mcpc::tool]
trait Adder {}

fn main() {}
