//! Our client over HTTP: against our server in both eras, over connections that break, and against servers that say what
//! a test wants or are by hand on rmcp. There are real sockets, and so no paused clock.

mod broken;
mod by_hand;
mod proxy;
mod scripted;
mod tls;
mod ways;

use std::net::SocketAddr;
use std::time::Duration;

use mcpc::client::{Client, ClientBuilder, Said, Way};
use mcpc::http::HttpServer;
use mcpc::{Call, Receiver, Sender, Server, tools};
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::runtime::{Builder, Runtime};
use tokio::time::sleep;

/// A server that ends with the test, and all of its connections with it.
struct Served {
    address: SocketAddr,
    runtime: Option<Runtime>,
}

impl Served {
    fn url(&self) -> String {
        url(self.address)
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        self.runtime.take().expect("it runs").shutdown_background();
    }
}

fn url(address: SocketAddr) -> String {
    format!("http://{address}/mcp")
}

fn serve(server: Server) -> Served {
    serve_at("127.0.0.1:0".parse().expect("an address"), server, |http| http)
}

fn serve_at(
    address: SocketAddr,
    server: Server,
    set: impl FnOnce(HttpServer) -> HttpServer,
) -> Served {
    let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build();
    let runtime = runtime.expect("a runtime");
    let service = server.signals(false).build().expect("it can be built");
    let http = set(service.http());
    let listener = std::net::TcpListener::bind(address).expect("the port is free");
    listener.set_nonblocking(true).expect("it can be");
    let address = listener.local_addr().expect("it is bound");
    runtime.spawn(async move {
        let listener = TcpListener::from_std(listener).expect("a listener");
        http.serve_on(listener).await.expect("it is served");
    });
    Served { address, runtime: Some(runtime) }
}

#[derive(Debug, PartialEq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
struct Counted {
    to: u64,
}

/// Counts, a number every so many milliseconds.
#[mcpc::background]
async fn count(to: u64, pause: u64, updates: Sender) -> Result<Counted, String> {
    for i in 1..=to {
        sleep(Duration::from_millis(pause)).await;
        updates.progress(i, to, format!("at {i}"));
    }
    updates.emit("counted", to).await;
    if to == 13 { Err("unlucky".to_owned()) } else { Ok(Counted { to }) }
}

/// Says all numbers up to one.
#[mcpc::background]
async fn say(to: u64, pause: u64, updates: Sender) -> u64 {
    for i in 1..=to {
        if pause > 0 {
            sleep(Duration::from_millis(pause)).await;
        }
        updates.send(format!("{i} {}", "x".repeat(200))).await;
    }
    to
}

/// Goes on until it is stopped.
#[mcpc::background]
async fn forever(updates: Sender) -> Result<(), String> {
    updates.stopped().await;
    Err("rolled back".to_owned())
}

/// Asks who is there.
#[mcpc::background]
async fn ask(updates: Sender) -> Result<String, String> {
    let name: String = updates.ask("who?").await.map_err(|error| error.to_string())?;
    Ok(format!("hello {name}"))
}

/// Says what it is told, until it is told to end.
#[mcpc::background]
async fn repeat(mut told: Receiver<String>, updates: Sender) -> u64 {
    let mut count = 0;
    while let Some(text) = told.recv().await {
        if text == "end" {
            break;
        }
        count += 1;
        updates.send(text).await;
    }
    count
}

#[mcpc::tool]
async fn double(n: u64) -> u64 {
    n * 2
}

/// A tool that a proxy on the way may want to know the region of.
#[mcpc::tool]
async fn in_region(#[arg(header = "Region")] region: String) -> String {
    region
}

/// Asks while its call is open.
#[mcpc::tool]
async fn ask_at_once(call: Call) -> Result<String, String> {
    let name: String = call.ask("who?").await.map_err(|error| error.to_string())?;
    Ok(format!("hello {name}"))
}

fn server() -> Server {
    let tools = tools![count, say, forever, ask, repeat, double, in_region, ask_at_once];
    Server::new("counter").tools(tools)
}

/// Every way in which our server runs a task over HTTP, with its revision.
fn ways() -> [(Way, &'static str, ClientBuilder); 6] {
    let by = |way| Client::builder().best(way);
    [
        (Way::Mcpc, "2025-11-25", by(Way::Mcpc)),
        (Way::Tasks, "2026-07-28", by(Way::Tasks)),
        (Way::TasksOf2025, "2025-11-25", by(Way::TasksOf2025).initialize()),
        (Way::Progress, "2026-07-28", by(Way::Progress)),
        (Way::Progress, "2025-11-25", by(Way::Progress).initialize()),
        (Way::Result, "2026-07-28", by(Way::Result)),
    ]
}

fn version(client: &Client) -> String {
    client.peer().peer_info().expect("it is connected").protocol_version.to_string()
}

/// The number that an update of `say` begins with.
fn number(said: &Said) -> u64 {
    let Said::Update(Value::String(text)) = said else { panic!("{said:?}") };
    text.split(' ').next().and_then(|number| number.parse().ok()).expect("a number")
}
