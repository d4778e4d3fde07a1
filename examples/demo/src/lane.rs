//! What every client of the demo does: it starts a server, calls tools, and shows what comes.

use serde_json::{Value, json};
use tokio::time::Instant;

use crate::connection::{Connection, Error, Notes};
use crate::event::{Event, Kind, rounded};
use crate::screen::Screen;

pub(crate) struct Lane<'a> {
    client: &'static str,
    pub(crate) connection: Connection,
    pub(crate) screen: &'a Screen,
    /// What each of its requests says about it, where there is no session.
    meta: Option<Value>,
}

impl<'a> Lane<'a> {
    /// Starts a server for a client.
    pub(crate) fn start(
        client: &'static str,
        server: &str,
        screen: &'a Screen,
    ) -> Result<(Self, Notes), Error> {
        let (connection, notes) = Connection::start(client, server)?;
        Ok((Self { client, connection, screen, meta: None }, notes))
    }

    pub(crate) fn with_meta(mut self, meta: Value) -> Self {
        self.meta = Some(meta);
        self
    }

    /// The parameters of a request, with what it says about its client.
    pub(crate) fn params(&self, mut params: Value) -> Value {
        if let Some(meta) = &self.meta {
            params["_meta"] = meta.clone();
        }
        params
    }

    /// The result of a call, and how many milliseconds it took.
    pub(crate) async fn call(&self, tool: &str, arguments: Value) -> Result<(Value, f64), Error> {
        let asked = Instant::now();
        let params = self.params(json!({"name": tool, "arguments": arguments}));
        let result = self.connection.request("tools/call", params).await?;
        Ok((result, rounded(asked.elapsed().as_secs_f64() * 1000.0)))
    }

    /// Asks a plain tool which version of a service runs.
    pub(crate) async fn version(&self, service: &str) -> Result<(), Error> {
        self.version_and(service, "").await
    }

    /// The same, and says something about the answer.
    pub(crate) async fn version_and(&self, service: &str, about: &str) -> Result<(), Error> {
        let (result, took) = self.call("version", json!({"service": service})).await?;
        let text = format!("version({service}): \"{}\", {took:.1} ms{about}", text(&result));
        self.show(Event::new(Kind::Answer, text).after(took))
    }

    /// How far a deployment is.
    pub(crate) fn progress(
        &self,
        deployment: &str,
        percent: u64,
        status: &str,
    ) -> Result<(), Error> {
        let text = format!("{deployment}: {percent} %, {status}");
        self.show(Event::new(Kind::Progress, text).of(deployment).at(Some(percent)).doing(status))
    }

    pub(crate) fn show(&self, event: Event<'_>) -> Result<(), Error> {
        Ok(self.screen.show(&event.by(self.client))?)
    }
}

/// The text of a reply.
pub(crate) fn text(result: &Value) -> &str {
    result["content"][0]["text"].as_str().unwrap_or_default()
}

/// The percentage in a text of a server.
pub(crate) fn percent(text: &str) -> Option<u64> {
    let (before, _) = text.split_once(" %")?;
    before.rsplit(' ').next()?.parse().ok()
}
