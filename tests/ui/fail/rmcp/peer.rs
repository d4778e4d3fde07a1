use mcpc::rmcp::{Peer, RoleServer};

#[mcpc::background]
async fn add(a: i64, peer: Peer<RoleServer>) -> i64 {
    drop(peer);
    a
}

fn main() {}
