//! What a model says to a task: the answer to its question, or an instruction.

use rmcp::model::JsonObject;
use serde_json::{Value, json};

use super::Control;
use super::known::{find, unknown};
use crate::log::{Answered, Json, LogError, MaybeLater, Parcel, Question, Status, Told};
use crate::metadata::Metadata;
use crate::phrases::{list, shown};
use crate::question::{Asked, Response, still_open};
use crate::schema::{Definitions, Given, Schemas};
use crate::task::Tasks;
use crate::tool::Definition;

/// What a call of `message_task` asks for.
#[derive(Debug)]
pub(crate) struct Message {
    pub(crate) task_id: String,
    /// Whose answer it is.
    pub(crate) question: Option<String>,
    pub(crate) message: Option<Value>,
    /// Whether there will be no answer.
    pub(crate) declines: bool,
}

/// A sentence for who sent a message: that it arrived, or why it did not.
pub(crate) type Delivered = Result<String, String>;

/// What came of a message, on its way from where that is read.
pub(crate) type Messaging = Parcel<Result<Delivered, LogError>>;

impl Message {
    /// The message of a call, if its arguments are what they are to be.
    pub(crate) fn read(arguments: &JsonObject) -> Option<Self> {
        let text = |name| match arguments.get(name) {
            None => Some(None),
            Some(value) => value.as_str().map(|text| Some(text.to_owned())),
        };
        let declines = match arguments.get("decline") {
            None => false,
            Some(declines) => declines.as_bool()?,
        };
        let message = arguments.get("message").filter(|it| !it.is_null()).cloned();
        Some(Self { task_id: text("task_id")??, question: text("question")?, message, declines })
    }

    /// The same of a call that is not refused: it brings nothing else but the ids of MCPC.
    pub(crate) fn all_of(arguments: &JsonObject) -> Option<Self> {
        let is_its_own = |name: &String| ARGUMENTS.contains(&name.as_str());
        if !arguments.keys().all(is_its_own) {
            let mut others = arguments.clone();
            others.retain(|name, _| !is_its_own(name));
            Metadata::take(&mut others).ok().filter(|_| others.is_empty())?;
        }
        Self::read(arguments)
    }
}

/// The names of the arguments.
const ARGUMENTS: [&str; 4] = ["task_id", "message", "question", "decline"];

/// The schema of the tool's arguments and what it does, on a server of these tools.
pub(super) fn listed<'a>(
    tools: impl Iterator<Item = &'a Definition>,
    schemas: Schemas,
) -> (Given, String) {
    let mut description = "Says something to a task that another tool started and that is still running: the answer to \
        a question that it asked, or an instruction. The task goes on with it; nothing is started."
        .to_owned();
    let (mut alternatives, mut definitions) =
        (vec![json!({ "type": "string" })], Definitions::default());
    let told = tools.filter_map(|tool| Some((&tool.about.name, tool.instructions()?)));
    for (tool, instructions) in told {
        let mut schema = instructions.schema(schemas);
        definitions.take_from(&mut schema, tool);
        let is = in_words(&schema);
        description.push_str(&format!(" A task of `{tool}` takes {is} as an instruction."));
        if schema.get("type").is_none_or(|it| it != "string") || schema.contains_key("enum") {
            let about = schema.get("description").and_then(Value::as_str).unwrap_or_default();
            let about = format!("An instruction for a task of `{tool}`. {about}");
            schema.insert("description".to_owned(), about.trim_end().into());
            alternatives.push(schema.into());
        }
    }
    let mut message = match alternatives.len() {
        1 => json!({ "type": "string" }),
        _ => json!({ "anyOf": alternatives }),
    };
    message["description"] =
        "What to say; JSON in a text where more than a text is expected".into();
    let schema = |message: Value| {
        let schema = json!({
            "type": "object",
            "properties": {
                "task_id": { "type": "string", "description": "The id of the task" },
                "message": message,
                "question": {
                    "type": "string",
                    "description": "The id of the question that this answers; an instruction answers none",
                },
                "decline": {
                    "type": "boolean",
                    "description": "True, in place of a message, if the user does not want to answer the question",
                },
            },
            "required": ["task_id"],
            "additionalProperties": false,
        });
        let mut schema = schema.as_object().cloned().unwrap_or_default();
        definitions.add_to(&mut schema);
        schema
    };
    // What a task takes is said better where the task is known.
    let given = Given { listed: schema(message), checked: schema(json!({})) };
    (given, description)
}

/// What an instruction is, in short.
fn in_words(schema: &JsonObject) -> String {
    let choices = schema.get("enum").and_then(Value::as_array);
    let choices = choices.into_iter().flatten().filter_map(Value::as_str);
    match (list(choices).as_str(), schema.get("type").and_then(Value::as_str)) {
        ("", Some("string")) => "a text".to_owned(),
        ("", _) => "what its schema says".to_owned(),
        (choices, _) => format!("one of {choices}"),
    }
}

impl Control {
    /// Hands a message to its task; what is handed over later comes after it.
    pub(crate) fn message(
        self,
        tasks: &Tasks,
        message: Message,
    ) -> MaybeLater<'static, Result<Delivered, LogError>> {
        let own = tasks.clone();
        tasks.in_order(async move { self.deliver(&own, message).await })
    }

    async fn deliver(self, tasks: &Tasks, message: Message) -> Result<Delivered, LogError> {
        let Some((task_id, reader)) = find(tasks, &message.task_id).await? else {
            return Ok(Err(unknown(tasks, &message.task_id).await?));
        };
        let status = reader.status().in_time().await?;
        let about = About { control: self, task_id: &task_id, tool_name: reader.tool_name() };
        if status.end.is_some() {
            return Ok(Err(about.ended()));
        }
        if status.is_stopping {
            return Ok(Err(format!("Task `{}` was asked to stop.", shown(&task_id))));
        }
        match about.meant(tasks, &status, &message) {
            Err(refusal) => Ok(Err(refusal)),
            Ok(Meant::Answer(id, response)) => {
                let answered = tasks.answer_question(&task_id, &id, response.to_json()).await?;
                Ok(about.answered(answered))
            }
            Ok(Meant::Instruction(value)) => {
                let told = tasks.tell(&task_id, value).await?;
                Ok(about.told(told))
            }
        }
    }
}

/// What a message is.
enum Meant {
    /// The answer to a question.
    Answer(String, Response),
    Instruction(Json),
}

/// The task of a message.
#[derive(Clone, Copy)]
struct About<'a> {
    control: Control,
    task_id: &'a str,
    tool_name: &'a str,
}

impl About<'_> {
    /// What a message to a task is; or a refusal, which says what to do.
    fn meant(self, tasks: &Tasks, status: &Status, message: &Message) -> Result<Meant, String> {
        let instructions = tasks.instructions_of(self.task_id, self.tool_name);
        let value = || message.message.clone().ok_or("`message` is missing".to_owned());
        let question = match (&message.question, instructions) {
            (None, Some(instructions)) if !message.declines => {
                let value = value()?;
                let fits = instructions.check(&value);
                fits.map_err(|problem| format!("`{}` was not told: {problem}", self.tool_name))?;
                let value = Json::new(&value).map_err(|error| error.to_string())?;
                return Ok(Meant::Instruction(value));
            }
            (Some(id), _) => {
                let open = status.questions.iter().find(|question| *question.id == **id);
                open.ok_or_else(|| self.not_asked(id, &status.questions))?
            }
            (None, _) => self.the_only(&status.questions)?,
        };
        let asked = Asked::of(question).ok_or("the question cannot be read".to_owned())?;
        let response = match message.declines {
            true => Ok(Response::Decline),
            false => Response::in_message(&asked, value()?),
        };
        let response = response.map_err(|problem| {
            let again = asked.answered_with(self.control.message_task, self.task_id, &question.id);
            still_open(&question.id, &problem, &again)
        })?;
        Ok(Meant::Answer(question.id.to_string(), response))
    }

    /// The question that a message answers which names none.
    fn the_only(self, open: &[Question]) -> Result<&Question, String> {
        let task_id = shown(self.task_id);
        match open {
            [question] => Ok(question),
            [] => Err(format!(
                "Task `{task_id}` (`{}`) asks nothing, and takes no instructions.",
                self.tool_name
            )),
            open => {
                let ids = list(open.iter().map(|question| &*question.id));
                Err(format!("Task `{task_id}` asks {ids}: say in `question` which is answered."))
            }
        }
    }

    fn not_asked(self, id: &str, open: &[Question]) -> String {
        let ids = list(open.iter().map(|question| &*question.id));
        let open = match ids.as_str() {
            "" => "it asks nothing now".to_owned(),
            ids => format!("it asks {ids}"),
        };
        let (task_id, id) = (shown(self.task_id), shown(id));
        format!("Task `{task_id}` has no open question `{id}`; {open}.")
    }

    fn answered(self, answered: Answered) -> Delivered {
        let task_id = shown(self.task_id);
        match answered {
            Answered::Now => Ok(format!("Task `{task_id}` has the answer, and goes on.")),
            Answered::Before => Err("The question was answered already.".to_owned()),
            Answered::Unknown => Err(self.ended()),
        }
    }

    fn told(self, told: Told) -> Delivered {
        let task_id = shown(self.task_id);
        match told {
            Told::Now => Ok(format!("Task `{task_id}` was told.")),
            Told::Full => Err(format!(
                "Task `{task_id}` was told much that it has not read yet; try again later."
            )),
            Told::Unknown => Err(self.ended()),
        }
    }

    fn ended(self) -> String {
        let check_task = self.control.check_task;
        format!("Task `{}` has ended already; `{check_task}` says how.", shown(self.task_id))
    }
}

/// The open questions of a task, and how they are answered, in words.
pub(super) fn open_questions(
    control: Control,
    task_id: &str,
    questions: &[Question],
) -> Option<String> {
    let asked = questions.iter().filter_map(|question| Some((question, Asked::of(question)?)));
    let asked = asked.map(|(question, asked)| {
        let how = asked.answered_with(control.message_task, task_id, &question.id);
        format!("It asks: {} ({})\n{how}", asked.message(), asked.form.expected())
    });
    let asked: Vec<String> = asked.collect();
    (!asked.is_empty()).then(|| asked.join("\n"))
}
