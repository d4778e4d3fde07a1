//! The process's stdin and stdout, kept for the protocol alone.
//!
//! On Unix the real ones move to descriptors of their own, which no child process inherits. In their
//! place, stdout is stderr and stdin is empty: a `println!` in a tool, or in a C library, cannot break the
//! stream, and a child process can neither read nor write it. Elsewhere they stay where they are.
//!
//! They move when they are served, or before, if the application asks for that ([`take`]); they are served once.

use std::sync::{Mutex, MutexGuard, PoisonError};

#[cfg(unix)]
use super::hangup;
use super::{Reader, Writer};
use crate::error::{Error, Result};
use crate::log::Boxed;
#[cfg(unix)]
use crate::logging::event;

/// The process's own streams.
pub(crate) struct Stdio {
    pub(crate) reader: Reader,
    pub(crate) writer: Writer,
    /// Done when nobody reads stdout any more, as far as that can be told without writing.
    pub(crate) closed: Boxed<'static, ()>,
    pub(crate) spare: Spare,
}

/// Other ways to stdin and stdout, where there can be some, for when the runtime that reads and writes is held up.
pub(crate) struct Spare {
    #[cfg(unix)]
    descriptors: Option<(std::os::fd::OwnedFd, std::os::fd::OwnedFd)>,
}

impl Spare {
    /// A way to write. Must be called inside of a tokio runtime with IO enabled, which then does the writing.
    pub(super) fn output(&self) -> Option<Writer> {
        #[cfg(unix)]
        let writer = self.descriptors.as_ref().and_then(|(_, output)| unix::non_blocking(output));
        #[cfg(not(unix))]
        let writer = None;
        writer
    }

    /// Waits until nobody can write to stdin any more, though what was written may be unread; forever where that
    /// cannot be told. To be awaited inside of a tokio runtime, which has a thread wait for it.
    pub(super) async fn input_closed(&self) {
        #[cfg(unix)]
        if let Some(Ok(input)) = self.descriptors.as_ref().map(|(input, _)| input.try_clone())
            && let Ok(true) =
                tokio::task::spawn_blocking(move || hangup::is_closed(&input, None)).await
        {
            return;
        }
        std::future::pending::<()>().await;
    }

    /// Whether nobody can write to stdin any more, though what was written may be unread, as far as that can be told.
    pub(super) fn is_input_closed(&self) -> bool {
        #[cfg(unix)]
        let is_closed = self
            .descriptors
            .as_ref()
            .is_some_and(|(input, _)| hangup::is_closed(input, Some(&hangup::AT_ONCE)));
        #[cfg(not(unix))]
        let is_closed = false;
        is_closed
    }
}

/// What has become of the real stdin and stdout.
enum Standing {
    InPlace,
    #[cfg(unix)]
    Taken(unix::Taken),
    Served,
}

static STANDING: Mutex<Standing> = Mutex::new(Standing::InPlace);

fn standing() -> MutexGuard<'static, Standing> {
    // Whatever panics under this lock leaves one of its values.
    STANDING.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Moves the real stdin and stdout away for a server that is yet to be served; a second time, this does nothing.
/// What goes wrong here will do so again when they are served, and is told then.
pub(crate) fn take() {
    #[cfg(unix)]
    {
        let mut standing = standing();
        if let Standing::InPlace = *standing
            && let Ok(taken) = unix::Taken::take()
        {
            *standing = Standing::Taken(taken);
        }
    }
}

impl Stdio {
    /// The real stdin and stdout, once in a process. Must be called inside a tokio runtime with IO enabled.
    pub(crate) fn serve() -> Result<Self> {
        let standing = std::mem::replace(&mut *standing(), Standing::Served);
        match standing {
            Standing::InPlace => Ok(Self::take()),
            #[cfg(unix)]
            Standing::Taken(taken) => Ok(Self::of(&taken)),
            Standing::Served => Err(Error::StdioServed),
        }
    }

    #[cfg(not(unix))]
    fn take() -> Self {
        Self::unguarded()
    }

    #[cfg(unix)]
    fn take() -> Self {
        match unix::Taken::take() {
            Ok(taken) => Self::of(&taken),
            Err(error) => Self::unguarded_after(&error),
        }
    }

    #[cfg(unix)]
    fn of(taken: &unix::Taken) -> Self {
        taken.open().unwrap_or_else(|error| {
            taken.put_back();
            Self::unguarded_after(&error)
        })
    }

    #[cfg(unix)]
    fn unguarded_after(error: &std::io::Error) -> Self {
        event!(warn, %error, "stdout is not guarded: whatever else is written there breaks the stream");
        Self::unguarded()
    }

    fn unguarded() -> Self {
        let (reader, writer) = rmcp::transport::stdio_pipes();
        let closed = Box::pin(std::future::pending());
        let spare = Spare {
            #[cfg(unix)]
            descriptors: None,
        };
        Self { reader: Box::new(reader), writer: Box::new(writer), closed, spare }
    }
}

#[cfg(unix)]
mod unix {
    use std::fs::File;
    use std::future::pending;
    use std::io;
    use std::os::fd::{AsFd, AsRawFd as _, OwnedFd};
    use std::os::unix::fs::FileTypeExt as _;
    use std::os::unix::net::UnixStream as Socket;
    use std::sync::Arc;
    use std::thread;

    use tokio::io::Interest;
    use tokio::net::UnixStream;
    use tokio::net::unix::pipe;

    use super::super::stderr::{self, Stderr};
    use super::{Reader, Spare, Stdio, Writer};
    use crate::log::Boxed;
    use crate::logging::event;

    /// The real stdin and stdout, away from their places.
    pub(super) struct Taken {
        input: OwnedFd,
        output: OwnedFd,
        /// What stands in the place of stdout, if somebody may stop to read it.
        stderr: Option<Arc<Stderr>>,
    }

    impl Taken {
        pub(super) fn take() -> io::Result<Self> {
            let (input, output) = (duplicate(io::stdin())?, duplicate(io::stdout())?);
            let null = File::open("/dev/null")?;
            // What the buffers of `print!` and of C still hold is not written before: it is no part of the protocol.
            rustix::stdio::dup2_stdout(io::stderr())?;
            if let Err(error) = rustix::stdio::dup2_stdin(null) {
                rustix::stdio::dup2_stdout(&output)?;
                return Err(error.into());
            }
            Ok(Self { input, output, stderr: stderr::watched() })
        }

        /// Must be called inside of a tokio runtime with IO enabled.
        pub(super) fn open(&self) -> io::Result<Stdio> {
            let (input, output) = (self.input.try_clone()?, self.output.try_clone()?);
            let closed = closed(&output)?;
            let descriptors = input.try_clone().and_then(|input| Ok((input, output.try_clone()?)));
            let spare = Spare { descriptors: descriptors.ok() };
            let (reader, writer) = (reader(input)?, writer(output)?);
            Ok(Stdio {
                reader: stderr::guarded(reader, self.stderr.clone()),
                writer,
                closed,
                spare,
            })
        }

        /// Undoes it, as far as that can be done.
        pub(super) fn put_back(&self) {
            for put_back in
                [rustix::stdio::dup2_stdin(&self.input), rustix::stdio::dup2_stdout(&self.output)]
            {
                if let Err(error) = put_back {
                    event!(debug, %error, "a stream stays where it is");
                }
            }
        }
    }

    /// Another descriptor of the same file, which is closed in child processes.
    fn duplicate(stream: impl AsFd) -> io::Result<OwnedFd> {
        stream.as_fd().try_clone_to_owned()
    }

    /// Where a pipe can be opened anew, for a description of our own that does not block. `None` if this is
    /// no pipe; opening it may fail, as for a process that runs as somebody else.
    fn reopened(descriptor: &OwnedFd) -> io::Result<Option<String>> {
        let is_pipe = File::from(descriptor.try_clone()?).metadata()?.file_type().is_fifo();
        let path = || format!("/proc/self/fd/{}", descriptor.as_raw_fd());
        Ok((is_pipe && cfg!(target_os = "linux")).then(path))
    }

    /// A socket, which is what Node's clients start servers with, if this is one.
    fn socket(descriptor: &OwnedFd) -> io::Result<Option<UnixStream>> {
        let descriptor = descriptor.try_clone()?;
        if !File::from(descriptor.try_clone()?).metadata()?.file_type().is_socket() {
            return Ok(None);
        }
        let socket = Socket::from(descriptor);
        socket.set_nonblocking(true)?;
        UnixStream::from_std(socket).map(Some)
    }

    fn reader(descriptor: OwnedFd) -> io::Result<Reader> {
        if let Some(path) = reopened(&descriptor)?
            && let Ok(pipe) = pipe::OpenOptions::new().open_receiver(path)
        {
            return Ok(Box::new(pipe));
        }
        if let Some(socket) = socket(&descriptor)? {
            return Ok(Box::new(socket));
        }
        // A thread of its own, as a read of a terminal that tokio waits for keeps the process from ending.
        let (ours, mut theirs) = Socket::pair()?;
        ours.set_nonblocking(true)?;
        let copy = move || {
            if let Err(error) = io::copy(&mut File::from(descriptor), &mut theirs) {
                event!(debug, %error, "stdin cannot be read any more");
            }
        };
        thread::Builder::new().name("mcpc-stdin".to_owned()).spawn(copy)?;
        Ok(Box::new(UnixStream::from_std(ours)?))
    }

    /// Waits until nobody reads a pipe any more.
    fn closed(descriptor: &OwnedFd) -> io::Result<Boxed<'static, ()>> {
        let Some(path) = reopened(descriptor)? else { return Ok(Box::pin(pending())) };
        let Ok(pipe) = pipe::OpenOptions::new().open_sender(path) else {
            return Ok(Box::pin(pending()));
        };
        Ok(Box::pin(async move {
            if let Err(error) = pipe.ready(Interest::ERROR).await {
                event!(debug, %error, "stdout cannot be watched");
                pending().await
            }
        }))
    }

    fn writer(descriptor: OwnedFd) -> io::Result<Writer> {
        match non_blocking(&descriptor) {
            Some(writer) => Ok(writer),
            None => Ok(Box::new(tokio::fs::File::from_std(File::from(descriptor)))),
        }
    }

    /// A way to write that needs no thread, if there is one.
    pub(super) fn non_blocking(descriptor: &OwnedFd) -> Option<Writer> {
        if let Ok(Some(path)) = reopened(descriptor)
            && let Ok(pipe) = pipe::OpenOptions::new().open_sender(path)
        {
            return Some(Box::new(pipe));
        }
        match socket(descriptor) {
            Ok(socket) => socket.map(|socket| Box::new(socket) as Writer),
            Err(error) => {
                event!(debug, %error, "stdout is written to by a thread");
                None
            }
        }
    }
}
