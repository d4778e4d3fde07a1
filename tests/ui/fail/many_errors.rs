// errors: 4, because one run reports every mistake of a function

#[mcpc::tool(nam = "sum")]
fn add(_: i64, b: &i64) -> i64 {
    *b
}

fn main() {}
