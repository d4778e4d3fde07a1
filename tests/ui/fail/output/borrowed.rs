#[mcpc::tool]
async fn numbers() -> &'static [u8] {
    &[1, 2]
}

fn main() {}
