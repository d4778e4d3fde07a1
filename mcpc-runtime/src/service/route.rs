//! Whose a request is: ours, that of the user's handler, or rmcp's.

use std::sync::Arc;

use rmcp::model::{ClientRequest, ErrorCode, ErrorData, ServerResult, SubscriptionFilter};
use rmcp::service::{DynService, RequestContext};
use rmcp::{RoleServer, Service};

use super::Connection;
use super::answer::Ours;
use crate::context::knows_tasks;
use crate::metadata::Metadata;
use crate::phrases::shown;
use crate::transport::Subscription;

impl Connection {
    /// Has a request answered by whose it is; `theirs` is the user's handler if it is a call of a tool of that.
    pub(super) async fn route(
        &self,
        mut request: ClientRequest,
        theirs: Option<&Arc<dyn DynService<RoleServer>>>,
        context: RequestContext<RoleServer>,
    ) -> Result<ServerResult, ErrorData> {
        let has_tasks = self.tools.shared().has_tasks;
        if has_tasks && let Some(subscription) = context.extensions.get::<Subscription>().cloned() {
            return self.tools.listen(subscription, self.tools.context(context)).await;
        }
        if let Some(asked) = self.tools.asked_of_2025(&request, theirs.is_some(), &context) {
            let context = self.tools.context(context);
            return self.tools.answer_of_2025(asked?, context).await.into_outcome();
        }
        if let ClientRequest::CallToolRequest(call) = &mut request
            && let Some(inner) = theirs
        {
            if let Some(arguments) = &mut call.params.arguments {
                Metadata::drop(arguments);
            }
            return inner.handle_request(request, context).await;
        }
        let knows_tasks = || knows_tasks(&context);
        let is_ours = matches!(request, ClientRequest::CallToolRequest(_))
            || self.tools.is_about_task(&request, knows_tasks);
        if is_ours && let Some(ours) = Ours::taken_from(&mut request) {
            let context = Box::new(self.tools.context(context));
            return self.tools.answer(ours, context).await.into_outcome();
        }
        match request {
            ClientRequest::SetLevelRequest(ref level) if !knows_tasks() => {
                self.tools.log_level.set(level);
                self.set_level(request, context).await
            }
            others => self.route_others(others, context).await,
        }
    }

    /// Tells the user's handler, too, what a client wants to hear of.
    async fn set_level(
        &self,
        request: ClientRequest,
        context: RequestContext<RoleServer>,
    ) -> Result<ServerResult, ErrorData> {
        match self.inner().filter(|inner| inner.get_info().capabilities.logging.is_some()) {
            Some(inner) => inner.handle_request(request, context).await,
            None if self.tools.config().capabilities.logging.is_some() => {
                Ok(ServerResult::empty(()))
            }
            None => Err(unknown_method(request.method())),
        }
    }

    /// Has a request answered that is not ours, by the user's handler if there is one.
    async fn route_others(
        &self,
        request: ClientRequest,
        mut context: RequestContext<RoleServer>,
    ) -> Result<ServerResult, ErrorData> {
        let request = match request {
            ClientRequest::ListToolsRequest(list) => {
                let has_tasks = self.tools.has_tasks_of_2025(knows_tasks(&context));
                let listed = self.list_tools(list, context).await?;
                return Ok(if has_tasks { self.tools.with_task_support(listed) } else { listed });
            }
            request => request,
        };
        if matches!(request, ClientRequest::SubscriptionsListenRequest(_)) {
            self.hear_changes_from_here(&mut context.extensions);
        }
        match (&request, self.inner()) {
            (ClientRequest::SubscriptionsListenRequest(listen), Some(inner))
                if self.is_about_tools(&listen.params.notifications, &**inner) =>
            {
                Service::handle_request(&self.tools, request, context).await
            }
            (
                ClientRequest::SubscribeRequest(_) | ClientRequest::UnsubscribeRequest(_),
                Some(inner),
            ) => self.subscribe(request, context, &**inner).await,
            (_, Some(inner)) => {
                let answer = inner.handle_request(request, context).await;
                answer.map(|result| self.tools.complete(result))
            }
            // Of a protocol that has no tasks, or others.
            (
                ClientRequest::GetTaskRequest(_)
                | ClientRequest::UpdateTaskRequest(_)
                | ClientRequest::CancelTaskRequest(_)
                | ClientRequest::CustomRequest(_),
                None,
            ) => Err(unknown_method(request.method())),
            (_, None) => Service::handle_request(&self.tools, request, context).await,
        }
    }

    /// Has the user's handler begin or end a session's subscription to a resource, and notes what it did.
    async fn subscribe(
        &self,
        request: ClientRequest,
        context: RequestContext<RoleServer>,
        inner: &dyn DynService<RoleServer>,
    ) -> Result<ServerResult, ErrorData> {
        let listener = &self.tools.intake.listener;
        let (begun, ended) = match &request {
            ClientRequest::SubscribeRequest(begin) => {
                (Some(listener.begin_to_subscribe(&begin.params.uri)?), None)
            }
            ClientRequest::UnsubscribeRequest(end) => (None, Some(end.params.uri.clone())),
            _ => (None, None),
        };
        let answer = inner.handle_request(request, context).await?;
        if let Some(subscribing) = begun {
            subscribing.done();
        }
        if let Some(uri) = ended {
            listener.unsubscribe(&uri);
        }
        Ok(self.tools.complete(answer))
    }

    /// Whether a subscription is about tools that come and go, and about nothing of which the user's handler could tell.
    fn is_about_tools(
        &self,
        wanted: &SubscriptionFilter,
        inner: &dyn DynService<RoleServer>,
    ) -> bool {
        let mut others = wanted.supported_by(&inner.get_info().capabilities);
        others.tools_list_changed = None;
        self.tools.accepted(wanted).is_some() && others == SubscriptionFilter::default()
    }

    /// The user's handler, for what is not about tools.
    pub(super) fn inner(&self) -> Option<&Arc<dyn DynService<RoleServer>>> {
        self.tools.shared().inner.as_ref()
    }
}

fn unknown_method(method: &str) -> ErrorData {
    ErrorData::new(ErrorCode::METHOD_NOT_FOUND, format!("unknown method `{}`", shown(method)), None)
}
