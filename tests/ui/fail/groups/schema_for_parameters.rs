use mcpc::rmcp::handler::server::wrapper::Parameters;
use mcpc::rmcp::model::JsonObject;

#[mcpc::tool(input_schema = r#"{"type": "object"}"#)]
async fn echo(Parameters(arguments): Parameters<JsonObject>) -> JsonObject {
    arguments
}

fn main() {
    let _ = mcpc::tools![echo];
}
