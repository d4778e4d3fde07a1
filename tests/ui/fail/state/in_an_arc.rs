use std::sync::Arc;

struct Database;

#[mcpc::tool]
async fn rows(table: String, database: Arc<Database>) -> String {
    drop(database);
    table
}

fn main() {}
