struct Offline;

type Result<T> = std::result::Result<T, Offline>;

#[mcpc::tool]
async fn weather() -> Result<String> {
    Err(Offline)
}

fn main() {}
