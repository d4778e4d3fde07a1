//! Whether somebody is still at the other end of a pipe or socket.

use std::os::fd::OwnedFd;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::retry_on_intr;

pub(super) const AT_ONCE: Timespec = Timespec { tv_sec: 0, tv_nsec: 0 };

/// Whether the other end is closed within this time; without one, waits for it.
pub(super) fn is_closed(descriptor: &OwnedFd, limit: Option<&Timespec>) -> bool {
    // That is told without being asked for.
    let mut polled = [PollFd::new(descriptor, PollFlags::empty())];
    let found = retry_on_intr(|| poll(&mut polled, limit));
    found.is_ok() && polled[0].revents().intersects(PollFlags::ERR | PollFlags::HUP)
}
