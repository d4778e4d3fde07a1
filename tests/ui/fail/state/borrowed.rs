struct Database;

#[mcpc::tool]
async fn rows(table: String, database: &Database) -> String {
    let _ = database;
    table
}

fn main() {}
