//! Tools, parameters and names in a list that are there only at times.

use mcpc::{Server, tools};

#[mcpc::tool]
async fn add(
    a: i64,
    #[cfg(any())] b: Nothing,
    #[cfg(all())]
    #[arg(default = 2)]
    c: i64,
    /// One way to say it.
    #[cfg(any())]
    d: Nothing,
    /// Another.
    #[cfg(all())]
    d: i64,
) -> i64 {
    a + c + d
}

#[cfg(any())]
#[mcpc::tool]
async fn before(nothing: Nothing) {}

#[mcpc::background]
#[cfg(any())]
async fn behind(nothing: Nothing) {}

#[mcpc::tool]
#[cfg(all())]
async fn there() {}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let _ = Server::new("cfg").tools(tools![
        add,
        #[cfg(any())]
        before,
        #[cfg(any())]
        behind,
        #[cfg(all())]
        there,
    ]);
    assert_eq!(add(1, 2, 3).await, 6);
}
