//! A client that gave a progress token: its call stays open until the task has ended, and hears
//! meanwhile how far it is.
//!
//! Only this code holds the token. Strict clients close the connection on a token that they no longer
//! know, so every notification goes through the call's gate, which lets nothing through after the reply.

use std::borrow::Cow;
use std::convert::Infallible;
use std::time::Duration;

use rmcp::model::{
    JsonRpcMessage, ProgressNotification, ProgressNotificationParam, ProgressToken,
    ServerJsonRpcMessage, ServerNotification,
};
use tokio::time::{Instant, sleep_until};

use super::reply::{final_reply, in_plain_words};
use super::{NOTIFICATION_INTERVAL, Read, Reading};
use crate::log::{Amount, Cursor, LogError, Page, Said, TaskReader, after};
use crate::message::Json;
use crate::outbox::{Gate, JsonNotification, Pushing};
use crate::phrases::in_short;
use crate::question::text_of;

/// How long the last report has a client's ear before the reply follows. The TypeScript SDKs forget a token
/// as soon as they read the reply, and read the two at once if they come at once: the last report is lost,
/// or an error of a token nobody knows.
const SETTLE: Duration = Duration::from_millis(20);

/// How a call hears of its task.
#[derive(Debug)]
pub(crate) struct Progress<'a> {
    gate: &'a Gate,
    token: ProgressToken,
    /// Whether the token is good until the end of the task, as of a call that asked for one; else until the reply.
    outlives_call: bool,
    heartbeat: Duration,
    /// What was read.
    seen: Cursor,
    /// What is to be said next.
    due: Option<Report>,
    /// What was said last, and when; before anything was, when it began.
    said: Report,
    said_at: Instant,
    /// The number that was said last, which the next one is above, as MCP asks; and what it was out of.
    shown: Option<(f64, Option<f64>)>,
}

/// How far a task is.
#[derive(Clone, Debug, Default)]
struct Report {
    /// As the task said it last, in the units of its author.
    amount: Amount,
    message: Option<String>,
}

impl<'a> Progress<'a> {
    /// `heartbeat` is how long a client hears nothing before it hears that the task still runs.
    pub(crate) fn new(gate: &'a Gate, token: ProgressToken, heartbeat: Duration) -> Self {
        let (due, said, said_at) = (None, Report::default(), Instant::now());
        let (seen, outlives_call) = (Cursor::START, false);
        Self { gate, token, outlives_call, heartbeat, seen, due, said, said_at, shown: None }
    }

    /// The same for a task that its client asked for: what is said of it follows the reply.
    pub(crate) fn of_task(gate: &'a Gate, token: ProgressToken, heartbeat: Duration) -> Self {
        Self { outlives_call: true, ..Self::new(gate, token, heartbeat) }
    }

    /// Tells how far a task is, until the last report before its end was heard. Cancel safe.
    pub(crate) async fn tell(&mut self, reader: &dyn TaskReader) -> Result<(), LogError> {
        self.reply(Reading { reader, rest: None, questions: None }).await?;
        self.settle().await;
        Ok(())
    }

    /// Reads a task's log until its end, from where this was before, and returns the reply, which is to follow when
    /// the last report has [settled](Self::settle). Cancel safe.
    pub(super) async fn reply(&mut self, reading: Reading<'_>) -> Result<Read, LogError> {
        let Reading { reader, rest, .. } = reading;
        loop {
            // A task that never rests must not keep this from resting.
            tokio::task::coop::consume_budget().await;
            let is_due = self.due.is_some() && Instant::now() >= self.next();
            let is_blocked = is_due && !self.say();
            tokio::select! {
                biased;
                page = after(reader, self.seen) => {
                    let page = page?;
                    if let Some(page) = &page {
                        self.seen = page.next;
                        self.hear_all(page);
                        if page.end.is_none() && reading.asks(page).await? {
                            self.say_the_last().await;
                            return Ok(Read::Asks);
                        }
                    }
                    // Nothing comes after an end, also where the log failed when that was to be told.
                    if page.is_none_or(|page| page.end.is_some()) {
                        self.say_the_last().await;
                        return final_reply(reader, rest).await.map(Read::Over);
                    }
                }
                () = self.gate.outbox().reply_room_available(), if is_blocked => {}
                () = sleep_until(self.next()), if !is_blocked => {
                    if self.due.is_none() {
                        self.due = Some(self.said.heartbeat());
                    }
                }
            }
        }
    }

    /// Says at each heartbeat that the task still runs, before it can be read. Cancel safe.
    pub(crate) async fn still_running(&mut self) -> Infallible {
        loop {
            sleep_until(self.next()).await;
            if self.due.is_none() {
                self.due = Some(self.said.heartbeat());
            }
            if !self.say() {
                self.gate.outbox().reply_room_available().await;
            }
        }
    }

    /// Says what is left to be said.
    async fn say_the_last(&mut self) {
        while !self.say() {
            self.gate.outbox().reply_room_available().await;
        }
    }

    /// Waits until the last report has been heard.
    pub(super) async fn settle(&self) {
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

    fn hear_all(&mut self, page: &Page) {
        for said in &page.said {
            self.hear(said);
        }
        if page.output.is_latest
            && let Some(text) = page.output.texts.last()
        {
            self.hear(&Said::Output(Json::written(text.clone())));
        }
    }

    fn hear(&mut self, said: &Said) {
        let latest = self.due.as_ref().unwrap_or(&self.said);
        self.due = Some(latest.after(said));
    }

    /// Says what is due; `false` if that has to wait until the client has read something.
    fn say(&mut self) -> bool {
        let Some(due) = self.due.take() else { return true };
        let number = self.number(due.amount);
        let Some(number) = number.filter(|number| number.is_finite()) else {
            // There is no number above the last one, so it cannot be said at all.
            (self.said, self.said_at) = (due, Instant::now());
            return true;
        };
        let total = self.total(due.amount, number);
        let notification = notification(&self.token, due.message.clone(), number, total);
        match self.push(notification) {
            Pushing::Full => self.due = Some(due),
            Pushing::TooLate => {}
            Pushing::Pushed => {
                (self.said, self.said_at) = (due, Instant::now());
                self.shown = Some((number, total));
            }
        }
        self.due.is_none()
    }

    fn push(&self, notification: ServerJsonRpcMessage) -> Pushing {
        match self.outlives_call {
            false => self.gate.push_before_reply(notification),
            true => {
                let line = serde_json::to_string(&notification);
                let line = line.expect("a token, numbers and a text are JSON");
                self.gate.push_after_reply(&JsonNotification(line))
            }
        }
    }

    /// The number to say: that of the task, if it is above the last one, else the next one above that.
    fn number(&self, amount: Amount) -> Option<f64> {
        /// As long as the task counts nothing, a number is to be legible, and to leave room for what follows.
        const LITTLE: f64 = 0.01;
        let Some((shown, total)) = self.shown else { return Some(amount.done.unwrap_or(LITTLE)) };
        match amount.done {
            Some(done) if done > shown => Some(done),
            None if shown < 50.0 * LITTLE => Some(shown + LITTLE),
            _ => Some(just_above(shown, total)),
        }
    }

    /// What a number is out of: what the task says, unless the number is beyond that by more than what it took to
    /// have each number above the last one.
    fn total(&self, amount: Amount, number: f64) -> Option<f64> {
        let fits = |total: &f64| *total > 0.0 && number <= total * (1.0 + 1e-6);
        let before = self.shown.and_then(|(_, total)| total);
        amount.total.filter(fits).or(before.filter(|_| amount.total.is_some()).filter(fits))
    }
}

/// The next number, by a step that is so small that nobody sees it, and that a task may go on for months before such
/// steps add up to something.
fn just_above(number: f64, total: Option<f64>) -> f64 {
    let scale = total.unwrap_or(1.0).max(number);
    (number + scale * 1e-12).max(number.next_up())
}

impl Report {
    /// The report of a task that says nothing.
    fn heartbeat(&self) -> Self {
        let message = self.message.clone().or_else(|| Some("still running".to_owned()));
        Self { message, ..*self }
    }

    /// The report after this one that says what the task did.
    fn after(&self, said: &Said) -> Self {
        let (amount, message) = match said {
            Said::Progress(progress) => (progress.amount, Cow::Borrowed(&*progress.status)),
            Said::Update(json) | Said::Output(json) => (self.amount, in_plain_words(json)),
            Said::Question(question) => (self.amount, Cow::Owned(text_of(question))),
        };
        Self { amount, message: Some(in_short(message)).filter(|message| !message.is_empty()) }
    }
}

fn notification(
    token: &ProgressToken,
    message: Option<String>,
    number: f64,
    total: Option<f64>,
) -> ServerJsonRpcMessage {
    let mut param = ProgressNotificationParam::new(token.clone(), number);
    param.total = total;
    param.message = message;
    let notification = ProgressNotification::new(param);
    JsonRpcMessage::notification(ServerNotification::ProgressNotification(notification))
}
