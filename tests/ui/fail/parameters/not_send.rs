#[mcpc::tool]
async fn shout(#[arg()] text: std::rc::Rc<String>) -> String {
    text.to_uppercase()
}

fn main() {
    let _ = mcpc::tools![shout];
}
