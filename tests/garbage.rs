//! Lines and lines of garbage: every one that asks for an answer gets one, and memory does not grow.
//!
//! `GARBAGE_LINES=1000000 cargo test --test garbage` is the whole of it, which takes two minutes.
#![cfg(target_os = "linux")]

mod support;

use std::io::{BufRead as _, BufReader, BufWriter, Write as _};
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};

const LINES: u64 = 100_000;
const CHUNK: u64 = 1000;

/// Numbers that look random and are the same in every run.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    fn pick<'a>(&mut self, from: &[&'a str]) -> &'a str {
        from[usize::try_from(self.below(from.len() as u64)).expect("an index")]
    }

    fn bytes(&mut self, most: u64) -> Vec<u8> {
        let bytes = (0..=self.below(most)).map(|_| self.next().to_le_bytes()[0]);
        bytes.filter(|byte| *byte != b'\n').collect()
    }
}

/// A message that makes no sense, or none at all; `None` as its id if it is not to be answered.
fn garbage(numbers: &mut Numbers, number: u64) -> (Vec<u8>, Option<u64>) {
    const METHODS: [&str; 7] = [
        "tools/call",
        "tasks/get",
        "tasks/cancel",
        "logging/setLevel",
        "resources/read",
        "ping",
        "no/such",
    ];
    const PARAMS: [&str; 9] = [
        "5",
        "[]",
        "{}",
        r#"{"name":5}"#,
        r#"{"name":"none"}"#,
        r#"{"name":"print"}"#,
        r#"{"name":"print","arguments":{"text":7,"_metadata":{"mcpc_task_id":[]}}}"#,
        r#"{"name":"work","arguments":{"mcpc_params":1,"seconds":-1}}"#,
        r#"{"taskId":"none","level":"loud","_meta":{"progressToken":{}}}"#,
    ];
    let request = |numbers: &mut Numbers| {
        let (method, params) = (numbers.pick(&METHODS), numbers.pick(&PARAMS));
        format!(r#"{{"jsonrpc":"2.0","id":{number},"method":"{method}","params":{params}}}"#)
    };
    match numbers.below(8) {
        0 => (numbers.bytes(80), None),
        // A random byte of a request is another.
        1 => {
            let mut line = request(numbers).into_bytes();
            let at = usize::try_from(numbers.below(line.len() as u64)).expect("an index");
            line[at] = b' ' + numbers.next().to_le_bytes()[0] % 90;
            (line, None)
        }
        2 => {
            let mut line = request(numbers).into_bytes();
            line.truncate(usize::try_from(numbers.below(line.len() as u64)).expect("a length"));
            (line, None)
        }
        3 => (r#"{"a":["#.repeat(100).into_bytes(), None),
        4 => {
            let id = numbers.below(100);
            (format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{{}}}}"#).into_bytes(), None)
        }
        5 => {
            let params = numbers.pick(&PARAMS);
            let line = format!(r#"{{"jsonrpc":"2.0","method":"no/such","params":{params}}}"#);
            (line.into_bytes(), None)
        }
        _ => (request(numbers).into_bytes(), Some(number)),
    }
}

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

    let (mut numbers, mut sizes) = (Numbers(0x2545_F491_4F6C_DD1D), Vec::new());
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
