//! The clock of a test.

use std::time::Duration;
use tokio::runtime::{Handle, RuntimeFlavor};

use tokio::time::{Instant, sleep};

const WRITE: &str = "write `#[tokio::test]` on the test, without `flavor = \"multi_thread\"`: `mcpc::testing` pauses the clock";

/// Stops tokio's clock, so that whatever is waited for comes at once, unless that was done before.
pub(super) fn pause() {
    let Ok(runtime) = Handle::try_current() else { panic!("there is no tokio runtime; {WRITE}") };
    assert!(
        runtime.runtime_flavor() == RuntimeFlavor::CurrentThread,
        "the clock of a runtime of many threads cannot be paused; {WRITE}"
    );
    if !is_paused() {
        tokio::time::pause();
    }
}

/// Has the clock go on, unless it does.
pub(super) fn resume() {
    if is_paused() {
        tokio::time::resume();
    }
}

/// How long something lasts: where the clock is paused, and where it goes on, as nobody has so much of real time.
#[derive(Clone, Copy, Debug)]
pub(super) struct Lasts {
    pub(super) paused: Duration,
    pub(super) really: Duration,
}

impl Lasts {
    pub(super) fn is_over(self, since: Instant) -> bool {
        self.left(since).is_zero()
    }

    /// Waits until it is over. The test may resume the clock meanwhile.
    pub(super) async fn end(self, since: Instant) {
        const STEP: Duration = Duration::from_secs(1);
        while !self.is_over(since) {
            sleep(self.left(since).min(STEP)).await;
        }
    }

    fn left(self, since: Instant) -> Duration {
        let lasts = if is_paused() { self.paused } else { self.really };
        lasts.saturating_sub(since.elapsed())
    }
}

/// tokio does not tell, and panics where a clock is paused twice.
pub(super) fn is_paused() -> bool {
    let (before, really_before) = (Instant::now(), std::time::Instant::now());
    while really_before.elapsed().is_zero() {
        std::hint::spin_loop();
    }
    Instant::now() == before
}
