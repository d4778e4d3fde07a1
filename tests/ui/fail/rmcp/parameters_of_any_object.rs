use mcpc::rmcp::handler::server::wrapper::Parameters;
use mcpc::rmcp::model::JsonObject;

#[mcpc::tool]
async fn echo(Parameters(arguments): Parameters<JsonObject>) -> JsonObject {
    arguments
}

fn main() {}
