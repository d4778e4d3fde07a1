//! The rows of the table.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::pin::Pin;
use std::process::Command;

use anyhow::Result;
use load::Process;

use crate::servers::{Kind, Servers};

/// How often the first two are measured, in turns. FastMCP is measured once: it is slower by an order of magnitude.
const ROUNDS: usize = 3;

type Measure = for<'a> fn(Kind, &'a Process) -> Pin<Box<dyn Future<Output = Result<f64>> + 'a>>;

pub(crate) struct Row {
    pub(crate) what: &'static str,
    unit: Unit,
    goal: Goal,
    measure: Measure,
}

#[derive(Clone, Copy)]
pub(crate) enum Unit {
    PerSecond,
    Microseconds,
    Kibibytes,
}

#[derive(Clone, Copy)]
pub(crate) enum Goal {
    None,
    /// Times what rmcp has.
    AtLeast(f64),
    OursAtMost(f64),
}

pub(crate) struct Report {
    fastmcp: String,
    rows: String,
}

impl Row {
    pub(crate) const fn new(what: &'static str, unit: Unit, goal: Goal, measure: Measure) -> Self {
        Self { what, unit, goal, measure }
    }
}

impl Report {
    pub(crate) fn new(fastmcp: String) -> Self {
        Self { fastmcp, rows: String::new() }
    }

    /// Measures servers in turns, each time one that was just started.
    pub(crate) async fn measure(&mut self, row: &Row, servers: &Servers) -> Result<()> {
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            for (kind, figures) in [(Kind::Mcpc, &mut ours), (Kind::Rmcp, &mut theirs)] {
                let server = servers.start(kind).await?;
                figures.push((row.measure)(kind, &server).await?);
            }
        }
        let server = servers.start(Kind::FastMcp).await?;
        let fastmcp = match (row.measure)(Kind::FastMcp, &server).await {
            Ok(figure) => row.unit.show(figure),
            Err(reason) => format!("({reason})"),
        };
        let ratios: Vec<f64> = ours.iter().zip(&theirs).map(|(ours, it)| ours / it).collect();
        let (least, most) = (percentile(&ratios, 0.0), percentile(&ratios, 1.0));
        let (ours, theirs, ratio) = (median(&ours), median(&theirs), median(&ratios));
        let goal = row.goal.judge(ratio, ours, row.unit);
        let [ours, theirs] = [ours, theirs].map(|figure| row.unit.show(figure));
        let line = format!(
            "| {} | {ours} | {theirs} | {ratio:.2}× ({least:.2} to {most:.2}) | {fastmcp} | {goal} |",
            row.what
        );
        println!("{line}");
        self.rows.push_str(&line);
        self.rows.push('\n');
        Ok(())
    }

    pub(crate) fn table(&self) -> String {
        format!(
            "|  | mcpc | rmcp by hand | ratio | FastMCP {} | goal |\n|---|---|---|---|---|---|\n{}",
            self.fastmcp, self.rows
        )
    }

    pub(crate) fn write(&self, path: &Path) -> Result<()> {
        let mut text = String::from("# Results\n\n");
        let [date, rustc] = [("date", ["-u", "+%-d %B %Y"]), ("rustc", ["--version", "--verbose"])]
            .map(|(program, arguments)| first_line(program, &arguments));
        let processors = std::thread::available_parallelism()?;
        let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
        let load = load.split(' ').next().unwrap_or_default();
        writeln!(
            text,
            "Of `benches/http/run` on {date} (Linux, {processors} processors, a load of {load} at the end, {rustc}; rmcp {}). \
             `README.md` says what the rows mean.\n\n{}",
            rmcp(),
            self.table().trim_end()
        )?;
        fs::write(path, text)?;
        Ok(())
    }
}

fn first_line(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output();
    let output = output.map(|output| output.stdout).unwrap_or_default();
    String::from_utf8_lossy(&output).lines().next().unwrap_or_default().to_owned()
}

/// The version of rmcp that the workspace has.
fn rmcp() -> String {
    let lock = fs::read_to_string("Cargo.lock").unwrap_or_default();
    let version = lock.split("name = \"rmcp\"\nversion = \"").nth(1);
    version.and_then(|rest| rest.split('"').next()).unwrap_or("?").to_owned()
}

impl Goal {
    fn judge(self, ratio: f64, ours: f64, unit: Unit) -> String {
        let (goal, is_met) = match self {
            Self::None => return String::new(),
            Self::AtLeast(least) => (format!("≥ {least}×"), ratio >= least),
            Self::OursAtMost(most) => (format!("≤ {}", unit.show(most)), ours <= most),
        };
        format!("{goal}: {}", if is_met { "met" } else { "**missed**" })
    }
}

impl Unit {
    fn show(self, figure: f64) -> String {
        match self {
            Self::PerSecond => format!("{}/s", thousands(figure)),
            Self::Microseconds if figure >= 10_000.0 => format!("{:.1} ms", figure / 1e3),
            Self::Microseconds if figure >= 100.0 => format!("{figure:.0} µs"),
            Self::Microseconds => format!("{figure:.1} µs"),
            Self::Kibibytes if figure >= 10_240.0 => format!("{:.1} MiB", figure / 1024.0),
            Self::Kibibytes => format!("{figure:.1} KiB"),
        }
    }
}

fn thousands(figure: f64) -> String {
    let figure = format!("{figure:.0}");
    let mut shown = String::new();
    for (i, digit) in figure.chars().enumerate() {
        if i > 0 && (figure.len() - i).is_multiple_of(3) {
            shown.push(',');
        }
        shown.push(digit);
    }
    shown
}

fn median(figures: &[f64]) -> f64 {
    percentile(figures, 0.5)
}

/// The figure that such a part of all is not above.
pub(crate) fn percentile(figures: &[f64], part: f64) -> f64 {
    let mut figures = figures.to_vec();
    figures.sort_unstable_by(f64::total_cmp);
    figures[((figures.len() - 1) as f64 * part).round() as usize]
}
