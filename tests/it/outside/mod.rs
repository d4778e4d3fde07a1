//! Tests of the servers in `tests/servers`. `tests/outside/run` runs them once more, against the same servers in a
//! program that is built as users build theirs.

mod agreement;
mod golden;
mod schemas;
