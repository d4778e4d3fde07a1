struct Adder;

fn main() {
    let _ = mcpc::tools![Adder];
}
