//! Plain calls per second.

use std::process::Command;

use serde_json::json;

use crate::process::{Process, call};
use crate::report::{Goal, Report, Unit, in_turns};
use crate::servers::Servers;

pub(crate) fn run(servers: &Servers, report: &Report) {
    for (in_flight, calls, what, goals) in [
        (1, 20_000, "plain calls, one at a time", [Goal::AtLeast(0.97), Goal::None]),
        (64, 100_000, "plain calls, 64 in flight", [Goal::AtLeast(1.0), Goal::AtLeast(5.0)]),
    ] {
        let [mcpc, pipes, stdio, bare] = in_turns([
            &mut || rate(servers.with_mcpc(), in_flight, calls),
            &mut || rate(servers.on_rmcp(), in_flight, calls),
            &mut || rate(servers.on_rmcp_stdio(), in_flight, calls / 5),
            &mut || rate(servers.bare(&["answer"]), in_flight, 2 * calls),
        ]);
        let compare = |with, other: &[f64], goal| {
            report.compare(what, Unit::PerSecond, [("", &mcpc), (with, other)], goal);
        };
        compare("rmcp by hand, `stdio_pipes()`", &pipes, goals[0]);
        compare("rmcp by hand, `stdio()`", &stdio, goals[1]);
        compare("a bare serde_json line server", &bare, Goal::None);
        for (version, reference) in servers.references() {
            let what = format!("{what}, reference {version}");
            match reference {
                Some(reason) => report.skip(&what, reason),
                None => {
                    let [mcpc, reference] = in_turns([
                        &mut || rate(servers.with_mcpc(), in_flight, calls),
                        &mut || rate(servers.reference(version), in_flight, 2_000),
                    ]);
                    let both = [("", &mcpc[..]), ("", &reference[..])];
                    report.compare(&what, Unit::PerSecond, both, Goal::None);
                }
            }
        }
    }
}

/// Calls per second of a server that has been warmed up.
fn rate(mut server: Command, in_flight: usize, calls: usize) -> f64 {
    let mut process = Process::start(&mut server);
    process.initialized();
    let requests = requests(calls);
    let (warm_up, measured) = requests.split_at(calls / 10);
    process.converse(warm_up, in_flight);
    measured.len() as f64 / process.converse(measured, in_flight).as_secs_f64()
}

/// So many calls of the plain tool.
pub(crate) fn requests(calls: usize) -> Vec<String> {
    let request = |id| {
        let call = call(json!(id), "add", json!({"a": id, "b": 40}), json!({}));
        format!("{call}\n")
    };
    (0..calls).map(request).collect()
}
