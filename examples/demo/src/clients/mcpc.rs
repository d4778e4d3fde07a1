use mcpc::protocol::{Dialect, Message, TaskEvent};
use serde_json::{Value, json};

use crate::connection::{Error, Notes};
use crate::event::{Event, Kind};
use crate::lane::{Lane, text};
use crate::screen::Screen;

/// A client of MCPC: a call is answered at once, and everything that its task says follows.
pub(crate) struct Mcpc<'a> {
    lane: Lane<'a>,
    callbacks: Notes,
}

impl<'a> Mcpc<'a> {
    pub(crate) async fn connect(screen: &'a Screen) -> Result<Self, Error> {
        let (lane, callbacks) = Lane::start("MCPC", "--serve-fast", screen)?;
        lane.connection.initialize().await?;
        lane.call(Dialect::V0_2_1.handshake(), json!({})).await?;
        Ok(Self { lane, callbacks })
    }

    pub(crate) async fn play(mut self) -> Result<(), Error> {
        let follow = follow(&self.lane, &mut self.callbacks, 2);
        tokio::try_join!(act(&self.lane), follow)?;
        self.lane.connection.close().await;
        Ok(())
    }
}

async fn act(lane: &Lane<'_>) -> Result<(), Error> {
    deploy(lane, "billing", "v2").await?;
    lane.screen.at(1.5).await;
    lane.version("mail").await?;
    lane.screen.at(2.5).await;
    deploy(lane, "search", "v9").await?;
    for seconds in [4.5, 8.0, 11.0] {
        lane.screen.at(seconds).await;
        lane.version("billing").await?;
    }
    Ok(())
}

async fn deploy(lane: &Lane<'_>, service: &str, version: &str) -> Result<(), Error> {
    let deployment = format!("{service} {version}");
    let ids = json!({"mcpc_session_id": "demo", "mcpc_task_id": deployment});
    let arguments = json!({"service": service, "version": version, "_metadata": ids});
    let (result, took) = lane.call("deploy", arguments).await?;
    match Message::parse(text(&result)) {
        Some(message) if message.task_event() == Some(TaskEvent::Created) => {
            let text = format!(
                "deploy({service}, {version}): created, {took:.1} ms; the conversation goes on"
            );
            lane.show(Event::new(Kind::Task, text).of(&deployment).after(took))
        }
        _ => Err(lane.connection.unexpected(result)),
    }
}

/// Shows what tasks say until so many have ended.
async fn follow(lane: &Lane<'_>, callbacks: &mut Notes, mut tasks: usize) -> Result<(), Error> {
    while tasks > 0 {
        let callback = lane.connection.next(callbacks).await?;
        let Some(message) = Message::parse(text(&callback["result"])) else {
            return Err(lane.connection.unexpected(callback));
        };
        let deployment = message.task_id.as_deref().unwrap_or_default();
        match message.task_event() {
            Some(TaskEvent::Complete) => {
                let text = format!("{deployment} complete: {}", message.result);
                lane.show(Event::new(Kind::Complete, text).of(deployment))?;
                tasks -= 1;
            }
            Some(TaskEvent::Failed) => {
                let text = format!("{deployment} failed: {}", message.result);
                lane.show(Event::new(Kind::Failed, text).of(deployment))?;
                tasks -= 1;
            }
            _ => {
                let status = message.result["status"].as_str().unwrap_or_default();
                lane.progress(deployment, percent(&message.result), status)?;
            }
        }
    }
    Ok(())
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "from 0 to 100")]
fn percent(update: &Value) -> u64 {
    update["progress"].as_f64().unwrap_or_default() as u64
}
