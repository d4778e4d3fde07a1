//! One test, under every kind of client.

use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use futures::FutureExt as _;

use super::client::{Called, Client, Session};
use super::outcome::{Ending, Outcome};
use super::persona::As;
use super::{Serves, clock, open};

/// Runs a test under every kind of client ([`As::ALL`]), each with a connection of its own, and checks
///
/// - that the test passes under each;
/// - that each gets the same result of the same call, whatever way it learns of it;
/// - that the server breaks no rule of MCP or MCPC that a client can see: every request has one reply, nothing follows the
///   end of a task, progress increases and ends with its call, no callback for a client that does not speak MCPC, a task for
///   those alone that declare the extension, structured content where it is promised, and so on;
/// - that no host gives up on a call, or makes an error of a reply;
/// - that the server ends in order when its client leaves, and after [`As::Leaves`] went away in the middle of the first
///   call that takes its time.
///
/// A [`Server`](crate::server::Server) or [`Service`](crate::server::Service) is shared by all of them; a function that makes
/// one is called for each.
///
#[doc = include_str!("../../docs/testing_every_client.md")]
///
/// # Panics
///
/// When any of that does not hold: the message names each kind of client, with what it got and the last lines of its wire.
pub async fn every_client<F>(service: impl Serves, test: F)
where
    F: AsyncFn(Client),
{
    let service = service.source();
    let mut runs = Vec::new();
    for persona in As::ALL {
        // The test may have resumed it under the client before.
        clock::pause();
        let session = open(service(), persona).await;
        let problems = run(&session, &test).await;
        runs.push(Run { persona, calls: session.calls(), session, problems });
    }
    let usual = usual(&runs);
    let failures: Vec<String> = runs.iter().filter_map(|run| run.failure(usual)).collect();
    let (failed, all) = (failures.len(), As::ALL.len());
    assert!(failures.is_empty(), "{failed} of {all} clients:\n\n{}", failures.join("\n"));
}

/// What came of the test under one client.
struct Run {
    persona: As,
    session: Arc<Session>,
    calls: Vec<Called>,
    problems: Vec<String>,
}

impl Run {
    /// What is wrong, beside what is usual.
    fn failure(&self, usual: &Self) -> Option<String> {
        let Self { persona, session, calls, problems } = self;
        let differences = differences(usual.persona, &usual.calls, calls);
        let problems = [problems.as_slice(), &differences].concat();
        (!problems.is_empty()).then(|| {
            let (problems, last_lines) = (problems.join("\n"), session.last_lines());
            format!("{persona}: {problems}\nthe last lines:\n{last_lines}")
        })
    }
}

/// The run with whose results most of the others agree: of what differs, the fewest are taken for wrong.
fn usual(runs: &[Run]) -> &Run {
    let others = |usual: &&Run| {
        let differ = |run: &&Run| !differences(usual.persona, &usual.calls, &run.calls).is_empty();
        runs.iter().filter(differ).count()
    };
    runs.iter().min_by_key(others).expect("there are clients")
}

/// Runs the test under one client; what is wrong.
async fn run<F: AsyncFn(Client)>(session: &Arc<Session>, test: &F) -> Vec<String> {
    let client = Client(Arc::clone(session));
    let ran = AssertUnwindSafe(test(client)).catch_unwind();
    let mut problems = Vec::new();
    tokio::select! {
        biased;
        // The test is about clients that stay.
        () = session.left.cancelled() => {}
        ran = ran => if let Err(panic) = ran {
            problems.push(format!("the test failed: {}", said(&*panic)));
        },
    }
    if let Err(error) = session.leave().await {
        problems.push(error);
    }
    let calls = session.calls();
    problems.extend(calls.iter().filter_map(|called| given_up(session.persona, called)));
    problems
}

/// What a panic said.
fn said(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("a panic")
}

/// What a host made of a call that it should not have.
fn given_up(persona: As, called: &Called) -> Option<String> {
    let outcome = called.outcome.as_ref()?;
    let tool = &called.tool;
    if let Ending::GaveUp(after) = outcome.ending {
        return Some(format!("`{tool}`: the client gave up after {after:?}"));
    }
    let error = outcome.seen().err()?;
    Some(format!("`{tool}`: the host of {persona} makes an error of the reply: {error}"))
}

/// What is compared of a result: where something follows it in one text, a line break at its end is not seen.
fn compared(outcome: &Outcome) -> Result<&str, &str> {
    let text = outcome.result();
    text.map(|it| it.trim_end_matches('\n')).map_err(|it| it.trim_end_matches('\n'))
}

/// Calls that have another result than those of another client.
fn differences(other: As, theirs: &[Called], ours: &[Called]) -> Vec<String> {
    let mut theirs: Vec<&Called> = theirs.iter().collect();
    let mut differences = Vec::new();
    for our in ours {
        let is_same = |their: &&Called| their.tool == our.tool && their.arguments == our.arguments;
        let Some(at) = theirs.iter().position(is_same) else { continue };
        let their = theirs.remove(at);
        let (Some(their), Some(our_outcome)) = (&their.outcome, &our.outcome) else { continue };
        let is_answered = their.is_answered() && our_outcome.is_answered();
        if is_answered && compared(their) != compared(our_outcome) {
            differences.push(format!(
                "`{}` with {} ended as {:?}, and for {other} as {:?}",
                our.tool,
                our.arguments,
                our_outcome.result(),
                their.result(),
            ));
        }
    }
    differences
}
