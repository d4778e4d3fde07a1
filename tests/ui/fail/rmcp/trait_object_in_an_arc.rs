use std::sync::Arc;

trait Database: Send + Sync {}

#[mcpc::tool]
async fn rows(table: String, database: Arc<dyn Database>) -> String {
    drop(database);
    table
}

fn main() {}
