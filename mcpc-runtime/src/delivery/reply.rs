//! The words of a reply: what came of a task, and after that what it sent.
//!
//! There is one block of text, with the result or the error first, as hosts cut long texts in the middle or at their
//! end. Most hosts show their model nothing else where there is structured content, so there is none beside what the
//! model has to read.

use std::borrow::Cow;
use std::collections::HashSet;

use rmcp::model::{CallToolResult, ContentBlock, ErrorData};
use serde_json::Value;

use super::Reading;
use crate::log::{Cursor, End, EndKind, LogError, Page, Progress, Read, TaskReader, after};
use crate::message::Json;
use crate::output::{self, in_one_text, readable, text_of};
use crate::phrases::{cut_to, json};

/// How a call is answered: by a reply, or by an error of the protocol if that is what its tool failed with.
pub(crate) type Reply = Result<CallToolResult, ErrorData>;

/// How many bytes of updates, and of output, go with a result.
const MOST_SENT: usize = 4 << 10;

/// How many bytes of a long result are read at once: hosts cut what is longer.
const MOST_OF_A_PART: usize = 7_000;

/// How a model reads what a reply has to leave out of a long result.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rest<'a> {
    pub(crate) task_id: &'a str,
    /// The name of the tool that tells about tasks.
    pub(crate) check_task: &'a str,
    /// How many bytes of a text a reply may have.
    pub(crate) most: usize,
}

/// Waits for a task's end, or for something that it asks, and returns the reply. Without a way to the rest of it, it is whole. Cancel safe.
pub(super) async fn reply(reading: Reading<'_>) -> Result<super::Read, LogError> {
    let Reading { reader, rest, .. } = reading;
    let mut seen = Cursor::START;
    while let Some(page) = after(reader, seen).await? {
        if page.end.is_some() {
            break;
        }
        if reading.asks(&page).await? {
            return Ok(super::Read::Asks);
        }
        seen = page.next;
        // A task that never rests must not keep this from resting.
        tokio::task::coop::consume_budget().await;
    }
    final_reply(reader, rest).await.map(super::Read::Over)
}

/// Waits until a task has ended, or was forgotten without an end. Cancel safe.
pub(crate) async fn until_the_end(reader: &dyn TaskReader) -> Result<(), LogError> {
    let mut seen = Cursor::START;
    while let Some(page) = after(reader, seen).await? {
        if page.end.is_some() {
            break;
        }
        seen = page.next;
        // A task that never rests must not keep this from resting.
        tokio::task::coop::consume_budget().await;
    }
    Ok(())
}

/// The reply when the log has nothing more to say, which no task's does before its end.
pub(super) fn ended_without_a_result() -> CallToolResult {
    output::error_reply("the task ended without a result")
}

/// The reply of a task that has ended: its result, and after that what it sent, as far as it is kept.
pub(super) async fn final_reply(
    reader: &dyn TaskReader,
    rest: Option<Rest<'_>>,
) -> Result<Reply, LogError> {
    Ok(match reader.read(Cursor::START).in_time().await? {
        Read::Page(page) => reply_of(&page, rest),
        Read::Nothing | Read::Closed => Ok(ended_without_a_result()),
    })
}

fn reply_of(page: &Page, rest: Option<Rest<'_>>) -> Reply {
    let Some(end) = &page.end else {
        return Ok(ended_without_a_result());
    };
    let (kind, is_written) = (end.kind, end.written.is_some());
    let reply = result(end)?;
    if is_written && reply.structured_content.is_some() {
        // The tool said what its client is to read, and where.
        return Ok(reply);
    }
    let sent = Sent::new(page, Some((kind, &reply)), MOST_SENT);
    let reply = match rest {
        Some(rest) => in_parts(reply, rest),
        None => reply,
    };
    Ok(readable(match sent.in_words("Updates while it ran", "The end of its output") {
        Some(sent) => followed_by(reply, &sent),
        None => reply,
    }))
}

/// The reply that the end of a task stands for.
pub(crate) fn result(end: &End) -> Reply {
    let Some(written) = &end.written else {
        let mut reply = output::reply(&end.result);
        if end.kind != EndKind::Complete {
            reply.is_error = Some(true);
        }
        return Ok(reply);
    };
    written.clone().into_reply()
}

/// A reply with a text after its own.
fn followed_by(reply: CallToolResult, text: &str) -> CallToolResult {
    let mut reply = in_one_text(reply);
    match reply.content.first_mut() {
        Some(ContentBlock::Text(first)) if !first.text.is_empty() => {
            first.text.truncate(first.text.trim_end_matches('\n').len());
            first.text.push_str("\n\n");
            first.text.push_str(text);
        }
        Some(ContentBlock::Text(first)) => first.text.push_str(text),
        _ => reply.content.push(ContentBlock::text(text)),
    }
    reply
}

/// A reply whose text is as long as it may be: the beginning and the end of a longer one. How to get the rest stands
/// before them, where every host shows it.
pub(crate) fn in_parts(reply: CallToolResult, rest: Rest<'_>) -> CallToolResult {
    let Some(text) = text_of(&reply).filter(|text| text.len() > rest.most) else {
        return reply;
    };
    let beginning = cut_to(&text, rest.most.div_ceil(2));
    let end = &text[from(&text, text.len() - rest.most / 2)..];
    let (total, start) = (text.len(), beginning.len());
    let missing = total - start - end.len();
    let arguments = rest.arguments(start.min(MOST_OF_A_PART));
    let Rest { check_task, .. } = rest;
    let text = format!(
        "[These are the beginning and the end of {total} bytes. Call `{check_task}` with {arguments}, or any other \
         offset, to read on from there.]\n\n{beginning}\n\n[{missing} bytes are left out here]\n\n{end}"
    );
    let mut reply = in_one_text(reply);
    if let Some(ContentBlock::Text(first)) = reply.content.first_mut() {
        first.text = text;
    }
    reply
}

/// What a result says from a byte on, as much as every host shows.
pub(crate) fn part(reply: &CallToolResult, offset: usize, rest: Rest<'_>) -> CallToolResult {
    let text = text_of(reply).unwrap_or_default();
    let total = text.len();
    let start = from(&text, offset.min(total));
    let part = cut_to(&text[start..], rest.most.min(MOST_OF_A_PART));
    let next = start + part.len();
    let text = match next < total {
        _ if part.is_empty() => format!("[The result has no more than {total} bytes]"),
        true => {
            let more = rest.arguments(next);
            format!("[bytes {start} to {next} of {total}; go on with {more}]\n\n{part}")
        }
        false => format!("[bytes {start} to {next} of {total}, the end]\n\n{part}"),
    };
    let mut part = CallToolResult::success(vec![ContentBlock::text(text)]);
    part.is_error = reply.is_error;
    part
}

impl Rest<'_> {
    fn arguments(self, offset: usize) -> String {
        format!("{{\"task_id\": {}, \"offset\": {offset}}}", json(self.task_id))
    }
}

/// The first place from `at` on where a character begins.
fn from(text: &str, at: usize) -> usize {
    (at..text.len()).find(|&at| text.is_char_boundary(at)).unwrap_or(text.len())
}

/// What a task sent, for a model to read.
pub(crate) struct Sent {
    updates: Option<String>,
    output: Option<String>,
}

impl Sent {
    /// What is on a page, each kind of it with so many bytes at most. If the task has ended, what its result does not
    /// say again; and if it succeeded, none of its output, which is part of what its result says.
    pub(crate) fn new(page: &Page, end: Option<(EndKind, &CallToolResult)>, most: usize) -> Self {
        let mut updates: Vec<Cow<'_, str>> = page.updates().map(in_words).collect();
        if let Some((_, reply)) = end
            && !updates.is_empty()
        {
            let text = text_of(reply).unwrap_or_default();
            let said = Said::new(&text);
            updates.retain(|update| !said.says(update));
        }
        let has_output = end.is_none_or(|(kind, _)| kind != EndKind::Complete);
        let output = page.output.texts.iter().filter(|_| has_output);
        let output: Vec<Cow<'_, str>> = output.map(|text| words_of(text)).collect();
        Self {
            updates: latest(&updates, page.missed, "update", most),
            output: latest(&output, page.output.missed, "part", most),
        }
    }

    /// Each kind below what it is called; `None` if there is nothing.
    pub(crate) fn in_words(self, updates: &str, output: &str) -> Option<String> {
        let parts = [(updates, self.updates), (output, self.output)];
        let parts = parts.into_iter().filter_map(|(name, it)| Some(format!("{name}:\n{}", it?)));
        let parts: Vec<String> = parts.collect();
        (!parts.is_empty()).then(|| parts.join("\n\n"))
    }
}

/// The latest texts, one a line, that have so many bytes, and how many are left out before them; `None` if there are
/// none. One that is longer is shown in part.
fn latest(texts: &[Cow<'_, str>], missed: u64, what: &str, most: usize) -> Option<String> {
    let mut bytes = 0;
    let fit = texts.iter().rev().take_while(|text| {
        bytes += text.len() + 1;
        bytes <= most
    });
    let shown = fit.count().max(1).min(texts.len());
    if shown == 0 {
        return None;
    }
    let left_out = missed + (texts.len() - shown) as u64;
    let plural = if left_out == 1 { " is" } else { "s are" };
    let gap = (left_out > 0).then(|| format!("({left_out} older {what}{plural} left out)"));
    let lines = texts[texts.len() - shown..].iter().map(|text| match cut_to(text, most) {
        cut if cut.len() < text.len() => format!("{cut}…"),
        whole => whole.to_owned(),
    });
    Some(gap.into_iter().chain(lines).collect::<Vec<_>>().join("\n"))
}

/// What a result says, by lines and by items.
struct Said<'a> {
    lines: HashSet<Cow<'a, str>>,
}

impl<'a> Said<'a> {
    fn new(text: &'a str) -> Self {
        let mut lines: HashSet<Cow<'a, str>> =
            text.lines().map(|line| Cow::Borrowed(line.trim())).collect();
        if text.starts_with('[')
            && let Ok(items) = serde_json::from_str::<Vec<Value>>(text)
        {
            lines.extend(items.into_iter().map(|item| Cow::Owned(String::from(Words(item)))));
        }
        Self { lines }
    }

    /// Whether it says all of what an update says.
    fn says(&self, update: &str) -> bool {
        let mut lines = update.lines().map(str::trim).filter(|line| !line.is_empty()).peekable();
        lines.peek().is_some() && lines.all(|line| self.lines.contains(line))
    }
}

/// A value as a model reads it: a string says itself, anything else is shown as JSON.
struct Words(Value);

impl From<Words> for String {
    fn from(Words(value): Words) -> Self {
        match value {
            Value::String(text) => text,
            value => value.to_string(),
        }
    }
}

/// What an update says to a model.
fn in_words(update: &Json) -> Cow<'_, str> {
    words_of(update.as_str())
}

fn words_of(json: &str) -> Cow<'_, str> {
    serde_json::from_str::<String>(json).map_or(json.into(), Cow::Owned)
}

/// The same to a person, who reads no JSON.
pub(super) fn in_plain_words(json: &Json) -> Cow<'_, str> {
    let json = json.as_str();
    match serde_json::from_str(json) {
        // A text may be JSON that the body wrote itself.
        Ok(Value::String(text)) => match serde_json::from_str(&text) {
            Ok(value @ (Value::Array(_) | Value::Object(_))) => plain(&value).into(),
            _ => text.into(),
        },
        Ok(value) => plain(&value).into(),
        Err(_) => json.into(),
    }
}

/// A value in words: the parts of an object as `name: value`.
fn plain(value: &Value) -> String {
    match value {
        Value::Null => "none".to_owned(),
        Value::String(text) => text.clone(),
        Value::Bool(_) | Value::Number(_) => value.to_string(),
        Value::Array(items) => items.iter().map(plain_part).collect::<Vec<_>>().join(", "),
        Value::Object(object) => {
            let parts = object.iter().map(|(name, value)| format!("{name}: {}", plain_part(value)));
            parts.collect::<Vec<_>>().join(", ")
        }
    }
}

fn plain_part(value: &Value) -> String {
    match value {
        Value::Array(_) | Value::Object(_) => format!("({})", plain(value)),
        _ => plain(value),
    }
}

/// What a progress says.
pub(crate) fn how_far(progress: &Progress) -> Cow<'_, str> {
    let Progress { amount, status } = progress;
    let number = match (amount.percent(), amount.done) {
        (Some(percent), _) => format!("{percent} %"),
        (None, Some(done)) => format!("{done} done"),
        (None, None) => return status[..].into(),
    };
    if status.is_empty() { number.into() } else { format!("{number}: {status}").into() }
}
