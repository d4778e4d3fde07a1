//! One test, under every kind of client.

use std::any::Any;
use std::fmt;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use futures::FutureExt as _;
use serde_json::Value;

use super::client::{Called, Client, Session};
use super::outcome::{Ending, Outcome};
use super::persona::As;
use super::{Serves, clock, open, panics};

/// Runs a test under every kind of client ([`As::ALL`]), each with a connection of its own, and checks
///
/// - that the test passes under each;
/// - that each gets the same result of the same call, whatever way it learns of it;
/// - that the server breaks no rule of MCP or MCPC that a client can see: every request has one reply, nothing follows the
///   end of a task, progress increases and ends with its call, no callback for a client that does not speak MCPC, a task for
///   those alone that declare the extension, structured content where it is promised, and so on;
/// - that no question stays open, and each answer is taken or refused in words ([`Client::answers`]): the test gives the answers
///   once, and each client brings them in its way. A call in which [`As::Codex`] left out what was answered is not compared;
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
/// When any of that does not hold: the message names each kind of client, with what it got. Those that fail alike are told of once. The
/// first two of different failures are shown with the last lines of the wire, and so is a client that is content; further ones
/// are in short. A panic at one place in the source is printed for the first client alone.
pub async fn every_client<F>(service: impl Serves, test: F)
where
    F: AsyncFn(Client),
{
    let service = service.source();
    let (panics, mut runs) = (panics::Run::begin(), Vec::new());
    for persona in As::ALL {
        // The test may have resumed it under the client before.
        clock::pause();
        let session = open(service(), persona).await;
        let problems = run(&session, &test, &panics).await;
        runs.push(Run { persona, calls: session.calls(), session, problems });
    }
    drop(panics);
    let usual = usual(&runs);
    let failures: Vec<Failure<'_>> = runs.iter().filter_map(|run| run.failure(usual)).collect();
    let is_content = |run: &&Run| failures.iter().all(|it| it.persona != run.persona);
    let content = [usual].into_iter().chain(&runs).find(is_content).map(content);
    let (failed, all) = (failures.len(), As::ALL.len());
    let parts: Vec<String> = alike(failures).into_iter().chain(content).collect();
    assert!(failed == 0, "{failed} of {all} clients:\n\n{}", parts.join("\n"));
}

/// Shows a client under which nothing is wrong.
fn content(Run { persona, session, .. }: &Run) -> String {
    format!("{persona} is content; the last lines:\n{}", session.last_lines())
}

/// What is wrong under a client.
struct Failure<'a> {
    persona: As,
    problems: String,
    session: &'a Session,
}

/// What is wrong, once for all clients under which the same is.
fn alike(failures: Vec<Failure<'_>>) -> Vec<String> {
    let mut groups: Vec<Vec<Failure<'_>>> = Vec::new();
    for failure in failures {
        match groups.iter_mut().find(|group| group[0].problems == failure.problems) {
            Some(group) => group.push(failure),
            None => groups.push(vec![failure]),
        }
    }
    let say = |(index, group): (usize, Vec<Failure<'_>>)| {
        let names: Vec<String> = group.iter().map(|it| it.persona.to_string()).collect();
        let Failure { persona, problems, session } = &group[0];
        let whose = if group.len() > 1 { format!(" of {persona}") } else { String::new() };
        let names = names.join(", ");
        if index >= IN_FULL {
            return format!("{names}: {}\n", in_short(problems));
        }
        let last_lines = session.last_lines();
        format!("{names}: {problems}\nthe last lines{whose}:\n{last_lines}")
    };
    groups.into_iter().enumerate().map(say).collect()
}

/// How many different failures are shown with the lines of a client.
const IN_FULL: usize = 2;

/// The beginning of what is wrong.
fn in_short(problems: &str) -> String {
    const LINES: usize = 4;
    const LENGTH: usize = 200;
    let cut = |line: &str| match line.char_indices().nth(LENGTH) {
        Some((at, _)) => format!("{} [cut]", &line[..at]),
        None => line.to_owned(),
    };
    let mut lines: Vec<String> = problems.lines().take(LINES).map(cut).collect();
    if problems.lines().count() > LINES {
        lines.push("[cut]".to_owned());
    }
    lines.join("\n")
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
    fn failure(&self, usual: &Self) -> Option<Failure<'_>> {
        let Self { persona, session, calls, problems } = self;
        let differences = differences(usual.persona, &usual.calls, calls);
        let problems = [problems.as_slice(), &differences].concat();
        (!problems.is_empty()).then(|| Failure {
            persona: *persona,
            problems: problems.join("\n"),
            session,
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
async fn run<F: AsyncFn(Client)>(
    session: &Arc<Session>,
    test: &F,
    panics: &panics::Run,
) -> Vec<String> {
    let client = Client(Arc::clone(session));
    let ran = AssertUnwindSafe(test(client)).catch_unwind();
    let mut problems = Vec::new();
    tokio::select! {
        biased;
        // The test is about clients that stay.
        () = session.left.cancelled() => {}
        ran = ran => if let Err(panic) = ran {
            let place = panics.last().map(|place| format!(" at {place}")).unwrap_or_default();
            problems.push(format!("the test failed{place}: {}", said(&*panic)));
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
    if outcome.ending == Ending::GaveUp {
        return Some(format!("`{tool}`: {}", outcome.text));
    }
    let error = outcome.seen().err()?;
    Some(format!("`{tool}`: the host of {persona} makes an error of the reply: {error}"))
}

/// What is compared of a result.
#[derive(PartialEq)]
struct Compared<'a> {
    text: Result<&'a str, &'a str>,
    blocks: &'a [Value],
}

impl<'a> Compared<'a> {
    fn of(outcome: &'a Outcome) -> Self {
        // Where something follows it in one text, a line break at its end is not seen.
        let text = outcome.result().map(|it| it.trim_end_matches('\n'));
        let text = text.map_err(|it| it.trim_end_matches('\n'));
        Self { text, blocks: outcome.blocks() }
    }

    fn is_same(&self, other: &Self) -> bool {
        self == other || self.is_value_of(other) || other.is_value_of(self)
    }

    /// Whether it is the one block of another result, as a client of MCPC gets it: as a value, without a type.
    fn is_value_of(&self, other: &Self) -> bool {
        let (Ok(text), true) = (self.text, self.blocks.is_empty()) else { return false };
        let (Ok(""), [Value::Object(block)]) = (other.text, other.blocks) else { return false };
        let Ok(Value::Object(value)) = serde_json::from_str(text) else { return false };
        let mut block = block.clone();
        block.remove("type");
        block == value
    }
}

impl fmt::Display for Compared<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.text)?;
        self.blocks.iter().try_for_each(|block| write!(f, " with {block}"))
    }
}

/// Calls that have another result than those of another client.
fn differences(other: As, theirs: &[Called], ours: &[Called]) -> Vec<String> {
    let mut theirs: Vec<&Called> = theirs.iter().collect();
    let mut differences = Vec::new();
    for our in ours {
        let is_same = |their: &&Called| their.tool == our.tool && their.arguments == our.arguments;
        let Some(at) = theirs.iter().position(is_same) else { continue };
        let their = theirs.remove(at);
        if their.is_without_answers || our.is_without_answers {
            continue;
        }
        let (Some(their), Some(our_outcome)) = (&their.outcome, &our.outcome) else { continue };
        let is_answered = their.is_answered() && our_outcome.is_answered();
        let (their, our_result) = (Compared::of(their), Compared::of(our_outcome));
        if is_answered && !our_result.is_same(&their) {
            let Called { tool, arguments, .. } = our;
            differences.push(format!(
                "`{tool}` with {arguments} ended as {our_result}, and for {other} as {their}"
            ));
        }
    }
    differences
}
