//! How questions of a server are answered.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use rmcp::model::{
    ClientConfig, CustomRequest, CustomResult, ElicitRequestParams, ElicitResult, ErrorCode,
    ErrorData,
};
use rmcp::service::RequestContext;
use rmcp::{ClientHandler, RoleClient};
use serde_json::{Map, Value, json};

use super::heard::Heard;
use super::routes::Routes;
use super::said::{Answer, Event, Question, Said};
use crate::guard::{Guarded, guarded};
use crate::log::Boxed;
use crate::logging::event;

/// What answers a question in place of who reads a task's stream.
pub(super) type Callback = Arc<dyn Fn(Question) -> Boxed<'static, Answer> + Send + Sync>;

/// Brings questions to who answers them.
#[derive(Clone)]
pub(super) struct Questions {
    routes: Routes,
    callback: Arc<RwLock<Option<Callback>>>,
}

impl fmt::Debug for Questions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Questions")
    }
}

impl Questions {
    pub(super) fn new(routes: Routes, callback: Option<Callback>) -> Self {
        Self { routes, callback: Arc::new(RwLock::new(callback)) }
    }

    pub(super) fn set_callback(&self, callback: Callback) {
        *self.callback.write().unwrap_or_else(PoisonError::into_inner) = Some(callback);
    }

    /// Asks what MCP's `elicitation/create` asks with these parameters. Without a callback it goes to the stream of the
    /// task that asks, and if nobody can tell which that is, to all who listen to events.
    async fn ask(&self, params: &Value, heard: Option<Arc<Heard>>) -> Answer {
        let task_id = heard.as_ref().and_then(|heard| heard.task_id());
        let (question, answer) = Question::new(params, task_id);
        let callback = self.callback.read().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(callback) = callback {
            let asked = guarded(|| callback(question));
            let answered = match asked {
                Ok(answer) => Guarded::new(answer).await,
                Err(panic) => Err(panic),
            };
            return answered.unwrap_or_else(|_| {
                event!(error, "what answers questions panicked; the question is cancelled");
                Answer::Cancel
            });
        }
        let bytes = params.to_string().len();
        match heard {
            Some(heard) => heard.ask(Said::Question(question), bytes),
            None => {
                self.routes.event(|| (Event::Question(question), bytes));
            }
        }
        // Who drops it does not answer.
        answer.await.unwrap_or(Answer::Cancel)
    }

    /// Answers one of the requests that a result or a task asks for; `None` if that is nothing we can do.
    pub(super) async fn input(&self, request: &Value, heard: &Arc<Heard>) -> Option<Value> {
        match request["method"].as_str()? {
            "elicitation/create" => {
                let answer = self.ask(&request["params"], Some(Arc::clone(heard))).await;
                Some(answer.into_result())
            }
            "roots/list" => Some(json!({"roots": []})),
            _ => None,
        }
    }

    /// Answers all of them, at once.
    pub(super) async fn inputs(
        &self,
        requests: Map<String, Value>,
        heard: &Arc<Heard>,
    ) -> BTreeMap<String, Value> {
        let answers = requests
            .iter()
            .map(async |(key, request)| Some((key.clone(), self.input(request, heard).await?)));
        futures::future::join_all(answers).await.into_iter().flatten().collect()
    }
}

/// The client that rmcp runs.
#[derive(Debug)]
pub(super) struct Handler {
    pub(super) questions: Questions,
    pub(super) routes: Routes,
    pub(super) info: ClientConfig,
}

/// Where a request of MCP 2025-11-25 names the task that it belongs to.
const RELATED_TASK: &str = "io.modelcontextprotocol/related-task";

impl Handler {
    async fn elicit(&self, params: &Value, context: &RequestContext<RoleClient>) -> Answer {
        let of_params = params["_meta"][RELATED_TASK]["taskId"].as_str();
        let related = context.meta.get(RELATED_TASK).and_then(|related| related["taskId"].as_str());
        let heard = self.routes.asking(related.or(of_params));
        tokio::select! {
            answer = self.questions.ask(params, heard) => answer,
            () = context.ct.cancelled() => Answer::Cancel,
        }
    }
}

impl ClientHandler for Handler {
    async fn create_elicitation(
        &self,
        request: ElicitRequestParams,
        context: RequestContext<RoleClient>,
    ) -> Result<ElicitResult, ErrorData> {
        let params = serde_json::to_value(request).unwrap_or_default();
        let answer = self.elicit(&params, &context).await.into_result();
        serde_json::from_value(answer)
            .map_err(|error| ErrorData::internal_error(error.to_string(), None))
    }

    /// A question whose schema rmcp cannot read comes here.
    async fn on_custom_request(
        &self,
        request: CustomRequest,
        context: RequestContext<RoleClient>,
    ) -> Result<CustomResult, ErrorData> {
        if request.method != "elicitation/create" {
            return Err(ErrorData::new(ErrorCode::METHOD_NOT_FOUND, request.method, None));
        }
        let params = request.params.unwrap_or_default();
        Ok(CustomResult::new(self.elicit(&params, &context).await.into_result()))
    }

    fn get_info(&self) -> ClientConfig {
        self.info.clone()
    }
}
