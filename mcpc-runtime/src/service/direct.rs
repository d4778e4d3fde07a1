//! Requests that are ours, answered without rmcp's loop.
//!
//! The loop is needed once: it knows how a session began, and hands out the peer that says so. After that it would add
//! nothing to what is ours, and take more time than the answer does.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rmcp::RoleServer;
use rmcp::model::{ClientRequest, Extensions, GetMeta as _};
use rmcp::service::Peer;

use super::ToolService;
use super::answer::Ours;
use super::calls::or_error;
use super::limit::Limit;
use crate::context::{Context, is_modern, named_version};
use crate::guard::Guarded;
use crate::names::Dialect;
use crate::reply::Reply;
use crate::tool::Kind;
use crate::transport::{Answer, Answers, Asked, TaskParams};

/// What answers those of one connection.
pub(super) struct Direct {
    tools: ToolService,
    limit: Limit,
    /// Whether each request is all there is of its connection, so that no loop has to know who asks.
    stands_alone: bool,
    /// Whether a session is to begin again. When it has is known to the loop alone, so all that follows is left to it.
    begins_again: AtomicBool,
}

impl Direct {
    pub(super) fn new(tools: ToolService, limit: Limit, stands_alone: bool) -> Self {
        Self { tools, limit, stands_alone, begins_again: AtomicBool::new(false) }
    }

    /// Whether what a request runs is all ours; `None` if it needs the loop.
    fn runs_ours(&self, request: &ClientRequest, peer: Option<&Peer<RoleServer>>) -> Option<bool> {
        let knows_tasks = || match named_version(request.get_meta()) {
            Some(version) => is_modern(Some(version)),
            None => {
                let session = peer.and_then(|peer| peer.peer_info());
                session.is_some_and(|it| is_modern(Some(it.protocol_version.as_str())))
            }
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
                self.begins_again.store(true, Ordering::Relaxed);
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
    async fn handle(self: Arc<Self>, request: Ours, mut context: Context) -> Reply {
        let is_modern = context.knows_tasks();
        let refused = |error| Reply::new(Err(error), is_modern);
        let _running = match self.limit.enter(&mut context.extensions) {
            Ok(running) => running,
            Err(error) => return refused(error),
        };
        let is_call = matches!(request, Ours::Call(_));
        let answer = Box::pin(self.tools.answer(request, context));
        let answer = match is_call {
            // It sees to its end by itself.
            true => Ok(Guarded::new(answer).await),
            false => self.tools.until_grace_over(answer).await,
        };
        or_error(answer).unwrap_or_else(refused)
    }
}

impl Answers for Direct {
    fn answer(self: Arc<Self>, asked: Asked) -> Result<Answer, Box<Asked>> {
        let is_known = !self.begins_again.load(Ordering::Relaxed);
        let peer = self.tools.intake.peer().filter(|_| is_known).cloned();
        if peer.is_none() && !self.stands_alone {
            return Err(Box::new(asked));
        }
        let Some(is_ours) = self.runs_ours(&asked.request, peer.as_deref()) else {
            return Err(Box::new(asked));
        };
        let Asked { id, mut request, cancelled } = asked;
        let context = Context::new(id.clone(), &mut request, cancelled.clone(), peer);
        match Ours::of(request) {
            Ok(request) => Ok(Answer { reply: Box::pin(self.handle(request, context)), is_ours }),
            Err(request) => Err(Box::new(Asked { id, request: *request, cancelled })),
        }
    }
}
