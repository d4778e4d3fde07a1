//! Requests that are simple: calls of plain tools that take nothing of a call but arguments, and `tasks/get`.
//!
//! Most requests of most clients are, and need nothing of what makes one of MCP large: no message of rmcp, no gate, as
//! nothing but the reply ever leaves, and no map of arguments. Whatever is unusual about one is left to the usual way.

use std::sync::Arc;

use rmcp::model::{InitializeRequestParams, RequestId};
use tokio_util::sync::CancellationToken;

use super::Answers;
use super::direct::{Answer, run, spawn};
use super::lines::{Entry, ShortRequest};
use super::requests::Requests;
use crate::context::Declared;
use crate::numbers::has_large;
use crate::parameter::CallArguments;
use crate::tool::Definition;

/// What a client said when its session began; `None` of one that began without `initialize`.
pub(crate) type Session = Option<Arc<InitializeRequestParams>>;

/// What a simple request brings besides what it asks.
pub(crate) struct Asked {
    pub(crate) id: RequestId,
    pub(crate) declared: Arc<Declared>,
    pub(crate) session: Session,
    /// Cancelled when the client cancels the request.
    pub(crate) cancelled: CancellationToken,
}

impl Asked {
    fn by(read: &ShortRequest<'_>, session: Session, cancelled: CancellationToken) -> Self {
        let declared = read.declared().cloned().unwrap_or_else(Declared::nothing);
        Self { id: read.id().clone(), declared, session, cancelled }
    }
}

/// Has a request answered, if it is a simple one; returns whether it is.
pub(super) fn answered(
    answers: &Arc<dyn Answers>,
    requests: &Requests,
    request: &mut Option<ShortRequest<'_>>,
) -> bool {
    request
        .as_mut()
        .is_some_and(|read| answered_at(answers, requests, read, &|_| Some(())).is_some())
}

/// The same, where `open` opens the place of its answer: nothing is done about a request that has none.
pub(super) fn answered_at<T>(
    answers: &Arc<dyn Answers>,
    requests: &Requests,
    read: &mut ShortRequest<'_>,
    open: &impl Fn(&RequestId) -> Option<T>,
) -> Option<T> {
    match read.gets_task() {
        true => get_task(answers, requests, read, open),
        false => call(answers, requests, read, open),
    }
}

fn call<T>(
    answers: &Arc<dyn Answers>,
    requests: &Requests,
    read: &mut ShortRequest<'_>,
    open: &impl Fn(&RequestId) -> Option<T>,
) -> Option<T> {
    let (tool, session) = answers.simple(read.called()?)?;
    let names = names_of(&tool, read.arguments())?;
    let cancelled = CancellationToken::new();
    let place = requests.enter_simple(read, Some((&tool.about.name, &cancelled)), open)?;
    let values = read.take_arguments().into_iter().map(|(_, value)| value);
    let arguments = CallArguments::Known(names.into_iter().zip(values).collect());
    let asked = Asked::by(read, session, cancelled);
    // It may block the thread that polls it.
    spawn(requests, read.id(), Arc::clone(answers).answer_simple(tool, arguments, asked));
    Some(place)
}

fn get_task<T>(
    answers: &Arc<dyn Answers>,
    requests: &Requests,
    read: &mut ShortRequest<'_>,
    open: &impl Fn(&RequestId) -> Option<T>,
) -> Option<T> {
    let session = answers.has_tasks(read.version())?;
    let place = requests.enter_simple(read, None, open)?;
    let cancelled = CancellationToken::new();
    let asked = Asked::by(read, session, cancelled.clone());
    let reply = Arc::clone(answers).get_task(read.take_task_id(), asked);
    run(requests, read.id(), Answer { reply, is_ours: true }, cancelled);
    Some(place)
}

/// How many arguments a simple call may have: with more it takes longer to find each than to hash it.
const FEW: usize = 16;

/// The names of arguments; `None` if one of them is none of the tool's, or there twice, or has a number whose digits would
/// be lost.
fn names_of(tool: &Definition, arguments: &[Entry<'_>]) -> Option<[&'static str; FEW]> {
    let mut names = [""; FEW];
    for (index, (name, value)) in arguments.iter().enumerate() {
        let (before, rest) = names.split_at_mut(index.min(FEW));
        let known = tool.argument_named(name)?;
        if before.contains(&known) || has_large(value) {
            return None;
        }
        *rest.first_mut()? = known;
    }
    Some(names)
}
