//! The words of a reply: what came of a task, and after that what it sent.
//!
//! There is one block of text, with the result or the error first, as hosts cut long texts in the middle or at their
//! end. Most hosts show their model nothing else where there is structured content, so there is none beside what the
//! model has to read.

use std::borrow::Cow;
use std::collections::HashSet;

use rmcp::model::{CallToolResult, ContentBlock, ErrorData};
use serde_json::Value;

use crate::log::{Cursor, Event, EventKind, Page, Reader};
use crate::message::ProgressUpdate;
use crate::output::{self, text_of};
use crate::words::{cut_to, json};

/// How a call is answered: by a reply, or by an error of the protocol if that is what its tool failed with.
pub(crate) type Reply = Result<CallToolResult, ErrorData>;

/// How many bytes of updates, and of output, go with a result.
const MOST_SENT: usize = 4 << 10;

/// How a model reads what a reply has to leave out of a long result.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rest<'a> {
    pub(crate) task_id: &'a str,
    /// The name of the tool that tells about tasks.
    pub(crate) check_task: &'a str,
    /// How many bytes of a text a reply may have.
    pub(crate) most: usize,
}

/// Waits for a task's end and returns the reply. Without a way to the rest of it, it is whole. Cancel safe.
pub(super) async fn reply(reader: &dyn Reader, rest: Option<Rest<'_>>) -> Reply {
    let mut seen = Cursor::START;
    while let Some(page) = reader.after(seen).await {
        if page.has_end() {
            return final_reply(reader, rest).await;
        }
        seen = page.next;
        // A task that never rests must not keep this from resting.
        tokio::task::coop::consume_budget().await;
    }
    Ok(ended_without_a_result())
}

/// The reply when the log has nothing more to say, which no task's does before its end.
pub(super) fn ended_without_a_result() -> CallToolResult {
    output::error_reply("the task ended without a result")
}

/// The reply of a task that has ended: its result, and after that what it sent, as far as it is kept.
pub(super) async fn final_reply(reader: &dyn Reader, rest: Option<Rest<'_>>) -> Reply {
    let Some(mut page) = reader.after(Cursor::START).await else {
        return Ok(ended_without_a_result());
    };
    let Some(end) = page.events.pop_if(|last| last.kind.is_terminal()) else {
        return Ok(ended_without_a_result());
    };
    let (kind, is_written) = (end.kind, end.written.is_some());
    let reply = result(end)?;
    if is_written && reply.structured_content.is_some() {
        // The tool said what its client is to read, and where.
        return Ok(reply);
    }
    let sent = sent(&page, kind, &reply);
    let reply = match rest {
        Some(rest) => in_parts(reply, rest),
        None => reply,
    };
    Ok(match sent {
        Some(sent) => followed_by(reply, &sent),
        None => reply,
    })
}

/// The reply that a terminal event stands for.
pub(crate) fn result(end: Event) -> Reply {
    match end.written {
        Some(written) => written.into_reply(),
        None => {
            let mut reply = output::reply(&end.result);
            if end.kind != EventKind::Complete {
                reply.is_error = Some(true);
            }
            Ok(reply)
        }
    }
}

/// A reply with a text after its own.
fn followed_by(mut reply: CallToolResult, text: &str) -> CallToolResult {
    reply.structured_content = None;
    match reply.content.first_mut() {
        Some(ContentBlock::Text(first)) => {
            first.text.push_str("\n\n");
            first.text.push_str(text);
        }
        _ => reply.content.push(ContentBlock::text(text)),
    }
    reply
}

/// A reply whose text is as long as it may be: the beginning and the end of a longer one, and how to get the rest.
pub(crate) fn in_parts(mut reply: CallToolResult, rest: Rest<'_>) -> CallToolResult {
    let Some(text) = text_of(&reply).filter(|text| text.len() > rest.most) else {
        return reply;
    };
    let beginning = cut_to(&text, rest.most.div_ceil(2));
    let end = &text[from(&text, text.len() - rest.most / 2)..];
    let (total, start) = (text.len(), beginning.len());
    let missing = total - start - end.len();
    let arguments = rest.arguments(start);
    let Rest { check_task, .. } = rest;
    let text = format!(
        "{beginning}\n\n[{missing} of {total} bytes are left out here: call `{check_task}` with {arguments} to \
         read on]\n\n{end}"
    );
    reply.structured_content = None;
    reply.content.retain(|block| block.as_text().is_none());
    reply.content.insert(0, ContentBlock::text(text));
    reply
}

/// What a reply that was in parts says from a byte on.
pub(crate) fn part(reply: &CallToolResult, offset: usize, rest: Rest<'_>) -> CallToolResult {
    let text = text_of(reply).unwrap_or_default();
    let total = text.len();
    let start = from(&text, offset.min(total));
    let part = cut_to(&text[start..], rest.most.max(4));
    let next = start + part.len();
    let more = match next < total {
        true => format!("; go on with {}", rest.arguments(next)),
        false => ", which is its end".to_owned(),
    };
    let text = format!("{part}\n\n[bytes {start} to {next} of {total}{more}]");
    CallToolResult::success(vec![ContentBlock::text(text)])
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

/// What a task sent before its end that its result does not say again.
fn sent(page: &Page, end: EventKind, reply: &CallToolResult) -> Option<String> {
    let updates = page.events.iter().filter(|event| event.kind == EventKind::Update).map(in_words);
    let mut updates: Vec<Cow<'_, str>> = updates.collect();
    if !updates.is_empty() {
        let text = text_of(reply).unwrap_or_default();
        let said = Said::new(&text);
        updates.retain(|update| !said.says(update));
    }
    let updates = latest(&updates, page.missed, "update");
    // It is what the result would have said.
    let output = (end != EventKind::Complete).then(|| output_in_words(page)).flatten();
    let updates = updates.map(|updates| format!("Updates while it ran:\n{updates}"));
    let output = output.map(|output| format!("The end of its output:\n{output}"));
    let sent: Vec<String> = updates.into_iter().chain(output).collect();
    (!sent.is_empty()).then(|| sent.join("\n\n"))
}

/// The end of a task's output that is new.
pub(crate) fn output_in_words(page: &Page) -> Option<String> {
    let texts: Vec<Cow<'_, str>> = page.output.texts.iter().map(|text| words_of(text)).collect();
    latest(&texts, page.output.missed, "part")
}

/// The latest texts, one a line, that have so many bytes as may go with a result, and how many are left out before
/// them; `None` if there are none.
fn latest(texts: &[Cow<'_, str>], missed: u64, what: &str) -> Option<String> {
    let mut bytes = 0;
    let fit = texts.iter().rev().take_while(|text| {
        bytes += text.len() + 1;
        bytes <= MOST_SENT
    });
    let shown = fit.count().max(1).min(texts.len());
    let left_out = missed + (texts.len() - shown) as u64;
    let mut lines = gap(left_out, what, "left out").into_iter().collect::<Vec<_>>();
    // One that is longer is shown in part.
    lines.extend(texts[texts.len() - shown..].iter().map(|text| match cut_to(text, MOST_SENT) {
        cut if cut.len() < text.len() => format!("{cut}…"),
        whole => whole.to_owned(),
    }));
    (!lines.is_empty()).then(|| lines.join("\n"))
}

fn gap(missed: u64, what: &str, how: &str) -> Option<String> {
    let plural = if missed == 1 { " is" } else { "s are" };
    (missed > 0).then(|| format!("({missed} older {what}{plural} {how})"))
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

/// The updates among some events, one a line, and how many are missing before them; `None` if there are none.
pub(crate) fn updates_in_words(events: &[Event], missed: u64) -> Option<String> {
    let updates = events.iter().filter(|event| event.kind == EventKind::Update).map(in_words);
    let gap = gap(missed, "update", "not kept any more").map(Cow::Owned);
    let lines: Vec<Cow<'_, str>> = gap.into_iter().chain(updates).collect();
    (!lines.is_empty()).then(|| lines.join("\n"))
}

/// What an update or a progress says to a model.
pub(crate) fn in_words(event: &Event) -> Cow<'_, str> {
    match status(event) {
        Some(status) => how_far(event, &status).into(),
        None => words_of(event.result.as_str()),
    }
}

fn words_of(json: &str) -> Cow<'_, str> {
    serde_json::from_str::<String>(json).map_or(json.into(), Cow::Owned)
}

/// The same to a person, who reads no JSON.
pub(super) fn in_plain_words(event: &Event) -> Cow<'_, str> {
    match status(event) {
        Some(status) => how_far(event, &status).into(),
        None => serde_json::from_str(event.result.as_str())
            .map_or(event.result.as_str().into(), |value| plain(&value).into()),
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

fn how_far(event: &Event, status: &str) -> String {
    let EventKind::Progress(amount) = event.kind else { return status.to_owned() };
    let number = match (amount.percent(), amount.done) {
        (Some(percent), _) => format!("{percent} %"),
        (None, Some(done)) => done.to_string(),
        (None, None) => return status.to_owned(),
    };
    if status.is_empty() { number } else { format!("{number}: {status}") }
}

/// What a progress says beside its numbers.
pub(super) fn status(event: &Event) -> Option<Cow<'_, str>> {
    match event.kind {
        EventKind::Progress(_) => Some(ProgressUpdate::read(&event.result)?.status),
        _ => None,
    }
}

/// How far an event says the task is, in percent.
pub(crate) fn percent(event: &Event) -> Option<f64> {
    match event.kind {
        EventKind::Progress(amount) => amount.percent(),
        _ => None,
    }
}
