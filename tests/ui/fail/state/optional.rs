use mcpc::State;

struct Database;

/// Counts rows.
#[mcpc::tool]
async fn rows(table: String, database: Option<State<Database>>) -> String {
    format!("{table}: {}", database.is_some())
}

fn main() {
    let _ = mcpc::tools![rows];
}
