//! A client of any MCP server over stdio: it runs a tool, prints what that says, and stops it at Ctrl-C.
//!
//! ```sh
//! client TOOL ARGUMENTS COMMAND..
//! client process_data '{"data_id": "d1"}' target/debug/examples/quickstart
//! ```

use std::io::Write as _;
use std::pin::pin;

use mcpc::client::{Answer, Client, Said};
use serde_json::Value;
use tokio::process::Command;
use tokio::signal::ctrl_c;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let given: Vec<String> = std::env::args().skip(1).collect();
    let [tool, arguments, program, args @ ..] = given.as_slice() else {
        anyhow::bail!("usage: client TOOL ARGUMENTS COMMAND..");
    };
    let mut command = Command::new(program);
    command.args(args);
    let client = Client::spawn(command).await?;
    let mut task = client.start(tool, serde_json::from_str(arguments)?).await?;
    // One for all turns, as what is pressed between two of them is missed otherwise; and a person comes first.
    let mut interrupt = pin!(ctrl_c());
    eprintln!("`{tool}` runs by {:?}", task.way());
    loop {
        tokio::select! {
            biased;
            interrupted = &mut interrupt => {
                interrupted?;
                interrupt.set(ctrl_c());
                task.stop().await?;
            }
            said = task.next() => match said {
                Some(said) => show(said),
                None => break,
            },
        }
    }
    let result: Value = task.result().await?;
    writeln!(std::io::stdout(), "{result}")?;
    client.close().await;
    Ok(())
}

fn show(said: Said) {
    match said {
        Said::Update(value) => eprintln!("{value}"),
        Said::Progress { done, total: Some(total), text, .. } => {
            eprintln!("{done} of {total} {}", text.unwrap_or_default());
        }
        Said::Progress { done, text, .. } => eprintln!("{done} {}", text.unwrap_or_default()),
        Said::Status(text) => eprintln!("{text}"),
        Said::Question(question) => {
            eprintln!("{} (nobody is here to say)", question.message());
            question.answer(Answer::Decline);
        }
        other => eprintln!("{other:?}"),
    }
}
