struct Database;

#[mcpc::tool]
async fn rows(#[arg(rename = "db")] database: mcpc::State<Database>) -> usize {
    size_of_val(&*database)
}

fn main() {}
