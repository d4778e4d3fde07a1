//! Questions of servers, each in the form that its protocol has for it, and what is said to tasks.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use mcpc::client::{Answer, Client, Event, Question, Said, Way};
use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CallToolResult, CancelTaskParams, ClientResult,
    ContentBlock, CreateTaskResult, DetailedTask, ElicitRequest, ElicitRequestParams,
    ElicitationAction, ErrorData, GetTaskParams, GetTaskResult, InputRequest, InputRequests,
    InputRequiredResult, ServerCapabilities, ServerConfig, ServerRequest, Task, TaskPayload,
    TaskStatus, UpdateTaskParams,
};
use rmcp::service::RequestContext;
use rmcp::{RoleServer, ServerHandler};
use serde_json::{Value, json};

/// A server by hand on rmcp, which asks before it does what it is told to.
#[derive(Clone, Default)]
struct Asks {
    /// What its task asked and was answered.
    answers: Arc<Mutex<BTreeMap<String, Value>>>,
    cancelled: Arc<Mutex<bool>>,
}

fn form(message: &str) -> ElicitRequestParams {
    serde_json::from_value(json!({
        "mode": "form", "message": message,
        "requestedSchema": {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]},
    }))
    .expect("as MCP has it")
}

fn asked(key: &str, message: &str) -> InputRequests {
    let request = InputRequest::Elicitation(ElicitRequest::new(form(message)));
    BTreeMap::from([(key.to_owned(), request)])
}

fn said(text: impl Into<String>) -> CallToolResult {
    CallToolResult::success(vec![ContentBlock::text(text.into())])
}

fn working() -> Task {
    Task::new("t1", TaskStatus::Working, "2026-07-28T00:00:00Z", "2026-07-28T00:00:00Z")
        .with_poll_interval_ms(500)
}

impl ServerHandler for Asks {
    fn get_info(&self) -> ServerConfig {
        let tasks =
            BTreeMap::from([("io.modelcontextprotocol/tasks".to_owned(), Default::default())]);
        let mut capabilities = ServerCapabilities::builder().enable_tools().build();
        capabilities.extensions = Some(tasks);
        ServerConfig::new(capabilities)
    }

    async fn call_tool(
        &self,
        call: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        match &*call.name {
            // A request while the call is open.
            "elicits" => {
                let request = ServerRequest::ElicitRequest(ElicitRequest::new(form("who?")));
                let Ok(ClientResult::ElicitResult(answer)) =
                    context.peer.send_request(request).await
                else {
                    return Err(ErrorData::internal_error("no answer", None));
                };
                let name = answer.content.unwrap_or_default();
                Ok(match answer.action {
                    ElicitationAction::Accept => said(format!("hello {}", name["name"])).into(),
                    other => said(format!("{other:?}")).into(),
                })
            }
            // The call has to be made again.
            "returns" => match (call.input_responses, call.request_state.as_deref()) {
                (None, None) => {
                    Ok(InputRequiredResult::new(Some(asked("who", "who?")), Some("s1".into()))
                        .into())
                }
                (Some(answers), Some("s1")) if answers["who"]["action"] == "accept" => {
                    Ok(said(format!("hello {}", answers["who"]["content"]["name"])).into())
                }
                (Some(answers), Some("s1")) => {
                    Ok(said(answers["who"]["action"].to_string()).into())
                }
                other => Err(ErrorData::invalid_params(format!("{other:?}"), None)),
            },
            "task" => Ok(CallToolResponse::Task(CreateTaskResult::new(working()))),
            _ => Err(ErrorData::invalid_params("unknown tool", None)),
        }
    }

    async fn get_task(
        &self,
        _params: GetTaskParams,
        _context: RequestContext<RoleServer>,
    ) -> Result<GetTaskResult, ErrorData> {
        let answers = self.answers.lock().expect("no panic").clone();
        let payload = match (answers.get("who"), answers.get("sure")) {
            _ if *self.cancelled.lock().expect("no panic") => TaskPayload::Cancelled,
            (None, _) => TaskPayload::InputRequired { input_requests: asked("who", "who?") },
            (Some(_), None) => {
                TaskPayload::InputRequired { input_requests: asked("sure", "sure?") }
            }
            (Some(who), Some(_)) => {
                let reply = said(format!("hello {}", who["content"]["name"]));
                let result = serde_json::to_value(reply).expect("JSON");
                TaskPayload::Completed { result: result.as_object().expect("an object").clone() }
            }
        };
        Ok(GetTaskResult::new(DetailedTask::new(working(), payload)))
    }

    async fn update_task(
        &self,
        params: UpdateTaskParams,
        _context: RequestContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        if params.input_responses.get("who").is_some_and(|who| who["content"]["name"] == "") {
            return Err(ErrorData::invalid_params("a name is not empty", None));
        }
        self.answers.lock().expect("no panic").extend(params.input_responses);
        Ok(())
    }

    async fn cancel_task(
        &self,
        _params: CancelTaskParams,
        _context: RequestContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        *self.cancelled.lock().expect("no panic") = true;
        Ok(())
    }
}

async fn connect(builder: mcpc::client::ClientBuilder) -> Client {
    let (ours, theirs) = tokio::io::duplex(1 << 16);
    tokio::spawn(async move {
        let running = rmcp::serve_server(Asks::default(), theirs).await.expect("it begins");
        running.waiting().await
    });
    builder.connect(ours).await.expect("the server answers")
}

fn name(question: &Question) -> Answer {
    let schema = question.schema().expect("a form");
    assert_eq!(schema["required"], json!(["name"]));
    Answer::accept(json!({"name": question.message()}))
}

/// A request of the server is for sessions, an `input_required` for what has none, and a task asks in its own way.
const FORMS: [(&str, bool, Way); 3] =
    [("elicits", true, Way::Progress), ("returns", false, Way::Tasks), ("task", false, Way::Tasks)];

fn builder(initializes: bool) -> mcpc::client::ClientBuilder {
    match initializes {
        true => Client::builder().initialize(),
        false => Client::builder(),
    }
}

#[tokio::test(start_paused = true)]
async fn a_callback_answers_questions_in_every_form() {
    for (tool, initializes, way) in FORMS {
        let client = connect(builder(initializes)).await;
        client.on_question(async |question| name(&question));
        let mut task = client.start(tool, json!({})).await.expect("started");
        assert_eq!(task.way(), way, "{tool}");
        assert_eq!(task.result::<String>().await.expect("a result"), "hello \"who?\"", "{tool}");
        while let Some(news) = task.next().await {
            assert!(!matches!(news, Said::Question(_)), "{tool}: the callback has it");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn questions_are_answered_from_the_stream_in_every_form() {
    for (tool, initializes, _) in FORMS {
        let client = connect(builder(initializes)).await;
        let mut task = client.start(tool, json!({})).await.expect("started");
        let mut asked = 0;
        while let Some(news) = task.next().await {
            if let Said::Question(question) = news {
                // It stays open as long as it takes.
                tokio::time::sleep(Duration::from_secs(100)).await;
                assert!(question.answer(name(&question)), "{tool}");
                asked += 1;
            }
        }
        assert_eq!(asked, if tool == "task" { 2 } else { 1 }, "{tool}: each is asked once");
        assert_eq!(task.result::<String>().await.expect("a result"), "hello \"who?\"", "{tool}");
    }
}

#[tokio::test(start_paused = true)]
async fn who_waits_for_the_result_answers_nothing() {
    for (tool, initializes, expected) in
        [("elicits", true, "Cancel"), ("returns", false, "\"cancel\"")]
    {
        let client = connect(builder(initializes)).await;
        let mut task = client.start(tool, json!({})).await.expect("started");
        assert_eq!(task.result::<String>().await.expect("a result"), expected);
        // Nor does a callback that panics, and it ends nothing else.
        client.on_question(async |_| panic!("as callbacks may"));
        let mut task = client.start(tool, json!({})).await.expect("started");
        assert_eq!(task.result::<String>().await.expect("a result"), expected);
        client.on_question(async |_| Answer::Decline);
        let declined = client.call(tool, json!({})).await.expect("answered");
        assert!(mcpc::client::text(&declined).to_lowercase().contains("decline"));
    }
}

#[tokio::test(start_paused = true)]
async fn a_question_that_may_be_of_several_tasks_is_an_event() {
    let client = connect(builder(true)).await;
    let mut events = client.events();
    let mut tasks = Vec::new();
    for _ in 0..2 {
        tasks.push(client.start("elicits", json!({})).await.expect("started"));
    }
    // The first may have been alone.
    let mut first = None;
    for _ in 0..2 {
        let question = tokio::select! {
            biased;
            event = events.next() => match event {
                Some(Event::Question(question)) => question,
                other => panic!("{other:?}"),
            },
            Some(Said::Question(question)) = tasks[0].next(), if first.is_none() => {
                first = Some(());
                question
            }
        };
        assert!(question.answer(name(&question)));
    }
    for mut task in tasks {
        assert_eq!(task.result::<String>().await.expect("a result"), "hello \"who?\"");
    }
}

#[tokio::test(start_paused = true)]
async fn a_task_that_asks_can_be_stopped() {
    let client = connect(builder(false)).await;
    let mut task = client.start("task", json!({})).await.expect("started");
    let question = loop {
        match task.next().await {
            Some(Said::Question(question)) => break question,
            Some(_) => {}
            None => panic!("it asks"),
        }
    };
    task.stop().await.expect("it can be stopped");
    let error = task.result::<String>().await.expect_err("it was stopped");
    assert_eq!(error.to_string(), "the task was stopped");
    assert!(!question.answer(Answer::Decline), "it is not open any more");
}

#[derive(Debug, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Size {
    Small,
    Large,
}

#[derive(Debug, serde::Deserialize, schemars::JsonSchema)]
struct Address {
    street: String,
    number: u32,
}

/// Asks all that there is to ask.
#[mcpc::background]
async fn order(updates: mcpc::Sender) -> Result<String, mcpc::NoAnswer> {
    let size = updates.ask::<Size>("Which size?").await?;
    let gift = updates.ask::<bool>("Is it a gift?").await?;
    let Address { street, number } = updates.ask("Where to?").await?;
    Ok(format!("{size:?}, gift: {gift}, to {street} {number}"))
}

/// Adds up what it is told, until that is nothing.
#[mcpc::background]
async fn add_up(mut told: mcpc::Receiver<u32>) -> u32 {
    let mut sum = 0;
    while let Some(number) = told.recv().await.filter(|number| *number > 0) {
        sum += number;
    }
    sum
}

async fn connect_to_ours(builder: mcpc::client::ClientBuilder) -> Client {
    let (ours, theirs) = tokio::io::duplex(1 << 16);
    let (reader, writer) = tokio::io::split(theirs);
    let server = mcpc::Server::new("shop").tools(mcpc::tools![order, add_up]);
    tokio::spawn(server.serve_io(reader, writer));
    builder.connect(ours).await.expect("the server answers")
}

/// What a user answers, by what is asked.
fn ordered(question: &Question) -> Answer {
    match question.message() {
        "Which size?" => Answer::accept(json!({"answer": "large"})),
        "Is it a gift?" => Answer::Decline,
        _ => Answer::accept(json!({"street": "Main Street", "number": 7})),
    }
}

#[tokio::test(start_paused = true)]
async fn our_server_is_answered_in_every_way_that_it_asks() {
    let ordered_all = "Large, gift: false, to Main Street 7";
    for (initializes, way) in [
        (false, Way::Mcpc),
        (true, Way::Mcpc),
        (false, Way::Tasks),
        (false, Way::Progress),
        (true, Way::Progress),
        (false, Way::Result),
    ] {
        let client = connect_to_ours(builder(initializes).best(way)).await;
        let mut task = client.start("order", Value::Null).await.expect("started");
        assert_eq!(task.way(), way);
        let mut asked = Vec::new();
        while let Some(news) = task.next().await {
            match news {
                Said::Question(question) => {
                    asked.push(question.message().to_owned());
                    assert!(question.answer(ordered(&question)));
                }
                Said::Status(_) | Said::Progress { .. } => {}
                other => panic!("{way:?}: {other:?}"),
            }
        }
        assert_eq!(asked, ["Which size?", "Is it a gift?", "Where to?"], "{way:?}, {initializes}");
        let result = task.result::<String>().await.expect("a result");
        assert!(result.starts_with(ordered_all), "{way:?}, {initializes}: {result}");

        client.on_question(async |question| ordered(&question));
        let reply = client.call("order", Value::Null).await.expect("answered");
        let reply = mcpc::client::text(&reply);
        assert!(reply.starts_with(ordered_all), "{way:?}, {initializes}: {reply}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_does_not_fit_is_asked_for_again() {
    for way in [Way::Mcpc, Way::Tasks] {
        let client = connect_to_ours(Client::builder().best(way)).await;
        let mut task = client.start("order", Value::Null).await.expect("started");
        let mut asked = Vec::new();
        while let Some(news) = task.next().await {
            let Said::Question(question) = news else { continue };
            asked.push(question.message().to_owned());
            assert!(question.answer(Answer::accept(json!({"answer": "huge"}))));
        }
        // A person reads it, and not what a model is told to call.
        let again = "The answer was refused: the string \"huge\" is none of `small`, `large`\n\nWhich size?";
        assert_eq!(asked, ["Which size?", again, again], "{way:?}");
        let error = task.result::<String>().await.expect_err("there was no answer").to_string();
        let expected = match way {
            Way::Mcpc => "the user declined to answer",
            _ => {
                "the client answered something else: the string \"huge\" is none of `small`, `large`"
            }
        };
        assert_eq!(error, format!("the task failed: {expected}"), "{way:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_the_server_of_a_task_refuses_is_asked_for_again() {
    let client = connect(builder(false)).await;
    let mut task = client.start("task", json!({})).await.expect("started");
    let mut asked = Vec::new();
    while let Some(news) = task.next().await {
        let Said::Question(question) = news else { continue };
        let name = if asked.is_empty() { "" } else { "Ann" };
        asked.push(question.message().to_owned());
        assert!(question.answer(Answer::accept(json!({"name": name}))));
    }
    assert_eq!(asked, ["who?", "a name is not empty\n\nwho?", "sure?"]);
    assert_eq!(task.result::<String>().await.expect("a result"), "hello \"Ann\"");
}

#[tokio::test(start_paused = true)]
async fn a_task_of_ours_hears_what_its_handle_says() {
    let client = connect_to_ours(Client::builder()).await;
    let mut task = client.start("add_up", Value::Null).await.expect("started");
    for number in [3, 4] {
        task.message(number).await.expect("it is told");
    }
    let error = task.message("much").await.expect_err("it takes numbers").to_string();
    assert!(error.starts_with("`message_task` failed: "), "{error}");
    task.message(0).await.expect("it is told");
    assert_eq!(task.result::<u32>().await.expect("a result"), 7);
}
