//! What a client is asked, and what the person before it says.

use std::fmt;
use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::watch;

use super::clock::Lasts;

/// How often what was refused is answered again.
pub(super) const TRIES: usize = 3;

/// How long a question stays before a person who is away, until that one is back and dismisses it.
pub(super) const AWAY: Lasts = Lasts {
    // So long that a question of ten minutes is given up before, and so short that what came of that is not forgotten.
    paused: Duration::from_secs(601),
    really: Duration::from_secs(60),
};

/// A question, as a person before a client sees it, or a model reads it.
#[derive(Clone, Debug, PartialEq)]
pub struct Asked {
    id: String,
    text: String,
    shown: Shown,
}

/// What is shown with a question.
#[derive(Clone, Debug, PartialEq)]
enum Shown {
    Form(Value),
    Url(String),
    /// What is expected, in words.
    Words(String),
}

impl Asked {
    /// What an `elicitation/create` asks.
    pub(super) fn elicited(id: &str, params: &Value) -> Self {
        let text = params["message"].as_str().unwrap_or_default().to_owned();
        let shown = match params["url"].as_str() {
            Some(url) => Shown::Url(url.to_owned()),
            None => Shown::Form(params["requestedSchema"].clone()),
        };
        Self { id: id.to_owned(), text, shown }
    }

    /// What a text for a model asks.
    pub(super) fn in_words(id: String, text: String, expected: String) -> Self {
        Self { id, text, shown: Shown::Words(expected) }
    }

    /// The same question, whose answer was refused.
    pub(super) fn again(mut self, problem: &str) -> Self {
        self.text = format!("{problem}\n\n{}", self.text);
        self
    }

    /// Its id within the task or the call, such as `q1`; of an `elicitation/create`, that of the request.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// What is asked; after an answer that was refused, why it was, an empty line, and what is asked.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The schema of the form, where one is shown. A model that answers with `message_task` reads of none.
    #[must_use]
    pub fn schema(&self) -> Option<&Value> {
        match &self.shown {
            Shown::Form(schema) => Some(schema),
            Shown::Url(_) | Shown::Words(_) => None,
        }
    }

    /// Whether it is answered by yes or no.
    #[must_use]
    pub fn is_yes_or_no(&self) -> bool {
        match &self.shown {
            Shown::Form(schema) => fields(schema).next().is_none(),
            Shown::Url(_) => false,
            Shown::Words(expected) => expected == "yes or no",
        }
    }

    /// What there is to choose from; nothing where it is no choice.
    #[must_use]
    pub fn choices(&self) -> Vec<&str> {
        match &self.shown {
            Shown::Form(schema) => match the_only(schema) {
                Some((_, field)) => choices(field),
                None => Vec::new(),
            },
            Shown::Url(_) => Vec::new(),
            Shown::Words(expected) => {
                let names = ["one of ", "a list of any of "];
                let names = names.iter().find_map(|begin| expected.strip_prefix(begin));
                names.map_or_else(Vec::new, quoted)
            }
        }
    }

    /// The names of the fields of a form; nothing where one value is asked for.
    #[must_use]
    pub fn fields(&self) -> Vec<&str> {
        match &self.shown {
            Shown::Form(schema) => {
                let names: Vec<&str> = fields(schema).map(|(name, _)| name.as_str()).collect();
                if names == [VALUE] { Vec::new() } else { names }
            }
            Shown::Url(_) => Vec::new(),
            Shown::Words(expected) => {
                expected.strip_prefix("an object with ").map_or_else(Vec::new, quoted)
            }
        }
    }

    /// The address that is to be opened, if there is one.
    #[must_use]
    pub fn url(&self) -> Option<&str> {
        match &self.shown {
            Shown::Url(url) => Some(url),
            Shown::Form(_) | Shown::Words(_) => None,
        }
    }

    /// The result of the `elicitation/create` that asks it, by a client that shows this; `None` where there is none yet.
    pub(super) fn result(&self, forms: Forms, reply: Reply) -> Option<Value> {
        Some(match reply {
            Reply::Away => return None,
            Reply::Decline => json!({"action": "decline"}),
            Reply::Cancel => json!({"action": "cancel"}),
            Reply::Accept(Value::Bool(false)) if self.is_yes_or_no() => {
                json!({"action": "decline"})
            }
            Reply::Accept(_) if self.url().is_some() => json!({"action": "accept"}),
            Reply::Accept(value) => {
                json!({"action": "accept", "content": self.content(forms, value)})
            }
        })
    }

    /// What is filled into the form.
    fn content(&self, forms: Forms, value: Value) -> Value {
        if forms == Forms::YesOrNo || self.is_yes_or_no() {
            return json!({});
        }
        match (&value, self.schema().and_then(the_only)) {
            (Value::Object(_), _) | (_, None) => value,
            (_, Some((name, _))) => json!({ name: value }),
        }
    }

    /// The rest of the arguments of the `message_task` that answers it; `None` where it is not answered yet.
    pub(super) fn message(&self, reply: Reply) -> Option<Value> {
        Some(match reply {
            Reply::Away => return None,
            // A model has no other word.
            Reply::Decline | Reply::Cancel => json!({"decline": true}),
            Reply::Accept(Value::Bool(yes)) if self.is_yes_or_no() => {
                json!({"message": if yes { "yes" } else { "no" }})
            }
            Reply::Accept(value) => json!({ "message": value }),
        })
    }
}

/// The field of a form of this crate that asks for one value.
const VALUE: &str = "answer";

fn fields(schema: &Value) -> impl Iterator<Item = (&String, &Value)> {
    schema["properties"].as_object().into_iter().flatten()
}

/// The field of a form that has no other.
fn the_only(schema: &Value) -> Option<(&String, &Value)> {
    let mut fields = fields(schema);
    fields.next().filter(|_| fields.next().is_none())
}

/// The choices of a field, of one or of several.
fn choices(field: &Value) -> Vec<&str> {
    let choices = field["enum"].as_array().or_else(|| field["items"]["enum"].as_array());
    choices.into_iter().flatten().filter_map(Value::as_str).collect()
}

/// The names in a sentence.
fn quoted(names: &str) -> Vec<&str> {
    names.split('`').skip(1).step_by(2).collect()
}

/// What a person, or the model in place of one, says to a question.
///
/// Whatever is JSON is an answer, too: `true`, `"production"`, `json!({"name": "v2"})`.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Reply {
    /// Yes, with what was asked: a value, or an object of the fields of a form. `false` to a yes or no is a no.
    Accept(Value),
    /// There will be no answer. To a yes or no, that is a no.
    Decline,
    /// The question is dismissed. A model cannot do that, and declines.
    Cancel,
    /// Nobody is there: the question stays open for ten minutes and a second (a minute where the clock is not
    /// [paused](super#the-clock)), and is dismissed then.
    Away,
}

impl<T: Into<Value>> From<T> for Reply {
    fn from(value: T) -> Self {
        Self::Accept(value.into())
    }
}

/// Which questions a client shows to a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Forms {
    None,
    /// Of a form it shows only whether to agree.
    YesOrNo,
    Full,
    /// And addresses.
    FullAndUrls,
}

impl Forms {
    /// What it declares.
    pub(super) fn capability(self) -> Option<Value> {
        match self {
            Self::None => None,
            Self::YesOrNo => Some(json!({})),
            Self::Full => Some(json!({"form": {}})),
            Self::FullAndUrls => Some(json!({"form": {}, "url": {}})),
        }
    }
}

/// Gives a reply to each question.
type Giving = Box<dyn FnMut(&Asked) -> Reply + Send>;

/// What a client answers, and was asked. A clone is another handle to them.
#[derive(Clone)]
pub(super) struct Answers(Arc<Inner>);

struct Inner {
    giving: Mutex<Option<Giving>>,
    asked: Mutex<Vec<Asked>>,
    /// What the closure panicked with.
    panicked: Mutex<Option<String>>,
    /// How often the closure was given.
    given: watch::Sender<usize>,
    /// How many answers were left out by a client that shows only whether to agree.
    left_out: AtomicUsize,
}

impl Default for Answers {
    fn default() -> Self {
        let (giving, asked, panicked) = (Mutex::default(), Mutex::default(), Mutex::default());
        let (given, left_out) = (watch::Sender::new(0), AtomicUsize::new(0));
        Self(Arc::new(Inner { giving, asked, panicked, given, left_out }))
    }
}

impl fmt::Debug for Answers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Answers").field("asked", &self.asked()).finish_non_exhaustive()
    }
}

/// What is poisoned by a closure that panicked is whole.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Answers {
    pub(super) fn give<R: Into<Reply>>(
        &self,
        mut answers: impl FnMut(&Asked) -> R + Send + 'static,
    ) {
        *lock(&self.0.giving) = Some(Box::new(move |asked| answers(asked).into()));
        self.0.given.send_modify(|count| *count += 1);
    }

    /// Whether anybody is there.
    pub(super) fn are_given(&self) -> bool {
        *self.0.given.borrow() > 0
    }

    /// What there is to hear of answers that are given later.
    pub(super) fn given(&self) -> watch::Receiver<usize> {
        self.0.given.subscribe()
    }

    /// Notes that something is asked.
    pub(super) fn note(&self, asked: &Asked) {
        lock(&self.0.asked).push(asked.clone());
    }

    pub(super) fn asked(&self) -> Vec<Asked> {
        lock(&self.0.asked).clone()
    }

    /// The reply to a question.
    pub(super) fn reply(&self, asked: &Asked) -> Reply {
        let mut giving = lock(&self.0.giving);
        let Some(giving) = &mut *giving else { return Reply::Away };
        match std::panic::catch_unwind(AssertUnwindSafe(|| giving(asked))) {
            Ok(reply) => reply,
            Err(panic) => {
                let said = panic.downcast_ref::<&str>().copied();
                let said = said.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
                let said = said.unwrap_or("a panic").to_owned();
                lock(&self.0.panicked).get_or_insert(said);
                Reply::Cancel
            }
        }
    }

    /// How many answers were left out.
    pub(super) fn left_out(&self) -> usize {
        self.0.left_out.load(Ordering::Relaxed)
    }

    /// Notes what is said to a form by a client that shows only whether to agree.
    pub(super) fn note_said(&self, asked: &Asked, result: &Value) {
        let is_left_out = result["action"] == "accept" && !asked.is_yes_or_no();
        if is_left_out && asked.url().is_none() {
            self.0.left_out.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// What is wrong with the closure.
    pub(super) fn problem(&self) -> Option<String> {
        let panicked = lock(&self.0.panicked);
        panicked.as_ref().map(|said| format!("the answer to a question panicked: {said}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn form(schema: Value) -> Asked {
        Asked::elicited("q1", &json!({"message": "Which?", "requestedSchema": schema}))
    }

    #[test]
    fn what_is_answered_is_written_as_the_form_has_it() {
        let choice =
            form(json!({"properties": {"answer": {"type": "string", "enum": ["a", "b"]}}}));
        let fields = form(json!({"properties": {"x": {}, "y": {}}}));
        let yes_or_no = form(json!({"properties": {}}));
        assert_eq!((choice.choices(), choice.fields()), (vec!["a", "b"], vec![]));
        assert_eq!((fields.choices(), fields.fields()), (vec![], vec!["x", "y"]));
        let accept = |content: Value| Some(json!({"action": "accept", "content": content}));
        for (asked, forms, reply, result) in [
            (&choice, Forms::Full, "a".into(), accept(json!({"answer": "a"}))),
            (&choice, Forms::Full, json!({"answer": "a"}).into(), accept(json!({"answer": "a"}))),
            (&choice, Forms::YesOrNo, "a".into(), accept(json!({}))),
            (&fields, Forms::Full, json!({"x": 1}).into(), accept(json!({"x": 1}))),
            (&yes_or_no, Forms::Full, true.into(), accept(json!({}))),
            (&yes_or_no, Forms::YesOrNo, false.into(), Some(json!({"action": "decline"}))),
            (&choice, Forms::Full, Reply::Cancel, Some(json!({"action": "cancel"}))),
            (&choice, Forms::Full, Reply::Away, None),
        ] {
            assert_eq!(asked.result(forms, reply), result, "{asked:?}");
        }
    }

    #[test]
    fn what_is_answered_is_written_as_a_model_does() {
        let asked = |expected: &str| Asked::in_words("q1".into(), "?".into(), expected.into());
        let choice = asked("one of `a`, `b`");
        assert_eq!((choice.choices(), choice.is_yes_or_no()), (vec!["a", "b"], false));
        assert_eq!(asked("an object with `x`, `y`").fields(), ["x", "y"]);
        assert_eq!(choice.message("a".into()), Some(json!({"message": "a"})));
        assert_eq!(choice.message(Reply::Cancel), Some(json!({"decline": true})));
        assert_eq!(asked("yes or no").message(false.into()), Some(json!({"message": "no"})));
    }
}
