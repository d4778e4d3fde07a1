use tokio::sync::RwLock;

#[mcpc::tool]
async fn names(names: RwLock<Vec<String>>) -> Vec<String> {
    names.read().await.clone()
}

fn main() {}
