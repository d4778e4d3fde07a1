//! What `mcpc` is for, within a minute: a long call to an ordinary server, and the same to one on `mcpc`.

mod clients;
mod connection;
mod event;
mod fleet;
mod lane;
mod ordinary;
mod screen;
mod server;
mod story;

use std::io::{self, Write as _};
use std::process::ExitCode;
use std::sync::Arc;

use connection::Error;
use screen::Screen;

/// How many times as fast as in life everything in the demo is: machines, and the patience of hosts and servers.
const SPEED: u32 = 10;

const HELP: &str = "\
Shows what mcpc is for, in half a minute: a deployment that takes its time, started at an ordinary
server and at one on mcpc. The servers are this program once more, as child processes.

Usage: demo [OPTION]

Options:
  --json   Print one JSON object for everything that happens
  --serve  Be the server on mcpc, as slow as in life, for a host of yours (stdin and stdout)
  --help   Print this

On a terminal there are bars; NO_COLOR=1 has lines instead.";

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = std::env::args_os().skip(1);
    let arguments: Vec<_> = arguments.map(|argument| argument.to_string_lossy().into()).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => demo(false).await,
        ["--json"] => demo(true).await,
        ["--help" | "-h"] => ended(writeln!(io::stdout(), "{HELP}").map_err(Error::Output)),
        ["--serve"] => served(server::serve(1).await),
        // The servers of the demo.
        ["--serve-fast"] => served(server::serve(SPEED).await),
        ["--serve-ordinary"] => served(ordinary::serve(SPEED).await),
        ["--json" | "--serve" | "--help" | "-h", other, ..] | [other, ..] => {
            complain(&format!("unexpected argument `{other}`; `demo --help` lists what it takes"));
            ExitCode::from(2)
        }
    }
}

async fn demo(json: bool) -> ExitCode {
    std::panic::set_hook(Box::new(|panic| complain(&in_one_line(&panic.to_string()))));
    let screen = Arc::new(Screen::new(json));
    let code = told(story::tell(screen.clone())).await;
    screen.clear();
    code
}

/// What comes of a story, or of Ctrl-C. What it started ends with it, as the processes of what is dropped are killed.
async fn told(story: impl Future<Output = Result<(), Error>> + Send + 'static) -> ExitCode {
    let story = tokio::spawn(story);
    let stop = story.abort_handle();
    tokio::select! {
        // Of a panic the hook has told.
        told = story => told.map_or(ExitCode::FAILURE, ended),
        _ = tokio::signal::ctrl_c() => {
            stop.abort();
            // As a shell says it of what ended by SIGINT.
            ExitCode::from(130)
        }
    }
}

fn in_one_line(text: &str) -> String {
    text.replace('\n', " ")
}

fn ended(outcome: Result<(), Error>) -> ExitCode {
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        // Who reads has seen enough.
        Err(Error::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(error) => {
            complain(&error.to_string());
            ExitCode::FAILURE
        }
    }
}

fn served(outcome: Result<(), impl std::fmt::Display>) -> ExitCode {
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            complain(&error.to_string());
            ExitCode::FAILURE
        }
    }
}

/// In one line, to stderr; if nobody reads that, there is nothing left to do.
fn complain(what: &str) {
    let _ = writeln!(io::stderr(), "demo: {what}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_is_a_failure_that_is_told_in_one_line() {
        let code = told(async { panic!("a bug") }).await;
        // There is no other way to look into an exit code.
        assert_eq!(format!("{code:?}"), format!("{:?}", ExitCode::FAILURE));
        assert_eq!(
            in_one_line("panicked at main.rs:1:2:\na bug"),
            "panicked at main.rs:1:2: a bug"
        );
    }
}
