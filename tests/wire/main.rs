//! What a client reads and writes, line by line.

#[path = "../support/mod.rs"]
mod support;

#[path = "../servers/golden.rs"]
mod servers;

mod advice;
mod arguments;
mod bad_input;
mod echoes;
mod golden;
mod large_schemas;
mod lenient;
mod numbers;
mod order;
mod results;
mod schemas;
mod shape;
mod transports;
