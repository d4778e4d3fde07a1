//! A client that gave a progress token: its call stays open until the task has ended, and hears
//! meanwhile how far it is.
//!
//! Only this code holds the token. Strict clients close the connection on a token that they no longer
//! know, so every notification goes through the call's gate, behind which nothing leaves after the reply.

use std::time::Duration;

use rmcp::model::{
    CallToolResult, JsonRpcMessage, ProgressNotification, ProgressNotificationParam, ProgressToken,
    ServerJsonRpcMessage, ServerNotification,
};
use tokio::time::{Instant, sleep_until};

use super::NOTIFICATION_INTERVAL;
use super::reply::{ended_without_a_result, final_reply, in_words, progress};
use crate::log::{Cursor, Event, Reader};
use crate::message::ProgressUpdate;
use crate::outbox::{BeforeReply, Gate};
use crate::words::in_short;

/// How long the last report has a client's ear before the reply follows. The TypeScript SDKs forget a token
/// as soon as they read the reply, and read the two at once if they come at once: the last report is lost,
/// or an error of a token nobody knows.
const SETTLE: Duration = Duration::from_millis(20);

/// How a call hears of its task.
#[derive(Debug)]
pub(crate) struct Progress<'a> {
    gate: &'a Gate,
    token: ProgressToken,
    heartbeat: Duration,
    /// What is to be said next.
    due: Option<Report>,
    /// What was said last, and when; before anything was, when it began.
    said: Report,
    said_at: Instant,
    /// The number that was said last, which the next one is above, as MCP asks. In [`PERCENT`]s.
    shown: Option<u64>,
}

/// How far a task is.
#[derive(Clone, Debug, Default)]
struct Report {
    /// As the task said it last, in [`PERCENT`]s.
    done: Option<u64>,
    message: Option<String>,
}

/// A percent, in the steps by which a number grows whose task has come no further: they are so small that a task
/// may go on for months before they add up to something.
const PERCENT: u64 = 10_000_000_000;
const CENT: u64 = PERCENT / 100;
const ALL: u64 = 100 * PERCENT;

impl<'a> Progress<'a> {
    /// `heartbeat` is how long a client hears nothing before it hears that the task still runs.
    pub(crate) fn new(gate: &'a Gate, token: ProgressToken, heartbeat: Duration) -> Self {
        let (due, said, said_at) = (None, Report::default(), Instant::now());
        Self { gate, token, heartbeat, due, said, said_at, shown: None }
    }

    /// Reads a task's log to its end and returns the reply, after the last report. Cancel safe.
    pub(crate) async fn reply(mut self, reader: &dyn Reader) -> CallToolResult {
        let mut seen = Cursor::START;
        loop {
            // A task that never rests must not keep this from resting.
            tokio::task::coop::consume_budget().await;
            let is_due = self.due.is_some() && Instant::now() >= self.next();
            let is_blocked = is_due && !self.say(When::Running);
            tokio::select! {
                biased;
                page = reader.after(seen) => {
                    let Some(page) = page else { return ended_without_a_result() };
                    seen = page.next;
                    for event in &page.events {
                        if event.kind.is_terminal() {
                            self.say_the_last().await;
                            return final_reply(reader).await;
                        }
                        self.hear(event);
                    }
                }
                () = self.gate.outbox().has_reply_room(), if is_blocked => {}
                () = sleep_until(self.next()), if !is_blocked => {
                    if self.due.is_none() {
                        self.due = Some(self.said.heartbeat());
                    }
                }
            }
        }
    }

    /// Says what is left to be said, and waits until that has been heard.
    async fn say_the_last(&mut self) {
        if self.due.is_none() && self.said.done == Some(ALL) {
            self.due = Some(self.said.clone());
        }
        while !self.say(When::Ended) {
            self.gate.outbox().has_reply_room().await;
        }
        if self.shown.is_some() {
            sleep_until(self.said_at + SETTLE).await;
        }
    }

    /// When there will be something to say, if nothing happens before.
    fn next(&self) -> Instant {
        match (&self.due, self.shown) {
            (Some(_), Some(_)) => self.said_at + NOTIFICATION_INTERVAL,
            (Some(_), None) => self.said_at,
            (None, _) => self.said_at + self.heartbeat,
        }
    }

    fn hear(&mut self, event: &Event) {
        let latest = self.due.as_ref().unwrap_or(&self.said);
        self.due = Some(latest.after(event));
    }

    /// Says what is due; `false` if that has to wait until the client has read something.
    fn say(&mut self, when: When) -> bool {
        let Some(due) = self.due.take() else { return true };
        let number = self.number(&due, when);
        // Without a number that is above the last one it cannot be said at all.
        let pushed = number
            .map(|number| self.gate.push_before_reply(notification(&self.token, &due, number)));
        match pushed {
            Some(BeforeReply::Full) => self.due = Some(due),
            Some(BeforeReply::TooLate) => {}
            Some(BeforeReply::Pushed) | None => {
                (self.said, self.said_at) = (due, Instant::now());
                self.shown = number.or(self.shown);
            }
        }
        self.due.is_none()
    }

    /// The number to say with a report: that of the task, if it is above the last one, else the next one above that.
    fn number(&self, report: &Report, when: When) -> Option<u64> {
        let least = match (self.shown, report.done) {
            (None, Some(_)) => 0,
            (None, None) => CENT,
            // As long as nobody knows what it is out of, it is to be legible, and to leave room for what follows.
            (Some(shown), None) if shown < PERCENT / 2 => shown + CENT,
            (Some(shown), _) => shown + 1,
        };
        let done = report.done.unwrap_or(0);
        match when {
            When::Ended if done == ALL => Some(ALL),
            // There has to be something left for as long as the task goes on.
            When::Running | When::Ended => {
                Some(least.max(done.min(ALL - CENT))).filter(|it| *it < ALL)
            }
        }
    }
}

/// Whether a task may say more.
#[derive(Clone, Copy, Debug)]
enum When {
    Running,
    Ended,
}

impl Report {
    /// The report of a task that says nothing.
    fn heartbeat(&self) -> Self {
        let message = self.message.clone().or_else(|| Some("still running".to_owned()));
        Self { message, ..*self }
    }

    /// The report after this one that says what an update does.
    fn after(&self, event: &Event) -> Self {
        match progress(event) {
            Some(ProgressUpdate { status, progress }) => {
                let message = Some(in_short(status)).filter(|status| !status.is_empty());
                Self { done: Some(in_steps(progress)), message }
            }
            None => Self { message: Some(in_short(in_words(event))), ..*self },
        }
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "a percentage is from 0 to 100"
)]
fn in_steps(percent: f64) -> u64 {
    ((percent * PERCENT as f64).round() as u64).min(ALL)
}

#[expect(clippy::cast_precision_loss, reason = "there are fewer steps than a float has digits")]
fn notification(token: &ProgressToken, report: &Report, number: u64) -> ServerJsonRpcMessage {
    let progress = number as f64 / PERCENT as f64;
    let mut param = ProgressNotificationParam::new(token.clone(), progress);
    param.total = report.done.map(|_| 100.0);
    param.message.clone_from(&report.message);
    let notification = ProgressNotification::new(param);
    JsonRpcMessage::notification(ServerNotification::ProgressNotification(notification))
}
