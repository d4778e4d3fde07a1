//! A server that is a process, and how each host ends it.

use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::time::{Instant, sleep, sleep_until, timeout};

use super::clock;
use super::persona::{Asks, Facts};
use super::wire::Wire;

/// How long a server may take to end where its host waits.
const PATIENCE: Duration = Duration::from_secs(60);

/// How long what a server killed when it ended may take to be gone, and its last words to arrive.
const MOMENT: Duration = Duration::from_millis(500);

/// A server that was started, and leads a group of processes. Dropped, it is killed with all of them.
#[derive(Debug)]
pub(super) struct Process {
    child: Child,
    id: u32,
}

/// How a process ended.
#[derive(Debug)]
pub(super) struct Ended {
    pub(super) status: ExitStatus,
    pub(super) after: Duration,
    pub(super) was_killed: bool,
    pub(super) left_behind: Vec<String>,
}

impl Process {
    /// Starts a server; what is read of it, and what it reads.
    pub(super) fn start(mut command: Command) -> (Self, ChildStdout, ChildStdin) {
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
        #[cfg(unix)]
        command.process_group(0);
        let mut child = match command.spawn() {
            Ok(child) => child,
            Err(error) => {
                let program = command.as_std().get_program().display().to_string();
                panic!("the server `{program}` cannot be started: {error}")
            }
        };
        const PIPED: &str = "it was asked for, and nobody took it";
        let (output, input) = (child.stdout.take().expect(PIPED), child.stdin.take().expect(PIPED));
        let id = child.id().expect("nobody has waited for it");
        (Self { child, id }, output, input)
    }

    /// Ends it as a host does.
    pub(super) async fn end(mut self, wire: &Wire, facts: &Facts) -> Result<Ended, String> {
        clock::resume();
        let began = Instant::now();
        let patience = facts.kills_after.unwrap_or(PATIENCE);
        let id = self.id;
        let status = tokio::select! {
            biased;
            status = self.child.wait() => Some(status),
            // It signals only while nobody has waited for the process, whose id is its own until then.
            never = ask(id, wire, facts.asks, began) => match never {},
            () = sleep_until(began + patience) => None,
        };
        let was_killed = status.is_none();
        if was_killed && facts.kills_after.is_none() {
            return Err("the server does not end after its client left".to_owned());
        }
        let status = match status {
            Some(status) => status,
            None => {
                // Fails where it has ended by itself in this moment.
                let _ = self.child.start_kill();
                self.child.wait().await
            }
        };
        let status = status.map_err(|error| format!("the server cannot be waited for: {error}"))?;
        let after = began.elapsed();
        let left_behind = left_behind(self.id).await;
        kill_group(self.id);
        if timeout(MOMENT, wire.transcript.closed()).await.is_err() {
            wire.vanish();
        }
        Ok(Ended { status, after, was_killed, left_behind })
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if self.child.id().is_some() {
            kill_group(self.id);
        }
    }
}

/// Asks a process to end, step by step.
async fn ask(
    id: u32,
    wire: &Wire,
    steps: &[(Duration, Asks)],
    began: Instant,
) -> std::convert::Infallible {
    for (after, step) in steps {
        sleep_until(began + *after).await;
        match step {
            Asks::Eof => wire.end_input(),
            Asks::Int | Asks::Term => signal(id, *step, wire),
        }
    }
    std::future::pending().await
}

#[cfg(unix)]
fn signal(id: u32, step: Asks, _: &Wire) {
    use rustix::process::{Signal, kill_process};
    let signal = if step == Asks::Int { Signal::INT } else { Signal::TERM };
    if let Some(id) = pid(id) {
        // It may have ended, which is what it is asked for.
        let _ = kill_process(id, signal);
    }
}

/// Where there are no signals, it can only be asked by the end of its input.
#[cfg(not(unix))]
fn signal(_: u32, _: Asks, wire: &Wire) {
    wire.end_input();
}

#[cfg(unix)]
fn pid(id: u32) -> Option<rustix::process::Pid> {
    rustix::process::Pid::from_raw(i32::try_from(id).ok()?)
}

#[cfg(unix)]
fn kill_group(id: u32) {
    if let Some(id) = pid(id) {
        // Nobody may be left.
        let _ = rustix::process::kill_process_group(id, rustix::process::Signal::KILL);
    }
}

#[cfg(not(unix))]
fn kill_group(_: u32) {}

/// What is left of the group of a process that has ended, a moment later.
async fn left_behind(id: u32) -> Vec<String> {
    const PAUSE: Duration = Duration::from_millis(5);
    let until = Instant::now() + MOMENT;
    loop {
        let left = group(id);
        if left.is_empty() || Instant::now() >= until {
            return left;
        }
        sleep(PAUSE).await;
    }
}

/// The processes of a group, but for those that have ended and that nobody has waited for.
#[cfg(target_os = "linux")]
fn group(id: u32) -> Vec<String> {
    let processes = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let stats = processes.filter_map(|it| std::fs::read_to_string(it.path().join("stat")).ok());
    stats.filter_map(|stat| of_group(&stat, id)).collect()
}

/// The name and the id in a line of `/proc/*/stat`, if it is of this group and runs: ``4711 (name) S 1 4711 ..``.
#[cfg(target_os = "linux")]
fn of_group(stat: &str, group: u32) -> Option<String> {
    let (head, rest) = stat.rsplit_once(") ")?;
    let (id, name) = head.split_once(" (")?;
    let mut fields = rest.split(' ');
    let has_ended = matches!(fields.next()?, "Z" | "X");
    let is_of_group = fields.nth(1)?.parse() == Ok(group);
    (is_of_group && !has_ended).then(|| format!("{name} ({id})"))
}

#[cfg(all(unix, not(target_os = "linux")))]
fn group(id: u32) -> Vec<String> {
    let is_left = pid(id).is_some_and(|id| rustix::process::test_kill_process_group(id).is_ok());
    if is_left { vec![format!("a process of the group {id}")] } else { Vec::new() }
}

#[cfg(not(unix))]
fn group(_: u32) -> Vec<String> {
    Vec::new()
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::of_group;

    #[test]
    fn a_process_of_the_group_is_named_whatever_its_name() {
        let line = |name: &str, state: &str, group: u32| {
            format!("4711 ({name}) {state} 1 {group} 4000 0 -1 4194560 113 0\n")
        };
        assert_eq!(of_group(&line("sleep", "S", 4000), 4000), Some("sleep (4711)".to_owned()));
        let odd = line("a) Z 1 5 (b", "R", 4000);
        assert_eq!(of_group(&odd, 4000), Some("a) Z 1 5 (b (4711)".to_owned()));
        assert_eq!(of_group(&line("sleep", "S", 4001), 4000), None);
        assert_eq!(of_group(&line("sleep", "Z", 4000), 4000), None);
    }
}
