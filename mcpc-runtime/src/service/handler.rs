//! What rmcp's loop asks of a connection.

use std::borrow::Cow;

use rmcp::model::{
    ClientNotification, ClientRequest, ErrorData, InitializeRequestParams, InitializeResult,
    ListToolsResult, PaginatedRequestParams, ProtocolVersion, ServerConfig, ServerResult,
    SubscriptionFilter,
};
use rmcp::service::{NotificationContext, RequestContext, SubscriptionContext};
use rmcp::{RoleServer, ServerHandler, Service};

use super::calls::or_error;
use super::capabilities::{merge, without_tasks};
use super::{Connection, ToolService};
use crate::guard::Guarded;
use crate::logging::event;
use crate::transport::Subscription;

impl Service<RoleServer> for Connection {
    async fn handle_request(
        &self,
        request: ClientRequest,
        mut context: RequestContext<RoleServer>,
    ) -> Result<ServerResult, ErrorData> {
        if !matches!(request, ClientRequest::DiscoverRequest(_)) {
            // Before the beginning, a question gets a peer that reaches nobody.
            self.tools.intake.reach.meet(&context.peer);
        }
        let _running = self.limit.enter(&mut context.extensions)?;
        // These see to their end by themselves: they tell what became of the task or the tool.
        let (theirs, has_an_end) = match &request {
            ClientRequest::CallToolRequest(call) => {
                let theirs = self.handler_of(&call.params);
                (theirs, theirs.is_none())
            }
            request => {
                let listens = context.extensions.get::<Subscription>().is_some();
                (None, listens || self.tools.waits_for_task(request))
            }
        };
        // Boxed, as the futures of rmcp around this one hold it several times over.
        let answer = Box::pin(self.route(request, theirs, context));
        let answer = match has_an_end {
            true => Ok(Guarded::new(answer).await),
            false => self.tools.until_grace_over(answer).await,
        };
        or_error(answer)?
    }

    async fn handle_notification(
        &self,
        notification: ClientNotification,
        context: NotificationContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        if matches!(notification, ClientNotification::InitializedNotification(_))
            && context.peer.peer_info().is_some()
        {
            self.tools.tell_changes();
        }
        match self.inner() {
            Some(inner) => {
                let handled = Box::pin(inner.handle_notification(notification, context));
                Guarded::new(handled).await.unwrap_or_else(|_| {
                    event!(error, "the server's handler panicked at a notification");
                    Ok(())
                })
            }
            None => Service::handle_notification(&self.tools, notification, context).await,
        }
    }

    fn get_info(&self) -> ServerConfig {
        ServerHandler::get_info(&self.tools)
    }

    fn supported_protocol_versions(&self) -> Cow<'static, [ProtocolVersion]> {
        ServerHandler::supported_protocol_versions(&self.tools)
    }
}

impl ToolService {
    fn list(&self) -> ListToolsResult {
        ListToolsResult::with_all_items(self.shared().registry.now().list().to_vec())
    }

    /// The list of tools, as sessions have it, and as rmcp would make it of ours.
    pub(super) fn listed(&self) -> ServerResult {
        let mut listed = ServerResult::ListToolsResult(self.list());
        listed.strip_result_type_for_legacy_peer();
        listed.strip_non_object_output_for_legacy_peer();
        match self.has_tasks_of_2025(false) {
            true => self.with_task_support(listed),
            false => listed,
        }
    }
}

impl ServerHandler for ToolService {
    fn get_info(&self) -> ServerConfig {
        let config = self.config();
        match &self.shared().inner {
            Some(inner) => merge(inner.get_info(), &config),
            None => config.into_owned(),
        }
    }

    async fn initialize(
        &self,
        request: InitializeRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<InitializeResult, ErrorData> {
        context.peer.set_peer_info(request.clone());
        Ok(without_tasks(self.negotiate_initialize(&request)?))
    }

    fn supported_protocol_versions(&self) -> Cow<'static, [ProtocolVersion]> {
        self.shared().versions()
    }

    fn accepted_subscription_filter(
        &self,
        requested: &SubscriptionFilter,
    ) -> Option<SubscriptionFilter> {
        self.accepted(requested)
    }

    async fn listen(&self, subscription: SubscriptionContext) -> Result<(), ErrorData> {
        self.tell_subscriber(subscription).await;
        Ok(())
    }

    async fn list_tools(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        Ok(self.list())
    }
}
