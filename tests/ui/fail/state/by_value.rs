struct Database;

#[mcpc::tool]
async fn rows(table: String, database: Database) -> String {
    drop(database);
    table
}

fn main() {}
