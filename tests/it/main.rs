//! What a user sees of a server, for all that happens inside of one process.
//!
//! `tests/README.md` says what is where.

#[path = "../support/mod.rs"]
mod support;

mod asking;
mod asking_bounds;
mod asking_in_any_order;
mod blocking;
mod building;
mod checks;
mod client;
mod documentation;
mod events;
mod hosts;
mod joins;
mod lifecycle;
mod lint;
mod outside;
mod parked;
mod progress;
mod services;
mod slow_reader;
mod sse_2024;
mod task_log;
mod tasks;
mod tasks_2025;
mod testing;
mod tickets;
mod told;
mod tools;
mod wire;
