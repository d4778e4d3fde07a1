// errors: 2, because rustc looks for a macro of it first, and for its types later
#[mcpc::background(crate = nothing)]
async fn add(a: i64, #[arg(default = 5, example = 1)] b: i64, #[arg(default = "c")] c: String) -> Result<i64, String> {
    drop(c);
    Ok(a + b)
}

fn main() {
    let _ = mcpc::tools![add];
}
