struct Add;

impl mcpc::Tool for Add {
    const NAME: &'static str = "add";
}

fn main() {
    let _ = mcpc::tools![Add];
}
