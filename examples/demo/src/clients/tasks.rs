use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use serde_json::{Value, json};

use crate::connection::{Error, Notes};
use crate::event::{Event, Kind};
use crate::lane::{Lane, percent, text};
use crate::screen::Screen;

/// A client of the Tasks extension of MCP 2026-07-28: a call is answered with a task, and the client listens for its
/// end.
pub(crate) struct Tasks<'a> {
    lane: Lane<'a>,
    notes: Notes,
    /// Which deployment a task is.
    deployments: Mutex<HashMap<String, String>>,
}

impl<'a> Tasks<'a> {
    pub(crate) async fn connect(screen: &'a Screen) -> Result<Self, Error> {
        let (lane, notes) = Lane::start("Tasks", "--serve-fast", screen)?;
        let lane = lane.with_meta(json!({
            "io.modelcontextprotocol/protocolVersion": "2026-07-28",
            "io.modelcontextprotocol/clientInfo": {"name": "Tasks", "version": env!("CARGO_PKG_VERSION")},
            "io.modelcontextprotocol/clientCapabilities":
                {"extensions": {"io.modelcontextprotocol/tasks": {}}},
        }));
        lane.connection.request("server/discover", lane.params(json!({}))).await?;
        Ok(Self { lane, notes, deployments: Mutex::default() })
    }

    pub(crate) async fn play(mut self) -> Result<(), Error> {
        let follow = follow(&self.lane, &mut self.notes, &self.deployments, 2);
        tokio::try_join!(act(&self.lane, &self.deployments), follow)?;
        self.lane.connection.close().await;
        Ok(())
    }
}

type Deployments = Mutex<HashMap<String, String>>;

async fn act(lane: &Lane<'_>, deployments: &Deployments) -> Result<(), Error> {
    deploy(lane, deployments, "billing", "v2").await?;
    lane.screen.at(1.0).await;
    lane.version("mail").await?;
    lane.screen.at(3.5).await;
    let task_id = deploy(lane, deployments, "mail", "v3").await?;
    lane.screen.at(7.0).await;
    lane.version("billing").await?;
    lane.screen.at(11.5).await;
    let text = "its user no longer wants mail v3: tasks/cancel";
    lane.show(Event::new(Kind::Stops, text).of("mail v3"))?;
    let cancel = lane.params(json!({"taskId": task_id}));
    lane.connection.request("tasks/cancel", cancel).await?;
    lane.screen.at(13.0).await;
    lane.version("mail").await
}

/// Starts a deployment and listens for what is said of it; the id of its task.
async fn deploy(
    lane: &Lane<'_>,
    deployments: &Deployments,
    service: &str,
    version: &str,
) -> Result<String, Error> {
    let arguments = json!({"service": service, "version": version});
    let (result, took) = lane.call("deploy", arguments).await?;
    let Some(task_id) = result["taskId"].as_str().map(str::to_owned) else {
        return Err(lane.connection.unexpected(result));
    };
    let deployment = format!("{service} {version}");
    let text =
        format!("deploy({service}, {version}): a task, {took:.0} ms; the conversation goes on");
    lane.show(Event::new(Kind::Task, text).of(&deployment).after(took))?;
    deployments.lock().unwrap_or_else(PoisonError::into_inner).insert(task_id.clone(), deployment);
    let listen = lane.params(json!({"notifications": {"taskIds": [task_id]}}));
    lane.connection.send("subscriptions/listen", listen).await;
    Ok(task_id)
}

/// Shows what is said of tasks until so many have ended.
async fn follow(
    lane: &Lane<'_>,
    notes: &mut Notes,
    deployments: &Deployments,
    mut tasks: usize,
) -> Result<(), Error> {
    while tasks > 0 {
        let note = lane.connection.next(notes).await?;
        let params = &note["params"];
        let task_id = params["taskId"].as_str().unwrap_or_default();
        let deployment =
            deployments.lock().unwrap_or_else(PoisonError::into_inner).get(task_id).cloned();
        // It also says that it was heard.
        let Some(deployment) = deployment else { continue };
        let (kind, line) = match params["status"].as_str() {
            Some("working") => {
                progress(lane, &deployment, params)?;
                continue;
            }
            Some("completed") if params["result"]["isError"] == false => {
                let result = text(&params["result"]);
                (
                    Kind::Complete,
                    format!("{deployment} completed, which wakes its model: \"{result}\""),
                )
            }
            Some("cancelled") => {
                let status = params["statusMessage"].as_str().unwrap_or_default();
                (Kind::Stopped, format!("{deployment} cancelled half-way: \"{status}\""))
            }
            _ => return Err(lane.connection.unexpected(note)),
        };
        lane.show(Event::new(kind, line).of(&deployment))?;
        tasks -= 1;
    }
    Ok(())
}

/// `30 %: web-06 runs v2` is how a server of `mcpc` says it.
fn progress(lane: &Lane<'_>, deployment: &str, task: &Value) -> Result<(), Error> {
    let message = task["statusMessage"].as_str().unwrap_or_default();
    match (percent(message), message.split_once(": ")) {
        (Some(percent), Some((_, status))) => lane.progress(deployment, percent, status),
        _ => Ok(()),
    }
}
