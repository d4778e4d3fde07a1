//! A tool declared inside a function body, next to one of the same name outside.

use mcpc::Tool;

#[mcpc::tool(name = "outer")]
async fn add(a: i64, b: i64) -> i64 {
    a - b
}

fn tools() -> mcpc::Tools {
    mcpc::tools![add]
}

#[tokio::main(flavor = "current_thread")]
pub async fn main() {
    #[mcpc::tool]
    async fn add(a: i64, b: i64) -> i64 {
        a + b
    }

    /// Local types are as good as any.
    #[derive(serde::Deserialize, schemars::JsonSchema)]
    struct Local {
        value: u8,
    }

    #[mcpc::background]
    async fn show(local: Local, updates: mcpc::Sender) -> u8 {
        updates.progress(1, 1, "done");
        local.value
    }

    let _ = tools();
    let _ = mcpc::tools![add, show];
    assert_eq!(<add as Tool>::NAME, "add");
    assert_eq!(add(1, 2).await, 3);
}
