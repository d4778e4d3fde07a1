//! The demo, run as a user would run it.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::LazyLock;
use std::time::Instant;

use serde_json::{Value, json};

fn demo(arguments: &[&str]) -> Command {
    let mut demo = Command::new(env!("CARGO_BIN_EXE_demo"));
    demo.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    demo
}

fn run(arguments: &[&str]) -> Output {
    demo(arguments).output().expect("it starts")
}

/// What a run to the end prints.
fn shown(arguments: &[&str]) -> String {
    let start = Instant::now();
    let output = run(arguments);
    eprintln!("demo {arguments:?} took {:.1} s", start.elapsed().as_secs_f64());
    let errors = String::from_utf8_lossy(&output.stderr);
    let shown = String::from_utf8(output.stdout).expect("UTF-8");
    assert!(output.status.success() && errors.is_empty(), "{shown}{errors}");
    shown
}

/// Lines and JSON, of two runs at the same time.
static RUNS: LazyLock<(String, String)> = LazyLock::new(|| {
    std::thread::scope(|scope| {
        let json = scope.spawn(|| shown(&["--json"]));
        (shown(&[]), json.join().expect("it was shown"))
    })
});

static LINES: LazyLock<&str> = LazyLock::new(|| &RUNS.0);

/// The lines of a client in a part, each with what follows below it, without the time and the client.
fn lines_of(shown: &str, part: usize, client: &str) -> Vec<String> {
    let part = shown.split("\n\n").nth(part).expect("a part");
    let joined = part.replace(&format!("\n{:16}", ""), " ");
    let lines = joined.lines().filter_map(|line| line.split_once(" s  ")?.1.split_once("  "));
    let lines = lines.filter(|(who, _)| who.trim() == client);
    lines.map(|(_, text)| text.trim().to_owned()).collect()
}

/// One thing after the other is said, with whatever else in between.
fn in_order(lines: &[String], expected: &[&str]) {
    let mut rest = lines.iter();
    for expected in expected {
        assert!(
            rest.any(|line| line.starts_with(expected)),
            "no `{expected}` in its place in {lines:#?}"
        );
    }
}

#[test]
fn an_ordinary_server_is_silent_until_the_host_gives_up() {
    let host = lines_of(&LINES, 1, "host");
    in_order(
        &host,
        &[
            "deploy(billing, v2): no answer yet",
            "its user asks",
            "gives up after 6.",
            "version(mail): \"mail v1 on 20 machines\"",
            "version(billing): \"billing v2 on ",
        ],
    );
    assert_eq!(host.len(), 5, "{host:#?}");
}

#[test]
fn a_client_of_mcpc_hears_of_everything() {
    let lines = lines_of(&LINES, 2, "MCPC");
    in_order(
        &lines,
        &[
            "deploy(billing, v2): created, ",
            "billing v2: 25 %, web-05 runs v2",
            "billing v2: 50 %, web-10 runs v2",
            "billing v2: 75 %, web-15 runs v2",
            "billing v2 complete: \"billing v2 on 20 machines\"",
        ],
    );
    let failure = "search v9 failed: \"web-05 is ill (503); search is back on v1\"";
    in_order(&lines, &["deploy(search, v9): created, ", failure]);
    let version = "version(billing): \"billing v2 on ";
    in_order(&lines, &["version(mail): \"mail v1 on 20 machines\", ", version, version, version]);
}

#[test]
fn a_client_of_mcps_tasks_goes_on_and_is_woken() {
    let lines = lines_of(&LINES, 2, "Tasks");
    in_order(
        &lines,
        &[
            "deploy(billing, v2): a task, ",
            "version(mail): \"mail v1 on 20 machines\", ",
            "deploy(mail, v3): a task, ",
            "mail v3: 25 %",
            "its user no longer wants mail v3: tasks/cancel",
            "mail v3 cancelled half-way: \"mail is back on v1\"",
            "version(mail): \"mail v1 on 20 machines\", ",
            "billing v2 completed, which wakes its model: \"billing v2 on 20 machines\"",
        ],
    );
    in_order(&lines, &["billing v2: 25 %", "billing v2: 50 %", "billing v2: 75 %"]);
}

#[test]
fn a_client_that_knows_nothing_gets_a_ticket_and_asks() {
    let lines = lines_of(&LINES, 2, "plain");
    in_order(
        &lines,
        &[
            "deploy(billing, v2): no answer yet",
            "a ticket, 5.",
            "version(mail): \"mail v1 on 20 machines\", ",
            "check_task: \"Task `",
            "check_task: \"Task `",
        ],
    );
    let ticket = lines.iter().find(|line| line.starts_with("a ticket")).expect("there is one");
    for part in ["`deploy` is still running after 5s, ", " %: web-", "Call `check_task` with {"] {
        assert!(ticket.contains(part), "no `{part}` in {ticket}");
    }
    let end = lines.last().expect("there is one");
    assert!(
        end.ends_with("(`deploy`) is complete. The result: billing v2 on 20 machines\""),
        "{end}"
    );
}

#[test]
fn it_ends_with_what_to_do_next_in_two_lines() {
    let (_, next) = LINES.rsplit_once("\n\n").expect("paragraphs");
    let lines: Vec<&str> = next.lines().collect();
    let [first, second] = lines[..] else { panic!("{lines:?}") };
    assert!(first.starts_with("Next: ") && first.contains("README.md"), "{first}");
    assert!(second.contains("claude mcp add ") && second.ends_with(" --serve"), "{second}");
    let server = first.split(['(', ')', ' ']).find(|word| word.ends_with(".rs")).expect("a file");
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
    assert!(std::path::Path::new(root).join(server).is_file(), "there is no {server}");
    assert!(
        LINES.contains("5 deployments ran; 8 plain calls were answered meanwhile"),
        "{}",
        *LINES
    );
}

#[test]
fn every_line_but_the_last_two_fits_in_80_columns() {
    let lines: Vec<&str> = LINES.lines().collect();
    let long = lines[..lines.len() - 2].iter().find(|line| line.chars().count() > 80);
    assert_eq!(long, None);
}

#[test]
fn for_scripts_there_is_an_object_for_everything_that_happens() {
    let events: Vec<Value> = RUNS
        .1
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error} in {line}")))
        .collect();
    let kinds: BTreeSet<&str> = events.iter().filter_map(|event| event["event"].as_str()).collect();
    let expected = [
        "answer", "check", "complete", "failed", "gives_up", "next", "note", "part", "progress",
        "stopped", "stops", "task", "ticket", "waits",
    ];
    assert_eq!(kinds, BTreeSet::from(expected));
    let mut percents: BTreeMap<(String, String), Vec<u64>> = BTreeMap::new();
    for event in &events {
        assert!(event["seconds"].is_f64() && event["part"].is_u64(), "{event}");
        assert!(event["client"].is_string() && event["text"].is_string(), "{event}");
        if event["event"] == "progress" {
            let key = (event["client"].to_string(), event["deployment"].to_string());
            percents.entry(key).or_default().push(event["percent"].as_u64().expect("a percentage"));
        }
    }
    assert_eq!(percents.len(), 4, "{percents:?}");
    assert!(percents.values().all(|percents| percents.is_sorted()), "{percents:?}");
    let of_mcpc = &percents[&("\"MCPC\"".to_owned(), "\"billing v2\"".to_owned())];
    assert_eq!(*of_mcpc, (1..=20).map(|machine| machine * 5).collect::<Vec<_>>());
    let took = |kind: &str| {
        let of_kind = events.iter().filter(|event| event["event"] == kind);
        of_kind.map(|event| event["milliseconds"].as_f64().expect("a time")).collect::<Vec<_>>()
    };
    let ticket = took("ticket")[0];
    assert_eq!(took("task").len(), 4);
    assert!(took("task").iter().all(|task| *task < ticket), "{:?}, {ticket}", took("task"));
    assert_eq!(took("answer").len(), 2 + 8);
}

#[test]
fn an_argument_that_it_does_not_take_is_one_error() {
    for (arguments, named) in
        [(&["--bogus"][..], "--bogus"), (&["/usr"], "/usr"), (&["--json", "--serv"], "--serv")]
    {
        let output = run(arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(output.stdout.is_empty());
        let error =
            format!("demo: unexpected argument `{named}`; `demo --help` lists what it takes\n");
        assert_eq!(String::from_utf8(output.stderr).expect("UTF-8"), error);
    }
}

#[test]
fn help_is_for_stdout() {
    let help = shown(&["--help"]);
    assert!(help.contains("Usage: demo [OPTION]"), "{help}");
    assert_eq!(shown(&["-h"]), help);
}

/// Who reads what is shown leaves after so many lines; how the demo ended, and its stderr.
fn left_after(arguments: &[&str], lines: usize) -> (ExitStatus, String) {
    let mut demo = demo(arguments).spawn().expect("it starts");
    let stdout = BufReader::new(demo.stdout.take().expect("piped"));
    let read: Vec<String> = stdout.lines().take(lines).map(|line| line.expect("UTF-8")).collect();
    assert_eq!(read.len(), lines, "{read:?}");
    end(demo)
}

fn end(mut demo: Child) -> (ExitStatus, String) {
    let mut errors = String::new();
    let mut stderr = demo.stderr.take().expect("piped");
    stderr.read_to_string(&mut errors).expect("UTF-8");
    (demo.wait().expect("it ends"), errors)
}

#[test]
fn somebody_may_stop_reading() {
    for (arguments, lines) in [(&[][..], 3), (&["--json"], 2), (&["--help"], 0)] {
        let (status, errors) = left_after(arguments, lines);
        assert!(status.success() && errors.is_empty(), "{arguments:?}: {status}, {errors}");
    }
}

/// A demo whose first server is at work, and the processes that it has started.
#[cfg(unix)]
fn at_work() -> (Child, Vec<String>) {
    let mut demo = demo(&[]).spawn().expect("it starts");
    let stdout = demo.stdout.as_mut().expect("piped");
    let mut byte = [0];
    let mut seen = String::new();
    while !seen.contains("no answer yet") {
        stdout.read_exact(&mut byte).expect("it says so");
        seen.push(byte[0] as char);
    }
    let processes = Command::new("ps").args(["-A", "-o", "pid=,ppid="]).output().expect("ps runs");
    let processes = String::from_utf8(processes.stdout).expect("UTF-8");
    let of_demo = |line: &str| -> Option<String> {
        let (id, parent) = line.trim().split_once(' ')?;
        (parent.trim() == demo.id().to_string()).then(|| id.to_owned())
    };
    let servers: Vec<String> = processes.lines().filter_map(of_demo).collect();
    assert_eq!(servers.len(), 1, "{processes}");
    (demo, servers)
}

#[cfg(unix)]
fn signal(name: &str, process: &str) {
    let status = Command::new("kill").args([&format!("-{name}"), process]).status();
    assert!(status.expect("kill runs").success());
}

/// Whether a process runs; one that nobody has asked for its status does not.
#[cfg(unix)]
fn runs(process: &str) -> bool {
    let state = Command::new("ps").args(["-o", "stat=", "-p", process]).output().expect("ps runs");
    let state = String::from_utf8(state.stdout).expect("UTF-8");
    !state.trim().is_empty() && !state.starts_with('Z')
}

#[cfg(unix)]
#[test]
fn ctrl_c_ends_it_and_its_servers() {
    let (demo, servers) = at_work();
    signal("INT", &demo.id().to_string());
    let (status, errors) = end(demo);
    assert_eq!((status.code(), errors.as_str()), (Some(130), ""));
    assert!(!runs(&servers[0]), "its server still runs");
}

#[cfg(unix)]
#[test]
fn its_servers_end_when_it_is_killed() {
    let (mut demo, servers) = at_work();
    demo.kill().expect("it runs");
    demo.wait().expect("it ends");
    let start = Instant::now();
    while runs(&servers[0]) {
        assert!(start.elapsed().as_secs() < 20, "its server still runs");
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
}

#[cfg(unix)]
#[test]
fn a_server_that_dies_is_told_in_one_line() {
    let (demo, servers) = at_work();
    signal("KILL", &servers[0]);
    let (status, errors) = end(demo);
    let expected = "demo: the server of `host` ended before its time: signal: 9 (SIGKILL)\n";
    assert_eq!((status.code(), errors.as_str()), (Some(1), expected));
}

#[test]
fn its_server_is_one_for_hosts_too() {
    let mut server = demo(&["--serve"]).stdin(Stdio::piped()).spawn().expect("it starts");
    let mut input = server.stdin.take().expect("piped");
    let about = json!({
        "protocolVersion": "2025-06-18",
        "capabilities": {},
        "clientInfo": {"name": "test", "version": "1"},
    });
    for (id, method, params) in [(1, "initialize", about), (2, "tools/list", json!({}))] {
        let request = json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params});
        writeln!(input, "{request}").expect("it reads");
    }
    drop(input);
    let output = server.wait_with_output().expect("it ends");
    assert!(output.status.success());
    let replies = String::from_utf8(output.stdout).expect("UTF-8");
    let list: Value =
        serde_json::from_str(replies.lines().nth(1).expect("two replies")).expect("JSON");
    let tools = list["result"]["tools"].as_array().expect("a list").iter();
    let names: Vec<&Value> = tools.map(|tool| &tool["name"]).collect();
    assert_eq!(names, ["deploy", "version", "check_task", "stop_task", "message_task"]);
}

/// The terminal in `docs/demo.svg`: its lines, and the rows of its bars.
fn recorded() -> (String, Vec<String>) {
    let picture = include_str!("../../../docs/demo.svg");
    let texts = |part: &str| -> Vec<String> {
        let texts = part.split("<text").skip(1);
        texts.map(|text| of_text(text.split_once("</text>").expect("it ends").0)).collect()
    };
    let mut groups = picture.split("<g ").skip(1);
    let lines = groups.next().expect("the lines");
    (
        texts(lines).join("\n"),
        groups
            .flat_map(|bar| bar.lines().map(texts).collect::<Vec<_>>())
            .map(|row| row.concat())
            .collect(),
    )
}

/// What is read of an element, without the rest of its tag and the tags inside.
fn of_text(element: &str) -> String {
    let (_, content) = element.split_once('>').expect("a tag");
    let pieces = content.split('<').enumerate();
    let text = pieces.map(|(index, piece)| match index {
        0 => piece,
        _ => piece.split_once('>').expect("a tag").1,
    });
    text.collect::<String>().replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
}

/// A line as one of its kind: without its numbers, the id of its task and the place of the program.
fn kind_of(line: &str) -> String {
    let mut kind = String::new();
    for character in line.chars() {
        match character {
            '0'..='9' | '.' if kind.ends_with('#') => {}
            '0'..='9' => kind.push('#'),
            character => kind.push(character),
        }
    }
    let between = |kind: String, before: &str, after: &str| -> String {
        let Some((start, rest)) = kind.split_once(before) else { return kind };
        let end = rest.find(after).expect("it ends");
        format!("{start}{before}{}", &rest[end..])
    };
    let kind = between(kind, "{\"task_id\": \"", "\"");
    let kind = between(kind, "ask `", "`");
    between(kind, "claude mcp add demo -- ", " --serve")
}

/// The kinds of lines of a client, each once where several follow one another; and what it hears of how far it is.
fn kinds_of(shown: &str, part: usize, client: &str) -> (Vec<String>, BTreeSet<String>) {
    let lines = lines_of(shown, part, client);
    let kinds = lines.iter().map(|line| kind_of(line));
    let (progress, mut kinds): (Vec<_>, Vec<_>) = kinds.partition(|kind| kind.contains(": # %, "));
    kinds.dedup();
    (kinds, progress.into_iter().collect())
}

/// `examples/demo/record` makes it anew.
#[test]
fn the_recorded_terminal_shows_what_the_demo_shows() {
    let (recorded, bars) = recorded();
    let (command, recorded) = recorded.split_once('\n').expect("lines");
    assert!(
        include_str!("../../../README.md").contains(command.trim_start_matches("$ ")),
        "{command}"
    );
    for (part, client) in [(1, "host"), (2, "MCPC"), (2, "Tasks"), (2, "plain")] {
        let (shown, progress) = kinds_of(&LINES, part, client);
        assert_eq!(kinds_of(recorded, part, client), (shown, BTreeSet::new()), "of {client}");
        for kind in progress {
            let (deployment, status) = kind.split_once(": # %, ").expect("it is one of these");
            let is_bar = |bar: &String| {
                let bar = kind_of(bar);
                bar.starts_with(client) && bar.contains(deployment) && bar.ends_with(status)
            };
            assert!(bars.iter().any(is_bar), "no bar for `{kind}` of {client}");
        }
    }
    let rest = |shown: &str| -> Vec<String> {
        let lines = shown.lines().filter(|line| !line.starts_with(' ') || line.contains("claude"));
        lines.map(kind_of).collect()
    };
    assert_eq!(rest(recorded), rest(&LINES));
}

#[test]
fn the_recorded_terminal_is_small_and_needs_nothing_else() {
    let picture = include_str!("../../../docs/demo.svg");
    assert!(picture.len() < 60_000, "{} bytes", picture.len());
    for outside in ["@import", "url(", "<image", "<script", "href=\"http"] {
        assert!(!picture.contains(outside), "it has `{outside}`");
    }
}
