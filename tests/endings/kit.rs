//! A process that `mcpc::testing` starts, and ends as each host does.

use std::future::Future;
use std::os::unix::process::ExitStatusExt as _;
use std::panic::AssertUnwindSafe;
use std::path::{Path, PathBuf};
use std::sync::PoisonError;
use std::time::{Duration, Instant};

use futures::FutureExt as _;
use mcpc::testing::{self, As, Left};
use serde_json::json;
use tokio::process::Command;

use crate::server::ONE_AT_A_TIME;
use crate::support::example;

/// Runs a test that measures time.
fn alone(test: impl Future<Output = ()>) {
    let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime").block_on(test);
}

/// The example `endings` in a shell that does this around it.
fn in_a_shell(script: &str) -> Command {
    let mut command = Command::new("sh");
    command.arg("-c").arg(script).env("SERVER", example("endings"));
    command
}

/// Notes each signal and the end of the server, which hears of the end of the input alone.
const NOTES: &str = r#"
trap 'echo INT >> "$LOG"' INT
trap 'echo TERM >> "$LOG"; [ -z "$OBEYS" ] || kill $server' TERM
exec 3<&0
"$SERVER" <&3 &
server=$!
while kill -0 $server 2> /dev/null; do wait $server; done
echo END >> "$LOG"
"#;

/// A file of a test's own.
fn file(name: &str) -> PathBuf {
    std::env::temp_dir().join(format!("mcpc-endings-{name}-{}", std::process::id()))
}

/// What was written to a file, which is then gone.
fn noted(file: &Path) -> Vec<String> {
    let noted = std::fs::read_to_string(file).unwrap_or_default();
    let _ = std::fs::remove_file(file);
    noted.lines().map(str::to_owned).collect()
}

fn runs(id: &str) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
    stat.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with('Z'))
}

fn wait_until_gone(id: &str) {
    let until = Instant::now() + Duration::from_secs(10);
    while runs(id) {
        assert!(Instant::now() < until, "the process {id} still runs");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn each_host_asks_a_process_in_its_way() {
    alone(async {
        for (persona, obeys, hears) in [
            (As::Codex, "", &["TERM", "END"][..]),
            (As::OpenCode, "", &["END"]),
            (As::Gemini, "yes", &["TERM", "END"]),
            (As::Qwen, "", &["END"]),
            (As::Cline, "", &["END"]),
            (As::Continue, "", &["END"]),
            (As::Plain, "", &["END"]),
            (As::Mcpc, "", &["END"]),
        ] {
            let log = file("asks");
            let mut command = in_a_shell(NOTES);
            command.env("LOG", &log).env("OBEYS", obeys);
            let left = testing::connect_process(command, persona).await.leave().await;
            assert_eq!(noted(&log), hears, "{persona}");
            assert!(left.is_clean() && left.status.is_some(), "{persona}: {left:?}");
        }
    });
}

#[test]
fn claude_code_signals_twice_kills_and_says_what_is_left() {
    alone(async {
        let log = file("kills");
        let mut command = in_a_shell(NOTES);
        command.env("LOG", &log);
        let client = testing::connect_process(command, As::ClaudeCode).await;
        let Left { after, was_killed, status, left_behind, .. } = client.leave().await;
        assert_eq!(noted(&log), ["INT", "TERM"]);
        assert!(was_killed && after >= Duration::from_millis(500), "{after:?}");
        assert_eq!(status.and_then(|status| status.signal()), Some(9));
        let [server] = &*left_behind else { panic!("{left_behind:?}") };
        let id = server.strip_prefix("endings (").and_then(|it| it.strip_suffix(')'));
        wait_until_gone(id.unwrap_or_else(|| panic!("{server}")));
    });
}

/// A server with a task that does not hear that it is to stop.
async fn ends_busy(persona: As) -> Left {
    let client = testing::connect_process(Command::new(example("endings")), persona).await;
    drop(client.start("ignore", json!({})));
    assert_eq!(client.call("ready", json!({})).await.result(), Ok("ready"));
    client.leave().await
}

#[test]
fn who_does_not_wait_kills_a_server_that_takes_its_time() {
    alone(async {
        let left = ends_busy(As::Copilot).await;
        assert!(left.was_killed && left.after < Duration::from_millis(400), "{left:?}");
        // Asked twice, it does not wait for its tasks.
        let left = ends_busy(As::ClaudeCode).await;
        assert!(left.is_clean() && left.after < Duration::from_millis(500), "{left:?}");
        let left = ends_busy(As::OpenCode).await;
        assert!(left.is_clean() && left.after >= Duration::from_secs(5), "{left:?}");
    });
}

#[test]
fn what_a_server_leaves_behind_is_named_and_killed() {
    alone(async {
        let command = in_a_shell("sleep 60 > /dev/null & exec \"$SERVER\"");
        let left = testing::connect_process(command, As::Plain).await.leave().await;
        assert_eq!(left.status.and_then(|status| status.code()), Some(0));
        // It is not waited for.
        assert!(left.after < Duration::from_millis(500), "{left:?}");
        let [sleep] = &*left.left_behind else { panic!("{left:?}") };
        let id = sleep.strip_prefix("sleep (").and_then(|it| it.strip_suffix(')'));
        wait_until_gone(id.unwrap_or_else(|| panic!("{sleep}")));
        assert!(!left.is_clean());
    });
}

#[test]
fn a_status_that_is_an_error_is_not_clean() {
    alone(async {
        let left = testing::connect_process(in_a_shell("\"$SERVER\"; exit 3"), As::Plain).await;
        let left = left.leave().await;
        assert_eq!(left.status.and_then(|status| status.code()), Some(3));
        assert!(!left.is_clean() && !left.was_killed, "{left:?}");
    });
}

/// A shell has no handler of SIGTERM.
#[test]
fn who_is_ended_by_a_signal_need_not_have_answered() {
    alone(async {
        let command = in_a_shell("exec 3<&0; \"$SERVER\" <&3 & wait");
        let client = testing::connect_process(command, As::Gemini).await;
        drop(client.start("wait", json!({})));
        let left = client.leave().await;
        assert_eq!(left.status.and_then(|status| status.signal()), Some(15));
        assert!(!left.was_killed && !left.is_clean(), "{left:?}");
    });
}

#[test]
fn a_process_whose_client_is_dropped_is_killed_with_what_it_started() {
    alone(async {
        let ids = file("dropped");
        let mut command =
            in_a_shell("sleep 60 & echo $! > \"$IDS\"; echo $$ >> \"$IDS\"; exec \"$SERVER\"");
        command.env("IDS", &ids);
        let client = testing::connect_process(command, As::Plain).await;
        let ids = noted(&ids);
        assert!(ids.len() == 2 && ids.iter().all(|id| runs(id)), "{ids:?}");
        drop(client);
        // tokio waits for it when it hears of its end.
        tokio::time::sleep(Duration::from_millis(50)).await;
        ids.iter().for_each(|id| wait_until_gone(id));
    });
}

#[test]
fn a_process_has_real_time_also_where_the_clock_was_paused() {
    alone(async {
        tokio::time::pause();
        let client = testing::connect_process(Command::new(example("endings")), As::Codex).await;
        assert_eq!(client.call("ready", json!({})).await.result(), Ok("ready"));
        tokio::time::pause();
        let left = client.leave().await;
        assert!(left.is_clean(), "{left:?}");
    });
}

#[test]
fn a_program_that_is_not_there_is_named() {
    alone(async {
        let connect = testing::connect_process(Command::new("no-such-server"), As::Plain);
        let panic = AssertUnwindSafe(connect).catch_unwind().await.expect_err("there is none");
        let said = panic.downcast_ref::<String>().expect("a text");
        assert_eq!(
            said,
            "the server `no-such-server` cannot be started: No such file or directory (os error 2)"
        );
    });
}
