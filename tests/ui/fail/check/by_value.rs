use mcpc::Sender;

fn check(from: u32, to: u32) -> Result<(), String> {
    if from > to { Err(to.to_string()) } else { Ok(()) }
}

#[mcpc::background(check = check)]
async fn copy(from: u32, to: u32, updates: Sender) {
    updates.progress(from, to, "done");
}

fn main() {
    let _ = mcpc::tools![copy];
}
