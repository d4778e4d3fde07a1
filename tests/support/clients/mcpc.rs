use mcpc::Server;
use serde_json::Value;

use super::{Plain, built_on};
use crate::support::messages::{in_task, parse, text};
use crate::support::wire::Wire;

/// An event of a task, and what it brings.
pub(crate) type Event = (String, Value);

/// A client of MCPC: it gives its tasks ids, and hears of everything that they say.
pub(crate) struct Mcpc {
    plain: Plain,
}

built_on!(Mcpc, plain: Plain);

impl Mcpc {
    /// Connects and begins a session.
    pub(crate) async fn connect(server: Server) -> Self {
        Self::begin(Wire::open(server)).await
    }

    /// Begins a session.
    pub(crate) async fn begin(wire: Wire) -> Self {
        Self { plain: Plain::begin(wire).await }
    }

    /// A client that has begun a session as any other does.
    pub(crate) fn of(plain: Plain) -> Self {
        Self { plain }
    }

    /// Calls a tool as task `task_id` of session `s`.
    pub(crate) async fn start(&mut self, task_id: &str, tool: &str, arguments: Value) {
        self.call(task_id, tool, in_task(task_id, arguments)).await;
    }

    /// The next line as an MCPC message, whether it came as a reply or as a callback.
    pub(crate) async fn message(&mut self) -> Value {
        parse(&text(&self.value().await))
    }

    /// Every message up to the first terminal one.
    pub(crate) async fn task(&mut self) -> Vec<Event> {
        rest_of_task(self).await
    }

    /// Starts a tool as the task `t`, and returns all of its events.
    pub(crate) async fn events(&mut self, tool: &str, arguments: Value) -> Vec<Event> {
        self.start("t", tool, arguments).await;
        self.task().await
    }

    /// Calls a tool as a task, and hears that it was created.
    pub(crate) async fn begin_task(&mut self, task_id: &str, tool: &str, arguments: Value) {
        self.start(task_id, tool, arguments).await;
        assert_eq!(self.message().await["event"], "created");
    }

    /// Ends the input and reads what is left.
    pub(crate) async fn finish(self) -> Vec<String> {
        self.plain.finish().await
    }

    pub(crate) fn into_wire(self) -> Wire {
        self.plain.wire
    }
}

/// Every message up to the first terminal one, on the wire of any client.
pub(crate) async fn rest_of_task(wire: &mut Wire) -> Vec<Event> {
    let mut events = Vec::new();
    loop {
        let message = parse(&text(&wire.value().await));
        let event = message["event"].as_str().expect("an event").to_owned();
        let ended = event == "complete" || event == "failed";
        events.push((event, message["result"].clone()));
        if ended {
            return events;
        }
    }
}
