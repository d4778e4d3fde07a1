use std::rc::Rc;

struct Database;

#[mcpc::tool]
async fn rows(table: String, database: Rc<Database>) -> String {
    drop(database);
    table
}

fn main() {}
