//! How many connections there may be, over sockets and so in real time.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::time::timeout;

use crate::raw::Raw;
use crate::server;
use crate::support::initialize;

/// Long enough for an answer that comes.
const A_WHILE: Duration = Duration::from_secs(5);

/// Short enough to wait for one that does not.
const A_MOMENT: Duration = Duration::from_millis(300);

async fn serve(most: usize) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("it has one");
    // The process is that of other tests, too.
    let service = server().signals(false).build().expect("it can be built");
    tokio::spawn(service.http().max_connections(most).serve_on(listener));
    address
}

#[tokio::test]
async fn a_connection_beyond_the_last_waits_to_be_accepted_and_is_answered_when_another_ends() {
    let address = serve(2).await;
    let initialize = initialize("2025-11-25").to_string();
    let mut first = Raw::send(address, "POST /mcp", "", &initialize).await;
    let mut second = Raw::send(address, "POST /mcp", "", &initialize).await;
    for connection in [&mut first, &mut second] {
        connection.read_until("\"protocolVersion\"").await;
    }
    let mut third = Raw::send(address, "POST /mcp", "", &initialize).await;
    let early = timeout(A_MOMENT, third.read_until("HTTP/1.1 200")).await;
    assert!(early.is_err(), "there are two already");
    drop(first);
    timeout(A_WHILE, third.read_until("\"protocolVersion\"")).await.expect("it is its turn");
}

#[tokio::test]
async fn whatever_may_take_for_ever_is_served() {
    let for_ever = Duration::MAX;
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("it has one");
    let service = server().signals(false).build().expect("it can be built");
    let http = service.http().header_timeout(for_ever).body_timeout(for_ever);
    let http = http.write_timeout(for_ever).session_idle(for_ever).keep_alive(for_ever);
    tokio::spawn(http.poll_after(for_ever).serve_on(listener));
    let initialize = initialize("2025-11-25").to_string();
    let mut connection = Raw::send(address, "POST /mcp", "", &initialize).await;
    timeout(A_WHILE, connection.read_until("\"protocolVersion\"")).await.expect("it is answered");
}
