use mcpc::{Call, LogLevel};

struct Step(u8);

/// Builds.
#[mcpc::tool]
async fn build(call: Call) {
    call.log(LogLevel::Info, Step(1)).await;
}

fn main() {
    let _ = mcpc::tools![build];
}
