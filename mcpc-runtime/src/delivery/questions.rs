//! How what a task or a call asks reaches somebody who can answer.

use std::fmt;

use rmcp::RoleServer;
use rmcp::model::{
    CancelledNotification, CancelledNotificationParam, ClientCapabilities, ClientResult,
    ElicitRequest, InputRequest, InputRequests, RequestId, RequestMetaObject, ServerNotification,
    ServerRequest,
};
use rmcp::service::{OriginatingRequestId, Peer, PeerRequestOptions};
use serde_json::json;

use super::peer::PeerHandle;
use super::tasks_2025::RELATED_TASK;
use crate::log;
use crate::question::{Asked, Form, NoAnswer, Response, in_tries};

/// What a client shows to a person.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Shows {
    forms: bool,
    urls: bool,
}

impl Shows {
    /// What a client declared.
    pub(crate) fn of(capabilities: Option<&ClientCapabilities>) -> Self {
        let Some(elicitation) = capabilities.and_then(|it| it.elicitation.as_ref()) else {
            return Self::default();
        };
        // Before there were addresses, a client declared nothing but that.
        let forms = elicitation.form.is_some() || elicitation.url.is_none();
        Self { forms, urls: elicitation.url.is_some() }
    }

    /// Whether it shows a question.
    pub(crate) fn shows(self, form: &Form) -> bool {
        match form {
            Form::Url(_) => self.urls,
            Form::YesOrNo | Form::Value { .. } | Form::Fields(_) => self.forms,
        }
    }
}

impl Shows {
    /// The open questions of a task that it shows, each as the request that asks it.
    pub(crate) fn requests(self, open: &[log::Question]) -> InputRequests {
        let requests = open.iter().filter_map(|question| {
            let asked = Asked::of(question).filter(|asked| self.shows(&asked.form))?;
            let params = asked.to_elicitation(&question.id).ok()?;
            let request = InputRequest::Elicitation(ElicitRequest::new(params));
            Some((question.id.to_string(), request))
        });
        requests.collect()
    }
}

/// Who may answer the questions of a task, or of a call.
#[derive(Clone, Debug)]
pub(crate) struct Questions {
    /// What the client shows.
    pub(crate) shows: Shows,
    /// How the client is asked, if it may be: until MCP 2025-11-25. Later a client looks for questions itself, where it
    /// asks about a task, and is given those of an open call as its reply.
    pub(crate) peer: Option<PeerHandle>,
    /// The call that waits for the task, if one does: on its way back the client reads what it is asked, where that is a way
    /// of its own.
    pub(crate) call: Option<RequestId>,
    /// Whether the client looks for questions.
    pub(crate) are_looked_for: bool,
    /// The tool with which a model answers those of a task.
    pub(crate) message_task: Option<&'static str>,
}

impl Questions {
    /// Nobody.
    pub(crate) const UNREACHABLE: Self = Self {
        shows: Shows { forms: false, urls: false },
        peer: None,
        call: None,
        are_looked_for: false,
        message_task: None,
    };

    /// Whether anybody could answer.
    pub(crate) fn reach_somebody(&self, form: &Form) -> bool {
        let is_shown = self.shows.shows(form) && (self.peer.is_some() || self.are_looked_for);
        is_shown || self.message_task.is_some() && !matches!(form, Form::Url(_))
    }

    /// Whether a question of a task comes to nobody but by the reply to the call that waits for the task.
    pub(crate) fn are_asked_by_reply(&self, question: &log::Question) -> bool {
        Asked::of(question).is_some_and(|asked| self.elicitation(&asked).is_none())
    }

    /// Those of a task that the client shows, if it looks for questions.
    pub(crate) fn shown(&self, open: &[log::Question]) -> Option<InputRequests> {
        if !self.are_looked_for {
            return None;
        }
        let requests = self.shows.requests(open);
        (!requests.is_empty()).then_some(requests)
    }

    /// How a client is asked that shows this.
    pub(crate) fn elicitation(&self, asked: &Asked) -> Option<Elicitation<'_>> {
        let peer = self.peer.as_ref().filter(|_| !asked.by_message)?;
        let elicitation = Elicitation::of(peer, self.shows, &asked.form)?;
        Some(Elicitation { call: self.call.as_ref(), ..elicitation })
    }
}

/// Asks a client that shows questions.
pub(crate) struct Elicitation<'a> {
    peer: &'a Peer<RoleServer>,
    related: Option<RelatedTask<'a>>,
    call: Option<&'a RequestId>,
}

/// The task that asks, to a client of MCP 2025-11-25.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RelatedTask<'a> {
    pub(crate) task_id: &'a str,
    /// The request that waits for the task, and on whose way back the client reads what it is asked.
    pub(crate) waiting: Option<&'a RequestId>,
}

impl RelatedTask<'_> {
    /// Says in a request which task asks it.
    fn mark(self, request: &mut ElicitRequest) {
        let mut meta = RequestMetaObject::new();
        meta.insert(RELATED_TASK.to_owned(), json!({ "taskId": self.task_id }));
        request.extensions.insert(meta);
        if let Some(id) = self.waiting {
            request.extensions.insert(OriginatingRequestId(id.clone()));
        }
    }
}

impl fmt::Debug for Elicitation<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Elicitation")
    }
}

impl<'a> Elicitation<'a> {
    /// Of a client that shows such a question.
    pub(crate) fn of(peer: &'a Peer<RoleServer>, shows: Shows, form: &Form) -> Option<Self> {
        shows.shows(form).then_some(Self { peer, related: None, call: None })
    }

    /// The same for a task that the client asked for.
    pub(crate) fn about(self, related: RelatedTask<'a>) -> Self {
        Self { related: Some(related), ..self }
    }

    /// Asks until the answer fits. Dropped before, the client is told to ask no more.
    ///
    /// # Errors
    ///
    /// [`NoAnswer::Unreachable`] if the client fails to ask.
    pub(crate) async fn ask(&self, asked: &Asked) -> Result<Response, NoAnswer> {
        in_tries(asked, async |asked| self.ask_once(&asked).await).await
    }

    /// Asks once; the inner error is what is wrong with an answer that does not fit.
    pub(crate) async fn ask_once(
        &self,
        asked: &Asked,
    ) -> Result<Result<Response, String>, NoAnswer> {
        // By its id a client knows an address again, whatever asks it to be shown.
        let id = uuid::Uuid::new_v4().to_string();
        let params = asked.to_elicitation(&id).map_err(|_| NoAnswer::Unreachable)?;
        let mut request = ElicitRequest::new(params);
        if let Some(id) = self.call {
            request.extensions.insert(OriginatingRequestId(id.clone()));
        }
        if let Some(related) = self.related {
            related.mark(&mut request);
        }
        match self.request(ServerRequest::ElicitRequest(request)).await {
            Some(ClientResult::ElicitResult(result)) => {
                Ok(match Response::is_bare(asked, &result) {
                    true => Ok(Response::YesAlone),
                    false => Response::to_form(asked, result),
                })
            }
            Some(_) | None => Err(NoAnswer::Unreachable),
        }
    }

    async fn request(&self, request: ServerRequest) -> Option<ClientResult> {
        let options = PeerRequestOptions::no_options();
        let handle = self.peer.send_cancellable_request(request, options).await.ok()?;
        let mut withdrawal = Withdrawal(Some((self.peer.clone(), handle.id.clone())));
        let result = handle.await_response().await;
        withdrawal.0 = None;
        result.ok()
    }
}

/// Dropped, tells a client that nobody waits for its answer any more.
struct Withdrawal(Option<(Peer<RoleServer>, RequestId)>);

impl Drop for Withdrawal {
    fn drop(&mut self) {
        let Some((peer, id)) = self.0.take() else { return };
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        runtime.spawn(async move {
            let reason = "no answer is needed any more".to_owned();
            let params = CancelledNotificationParam::new(Some(id), Some(reason));
            let cancelled = CancelledNotification::new(params);
            let _ =
                peer.send_notification(ServerNotification::CancelledNotification(cancelled)).await;
        });
    }
}
