#[mcpc::tool]
async fn address(of: *const u8) -> bool {
    of.is_null()
}

fn main() {}
