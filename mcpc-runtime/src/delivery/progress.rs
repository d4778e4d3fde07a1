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
use super::reply::{ended_without_a_result, final_reply, in_short, in_words, progress};
use crate::log::{Cursor, Event, Reader};
use crate::message::ProgressUpdate;
use crate::outbox::{BeforeReply, Gate};

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
    /// Whether anything was said.
    began: bool,
}

/// How far a task is.
#[derive(Clone, Debug, Default)]
struct Report {
    /// Grows with every report, as MCP asks.
    progress: f64,
    /// What `progress` is out of, once the task has said how far it is.
    total: Option<f64>,
    message: Option<String>,
}

impl<'a> Progress<'a> {
    /// `heartbeat` is how long a client hears nothing before it hears that the task still runs.
    pub(crate) fn new(gate: &'a Gate, token: ProgressToken, heartbeat: Duration) -> Self {
        let (due, said, said_at) = (None, Report::default(), Instant::now());
        Self { gate, token, heartbeat, due, said, said_at, began: false }
    }

    /// Reads a task's log to its end and returns the reply, after the last report. Cancel safe.
    pub(crate) async fn reply(mut self, reader: &dyn Reader) -> CallToolResult {
        let mut seen = Cursor::START;
        loop {
            // A task that never rests must not keep this from resting.
            tokio::task::coop::consume_budget().await;
            let is_due = self.due.is_some() && Instant::now() >= self.next();
            let is_blocked = is_due && !self.say();
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
        while !self.say() {
            self.gate.outbox().has_reply_room().await;
        }
        if self.began {
            sleep_until(self.said_at + SETTLE).await;
        }
    }

    /// When there will be something to say, if nothing happens before.
    fn next(&self) -> Instant {
        match (&self.due, self.began) {
            (Some(_), true) => self.said_at + NOTIFICATION_INTERVAL,
            (Some(_), false) => self.said_at,
            (None, _) => self.said_at + self.heartbeat,
        }
    }

    fn hear(&mut self, event: &Event) {
        let latest = self.due.as_ref().unwrap_or(&self.said);
        self.due = Some(latest.after(event));
    }

    /// Says what is due; `false` if that has to wait until the client has read something.
    fn say(&mut self) -> bool {
        let Some(due) = self.due.take() else { return true };
        match self.gate.push_before_reply(notification(&self.token, &due)) {
            BeforeReply::Full => self.due = Some(due),
            BeforeReply::TooLate => {}
            BeforeReply::Pushed => {
                (self.said, self.said_at, self.began) = (due, Instant::now(), true);
            }
        }
        self.due.is_none()
    }
}

impl Report {
    /// The report behind this one that says nothing new.
    fn next(&self) -> Self {
        Self { progress: cents(self.progress + 0.01), ..self.clone() }.within_total()
    }

    /// The report of a task that says nothing.
    fn heartbeat(&self) -> Self {
        let message = self.message.clone().or_else(|| Some("still running".to_owned()));
        Self { message, ..self.next() }
    }

    /// The report behind this one that says what an update does.
    fn after(&self, event: &Event) -> Self {
        match progress(event) {
            Some(ProgressUpdate { status, progress }) => {
                let progress = cents(progress.max(self.next().progress));
                let message = Some(in_short(status)).filter(|status| !status.is_empty());
                Self { progress, total: Some(100.0), message }.within_total()
            }
            None => Self { message: Some(in_short(in_words(event))), ..self.next() },
        }
    }

    /// Once everything is done, whatever else is said is part of it.
    fn within_total(self) -> Self {
        Self { total: self.total.map(|total| total.max(self.progress)), ..self }
    }
}

fn cents(number: f64) -> f64 {
    (number * 100.0).round() / 100.0
}

fn notification(token: &ProgressToken, report: &Report) -> ServerJsonRpcMessage {
    let mut param = ProgressNotificationParam::new(token.clone(), report.progress);
    param.total = report.total;
    param.message.clone_from(&report.message);
    let notification = ProgressNotification::new(param);
    JsonRpcMessage::notification(ServerNotification::ProgressNotification(notification))
}
