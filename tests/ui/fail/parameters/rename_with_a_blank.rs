#[mcpc::tool]
async fn deploy(#[arg(rename = "dry run")] dry_run: bool) -> bool {
    dry_run
}

fn main() {}
