#[mcpc::tool]
async fn add(a: i64, mcpc::State(offset): mcpc::State<i64>) -> i64 {
    a + *offset
}

fn main() {}
