//! The signals that ask a process to end.

use tokio_util::sync::{CancellationToken, DropGuard};

use crate::logging::event;

/// Has `quit` cancelled when the process is asked to end (SIGTERM, SIGINT, Ctrl-C). Who asks once more wants
/// it to end at once, and so does who asks after the guard was dropped.
pub(crate) fn quit_on_signal(quit: CancellationToken) -> DropGuard {
    let served = CancellationToken::new();
    let guard = served.clone().drop_guard();
    tokio::spawn(async move {
        let mut number = signal().await;
        if !served.is_cancelled() {
            event!(
                info,
                signal = number,
                "asked to end: no more calls are taken, and tasks are stopped"
            );
            quit.cancel();
            number = signal().await;
            event!(warn, signal = number, "asked once more: not waiting for anything");
        }
        std::process::exit(128 + number);
    });
    guard
}

/// The number of the next signal.
#[cfg(unix)]
async fn signal() -> i32 {
    use tokio::signal::unix::{SignalKind, signal};

    let listen = |kind: SignalKind| signal(kind).map(|signal| (kind.as_raw_value(), signal));
    match (listen(SignalKind::terminate()), listen(SignalKind::interrupt())) {
        (Ok((terminate, mut terminated)), Ok((interrupt, mut interrupted))) => tokio::select! {
            _ = terminated.recv() => terminate,
            _ = interrupted.recv() => interrupt,
        },
        (Err(error), _) | (_, Err(error)) => {
            event!(warn, %error, "signals end the process at once");
            std::future::pending().await
        }
    }
}

/// The number of the next signal.
#[cfg(not(unix))]
async fn signal() -> i32 {
    const INTERRUPT: i32 = 2;
    if let Err(error) = tokio::signal::ctrl_c().await {
        event!(warn, %error, "Ctrl-C ends the process at once");
        std::future::pending().await
    }
    INTERRUPT
}
