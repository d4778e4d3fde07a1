//! The tools of the user's own handler, which stand after ours.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use rmcp::model::{
    CallToolRequestParams, ClientRequest, ErrorCode, ErrorData, ListToolsRequest, ListToolsResult,
    ServerResult,
};
use rmcp::service::{DynService, RequestContext};
use rmcp::{RoleServer, Service};

use super::Connection;
use crate::logging::event;
use crate::names::Dialect;
use crate::phrases::shown;

/// The names that the handler gave tools of its own, although there are tools of ours that have them.
#[derive(Debug, Default)]
pub(crate) struct Shadowed(Mutex<HashSet<String>>);

impl Shadowed {
    /// Logs a name, once.
    fn mention(&self, name: &str) {
        /// No more are remembered, or logged.
        const MOST: usize = 100;
        let is_news = {
            let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            known.len() < MOST && known.insert(name.to_owned())
        };
        if is_news {
            let tool = &*shown(name);
            event!(
                warn,
                tool,
                "the handler lists a tool that the server has, too; the server's own is called"
            );
        }
    }
}

impl Connection {
    /// The user's handler, if it has tools of its own.
    fn handler_with_tools(&self) -> Option<&Arc<dyn DynService<RoleServer>>> {
        self.inner().filter(|inner| inner.get_info().capabilities.tools.is_some())
    }

    /// The user's handler, if a call is of a tool of its own, or of none.
    pub(super) fn handler_of(
        &self,
        call: &CallToolRequestParams,
    ) -> Option<&Arc<dyn DynService<RoleServer>>> {
        self.inner()?;
        let is_ours = self.tools.shared().registry.find(&call.name).is_some()
            || Dialect::of_handshake(&call.name).is_some();
        if is_ours { None } else { self.handler_with_tools() }
    }

    /// Lists our tools, and those of the handler after them. Its pages are the pages: ours stand on the first.
    pub(super) async fn list_tools(
        &self,
        request: ListToolsRequest,
        context: RequestContext<RoleServer>,
    ) -> Result<ServerResult, ErrorData> {
        let is_first = request.params.as_ref().is_none_or(|params| params.cursor.is_none());
        let Some(inner) = self.handler_with_tools() else {
            let request = ClientRequest::ListToolsRequest(request);
            return Service::handle_request(&self.tools, request, context).await;
        };
        let theirs = inner
            .handle_request(ClientRequest::ListToolsRequest(request.clone()), context.clone())
            .await;
        if !is_first {
            return theirs.map(|theirs| self.joined(Vec::new(), theirs));
        }
        let request = ClientRequest::ListToolsRequest(request);
        let ours = Service::handle_request(&self.tools, request, context).await?;
        let ServerResult::ListToolsResult(ListToolsResult { tools, .. }) = &ours else {
            return Ok(ours);
        };
        match theirs {
            Ok(theirs) => Ok(self.joined(tools.clone(), theirs)),
            Err(error) => {
                if error.code != ErrorCode::METHOD_NOT_FOUND {
                    let error = &*shown(&error.message);
                    event!(error, error, "the handler did not list its tools");
                }
                Ok(ours)
            }
        }
    }

    /// Our tools, and those of the handler that have names of their own.
    fn joined(&self, mut ours: Vec<rmcp::model::Tool>, theirs: ServerResult) -> ServerResult {
        let ServerResult::ListToolsResult(mut page) = theirs else { return theirs };
        let shared = self.tools.shared();
        ours.extend(page.tools.into_iter().filter(|tool| {
            let is_shadowed = shared.registry.find(&tool.name).is_some();
            if is_shadowed {
                shared.shadowed.mention(&tool.name);
            }
            !is_shadowed
        }));
        page.tools = ours;
        ServerResult::ListToolsResult(page)
    }
}
