struct Offline;

#[mcpc::tool]
async fn weather() -> Result<String, Offline> {
    Err(Offline)
}

fn main() {}
