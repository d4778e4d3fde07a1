//! Calls of plain tools that go on with another request, which brings what they ask (MCP 2026-07-28).

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures::FutureExt as _;
use futures::future::{BoxFuture, Shared};
use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CallToolResult, InputRequiredResult, InputResponses,
};

use super::asked::unknown_state;
use super::calls::Refusal;
use super::{ToolService, trace};
use crate::context::Context;
use crate::delivery::Shows;
use crate::log::Question;
use crate::question::{Conversation, Response, judged};
use crate::tool::Definition;

/// How many calls of a connection may wait for an answer at once; those that are over go first, then the oldest.
const MOST: usize = 100;

/// The calls of a connection that wait for an answer, or were answered since.
#[derive(Clone, Default)]
pub(super) struct Parked(Arc<Mutex<Calls>>);

#[derive(Default)]
struct Calls {
    by_id: HashMap<Box<str>, Call>,
    /// Which comes next.
    count: u64,
}

/// A call that runs, and what comes of it.
#[derive(Clone)]
struct Call {
    conversation: Conversation,
    outcome: Outcome,
    number: u64,
}

/// Any number of requests may wait for it: a client repeats one whose reply it lost.
type Outcome = Shared<BoxFuture<'static, Result<CallToolResult, Refusal>>>;

impl std::fmt::Debug for Parked {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Parked").finish_non_exhaustive()
    }
}

impl Parked {
    fn calls(&self) -> MutexGuard<'_, Calls> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn get(&self, id: &str) -> Option<Call> {
        self.calls().by_id.get(id).cloned()
    }

    fn insert(&self, call: &Call) {
        let mut calls = self.calls();
        calls.count += 1;
        let number = calls.count;
        calls.by_id.insert(call.conversation.id().into(), Call { number, ..call.clone() });
        if calls.by_id.len() > MOST {
            let first = calls
                .by_id
                .values()
                .min_by_key(|call| (call.outcome.peek().is_none(), call.number));
            let first = first.cloned();
            if let Some(first) = first {
                first.conversation.cancelled().cancel();
                calls.by_id.remove(first.conversation.id());
            }
        }
    }
}

impl ToolService {
    /// Whether a call of a plain tool is asked by its reply.
    pub(super) fn asks_by_reply(context: &Context) -> bool {
        let shows = || Shows::of(context.client_capabilities());
        context.knows_tasks() && shows() != Shows::default()
    }

    /// Answers a call of a plain tool whose client may be asked.
    pub(super) async fn call_that_asks(
        &self,
        tool: &Arc<Definition>,
        call: CallToolRequestParams,
        context: &Context,
    ) -> Result<CallToolResponse, Refusal> {
        let call = match call.request_state.as_deref() {
            None => self.begin(tool, call, context)?,
            Some(state) => {
                let known = self.parked.get(state);
                let known = known.filter(|it| it.conversation.tool_name() == &*tool.about.name);
                let known = known.ok_or_else(unknown_state)?;
                let responses = call.input_responses.unwrap_or_default();
                take_responses(&known.conversation, &responses);
                known
            }
        };
        tokio::select! {
            biased;
            outcome = call.outcome.clone() => Ok(outcome?.into()),
            questions = call.conversation.questions() => {
                self.parked.insert(&call);
                trace::note(context, "asked");
                Ok(required(&call, &questions, context))
            }
            () = context.cancelled.cancelled() => {
                call.conversation.cancelled().cancel();
                Err(trace::cancelled(context).into())
            }
        }
    }

    /// Runs the body of a call beside the request, as it may outlive that.
    fn begin(
        &self,
        tool: &Arc<Definition>,
        call: CallToolRequestParams,
        context: &Context,
    ) -> Result<Call, Refusal> {
        let conversation = Conversation::new(Arc::clone(&tool.about.name));
        let mut context = context.clone();
        context.extensions.insert(conversation.clone());
        context.cancelled = conversation.cancelled().clone();
        let body = self.plain_body(tool, call.arguments.unwrap_or_default(), &context)?;
        let (service, tool) = (self.clone(), Arc::clone(tool));
        let runs = tokio::spawn(async move {
            // As the token of any other call, it is cancelled when the call is answered, too.
            let _answered = context.cancelled.clone().drop_guard();
            service.run(&tool, body, &context).await
        });
        let outcome = async move {
            let ended = |_| Err("the server ended before the tool did".to_owned().into());
            runs.await.unwrap_or_else(ended)
        };
        Ok(Call { conversation, outcome: outcome.boxed().shared(), number: 0 })
    }
}

/// Hands answers to a call. After one that does not fit it asks anew.
fn take_responses(conversation: &Conversation, responses: &InputResponses) {
    for question in conversation.open() {
        let response = responses.get(&*question.id);
        if let Some(judged) = response.and_then(|response| judged(&question, response)) {
            conversation.answer(&question.id, judged.unwrap_or_else(Response::Refused));
        }
    }
}

/// What the client is asked in place of the result.
fn required(call: &Call, questions: &[Question], context: &Context) -> CallToolResponse {
    let requests = Shows::of(context.client_capabilities()).requests(questions);
    InputRequiredResult::new(Some(requests), Some(call.conversation.id().to_owned())).into()
}
