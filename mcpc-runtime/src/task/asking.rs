//! A task that asks.

use super::Task;
use crate::log::{Json, LogError, Said};
use crate::question::{Asked, NoAnswer, Response, in_tries};

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
    /// Asks, and waits for the answer. Dropped before, the question is withdrawn.
    pub(super) async fn ask(&self, asked: &Asked) -> Result<Response, NoAnswer> {
        if self.stop.is_cancelled() {
            return Err(NoAnswer::Stopped);
        }
        if !self.delivery.answers() && !self.questions.reach_somebody(&asked.form) {
            return Err(NoAnswer::Unreachable);
        }
        let _place = self.room.enter()?;
        in_tries(asked, async |asked| Ok(self.ask_once(asked).await?.fits())).await
    }

    async fn ask_once(&self, asked: Asked) -> Result<Response, NoAnswer> {
        let is_for_a_model =
            self.questions.message_task.is_some() && asked.is_answered_by_message();
        match self.ask_in_one_way(&asked).await {
            // Nobody has heard of it who could answer now.
            Err(NoAnswer::Unreachable) if is_for_a_model => {
                self.ask_in_one_way(&Asked { by_message: true, ..asked }).await
            }
            response => response,
        }
    }

    async fn ask_in_one_way(&self, asked: &Asked) -> Result<Response, NoAnswer> {
        let open = Open { task: self, id: self.next_question() };
        // A call is not answered twice, and where it is answered with what is asked, its client calls again.
        let by_call = asked.by_call && self.questions.are_looked_for;
        let asked = &Asked { by_call, ..asked.clone() };
        let message_task = self.questions.message_task.filter(|_| asked.is_answered_by_message());
        let message_task = message_task.map(|tool| (tool, &*self.ids.task_id));
        self.send(Said::Question(asked.to_log(&open.id, message_task))).await;
        let shown = async {
            match self.questions.elicitation(asked) {
                Some(elicitation) => elicitation.ask(asked).await,
                None => std::future::pending().await,
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
