#[mcpc::tool]
async fn grow(größe: u32) -> u32 {
    größe
}

fn main() {}
