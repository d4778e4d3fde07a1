//! What is new about a task, for a model that asks.

use std::sync::Arc;
use std::time::Duration;

use futures::future::select_all;
use rmcp::model::{CallToolResult, ContentBlock};

use super::known::{find, how, listed, time, unknown};
use super::message::open_questions;
use super::{Check, Control};
use crate::delivery::{Rest, Sent, how_far, in_parts, part, result, until_the_end, within};
use crate::log::{
    Boxed, End, EndKind, LastSeen, LogError, Page, Read, Said, Status, TaskReader, after,
};
use crate::output::{Body, Success, error_reply, in_one_text, text_of};
use crate::phrases::{in_short, shown};
use crate::task::Tasks;

impl Control {
    pub(crate) fn check(self, tasks: Tasks, check: Check) -> Body {
        Box::pin(async move {
            let Some(task_id) = check.task_id else {
                within(check.wait, an_end(&tasks)).await.transpose()?;
                let text = listed(&tasks, self.check_task).await?;
                return Ok(Success::of(CallToolResult::success(vec![ContentBlock::text(text)])));
            };
            let Some((task_id, reader)) = find(&tasks, &task_id).await? else {
                return Err(unknown(&tasks, &task_id).await?.into());
            };
            match self.looked_at(&*reader, check.offset, check.wait, self.rest(&task_id)).await {
                // It was forgotten meanwhile.
                Err(LogError::Gone) => Err(unknown(&tasks, &task_id).await?.into()),
                reply => Ok(Success::of(reply?)),
            }
        })
    }

    /// What is new about a task, or a part of its result.
    async fn looked_at(
        self,
        reader: &dyn TaskReader,
        offset: Option<usize>,
        wait: Duration,
        rest: Rest<'_>,
    ) -> Result<CallToolResult, LogError> {
        if let Some(offset) = offset
            && let Some(end) = reader.status().in_time().await?.end
        {
            return Ok(part(&said(&end), offset, rest));
        }
        let news = News::read(reader, wait).await?;
        let asks = open_questions(self, rest.task_id, &news.status.questions);
        Ok(news.reply(reader.tool_name(), rest, asks))
    }
}

/// Waits until one of the tasks that run now has ended; not at all if none runs.
async fn an_end(tasks: &Tasks) -> Result<(), LogError> {
    /// More are not waited for one by one.
    const MOST: usize = 100;
    let running = tasks.list().await?.tasks;
    if running.iter().any(|task| !task.status.questions.is_empty()) {
        // Somebody has to answer first.
        return Ok(());
    }
    let running = running.into_iter();
    let running = running.filter(|task| task.status.end.is_none()).take(MOST);
    let end = async |task_id: Arc<str>| match tasks.reader(&task_id).await? {
        Some(reader) => until_the_end(&*reader).await,
        None => Ok(()),
    };
    let end = &end;
    let ends: Vec<Boxed<'_, Result<(), LogError>>> =
        running.map(|task| Box::pin(end(task.task_id)) as Boxed<'_, _>).collect();
    match ends.is_empty() {
        true => Ok(()),
        false => select_all(ends).await.0,
    }
}

/// What is new about a task.
struct News {
    /// What was sent since the last check, without the end.
    page: Page,
    /// Whether any of that is new.
    is_new: bool,
    /// How long it was waited for.
    waited: Duration,
    status: Status,
}

impl News {
    /// Reads what was not shown yet, waits for something worth a look if there is nothing, and notes that it is
    /// shown. Cancel safe.
    async fn read(reader: &dyn TaskReader, wait: Duration) -> Result<Self, LogError> {
        let last = reader.last_seen().in_time().await?;
        // Who has to answer first does not wait for what follows.
        let asks = !reader.status().in_time().await?.questions.is_empty();
        let wait = if asks { Duration::ZERO } else { wait };
        within(wait, worth_a_look(reader, last)).await.transpose()?;
        // In this order: the end that is told of is the one on the page, after all that came before it.
        let mut status = reader.status().in_time().await?;
        let page = new(reader, last).await?;
        let percent = status.progress.as_ref().and_then(|it| it.amount.percent());
        let percent = percent.unwrap_or(last.percent);
        let is_new = page.is_some();
        if let Some(page) = &page {
            let shown = LastSeen { seen: page.next, percent };
            reader.set_last_seen(shown).in_time().await?;
            status.end = page.end.clone().or(status.end);
        }
        Ok(Self { page: page.unwrap_or_default(), is_new, waited: wait, status })
    }

    fn reply(self, tool_name: &str, rest: Rest<'_>, asks: Option<String>) -> CallToolResult {
        let how = how(&self.status);
        let mut text = format!("Task `{}` (`{tool_name}`) {how}", shown(rest.task_id));
        let Status { end, progress, .. } = self.status;
        if let (None, Some(progress)) = (&end, &progress) {
            text.push_str(if text.ends_with(',') { " " } else { ", " });
            text.push_str(&in_short(how_far(progress)));
        }
        let text = format!("{}.", text.trim_end_matches([',', '.']));
        let reply = end.as_ref().map(|end| (end.kind, said(end)));
        let of_end = reply.as_ref().map(|(kind, reply)| (*kind, reply));
        let sent = Sent::new(&self.page, of_end, rest.most);
        let sent = sent.in_words(NEWS, "The end of its output since the last check");
        let Some((kind, reply)) = reply else {
            let is_asked = asks.is_some();
            let text = asks.map_or(text.clone(), |asks| format!("{text} {asks}"));
            let text = match sent {
                Some(sent) => format!("{text}\n\n{sent}"),
                None if self.is_new || is_asked => text,
                None => format!("{text} {}", nothing_new(self.waited)),
            };
            return CallToolResult::success(vec![ContentBlock::text(text)]);
        };
        let mut reply = in_one_text(in_parts(reply, rest));
        let result = text_of(&reply).filter(|result| !result.is_empty());
        let text = match result {
            // It had no words of its own.
            _ if kind == EndKind::Dropped => text,
            Some(error) if reply.is_error == Some(true) => format!("{text} The error:\n{error}"),
            Some(result) => format!("{text} The result:\n{result}"),
            None => text,
        };
        let text = match sent {
            Some(sent) => format!("{}\n\n{sent}", text.trim_end_matches('\n')),
            None => text,
        };
        // One block, of which a client shows all: structured content would hide it from many a model.
        reply.structured_content = None;
        reply.content.retain(|block| block.as_text().is_none());
        reply.content.insert(0, ContentBlock::text(text));
        reply
    }
}

const NEWS: &str = "New since the last check";

fn nothing_new(waited: Duration) -> String {
    let hint = match waited.as_secs() {
        0 => "; `wait_seconds` waits for it".to_owned(),
        _ => format!(", nor came anything in {}", time(waited)),
    };
    format!("There is nothing new since the last check{hint}.")
}

/// What the end of a task says.
fn said(end: &End) -> CallToolResult {
    result(end).unwrap_or_else(|error| error_reply(error.message))
}

/// Waits until there is something worth a model's turn: the end, a good deal of updates, or of progress. Cancel safe.
async fn worth_a_look(reader: &dyn TaskReader, last: LastSeen) -> Result<(), LogError> {
    let mut seen = last.seen;
    while let Some(page) = after(reader, seen).await? {
        seen = page.next;
        // Everything since the last look, and not only what came last.
        let Some(all) = new(reader, last).await? else { break };
        if is_worth_a_look(&all, last.percent) || asks(reader, &all).await? {
            break;
        }
        tokio::task::coop::consume_budget().await;
    }
    Ok(())
}

/// What was not shown yet.
async fn new(reader: &dyn TaskReader, last: LastSeen) -> Result<Option<Page>, LogError> {
    Ok(match reader.read(last.seen).in_time().await? {
        Read::Page(page) => Some(page),
        Read::Nothing | Read::Closed => None,
    })
}

/// Whether anything is asked there that has no answer yet.
async fn asks(reader: &dyn TaskReader, page: &Page) -> Result<bool, LogError> {
    if !page.said.iter().any(|said| matches!(said, Said::Question(_))) {
        return Ok(false);
    }
    Ok(!reader.status().in_time().await?.questions.is_empty())
}

fn is_worth_a_look(page: &Page, percent_before: f64) -> bool {
    /// In percent.
    const MUCH: f64 = 10.0;
    const MANY_UPDATES: usize = 10;
    const MANY_BYTES: usize = 2 << 10;
    let bytes = || page.updates().map(|update| update.as_str().len()).sum::<usize>();
    let percent = page.progress().and_then(|progress| progress.amount.percent());
    page.end.is_some()
        || page.missed > 0
        || percent.is_some_and(|percent| (percent - percent_before).abs() >= MUCH)
        || page.updates().count() >= MANY_UPDATES
        || bytes() >= MANY_BYTES
}
