//! A type of the user's that is called like one of channels is an argument as any other.

#[derive(serde::Deserialize, schemars::JsonSchema)]
struct Receiver {
    name: String,
}

fn is_known(receiver: &Receiver) -> Result<(), String> {
    if receiver.name.is_empty() { Err("nobody".to_owned()) } else { Ok(()) }
}

#[mcpc::background(check = is_known)]
async fn mail(receiver: Receiver, updates: mcpc::Sender) -> String {
    updates.send("on its way").await;
    receiver.name
}

pub fn main() {
    let _ = mcpc::tools![mail];
}
