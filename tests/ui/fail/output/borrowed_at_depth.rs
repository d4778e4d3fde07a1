#[mcpc::tool]
async fn numbers() -> Option<&'static u8> {
    Some(&1)
}

fn main() {}
