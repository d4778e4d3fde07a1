//! The test kit, `mcpc::testing`: what its clients send and hear, what it finds, and what it says.

mod answers;
mod every;
mod fake;
mod personas;
mod rules;
mod sender;
