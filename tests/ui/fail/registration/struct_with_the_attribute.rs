#[mcpc::tool]
struct Adder;

fn main() {
    let _ = Adder;
    let _ = mcpc::tools![Adder];
}
