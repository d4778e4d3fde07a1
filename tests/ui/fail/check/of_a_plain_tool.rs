fn check(from: &u32, to: &u32) -> Result<(), String> {
    if from < to { Ok(()) } else { Err(to.to_string()) }
}

#[mcpc::tool(check = check)]
async fn copy(from: u32, to: u32) {
    assert!(from < to);
}

fn main() {
    let _ = mcpc::tools![copy];
}
