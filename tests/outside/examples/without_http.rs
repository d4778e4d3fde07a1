//! Does not compile: `mcpc` is here without its feature `http`.

#[tokio::main]
async fn main() -> mcpc::Result {
    mcpc::Server::new("outside").serve_http("127.0.0.1:8080").await
}
