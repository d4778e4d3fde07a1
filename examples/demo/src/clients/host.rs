use std::time::Duration;

use serde_json::json;
use tokio::time::Instant;

use crate::SPEED;
use crate::connection::Error;
use crate::event::{Event, Kind, rounded};
use crate::lane::Lane;
use crate::screen::Screen;

/// When hosts that hear nothing give up in life.
const LIMIT: Duration = Duration::from_secs(60);

const DEPLOYMENT: &str = "billing v2";

/// A host as most are: its model waits for the answer of a call, and so does everybody who talks with it.
pub(crate) struct Host<'a>(Lane<'a>);

impl<'a> Host<'a> {
    pub(crate) async fn connect(screen: &'a Screen) -> Result<Self, Error> {
        let (lane, _) = Lane::start("host", "--serve-ordinary", screen)?;
        lane.connection.initialize().await?;
        Ok(Self(lane))
    }

    pub(crate) async fn play(self) -> Result<(), Error> {
        let Self(lane) = self;
        let begun = Instant::now();
        let limit = LIMIT / SPEED;
        let arguments = json!({"service": "billing", "version": "v2"});
        let params = json!({"name": "deploy", "arguments": arguments});
        let (id, answer) = lane.connection.send("tools/call", params).await;
        let waits = "deploy(billing, v2): no answer yet, its model waits";
        lane.show(Event::new(Kind::Waits, waits).of(DEPLOYMENT))?;
        let answer =
            tokio::time::timeout_at(begun + limit, lane.connection.result("tools/call", answer));
        let silence = async {
            match answer.await {
                Err(_) => Ok(()),
                Ok(answer) => Err(lane.connection.unexpected(answer?)),
            }
        };
        tokio::try_join!(asks(&lane), silence)?;
        lane.connection.notify("notifications/cancelled", json!({"requestId": id})).await;
        let waited = begun.elapsed().as_secs_f64();
        let text =
            format!("gives up after {waited:.1} s of silence; its model hears \"timed out\"");
        let event = Event::new(Kind::GivesUp, text).of(DEPLOYMENT);
        lane.show(event.after(rounded(waited * 1000.0)))?;
        let late = format!(", {:.1} s late", (begun.elapsed() - ASKED).as_secs_f64());
        lane.version_and("mail", &late).await?;
        lane.screen.at(8.0).await;
        let goes_on = ": it goes on, and nobody will hear how it ends";
        lane.version_and("billing", goes_on).await?;
        lane.screen.at(9.5).await;
        lane.connection.close().await;
        Ok(())
    }
}

/// When its user asks something else.
const ASKED: Duration = Duration::from_secs(2);

async fn asks(lane: &Lane<'_>) -> Result<(), Error> {
    lane.screen.at(ASKED.as_secs_f64()).await;
    let text = "its user asks which version mail has; that waits, too";
    lane.show(Event::new(Kind::Note, text))
}
