//! What a task asks, what it is answered, and what it is told.

use std::collections::BTreeMap;

use super::{Answered, Question};
use crate::message::Json;

/// What most tasks never have.
#[derive(Debug, Default)]
pub(super) struct Dialogue {
    /// The questions, by their numbers among the updates.
    asked: BTreeMap<u64, Asked>,
    /// In the order in which they came.
    pub(super) instructions: Vec<Json>,
}

#[derive(Debug)]
struct Asked {
    question: Question,
    answer: Option<Json>,
}

impl Dialogue {
    pub(super) fn ask(&mut self, number: u64, question: Question) {
        self.asked.insert(number, Asked { question, answer: None });
    }

    /// The question that is the update of a number.
    pub(super) fn question(&self, number: u64) -> Option<&Question> {
        self.asked.get(&number).map(|asked| &asked.question)
    }

    /// Sets the answer to a question, unless it has one.
    pub(super) fn answer(&mut self, question: &str, value: Json) -> Answered {
        let mut asked = self.asked.values_mut();
        match asked.find(|asked| &*asked.question.id == question) {
            None => Answered::Unknown,
            Some(Asked { answer: Some(_), .. }) => Answered::Before,
            Some(asked) => {
                asked.answer = Some(value);
                Answered::Now
            }
        }
    }

    pub(super) fn answer_to(&self, question: &str) -> Option<Json> {
        let mut asked = self.asked.values();
        asked.find(|asked| &*asked.question.id == question)?.answer.clone()
    }

    /// The instructions after the first so many.
    pub(super) fn instructions(&self, after: usize) -> Vec<Json> {
        self.instructions.get(after..).unwrap_or_default().to_vec()
    }

    /// How many bytes all of it has.
    pub(super) fn bytes(&self) -> usize {
        let asked = self.asked.values().map(|asked| {
            asked.question.value.as_str().len()
                + asked.answer.as_ref().map_or(0, |it| it.as_str().len())
        });
        asked.sum::<usize>() + self.instructions.iter().map(|it| it.as_str().len()).sum::<usize>()
    }
}
