//! What a call shows of itself, in both kinds of tool, under any name and beside everything else.

use mcpc::{Call, Sender, State};

type Request = Call;

/// Takes what it does not look at.
#[mcpc::tool]
async fn whoever(_call: Call) {}

#[mcpc::tool]
async fn who(call: Call) -> Option<String> {
    let client = call.client()?;
    Some(format!("{} {} in {}", client.name, client.version, call.session_id()))
}

#[mcpc::background]
async fn which(_call: mcpc::Call, request: Request, limit: State<u8>, updates: Sender) -> bool {
    updates.progress(1, *limit, request.session_id());
    request.clone().task_id() == Some(updates.task_id())
        && request.context().meta.get("key").is_none()
}

pub fn main() {
    let _ = mcpc::tools![whoever, who, which];
}
