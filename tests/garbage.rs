//! Lines and lines of garbage: every one that asks for an answer gets one, and memory does not grow.
//!
//! `GARBAGE_LINES=1000000 cargo test --test garbage` is the whole of it, which takes two minutes.
#![cfg(target_os = "linux")]

mod support;

use std::io::{BufRead as _, BufReader, BufWriter, Write as _};
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};
use support::garbage::{Numbers, garbage};

const LINES: u64 = 100_000;
const CHUNK: u64 = 1000;

/// How much memory a process has, in KiB.
fn memory(process: &Child) -> u64 {
    let status =
        std::fs::read_to_string(format!("/proc/{}/status", process.id())).expect("it runs");
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).expect("a size");
    line.split_whitespace().nth(1).and_then(|size| size.parse().ok()).expect("a number")
}

#[test]
fn garbage_is_answered_and_forgotten() {
    let lines = std::env::var("GARBAGE_LINES");
    let chunks = lines.map_or(LINES, |lines| lines.parse().expect("a number")) / CHUNK;
    let mut command = Command::new(support::example("noisy"));
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut process = command.spawn().expect("it starts");
    let mut input = BufWriter::new(process.stdin.take().expect("piped"));
    let mut output = BufReader::new(process.stdout.take().expect("piped")).lines();
    let mut reply = || -> Value {
        support::parse(&output.next().expect("a line").expect("UTF-8, whatever was sent"))
    };
    writeln!(input, "{}", support::INITIALIZE).expect("it reads");
    input.flush().expect("it reads");
    assert_eq!(reply()["id"], "init");

    let (mut numbers, mut sizes) = (Numbers::new(0x2545_F491_4F6C_DD1D), Vec::new());
    for chunk in 0..chunks {
        let mut unanswered: Vec<u64> = Vec::new();
        for number in chunk * CHUNK..(chunk + 1) * CHUNK {
            let (line, id) = garbage(&mut numbers, number);
            input.write_all(&line).and_then(|()| input.write_all(b"\n")).expect("it reads");
            unanswered.extend(id);
        }
        let last = json!({"text": "end of a chunk"});
        writeln!(input, "{}", support::call("last", "print", last)).expect("it reads");
        input.flush().expect("it reads");
        let mut done = false;
        // Calls are answered in any order.
        while !(done && unanswered.is_empty()) {
            let reply = reply();
            done |= reply["id"] == "last" && reply["result"]["isError"] == false;
            if let Some(id) = reply["id"].as_u64() {
                unanswered.retain(|other| *other != id);
            }
        }
        if (chunk + 1) % (chunks / 10) == 0 {
            sizes.push(memory(&process));
        }
    }
    let (early, late) = (sizes[0], sizes[sizes.len() - 1]);
    assert!(late < early + 2048, "it grew from {early} KiB to {late} KiB: {sizes:?}");
    drop(input);
    assert_eq!(process.wait().expect("it ends").code(), Some(0));
}
