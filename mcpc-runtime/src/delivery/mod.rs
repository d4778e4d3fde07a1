//! How a task reaches the client that started it, and the choice between the ways.

mod callbacks;
mod waiting;

pub(crate) use callbacks::Callbacks;
pub(crate) use waiting::{final_reply, wait};

use crate::log::Event;
use crate::outbox::Room;

/// What a call and its connection show about the client.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shown {
    /// The call carried MCPC metadata.
    pub(crate) metadata: bool,
    /// The connection saw an MCPC handshake.
    pub(crate) handshake: bool,
}

/// A way of reaching a client, the best first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// `created` at once, callbacks while the task runs and at its end.
    Callbacks,
    /// The call stays open and is answered with the result.
    Waiting,
}

/// The best way that the client has shown it understands.
pub(crate) fn choose(shown: Shown) -> Way {
    if shown.metadata || shown.handshake { Way::Callbacks } else { Way::Waiting }
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
        for (metadata, handshake, way) in [
            (true, true, Way::Callbacks),
            (true, false, Way::Callbacks),
            (false, true, Way::Callbacks),
            (false, false, Way::Waiting),
        ] {
            assert_eq!(choose(Shown { metadata, handshake }), way);
        }
    }
}
