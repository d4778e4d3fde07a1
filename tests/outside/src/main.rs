//! The servers of `tests/servers` over stdio, built as users build theirs.

#[path = "../../servers/agreement.rs"]
mod agreement;
#[path = "../../servers/golden.rs"]
mod golden;
#[path = "../../servers/schemas.rs"]
mod schemas;

use mcpc::Schemas;

#[tokio::main]
async fn main() -> mcpc::Result {
    let mut arguments = std::env::args().skip(1);
    let name = arguments.next().expect("the name of a server");
    let setting = arguments.next().expect("its setting");
    let server = match name.as_str() {
        "agreement" => agreement::server(schemas_called(&setting)),
        "golden" => golden::server(&setting),
        "schemas" => schemas::server(schemas_called(&setting)),
        _ => panic!("`{name}` is not a server"),
    };
    server.serve_stdio().await
}

fn schemas_called(setting: &str) -> Schemas {
    let known = [Schemas::Portable, Schemas::Draft2020_12];
    known.into_iter().find(|schemas| format!("{schemas:?}") == setting).expect("known schemas")
}
