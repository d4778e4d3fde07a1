//! What a task asks, what it is answered, and what it is told.

use std::collections::{BTreeMap, VecDeque};

use super::{Answered, Question, Told};
use crate::message::Json;

/// How many instructions a task may have that it has not read, and how many bytes of them.
const MOST_UNREAD: (usize, usize) = (100, 256 << 10);

/// What most tasks never have.
#[derive(Debug, Default)]
pub(super) struct Dialogue {
    /// The questions, by their numbers among the updates.
    asked: BTreeMap<u64, Asked>,
    /// Those that the task has not read, in the order in which they came.
    unread: VecDeque<Json>,
    /// How many it has read.
    read: usize,
}

#[derive(Debug)]
struct Asked {
    question: Question,
    state: State,
}

#[derive(Debug)]
enum State {
    Open,
    Answered(Json),
    /// Nobody waits for an answer any more.
    Closed,
}

impl Dialogue {
    pub(super) fn ask(&mut self, number: u64, question: Question) {
        self.asked.insert(number, Asked { question, state: State::Open });
    }

    /// Forgets the questions before a number, as far as they are closed: the updates that they were are forgotten, too.
    pub(super) fn forget_before(&mut self, number: u64) {
        self.asked.retain(|at, asked| *at >= number || !matches!(asked.state, State::Closed));
    }

    /// The question that is the update of a number.
    pub(super) fn question(&self, number: u64) -> Option<&Question> {
        self.asked.get(&number).map(|asked| &asked.question)
    }

    /// The questions that have no answer yet, the first first.
    pub(super) fn open(&self) -> impl Iterator<Item = &Question> {
        let open = self.asked.values().filter(|asked| matches!(asked.state, State::Open));
        open.map(|asked| &asked.question)
    }

    fn asked(&mut self, question: &str) -> Option<&mut Asked> {
        self.asked.values_mut().find(|asked| &*asked.question.id == question)
    }

    /// Sets the answer to a question that is open.
    pub(super) fn answer(&mut self, question: &str, value: Json) -> Answered {
        match self.asked(question) {
            None => Answered::Unknown,
            Some(asked) if matches!(asked.state, State::Open) => {
                asked.state = State::Answered(value);
                Answered::Now
            }
            Some(_) => Answered::Before,
        }
    }

    pub(super) fn answer_to(&self, question: &str) -> Option<Json> {
        let mut asked = self.asked.values();
        match &asked.find(|asked| &*asked.question.id == question)?.state {
            State::Answered(answer) => Some(answer.clone()),
            State::Open | State::Closed => None,
        }
    }

    /// Notes that nobody waits for an answer to a question any more; returns whether it was open.
    pub(super) fn close(&mut self, question: &str) -> bool {
        let Some(asked) = self.asked(question) else { return false };
        let before = std::mem::replace(&mut asked.state, State::Closed);
        matches!(before, State::Open)
    }

    /// Adds an instruction, if there is room for it.
    pub(super) fn tell(&mut self, value: Json) -> Told {
        let (count, bytes) = MOST_UNREAD;
        if self.unread.len() >= count || self.unread_bytes() + value.as_str().len() > bytes {
            return Told::Full;
        }
        self.unread.push_back(value);
        Told::Now
    }

    /// The instructions after the first so many, which were read.
    pub(super) fn instructions(&mut self, after: usize) -> Vec<Json> {
        let read = after.saturating_sub(self.read).min(self.unread.len());
        self.unread.drain(..read);
        self.read += read;
        self.unread.iter().cloned().collect()
    }

    fn unread_bytes(&self) -> usize {
        self.unread.iter().map(|it| it.as_str().len()).sum()
    }

    /// How many bytes all of it has.
    pub(super) fn bytes(&self) -> usize {
        let asked = self.asked.values().map(|asked| {
            let answer = match &asked.state {
                State::Answered(answer) => answer.as_str().len(),
                State::Open | State::Closed => 0,
            };
            asked.question.value.as_str().len() + answer
        });
        asked.sum::<usize>() + self.unread_bytes()
    }
}
