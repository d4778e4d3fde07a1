//! All kinds of traffic for a long time: everything is answered once, and nothing is kept.
//!
//! `tests/soak/run` is two minutes of it with an optimized build, or `SOAK_SECONDS`.
#![cfg(target_os = "linux")]

#[path = "../support/mod.rs"]
mod support;

mod client;
mod ledger;
mod process;

use std::time::{Duration, Instant};

use client::{ACTIONS, Client};
use process::{Sample, median};

/// How long there is traffic between two rests.
const ROUND: Duration = Duration::from_secs(6);

fn number(variable: &str, default: u64) -> u64 {
    std::env::var(variable).map_or(default, |value| value.parse().expect("a number"))
}

/// One round of traffic and the rest after it.
struct Round {
    /// The memory at every second, in KiB.
    memory: Vec<u64>,
    at_rest: Sample,
}

#[test]
fn whatever_it_is_asked_a_server_answers_once_and_keeps_nothing() {
    let (seconds, seed) = (number("SOAK_SECONDS", 5), number("SEED", 1));
    eprintln!("{seconds} s of traffic, seed {seed}");
    let mut client = Client::start(seed);
    client.warm_up();
    let rounds = play(&mut client, Duration::from_secs(seconds));
    let (status, ledger) = client.end();
    assert_eq!(status.code(), Some(0), "{status}");
    assert!(ledger.faults.is_empty(), "{:#?}", ledger.faults);
    keeps_nothing(&rounds);
}

fn play(client: &mut Client, time: Duration) -> Vec<Round> {
    // To find what it is that makes a difference.
    let without = std::env::var("SOAK_WITHOUT").unwrap_or_default();
    let is_left = |name: &str| !without.split(',').any(|other| other == name);
    let actions: Vec<_> = ACTIONS.into_iter().filter(|(name, ..)| is_left(name)).collect();
    let (started, mut rounds) = (Instant::now(), Vec::new());
    while started.elapsed() < time {
        client.play((started + time).min(Instant::now() + ROUND), &actions);
        client.come_to_rest();
        let (memory, at_rest) = (client.take_looks(), client.sample());
        let (at, counts) = (started.elapsed().as_secs(), client.ledger().counts);
        let most = memory.iter().max().copied().unwrap_or_default();
        eprintln!("{at:>5} s: {at_rest}, {most:>6} KiB at most; {counts:?}");
        rounds.push(Round { memory, at_rest });
    }
    rounds
}

/// How much more than in the middle third may be on the heap in the last one, in KiB: as much as a table of what
/// is bounded may still grow by. That is ten bytes a request.
const MORE_HELD: u64 = 512;

/// The same of the memory that the process has for its heap, holes and all.
const MORE_MEMORY: u64 = 2048;

/// In the first third of the time, tables and arenas grow to what they need.
fn keeps_nothing(rounds: &[Round]) {
    let third = rounds.len() / 3;
    // In a short run, there is nothing to compare.
    if third < 3 {
        return;
    }
    let (middle, last) = (&rounds[third..2 * third], &rounds[2 * third..]);
    let first = &middle[0].at_rest;
    for Round { at_rest, .. } in &rounds[third..] {
        let (before, now) = (first, at_rest);
        assert_eq!((now.descriptors, now.threads), (before.descriptors, before.threads));
    }
    let held = |rounds: &[Round]| median(rounds.iter().map(|round| round.at_rest.held));
    let memory = |rounds: &[Round]| median(rounds.iter().flat_map(|round| round.memory.clone()));
    let (held, memory) = ((held(middle), held(last)), (memory(middle), memory(last)));
    eprintln!("middle third to last: {held:?} KiB held, {memory:?} KiB of memory");
    assert!(held.1 <= held.0 + MORE_HELD, "more is held: {held:?} KiB");
    assert!(memory.1 <= memory.0 + MORE_MEMORY, "memory grew: {memory:?} KiB");
}
