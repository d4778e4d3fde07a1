//! The signals that ask a process to end.

use std::future::pending;

use crate::logging::event;

/// Hears of the signals that ask the process to end: SIGTERM, SIGINT and SIGHUP; elsewhere, Ctrl-C.
pub(crate) struct Signals {
    #[cfg(unix)]
    each: Vec<(i32, tokio::signal::unix::Signal)>,
    #[cfg(not(unix))]
    ctrl_c: Option<tokio::signal::windows::CtrlC>,
}

#[cfg(unix)]
impl Signals {
    /// From here on, a signal no longer ends the process by itself. Must be called inside of a tokio runtime
    /// with IO enabled.
    pub(crate) fn listen() -> Self {
        use tokio::signal::unix::{SignalKind, signal};
        let kinds = [SignalKind::terminate(), SignalKind::interrupt(), SignalKind::hangup()];
        let listen = |kind: SignalKind| match signal(kind) {
            Ok(signal) => Some((kind.as_raw_value(), signal)),
            Err(error) => {
                let signal = kind.as_raw_value();
                event!(warn, %error, signal, "this signal ends the process at once");
                None
            }
        };
        Self { each: kinds.into_iter().filter_map(listen).collect() }
    }

    pub(crate) fn none() -> Self {
        Self { each: Vec::new() }
    }

    /// The number of the next signal. Cancel safe.
    pub(crate) async fn next(&mut self) -> i32 {
        if self.each.is_empty() {
            return pending().await;
        }
        let each = self.each.iter_mut();
        let next = each.map(|(number, signal)| {
            Box::pin(async {
                match signal.recv().await {
                    Some(()) => *number,
                    None => pending().await,
                }
            })
        });
        futures::future::select_all(next).await.0
    }
}

#[cfg(not(unix))]
impl Signals {
    /// From here on, Ctrl-C no longer ends the process by itself.
    pub(crate) fn listen() -> Self {
        let ctrl_c = tokio::signal::windows::ctrl_c();
        let ctrl_c =
            ctrl_c.inspect_err(|error| event!(warn, %error, "Ctrl-C ends the process at once"));
        Self { ctrl_c: ctrl_c.ok() }
    }

    pub(crate) fn none() -> Self {
        Self { ctrl_c: None }
    }

    /// The number of the next signal. Cancel safe.
    pub(crate) async fn next(&mut self) -> i32 {
        const INTERRUPT: i32 = 2;
        match &mut self.ctrl_c {
            Some(ctrl_c) => {
                ctrl_c.recv().await;
                INTERRUPT
            }
            None => pending().await,
        }
    }
}
