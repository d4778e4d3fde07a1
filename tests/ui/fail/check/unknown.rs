use mcpc::Sender;

#[mcpc::background(check = check)]
async fn copy(from: u32, to: u32, updates: Sender) {
    updates.progress(from, to, "done");
}

fn main() {
    let _ = mcpc::tools![copy];
}
