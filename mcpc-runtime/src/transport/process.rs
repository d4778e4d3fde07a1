//! The end of a process that serves over stdio.
//!
//! A thread of its own hears of signals, keeps the time, and finishes what is left when that is over. So tools
//! that block all of tokio's workers cannot keep a server from ending.

use std::convert::Infallible;
use std::future::pending;
use std::time::Duration;

use tokio::time::{Instant, sleep, sleep_until};
use tokio_util::sync::{CancellationToken, DropGuard};

use super::lines::Backup;
use super::signals::Signals;
use super::stdio::Spare;

/// How much longer bodies have after the process was asked to end again.
const IN_A_HURRY: Duration = Duration::from_millis(250);

/// How long a process has to end by itself once its runtime was dropped.
const AFTER_THE_RUNTIME: Duration = Duration::from_millis(500);

/// What may be done about the process.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Process {
    /// Signals that ask the process to end, end the server.
    pub(crate) signals: bool,
    /// The process is there for the server, and ends with it.
    pub(crate) is_ours: bool,
}

/// Watches over a connection until it is dropped.
#[derive(Debug)]
pub(crate) struct Watch {
    _serves: DropGuard,
}

impl Watch {
    /// Starts the thread. Must be called inside of a tokio runtime.
    pub(crate) fn start(process: Process, connection: Backup, spare: Spare) -> Option<Self> {
        let (served, gone) = (CancellationToken::new(), CancellationToken::new());
        let (serves, lives) = (served.clone().drop_guard(), gone.clone().drop_guard());
        tokio::spawn(async move {
            // Dropped with the runtime.
            let _lives = lives;
            pending::<()>().await;
        });
        let begun_at = None;
        let watcher =
            Watcher { process, connection, served, gone, signals: Signals::none(), begun_at };
        let thread = std::thread::Builder::new().name("mcpc-end".to_owned());
        // It is known that signals are heard before anything is read.
        let (ready, is_ready) = std::sync::mpsc::channel::<Infallible>();
        let started = thread.spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            match runtime {
                Ok(runtime) => runtime.block_on(watcher.watch(spare, || drop(ready))),
                Err(error) => tracing::warn!(%error, "signals end the process at once"),
            }
        });
        match started {
            Ok(_) => {
                let _closed = is_ready.recv();
                Some(Self { _serves: serves })
            }
            Err(error) => {
                tracing::warn!(%error, "signals end the process at once");
                None
            }
        }
    }
}

struct Watcher {
    process: Process,
    connection: Backup,
    signals: Signals,
    /// Cancelled when the connection was served.
    served: CancellationToken,
    /// Cancelled when the runtime was dropped that served it.
    gone: CancellationToken,
    /// When the end began.
    begun_at: Option<Instant>,
}

impl Watcher {
    async fn watch(mut self, spare: Spare, ready: impl FnOnce()) {
        if self.process.signals {
            self.signals = Signals::listen();
        }
        ready();
        self.begin().await;
        tokio::select! {
            biased;
            () = self.served.cancelled() => {}
            () = hurry(&mut self.signals, &self.connection) => {}
            () = finish(&self.connection, &spare) => {
                if self.process.is_ours {
                    tracing::warn!("the process ends without what does not give way");
                    std::process::exit(0);
                }
                self.served.cancelled().await;
            }
        }
        drop(spare);
        self.after_serving().await;
    }

    /// Waits for the end to begin, and begins it if a signal asks for it.
    async fn begin(&mut self) {
        tokio::select! {
            biased;
            () = self.served.cancelled() => {}
            () = self.connection.ending.begun() => {}
            signal = self.signals.next() => {
                tracing::info!(signal, "asked to end: no more calls are taken, and tasks are stopped");
                self.connection.quit.cancel();
                self.connection.ending.begin();
            }
        }
        self.begun_at = Some(Instant::now());
    }

    /// Signals are the application's again; and once it has dropped the runtime, nothing is left to wait for.
    async fn after_serving(mut self) {
        let gone = self.gone.clone();
        tokio::select! {
            biased;
            () = gone.cancelled(), if self.process.is_ours => {}
            () = self.leave_signals() => {}
        }
        let ending = &self.connection.ending;
        let (grace_over, rest) = match self.begun_at {
            Some(begun_at) if !ending.grace().has_ended() => {
                (begun_at + ending.grace().length(), AFTER_THE_RUNTIME)
            }
            Some(_) | None => (Instant::now(), AFTER_THE_RUNTIME / 10),
        };
        tokio::select! {
            _ = self.signals.next() => {}
            () = sleep_until(grace_over.max(Instant::now() + rest)) => {
                tracing::warn!("the process ends, although some of its threads still run");
            }
        }
        std::process::exit(0);
    }

    /// Leaves the first signal to the application. It is not known whether that listens; if it does not act
    /// on the first, the second ends it, as either would by default. Never returns.
    async fn leave_signals(&mut self) {
        let signal = self.signals.next().await;
        tracing::info!(signal, "after serving, signals are the application's; one more ends it");
        let signal = self.signals.next().await;
        std::process::exit(128 + signal);
    }
}

/// Acts on further signals. Never returns.
async fn hurry(signals: &mut Signals, connection: &Backup) {
    let signal = signals.next().await;
    tracing::warn!(signal, "asked again: what still runs has {IN_A_HURRY:?}");
    let hurry = async {
        sleep(IN_A_HURRY).await;
        connection.ending.hurry();
        pending::<()>().await;
    };
    tokio::select! {
        () = hurry => {}
        signal = signals.next() => std::process::exit(128 + signal),
    }
}

/// Ends and answers what does not by itself, and writes what is then unwritten. Takes its time as long as
/// anything moves.
async fn finish(connection: &Backup, spare: &Spare) {
    let Backup { ending, gates, outbox, writer, .. } = connection;
    ending.force(gates).await;
    outbox.close();
    let is_written = async || {
        tokio::select! {
            _ = writer.drain() => true,
            () = outbox.stuck(ending.patience_with_readers()) => false,
        }
    };
    // What tells a runtime that the client reads again may be held up as well.
    if !is_written().await
        && let Some(another) = spare.open()
    {
        writer.continue_with(another);
        is_written().await;
    }
    sleep(ending.moment()).await;
}
