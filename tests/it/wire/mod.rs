//! What a client reads and writes, line by line.

mod advice;
mod arguments;
mod bad_input;
mod call_log;
mod echoes;
mod groups;
mod keys;
mod large_schemas;
mod lenient;
mod numbers;
mod order;
mod results;
mod schemas;
mod shape;
mod simple_calls;
mod state;
mod transports;
