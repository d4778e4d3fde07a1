//! What a pipe allows: loops without a protocol, a runtime or a thread.
//!
//! - `bare answer` answers `initialize` and calls of `add`, line by line, with serde_json.
//! - `bare serialize TASKS COUNT` writes the lines that so many tasks would send as updates.
//! - `bare copy TASKS COUNT` writes the first of these lines again and again.
//!
//! The last two wait for a line of input first.

use std::io::{self, BufRead as _, BufReader, BufWriter, Write as _};

use bench_servers::TEXT;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// What is joined into one write; about what mcpc joins under load.
const BUFFER: usize = 64 << 10;

#[derive(Deserialize)]
struct Request<'a> {
    #[serde(borrow)]
    id: Option<&'a RawValue>,
    method: &'a str,
    #[serde(borrow, default)]
    params: Params<'a>,
}

#[derive(Default, Deserialize)]
struct Params<'a> {
    #[serde(borrow)]
    name: Option<&'a str>,
    arguments: Option<Add>,
}

#[derive(Deserialize)]
struct Add {
    a: i64,
    b: i64,
}

#[derive(Serialize)]
struct Response<'a, R> {
    jsonrpc: &'a str,
    id: &'a RawValue,
    result: R,
}

#[derive(Serialize)]
struct CallResult<'a> {
    content: [Content<'a>; 1],
    #[serde(rename = "isError")]
    is_error: bool,
}

#[derive(Serialize)]
struct Content<'a> {
    r#type: &'a str,
    text: &'a str,
}

#[derive(Serialize)]
struct Initialized<'a> {
    #[serde(rename = "protocolVersion")]
    protocol_version: &'a str,
}

#[derive(Serialize)]
struct Message<'a> {
    r#type: &'a str,
    event: &'a str,
    session_id: &'a str,
    task_id: &'a str,
    tool_name: &'a str,
    result: Said<'a>,
    protocol: &'a str,
}

#[derive(Serialize)]
struct Said<'a> {
    i: u64,
    text: &'a str,
}

fn main() -> io::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let what = arguments.next().unwrap_or_default();
    let mut number = || arguments.next().and_then(|number| number.parse().ok());
    match (what.as_str(), number(), number()) {
        ("answer", None, None) => answer(),
        ("serialize", Some(tasks), Some(count)) => serialize(tasks, count),
        ("copy", Some(tasks), Some(count)) => copy(tasks * count),
        _ => Err(io::Error::other("bare answer, bare serialize TASKS COUNT, or bare copy ..")),
    }
}

fn answer() -> io::Result<()> {
    let mut input = BufReader::with_capacity(BUFFER, io::stdin().lock());
    let mut output = BufWriter::with_capacity(BUFFER, io::stdout().lock());
    let mut line = Vec::new();
    loop {
        line.clear();
        if input.read_until(b'\n', &mut line)? == 0 {
            return Ok(());
        }
        let Request { id, method, params } = serde_json::from_slice(&line)?;
        // A notification.
        let Some(id) = id else { continue };
        match (method, params.name, params.arguments) {
            ("tools/call", Some("add"), Some(Add { a, b })) => {
                let text = (a + b).to_string();
                let content = [Content { r#type: "text", text: &text }];
                let result = CallResult { content, is_error: false };
                serde_json::to_writer(&mut output, &Response { jsonrpc: "2.0", id, result })?;
            }
            _ => {
                let result = Initialized { protocol_version: "2025-06-18" };
                serde_json::to_writer(&mut output, &Response { jsonrpc: "2.0", id, result })?;
            }
        }
        output.write_all(b"\n")?;
        if !input.buffer().contains(&b'\n') {
            output.flush()?;
        }
    }
}

/// Writes updates as fast as serde_json does, with buffers that are kept.
struct Updates {
    id: Box<RawValue>,
    text: Vec<u8>,
}

impl Updates {
    fn new() -> io::Result<Self> {
        let id = RawValue::from_string(r#""MCPC_CALLBACK""#.to_owned())?;
        Ok(Self { id, text: Vec::new() })
    }

    fn write(&mut self, output: &mut impl io::Write, task_id: &str, i: u64) -> io::Result<()> {
        let result = Said { i, text: TEXT };
        self.text.clear();
        serde_json::to_writer(
            &mut self.text,
            &Message {
                r#type: "task",
                event: "update",
                session_id: "s",
                task_id,
                tool_name: "chatter",
                result,
                protocol: "mcpc",
            },
        )?;
        let text = str::from_utf8(&self.text).map_err(io::Error::other)?;
        let content = [Content { r#type: "text", text }];
        let result = CallResult { content, is_error: false };
        serde_json::to_writer(&mut *output, &Response { jsonrpc: "2.0", id: &self.id, result })?;
        output.write_all(b"\n")
    }
}

fn wait() -> io::Result<()> {
    io::stdin().lock().read_line(&mut String::new()).map(drop)
}

fn serialize(tasks: u64, count: u64) -> io::Result<()> {
    wait()?;
    let mut output = BufWriter::with_capacity(BUFFER, io::stdout().lock());
    let task_ids: Vec<String> = (0..tasks).map(|task| format!("task-{task}")).collect();
    let mut updates = Updates::new()?;
    for i in 0..count {
        for task_id in &task_ids {
            updates.write(&mut output, task_id, i)?;
        }
    }
    output.flush()
}

fn copy(count: u64) -> io::Result<()> {
    wait()?;
    let mut output = BufWriter::with_capacity(BUFFER, io::stdout().lock());
    let mut line = Vec::new();
    Updates::new()?.write(&mut line, "task-0", 0)?;
    for _ in 0..count {
        output.write_all(&line)?;
    }
    output.flush()
}
