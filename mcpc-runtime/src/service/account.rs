//! What belongs to somebody whose connections come and go.

use std::sync::Arc;

use super::parked::Parked;
use super::{Shared, instructions};
use crate::log::Owner;
use crate::task::{Grace, Tasks};
use crate::transport::{Ending, Why};

/// A principal's tasks, and the calls of theirs that wait for an answer, or those of all clients that nobody tells apart;
/// a clone is another handle to them.
#[derive(Clone, Debug)]
pub(crate) struct Account {
    pub(super) shared: Arc<Shared>,
    pub(super) tasks: Tasks,
    /// What goes on when a connection is gone.
    pub(super) stays: Ending,
    pub(super) parked: Parked,
}

impl Account {
    /// That of a principal, or of all that name none and are in no session: who knows the id of a task may ask for it
    /// there.
    pub(crate) fn new(shared: Arc<Shared>, principal: Option<&str>) -> Self {
        let (log, permits) = (Arc::clone(&shared.log), shared.places.clone());
        let instructions = instructions(&shared);
        let tasks = match principal {
            Some(principal) => Tasks::of(Owner::new(principal), log, permits, instructions),
            None => Tasks::of_anybody(log, permits, instructions),
        };
        let stays = Ending::of_host(Grace::new(shared.times.grace));
        let parked = if principal.is_some() { Parked::default() } else { Parked::of_many() };
        Self { shared, tasks, stays, parked }
    }

    /// Asks all tasks to stop, and waits until they have ended, or are ended as their grace is over.
    pub(crate) async fn end(&self) {
        self.stays.begin(Why::Dropped);
        self.tasks.stop_all();
        tokio::select! {
            biased;
            () = self.tasks.idle() => {}
            () = self.stays.grace().elapsed() => {
                self.tasks.end_all();
            }
        }
    }

    /// Ends the grace of what was asked to stop.
    pub(crate) fn end_grace(&self) {
        self.stays.grace().end();
    }

    /// Whether something of it runs, or a connection has it.
    pub(crate) fn is_used(&self) -> bool {
        self.tasks.running() > 0 || self.tasks.are_shared()
    }
}
