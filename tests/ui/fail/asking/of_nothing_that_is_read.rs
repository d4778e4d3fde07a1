struct Target;

#[mcpc::background]
async fn deploy(updates: mcpc::Sender) -> Result<(), mcpc::NoAnswer> {
    updates.ask::<Target>("Where to?").await?;
    Ok(())
}

fn main() {}
