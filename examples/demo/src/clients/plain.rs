use serde_json::json;

use crate::connection::Error;
use crate::event::{Event, Kind};
use crate::lane::{Lane, percent, text};
use crate::screen::Screen;

const DEPLOYMENT: &str = "billing v2";

/// A client that knows nothing of tasks, and not even of progress: its model goes on with a ticket.
pub(crate) struct Plain<'a>(Lane<'a>);

impl<'a> Plain<'a> {
    pub(crate) async fn connect(screen: &'a Screen) -> Result<Self, Error> {
        let (lane, _) = Lane::start("plain", "--serve-fast", screen)?;
        lane.connection.initialize().await?;
        Ok(Self(lane))
    }

    pub(crate) async fn play(self) -> Result<(), Error> {
        let Self(lane) = self;
        let waits = "deploy(billing, v2): no answer yet, its model waits";
        lane.show(Event::new(Kind::Waits, waits).of(DEPLOYMENT))?;
        let arguments = json!({"service": "billing", "version": "v2"});
        let (result, took) = lane.call("deploy", arguments).await?;
        let ticket = text(&result);
        let Some(task_id) = ticket.split('`').nth(3) else {
            return Err(lane.connection.unexpected(result));
        };
        let line = format!("a ticket, {:.1} s: \"{}\"", took / 1000.0, short(ticket, task_id));
        let event = Event::new(Kind::Ticket, line).of(DEPLOYMENT);
        lane.show(event.at(percent(ticket)).after(took))?;
        lane.screen.at(6.0).await;
        lane.version("mail").await?;
        lane.screen.at(9.4).await;
        check(&lane, task_id).await?;
        lane.screen.at(13.9).await;
        while !check(&lane, task_id).await? {}
        lane.connection.close().await;
        Ok(())
    }
}

/// Asks how a task is doing, as the ticket says; whether it has ended.
async fn check(lane: &Lane<'_>, task_id: &str) -> Result<bool, Error> {
    let arguments = json!({"task_id": task_id, "wait_seconds": 50});
    let (result, took) = lane.call("check_task", arguments).await?;
    let news = text(&result);
    let line = format!("check_task: \"{}\"", short(news, task_id));
    let is_complete = news.contains("is complete");
    let kind = if is_complete { Kind::Complete } else { Kind::Check };
    lane.show(Event::new(kind, line).of(DEPLOYMENT).at(percent(news)).after(took))?;
    Ok(is_complete)
}

/// What a server says, in one line, with the beginning of the task's id alone.
fn short(text: &str, task_id: &str) -> String {
    let id = task_id.get(..4).unwrap_or_default();
    text.replace(task_id, &format!("{id}..")).replace('\n', " ")
}
