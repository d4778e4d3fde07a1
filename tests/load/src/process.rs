//! A server as a process, and what that holds.

use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result};
use tokio::io::{AsyncBufReadExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};
use tokio::time::sleep;

/// A server that listens. Dropped, it is killed; and it ends by itself when the input that it was given does.
#[derive(Debug)]
pub struct Process {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
    id: u32,
    /// Where it listens.
    pub address: String,
}

impl Process {
    /// Starts a server, whose first line says where it listens.
    ///
    /// # Errors
    ///
    /// When it does not.
    pub async fn start(mut command: Command) -> Result<Self> {
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn().with_context(|| format!("{command:?}"))?;
        let output = child.stdout.take().context("it was asked for")?;
        let mut lines = BufReader::new(output).lines();
        let address = lines.next_line().await?.context("it ended at once")?;
        let id = child.id().context("it has ended")?;
        Ok(Self { child, lines, id, address })
    }

    /// What the process holds, in KiB.
    ///
    /// # Errors
    ///
    /// When it has ended.
    pub fn memory(&self) -> Result<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.id))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let size = line.and_then(|line| line.split_whitespace().next()).context("no `VmRSS`")?;
        Ok(size.parse()?)
    }

    /// What it holds once that stays the same for a while, in KiB.
    ///
    /// # Errors
    ///
    /// When it has ended.
    pub async fn resting_memory(&self) -> Result<u64> {
        let mut memory = self.memory()?;
        loop {
            sleep(Duration::from_millis(300)).await;
            let now = self.memory()?;
            if now.abs_diff(memory) < 64 {
                return Ok(now);
            }
            memory = now;
        }
    }

    /// How many descriptors it has open.
    ///
    /// # Errors
    ///
    /// When it has ended.
    pub fn descriptors(&self) -> Result<usize> {
        Ok(std::fs::read_dir(format!("/proc/{}/fd", self.id))?.count())
    }

    /// The time that it has had of a processor.
    ///
    /// # Errors
    ///
    /// When it has ended.
    pub fn processor_time(&self) -> Result<Duration> {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.id))?;
        let (_, after_name) = stat.rsplit_once(") ").context("no name")?;
        let fields: Vec<&str> = after_name.split(' ').collect();
        // Counted in hundredths of a second.
        let ticks = fields[11].parse::<u64>()? + fields[12].parse::<u64>()?;
        Ok(Duration::from_millis(ticks * 10))
    }

    /// Asks it to end.
    ///
    /// # Errors
    ///
    /// When it has ended.
    #[cfg(unix)]
    pub fn terminate(&self) -> Result<()> {
        let id = i32::try_from(self.id).ok().and_then(rustix::process::Pid::from_raw);
        Ok(rustix::process::kill_process(id.context("no process")?, rustix::process::Signal::TERM)?)
    }

    /// Waits until it has ended; returns how, and the last line that it wrote.
    ///
    /// # Errors
    ///
    /// When it wrote what is not text.
    pub async fn wait(&mut self) -> Result<(ExitStatus, Option<String>)> {
        let mut last = None;
        while let Some(line) = self.lines.next_line().await? {
            last = Some(line);
        }
        Ok((self.child.wait().await?, last))
    }
}

/// Has this process end once whoever started it is gone, however that ended.
pub fn end_with_input() {
    std::thread::spawn(|| {
        let _at_its_end = std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
        std::process::exit(3);
    });
}
