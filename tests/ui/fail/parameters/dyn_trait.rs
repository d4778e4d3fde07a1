#[mcpc::tool]
async fn show(value: Box<dyn ToString + Send>) -> String {
    value.to_string()
}

fn main() {}
