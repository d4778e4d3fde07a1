//! Calls of plain tools that go on with another request, which brings what they ask (MCP 2026-07-28).

use std::collections::HashMap;
use std::convert::Infallible;
use std::future::pending;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures::FutureExt as _;
use futures::future::{BoxFuture, Shared};
use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CallToolResult, InputRequiredResult, InputResponses,
};

use super::asked::unknown_state;
use super::calls::Refusal;
use super::limit::Early;
use super::{ToolService, trace};
use crate::context::Context;
use crate::delivery::{LogOfRequests, Shows};
use crate::log::Question;
use crate::output::Body;
use crate::question::{Conversation, Response, judged};
use crate::tool::Definition;

/// How many calls of a connection may wait for an answer at once; those that are over go first, then the oldest.
const MOST: usize = 100;

/// The same of all clients that nobody tells apart.
#[cfg(feature = "http")]
const MOST_OF_MANY: usize = 10_000;

/// The calls of a connection that wait for an answer, or were answered since.
#[derive(Clone, Default)]
pub(super) struct Parked(Arc<Mutex<Calls>>);

struct Calls {
    by_id: HashMap<Box<str>, Kept>,
    /// Which comes next.
    count: u64,
    /// How many there may be.
    most: usize,
}

impl Default for Calls {
    fn default() -> Self {
        Self { by_id: HashMap::new(), count: 0, most: MOST }
    }
}

/// A call that waits for an answer, or was answered since.
struct Kept {
    call: Call,
    number: u64,
    /// It counts among the requests that are handled, as long as it waits.
    place: Option<Early>,
}

/// A call that runs, and what comes of it.
#[derive(Clone)]
struct Call {
    conversation: Conversation,
    outcome: Outcome,
    /// Where it logs to.
    logs: LogOfRequests,
}

/// Any number of requests may wait for it: a client repeats one whose reply it lost.
type Outcome = Shared<BoxFuture<'static, Result<CallToolResult, Refusal>>>;

impl std::fmt::Debug for Parked {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Parked").finish_non_exhaustive()
    }
}

impl Parked {
    /// Those of many clients.
    #[cfg(feature = "http")]
    pub(super) fn of_many() -> Self {
        Self(Arc::new(Mutex::new(Calls { most: MOST_OF_MANY, ..Calls::default() })))
    }

    fn calls(&self) -> MutexGuard<'_, Calls> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn get(&self, id: &str) -> Option<Call> {
        self.calls().by_id.get(id).map(|kept| kept.call.clone())
    }

    fn insert(&self, call: &Call, place: Early) {
        let mut calls = self.calls();
        calls.count += 1;
        let number = calls.count;
        // It may have ended since.
        let place = Some(place).filter(|_| !call.conversation.cancelled().is_cancelled());
        let kept = Kept { call: call.clone(), number, place };
        calls.by_id.insert(call.conversation.id().into(), kept);
        if calls.by_id.len() > calls.most {
            let is_over = |kept: &Kept| kept.call.outcome.peek().is_some();
            let first = calls.by_id.values().min_by_key(|kept| (!is_over(kept), kept.number));
            let first = first.map(|kept| kept.call.clone());
            if let Some(first) = first {
                first.conversation.cancelled().cancel();
                calls.by_id.remove(first.conversation.id());
            }
        }
    }

    /// A call does not wait any more.
    fn free(&self, id: &str) {
        let place = self.calls().by_id.get_mut(id).and_then(|kept| kept.place.take());
        drop(place);
    }
}

impl ToolService {
    /// Whether a call of a plain tool may ask, and would by its reply. What asks has a `Call`.
    pub(super) fn asks_by_reply(&self, tool: &Definition, context: &Context) -> bool {
        let may_ask = tool.takes_call() || self.around(tool).is_some();
        let shows = || Shows::of(context.client_capabilities());
        may_ask && context.knows_tasks() && shows() != Shows::default()
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
                self.parked.free(state);
                known.logs.set(context.log_messages(&tool.about.name, &self.log_level));
                take_responses(&known.conversation, &responses);
                known
            }
        };
        tokio::select! {
            biased;
            outcome = call.outcome.clone() => Ok(outcome?.into()),
            questions = call.conversation.questions() => {
                self.parked.insert(&call, self.intake.limit.park());
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
        let logs = LogOfRequests::default();
        logs.set(context.log_messages(&tool.about.name, &self.log_level));
        let mut context = context.clone();
        context.extensions.insert(conversation.clone());
        context.extensions.insert(logs.clone());
        context.cancelled = conversation.cancelled().clone();
        let body = self.plain_body(tool, call.arguments.unwrap_or_default(), &context)?;
        let span = trace::span_of_call(&context);
        let (mut service, tool, asks) = (self.clone(), Arc::clone(tool), conversation.clone());
        let beside = match self.ending.of_what_stays() {
            Some(ending) => {
                service.ending = ending;
                None
            }
            None => Some(self.ending.beside()),
        };
        let runs = tokio::spawn(async move {
            let _beside = beside;
            let outcome = {
                // As the token of any other call, it is cancelled when the call is answered, too.
                let _answered = context.cancelled.clone().drop_guard();
                let work = Box::pin(service.run_asking(&tool, body, &context, &asks));
                trace::in_span_of_call(span, work).await
            };
            service.parked.free(asks.id());
            outcome
        });
        let outcome = async move {
            let ended = |_| Err("the server ended before the tool did".to_owned().into());
            runs.await.unwrap_or_else(ended)
        };
        Ok(Call { conversation, outcome: outcome.boxed().shared(), logs })
    }

    /// Runs the body of a call; once the connection ends, nobody answers what it asks.
    async fn run_asking(
        &self,
        tool: &Definition,
        body: Body,
        context: &Context,
        asks: &Conversation,
    ) -> Result<CallToolResult, Refusal> {
        let nobody_answers = async {
            self.ending.begun().await;
            asks.close();
            pending::<Infallible>().await
        };
        tokio::select! {
            outcome = self.run(tool, body, context) => outcome,
            never = nobody_answers => match never {},
        }
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
