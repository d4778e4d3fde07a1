//! Signals, heard by a thread of its own: tools that block all of tokio's workers cannot keep the process from ending.

use std::future::pending;
use std::time::Duration;

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::time::{Instant, sleep, sleep_until};
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::logging::{aside, event};
use crate::transport::{AFTER_THE_RUNTIME, Process, Signals, exit_with};

/// Tells of the signals that ask the process to end, until this is dropped.
#[derive(Debug)]
pub(super) struct Watch {
    heard: UnboundedReceiver<i32>,
    _serves: DropGuard,
}

impl Watch {
    /// Starts the thread. Must be called inside of a tokio runtime. The end may take as long as this, after which the
    /// process ends without what does not give way, if it is the server's.
    pub(super) fn start(process: Process, longest_end: Duration) -> Self {
        let (served, gone) = (CancellationToken::new(), CancellationToken::new());
        let (serves, lives) = (served.clone().drop_guard(), gone.clone().drop_guard());
        tokio::spawn(async move {
            // Dropped with the runtime.
            let _lives = lives;
            pending::<()>().await;
        });
        let (hears, heard) = unbounded_channel();
        let (ready, is_ready) = std::sync::mpsc::channel::<()>();
        let watcher = Watcher { process, longest_end, served, gone, hears };
        if process.signals {
            let thread = std::thread::Builder::new().name("mcpc-end".to_owned());
            if let Err(error) = thread.spawn(move || watcher.run(ready)) {
                event!(warn, %error, "signals end the process at once");
            }
            // Closed when signals are heard.
            let _closed = is_ready.recv();
        }
        Self { heard, _serves: serves }
    }

    /// The number of the next signal. Cancel safe.
    pub(super) async fn signal(&mut self) -> i32 {
        match self.heard.recv().await {
            Some(signal) => signal,
            None => pending().await,
        }
    }
}

struct Watcher {
    process: Process,
    longest_end: Duration,
    /// Cancelled when the server was served.
    served: CancellationToken,
    /// Cancelled when the runtime was dropped that served it.
    gone: CancellationToken,
    hears: UnboundedSender<i32>,
}

impl Watcher {
    fn run(self, ready: std::sync::mpsc::Sender<()>) {
        let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
            Ok(runtime) => runtime,
            Err(error) => return event!(warn, %error, "signals end the process at once"),
        };
        runtime.block_on(async {
            let mut signals = Signals::listen();
            drop(ready);
            let is_asked = self.watch(&mut signals).await;
            self.after_serving(&mut signals, is_asked).await;
        });
    }

    /// Tells of signals until the server was served; returns whether there was one.
    async fn watch(&self, signals: &mut Signals) -> bool {
        tokio::select! {
            biased;
            () = self.served.cancelled() => return false,
            signal = signals.next() => drop(self.hears.send(signal)),
        }
        let until = Instant::now() + self.longest_end;
        for _ in 0..2 {
            tokio::select! {
                biased;
                () = self.served.cancelled() => return true,
                signal = signals.next() => drop(self.hears.send(signal)),
                () = sleep_until(until) => {
                    self.give_up().await;
                    return true;
                }
            }
        }
        let signal = signals.next().await;
        std::process::exit(128 + signal);
    }

    /// The end takes too long.
    async fn give_up(&self) {
        if self.process.is_ours {
            exit_with(|| event!(warn, "the process ends without what does not give way")).await;
        }
        self.served.cancelled().await;
    }

    /// Signals are the application's again; and once it has dropped the runtime, nothing is left to wait for, if the process
    /// was asked to end. If not, it goes on: it may be that of a test, and end with success before it is over.
    async fn after_serving(&self, signals: &mut Signals, is_asked: bool) {
        tokio::select! {
            biased;
            () = self.gone.cancelled(), if self.process.is_ours && is_asked => {}
            signal = signals.next() => {
                aside(move || {
                    event!(info, signal, "after serving, signals are the application's; one more ends it");
                });
                let signal = signals.next().await;
                std::process::exit(128 + signal);
            }
        }
        tokio::select! {
            _ = signals.next() => {}
            () = sleep(AFTER_THE_RUNTIME) => {
                exit_with(|| event!(warn, "the process ends, although some of its threads still run")).await;
            }
        }
        std::process::exit(0);
    }
}
