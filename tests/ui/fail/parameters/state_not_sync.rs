struct Database(std::cell::Cell<u8>);

#[mcpc::tool]
async fn rows(database: mcpc::State<Database>) -> u8 {
    database.0.get()
}

fn main() {
    let _ = mcpc::tools![rows];
}
