#[mcpc::tool]
async fn call(function: fn() -> i64) -> i64 {
    function()
}

fn main() {}
