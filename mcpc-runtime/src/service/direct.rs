//! Requests that are ours, answered without rmcp's loop.
//!
//! The loop is needed once: it knows how a session began, and hands out the peer that says so. After that it would add
//! nothing to what is ours, and take more time than the answer does.

use std::pin::pin;
use std::sync::Arc;

#[cfg(feature = "http")]
use rmcp::model::ClientNotification;
use rmcp::model::{ClientRequest, Extensions, InitializeRequestParams, RequestId, ServerResult};
use tokio_util::sync::CancellationToken;

use super::ToolService;
use super::answer::Ours;
use super::calls::or_error;
use super::limit::Limit;
use super::reach::Known;
use crate::context::{Client, Context, Declared, is_modern, named_version};
use crate::delivery::Shows;
use crate::guard::Guarded;
use crate::log::Boxed;
use crate::names::Dialect;
use crate::parameter::CallArguments;
use crate::reply::Reply;
use crate::tool::{Definition, Kind};
use crate::transport::{Answer, Answers, Asked, Session, TaskParams};

/// What answers those of one connection.
pub(super) struct Direct {
    tools: ToolService,
    limit: Limit,
    /// Whether each request is all there is of its connection, so that no loop has to know who asks.
    stands_alone: bool,
}

impl Direct {
    pub(super) fn new(tools: ToolService, limit: Limit, stands_alone: bool) -> Self {
        Self { tools, limit, stands_alone }
    }

    /// What is [known](super::reach::Reach::known); of a request that stands alone there is nothing to know.
    fn known(&self) -> Option<Known> {
        let known = self.tools.intake.reach.known();
        known.or_else(|| self.stands_alone.then(Known::default))
    }

    /// Whether what a request runs is all ours; `None` if it needs the loop.
    fn runs_ours(
        &self,
        request: &ClientRequest,
        session: Option<&InitializeRequestParams>,
    ) -> Option<bool> {
        let knows_tasks = || match named_version(request) {
            Some(version) => is_modern(Some(version)),
            None => session.is_some_and(|it| is_modern(Some(it.protocol_version.as_str()))),
        };
        match request {
            // The loop has it answered as MCP 2025-11-25 does, or refused.
            ClientRequest::CallToolRequest(call)
                if call.extensions.get::<TaskParams>().is_some() =>
            {
                None
            }
            ClientRequest::CallToolRequest(call) => self.call_runs_ours(&call.params.name),
            ClientRequest::InitializeRequest(_) => {
                self.tools.intake.reach.begin_again();
                None
            }
            // The loop answers it, but it holds for the calls that follow.
            ClientRequest::SetLevelRequest(level) => {
                if !knows_tasks() && self.limit.enter(&mut Extensions::new()).is_ok() {
                    self.tools.log_level.set(level);
                }
                None
            }
            others => self.tools.is_about_task(others, knows_tasks).then_some(true),
        }
    }

    fn call_runs_ours(&self, name: &str) -> Option<bool> {
        let shared = self.tools.shared();
        if Dialect::of_handshake(name).is_some() {
            return Some(true);
        }
        let Some(tool) = shared.registry.find(name) else {
            // It may be a tool of the user's handler.
            return shared.inner.is_none().then_some(true);
        };
        // A `Call` reaches its client by the loop.
        let needs_loop = tool.takes_call() || self.tools.around(&tool).is_some();
        (!needs_loop).then_some(tool.about.kind != Kind::Plain)
    }

    /// Handles a request, as the loop would have it handled.
    async fn handle(self: Arc<Self>, request: Ours, mut context: Box<Context>) -> Reply {
        let is_modern = context.knows_tasks();
        let refused = |error| Reply::new(Err(error), is_modern);
        let _running = match self.limit.enter(&mut context.extensions) {
            Ok(running) => running,
            Err(error) => return refused(error),
        };
        let is_call = matches!(request, Ours::Call(_) | Ours::Simple(..));
        let answer = pin!(self.tools.answer(request, context));
        let answer = match is_call {
            // It sees to its end by itself.
            true => Ok(Guarded::new(answer).await),
            false => self.tools.until_grace_over(answer).await,
        };
        or_error(answer).unwrap_or_else(refused)
    }

    /// Whether a request starts a task that may ask its client, which would be sent a request.
    fn may_ask(&self, request: &ClientRequest, session: Option<&InitializeRequestParams>) -> bool {
        let ClientRequest::CallToolRequest(call) = request else { return false };
        if is_modern(named_version(request)) {
            return false;
        }
        let declared = Declared::of(call);
        let of_session = session.map(|session| &session.capabilities);
        let shows_any = Shows::of(declared.capabilities().or(of_session)) != Shows::default();
        let tool = || self.tools.shared().registry.find(&call.params.name);
        shows_any && tool().is_some_and(|tool| tool.about.kind == Kind::Background)
    }

    /// Answers what is asked of everybody, in a session that rests: no loop is begun for that.
    fn answer_at_rest(self: &Arc<Self>, request: &ClientRequest) -> Option<Answer> {
        // What names a version has to bring more than that.
        let is_ours =
            matches!(request, ClientRequest::PingRequest(_) | ClientRequest::ListToolsRequest(_));
        if !is_ours || named_version(request).is_some() {
            return None;
        }
        let lists = matches!(request, ClientRequest::ListToolsRequest(_));
        let this = Arc::clone(self);
        let reply = async move {
            let outcome = this.limit.enter(&mut Extensions::new()).map(|_running| match lists {
                true => this.tools.listed(),
                false => ServerResult::empty(()),
            });
            Reply::new(outcome, false)
        };
        Some(Answer { reply: Box::pin(reply), is_ours: true })
    }
}

fn context_of(asked: Asked) -> Box<Context> {
    let Asked { id, declared, session, cancelled } = asked;
    Box::new(Context::of_simple(id, declared, cancelled, Client { session, peer: None }))
}

impl Answers for Direct {
    fn answer(
        self: Arc<Self>,
        id: &RequestId,
        request: &mut ClientRequest,
        cancelled: &CancellationToken,
    ) -> Option<Answer> {
        let Known { session, rests } = self.known()?;
        if rests && let Some(answer) = self.answer_at_rest(request) {
            return Some(answer);
        }
        let is_ours = self.runs_ours(request, session.as_deref())?;
        let may_ask = is_ours && self.may_ask(request, session.as_deref());
        let peer = if may_ask { self.tools.intake.reach.peer() } else { None };
        if may_ask && peer.is_none() && !self.stands_alone {
            // The next loop has one.
            return None;
        }
        let asked = Ours::taken_from(request)?;
        let client = Client { session, peer };
        let context = Context::new(id.clone(), request, cancelled.clone(), client);
        Some(Answer { reply: Box::pin(self.handle(asked, Box::new(context))), is_ours })
    }

    fn simple(&self, name: &str) -> Option<(Arc<Definition>, Session)> {
        let tool = self.tools.shared().simple(name)?;
        Some((tool, self.known()?.session))
    }

    fn answer_simple(
        self: Arc<Self>,
        tool: Arc<Definition>,
        arguments: CallArguments,
        asked: Asked,
    ) -> Boxed<'static, Reply> {
        Box::pin(self.handle(Ours::Simple(tool, arguments), context_of(asked)))
    }

    fn has_tasks(&self, version: Option<&str>) -> Option<Session> {
        let Known { session, .. } = self.known()?;
        let of_session = || session.as_ref().map(|session| session.protocol_version.as_str());
        let knows_tasks = is_modern(version.or_else(of_session));
        (self.tools.shared().has_tasks && knows_tasks).then_some(session)
    }

    fn get_task(self: Arc<Self>, task_id: String, asked: Asked) -> Boxed<'static, Reply> {
        Box::pin(self.handle(Ours::GetTask(task_id), context_of(asked)))
    }

    #[cfg(feature = "http")]
    fn hear(&self, notification: &ClientNotification) -> bool {
        let Some(Known { session, rests }) = self.tools.intake.reach.known() else { return false };
        match notification {
            ClientNotification::InitializedNotification(_)
                if session.is_some() && self.tools.shared().inner.is_none() =>
            {
                self.tools.tell_changes();
                true
            }
            // They are about what a loop runs, or for a handler.
            _ => rests,
        }
    }
}
