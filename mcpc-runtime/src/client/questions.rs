//! How questions of a server are answered.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, PoisonError};

use rmcp::model::{
    ClientConfig, CustomRequest, CustomResult, ElicitRequestParams, ElicitResult, ErrorCode,
    ErrorData,
};
use rmcp::service::{InboundStreamOrigin, RequestContext};
use rmcp::{ClientHandler, RoleClient};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::heard::Heard;
use super::routes::Routes;
use super::said::{Answer, Event, Question, Said};
use crate::guard::{Guarded, guarded};
use crate::log::Boxed;
use crate::logging::event;
use crate::question::{Asked, Form, problem_in};

/// What answers a question in place of who reads a task's stream.
pub(super) type Callback = Arc<dyn Fn(Question) -> Boxed<'static, Answer> + Send + Sync>;

/// Brings questions to who answers them.
#[derive(Clone, Debug)]
pub(super) struct Questions {
    routes: Routes,
}

impl Questions {
    pub(super) fn new(routes: Routes) -> Self {
        Self { routes }
    }

    pub(super) fn set_callback(&self, callback: Callback) {
        *self.routes.callback().write().unwrap_or_else(PoisonError::into_inner) = Some(callback);
    }

    /// Asks what MCP's `elicitation/create` asks with these parameters. Without a callback it goes to the stream of the
    /// task that asks, at once, and if nobody can tell which that is, to all who listen to events.
    pub(super) fn ask(&self, params: &Value, heard: Option<&Arc<Heard>>) -> Boxed<'static, Answer> {
        let task_id = heard.and_then(|heard| heard.task_id());
        let (question, answer) = Question::new(params, task_id);
        if let Some(callback) = self.callback() {
            return Box::pin(call(callback, question));
        }
        let bytes = params.to_string().len();
        match heard {
            Some(heard) => heard.ask(Said::Question(question), bytes),
            None => {
                self.routes.event(|| (Event::Question(question), bytes));
            }
        }
        // Who drops it does not answer.
        Box::pin(async { answer.await.unwrap_or(Answer::Cancel) })
    }

    fn callback(&self) -> Option<Callback> {
        self.routes.callback().read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Answers one of the requests that a result or a task asks for; `None` if that is nothing we can do.
    pub(super) async fn input(&self, request: &Value, heard: &Arc<Heard>) -> Option<Value> {
        match request["method"].as_str()? {
            "elicitation/create" => {
                let answer = self.ask(&request["params"], Some(heard)).await;
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

/// Has a callback answer a question; one that panics cancels it.
async fn call(callback: Callback, question: Question) -> Answer {
    let asked = guarded(|| callback(question));
    let answered = match asked {
        Ok(answer) => Guarded::new(answer).await,
        Err(panic) => Err(panic),
    };
    answered.unwrap_or_else(|_| {
        event!(error, "what answers questions panicked; the question is cancelled");
        Answer::Cancel
    })
}

/// A question of a task of MCPC, which is an update, and is answered with the tool `message_task`.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Told {
    #[serde(rename = "question_id")]
    id: String,
    #[serde(flatten)]
    asked: Asked,
    /// How a model answers it; it is no question of a server of ours without that.
    #[serde(rename = "answer_with")]
    how: String,
}

impl Told {
    /// Reads an update; `None` if it is no question.
    pub(super) fn read(update: &Value) -> Option<Self> {
        update.get("question_id")?;
        Self::deserialize(update).ok()
    }

    /// The parameters of `elicitation/create` that ask the same. `refusal` is what the server said to the answer before.
    pub(super) fn params(&self, refusal: Option<&str>) -> Value {
        let message = match refusal {
            Some(refusal) => match problem_in(refusal, &self.id, &self.how) {
                // A person reads it, who has no use for what a model is told to call.
                Some(problem) => Asked { problem: Some(problem), ..self.asked.clone() }.message(),
                None => format!("{refusal}\n\n{}", self.asked.message()),
            },
            None => self.asked.message(),
        };
        json!({ "message": message, "requestedSchema": self.asked.form.schema() })
    }

    /// The arguments of `message_task` with which an answer is given.
    pub(super) fn answered(&self, task_id: &str, answer: Answer) -> Value {
        let message = match (answer, &self.asked.form) {
            (Answer::Accept(Value::Bool(false)), Form::YesOrNo) => json!("no"),
            (Answer::Accept(_), Form::YesOrNo) => json!("yes"),
            (Answer::Accept(content), _) => content,
            // There is no other way to say that nobody answers.
            (Answer::Decline | Answer::Cancel, _) => {
                return json!({"task_id": task_id, "question": self.id, "decline": true});
            }
        };
        json!({"task_id": task_id, "question": self.id, "message": message})
    }
}

/// A question of a task of MCPC that is being answered.
pub(super) struct Answering(pub(super) Told, pub(super) Boxed<'static, Answer>);

impl fmt::Debug for Answering {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Answering").field(&self.0).finish_non_exhaustive()
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
        let heard = match context.extensions.get::<InboundStreamOrigin>() {
            Some(InboundStreamOrigin::OutboundRequest(call)) => self.routes.calling(call),
            _ => None,
        };
        let heard = heard.or_else(|| self.routes.asking(related.or(of_params)));
        tokio::select! {
            answer = self.questions.ask(params, heard.as_ref()) => answer,
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
