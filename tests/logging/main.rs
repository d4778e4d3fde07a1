//! What a server logs, and what becomes of it if that goes wrong.
//!
//! A program of its own, as `tracing` keeps for a whole process what it was told of an event by the thread that came
//! first: a test without a subscriber would silence those that have one. So every test in here has one.

#[path = "../support/mod.rs"]
mod support;

#[allow(dead_code, reason = "a part of it is used")]
#[path = "../it/task_log/file.rs"]
mod file;

mod operators;
mod unread;
mod warnings;
