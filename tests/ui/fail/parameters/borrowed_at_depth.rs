#[mcpc::tool]
async fn join(words: Vec<&str>) -> String {
    words.concat()
}

fn main() {}
