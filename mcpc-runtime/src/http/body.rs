//! The bodies of requests: how long they may be, take, and what may be held of them all at once.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, BodyDataStream, Bytes};
use axum::http::StatusCode;
use futures::StreamExt as _;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use super::front::RETRY;
use super::refused::{INVALID_REQUEST, Refused};

/// How much of a body that is refused is read, so that its sender gets to read why.
const REST: usize = 1 << 20;

/// How long that may take.
const PATIENCE_WITH_THE_REST: Duration = Duration::from_secs(1);

/// Reads bodies.
pub(super) struct Bodies {
    /// How long one may be.
    longest: usize,
    /// How long one may take to arrive.
    patience: Duration,
    /// The room for those that do not arrive in one piece, which is a part of the buffer of its connection.
    room: Arc<Semaphore>,
}

/// A body, which takes its room until it is dropped.
pub(super) struct Held {
    bytes: Bytes,
    _room: Option<OwnedSemaphorePermit>,
}

impl fmt::Debug for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Held").field("bytes", &self.bytes.len()).finish_non_exhaustive()
    }
}

impl Deref for Held {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Bodies {
    pub(super) fn new(longest: usize, patience: Duration, room: usize) -> Self {
        let room = Arc::new(Semaphore::new(room.min(Semaphore::MAX_PERMITS)));
        Self { longest, patience, room }
    }

    /// Reads a body, as far as it may be long and take time.
    pub(super) async fn read(&self, body: Body) -> Result<Held, Refused> {
        let read = timeout(self.patience, self.read_all(body.into_data_stream())).await;
        let held = read.unwrap_or_else(|_| {
            let problem = format!("the body did not arrive within {:?}", self.patience);
            Err(Refused::new(StatusCode::REQUEST_TIMEOUT, -32000, problem).and_closes())
        })?;
        match held.trim_ascii().is_empty() {
            true => Err(Refused::bad_request("the body is empty; expected a JSON-RPC message")),
            false => Ok(held),
        }
    }

    async fn read_all(&self, mut body: BodyDataStream) -> Result<Held, Refused> {
        let (mut first, mut all, mut room) = (Bytes::new(), Vec::new(), None);
        while let Some(part) = body.next().await {
            let part =
                part.map_err(|error| Refused::bad_request(format!("the body ends: {error}")))?;
            if first.len() + all.len() + part.len() > self.longest {
                drop((first, all, room));
                read_the_rest(body, part.len()).await;
                return Err(self.too_long());
            }
            if first.is_empty() && all.is_empty() {
                first = part;
                continue;
            }
            if !self.make_room(&mut room, first.len() + part.len()) {
                // What others wait for is not held meanwhile.
                drop((first, all, room));
                read_the_rest(body, part.len()).await;
                return Err(no_room());
            }
            all.extend_from_slice(&std::mem::take(&mut first));
            all.extend_from_slice(&part);
        }
        all.shrink_to_fit();
        // Most are in one piece, which is not copied.
        Ok(Held { bytes: if all.is_empty() { first } else { all.into() }, _room: room })
    }

    /// Takes so much more room, if there is any. Nobody waits for it: those who do hold what they have, and might wait
    /// for one another.
    fn make_room(&self, held: &mut Option<OwnedSemaphorePermit>, more: usize) -> bool {
        let Ok(more) = u32::try_from(more) else { return false };
        let Ok(more) = Arc::clone(&self.room).try_acquire_many_owned(more) else { return false };
        match held {
            Some(held) => held.merge(more),
            None => *held = Some(more),
        }
        true
    }

    fn too_long(&self) -> Refused {
        let problem = format!("a message must not be longer than {} bytes", self.longest);
        Refused::new(StatusCode::PAYLOAD_TOO_LARGE, INVALID_REQUEST, problem).and_closes()
    }
}

/// Reads more of a body of which so much was read: whoever sends it does not read an answer before it is sent.
async fn read_the_rest(mut body: BodyDataStream, mut read: usize) {
    let rest = async {
        while read < REST
            && let Some(Ok(part)) = body.next().await
        {
            read += part.len();
        }
    };
    let _in_time = timeout(PATIENCE_WITH_THE_REST, rest).await;
}

fn no_room() -> Refused {
    let problem = "bodies of other requests take all the room; try again later";
    Refused::unavailable(problem, RETRY).and_closes()
}
