//! What a model reads of our own texts: tickets, the news of a task, the parts of a long result.

use serde_json::Value;

use super::answers::Asked;

/// What a model does after a reply that does not say all.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Ticket {
    pub(super) task_id: String,
    /// The tool that tells of tasks, under the name that the server gave it.
    pub(super) check_task: String,
    /// What to call it with.
    pub(super) arguments: Value,
}

const TICKET: &str = " goes on as task `";
/// The same of one that was started, and asks something first.
const WAITS: &str = " waits as task `";
const ASKS: &str = "It asks: ";
const PARTS: &str = "[These are the beginning and the end of ";
const PART: &str = "[bytes ";

/// What comes after a result.
const SENT: [&str; 2] = ["Updates while it ran:\n", "The end of its output:\n"];

/// What comes after the news of a task.
const NEWS: [&str; 2] =
    ["New since the last check:\n", "The end of its output since the last check:\n"];

/// What a ticket asks for; `None` of any other text.
pub(super) fn ticket(text: &str) -> Option<Ticket> {
    if let Some((_, rest)) = text.split_once(WAITS) {
        // What it asks says what to call, too.
        return call(rest.rsplit_once(" Call `")?.1);
    }
    let (_, rest) = text.split_once(TICKET)?;
    call(rest.split_once("`. Call `")?.1)
}

/// A question that a model reads.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Spoken {
    pub(super) asked: Asked,
    /// The tool that brings the answer, under the name that the server gave it.
    pub(super) message_task: String,
}

/// How a text says that a question is answered.
#[derive(Debug, PartialEq)]
pub(super) struct AnsweredWith {
    message_task: String,
    question: String,
    pub(super) expected: String,
}

/// The questions that a text has, of a ticket or of the news of a task.
pub(super) fn spoken(text: &str) -> Vec<Spoken> {
    let (mut spoken, mut rest) = (Vec::new(), text);
    while let Some((_, after)) = rest.split_once(ASKS) {
        let Some((question, how)) = asked(after) else { break };
        let AnsweredWith { message_task, question: id, expected } = how;
        let said = question.strip_suffix(&format!(" ({expected})")).unwrap_or(question);
        let asked = Asked::in_words(id, said.to_owned(), expected);
        spoken.push(Spoken { asked, message_task });
        rest = &after[question.len()..];
    }
    spoken
}

/// What is asked, and how it is answered, which comes on a line of its own.
fn asked(text: &str) -> Option<(&str, AnsweredWith)> {
    let lines = text.match_indices("\nCall `");
    lines.into_iter().find_map(|(at, _)| Some((&text[..at], answered_with(&text[at + 1..])?)))
}

/// How a question is answered.
pub(super) fn answered_with(text: &str) -> Option<AnsweredWith> {
    let (message_task, rest) = text.strip_prefix("Call `")?.split_once("` with {\"task_id\": ")?;
    let (_, rest) = string(rest)?;
    let (question, rest) = string(rest.strip_prefix(", \"question\": ")?)?;
    let (_, expected) = rest.split_once("} to answer (")?;
    let (expected, _) = expected.split_once("), or with \"decline\"")?;
    let message_task = message_task.to_owned();
    Some(AnsweredWith { message_task, question, expected: expected.to_owned() })
}

/// The JSON string with which a text begins, and what comes after it.
fn string(text: &str) -> Option<(String, &str)> {
    let mut strings = serde_json::Deserializer::from_str(text).into_iter::<String>();
    let string = strings.next()?.ok()?;
    Some((string, &text[strings.byte_offset()..]))
}

/// What the text of a long result asks for.
pub(super) fn parts(text: &str) -> Option<Ticket> {
    let rest = text.strip_prefix(PARTS)?;
    call(rest.split_once(" bytes. Call `")?.1)
}

/// A call as a text writes it: `` check_task` with {"task_id": ..} ``.
fn call(text: &str) -> Option<Ticket> {
    let (check_task, rest) = text.split_once("` with ")?;
    let mut arguments = serde_json::Deserializer::from_str(rest).into_iter::<Value>();
    let arguments = arguments.next()?.ok()?;
    let task_id = arguments["task_id"].as_str()?.to_owned();
    Some(Ticket { task_id, check_task: check_task.to_owned(), arguments })
}

/// A part of a long result, from one byte to another; of all of them, if this is the last.
pub(super) fn part(text: &str) -> Option<(&str, Option<u64>)> {
    let (head, part) = text.strip_prefix(PART)?.split_once("]\n\n")?;
    match head.split_once("; go on with ") {
        Some((_, arguments)) => {
            let arguments: Value = serde_json::from_str(arguments).ok()?;
            Some((part, Some(arguments["offset"].as_u64()?)))
        }
        None => head.ends_with(", the end").then_some((part, None)),
    }
}

/// What `check_task` says of a task.
#[derive(Debug, PartialEq)]
pub(super) struct News<'a> {
    /// The result or the error, if the task has ended.
    pub(super) end: Option<Ended<'a>>,
    /// How far it is, if it runs and has said so.
    pub(super) how_far: Option<&'a str>,
    /// What was sent since the last check.
    pub(super) sent: Vec<String>,
}

#[derive(Debug, PartialEq)]
pub(super) struct Ended<'a> {
    pub(super) is_error: bool,
    pub(super) text: &'a str,
}

/// What `check_task` says of a task.
pub(super) fn news(text: &str) -> News<'_> {
    let (text, sent) = split(text, NEWS);
    let how = text.split_once("`) ").map(|(_, how)| how);
    News { end: how.and_then(ended), how_far: how.and_then(how_far), sent }
}

fn how_far(how: &str) -> Option<&str> {
    let how = how.strip_prefix("is running")?;
    let how = how.strip_prefix(", and was asked to stop,").unwrap_or(how);
    let ends = [". There is nothing new since the last check", ". It asks: "];
    let end = ends.iter().filter_map(|end| how.find(end)).min().unwrap_or(how.len());
    let how_far = how[..end].trim_start_matches([',', ' ']).trim_end_matches('.');
    (!how_far.is_empty()).then_some(how_far)
}

fn ended(head: &str) -> Option<Ended<'_>> {
    if head.starts_with("is running") {
        return None;
    }
    let is_error = !head.starts_with("is complete");
    let what = if is_error { "The error:\n" } else { "The result:\n" };
    let said = head.split_once(what).map(|(_, said)| said);
    // What was dropped has no words of its own.
    let text = said.unwrap_or(if is_error { "stopped" } else { "" });
    Some(Ended { is_error, text })
}

/// A result without what was sent while it ran, and that, line by line.
pub(super) fn split_sent(text: &str) -> (&str, Vec<String>) {
    split(text, SENT)
}

/// The news of a task without what was sent.
pub(super) fn split_news(text: &str) -> &str {
    split(text, NEWS).0
}

fn split<'a>(text: &'a str, headings: [&str; 2]) -> (&'a str, Vec<String>) {
    let Some(at) = headings.iter().filter_map(|heading| begin(text, heading)).min() else {
        return (text, Vec::new());
    };
    let lines = text[at..].lines().filter(|line| is_sent(line, headings));
    (text[..at].trim_end_matches('\n'), lines.map(str::to_owned).collect())
}

/// Where a heading stands on a line of its own.
fn begin(text: &str, heading: &str) -> Option<usize> {
    match text.starts_with(heading) {
        true => Some(0),
        false => text.find(&format!("\n\n{heading}")).map(|at| at + 2),
    }
}

/// Whether a line is one of those that were sent.
fn is_sent(line: &str, headings: [&str; 2]) -> bool {
    let is_heading = headings.iter().any(|heading| heading.trim_end() == line);
    let is_gap = line.starts_with('(') && line.ends_with(" left out)");
    !line.is_empty() && !is_heading && !is_gap
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use std::time::Duration;

    use super::*;
    use crate::control::{Control, Running};
    use crate::delivery::in_parts;
    use rmcp::model::{CallToolResult, ContentBlock};

    const ID: &str = "0d3b";

    fn control() -> Control {
        Control::new("git_", Duration::from_secs(50), 40)
    }

    fn text(reply: &CallToolResult) -> &str {
        &reply.content[0].as_text().expect("a text").text
    }

    #[test]
    fn a_ticket_is_read_as_it_is_written() {
        let how_far = Some("40 %: importing".to_owned());
        for (waited, twin) in [(0, None), (50, Some("other".into()))] {
            let (tool_name, how_far) = ("import", how_far.clone());
            let running = Running { tool_name, task_id: ID, how_far, twin, asks: &[] };
            let reply = control().ticket(&running, Some(Duration::from_secs(waited)));
            let asks = Ticket {
                task_id: ID.to_owned(),
                check_task: "git_check_task".to_owned(),
                arguments: json!({"task_id": ID, "wait_seconds": 50}),
            };
            assert_eq!(ticket(text(&reply)), Some(asks), "{}", text(&reply));
        }
        assert_eq!(ticket("Call `check_task` with {}"), None);
    }

    #[test]
    fn a_long_result_is_read_as_it_is_written() {
        let whole = "0123456789".repeat(20);
        let reply = CallToolResult::success(vec![ContentBlock::text(whole.clone())]);
        let first = in_parts(reply.clone(), control().rest(ID));
        let asks = parts(text(&first)).expect("it says how to read on");
        assert_eq!((&*asks.task_id, &*asks.check_task), (ID, "git_check_task"));
        let (mut read, mut offset) = (String::new(), Some(0));
        while let Some(from) = offset {
            let from = usize::try_from(from).expect("short");
            let reply = crate::delivery::part(&reply, from, control().rest(ID));
            let (part, next) = part(text(&reply)).expect("a part");
            read.push_str(part);
            offset = next;
        }
        assert_eq!(read, whole);
    }

    #[test]
    fn news_are_read() {
        let head = "Task `0d3b` (`import`) ";
        let is_nothing_new = "There is nothing new since the last check.";
        for (text, end, how_far, sent) in [
            (
                &*format!("is running, 40 %: e.g. a. {is_nothing_new}"),
                None,
                Some("40 %: e.g. a"),
                &[][..],
            ),
            (&*format!("is running. {is_nothing_new}"), None, None, &[]),
            ("is running, and was asked to stop, 40 %.", None, Some("40 %"), &[]),
            (
                "is running.\n\nNew since the last check:\n(2 older updates are left out)\na\nb",
                None,
                None,
                &["a", "b"],
            ),
            (
                "is complete. The result:\n42\n\nNew since the last check:\na",
                Some((false, "42")),
                None,
                &["a"],
            ),
            ("is complete.", Some((false, "")), None, &[]),
            ("failed. The error:\nthe disk is full", Some((true, "the disk is full")), None, &[]),
            (
                "was stopped (it did not end by itself in time, and was dropped).",
                Some((true, "stopped")),
                None,
                &[],
            ),
        ] {
            let text = format!("{head}{text}");
            let end = end.map(|(is_error, text)| Ended { is_error, text });
            let sent: Vec<String> = sent.iter().map(|&it| it.to_owned()).collect();
            assert_eq!(news(&text), News { end, how_far, sent }, "{text}");
        }
    }

    #[test]
    fn what_was_sent_is_told_from_the_result() {
        let text = "42\n\nUpdates while it ran:\na\n\nThe end of its output:\nb";
        assert_eq!(split_sent(text), ("42", vec!["a".to_owned(), "b".to_owned()]));
        assert_eq!(split_sent("Updates while it ran:\na"), ("", vec!["a".to_owned()]));
        assert_eq!(split_sent("42"), ("42", Vec::new()));
    }
}
