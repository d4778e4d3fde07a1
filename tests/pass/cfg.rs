//! Tools, parameters and names in a list that are there only at times.

use mcpc::{Server, tools};

#[mcpc::tool]
async fn add(
    a: i64,
    #[cfg(any())] b: Nothing,
    #[cfg(not(any()))]
    #[arg(default = 2)]
    c: i64,
    /// One way to say it.
    #[cfg(any())]
    d: Nothing,
    /// Another.
    #[cfg(not(any()))]
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
#[cfg(not(any()))]
async fn there() {}

#[mcpc::background]
async fn one_of_two(#[cfg(not(any()))] updates: mcpc::Sender, #[cfg(any())] updates: mcpc::Sender) {
    updates.progress(1, 1, "done");
}

#[mcpc::tool]
#[deprecated]
async fn old() {}

#[tokio::main(flavor = "current_thread")]
pub async fn main() {
    let _ = Server::new("cfg").tools(tools![
        add,
        #[cfg(any())]
        before,
        #[cfg(any())]
        behind,
        #[cfg(not(any()))]
        there,
        one_of_two,
    ]);
    assert_eq!(add(1, 2, 3).await, 6);
}
