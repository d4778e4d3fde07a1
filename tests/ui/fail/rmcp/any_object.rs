use mcpc::rmcp::model::JsonObject;

#[mcpc::tool]
async fn echo(arguments: JsonObject) -> JsonObject {
    arguments
}

fn main() {}
