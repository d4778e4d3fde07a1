//! How a task reaches the client that started it, and the choice between the ways.

mod callbacks;
mod progress;
mod waiting;

pub(crate) use callbacks::Callbacks;
pub(crate) use progress::Progress;
pub(crate) use waiting::final_reply;

use std::time::Duration;

use rmcp::model::CallToolResult;

use crate::log::{Event, Reader};
use crate::outbox::Room;

/// What a call and its connection show about the client.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shown {
    /// The call carried MCPC metadata.
    pub(crate) metadata: bool,
    /// The connection saw an MCPC handshake.
    pub(crate) handshake: bool,
    /// The call carries a progress token.
    pub(crate) token: bool,
}

/// A way of reaching a client, the best first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// `created` at once, callbacks while the task runs and at its end.
    Callbacks,
    /// The call stays open until the task has ended, with progress notifications.
    Progress,
    /// The call stays open until the task has ended, or its patience has run out.
    Waiting,
}

/// The best way that the client has shown it understands.
pub(crate) fn choose(shown: Shown) -> Way {
    let Shown { metadata, handshake, token } = shown;
    if metadata || handshake {
        Way::Callbacks
    } else if token {
        Way::Progress
    } else {
        Way::Waiting
    }
}

/// A call that stays open, and what its client hears meanwhile.
#[derive(Debug)]
pub(crate) enum Open<'a> {
    /// How far the task is, until its end.
    Progress(Progress<'a>),
    /// Nothing, until the task's end or for this long.
    Waiting(Option<Duration>),
}

/// How an open call ends.
#[derive(Debug)]
pub(crate) enum Answer {
    /// With the task's result.
    Reply(CallToolResult),
    /// Patience ran out after this long; the task goes on.
    RanOut(Duration),
}

impl Open<'_> {
    /// Reads a task's log until the call can be answered. Cancel safe.
    pub(crate) async fn answer(self, reader: &dyn Reader) -> Answer {
        match self {
            Self::Progress(progress) => Answer::Reply(progress.reply(reader).await),
            Self::Waiting(None) => Answer::Reply(waiting::reply(reader).await),
            Self::Waiting(Some(patience)) => {
                match tokio::time::timeout(patience, waiting::reply(reader)).await {
                    Ok(reply) => Answer::Reply(reply),
                    Err(_) => Answer::RanOut(patience),
                }
            }
        }
    }
}

/// What a task's `Sender` pushes to, besides the log.
#[derive(Debug)]
pub(crate) enum Delivery {
    /// Every event leaves as a callback.
    Callbacks(Callbacks),
    /// Nothing is pushed; a reader of the log answers the call.
    Log,
}

impl Delivery {
    /// Waits until the client has taken enough for `event` to be sent. Cancel safe.
    pub(crate) async fn room(&self, event: &Event) -> Room<'_> {
        match self {
            Self::Callbacks(callbacks) => callbacks.room(event).await,
            Self::Log => {
                // A body that only ever sends must let others have their turn, here as there.
                tokio::task::coop::consume_budget().await;
                Room::NONE
            }
        }
    }

    /// Room for `event`, if there is some right now.
    pub(crate) fn try_room(&self, event: &Event) -> Option<Room<'_>> {
        match self {
            Self::Callbacks(callbacks) => callbacks.try_room(event),
            Self::Log => Some(Room::NONE),
        }
    }

    /// Sends an event that was just logged. Called in the order of the log.
    pub(crate) fn deliver(&self, event: &Event, room: Room<'_>) {
        match self {
            Self::Callbacks(callbacks) => callbacks.push(event, room),
            Self::Log => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_combination_has_its_way() {
        for (metadata, handshake, token, way) in [
            (true, true, true, Way::Callbacks),
            (true, true, false, Way::Callbacks),
            (true, false, true, Way::Callbacks),
            (true, false, false, Way::Callbacks),
            (false, true, true, Way::Callbacks),
            (false, true, false, Way::Callbacks),
            (false, false, true, Way::Progress),
            (false, false, false, Way::Waiting),
        ] {
            assert_eq!(choose(Shown { metadata, handshake, token }), way);
        }
    }
}
