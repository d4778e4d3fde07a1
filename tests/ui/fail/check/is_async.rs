use mcpc::Sender;

async fn check(from: &u32, to: &u32) -> Result<(), String> {
    if from < to { Ok(()) } else { Err(to.to_string()) }
}

#[mcpc::background(check = check)]
async fn copy(from: u32, to: u32, updates: Sender) {
    updates.progress(from, to, "done");
}

fn main() {
    let _ = mcpc::tools![copy];
}
