//! A client of `watch_directory`: it shows which files appear in a directory, until somebody has seen enough.
//!
//! ```sh
//! cargo build --examples
//! target/debug/examples/watch_client ~/inbox             # until Enter or Ctrl-C
//! target/debug/examples/watch_client ~/inbox --files 2   # until two files have appeared
//! ```
//!
//! A file is told of twice: by an update, which is for who started the task, and by an event, which is for everybody.

mod terminal;

use std::pin::pin;

use anyhow::Context as _;
use mcpc::client::{Client, Event, Said};
use serde_json::json;
use tokio::signal::ctrl_c;

use terminal::Terminal;

struct Given {
    directory: String,
    /// After how many files it is enough.
    files: Option<u64>,
}

impl Given {
    fn read(mut given: impl Iterator<Item = String>) -> anyhow::Result<Self> {
        let (mut directory, mut files) = (None, None);
        while let Some(word) = given.next() {
            match word.as_str() {
                "--files" => {
                    let count = terminal::value(&mut given, &word)?;
                    files = Some(count.parse().context("`--files` needs a number")?);
                }
                _ => directory = Some(word),
            }
        }
        let directory = directory.context("usage: watch_client DIRECTORY [--files COUNT]")?;
        Ok(Self { directory, files })
    }
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let Given { directory, files } = Given::read(std::env::args().skip(1))?;
    let mut terminal = Terminal::new();
    let client = Client::spawn(terminal::server("watch_directory")?).await?;
    let mut events = client.events();
    let mut task = client.start("watch", json!({ "directory": directory })).await?;
    let mut seen = 0;
    // One for all turns, as what is pressed between two of them is missed otherwise; and a person comes first.
    let mut interrupt = pin!(ctrl_c());
    loop {
        tokio::select! {
            biased;
            interrupted = &mut interrupt => {
                interrupted?;
                interrupt.set(ctrl_c());
                task.stop().await?;
            }
            Some(_) = terminal.typed(), if terminal.is_open => task.stop().await?,
            said = task.next() => match said {
                Some(Said::Status(text)) => terminal.show("task", text)?,
                Some(Said::Update(file)) => {
                    terminal.show("task", format!("`{}` appeared", file.as_str().unwrap_or("?")))?;
                    seen += 1;
                    if files == Some(seen) {
                        task.stop().await?;
                    }
                }
                Some(other) => terminal.show("task", format!("{other:?}"))?,
                None => break,
            },
            Some(event) = events.next() => {
                if let Event::Emitted { event, data, .. } = event {
                    terminal.show("event", format!("{event} {data}"))?;
                }
            }
        }
    }
    let result: String = task.result().await?;
    terminal.show("result", result)?;
    client.close().await;
    Ok(())
}
