//! The process's stderr, and what becomes of it when nobody reads it any more.
//!
//! A write fails then, and many who write there panic: `eprintln!`, `println!` (which writes there, too, while stdout
//! is the protocol's), and subscribers of `tracing`, in the middle of whatever logs. So it is replaced by
//! `/dev/null`.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::fs::FileTypeExt as _;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::thread;

use rustix::event::Timespec;
use tokio::io::{AsyncRead, ReadBuf};

use super::{Reader, hangup};
use crate::logging::event;

/// Watches stderr from here on, if somebody may stop to read it. To be called once stdout is the protocol's.
pub(super) fn watched() -> Option<Arc<Stderr>> {
    let stderr = match Stderr::open() {
        Ok(stderr) => Arc::new(stderr?),
        Err(error) => {
            event!(debug, %error, "stderr cannot be watched");
            return None;
        }
    };
    stderr.replace_if_unread();
    // A thread of its own notices it whatever the others do, and tokio can only watch what does not block.
    let watched = Arc::clone(&stderr);
    let watch = move || watched.replace_once_unread();
    let thread = thread::Builder::new().name("mcpc-stderr".to_owned()).stack_size(64 << 10);
    if let Err(error) = thread.spawn(watch) {
        event!(debug, %error, "stderr is only watched when something is read");
    }
    Some(stderr)
}

/// A reader of stdin whose messages find a stderr that can be written to.
pub(super) fn guarded(reader: Reader, stderr: Option<Arc<Stderr>>) -> Reader {
    match stderr {
        Some(stderr) => Box::new(WatchingStderr { reader, stderr }),
        None => reader,
    }
}

/// A stderr that somebody may stop to read.
pub(super) struct Stderr {
    stderr: OwnedFd,
    null: File,
    is_replaced: AtomicBool,
}

impl Stderr {
    /// `None` if it is neither a pipe nor a socket.
    fn open() -> io::Result<Option<Self>> {
        let stderr = io::stderr().as_fd().try_clone_to_owned()?;
        let kind = File::from(stderr.try_clone()?).metadata()?.file_type();
        if !kind.is_fifo() && !kind.is_socket() {
            return Ok(None);
        }
        let null = OpenOptions::new().write(true).open("/dev/null")?;
        Ok(Some(Self { stderr, null, is_replaced: AtomicBool::new(false) }))
    }

    fn replace_if_unread(&self) {
        if !self.is_replaced.load(Ordering::Relaxed) {
            self.replace_within(Some(&hangup::AT_ONCE));
        }
    }

    fn replace_once_unread(&self) {
        self.replace_within(None);
    }

    /// Replaces stderr, and what stands in the place of stdout, if nobody reads it within this time.
    fn replace_within(&self, limit: Option<&Timespec>) {
        if hangup::is_closed(&self.stderr, limit) {
            let stderr = rustix::stdio::dup2_stderr(&self.null);
            let stdout = rustix::stdio::dup2_stdout(&self.null);
            self.is_replaced.store(stderr.is_ok() && stdout.is_ok(), Ordering::Relaxed);
        }
    }
}

/// Looks at stderr whenever something was read, so that nothing that a message has logged is what finds it closed.
struct WatchingStderr {
    reader: Reader,
    stderr: Arc<Stderr>,
}

impl AsyncRead for WatchingStderr {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let polled = Pin::new(&mut self.reader).poll_read(context, buffer);
        if polled.is_ready() {
            self.stderr.replace_if_unread();
        }
        polled
    }
}
