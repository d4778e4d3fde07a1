//! Whose a request is: ours, or that of rmcp and the user's handler.

use std::sync::Arc;

use rmcp::model::{ClientRequest, ErrorCode, ErrorData, ServerResult};
use rmcp::service::{DynService, RequestContext};
use rmcp::{RoleServer, Service};

use super::Connection;
use super::capabilities::knows_tasks;
use crate::phrases::shown;
use crate::transport::Subscription;

impl Connection {
    /// Has a request answered by whose it is.
    pub(super) async fn answer(
        &self,
        request: ClientRequest,
        context: RequestContext<RoleServer>,
    ) -> Result<ServerResult, ErrorData> {
        let has_tasks = self.tools.shared().registry.has_tasks();
        if has_tasks && let Some(subscription) = context.extensions.get::<Subscription>().cloned() {
            return self.tools.listen(subscription, context).await;
        }
        match (&request, self.inner()) {
            (ClientRequest::SetLevelRequest(level), inner) if !knows_tasks(&context) => {
                self.tools.log_level.set_level(level);
                match inner.filter(|inner| inner.get_info().capabilities.logging.is_some()) {
                    Some(inner) => inner.handle_request(request, context).await,
                    None if has_tasks => Ok(ServerResult::empty(())),
                    None => Err(unknown_method(request.method())),
                }
            }
            // A protocol that has no tasks, or others.
            (
                ClientRequest::GetTaskRequest(_)
                | ClientRequest::UpdateTaskRequest(_)
                | ClientRequest::CancelTaskRequest(_),
                None,
            ) if !has_tasks || !knows_tasks(&context) => Err(unknown_method(request.method())),
            (ClientRequest::CustomRequest(_), None) => Err(unknown_method(request.method())),
            (_, Some(inner)) if !self.is_ours(&request, &context) => {
                let answer = inner.handle_request(request, context).await;
                answer.map(|result| self.tools.complete(result))
            }
            _ => Service::handle_request(&self.tools, request, context).await,
        }
    }

    /// Whether a request is answered here, although there is a handler of the user's.
    fn is_ours(&self, request: &ClientRequest, context: &RequestContext<RoleServer>) -> bool {
        match request {
            ClientRequest::CallToolRequest(_) | ClientRequest::ListToolsRequest(_) => true,
            ClientRequest::GetTaskRequest(_)
            | ClientRequest::UpdateTaskRequest(_)
            | ClientRequest::CancelTaskRequest(_) => {
                self.tools.shared().registry.has_tasks() && knows_tasks(context)
            }
            _ => false,
        }
    }

    /// The user's handler, for what is not about tools.
    pub(super) fn inner(&self) -> Option<&Arc<dyn DynService<RoleServer>>> {
        self.tools.shared().inner.as_ref()
    }
}

fn unknown_method(method: &str) -> ErrorData {
    ErrorData::new(ErrorCode::METHOD_NOT_FOUND, format!("unknown method `{}`", shown(method)), None)
}
