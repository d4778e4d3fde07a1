//! The servers that are measured.

use std::path::PathBuf;
use std::process::Command;

/// Where they are, once they are built.
pub(crate) struct Servers {
    directory: PathBuf,
    /// By version; why not, if there is none.
    references: Vec<(&'static str, Result<PathBuf, String>)>,
}

pub(crate) const ROOT: &str = env!("CARGO_MANIFEST_DIR");

impl Servers {
    /// Builds them, as a user would.
    pub(crate) fn build() -> Self {
        let mut cargo = Command::new(env!("CARGO"));
        cargo.args(["build", "--release", "--package", "bench-servers"]).current_dir(ROOT);
        assert!(cargo.status().expect("cargo runs").success(), "the servers can be built");
        // A benchmark is in `deps`, beside which the programs are.
        let program = std::env::current_exe().expect("a benchmark has a path");
        let directory = program.ancestors().nth(2).expect("it is in a folder").to_owned();
        Self { directory, references: ["0.2.1", "0.2.6"].map(|it| (it, reference(it))).into() }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }

    pub(crate) fn with_mcpc(&self) -> Command {
        Command::new(self.path("with-mcpc"))
    }

    /// The one with tools that nothing stands beside.
    pub(crate) fn under_load(&self) -> Command {
        Command::new(self.path("under-load"))
    }

    /// The server by hand, over the fastest of rmcp's transports.
    pub(crate) fn on_rmcp(&self) -> Command {
        Command::new(self.path("on-rmcp"))
    }

    /// The same, over the one that rmcp's documentation shows.
    pub(crate) fn on_rmcp_stdio(&self) -> Command {
        Command::new(self.path("on-rmcp-stdio"))
    }

    pub(crate) fn bare(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(self.path("bare"));
        command.args(arguments);
        command
    }

    /// The versions of the reference, each with the reason why it is not there, if it is not.
    pub(crate) fn references(&self) -> impl Iterator<Item = (&'static str, Option<&str>)> {
        self.references
            .iter()
            .map(|(version, python)| (*version, python.as_ref().err().map(String::as_str)))
    }

    /// A version of the reference that is there.
    pub(crate) fn reference(&self, version: &str) -> Command {
        let known = self.references.iter().find(|(known, _)| *known == version);
        let (_, python) = known.expect("it is one of the two");
        let mut command = Command::new(python.as_ref().expect("it is there"));
        command.args(["-B", &format!("{ROOT}/benches/servers/reference.py")]);
        command
    }
}

/// The Python of a version of the reference.
fn reference(version: &str) -> Result<PathBuf, String> {
    let output = Command::new(format!("{ROOT}/benches/servers/reference")).arg(version).output();
    let output = output.map_err(|error| error.to_string())?;
    match output.status.success() {
        true => Ok(PathBuf::from(String::from_utf8_lossy(&output.stdout).trim())),
        false => Err(String::from_utf8_lossy(&output.stderr).trim().to_owned()),
    }
}
