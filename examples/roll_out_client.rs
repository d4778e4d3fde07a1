//! A client of `roll_out`: it shows how far the task is, asks at the terminal what the task asks, and tells it what is typed.
//!
//! ```sh
//! cargo build --examples
//! target/debug/examples/roll_out_client v2                                     # asks; then `skip`, `stop` or Ctrl-C
//! target/debug/examples/roll_out_client v2 --to staging --yes --skip staging-1 # asks nothing
//! ```

mod terminal;

use std::pin::pin;

use anyhow::Context as _;
use mcpc::client::{Answer, Client, Question, Said, Task};
use serde_json::{Value, json};
use tokio::signal::ctrl_c;

use terminal::Terminal;

/// What needs no question any more.
#[derive(Default)]
struct Given {
    version: String,
    /// The answer to a choice.
    to: Option<String>,
    /// Whether every yes or no is a yes.
    yes: bool,
    /// The machines to skip.
    skip: Vec<String>,
}

impl Given {
    fn read(mut given: impl Iterator<Item = String>) -> anyhow::Result<Self> {
        const USAGE: &str =
            "usage: roll_out_client VERSION [--to ENVIRONMENT] [--yes] [--skip MACHINE]..";
        let (mut read, mut version) = (Self::default(), None);
        while let Some(word) = given.next() {
            match word.as_str() {
                "--to" => read.to = Some(terminal::value(&mut given, &word)?),
                "--yes" => read.yes = true,
                "--skip" => read.skip.push(terminal::value(&mut given, &word)?),
                _ => version = Some(word),
            }
        }
        Ok(Self { version: version.context(USAGE)?, ..read })
    }

    /// The answer to a question, once; what is asked again was answered wrongly.
    fn answer(&mut self, question: &Question) -> Option<String> {
        match choices(question).is_some() {
            true => self.to.take(),
            false => std::mem::take(&mut self.yes).then(|| "yes".to_owned()),
        }
    }
}

/// What there is to choose from; nothing if a yes or no is asked for.
fn choices(question: &Question) -> Option<Vec<&str>> {
    let choices = question.schema()?["properties"]["answer"]["enum"].as_array()?;
    Some(choices.iter().filter_map(Value::as_str).collect())
}

/// A question as a person reads it.
fn in_words(question: &Question) -> String {
    let choices = choices(question).unwrap_or(vec!["yes", "no"]);
    format!("{} ({})", question.message(), choices.join(" or "))
}

fn answer(question: &Question, text: &str) -> Answer {
    match (choices(question), text) {
        (Some(_), text) => Answer::accept(json!({ "answer": text })),
        (None, "yes" | "y") => Answer::accept(json!({})),
        (None, _) => Answer::Decline,
    }
}

/// The task, and who it talks to.
struct RollOut {
    task: Task,
    terminal: Terminal,
    given: Given,
    /// What waits for a line to be typed.
    asked: Option<Question>,
    /// Whether it may be told something.
    has_begun: bool,
}

impl RollOut {
    /// Shows what the task says, answers what it asks, and tells it what is typed, to its end.
    async fn follow(&mut self) -> anyhow::Result<()> {
        // One for all turns, as what is pressed between two of them is missed otherwise; and a person comes first.
        let mut interrupt = pin!(ctrl_c());
        loop {
            let is_listening = self.terminal.is_open && (self.asked.is_some() || self.has_begun);
            tokio::select! {
                biased;
                interrupted = &mut interrupt => {
                    interrupted?;
                    interrupt.set(ctrl_c());
                    self.task.stop().await?;
                }
                line = self.terminal.typed(), if is_listening => self.take(line).await?,
                said = self.task.next() => match said {
                    Some(said) => self.hear(said).await?,
                    None => return Ok(()),
                },
            }
        }
    }

    async fn hear(&mut self, said: Said) -> anyhow::Result<()> {
        match said {
            Said::Question(question) => self.ask(question)?,
            Said::Progress { done, text: Some(text), .. } => {
                self.has_begun = true;
                self.terminal.show(&format!("{done:.0} %"), &text)?;
                let machine = text.split(' ').next().unwrap_or_default();
                if let Some(at) = self.given.skip.iter().position(|skipped| skipped == machine) {
                    self.given.skip.remove(at);
                    self.skip().await?;
                }
            }
            Said::Update(Value::String(text)) | Said::Status(text) => {
                self.terminal.show("", text)?;
            }
            other => self.terminal.show("", format!("{other:?}"))?,
        }
        Ok(())
    }

    /// Answers a question with what was given, or waits for what is typed.
    fn ask(&mut self, question: Question) -> anyhow::Result<()> {
        self.terminal.show("asks", in_words(&question))?;
        match self.given.answer(&question) {
            Some(text) => {
                self.terminal.show("answer", &text)?;
                question.answer(answer(&question, &text));
            }
            None if self.terminal.is_open => self.asked = Some(question),
            None => self.nobody_answers(&question)?,
        }
        Ok(())
    }

    fn nobody_answers(&self, question: &Question) -> anyhow::Result<()> {
        self.terminal.show("answer", "none, as nobody is here to give one")?;
        question.answer(Answer::Cancel);
        Ok(())
    }

    /// A line is the answer to what is asked, or else an instruction.
    async fn take(&mut self, line: Option<String>) -> anyhow::Result<()> {
        match (self.asked.take(), line.as_deref()) {
            (Some(question), Some(text)) => {
                question.answer(answer(&question, text));
            }
            (Some(question), None) => self.nobody_answers(&question)?,
            (None, Some("skip")) => self.skip().await?,
            (None, Some("stop")) => self.task.stop().await?,
            (None, Some(_)) => self.terminal.show("", "say `skip` or `stop`")?,
            (None, None) => {}
        }
        Ok(())
    }

    async fn skip(&self) -> anyhow::Result<()> {
        self.terminal.show("told", "skip this one")?;
        Ok(self.task.message("skip_this").await?)
    }
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let given = Given::read(std::env::args().skip(1))?;
    let client = Client::spawn(terminal::server("roll_out")?).await?;
    let task = client.start("roll_out", json!({ "version": given.version })).await?;
    let terminal = Terminal::new();
    let mut roll_out = RollOut { task, terminal, given, asked: None, has_begun: false };
    roll_out.follow().await?;
    let result: String = roll_out.task.result().await?;
    roll_out.terminal.show("result", result)?;
    client.close().await;
    Ok(())
}
