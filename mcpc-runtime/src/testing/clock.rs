//! The clock of a test.

use tokio::runtime::{Handle, RuntimeFlavor};
use tokio::time::Instant;

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

/// tokio does not tell, and panics where a clock is paused twice.
pub(super) fn is_paused() -> bool {
    let (before, really_before) = (Instant::now(), std::time::Instant::now());
    while really_before.elapsed().is_zero() {
        std::hint::spin_loop();
    }
    Instant::now() == before
}
