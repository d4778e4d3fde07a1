//! What a task asks, and what it is told while it runs.
//!
//! # Asking
//!
//! [`Sender::ask`], which has an example, asks the user, and waits for the answer where it stands.
//!
//! The type says what is asked for:
//!
//! | type | is | in a form |
//! |---|---|---|
//! | `bool` | yes or no | nothing to fill in: agreeing is a yes, declining a no |
//! | an enum without data | a choice | a list; a `Vec` of it takes several |
//! | `String`, a number | a value | a field |
//! | a struct of these, flat | a form | its fields, with what their comments say; an `Option` may be left out |
//!
//! The same question reaches each client in the best way that it has:
//!
//! | the client | is asked | answers |
//! |---|---|---|
//! | has a session and shows forms (Codex CLI) | by `elicitation/create` | that request |
//! | speaks MCP 2026-07-28 and shows forms (Copilot CLI), while its call is open | by the reply to the call, which is `input_required` | with the same call once more, which brings `inputResponses` and `requestState`; the body has waited, and nothing is done twice |
//! | asked for a task of MCP 2025-11-25, and shows forms | with `elicitation/create` that names the task, while it waits for `tasks/result`, or looks for the second time at the task, which is `input_required`; again, over HTTP, when it waits anew, and in any session of its principal | in that form |
//! | takes MCP's tasks (Claude Code) | by `tasks/get`, where the task is `input_required` | by `tasks/update` |
//! | is one of MCPC and shows no forms | by an update with `question`, `question_id` and `answer_with` | by `message_task` |
//! | any other | by a [ticket](super::clients#tickets) with the question, at once, and by `check_task` | by `message_task`; its model asks the user |
//!
//! A client that fails to show a form (it answers the request with an error) is not asked so again: its model is, by an update
//! or a ticket, as that of a client without forms.
//!
//! An answer is checked where it arrives. A model whose answer does not fit is told what was expected, and the question stays
//! open; a form that is filled in wrongly is shown again with that, and given up after three times. What can come instead
//! of an answer is [`NoAnswer`], an error that a tool may return:
//!
//! - `Declined` and `Cancelled` are the user's choice. Of a `bool`, declining is the answer `false`.
//! - `TimedOut`: only a question with a [`timeout`](crate::Question::timeout) is given up; any other waits for its answer or the
//!   task's end. A form that nobody waits for any more is withdrawn.
//! - `OnlyYesOrNo`: the client agreed and filled in nothing. Codex CLI shows yes or no and a choice on a terminal, and agrees
//!   by itself where it runs without asking for approval, to a `bool` as well: what must not happen unseen is not for such a
//!   run.
//! - `TooMany`: as many questions of the task are open as may, 100 unless [`Server::max_questions`](crate::Server::max_questions)
//!   says otherwise. It is an error and no wait, so that a tool that asks without end is noticed.
//! - `Stopped`: the task was asked to stop.
//! - `Unreachable`: the client shows nothing, and there is no `message_task`
//!   ([`Server::control_tools`](crate::Server::control_tools), or a plain tool).
//!
//! Several questions may be open at once: `tokio::join!(updates.ask::<bool>(..), updates.ask::<String>(..))`.
//!
//! A plain tool asks with [`Call::ask`]: its call stays open, and so only clients that show forms can be asked.
//!
//! # Secrets
//!
//! A form is read by the client, and often by its model; what a task is asked and told is kept as long as the task. So a
//! password, a key or a payment is never asked for in one. [`Sender::ask_url`] has the user open an address of your own
//! server, where a client shows such: it returns when the user has agreed, and what is done there never passes through MCP. Where the call of
//! such a client was answered with a ticket before, its model shows the address, and says with `message_task` when it was opened.
//!
//! # Instructions
//!
//! A background tool that takes a [`Receiver`], which has an example, can be told something while it runs.
//!
//! In a `select!`, it stands beside the work: [`Receiver::recv`] is cancel safe, and returns `None` as soon as the task is
//! asked to stop.
//!
//! A model says it with `message_task {task_id, message}`, whose description and schema tell what each of the server's
//! tools takes. It is refused there if it does not fit, if the task takes none, or has ended; instructions reach a task in
//! the order in which they were sent, and at most 100 (256 KiB) wait to be read. A message that names a `question` is the
//! answer to that; to a task without a `Receiver` that asks one thing, every message is.
//!
//! `message_task` is there for every client as `check_task` is, on a server with a background tool.
//!
//! [`Call::ask`]: crate::Call::ask
//! [`NoAnswer`]: crate::NoAnswer
//! [`Receiver`]: crate::Receiver
//! [`Receiver::recv`]: crate::Receiver::recv
//! [`Sender::ask_url`]: crate::Sender::ask_url
//! [`Sender::ask`]: crate::Sender::ask
