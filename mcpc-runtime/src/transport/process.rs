//! The end of a process that serves over stdio.
//!
//! A thread of its own hears of signals, keeps the time, and finishes what is left when that is over. So tools
//! that block all of tokio's workers cannot keep a server from ending.

use std::convert::Infallible;
use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use tokio::time::{Instant, sleep, sleep_until, timeout};
use tokio_util::sync::{CancellationToken, DropGuard};

use super::end::{LAST_WORD, Why};
use super::lines::Backup;
use super::signals::Signals;
use super::stdio::Spare;
use crate::logging::{aside, event};

/// How much longer bodies have after the process was asked to end again.
const IN_A_HURRY: Duration = Duration::from_millis(250);

/// For how long nothing may move, twice in a row, until a reader that does not see the end of its input is not just
/// busy.
const HELD_UP: Duration = Duration::from_secs(2);

/// How long a process has to end by itself once its runtime was dropped.
pub(crate) const AFTER_THE_RUNTIME: Duration = Duration::from_millis(500);

/// What may be done about the process.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Process {
    /// Signals that ask the process to end, end the server.
    pub(crate) signals: bool,
    /// The process is there for the server, and ends with it.
    pub(crate) is_ours: bool,
}

/// A thread that hears of signals and watches over a connection, until this is dropped.
#[derive(Debug)]
pub(crate) struct Watch {
    connections: Option<Sender<(Backup, Spare)>>,
    serves: Option<DropGuard>,
    has_failed: Arc<AtomicBool>,
    /// Closed when signals are heard.
    is_ready: Receiver<Infallible>,
    /// Closed when the thread holds nothing of the server's any more.
    has_let_go: Receiver<Infallible>,
}

impl Drop for Watch {
    fn drop(&mut self) {
        drop((self.connections.take(), self.serves.take()));
        // What the application gave the server is dropped when that has served, and not some time later.
        let _closed = self.has_let_go.recv();
    }
}

impl Watch {
    /// Starts the thread, which takes as long as building a server does. Must be called inside of a tokio runtime.
    pub(crate) fn start(process: Process) -> Self {
        let (served, gone) = (CancellationToken::new(), CancellationToken::new());
        let (serves, lives) = (served.clone().drop_guard(), gone.clone().drop_guard());
        tokio::spawn(async move {
            // Dropped with the runtime.
            let _lives = lives;
            pending::<()>().await;
        });
        let (ready, is_ready) = channel();
        let (lets_go, has_let_go) = channel();
        let (connections, connected) = channel();
        let has_failed = Arc::new(AtomicBool::new(false));
        let watcher = Watcher {
            process,
            has_failed: Arc::clone(&has_failed),
            served,
            gone,
            signals: Signals::none(),
        };
        let run = move || watcher.run(&connected, ready, lets_go);
        let thread = std::thread::Builder::new().name("mcpc-end".to_owned()).spawn(run);
        if let Err(error) = thread {
            event!(warn, %error, "signals end the process at once");
        }
        let (connections, serves) = (Some(connections), Some(serves));
        Self { connections, serves, has_failed, is_ready, has_let_go }
    }

    /// Leaves the process to the application, which has an error to tell.
    pub(crate) fn fail(&self) {
        self.has_failed.store(true, Ordering::SeqCst);
    }

    /// Watches over this connection from here on. Signals are heard when this returns.
    pub(crate) fn over(&mut self, connection: Backup, spare: Spare) {
        let _closed = self.is_ready.recv();
        if let Some(connections) = &self.connections {
            // There is nobody to take it if the thread could not be started.
            let _is_taken = connections.send((connection, spare));
        }
    }
}

struct Watcher {
    process: Process,
    has_failed: Arc<AtomicBool>,
    signals: Signals,
    /// Cancelled when the connection was served.
    served: CancellationToken,
    /// Cancelled when the runtime was dropped that served it.
    gone: CancellationToken,
}

/// Ends the process, with a last word in its log if that can be written at once.
pub(crate) async fn exit_with(log: impl FnOnce() + Send + 'static) {
    let _in_time = timeout(LAST_WORD, aside(log)).await;
    std::process::exit(0);
}

/// How often the process was asked to end when the end began.
#[derive(Clone, Copy, Debug)]
enum Begun {
    Once,
    AndAgain,
}

/// What is the server's, and dropped in this order.
struct Held {
    connection: Backup,
    spare: Spare,
    _lets_go: Sender<Infallible>,
}

impl Watcher {
    fn run(
        mut self,
        connected: &Receiver<(Backup, Spare)>,
        ready: Sender<Infallible>,
        lets_go: Sender<Infallible>,
    ) {
        let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
            Ok(runtime) => runtime,
            Err(error) => return event!(warn, %error, "signals end the process at once"),
        };
        if self.process.signals {
            let _inside = runtime.enter();
            self.signals = Signals::listen();
        }
        drop(ready);
        // None comes if no server could be built.
        let held = connected.recv().map(|(connection, spare)| Held {
            connection,
            spare,
            _lets_go: lets_go,
        });
        runtime.block_on(async {
            let grace_over = match held {
                Ok(held) => self.serve(&held).await,
                Err(_) => None,
            };
            self.after_serving(grace_over).await;
        });
    }

    /// Watches until the connection was served. Returns when the grace is over that tasks had, if nobody was in
    /// a hurry.
    async fn serve(&mut self, held: &Held) -> Option<Instant> {
        let Held { connection, spare, .. } = held;
        let begun = self.begin(held).await;
        tokio::select! {
            biased;
            () = self.served.cancelled() => {}
            () = on_further_signals(&mut self.signals, connection, begun) => {}
            () = finish(connection, spare) => {
                if self.process.is_ours {
                    exit_with(|| event!(warn, "the process ends without what does not give way")).await;
                }
                self.served.cancelled().await;
            }
        }
        connection.ending.until()
    }

    /// Waits for the end to begin, and begins it if a signal asks for it.
    async fn begin(&mut self, held: &Held) -> Begun {
        let Held { connection, spare, .. } = held;
        tokio::select! {
            biased;
            () = self.served.cancelled() => Begun::Once,
            () = connection.ending.begun() => Begun::Once,
            signal = self.signals.next() => {
                aside(move || {
                    event!(info, signal, "asked to end: no more calls are taken, and tasks are stopped");
                });
                connection.ending.begin(Why::Signal(signal));
                // The end of the input may have come before, and be yet to be seen.
                if spare.is_input_closed() { Begun::AndAgain } else { Begun::Once }
            }
            () = held_up(connection, spare) => {
                aside(|| event!(warn, "the input has ended, and what reads it is held up"));
                connection.ending.begin(Why::InputEnded);
                Begun::Once
            }
        }
    }

    /// Signals are the application's again; and once it has dropped the runtime, nothing is left to wait for.
    async fn after_serving(mut self, grace_over: Option<Instant>) {
        let gone = self.gone.clone();
        let is_ours = self.process.is_ours && !self.has_failed.load(Ordering::SeqCst);
        tokio::select! {
            biased;
            () = gone.cancelled(), if is_ours => {}
            () = self.leave_signals() => {}
        }
        let until = match grace_over {
            Some(grace_over) => grace_over.max(Instant::now() + AFTER_THE_RUNTIME),
            None => Instant::now() + AFTER_THE_RUNTIME / 10,
        };
        tokio::select! {
            _ = self.signals.next() => {}
            () = sleep_until(until) => {
                exit_with(|| event!(warn, "the process ends, although some of its threads still run")).await;
            }
        }
        std::process::exit(0);
    }

    /// Leaves the first signal to the application. It is not known whether that listens; if it does not act
    /// on the first, the second ends it, as either would by default. Never returns.
    async fn leave_signals(&mut self) {
        let signal = self.signals.next().await;
        aside(move || {
            event!(info, signal, "after serving, signals are the application's; one more ends it");
        });
        let signal = self.signals.next().await;
        std::process::exit(128 + signal);
    }
}

/// Waits until the input has ended and nothing moves although its end is not seen. Otherwise it is seen when
/// everything before it was read.
async fn held_up(connection: &Backup, spare: &Spare) {
    let Backup { ending, requests, .. } = connection;
    spare.input_closed().await;
    let (mut before, mut still) = (ending.left(requests), 0);
    while still < 2 {
        sleep(HELD_UP).await;
        let now = ending.left(requests);
        // Reading stops while a client does not read.
        still = if now == before && !requests.outbox().is_full() { still + 1 } else { 0 };
        before = now;
    }
}

/// Acts on further signals. Never returns.
async fn on_further_signals(signals: &mut Signals, connection: &Backup, begun: Begun) {
    if let Begun::Once = begun {
        let signal = signals.next().await;
        aside(move || event!(warn, signal, "asked again: what still runs has {IN_A_HURRY:?}"));
    }
    let hurry = async {
        sleep(IN_A_HURRY).await;
        connection.ending.end_grace();
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
    let Backup { ending, requests, writer } = connection;
    ending.force(requests).await;
    let outbox = requests.outbox();
    ending.flush(outbox);
    let is_written = async || {
        tokio::select! {
            _ = writer.drain() => true,
            () = ending.unread(outbox) => false,
        }
    };
    // What tells a runtime that the client reads again may be held up as well.
    if !is_written().await
        && let Some(another) = spare.output()
    {
        writer.continue_with(another);
        is_written().await;
    }
    sleep(ending.moment()).await;
    // Those that should say so are held up, too.
    drop(ending.gone());
}
