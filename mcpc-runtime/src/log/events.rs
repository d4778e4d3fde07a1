//! What one task said, within a bound.

use std::sync::Arc;

use tokio::time::Instant;

use super::dialogue::Dialogue;
use super::texts::Texts;
use super::{Answered, Cursor, End, Output, Page, Progress, Question, Said, Told};
use crate::message::Json;
use crate::output::Written;

/// The events of one task.
///
/// What many tasks never have is behind a pointer, as every idle task holds room for it.
#[derive(Debug)]
pub(super) struct Events {
    /// The latest updates.
    updates: Texts,
    /// How many were dropped before these.
    dropped: u64,
    /// How far the task is.
    progress: Option<Box<Reported>>,
    output: Option<Box<KeptOutput>>,
    dialogue: Option<Box<Dialogue>>,
    /// What the body said last.
    latest: Latest,
    end: Option<Arc<End>>,
    changed_at: Instant,
    closed: bool,
}

/// What is kept of a task's output.
#[derive(Debug, Default)]
struct KeptOutput {
    texts: Texts,
    /// How many were dropped before these.
    dropped: u64,
}

impl KeptOutput {
    /// The number of the latest.
    fn said(&self) -> u64 {
        self.dropped + self.texts.count() as u64
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Latest {
    Update,
    Output,
    Progress,
}

/// The latest progress.
#[derive(Debug)]
struct Reported {
    progress: Progress,
    number: u64,
    /// The number of the event that it came behind.
    behind: u64,
}

/// About how many bytes the end of a task takes.
fn size_of_end(end: &End) -> usize {
    let written = end.written.as_ref().map_or(0, Written::bytes);
    size_of::<End>() + end.result.as_str().len() + written
}

/// About how many bytes a progress takes.
fn size_of_progress(progress: &Progress) -> usize {
    size_of::<Progress>() + progress.status.len()
}

impl Events {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            updates: Texts::default(),
            dropped: 0,
            progress: None,
            output: None,
            dialogue: None,
            latest: Latest::Update,
            end: None,
            changed_at: now,
            closed: false,
        }
    }

    /// Adds what the body said; the oldest updates are dropped until all that are kept have at most `limit` bytes, but
    /// for the newest, and so is the oldest output. Progress takes the place of the one before, and counts for nothing.
    pub(super) fn push(&mut self, said: Said, limit: usize, now: Instant) {
        self.changed_at = now;
        match said {
            Said::Update(value) => {
                self.push_update(value.as_str(), limit);
            }
            Said::Question(question) => {
                self.push_update(question.value.as_str(), limit);
                let number = self.updated();
                self.dialogue.get_or_insert_default().ask(number, question);
            }
            Said::Output(text) => {
                let output = self.output.get_or_insert_default();
                output.dropped += output.texts.push(text.as_str(), limit) as u64;
                self.latest = Latest::Output;
            }
            Said::Progress(progress) => {
                let (number, behind) = (self.seen().progress + 1, self.seen().events);
                let reported = Reported { progress, number, behind };
                match &mut self.progress {
                    Some(before) => **before = reported,
                    None => self.progress = Some(Box::new(reported)),
                }
                self.latest = Latest::Progress;
            }
        }
    }

    fn push_update(&mut self, text: &str, limit: usize) {
        let dropped = self.updates.push(text, limit) as u64;
        self.dropped += dropped;
        self.latest = Latest::Update;
        if let Some(dialogue) = &mut self.dialogue
            && dropped > 0
        {
            dialogue.forget_before(self.dropped + 1);
        }
    }

    /// Adds the end, which drives nothing out, and closes the log.
    pub(super) fn end_with(&mut self, end: End, now: Instant) {
        self.changed_at = now;
        self.end = Some(Arc::new(end));
        self.close();
    }

    /// How much there is to see.
    fn seen(&self) -> Cursor {
        Cursor {
            events: self.updated() + u64::from(self.end.is_some()),
            progress: self.progress.as_ref().map_or(0, |reported| reported.number),
            output: self.output.as_ref().map_or(0, |output| output.said()),
        }
    }

    /// The number of the latest update.
    fn updated(&self) -> u64 {
        self.dropped + self.updates.count() as u64
    }

    /// What came after `seen`, if anything did.
    pub(super) fn after(&self, seen: Cursor) -> Option<Page> {
        let next = self.seen();
        if next == seen {
            return None;
        }
        let missed = self.dropped.saturating_sub(seen.events);
        let known = usize::try_from(seen.events.saturating_sub(self.dropped)).unwrap_or(usize::MAX);
        let first = self.dropped + 1 + known as u64;
        let updates = self.updates.skip(known).zip(first..);
        let mut said: Vec<Said> = updates.map(|(text, number)| self.said(text, number)).collect();
        if let Some(reported) = &self.progress
            && reported.number > seen.progress
        {
            let behind = reported.behind.saturating_sub(seen.events + missed);
            let at = usize::try_from(behind).unwrap_or(usize::MAX).min(said.len());
            said.insert(at, Said::Progress(reported.progress.clone()));
        }
        let end = self.end().filter(|_| seen.events < next.events).cloned();
        Some(Page { said, end, missed, output: self.output_after(seen.output), next })
    }

    fn output_after(&self, seen: u64) -> Output {
        let Some(output) = &self.output else { return Output::default() };
        let known = usize::try_from(seen.saturating_sub(output.dropped)).unwrap_or(usize::MAX);
        Output {
            texts: output.texts.skip(known).collect(),
            missed: output.dropped.saturating_sub(seen),
            is_latest: self.latest == Latest::Output,
        }
    }

    /// The update or the question of a number.
    fn said(&self, text: String, number: u64) -> Said {
        match self.dialogue.as_ref().and_then(|dialogue| dialogue.question(number)) {
            Some(question) => Said::Question(question.clone()),
            None => Said::Update(Json::written(text)),
        }
    }

    /// Answers a question, unless it has an answer.
    pub(super) fn answer(&mut self, question: &str, value: Json, now: Instant) -> Answered {
        let answered = match &mut self.dialogue {
            Some(dialogue) if !self.closed => dialogue.answer(question, value),
            Some(_) | None => Answered::Unknown,
        };
        if answered == Answered::Now {
            self.changed_at = now;
        }
        answered
    }

    /// Adds an instruction, if there is room for it.
    pub(super) fn tell(&mut self, value: Json) -> Told {
        self.dialogue.get_or_insert_default().tell(value)
    }

    /// Notes that nobody waits for an answer to a question any more.
    pub(super) fn close_question(&mut self, question: &str, now: Instant) {
        if let Some(dialogue) = &mut self.dialogue
            && dialogue.close(question)
            && !self.closed
        {
            self.changed_at = now;
        }
    }

    /// The instructions after the first so many, which were read.
    pub(super) fn instructions(&mut self, after: usize) -> Vec<Json> {
        self.dialogue.as_mut().map_or_else(Vec::new, |dialogue| dialogue.instructions(after))
    }

    /// The questions that wait for an answer.
    pub(super) fn open_questions(&self) -> Vec<Question> {
        let open = self.dialogue().filter(|_| !self.closed).map(Dialogue::open);
        open.into_iter().flatten().cloned().collect()
    }

    pub(super) fn dialogue(&self) -> Option<&Dialogue> {
        self.dialogue.as_deref()
    }

    /// What ended the task.
    pub(super) fn end(&self) -> Option<&Arc<End>> {
        self.end.as_ref()
    }

    /// The latest of what the body said, be it an update or how far it is.
    pub(super) fn latest(&self) -> Option<Said> {
        match self.latest {
            Latest::Update => self.updates.newest().map(|text| self.said(text, self.updated())),
            Latest::Output => {
                let newest = self.output.as_ref()?.texts.newest()?;
                Some(Said::Output(Json::written(newest)))
            }
            Latest::Progress => self.progress().cloned().map(Said::Progress),
        }
    }

    /// How far the task last said it was.
    pub(super) fn progress(&self) -> Option<&Progress> {
        self.progress.as_ref().map(|reported| &reported.progress)
    }

    /// How many bytes all of it has.
    pub(super) fn bytes(&self) -> usize {
        let progress = self.progress().map_or(0, size_of_progress);
        let output = self.output.as_ref().map_or(0, |output| output.texts.bytes());
        let end = self.end.as_deref().map_or(0, size_of_end);
        let dialogue = self.dialogue().map_or(0, Dialogue::bytes);
        self.updates.bytes() + output + progress + dialogue + end
    }

    pub(super) fn changed_at(&self) -> Instant {
        self.changed_at
    }

    /// Nothing will be added any more. What is kept takes no more memory than it has bytes.
    pub(super) fn close(&mut self) {
        self.closed = true;
        self.updates.shrink();
        if let Some(output) = &mut self.output {
            output.texts.shrink();
        }
    }

    pub(super) fn is_closed(&self) -> bool {
        self.closed
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::EndKind;

    /// Events of one kind each: `u` an update, `o` output, `p` progress, `e` the end.
    fn events(script: &[&str], limit: usize) -> Events {
        let mut events = Events::new(Instant::now());
        for text in script {
            let said = match &text[..1] {
                "u" => Said::Update(Json::text(text)),
                "o" => Said::Output(Json::text(text)),
                "p" => Said::Progress(Progress { status: (*text).into(), ..Progress::default() }),
                _ => {
                    events.end_with(End::new(EndKind::Complete, Json::text(text)), Instant::now());
                    continue;
                }
            };
            events.push(said, limit, Instant::now());
        }
        events
    }

    fn text(said: &Said) -> &str {
        match said {
            Said::Update(text) | Said::Output(text) => text.as_str().trim_matches('"'),
            Said::Progress(progress) => &progress.status,
            Said::Question(question) => &question.id,
        }
    }

    fn texts(page: &Page) -> Vec<&str> {
        page.said.iter().map(text).collect()
    }

    /// For two updates of two letters, with their quotes.
    fn room_for_two() -> usize {
        2 * Texts::taken_by(4)
    }

    const ALL: usize = usize::MAX;

    #[test]
    fn of_the_progress_the_latest_is_kept_at_its_place() {
        let events = events(&["p1", "u1", "p2", "u2"], ALL);
        let page = events.after(Cursor::START).expect("there is something");
        assert_eq!(texts(&page), ["u1", "p2", "u2"]);
        assert_eq!(text(&events.latest().expect("said")), "u2");
        assert!(events.after(page.next).is_none());
        let seen = Cursor { progress: 0, ..page.next };
        assert_eq!(texts(&events.after(seen).expect("new progress")), ["p2"]);
        let seen = Cursor { events: 1, ..page.next };
        assert_eq!(texts(&events.after(seen).expect("a new update")), ["u2"]);
    }

    #[test]
    fn the_latest_is_no_end() {
        for (script, latest) in [
            (&["u1", "p1", "end"][..], Some("p1")),
            (&["p1", "u1", "end"], Some("u1")),
            (&["u1", "p1"], Some("p1")),
            (&["u1", "p1", "o1", "o2", "end"], Some("o2")),
            (&["o1", "u1"], Some("u1")),
            (&["end"], None),
            (&[], None),
        ] {
            let events = events(script, ALL);
            let said = events.latest();
            assert_eq!(said.as_ref().map(text), latest, "{script:?}");
        }
    }

    #[test]
    fn what_does_not_fit_is_missed_and_the_newest_always_fits() {
        let limit = room_for_two();
        let fits = events(&["u1", "u2"], limit);
        assert_eq!(fits.after(Cursor::START).map(|page| page.missed), Some(0));
        let full = events(&["u1", "u2", "u3"], limit);
        let page = full.after(Cursor::START).expect("there is something");
        assert_eq!((texts(&page), page.missed), (vec!["u2", "u3"], 1));
        let seen = Cursor { events: 2, ..Cursor::START };
        let page = full.after(seen).expect("there is something");
        assert_eq!((texts(&page), page.missed), (vec!["u3"], 0));
        let tight = events(&["u1", "p1", "u-and-much-more", "p2"], 1);
        let page = tight.after(Cursor::START).expect("there is something");
        assert_eq!((texts(&page), page.missed), (vec!["u-and-much-more", "p2"], 1));
        let [Said::Update(update), Said::Progress(progress)] = page.said.as_slice() else {
            panic!("two events")
        };
        let bytes = Texts::taken_by(update.as_str().len()) + size_of_progress(progress);
        assert_eq!(tight.bytes(), bytes);
    }

    #[test]
    fn progress_drives_no_update_out() {
        let long = "p".repeat(1000);
        let mut script = vec!["u1"];
        script.extend([long.as_str(); 1000]);
        script.push("u2");
        let events = events(&script, room_for_two());
        let page = events.after(Cursor::START).expect("said");
        assert_eq!((texts(&page), page.missed), (vec!["u1", &long, "u2"], 0));
    }

    #[test]
    fn output_has_a_bound_of_its_own_and_drives_nothing_else_out() {
        let mut script = vec!["u1", "p1"];
        script.extend(["o0"; 1000]);
        script.extend(["o1", "o2"]);
        let events = events(&script, room_for_two());
        let page = events.after(Cursor::START).expect("said");
        assert_eq!((texts(&page), page.missed), (vec!["u1", "p1"], 0));
        let Output { texts, missed, is_latest } = page.output;
        assert_eq!(
            (texts, missed, is_latest),
            (vec!["\"o1\"".into(), "\"o2\"".into()], 1000, true)
        );
        assert!(events.after(page.next).is_none());
        let seen = Cursor { output: 1001, ..page.next };
        let page = events.after(seen).expect("more output");
        assert_eq!((page.said.len(), page.output.texts.len(), page.output.missed), (0, 1, 0));
    }
}
