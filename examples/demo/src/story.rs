//! What is told, in its order.

use std::env;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use crate::clients::{Host, Mcpc, Plain, Tasks};
use crate::connection::Error;
use crate::event::{Event, Kind};
use crate::screen::Screen;

const INTRODUCTION: &str = "\
A model is asked to deploy billing v2 on 20 machines, which takes 150 s. Here
everything is ten times as fast: it takes 15 s, and a host that waits for 60 s
waits for 6 s. The servers are processes; what you see came over their pipes.";

const ORDINARY: &str = "1. An ordinary server: a call is answered when its job is done";

const WITH_MCPC: &str = "2. The same job on mcpc, for three kinds of client at once";

/// How long a reader has before each part.
const PAUSE: Duration = Duration::from_secs(1);

pub(crate) async fn tell(screen: Arc<Screen>) -> Result<(), Error> {
    screen.show(&Event::new(Kind::Note, INTRODUCTION))?;
    let host = Host::connect(&screen).await?;
    tokio::time::sleep(PAUSE).await;
    screen.part(ORDINARY)?;
    host.play().await?;

    tokio::time::sleep(PAUSE).await;
    let (mcpc, tasks, plain) =
        tokio::try_join!(Mcpc::connect(&screen), Tasks::connect(&screen), Plain::connect(&screen))?;
    screen.part(WITH_MCPC)?;
    for (client, about) in [
        ("MCPC", "hears of everything as it happens"),
        ("Tasks", "declares MCP's Tasks extension, as Claude Code does"),
        ("plain", "knows of neither, and not of progress, as Cline and Continue"),
    ] {
        screen.show(&Event::new(Kind::Note, about).by(client))?;
    }
    tokio::try_join!(mcpc.play(), tasks.play(), plain.play())?;

    screen.clear();
    let (answers, slowest) = screen.answers();
    let summary = format!(
        "\n5 deployments ran; {answers} plain calls were answered meanwhile, within {slowest:.1} ms each."
    );
    screen.show(&Event::new(Kind::Note, summary))?;
    let next = format!(
        "\nNext: write one, as README.md says (this is examples/demo/src/server.rs),\n      \
         or talk to it: claude mcp add demo -- {} --serve",
        program()?
    );
    screen.show(&Event::new(Kind::Next, next))?;
    Ok(())
}

/// This program as a shell takes it, from anywhere.
fn program() -> Result<String, Error> {
    let program = env::current_exe().map_err(Error::Start)?;
    let here = env::current_dir().ok().filter(|_| cfg!(unix));
    let below = here.as_deref().and_then(|here: &Path| program.strip_prefix(here).ok());
    Ok(below.map_or_else(
        || program.display().to_string(),
        |path| format!("\"$PWD\"/{}", path.display()),
    ))
}
