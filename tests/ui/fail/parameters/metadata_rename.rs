#[mcpc::tool]
async fn show(#[arg(rename = "mcpc_params")] parameters: String) -> String {
    parameters
}

fn main() {}
