//! One tool for everything that a call can come to, to see what a client makes of it.

use std::time::Duration;

use mcpc::{Call, NoAnswer, Receiver, Sender, Server, tools};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Adds two numbers.
#[mcpc::tool(read_only, open_world = false)]
async fn add(a: i64, b: i64) -> i64 {
    a + b
}

/// Divides two numbers. It fails if the second is zero.
#[mcpc::tool(read_only, open_world = false)]
async fn divide(a: i64, b: i64) -> Result<i64, &'static str> {
    if b == 0 { Err("nothing can be divided by zero") } else { Ok(a / b) }
}

/// Panics at once.
#[mcpc::tool(read_only, open_world = false)]
async fn panic_at_once() -> u8 {
    panic!("as it was asked to")
}

/// Counts, and says so at every number.
#[mcpc::background(read_only, open_world = false)]
async fn count(
    /// How far to count
    #[arg(default = 3, range = 1..=1000)]
    to: u64,
    /// How long to rest after each number, in milliseconds
    #[arg(default = 150)]
    pause_ms: u64,
    updates: Sender,
) -> Counted {
    for number in 1..=to {
        tokio::time::sleep(Duration::from_millis(pause_ms)).await;
        updates.progress(number, to, format!("{number} of {to}"));
    }
    Counted { to }
}

/// Says something and fails.
#[mcpc::background(read_only, open_world = false)]
async fn fail(updates: Sender) -> Result<Counted, &'static str> {
    updates.send("about to fail").await;
    Err("it was not to be")
}

/// Says something and panics.
#[mcpc::background(read_only, open_world = false)]
async fn panic_later(updates: Sender) -> Counted {
    updates.send("about to panic").await;
    panic!("as it was asked to")
}

/// Watches until it is stopped, and says so twice a second.
#[mcpc::background(read_only, open_world = false)]
async fn watch(updates: Sender) -> Result<Counted, String> {
    let mut rounds = 0_u64;
    loop {
        tokio::select! {
            () = updates.stopped() => return Err(format!("stopped after {rounds} rounds")),
            () = tokio::time::sleep(Duration::from_millis(500)) => {}
        }
        rounds += 1;
        updates.send(format!("round {rounds}")).await;
    }
}

#[derive(Serialize, JsonSchema)]
struct Counted {
    to: u64,
}

/// Asks for a name, and greets.
#[mcpc::tool(read_only, open_world = false)]
async fn greet(call: Call) -> Result<String, NoAnswer> {
    let name: String = call.ask("What is your name?").await?;
    Ok(format!("hello, {name}"))
}

/// Asks whether to go on.
#[mcpc::background(read_only, open_world = false)]
async fn confirm(updates: Sender) -> Result<bool, NoAnswer> {
    updates.ask("Go on?").await
}

/// Asks for a place.
#[mcpc::background(read_only, open_world = false)]
async fn choose(updates: Sender) -> Result<Place, NoAnswer> {
    updates.ask("Where to?").await
}

/// Asks for a booking.
#[mcpc::background(read_only, open_world = false)]
async fn book(updates: Sender) -> Result<Booking, NoAnswer> {
    updates.ask("Which table?").await
}

/// Goes where it is told to, until it is told that this was all.
#[mcpc::background(read_only, open_world = false)]
async fn travel(mut told: Receiver<Order>) -> Travelled {
    let mut places = Vec::new();
    while let Some(Order::GoTo { place }) = told.recv().await {
        places.push(place);
    }
    Travelled { places }
}

#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Place {
    Harbour,
    Station,
}

#[derive(Serialize, Deserialize, JsonSchema)]
struct Booking {
    /// Who comes.
    name: String,
    /// How many come with them.
    guests: u8,
}

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Order {
    /// Goes to a place.
    GoTo { place: Place },
    /// Comes to an end.
    Arrive,
}

#[derive(Serialize, JsonSchema)]
struct Travelled {
    places: Vec<Place>,
}

#[tokio::main]
async fn main() -> mcpc::Result {
    let service = Server::new("outcomes")
        // Short, so that a client without a better way sees a ticket soon.
        .patience(Duration::from_secs(2))
        // So that a client with tasks sees one, whatever it calls.
        .task_patience(Duration::ZERO)
        .tools(tools![
            add,
            divide,
            panic_at_once,
            count,
            fail,
            panic_later,
            watch,
            greet,
            confirm,
            choose,
            book,
            travel
        ])
        .build()?;
    // Over HTTP at the address that follows `--http`, or else over stdio.
    match std::env::args().skip_while(|it| it != "--http").nth(1) {
        Some(address) => service.serve_http(address).await,
        None => service.serve_stdio().await,
    }
}
