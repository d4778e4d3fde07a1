use std::sync::{Arc, Mutex};

#[mcpc::tool]
async fn names(names: Arc<Mutex<String>>) -> String {
    names.lock().unwrap().clone()
}

fn main() {}
