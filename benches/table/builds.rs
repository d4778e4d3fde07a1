//! What it costs to build a server, in a crate of its own as users have it: outside of this workspace.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use serde_json::json;

use crate::process::{Process, request};
use crate::report::{Goal, Report, Unit, in_turns};
use crate::servers::{ROOT, Servers};

const BY_HAND: &str = "rmcp by hand";
const MACROS: &str = "rmcp's macros";

/// The measured servers, each in a crate of its own, and a line of one of their tools touched.
pub(crate) fn rebuild(_: &Servers, report: &Report) {
    let folder = Folder::new("rebuild");
    let mcpc = folder.package("with-mcpc", &dependency_on_mcpc(), &own_source("with-mcpc"));
    let rmcp = folder.package(
        "on-rmcp",
        &dependency_on_rmcp(r#""server", "transport-io""#),
        &own_source("on-rmcp"),
    );
    copy(&mcpc, "time.rs");
    copy(&rmcp, "time.rs");
    copy(&rmcp, "on_rmcp.rs");

    let release = ["build", "--release"];
    let first = [mcpc.time(&release), rmcp.time(&release)];
    let both = [("", &first[..1]), (BY_HAND, &first[1..])];
    report.compare("`cargo build --release` of everything, once", Unit::Seconds, both, Goal::None);

    let crates = [mcpc.crates()];
    report.compare(
        "crates in a server, its own aside",
        Unit::Count,
        [("", &crates), (BY_HAND, &[rmcp.crates()])],
        Goal::OursAtMost(75.0),
    );

    let touched = |package: &Package, file: &str, line: &str| {
        let path = package.directory.join("src").join(file);
        let source = fs::read_to_string(&path).expect("it was written");
        assert!(source.contains(line), "{file} has `{line}`");
        let source = source.replacen(line, &format!("{line} + 1 - 1"), 1);
        fs::write(&path, source).expect("the folder can be written");
        package.time(&release)
    };
    let [ours, theirs] = in_turns([&mut || touched(&mcpc, "main.rs", "    a + b"), &mut || {
        touched(&rmcp, "on_rmcp.rs", "text((a + b")
    }]);
    let what = "`cargo build --release`, one line of a tool touched";
    let both = [("", &ours[..]), (BY_HAND, &theirs)];
    report.compare(what, Unit::Seconds, both, Goal::OursAtMost(1.0));
}

/// Servers with many tools, on mcpc's attributes and on rmcp's.
pub(crate) fn many_tools(_: &Servers, report: &Report) {
    let folder = Folder::new("many-tools");
    let mcpc = folder.package("with-mcpc", &dependency_on_mcpc(), &tools_with_mcpc());
    let rmcp = folder.package(
        "on-rmcp",
        &dependency_on_rmcp(r#""server", "transport-io", "macros""#),
        &tools_on_rmcp(),
    );
    for (what, arguments) in [
        ("`cargo check`", &["check"][..]),
        ("`cargo build`", &["build"]),
        ("`cargo build --release`", &["build", "--release"]),
    ] {
        let what = format!("{what} of {TOOLS} tools");
        for package in [&mcpc, &rmcp] {
            package.time(arguments);
        }
        let [ours, theirs] = in_turns([&mut || mcpc.time(arguments), &mut || rmcp.time(arguments)]);
        let both = [("", &ours[..]), (MACROS, &theirs)];
        report.compare(&what, Unit::Seconds, both, Goal::AtMost(1.0));
    }
    for package in [&mcpc, &rmcp] {
        let mut server = Process::start(&mut Command::new(package.program()));
        server.initialized();
        server.write(&request(json!("list"), "tools/list", json!({})));
        let listed = server.read_until("\"list\"").matches("\"name\":\"search_").count();
        assert_eq!(listed, TOOLS, "{} lists every tool", package.name);
    }
    let sizes = [&mcpc, &rmcp].map(Package::stripped_size);
    let what = format!("the stripped program of {TOOLS} tools");
    match sizes {
        [Some(ours), Some(theirs)] => {
            let both = [("", &[ours][..]), (MACROS, &[theirs][..])];
            report.compare(&what, Unit::Bytes, both, Goal::None);
        }
        _ => report.skip(&what, "there is no `strip`"),
    }
}

/// A folder for packages, which is empty at first and gone in the end.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("mcpc-{name}-{}", std::process::id()));
        fs::create_dir(&folder).expect("the folder for temporary files can be written");
        Self(folder)
    }

    fn package(&self, name: &'static str, dependencies: &str, source: &str) -> Package {
        let directory = self.0.join(name);
        let manifest = format!(
            "[package]\nname = \"{name}\"\nversion = \"0.1.0\"\nedition = \"2024\"\n\n\
             [dependencies]\n{dependencies}\n\
             serde = {{ version = \"1\", features = [\"derive\"] }}\n\
             tokio = {{ version = \"1\", features = [\"macros\", \"rt-multi-thread\", \"time\"] }}\n"
        );
        fs::create_dir_all(directory.join("src")).expect("the folder can be written");
        fs::write(directory.join("Cargo.toml"), manifest).expect("the folder can be written");
        fs::write(directory.join("src/main.rs"), source).expect("the folder can be written");
        fs::copy(format!("{ROOT}/Cargo.lock"), directory.join("Cargo.lock"))
            .expect("the versions are those of this workspace");
        Package { name, directory, target: self.0.join("target") }
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.0) {
            eprintln!("{} is left behind: {error}", self.0.display());
        }
    }
}

struct Package {
    name: &'static str,
    directory: PathBuf,
    target: PathBuf,
}

impl Package {
    fn cargo(&self) -> Command {
        let mut cargo = Command::new(env!("CARGO"));
        cargo.current_dir(&self.directory).env("CARGO_TARGET_DIR", &self.target);
        // A developer's first build after a `git pull` is one without, and CI's always is.
        cargo.env("CARGO_INCREMENTAL", "0");
        cargo
    }

    /// Seconds that cargo takes when a file of the package was written.
    fn time(&self, arguments: &[&str]) -> f64 {
        let main = self.directory.join("src/main.rs");
        fs::write(&main, fs::read(&main).expect("it was written")).expect("it can be written");
        let mut cargo = self.cargo();
        cargo.args(arguments).arg("--quiet");
        let started = Instant::now();
        assert!(cargo.status().expect("cargo runs").success(), "{} can be built", self.name);
        started.elapsed().as_secs_f64()
    }

    /// How many crates are in the program beside its own.
    fn crates(&self) -> f64 {
        let mut cargo = self.cargo();
        cargo.args(["tree", "--edges", "normal", "--prefix", "none", "--no-dedupe"]);
        let output = cargo.stderr(Stdio::inherit()).output().expect("cargo runs");
        let listed = String::from_utf8(output.stdout).expect("UTF-8");
        let crates: std::collections::BTreeSet<_> = listed.lines().collect();
        (crates.len() - 1) as f64
    }

    fn program(&self) -> PathBuf {
        self.target.join("release").join(self.name)
    }

    fn stripped_size(&self) -> Option<f64> {
        stripped_size(&self.program())
    }
}

/// How many bytes a program has without its debug information.
pub(crate) fn stripped_size(program: &Path) -> Option<f64> {
    let copy = program.with_extension("stripped");
    let strip = Command::new("strip").arg("-o").arg(&copy).arg(program).status();
    strip.is_ok_and(|status| status.success()).then_some(())?;
    let size = fs::metadata(&copy).ok()?.len();
    fs::remove_file(copy).ok()?;
    Some(size as f64)
}

fn dependency_on_mcpc() -> String {
    format!("mcpc = {{ path = \"{ROOT}\" }}")
}

fn dependency_on_rmcp(features: &str) -> String {
    format!(
        "rmcp = {{ version = \"3.9\", default-features = false, features = [{features}] }}\n\
         schemars = \"1\"\nserde_json = \"1\""
    )
}

/// A server of `benches/servers` as a crate of one program.
fn own_source(name: &str) -> String {
    let read = |path: &str| {
        let path = format!("{ROOT}/benches/servers/src/{path}");
        fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
    };
    let whole = read("lib.rs") + &read(&format!("bin/{name}.rs"));
    let is_kept = |line: &&str| {
        let is_of_the_other = name == "with-mcpc" && line.contains("on_rmcp");
        !(is_of_the_other || line.starts_with("//!") || line.starts_with("use bench_servers::"))
    };
    whole.lines().filter(is_kept).flat_map(|line| [line, "\n"]).collect()
}

fn copy(package: &Package, file: &str) {
    let to = package.directory.join("src").join(file);
    fs::copy(format!("{ROOT}/benches/servers/src/{file}"), to).expect("it is there");
}

const TOOLS: usize = 200;

/// `text` once for each tool.
fn for_each_tool(text: &str) -> String {
    (0..TOOLS).map(|i| text.replace("INDEX", &i.to_string())).collect()
}

fn tools_with_mcpc() -> String {
    let tools = for_each_tool(
        r#"
/// Searches the index number INDEX.
#[mcpc::tool]
async fn search_INDEX(
    /// What to look for
    query: String,
    /// How many results to skip
    offset: u32,
    /// How good a result must be
    score: f64,
    /// Whether old ones count
    old: Option<bool>,
) -> String {
    format!("INDEX {query} {offset} {score} {old:?}")
}
"#,
    );
    let list = for_each_tool("        search_INDEX,\n");
    format!(
        "{tools}
#[tokio::main]
async fn main() -> mcpc::Result {{
    let tools = mcpc::tools![
{list}    ];
    mcpc::Server::new(\"search\").tools(tools).serve_stdio().await
}}
"
    )
}

fn tools_on_rmcp() -> String {
    let arguments = for_each_tool(
        r#"
#[derive(Deserialize, JsonSchema)]
struct SearchINDEX {
    /// What to look for
    query: String,
    /// How many results to skip
    offset: u32,
    /// How good a result must be
    score: f64,
    /// Whether old ones count
    old: Option<bool>,
}
"#,
    );
    let tools = for_each_tool(
        r#"
    /// Searches the index number INDEX.
    #[tool]
    async fn search_INDEX(
        &self,
        Parameters(SearchINDEX { query, offset, score, old }): Parameters<SearchINDEX>,
    ) -> String {
        format!("INDEX {query} {offset} {score} {old:?}")
    }
"#,
    );
    format!(
        "use rmcp::handler::server::router::tool::ToolRouter;
use rmcp::handler::server::wrapper::Parameters;
use rmcp::{{ServerHandler, ServiceExt, tool, tool_handler, tool_router}};
use schemars::JsonSchema;
use serde::Deserialize;

#[derive(Clone)]
struct Search {{
    tool_router: ToolRouter<Self>,
}}

#[tool_handler(router = self.tool_router)]
impl ServerHandler for Search {{}}
{arguments}
#[tool_router(router = tool_router)]
impl Search {{{tools}}}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {{
    let server = Search {{ tool_router: Search::tool_router() }};
    server.serve(rmcp::transport::stdio()).await?.waiting().await?;
    Ok(())
}}
"
    )
}
