#[mcpc::tool]
async fn forever() -> ! {
    std::future::pending().await
}

fn main() {}
