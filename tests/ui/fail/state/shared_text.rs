use std::sync::Arc;

/// Looks for a city.
#[mcpc::tool]
async fn find(city: Arc<str>) -> String {
    city.to_string()
}

fn main() {
    let _ = mcpc::tools![find];
}
