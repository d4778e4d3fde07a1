//! The servers that are measured.

use std::path::PathBuf;

use anyhow::Result;
use load::Process;
use tokio::process::Command;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Mcpc,
    Rmcp,
    FastMcp,
}

pub(crate) struct Servers {
    pub(crate) with_mcpc: PathBuf,
    pub(crate) on_rmcp: PathBuf,
    pub(crate) python: PathBuf,
    pub(crate) here: PathBuf,
}

impl Servers {
    /// Starts a server that nobody has asked anything yet.
    pub(crate) async fn start(&self, kind: Kind) -> Result<Process> {
        let command = match kind {
            Kind::Mcpc => Command::new(&self.with_mcpc),
            Kind::Rmcp => Command::new(&self.on_rmcp),
            Kind::FastMcp => {
                let mut command = Command::new(&self.python);
                // Without -B, bytecode would litter the source tree.
                command.arg("-B").arg(self.here.join("with_fastmcp.py"));
                command
            }
        };
        Process::start(command).await
    }
}
