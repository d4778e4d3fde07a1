//! A server beyond its functions: what it says of itself, lists of tools, tools that are made or changed while it runs,
//! events, and code around every call.
//!
//! # What it says of itself
//!
//! A client learns the server's name and version, and shows people what else it says: a title, a description, a website,
//! icons. A model reads the `instructions`. The version is that of `mcpc` unless [`version`](crate::Server::version) is
//! called, since a function does not know which crate calls it; the macro `env!` in your crate does.
//!
//! ```
//! use mcpc::{Icon, Server};
//!
//! let server = Server::new("weather")
//!     .version(env!("CARGO_PKG_VERSION"))
//!     .title("Weather of the North")
//!     .description("Forecasts for places north of 50°.")
//!     .website("https://weather.example")
//!     .icons([Icon::new("https://weather.example/icon.svg").with_mime_type("image/svg+xml")])
//!     .instructions("Ask for a place first.");
//! # assert!(server.check().is_ok());
//! ```
//!
//! # Lists of tools
//!
//! [`tools!`](crate::tools!) makes a list of values, [`Tools`](crate::Tools). Each [`AnyTool`](crate::AnyTool) in it says its
//! name, its description, whether it is read-only or starts a task; and it can have another name. So a server can leave
//! tools out, put a prefix before their names, and join lists:
//!
//! ```
//! use mcpc::{Server, Tools, tools};
//!
//! mod git {
//!     use mcpc::{Tools, tools};
//!
//!     /// Lists what has changed.
//!     #[mcpc::tool(read_only)]
//!     async fn status() -> String {
//!         "nothing".to_owned()
//!     }
//!
//!     /// Sends what was committed.
//!     #[mcpc::background]
//!     async fn push() {}
//!
//!     pub fn all() -> Tools {
//!         tools![status, push]
//!     }
//! }
//!
//! /// Says hello.
//! #[mcpc::tool]
//! async fn hello() -> &'static str {
//!     "hello"
//! }
//!
//! let read_only = true;
//! let tools = git::all().filter(|tool| !read_only || tool.is_read_only()).prefix("git_");
//! let tools: Tools = tools + tools![hello]; // or one that is made at run time
//! let names: Vec<_> = tools.iter().map(|tool| tool.name()).collect();
//! assert_eq!(names, ["git_status", "hello"]);
//! # assert!(Server::new("git").tools(tools).check().is_ok());
//! ```
//!
//! A tool goes by the name that it has in the list: in calls, tickets, callbacks and the log. A name that is
//! malformed, reserved or there twice is an error when the server is built.
//!
//! # Tools made at run time
//!
//! A [`DynamicTool`](crate::DynamicTool) is made of a name, a JSON schema and a closure, for tools that only a
//! configuration or another server knows:
//!
//! ```
//! use mcpc::{DynamicTool, Server};
//! use serde_json::json;
//!
//! let schema = json!({
//!     "type": "object",
//!     "properties": {"city": {"type": "string", "description": "Where"}},
//!     "required": ["city"],
//!     "additionalProperties": false,
//! });
//! let forecast = DynamicTool::plain("forecast", schema.clone(), async |arguments, _call| {
//!     match arguments["city"].as_str() {
//!         Some("Atlantis") => Err("it sank"),
//!         city => Ok(format!("It rains in {}.", city.unwrap_or_default())),
//!     }
//! });
//! let watch = DynamicTool::background("watch", schema, async |arguments, _call, updates| {
//!     updates.send(arguments["city"].clone()).await;
//!     updates.stopped().await;
//!     Ok::<_, String>("watched until I was asked to stop")
//! });
//! let server = Server::new("weather")
//!     .tools(forecast.description("Says how the weather will be.").read_only(true))
//!     .tools(watch.description("Watches the weather until it is stopped."));
//! # assert!(server.check().is_ok());
//! ```
//!
//! [`DynamicTool::told`](crate::DynamicTool::told) is a background tool that takes [instructions](super::asking#instructions), by a
//! schema of their own, and hears them by a `Receiver<serde_json::Value>`.
//!
//! They go to the server one by one, in a `Vec`, or beside a list: `tools![add] + forecast`. (`tools![..]` itself lists
//! functions alone.) A closure says once of what type its error is, with
//! `Ok::<_, String>(..)`, where it never fails or all of its errors come by `?`. One that is kept in a variable before it is
//! handed over says the types of its parameters, too: `|arguments: JsonObject, call: Call| async move { .. }`.
//!
//! The schema is listed as it is written. A call is checked by it before the closure runs, and refused with everything that
//! is wrong with it, as the call of any tool; what models write for what they mean is taken, too (see
//! [arguments](super::arguments)). Of drafts 4 to 2020-12 these are checked:
//!
//! - `type`, `enum`, `const`, `allOf`, `anyOf` and `oneOf` (as if it were `anyOf`), and `format` where a text is far from it;
//! - `properties`, `required`, `patternProperties`, `additionalProperties`, `minProperties`, `maxProperties`;
//! - `items`, `prefixItems`, `additionalItems`, `minItems`, `maxItems`, `uniqueItems`;
//! - `minimum`, `maximum`, `exclusiveMinimum`, `exclusiveMaximum`, `multipleOf`, and that a whole number is the one that
//!   was written;
//! - `minLength`, `maxLength`, and each `pattern` that [`regex_lite`](https://docs.rs/regex-lite) can read;
//! - `$ref` to any part of the schema (`#/..`). One that leads nowhere, or back to itself, is an error when the server is
//!   built or the tool is added.
//!
//! All else (`if`, `not`, `contains`, `propertyNames`, `dependencies`, ..) is not. A closure is called for each call, so what it keeps is behind an `Arc`.
//!
//! # Tools that come and go
//!
//! A service that was built with [`Server::dynamic_tools`](crate::Server::dynamic_tools) can be given more tools and lose
//! some while it runs:
//!
//! ```
//! use mcpc::{DynamicTool, Server, tools};
//! use serde_json::json;
//!
//! /// Says hello.
//! #[mcpc::tool]
//! async fn hello() -> &'static str {
//!     "hello"
//! }
//!
//! # fn main() -> mcpc::Result {
//! let service = Server::new("plugins").tools(tools![hello]).dynamic_tools(true).build()?;
//! // ..and while it is served:
//! service.add(DynamicTool::plain("bye", json!({}), async |_, _| Ok::<_, String>("bye")))?;
//! assert!(service.remove("hello")?);
//! # Ok(())
//! # }
//! ```
//!
//! Connected clients hear of it (`notifications/tools/list_changed`), those of MCP 2026-07-28 by their subscription. Calls
//! and tasks of a tool that was removed go on to their end.
//!
//! With an rmcp handler, a subscription of MCP 2026-07-28 is answered by one of the two, as rmcp acknowledges it once: one
//! that asks for changes of tools alone by the server, which does not hear of changes of the handler's own tools; one that
//! also asks for what the handler can tell (its prompts, its resources) by the handler, which does not hear of changes of
//! the server's tools. A client hears of both by two subscriptions.
//!
//! # Events
//!
//! What happens outside of any call is told with [`Events`](crate::Events), a handle that works in a thread, a timer or another
//! task, whoever is connected: [`Service::events`](crate::Service::events) of a service,
//! [`Server::events`](crate::Server::events) where a state is to have it. What a call has to tell it emits itself
//! ([`Sender::emit`](crate::Sender::emit), [`Call::emit`](crate::Call::emit)), to its own session.
//!
//! ```
//! use mcpc::{Server, tools};
//!
//! /// Opens the shop.
//! #[mcpc::tool]
//! async fn open(call: mcpc::Call) -> mcpc::Result {
//!     call.emit("opened", ()).await // to the session of the call
//! }
//!
//! # fn main() -> mcpc::Result {
//! let service = Server::new("shop").tools(tools![open]).build()?;
//! let events = service.events();
//! events.emit("sold_out", ["bread", "milk"])?; // to all that are connected
//! events.to_session("till-1").emit("alarm", 7)?; // to one that calls itself so
//! events.resource_updated("shop://stock"); // to those that subscribed to it
//! # Ok(())
//! # }
//! ```
//!
//! | | of MCPC | others, up to MCP 2025-11-25 | others, from MCP 2026-07-28 on |
//! |---|---|---|---|
//! | `emit` of [`Events`](crate::Events) | a server event for each of its sessions | a logging notification, by its level | nothing |
//! | `to_session` | a server event, if it named that session | nothing | nothing |
//! | `emit` of a call or its task | a server event | a logging notification, by its level | a logging notification, by what the call asked for, until its reply |
//! | `resource_updated` | as the others | `notifications/resources/updated`, once it subscribed (`resources/subscribe`) | the same, by its subscription |
//! | `resources_changed`, `prompts_changed` | as the others | `notifications/../list_changed`, if the [handler](crate::Server::handler) declares it | the same, by its subscription |
//!
//! - A client is of MCPC once its handshake, or a call with its ids, is answered; nothing is sent to it before that.
//! - In MCP 2026-07-28 a logging notification is part of a call, so what is about no call has no place there; a subscription
//!   (`subscriptions/listen`) takes what it names, from its acknowledgement by the handler on. One that also names tasks is
//!   the server's, and about tasks and tools alone.
//! - The subscriptions of a session are noted where the handler's `subscribe` and `unsubscribe` return without an error: URIs of
//!   1 MiB at most for each connection, beyond which one is refused. A handler that sends such notifications itself goes on
//!   doing so.
//! - Nobody hears later what was told before it was connected, and nothing waits for a client that does not read: see
//!   [`Events`](crate::Events).
//!
//! # Tools of a handler
//!
//! An rmcp handler ([`Server::handler`](crate::Server::handler)) may have tools of its own, as those of a server that is moved over
//! bit by bit: if its `get_info` declares tools, `tools/list` has them after the server's own, page by page, and a call of a
//! name that is not the server's is for the handler. Of two tools of one name the server's is listed and called, which is
//! logged once.
//!
//! # Around every call
//!
//! [`Server::around`](crate::Server::around) is for what all tools need: a log, a measure, a permit, a refusal. It gets the
//! call and the rest of its way, [`Next`](crate::around::Next), and returns what came of it:
//!
//! ```
//! use std::sync::Arc;
//! use std::time::Instant;
//!
//! use mcpc::Server;
//! use tokio::sync::Semaphore;
//!
//! let permits = Arc::new(Semaphore::new(8));
//! let server = Server::new("careful")
//!     // The first is the outermost: it sees what the second refuses.
//!     .around(async |call, next| {
//!         let (name, began) = (call.name().to_owned(), Instant::now());
//!         let outcome = next.run(call).await;
//!         let how = match &outcome {
//!             Ok(_) => "went well",
//!             Err(failed) if failed.is_panic() => "panicked",
//!             Err(_) => "failed",
//!         };
//!         eprintln!("{name} {how} after {:?}", began.elapsed());
//!         outcome
//!     })
//!     .around(move |call, next| {
//!         let permits = Arc::clone(&permits);
//!         async move {
//!             if call.arguments().contains_key("password") {
//!                 return Err("never send a password".into());
//!             }
//!             let _permit = permits.acquire_owned().await.map_err(|error| error.to_string())?;
//!             next.run(call).await
//!         }
//!     });
//! # assert!(server.check().is_ok());
//! ```
//!
//! An `async` closure works where it borrows nothing that it captures; otherwise a closure returns an `async move` block.
//! The types of its parameters may be left out where it stands in the call, as above; one that is kept in a variable first
//! says them: `|call: ToolCall, next: Next| async move { .. }`.
//!
//! - It is around the body of a tool. That of a background tool ends with its task, whatever its client was told
//!   meanwhile.
//! - A plain tool whose `timeout` is over, and a call that its client takes back, are dropped with what is around them: what
//!   stands after `next.run(call).await` does not run. Count them in the `Drop` of a guard.
//! - It sees the arguments before they are read, so also those of a call that is refused for them, and may change them.
//! - What fails before anything is waited for is answered at once, and gets no task, unless it fails with a whole
//!   `CallToolResult`, which only a task can carry. A task that first waits for a permit has been created, and fails.
//! - A task that was asked to stop ends as any other if it gives way. One that does not is dropped with what is around it,
//!   as a call is that its client takes back.
//! - A panic of the tool reaches it as an error; see [`Failed::is_panic`](crate::around::Failed::is_panic).
//! - `check_task` and `stop_task`, the handshakes of MCPC, tools of a handler, and calls of unknown tools are answered
//!   without it. So is a call that [joins](crate::guide::clients#equal-calls) the task of an equal one: no tool runs for it,
//!   and what is around the first call is around that task.
