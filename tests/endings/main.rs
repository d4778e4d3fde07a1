//! A server as a process, and the ways in which hosts end it.
//!
//! `tests/endings/run` does the same with ten times as many tasks and an optimized build.
#![cfg(target_os = "linux")]

#[path = "../support/mod.rs"]
mod support;

mod kit;
mod server;

use std::process::ExitStatus;
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::json;
use server::{Faults, Load, Server};
use support::call;

const GRACE: Duration = Duration::from_millis(500);

/// How much longer than the grace the end of a server may take that has little to say.
const SLACK: Duration = Duration::from_millis(1500);

/// How long it may take with thousands of tasks; an unoptimized build needs seconds to end them.
const LONG: Duration = Duration::from_secs(60);

/// The tasks, and the calls beside them, that a server has when it ends.
const MANY: usize = 10_000;

/// The same for a server that is given the time for it.
fn all() -> usize {
    let number = std::env::var("ENDINGS_TASKS");
    number.map_or(MANY, |number| number.parse().expect("a number"))
}

/// As many as end in a fraction of a second.
const SOME: usize = if cfg!(debug_assertions) { 1_000 } else { MANY };

const TERM: Option<Signal> = Some(Signal::TERM);

/// Asks once, by the end of the input or by a signal.
fn ask(server: &mut Server, signal: Option<Signal>) {
    match signal {
        Some(signal) => server.signal(signal),
        None => server.end_input(),
    }
}

fn sleep_until(instant: Instant) {
    thread::sleep(instant.saturating_duration_since(Instant::now()));
}

/// Asked once, a server takes the time it needs.
fn ends_in_order(signal: Option<Signal>, reads_slowly: bool) {
    let number = if reads_slowly { MANY } else { all() };
    let load = Load::mixed(number, number);
    let mut server = Server::start(GRACE);
    server.load(&load);
    if reads_slowly {
        server.read_slowly();
    }
    ask(&mut server, signal);
    let status = server.end_within(LONG);
    assert_eq!(server.faults(&load), Faults::default());
    assert_eq!(status.code(), Some(0), "{status}");
}

#[test]
fn the_end_of_the_input_ends_every_task_and_call() {
    ends_in_order(None, false);
}

#[test]
fn sigterm_ends_every_task_and_call() {
    ends_in_order(TERM, false);
}

#[test]
fn sighup_ends_every_task_and_call() {
    ends_in_order(Some(Signal::HUP), false);
}

#[test]
fn a_client_that_reads_slowly_at_the_end_of_its_input_gets_everything() {
    ends_in_order(None, true);
}

#[test]
fn a_client_that_reads_slowly_after_sigterm_gets_everything() {
    ends_in_order(TERM, true);
}

/// The grace of a server that says nothing about it.
const DEFAULT_GRACE: Duration = Duration::from_secs(5);

/// SIGINT, SIGTERM 100 ms later, and SIGKILL half a second after the first.
fn end_as_claude_code_does(server: &mut Server) -> ExitStatus {
    let started = Instant::now();
    server.signal(Signal::INT);
    sleep_until(started + Duration::from_millis(100));
    server.signal(Signal::TERM);
    server.end_or_kill(started + Duration::from_millis(500))
}

/// The end of the input, two seconds, SIGTERM, two seconds, SIGKILL.
fn end_as_the_typescript_sdk_does(server: &mut Server) -> ExitStatus {
    let started = Instant::now();
    server.end_input();
    sleep_until(started + Duration::from_secs(2));
    server.signal(Signal::TERM);
    server.end_or_kill(started + Duration::from_secs(4))
}

#[test]
fn a_hundred_tasks_end_in_the_half_second_that_claude_code_gives_them() {
    let load = Load::mixed(100, 100);
    let mut server = Server::start(DEFAULT_GRACE);
    server.load(&load);
    let status = end_as_claude_code_does(&mut server);
    assert_eq!(server.faults(&load), Faults::default());
    assert_eq!(status.code(), Some(0), "{status}");
}

#[test]
fn however_many_tasks_claude_code_ends_no_child_is_left_and_lines_are_whole() {
    let load = Load::mixed(SOME, SOME);
    let mut server = Server::start(DEFAULT_GRACE);
    server.load(&load);
    let status = end_as_claude_code_does(&mut server);
    eprintln!("{status}: {:?}", server.faults(&load));
    assert_eq!(server.faults_so_far(), Faults::default());
}

#[test]
fn tasks_end_in_the_four_seconds_that_the_typescript_sdk_gives_them() {
    let load = Load::mixed(MANY, MANY);
    let mut server = Server::start(DEFAULT_GRACE);
    server.load(&load);
    let status = end_as_the_typescript_sdk_does(&mut server);
    assert_eq!(server.faults(&load), Faults::default());
    assert_eq!(status.code(), Some(0), "{status}");
}

/// SIGTERM and the end of the input at once, and SIGKILL 55 to 270 ms later.
fn end_as_codex_does(server: &mut Server, millis: u64) -> ExitStatus {
    let started = Instant::now();
    server.signal(Signal::TERM);
    server.end_input();
    server.end_or_kill(started + Duration::from_millis(millis))
}

#[test]
fn a_server_whose_bodies_obey_ends_before_codex_kills_it() {
    let load =
        Load::default().tasks(20, "hold", &json!({"obeys": true})).tasks(80, "obey", &json!({}));
    let mut server = Server::start(DEFAULT_GRACE);
    server.load(&load);
    let status = end_as_codex_does(&mut server, 270);
    assert_eq!(server.faults(&load), Faults::default());
    assert_eq!(status.code(), Some(0), "{status}");
}

#[test]
fn children_of_bodies_that_obey_end_however_soon_codex_kills_the_server() {
    for millis in [55, 150, 270] {
        let load = Load::default()
            .tasks(20, "hold", &json!({"obeys": true}))
            .tasks(80, "ignore", &json!({}))
            .calls(100);
        let mut server = Server::start(DEFAULT_GRACE);
        server.load(&load);
        let status = end_as_codex_does(&mut server, millis);
        eprintln!("{millis} ms, {status}: {:?}", server.faults(&load));
        assert_eq!(server.faults_so_far(), Faults::default());
    }
}

#[test]
fn what_thousands_of_tasks_said_until_codex_kills_the_server_is_whole_lines() {
    for millis in [55, 270] {
        let load = Load::mixed(MANY, MANY);
        let mut server = Server::start(DEFAULT_GRACE);
        server.load(&load);
        let status = end_as_codex_does(&mut server, millis);
        eprintln!("{millis} ms, {status}: {:?}", server.faults(&load));
        assert_eq!(server.heard.faults_so_far(), Faults::default());
    }
}

/// Asked twice, by the end of the input and a signal: bodies have 250 ms, and are dropped.
#[test]
fn a_signal_after_the_end_of_the_input_drops_what_does_not_end_by_itself() {
    let load = Load::mixed(100, 100);
    let mut server = Server::start(DEFAULT_GRACE);
    server.load(&load);
    let started = Instant::now();
    server.end_input();
    server.signal(Signal::TERM);
    let status = server.end_or_kill(started + Duration::from_millis(500));
    assert_eq!(server.faults(&load), Faults::default());
    assert_eq!(status.code(), Some(0), "{status}");
}

#[test]
fn a_third_signal_ends_it_at_once() {
    let load = Load::mixed(100, 100);
    let mut server = Server::start(DEFAULT_GRACE);
    server.load(&load);
    let started = Instant::now();
    for _ in 0..3 {
        server.signal(Signal::TERM);
        // Signals of one kind that come before the first is seen are one.
        thread::sleep(Duration::from_millis(30));
    }
    let status = server.end_or_kill(started + Duration::from_millis(200));
    assert_eq!(status.code(), Some(128 + 15), "{status}");
}

/// Bodies that never give their worker back, on each of the workers.
fn ends_although_all_workers_are_blocked(asks: &[Option<Signal>]) {
    const WORKERS: usize = 2;
    let load = Load::default()
        .tasks(WORKERS + 1, "spin", &json!({}))
        .tasks(10, "obey", &json!({}))
        .tasks(10, "ignore", &json!({}))
        .calls(20);
    let workers = WORKERS.to_string();
    let mut server = Server::start_with(GRACE, &[("TOKIO_WORKER_THREADS", &workers)]);
    server.load(&load);
    server.send(&[call("start", "start_spinning", json!({}))]);
    for _ in 0..WORKERS {
        server.wait_for_print("spins");
    }
    for signal in asks {
        ask(&mut server, *signal);
        thread::sleep(Duration::from_millis(50));
    }
    // Without a signal it takes a while to be sure that the workers are not just busy.
    let unsure = if asks.contains(&TERM) { Duration::ZERO } else { Duration::from_secs(5) };
    let status = server.end_within(GRACE + SLACK + unsure);
    assert_eq!(server.faults(&load), Faults::default());
    assert_eq!(server.heard.updates.len(), WORKERS, "{:?}", server.heard.updates);
    assert_eq!(status.code(), Some(0), "{status}");
}

#[test]
fn a_server_whose_workers_are_all_blocked_ends_after_sigterm() {
    ends_although_all_workers_are_blocked(&[TERM]);
}

#[test]
fn a_server_whose_workers_are_all_blocked_ends_after_two_sigterms() {
    ends_although_all_workers_are_blocked(&[TERM, TERM]);
}

#[test]
fn a_server_whose_workers_are_all_blocked_ends_after_its_input() {
    ends_although_all_workers_are_blocked(&[None]);
}

#[test]
fn a_sigterm_after_the_end_of_the_input_of_blocked_workers_is_the_second_request() {
    ends_although_all_workers_are_blocked(&[None, TERM]);
}

/// Threads that never ask whether they are to stop.
fn ends_although_threads_go_on(signal: Option<Signal>, in_place: bool) {
    const THREADS: usize = 3;
    let load = Load::default()
        .tasks(THREADS, "block", &json!({"in_place": in_place}))
        .tasks(10, "obey", &json!({}))
        .tasks(10, "ignore", &json!({}))
        .calls(20);
    let mut server = Server::start(GRACE);
    server.load(&load);
    server.hear_until(|heard| heard.updates.len() == THREADS);
    ask(&mut server, signal);
    let status = server.end_within(GRACE + SLACK);
    assert_eq!(server.faults(&load), Faults::default());
    assert_eq!(status.code(), Some(0), "{status}");
}

#[test]
fn threads_that_go_on_do_not_keep_a_server_after_its_input() {
    ends_although_threads_go_on(None, false);
}

#[test]
fn threads_that_go_on_do_not_keep_a_server_after_sigterm() {
    ends_although_threads_go_on(TERM, false);
}

#[test]
fn bodies_that_block_in_place_do_not_keep_a_server_after_its_input() {
    ends_although_threads_go_on(None, true);
}

#[test]
fn bodies_that_block_in_place_do_not_keep_a_server_after_sigterm() {
    ends_although_threads_go_on(TERM, true);
}

/// A thread's storage outlives the runtime's, which pushing an update must bear.
#[test]
fn a_sender_in_the_storage_of_a_thread_that_ends_does_no_harm() {
    let load = Load::default().tasks(20, "speak_last", &json!({}));
    let mut server = Server::start(GRACE);
    server.load(&load);
    server.hear_until(|heard| heard.count("complete") + heard.count("failed") == 20);
    server.end_input();
    let status = server.end_within(GRACE + SLACK);
    assert_eq!(server.faults(&load), Faults::default());
    assert_eq!(server.heard.count("complete"), 20);
    assert_eq!(status.code(), Some(0), "{status}");
}

/// An application that goes on after it has served.
fn has_served(afterwards: &str, first: Option<Signal>) -> Server {
    let mut server = Server::start_with(GRACE, &[("AFTERWARDS", afterwards)]);
    ask(&mut server, first);
    server.wait_for_print(&format!("{afterwards}s"));
    server
}

#[test]
fn signals_after_serving_reach_an_application_that_listens() {
    for first in [None, TERM] {
        for signal in [Signal::INT, Signal::TERM] {
            let mut server = has_served("listen", first);
            server.signal(signal);
            let status = server.end_within(SLACK);
            assert_eq!(status.code(), Some(0), "{first:?}, {signal:?}: {status}");
            server.wait_for_print("cleaned up");
        }
    }
}

/// The first is left to the application, as nobody can tell whether it listens.
#[test]
fn a_second_sigterm_after_serving_ends_an_application_that_does_not_listen() {
    for first in [None, TERM] {
        let mut server = has_served("idle", first);
        for _ in 0..2 {
            server.signal(Signal::TERM);
            // Signals of one kind that come before the first is seen are one.
            thread::sleep(Duration::from_millis(100));
        }
        let status = server.end_within(SLACK);
        assert_eq!(status.code(), Some(128 + 15), "{first:?}: {status}");
    }
}

/// What it does when it is dropped is done before `serve_stdio` returns.
#[test]
fn a_state_is_dropped_when_the_server_has_served() {
    for first in [None, TERM] {
        let mut server = Server::start_with(GRACE, &[("AFTERWARDS", "idle")]);
        ask(&mut server, first);
        server.wait_for_print("the state is dropped");
        server.wait_for_print("idles");
    }
}

/// It has an error to tell, though a thread of its own keeps it for a moment.
#[test]
fn a_server_that_cannot_be_built_leaves_the_process_to_the_application() {
    let mut command = std::process::Command::new(support::example("endings"));
    let output = command.env("FAILS", "1").stdin(std::process::Stdio::null()).output();
    let output = output.expect("it starts");
    let printed = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{printed}");
    assert!(printed.contains("two states"), "{printed}");
}
