//! A server as a process: what it writes where, and how it ends.
#![cfg(unix)]

mod support;

use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream as Socket;
use std::process::Stdio;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use support::process::Process;
use support::{INITIALIZE, call, example, in_task, parse};
use tokio::net::UnixStream;
use tokio::process::Command;

/// Over pipes, as most clients start a server.
async fn start() -> Process {
    start_with(Command::new(example("noisy"))).await
}

async fn start_with(mut command: Command) -> Process {
    command.stderr(Stdio::piped());
    let mut process = Process::spawn(command);
    process.initialize().await;
    process
}

/// Over sockets, as Node's clients do.
async fn start_on_sockets() -> Process {
    let (input, their_input) = Socket::pair().expect("a pair");
    let (output, their_output) = Socket::pair().expect("a pair");
    let tokio = |socket: Socket| {
        socket.set_nonblocking(true).expect("a socket");
        UnixStream::from_std(socket).expect("a socket")
    };
    let mut command = Command::new(example("noisy"));
    command.stdin(OwnedFd::from(their_input)).stdout(OwnedFd::from(their_output));
    let child = command.stderr(Stdio::piped()).kill_on_drop(true).spawn().expect("it starts");
    drop(command);
    let mut process = Process::over(child, Box::new(tokio(input)), Box::new(tokio(output)));
    process.initialize().await;
    process
}

async fn prints_without_harm(mut process: Process) {
    process.call("1", "print", json!({"text": "{\"jsonrpc\":\"2.0\"}"})).await;
    assert_eq!(process.value().await["result"]["content"][0]["text"], "17");
    // A child that writes to its stdout, and reads all of its stdin.
    process.call("2", "run", json!({"command": "echo from a child; wc -c"})).await;
    assert_eq!(process.value().await["result"]["content"][0]["text"], "0");
    process.call("3", "print", json!({"text": "the end"})).await;
    assert_eq!(process.value().await["id"], "3");
    let (rest, errors, status) = process.finish().await;
    assert_eq!((rest, status.code()), (Vec::new(), Some(0)));
    let printed: Vec<&str> = errors.lines().map(str::trim).collect();
    assert_eq!(printed, ["{\"jsonrpc\":\"2.0\"}", "from a child", "0", "the end"]);
}

#[tokio::test]
async fn what_a_tool_prints_goes_to_stderr() {
    prints_without_harm(start().await).await;
}

#[tokio::test]
async fn over_sockets_too() {
    prints_without_harm(start_on_sockets().await).await;
}

/// A process that runs as somebody else cannot open its pipes anew.
#[tokio::test]
async fn over_pipes_of_somebody_elses_too() {
    const NOBODY: u32 = 65534;
    let id = std::process::Command::new("id").arg("-u").output().expect("id runs");
    if id.stdout != b"0\n" {
        eprintln!("skipped: only root can run a process as somebody else");
        return;
    }
    let folder = std::env::temp_dir().join(format!("mcpc-nobody-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder");
    let program = folder.join("noisy");
    std::fs::copy(example("noisy"), &program).expect("a copy that everyone may run");
    let mut command = Command::new(&program);
    command.uid(NOBODY);
    prints_without_harm(start_with(command).await).await;
    std::fs::remove_dir_all(folder).expect("it was made here");
}

/// Neither pipes nor sockets: a session in a file.
#[tokio::test]
async fn from_a_file_to_a_file() {
    let folder = std::env::temp_dir().join(format!("mcpc-stdio-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder");
    let (session, replies) = (folder.join("session"), folder.join("replies"));
    let call = call(2, "print", json!({"text": "printed"}));
    std::fs::write(&session, format!("{INITIALIZE}\n{call}\n")).expect("a file");
    let mut command = Command::new(example("noisy"));
    command.stdin(std::fs::File::open(&session).expect("the session"));
    command.stdout(std::fs::File::create(&replies).expect("a file"));
    let child = command.stderr(Stdio::piped()).spawn().expect("it starts");
    let output = child.wait_with_output().await.expect("it ends");
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(String::from_utf8_lossy(&output.stderr), "printed\n");
    let replies = std::fs::read_to_string(&replies).expect("the replies");
    let replies: Vec<Value> = replies.lines().map(parse).collect();
    let ids: Vec<&Value> = replies.iter().map(|reply| &reply["id"]).collect();
    assert_eq!(ids, [&json!("init"), &json!(2)]);
    std::fs::remove_dir_all(folder).expect("it was made here");
}

fn startup(how: &str) -> Command {
    let mut command = Command::new(example("startup"));
    command.arg(how);
    command
}

/// What it said before it served stands on stderr, and nothing on stdout.
async fn is_quiet_until_it_serves(how: &str) {
    let mut process = start_with(startup(how)).await;
    process.call("1", "add", json!({"a": 2, "b": 40})).await;
    assert_eq!(process.value().await["result"]["content"][0]["text"], "42");
    let (rest, errors, status) = process.finish().await;
    assert_eq!((rest, status.code()), (Vec::new(), Some(0)));
    let beginning = "starting\n INFO startup: ready\nhalf a line, ";
    assert!(errors.starts_with(beginning) && errors.ends_with("the end\n"), "{errors}");
}

#[tokio::test]
async fn what_is_printed_before_serving_goes_to_stderr_if_stdio_was_taken() {
    is_quiet_until_it_serves("").await;
}

#[tokio::test]
async fn it_can_be_taken_twice() {
    is_quiet_until_it_serves("twice").await;
}

#[tokio::test]
async fn what_is_printed_is_not_lost_if_nothing_is_served() {
    let output = startup("never").output().await.expect("it runs");
    let said = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!((said.0.as_ref(), output.status.code()), ("", Some(0)));
    assert_eq!(said.1, "starting\n INFO startup: ready\nhalf a line, ");
}

/// Nobody has taken anything, and half a line is still in its buffer when it is served.
#[tokio::test]
async fn half_a_line_that_waits_for_the_rest_is_kept_out_of_the_stream() {
    let process = start_with(startup("untaken")).await;
    let (rest, errors, status) = process.finish().await;
    assert_eq!((rest, status.code()), (Vec::new(), Some(0)));
    assert_eq!(errors, "half a line, the end\n");
}

/// The client is at the other end of these, and it has left.
#[tokio::test]
async fn stdin_and_stdout_are_served_once() {
    let process = start_with(startup("again")).await;
    let (rest, errors, status) = process.finish().await;
    assert_eq!((rest, status.code()), (Vec::new(), Some(1)));
    let problem =
        "Error: stdin and stdout were served before; call `serve_stdio` once in a process";
    assert_eq!(errors.lines().last(), Some(problem));
}

/// What takes the place of stdout can be written to from the start.
#[tokio::test]
async fn what_is_printed_early_disturbs_nobody_where_stderr_is_unread() {
    let mut command = startup("");
    command.stderr(std::io::pipe().expect("a pipe").1);
    let mut process = Process::spawn(command);
    process.initialize().await;
    let (rest, _, status) = process.finish().await;
    assert_eq!((rest, status.code()), (Vec::new(), Some(0)));
}

async fn ends_in_order(signal: &str) {
    let mut process = start().await;
    process.call("task", "work", in_task("t", json!({"seconds": 600}))).await;
    assert_eq!(process.value().await["id"], "task");
    process.call("waiting", "work", json!({"seconds": 600})).await;
    process.call("plain", "sleep", json!({"seconds": 600})).await;
    process.call("print", "print", json!({"text": "ready"})).await;
    assert_eq!(process.value().await["id"], "print");
    let started = Instant::now();
    process.signal(signal);
    // Its task has ended, so it knows by now, and takes no more calls.
    let mut rest = vec![process.value().await];
    process.call("late", "print", json!({"text": "too late"})).await;
    let (more, errors, status) = process.end().await;
    rest.extend(more);
    assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
    assert_eq!((errors.as_str(), status.code()), ("ready\n", Some(0)));
    rest.sort_by_key(|message| message["id"].to_string());
    let said: Vec<(&str, &str)> = rest
        .iter()
        .map(|message| {
            let text = message["result"]["content"][0]["text"].as_str().expect("a text");
            (message["id"].as_str().expect("an id"), text)
        })
        .collect();
    assert_eq!(said.len(), 3, "{said:?}");
    assert_eq!(said[0].0, "MCPC_CALLBACK");
    assert!(said[0].1.contains(r#""event":"complete""#) && said[0].1.contains("stopped in time"));
    assert_eq!(said[1], ("plain", "the server ended before `sleep` did"));
    assert_eq!(said[2], ("waiting", "stopped in time"));
}

/// A client that reads no more, yet keeps the other pipe open, of a server that has nothing to say.
#[tokio::test]
async fn a_closed_stdout_ends_it() {
    let mut process = start().await;
    process.call("task", "work", in_task("t", json!({"seconds": 600}))).await;
    assert_eq!(process.value().await["id"], "task");
    let Process { mut child, input, lines } = process;
    drop(lines);
    let status = tokio::time::timeout(Duration::from_secs(30), child.wait()).await;
    assert_eq!(status.expect("it ends").expect("it ran").code(), Some(0));
    drop(input);
}

/// A client that is killed: both pipes close at once.
#[tokio::test]
async fn a_killed_client_ends_it() {
    let mut process = start().await;
    process.call("task", "work", in_task("t", json!({"seconds": 600}))).await;
    assert_eq!(process.value().await["id"], "task");
    process.call("plain", "sleep", json!({"seconds": 600})).await;
    let Process { mut child, input, lines } = process;
    drop((input, lines));
    let status = tokio::time::timeout(Duration::from_secs(30), child.wait()).await;
    assert_eq!(status.expect("it ends").expect("it ran").code(), Some(0));
}

#[tokio::test]
async fn sigterm_ends_it_in_order() {
    ends_in_order("TERM").await;
}

#[tokio::test]
async fn sigint_ends_it_in_order() {
    ends_in_order("INT").await;
}

#[tokio::test]
async fn sighup_ends_it_in_order() {
    ends_in_order("HUP").await;
}

#[tokio::test]
async fn a_third_signal_ends_it_at_once() {
    let mut process = start().await;
    process.call("plain", "sleep", json!({"seconds": 600})).await;
    process.call("print", "print", json!({"text": "ready"})).await;
    assert_eq!(process.value().await["id"], "print");
    for _ in 0..3 {
        process.signal("TERM");
        // Signals that come together are one.
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let (_, _, status) = process.end().await;
    assert_eq!(status.code(), Some(128 + 15));
}
