//! What the clients among the examples share: the server that they start, lines that are shown, and lines that are typed.

use std::fmt::Display;
use std::io::{self, BufRead as _, Write as _};

use anyhow::Context as _;
use tokio::process::Command;
use tokio::sync::mpsc;
use tokio::time::Instant;

pub(crate) struct Terminal {
    start: Instant,
    typed: mpsc::UnboundedReceiver<String>,
    /// Whether anything may be typed still.
    pub(crate) is_open: bool,
}

impl Terminal {
    pub(crate) fn new() -> Self {
        let (sender, typed) = mpsc::unbounded_channel();
        // A thread of its own: tokio's, which waits for a line, would hold up the end of the program.
        std::thread::spawn(move || {
            for line in io::stdin().lock().lines().map_while(Result::ok) {
                if sender.send(line.trim().to_owned()).is_err() {
                    return;
                }
            }
        });
        Self { start: Instant::now(), typed, is_open: true }
    }

    /// Shows when something was said, by whom, and what.
    pub(crate) fn show(&self, who: &str, what: impl Display) -> io::Result<()> {
        let seconds = self.start.elapsed().as_secs_f64();
        writeln!(io::stdout(), "{seconds:5.1} s  {who:<8}  {what}")
    }

    /// The next line that is typed; `None` where no more will come. Cancel safe.
    pub(crate) async fn typed(&mut self) -> Option<String> {
        let line = self.typed.recv().await;
        self.is_open = line.is_some();
        line
    }
}

/// The program of an example that is a server, which cargo puts beside this one.
pub(crate) fn server(name: &str) -> anyhow::Result<Command> {
    let program = std::env::current_exe()?;
    let program = program.with_file_name(format!("{name}{}", std::env::consts::EXE_SUFFIX));
    let is_there = program.try_exists()?;
    anyhow::ensure!(is_there, "the server is missing: `cargo build --examples` builds `{name}`");
    let mut command = Command::new(program);
    // Ctrl-C is for the client, which asks the task to stop and waits for its end.
    #[cfg(unix)]
    command.process_group(0);
    Ok(command)
}

/// What stands after an option on the command line.
pub(crate) fn value(
    given: &mut impl Iterator<Item = String>,
    option: &str,
) -> anyhow::Result<String> {
    given.next().with_context(|| format!("`{option}` needs a value"))
}
