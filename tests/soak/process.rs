//! What a process holds.

use std::fmt;
use std::process::{Child, ExitStatus};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

/// A process that is looked at every second, and killed when this is dropped.
pub(crate) struct Process {
    child: Child,
    /// What it had of memory at each look since they were last taken, in KiB.
    memory: Arc<Mutex<Vec<u64>>>,
}

impl Process {
    pub(crate) fn new(child: Child) -> Self {
        let (id, memory) = (child.id(), Arc::<Mutex<Vec<u64>>>::default());
        let looks = Arc::downgrade(&memory);
        thread::spawn(move || {
            while let Some(looks) = looks.upgrade() {
                if let Some(sample) = Sample::take(id) {
                    looks.lock().expect("no panic").push(sample.memory);
                }
                drop(looks);
                thread::sleep(Duration::from_secs(1));
            }
        });
        Self { child, memory }
    }

    pub(crate) fn sample(&self) -> Sample {
        Sample::take(self.child.id()).expect("it runs")
    }

    pub(crate) fn take_looks(&self) -> Vec<u64> {
        std::mem::take(&mut *self.memory.lock().expect("no panic"))
    }

    pub(crate) fn wait(&mut self) -> ExitStatus {
        self.child.wait().expect("it ends")
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It has ended by itself, if all went well.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Sample {
    /// What is on its heap, in KiB, which only the process itself can tell.
    pub(crate) held: u64,
    /// What it has of the machine for that, without what is mapped from files, in KiB.
    pub(crate) memory: u64,
    pub(crate) descriptors: u64,
    pub(crate) threads: u64,
}

impl Sample {
    /// What can be told of a process from outside, unless it has ended.
    fn take(id: u32) -> Option<Self> {
        let status = std::fs::read_to_string(format!("/proc/{id}/status")).ok()?;
        let field = |name: &str| {
            let line = status.lines().find(|line| line.starts_with(name))?;
            line.split_whitespace().nth(1)?.parse().ok()
        };
        let descriptors = std::fs::read_dir(format!("/proc/{id}/fd")).ok()?.count() as u64;
        Some(Self { held: 0, memory: field("RssAnon:")?, descriptors, threads: field("Threads:")? })
    }
}

impl fmt::Display for Sample {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { held, memory, descriptors, threads } = self;
        write!(
            f,
            "{held:>6} KiB held in {memory:>6} KiB, {descriptors} descriptors, {threads} threads"
        )
    }
}

pub(crate) fn median(numbers: impl Iterator<Item = u64>) -> u64 {
    let mut numbers: Vec<u64> = numbers.collect();
    numbers.sort_unstable();
    numbers[numbers.len() / 2]
}
