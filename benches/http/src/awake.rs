//! Processors that do not sleep.

use anyhow::{Context as _, Result};
use tokio::process::{Child, Command};

/// As long as it is there, no processor goes to sleep: each has work that gives way to any other.
pub(crate) struct Awake {
    _work: Vec<Child>,
}

impl Awake {
    pub(crate) fn keep() -> Result<Self> {
        let processors = std::thread::available_parallelism()?.get();
        let work = std::iter::repeat_with(|| {
            let mut command = Command::new("nice");
            command.args(["-n", "19", "sh", "-c", "while :; do :; done"]).kill_on_drop(true);
            command.spawn().context("`nice`")
        });
        Ok(Self { _work: work.take(processors).collect::<Result<_>>()? })
    }
}
