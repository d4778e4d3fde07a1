//! What a test that fails under every kind of client prints: each panic once.

use std::cell::RefCell;
use std::collections::HashSet;
use std::panic::{self, PanicHookInfo};
use std::sync::Once;

thread_local! {
    /// What panicked on this thread during a run; `None` where there is no run.
    static HEARD: RefCell<Option<Heard>> = const { RefCell::new(None) };
}

#[derive(Default)]
struct Heard {
    /// Places in the source.
    places: HashSet<String>,
    last: Option<String>,
}

/// A run of a test under one client after the other. While it lives, panics of this thread, which is where the test and what it
/// calls are, are printed by their first at each place in the source.
pub(super) struct Run(Option<Heard>);

impl Run {
    pub(super) fn begin() -> Self {
        static HOOK: Once = Once::new();
        HOOK.call_once(|| {
            let print = panic::take_hook();
            panic::set_hook(Box::new(move |info| {
                if is_first(info) {
                    print(info);
                }
            }));
        });
        Self(HEARD.replace(Some(Heard::default())))
    }

    /// Where the last panic was.
    pub(super) fn last(&self) -> Option<String> {
        HEARD.with_borrow_mut(|heard| heard.as_mut()?.last.take())
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        HEARD.set(self.0.take());
    }
}

/// Whether a panic is to be printed.
fn is_first(info: &PanicHookInfo<'_>) -> bool {
    let Some(place) = info.location().map(ToString::to_string) else { return true };
    let note = |heard: &RefCell<Option<Heard>>| {
        let mut heard = heard.try_borrow_mut().ok()?;
        let heard = heard.as_mut()?;
        heard.last = Some(place.clone());
        Some(heard.places.insert(place))
    };
    // A thread that ends has no such storage any more.
    HEARD.try_with(note).ok().flatten().unwrap_or(true)
}
