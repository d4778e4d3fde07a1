#[mcpc::tool]
async fn weather() -> impl ToString {
    21
}

fn main() {}
