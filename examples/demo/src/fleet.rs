//! The job of the demo: a made-up fleet of machines, on which a service is replaced one machine after the other.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How many machines run each service.
pub(crate) const MACHINES: u32 = 20;

/// How long a machine takes in life.
const MACHINE: Duration = Duration::from_millis(7500);

/// What a service runs until something else is deployed.
const FIRST: &str = "v1";

pub(crate) struct Fleet {
    machine: Duration,
    /// Of each service of which something was deployed: what, and on how many machines.
    deployed: Mutex<BTreeMap<String, (String, u32)>>,
}

impl Fleet {
    /// A fleet that is so many times as fast as one in life.
    pub(crate) fn new(speed: u32) -> Self {
        Self { machine: MACHINE / speed, deployed: Mutex::default() }
    }

    /// Installs a version of a service on one machine. Version 9 of anything is ill.
    pub(crate) async fn install(
        &self,
        service: &str,
        version: &str,
        machine: u32,
    ) -> Result<(), String> {
        tokio::time::sleep(self.machine).await;
        if version == "v9" && machine == MACHINES / 4 {
            let back = self.roll_back(service);
            return Err(format!("web-{machine:02} is ill (503); {back}"));
        }
        self.deployed().insert(service.to_owned(), (version.to_owned(), machine));
        Ok(())
    }

    /// Has all machines run what they ran before.
    pub(crate) fn roll_back(&self, service: &str) -> String {
        self.deployed().remove(service);
        format!("{service} is back on {FIRST}")
    }

    /// What runs of a service, and where.
    pub(crate) fn version(&self, service: &str) -> String {
        match self.deployed().get(service) {
            None => format!("{service} {FIRST} on {MACHINES} machines"),
            Some((version, MACHINES)) => format!("{service} {version} on {MACHINES} machines"),
            Some((version, some)) => {
                format!("{service} {version} on {some} of {MACHINES} machines")
            }
        }
    }

    fn deployed(&self) -> MutexGuard<'_, BTreeMap<String, (String, u32)>> {
        self.deployed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
