//! How fast servers with mcpc are, beside what else there is: `cargo bench`, or `cargo bench -- calls updates`
//! for some sections alone. `BENCHMARKS.md` says what each row means.
//!
//! For Linux, as it reads what a process holds from `/proc`.
#![expect(clippy::print_stdout, reason = "a benchmark prints its figures")]

mod bounds;
mod builds;
mod calls;
mod instructions;
mod latency;
mod process;
mod report;
mod servers;
mod start;
mod tasks;
mod updates;

use report::Report;
use servers::Servers;

type Section = fn(&Servers, &Report);

const SECTIONS: [(&str, Section); 12] = [
    ("start", start::run),
    ("calls", calls::run),
    ("updates", updates::run),
    ("updates-growth", updates::growth),
    ("tasks", tasks::run),
    ("polls", tasks::polls),
    ("tasks-growth", tasks::growth),
    ("latency", latency::run),
    ("bounds", bounds::run),
    ("instructions", instructions::run),
    ("rebuild", builds::rebuild),
    ("many-tools", builds::many_tools),
];

fn main() {
    // Cargo adds an option of its own.
    let wanted: Vec<String> = std::env::args().skip(1).filter(|it| !it.starts_with('-')).collect();
    let known: Vec<&str> = SECTIONS.iter().map(|(name, _)| *name).collect();
    if let Some(unknown) = wanted.iter().find(|name| !known.contains(&name.as_str())) {
        println!("there is no section `{unknown}`; there are {}", known.join(", "));
        std::process::exit(2);
    }
    let (servers, report) = (Servers::build(), Report::default());
    for (name, section) in SECTIONS {
        if wanted.is_empty() || wanted.iter().any(|it| it == name) {
            section(&servers, &report);
        }
    }
    report.print();
}
