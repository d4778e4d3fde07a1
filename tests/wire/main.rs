//! What a client reads and writes, line by line.

#[path = "../support/mod.rs"]
mod support;

#[path = "../servers/golden.rs"]
mod servers;

mod arguments;
mod bad_input;
mod golden;
mod order;
mod results;
mod schemas;
mod transports;
