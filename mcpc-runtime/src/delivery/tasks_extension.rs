//! The Tasks extension of MCP 2026-07-28 (SEP-2663): the client asks how a task is doing.

use std::time::{Duration, SystemTime};

use chrono::{DateTime, Datelike as _, SecondsFormat, Timelike as _, Utc};
use rmcp::model::{
    CreateTaskResult, DetailedTask, JsonObject, MetaObject, Task, TaskPayload, TaskStatus,
};
use serde::Serialize;
use serde_json::{Value, json};

use super::Shows;
use super::reply::{final_reply, how_far, in_plain_words};
use crate::log::{EndKind, LogError, Said, Status, TaskReader};
use crate::phrases::in_short;
use crate::question::text_of;

/// Where Claude Code looks for what its model is to read while the task runs; it takes 2,000 characters.
const NOTE_FOR_THE_MODEL: &str = "com.anthropic/agent-task";

/// The reply to the call that started a task, with a note for the model if there is something to say.
pub(crate) async fn created(
    task_id: &str,
    reader: &dyn TaskReader,
    note: Option<String>,
) -> Result<CreateTaskResult, LogError> {
    let status = reader.status().in_time().await?;
    let mut created = CreateTaskResult::new(task(task_id, &status));
    created.meta = note.map(|note| {
        let mut meta = MetaObject::new();
        meta.insert(NOTE_FOR_THE_MODEL.to_owned(), json!({ "modelImmediateResponse": note }));
        meta
    });
    Ok(created)
}

/// How a task is doing, and what came of it.
pub(crate) async fn detailed(
    task_id: &str,
    reader: &dyn TaskReader,
    shows: Shows,
) -> Result<DetailedTask, LogError> {
    let status = reader.status().in_time().await?;
    let payload = match status.end.as_ref().map(|end| end.kind) {
        None => match shows.requests(&status.questions) {
            requests if requests.is_empty() => TaskPayload::Working,
            input_requests => TaskPayload::InputRequired { input_requests },
        },
        Some(EndKind::Stopped | EndKind::Dropped) => TaskPayload::Cancelled,
        // `failed` is for errors of the protocol; a tool's own is a result like any other. A client that asks for it wants
        // all of it.
        Some(EndKind::Complete | EndKind::Failed) => match final_reply(reader, None).await? {
            Ok(reply) => TaskPayload::Completed { result: object(&reply) },
            Err(error) => TaskPayload::Failed { error: object(&error) },
        },
    };
    Ok(DetailedTask::new(task(task_id, &status), payload))
}

pub(super) fn task(task_id: &str, status: &Status) -> Task {
    let Status { created_at, changed_at, age, latest, end, retention, questions, .. } = status;
    let status = TaskStatus::Working;
    let mut task = Task::new(task_id, status, timestamp(*created_at), timestamp(*changed_at));
    let error = end.as_ref().filter(|end| end.kind != EndKind::Complete);
    let message = match (error, latest) {
        (Some(end), _) => Some(in_plain_words(&end.result)),
        (None, Some(Said::Update(json) | Said::Output(json))) => Some(in_plain_words(json)),
        // One that is not open any more is nothing that the task waits for.
        (None, Some(Said::Question(question))) => {
            questions.contains(question).then(|| text_of(question).into())
        }
        (None, Some(Said::Progress(progress))) => Some(how_far(progress)),
        (None, None) => None,
    };
    task.status_message = message.map(in_short).filter(|message| !message.is_empty());
    // What runs is not forgotten.
    let lived = changed_at.duration_since(*created_at).unwrap_or_default();
    task.ttl_ms = end.as_ref().map(|_| millis(lived + *retention));
    task.poll_interval_ms = Some(millis(poll_interval(*age)));
    task
}

/// How soon to ask again: the older a task, the longer it may well take. The first answer counts: Claude Code keeps
/// to it when it comes back to a server that was restarted.
fn poll_interval(age: Duration) -> Duration {
    (age / 10).clamp(Duration::from_secs(1), Duration::from_secs(5))
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// A time as RFC 3339 has it, in milliseconds. Each answer about a task has two, which chrono takes three times as long to
/// write.
fn timestamp(time: SystemTime) -> String {
    let utc = DateTime::<Utc>::from(time);
    let (date, time) = (utc.date_naive(), utc.time());
    let Ok(year @ 0..=9999) = u32::try_from(date.year()) else {
        return utc.to_rfc3339_opts(SecondsFormat::Millis, true);
    };
    let milliseconds = utc.timestamp_subsec_millis();
    let mut text = *b"0000-00-00T00:00:00.000Z";
    for (at, number) in [
        (0, year / 100),
        (2, year % 100),
        (5, date.month()),
        (8, date.day()),
        (11, time.hour()),
        (14, time.minute()),
        (17, time.second()),
        // Its third digit follows.
        (20, milliseconds / 10),
    ] {
        text[at..at + 2].copy_from_slice(&two_digits(number));
    }
    text[22] = two_digits(milliseconds % 10)[1];
    String::from_utf8(text.into()).expect("digits are ASCII")
}

fn two_digits(number: u32) -> [u8; 2] {
    [number / 10, number % 10].map(|digit| b'0' + digit as u8)
}

fn object(answer: &impl Serialize) -> JsonObject {
    match serde_json::to_value(answer) {
        Ok(Value::Object(answer)) => answer,
        // A reply is an object, and so is an error, and rmcp's types hold JSON only.
        Ok(_) | Err(_) => JsonObject::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_older_a_task_the_rarer_it_is_asked_about() {
        for (age, interval) in [(0, 1000), (2000, 1000), (30_000, 3000), (3_600_000, 5000)] {
            let interval = Duration::from_millis(interval);
            assert_eq!(poll_interval(Duration::from_millis(age)), interval, "{age} ms");
        }
    }

    #[test]
    fn times_are_in_utc_to_the_millisecond() {
        let time = SystemTime::UNIX_EPOCH + Duration::from_micros(1_785_240_000_123_456);
        assert_eq!(timestamp(time), "2026-07-28T12:00:00.123Z");
        for seconds in [0, 951_782_400, 4_102_444_799, 253_402_300_799, 253_402_300_800] {
            let time = SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
            let chronos = DateTime::<Utc>::from(time).to_rfc3339_opts(SecondsFormat::Millis, true);
            assert_eq!(timestamp(time), chronos);
        }
    }
}
