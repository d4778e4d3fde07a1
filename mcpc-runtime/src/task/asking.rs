//! A task that asks.

use std::time::Duration;

use tokio::time::{Instant, timeout_at};

use super::Task;
use crate::log::{Json, LogError, Said};
use crate::question::{Asked, NoAnswer, Response, TRIES};

/// A question that waits for its answer; dropped, it waits no more.
struct Open<'a> {
    task: &'a Task,
    id: String,
}

impl Drop for Open<'_> {
    fn drop(&mut self) {
        let closed = {
            let progression = self.task.progression();
            let writer = progression.created.as_ref().map(|created| created.writer());
            writer.map(|writer| writer.close_question(&self.id))
        };
        // A log that takes its time is told all the same.
        if let Some(crate::log::MaybeLater::Later(closed)) = closed {
            self.task.runtime.spawn(closed);
        }
    }
}

impl Task {
    /// Asks, and waits for the answer until the deadline. Dropped before, the question is withdrawn.
    pub(super) async fn ask(
        &self,
        asked: &Asked,
        timeout: Option<(Duration, Instant)>,
    ) -> Result<Response, NoAnswer> {
        let answer = self.ask_without_end(asked);
        match timeout {
            None => answer.await,
            Some((timeout, deadline)) => {
                timeout_at(deadline, answer).await.unwrap_or(Err(NoAnswer::TimedOut(timeout)))
            }
        }
    }

    async fn ask_without_end(&self, asked: &Asked) -> Result<Response, NoAnswer> {
        if self.stop.is_cancelled() {
            return Err(NoAnswer::Stopped);
        }
        if !self.delivery.answers() && !self.questions.reach_somebody(&asked.form) {
            return Err(NoAnswer::Unreachable);
        }
        let mut asked = asked.clone();
        for _ in 0..TRIES {
            match self.ask_once(&asked).await? {
                Response::Refused(problem) => asked.problem = Some(problem),
                response => return Ok(response),
            }
        }
        Err(NoAnswer::NotUnderstood(asked.problem.unwrap_or_default()))
    }

    async fn ask_once(&self, asked: &Asked) -> Result<Response, NoAnswer> {
        let open = Open { task: self, id: self.next_question() };
        // A call is not answered twice, and where it is answered with what is asked, its client calls again.
        let by_call = asked.by_call && self.questions.are_looked_for;
        let asked = &Asked { by_call, ..asked.clone() };
        let message_task = self.questions.message_task.filter(|_| asked.is_answered_by_message());
        let message_task = message_task.map(|tool| (tool, &*self.ids.task_id));
        self.send(Said::Question(asked.to_log(&open.id, message_task))).await;
        let elicited = async {
            let elicitation = self.questions.elicitation(&asked.form)?;
            elicitation.ask(asked).await
        };
        let shown = async {
            match elicited.await {
                Some(response) => response,
                None if self.questions.are_looked_for
                    || message_task.is_some()
                    || self.delivery.answers() =>
                {
                    std::future::pending().await
                }
                None => Err(NoAnswer::Unreachable),
            }
        };
        tokio::select! {
            biased;
            () = self.stop.cancelled() => Err(NoAnswer::Stopped),
            response = self.answer_to(&open.id) => response,
            response = shown => response,
        }
    }

    fn next_question(&self) -> String {
        let mut progression = self.progression();
        progression.asked += 1;
        format!("q{}", progression.asked)
    }

    /// Waits until a question is answered.
    async fn answer_to(&self, id: &str) -> Result<Response, NoAnswer> {
        loop {
            let (changed, answer) = {
                let progression = self.progression();
                let Some(created) = &progression.created else { return Err(NoAnswer::Stopped) };
                // Before it looks, so that nothing comes in between.
                (created.writer().watch(), created.writer().answer_to(id))
            };
            match answer.await {
                Ok(Some(answer)) => return Ok(Response::of(&answer)),
                Ok(None) | Err(_) => changed.await,
            }
        }
    }

    /// The instructions after the first so many, as soon as there are any; nothing if none will come.
    pub(super) async fn instructions(&self, after: usize) -> Vec<Json> {
        let look = async {
            loop {
                let (changed, instructions) = {
                    let progression = self.progression();
                    let Some(created) = &progression.created else { return Vec::new() };
                    (created.writer().watch(), created.writer().instructions(after))
                };
                match instructions.await {
                    Ok(instructions) if !instructions.is_empty() => return instructions,
                    Ok(_) | Err(LogError::Unavailable(_)) => changed.await,
                    Err(_) => return Vec::new(),
                }
            }
        };
        tokio::select! {
            biased;
            () = self.stop.cancelled() => Vec::new(),
            instructions = look => instructions,
        }
    }
}
