#[mcpc::tool]
async fn größe(city: String) -> usize {
    city.len()
}

fn main() {}
