use mcpc::DynamicTool;

#[mcpc::tool]
async fn add(a: i64, b: i64) -> i64 {
    a + b
}

fn made() -> DynamicTool {
    DynamicTool::plain("made", "{}", async |_, _| Ok::<_, String>("made"))
}

fn main() {
    let _ = mcpc::tools![add, made()];
}
