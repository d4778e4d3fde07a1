//! Every example, run as a user would run it. That of the demo is its own, in `examples/demo/tests`.

mod support;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use mcpc::client::{Answer, Client, Event, Said, Task, TaskError, text};
use serde_json::{Value, json};
use support::example;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

async fn start(name: &str) -> Client {
    Client::spawn(Command::new(example(name))).await.expect("the example starts")
}

/// Everything that a task says, each as JSON.
async fn all(task: &mut Task) -> Vec<Value> {
    let mut said = Vec::new();
    while let Some(news) = next(task).await {
        said.push(news);
    }
    said
}

/// The next thing that it says.
async fn next(task: &mut Task) -> Option<Value> {
    Some(match task.next().await? {
        Said::Update(value) => value,
        Said::Progress { done, text, .. } => json!([text, done]),
        Said::Status(text) => json!([text]),
        other => panic!("{other:?}"),
    })
}

#[tokio::test]
async fn quickstart() {
    let client = start("quickstart").await;
    let sum = client.call("add", json!({"a": 2, "b": 40})).await.expect("answered");
    assert_eq!(text(&sum), "42");
    let arguments = json!({"data_id": "d1", "passes": 2});
    let mut task = client.start("process_data", arguments).await.expect("started");
    assert_eq!(
        all(&mut task).await,
        [json!(["pass 1 over d1", 50.0]), json!(["pass 2 over d1", 100.0])]
    );
    let summary: Value = task.result().await.expect("a result");
    assert_eq!(summary, json!({"data_id": "d1", "passes": 2}));
    client.close().await;
}

#[tokio::test]
async fn client() {
    let mut command = Command::new(example("client"));
    let server = example("quickstart");
    command.args(["process_data", r#"{"data_id": "d1", "passes": 2}"#]).arg(server);
    let output = command.output().await.expect("it starts");
    let (out, err) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(out, "{\"data_id\":\"d1\",\"passes\":2}\n", "{err}");
    let lines =
        ["`process_data` runs by Mcpc", "50 of 100 pass 1 over d1", "100 of 100 pass 2 over d1"];
    assert_eq!(err.lines().collect::<Vec<_>>(), lines);
}

/// What else it does is for the suite that it was written for.
#[tokio::test]
async fn conformance() {
    let client = start("conformance").await;
    let greeted = client.call("greet", json!({"name": "World"})).await.expect("answered");
    assert_eq!(text(&greeted), "Hello, World!");
    client.close().await;
}

#[test]
fn quickstart_is_the_readmes() {
    let server = include_str!("../examples/quickstart.rs");
    assert!(include_str!("../README.md").contains(server), "the README shows another server");
    assert!(server.lines().count() <= 40, "the quickstart has {} lines", server.lines().count());
}

/// It needs a server around it, so that the crate outside of the workspace has it, and runs it.
#[test]
fn the_readmes_test_is_one_that_is_run() {
    let (_, test) = include_str!("../README.md").split_once("```rust,ignore\n").expect("a test");
    let (test, _) = test.split_once("```").expect("its end");
    let run = include_str!("outside/testing/src/main.rs");
    assert!(run.contains(test), "nobody runs the test of the README");
    assert!(test.lines().count() <= 10, "the test has {} lines", test.lines().count());
}

/// rustdoc has links of its own in place of these, and checks them.
#[test]
fn every_link_of_the_readme_is_one_of_the_crate() {
    let of_the_crate: Vec<&str> = include_str!("../src/lib.rs").lines().collect();
    let links = include_str!("../README.md").lines().filter_map(|line| {
        let (name, page) = line.split_once("]: src/")?;
        let module = page.trim_end_matches(".rs").trim_end_matches("/mod").replace('/', "::");
        Some(format!("//! {name}]: {module}"))
    });
    let links: Vec<_> = links.collect();
    assert_eq!(links.len(), 5, "{links:?}");
    for link in links {
        assert!(of_the_crate.contains(&link.as_str()), "no `{link}` in src/lib.rs");
    }
}

/// The three cells of a row of a table that has this label, or begins with it.
fn row<'a>(page: &'a str, label: &str) -> [&'a str; 3] {
    let begins = format!("| {label}");
    let line = page.lines().find(|line| line.starts_with(&begins));
    let line = line.unwrap_or_else(|| panic!("there is no row `{label}`"));
    let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
    cells[1..].try_into().unwrap_or_else(|_| panic!("three cells: {line}"))
}

/// What a cell says of a server, whether the README's or one of the results.
fn verdicts(cell: &str) -> BTreeSet<&'static str> {
    const WORDS: [(&str, &str); 9] = [
        ("given up", "no result"),
        ("no result", "no result"),
        ("a ticket", "a ticket, and the result"),
        ("nothing within", "no answer"),
        ("no answer", "no answer"),
        ("isError", "the error"),
        ("`failed`: “tool", "the error"),
        ("the error", "the error"),
        ("killed", "killed"),
    ];
    // What the client is told is a thing of its own.
    let cell = cell.split("; the client is told").next().unwrap_or_default();
    let said = |word: &str| cell.contains(word);
    let mut verdicts: BTreeSet<&str> =
        WORDS.iter().filter(|(word, _)| said(word)).map(|(_, verdict)| *verdict).collect();
    if verdicts.is_empty() || verdicts.contains("killed") {
        // What goes on is not rolled back, which the README does not say twice.
        let not_at_all = said("not rolled back") && !said("goes on");
        let after_all = cell.replace("not rolled back", "").contains("rolled back");
        let ends = [
            (said("goes on"), "goes on"),
            (not_at_all, "not rolled back"),
            (after_all, "rolled back"),
        ];
        verdicts.extend(ends.iter().filter(|(is_so, _)| *is_so).map(|(_, verdict)| *verdict));
    }
    verdicts
}

/// After how many seconds a server ended, if it did.
fn ended_after(cell: &str) -> Option<f64> {
    let (number, rest) = cell.strip_prefix("ends after ")?.split_once(' ')?;
    let number: f64 = number.parse().ok()?;
    Some(if rest.starts_with("ms") { number / 1000.0 } else { number })
}

const README: &str = include_str!("../README.md");
const RESULTS: &str = include_str!("../benches/comparison/RESULTS.md");

/// Which rows of the results a row of the README sums up.
const SUMS: [(&str, &[&str]); 5] = [
    (
        "a client without progress and a limit of 60 s",
        &[
            "plain, 70 s, a limit of 60 s, cancels",
            "plain, 70 s, a limit of 60 s, says nothing",
            "progress, 320 s",
        ],
    ),
    ("with progress and a limit of 60 s", &["progress, 70 s, a limit of 60 s in all"]),
    ("a panic", &["MCPC: a panic", "Tasks: a panic", "progress: a panic", "plain: a panic"]),
    ("the end of its input", &["MCPC: EOF", "Tasks: EOF", "progress: EOF", "plain: EOF"]),
    ("SIGTERM", &["MCPC: SIGTERM", "Tasks: SIGTERM", "progress: SIGTERM", "plain: SIGTERM"]),
];

#[test]
fn what_the_readme_says_of_each_server_was_found() {
    for (label, labels) in SUMS {
        for (at, said) in row(README, label).into_iter().enumerate() {
            let found = labels.iter().map(|label| row(RESULTS, label)[at]);
            let found: BTreeSet<&str> = found.flat_map(verdicts).collect();
            assert_eq!(verdicts(said), found, "`{label}`: {said}");
        }
    }
}

#[test]
fn the_figures_of_the_readmes_comparison_were_found() {
    let on = |page: &str, after: &str| {
        let (_, rest) = page.split_once(after).expect("a date");
        rest.split([',', '(']).next().expect("a date").trim().to_owned()
    };
    assert_eq!(on(README, "under the same clients, "), on(RESULTS, "` on "));
    let names = row(RESULTS, " ").map(|name| match name.strip_suffix(" by hand") {
        Some(rmcp) => format!("by hand on {rmcp}"),
        None => name.to_owned(),
    });
    assert_eq!(row(README, "|"), names);
    let (lines, long) = (row(RESULTS, "lines of code"), row(RESULTS, "of these"));
    let after = row(RESULTS, "Tasks, 70 s").map(|cell| cell.trim_start_matches("after "));
    for at in 0..3 {
        let lines = format!("{} ({})", lines[at], long[at]);
        assert_eq!(row(README, "lines of code")[at], lines);
        let said = row(README, "a client with Tasks")[at];
        assert!(said.trim_start_matches("its end after ").starts_with(after[at]), "{said}");
    }
    assert_eq!(row(README, "memory when idle"), row(RESULTS, "memory when idle"));
    for (label, labels) in &SUMS[3..] {
        let [first, _, ours] = row(README, label);
        let ends =
            |at: usize| labels.iter().filter_map(move |it| ended_after(row(RESULTS, it)[at]));
        assert_eq!(ends(2).count(), 4, "`{label}`");
        let our_ends: BTreeSet<String> =
            ends(2).map(|it| format!("ends after {it:.1} s")).collect();
        assert!(our_ends.len() == 1 && our_ends.iter().all(|it| ours.contains(it)), "{our_ends:?}");
        if let Some((_, about)) = first.split_once("about ") {
            let mean = ends(0).sum::<f64>() / ends(0).count() as f64;
            assert!(about.starts_with(&format!("{mean:.0} s")), "{mean}: {first}");
        }
    }
}

/// A directory of a test's own, with contents that are known to the byte.
fn directory(test: &str) -> PathBuf {
    let name = format!("mcpc-example-{test}-{}", std::process::id());
    let directory = std::env::temp_dir().join(name);
    std::fs::create_dir_all(directory.join("deep")).expect("a temporary directory");
    for (name, content) in [("a.rs", "fn a() {}\n\n"), ("deep/b.rs", "// b\n"), ("c.md", "# c\n")] {
        std::fs::write(directory.join(name), content).expect("a temporary file");
    }
    std::fs::write(directory.join("zeros.bin"), vec![0; 2 << 20]).expect("a temporary file");
    directory
}

#[tokio::test]
async fn indexer() {
    let directory = directory("indexer");
    let client = start("indexer").await;
    let index = index(&client, json!({ "directory": directory })).await.expect("complete");
    assert_eq!(
        index,
        json!({"files": 4, "lines": 4, "bytes": 2_097_172, "languages": {
            "Markdown": {"files": 1, "lines": 1, "bytes": 4},
            "Other": {"files": 1, "lines": 0, "bytes": 2_097_152},
            "Rust": {"files": 2, "lines": 3, "bytes": 16},
        }})
    );
    let only_rust = json!({"directory": directory, "language": "Rust"});
    assert_eq!(self::index(&client, only_rust).await.expect("complete")["files"], 2);

    let arguments = json!({"directory": directory, "min_bytes": 100});
    let mut task = client.start("hash_large", arguments).await.expect("started");
    let found = all(&mut task).await;
    // Two mebibytes of zeros, by coreutils.
    let zeros = "5647f05ec18958947d32874eeb788fa396a05d0bab7c1b71f112ceb7e9b31eee";
    let hashes: Vec<_> = found.iter().filter_map(|found| found.get("sha256")).collect();
    assert_eq!((found.len(), hashes), (2, vec![&json!(zeros)]));

    let missing = Path::new("no-such-directory");
    let failure = self::index(&client, json!({ "directory": missing })).await;
    let expected = "the task failed: `no-such-directory` is not a directory";
    assert_eq!(failure.expect_err("it is missing").to_string(), expected);
    client.close().await;
    std::fs::remove_dir_all(directory).expect("it was made here");
}

#[tokio::test]
async fn watch_directory() {
    let directory = directory("watch");
    let client = start("watch_directory").await;
    let mut events = client.events();
    let mut task = client.start("watch", json!({"directory": directory})).await.expect("started");
    let watching = format!("watching `{}`", directory.display());
    assert_eq!(next(&mut task).await, Some(json!([watching])));
    let (made, moved) = (directory.join("made.txt"), directory.join("moved.txt"));
    std::fs::write(&made, "new").expect("a temporary file");
    assert_eq!(next(&mut task).await, Some(json!(made)));
    std::fs::rename(directory.join("deep/b.rs"), &moved).expect("a temporary file");
    assert_eq!(next(&mut task).await, Some(json!(moved)));
    for file in [made, moved] {
        let data = loop {
            match events.next().await {
                Some(Event::Emitted { event, data, .. }) if event == "file_appeared" => break data,
                Some(_) => {}
                None => panic!("the server is gone"),
            }
        };
        assert_eq!(data, json!({"file": file}));
    }
    task.stop().await.expect("it can be stopped");
    assert_eq!(task.result::<String>().await.expect("a result"), "files that appeared: 2");
    let missing = json!({"directory": "no-such-directory"});
    let mut task = client.start("watch", missing).await.expect("started");
    let error = task.result::<Value>().await.expect_err("it is missing").to_string();
    assert!(
        error.starts_with("the task failed: `no-such-directory` cannot be watched: "),
        "{error}"
    );
    client.close().await;
    std::fs::remove_dir_all(directory).expect("it was made here");
}

#[tokio::test]
async fn roll_out() {
    let client = start("roll_out").await;
    let mut task = client.start("roll_out", json!({"version": "v2"})).await.expect("started");
    let mut said = Vec::new();
    while let Some(news) = task.next().await {
        match news {
            Said::Question(question) => {
                let is_choice = question.message() == "Where to?";
                let form = if is_choice { json!({"answer": "staging"}) } else { json!({}) };
                assert!(question.answer(Answer::accept(form)));
                said.push(question.message().to_owned());
            }
            Said::Progress { text: Some(text), .. } => {
                if text == "staging-1 gets v2" {
                    task.message(json!("skip_this")).await.expect("it takes that");
                }
                said.push(text);
            }
            Said::Update(Value::String(text)) => said.push(text),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(
        said,
        [
            "Where to?",
            "Roll v2 out to 2 machines?",
            "staging-1 gets v2",
            "staging-1 was skipped",
            "staging-2 gets v2",
            "staging-2 runs v2",
        ]
    );
    assert_eq!(task.result::<String>().await.expect("a result"), "v2 runs on 1 of 2 machines");
    client.close().await;
}

/// A client among the examples, as its user has it.
struct Program {
    child: Child,
    input: Option<ChildStdin>,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Program {
    fn start(name: &str, arguments: &[&str]) -> Self {
        let mut command = Command::new(example(name));
        command.args(arguments).env("RUST_BACKTRACE", "0").kill_on_drop(true);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the example starts");
        let input = child.stdin.take();
        let output = child.stdout.take().expect("piped");
        Self { child, input, lines: BufReader::new(output).lines() }
    }

    async fn type_line(&mut self, line: &str) {
        let input = self.input.as_mut().expect("open");
        input.write_all(format!("{line}\n").as_bytes()).await.expect("it reads");
    }

    /// The next line, without its time.
    async fn line(&mut self) -> Option<String> {
        let line = tokio::time::timeout(Duration::from_secs(30), self.lines.next_line()).await;
        let line = line.expect("it says something").expect("UTF-8")?;
        let (seconds, line) = line.split_once(" s  ").expect("a time");
        assert!(seconds.trim().parse::<f64>().is_ok(), "{seconds}");
        Some(line.to_owned())
    }

    /// All lines that it says yet, what it complains of, and whether it did what it was for.
    async fn end(mut self) -> (Vec<String>, String, bool) {
        self.input = None;
        let mut lines = Vec::new();
        while let Some(line) = self.line().await {
            lines.push(line);
        }
        let output = self.child.wait_with_output().await.expect("it ends");
        let errors = String::from_utf8(output.stderr).expect("UTF-8");
        (lines, errors, output.status.success())
    }

    #[cfg(unix)]
    fn interrupt(&self) {
        let id = self.child.id().and_then(|id| i32::try_from(id).ok()).expect("it runs");
        let id = rustix::process::Pid::from_raw(id).expect("a process id");
        rustix::process::kill_process(id, rustix::process::Signal::INT).expect("it is ours");
    }
}

#[tokio::test]
async fn watch_client_shows_files_until_enter_is_typed() {
    let directory = directory("watch-client");
    let mut watcher = Program::start("watch_client", &[&directory.to_string_lossy()]);
    let watching = format!("task      watching `{}`", directory.display());
    assert_eq!(watcher.line().await, Some(watching));
    let made = directory.join("made.txt");
    std::fs::write(&made, "new").expect("a temporary file");
    let (first, second) = (watcher.line().await, watcher.line().await);
    let both: BTreeSet<String> = first.into_iter().chain(second).collect();
    let update = format!("task      `{}` appeared", made.display());
    let event = format!("event     file_appeared {}", json!({ "file": made }));
    assert_eq!(both, [update, event].into());
    watcher.type_line("").await;
    assert_eq!(watcher.line().await.as_deref(), Some("result    files that appeared: 1"));
    assert_eq!(watcher.end().await, (Vec::new(), String::new(), true));
    std::fs::remove_dir_all(directory).expect("it was made here");
}

#[tokio::test]
async fn watch_client_ends_by_itself_after_as_many_files_as_it_was_told() {
    let directory = directory("watch-script");
    let arguments = [&directory.to_string_lossy(), "--files", "1"];
    let mut watcher = Program::start("watch_client", &arguments);
    // Nobody is there to type anything.
    watcher.input = None;
    watcher.line().await.expect("it watches");
    std::fs::write(directory.join("made.txt"), "new").expect("a temporary file");
    let (lines, errors, succeeds) = watcher.end().await;
    let result = "result    files that appeared: 1".to_owned();
    assert_eq!((lines.last(), &*errors, succeeds), (Some(&result), "", true));
    std::fs::remove_dir_all(directory).expect("it was made here");
}

#[cfg(unix)]
#[tokio::test]
async fn watch_client_asks_the_task_to_stop_where_it_is_interrupted() {
    let directory = directory("watch-interrupted");
    let mut watcher = Program::start("watch_client", &[&directory.to_string_lossy()]);
    watcher.line().await.expect("it watches");
    watcher.interrupt();
    let result = "result    files that appeared: 0".to_owned();
    assert_eq!(watcher.end().await, (vec![result], String::new(), true));
    std::fs::remove_dir_all(directory).expect("it was made here");
}

#[cfg(unix)]
#[tokio::test]
async fn watch_client_is_interrupted_while_it_shows_files() {
    let directory = directory("watch-busy");
    let mut watcher = Program::start("watch_client", &[&directory.to_string_lossy()]);
    watcher.line().await.expect("it watches");
    // More than a pipe holds.
    for number in 0..2000 {
        let file = directory.join(format!("{number}.txt"));
        std::fs::write(file, "new").expect("a temporary file");
    }
    watcher.interrupt();
    let (lines, errors, succeeds) = watcher.end().await;
    let last = lines.last().expect("the result");
    assert!(last.starts_with("result    files that appeared: "), "{last}");
    assert_eq!((&*errors, succeeds), ("", true));
    std::fs::remove_dir_all(directory).expect("it was made here");
}

#[tokio::test]
async fn watch_client_says_why_there_is_nothing_to_watch() {
    let (lines, errors, succeeds) =
        Program::start("watch_client", &["no-such-directory"]).end().await;
    assert_eq!((lines, succeeds), (Vec::new(), false));
    let expected = "Error: the task failed: `no-such-directory` cannot be watched: ";
    assert!(errors.starts_with(expected), "{errors}");
    let (_, errors, _) = Program::start("watch_client", &[]).end().await;
    assert_eq!(errors, "Error: usage: watch_client DIRECTORY [--files COUNT]\n");
    let (_, errors, _) = Program::start("watch_client", &[".", "--files"]).end().await;
    assert_eq!(errors, "Error: `--files` needs a value\n");
}

#[tokio::test]
async fn roll_out_client_asks_at_the_terminal_and_tells_what_is_typed() {
    let mut roll_out = Program::start("roll_out_client", &["v2"]);
    let asks = "asks      Where to? (staging or production)";
    assert_eq!(roll_out.line().await.as_deref(), Some(asks));
    roll_out.type_line("nowhere").await;
    let refused = "asks      The answer was refused: the string \"nowhere\" is none of `staging`, `production`";
    assert_eq!(roll_out.line().await.as_deref(), Some(refused));
    roll_out.lines.next_line().await.expect("an empty line");
    let again = roll_out.lines.next_line().await.expect("the question");
    assert_eq!(again.as_deref(), Some("Where to? (staging or production)"));
    roll_out.type_line("production").await;
    let sure = "asks      Roll v2 out to 3 machines? (yes or no)";
    assert_eq!(roll_out.line().await.as_deref(), Some(sure));
    roll_out.type_line("yes").await;
    assert_eq!(roll_out.line().await.as_deref(), Some("0 %       eu-1 gets v2"));
    roll_out.type_line("faster").await;
    assert_eq!(roll_out.line().await.as_deref(), Some("          say `skip` or `stop`"));
    roll_out.type_line("skip").await;
    assert_eq!(roll_out.line().await.as_deref(), Some("told      skip this one"));
    assert_eq!(roll_out.line().await.as_deref(), Some("          eu-1 was skipped"));
    assert_eq!(roll_out.line().await.as_deref(), Some("33 %      eu-2 gets v2"));
    roll_out.type_line("stop").await;
    assert_eq!(roll_out.line().await.as_deref(), Some("result    v2 runs on 0 of 3 machines"));
    assert_eq!(roll_out.end().await, (Vec::new(), String::new(), true));
}

#[tokio::test]
async fn roll_out_client_takes_all_answers_from_its_arguments() {
    let arguments = ["v2", "--to", "staging", "--yes", "--skip", "staging-1"];
    let mut roll_out = Program::start("roll_out_client", &arguments);
    roll_out.input = None;
    let (lines, errors, succeeds) = roll_out.end().await;
    assert_eq!((&*errors, succeeds), ("", true));
    assert_eq!(
        lines,
        [
            "asks      Where to? (staging or production)",
            "answer    staging",
            "asks      Roll v2 out to 2 machines? (yes or no)",
            "answer    yes",
            "0 %       staging-1 gets v2",
            "told      skip this one",
            "          staging-1 was skipped",
            "50 %      staging-2 gets v2",
            "          staging-2 runs v2",
            "result    v2 runs on 1 of 2 machines",
        ]
    );
}

#[tokio::test]
async fn roll_out_client_rolls_nothing_out_that_nobody_agrees_to() {
    let mut roll_out = Program::start("roll_out_client", &["v2", "--to", "staging"]);
    roll_out.input = None;
    let (lines, errors, succeeds) = roll_out.end().await;
    assert_eq!((&*errors, succeeds), ("", true));
    assert_eq!(
        lines[2..],
        [
            "asks      Roll v2 out to 2 machines? (yes or no)",
            "answer    none, as nobody is here to give one",
            "result    nothing was rolled out",
        ]
    );
    let mut roll_out = Program::start("roll_out_client", &["v2"]);
    roll_out.input = None;
    let (_, errors, succeeds) = roll_out.end().await;
    let expected = "Error: the task failed: the user declined to answer\n";
    assert_eq!((&*errors, succeeds), (expected, false));
}

async fn index(client: &Client, arguments: Value) -> Result<Value, TaskError> {
    client.start("index", arguments).await.expect("started").result().await
}

/// A server that deploys with this shell script.
#[cfg(unix)]
async fn deployer(test: &str, script: &str) -> (Client, PathBuf) {
    use std::os::unix::fs::PermissionsExt;
    let name = format!("mcpc-example-{test}-{}.sh", std::process::id());
    let program = std::env::temp_dir().join(name);
    std::fs::write(&program, format!("#!/bin/sh\n{script}\n")).expect("a temporary file");
    std::fs::set_permissions(&program, PermissionsExt::from_mode(0o755)).expect("it is ours");
    let mut server = Command::new(example("deploy"));
    server.env("DEPLOY_PROGRAM", &program);
    (Client::spawn(server).await.expect("the example starts"), program)
}

#[cfg(unix)]
#[tokio::test]
async fn deploy_shows_the_lines_of_its_program() {
    let (client, program) = deployer("deploy", "echo building $1; echo $2 is on $3").await;
    let arguments = json!({"service": "billing", "version": "v1.4.2"});
    let mut task = client.start("deploy", arguments.clone()).await.expect("started");
    assert_eq!(
        all(&mut task).await,
        [
            json!("building billing"),
            json!(["deploying billing v1.4.2"]),
            json!("v1.4.2 is on staging"),
            json!(["deploying billing v1.4.2"]),
        ]
    );
    let deployment: Value = task.result().await.expect("a result");
    assert_eq!(
        deployment,
        json!({"service": "billing", "version": "v1.4.2", "environment": "staging", "lines": 2})
    );
    let reply = client.call("deploy", json!({"service": "Billing"})).await.expect("answered");
    assert_eq!(
        text(&reply),
        "argument `service`: the string \"Billing\" does not match the pattern `^[a-z][a-z0-9-]*$`; an example is \
         \"billing\"\nargument `version` is missing"
    );
    client.close().await;
    std::fs::remove_file(program).expect("it was made here");
}

#[cfg(unix)]
#[tokio::test]
async fn deploy_runs_once_for_a_service_and_is_stopped_with_its_program() {
    let (client, program) = deployer("stop", "echo $$; exec sleep 600").await;
    let arguments = json!({"service": "billing", "version": "v1"});
    let mut task = client.start("deploy", arguments.clone()).await.expect("started");
    let Some(Said::Update(child)) = task.next().await else { panic!("it says its process id") };
    let child: i32 = child.as_str().and_then(|id| id.parse().ok()).expect("a process id");
    let mut second = client.start("deploy", arguments).await.expect("started");
    let error = second.result::<Value>().await.expect_err("one runs already").to_string();
    let running = "`billing` is being deployed already; wait for that, or stop it";
    assert_eq!(error, format!("the task failed: {running}"));
    let deployments = client.call("deployments", json!({})).await.expect("answered");
    assert_eq!(text(&deployments), r#"["billing"]"#);
    task.stop().await.expect("it can be stopped");
    let error = task.result::<Value>().await.expect_err("it was stopped").to_string();
    assert_eq!(error, "the task was stopped: stopped after 1 lines of output");
    let child = rustix::process::Pid::from_raw(child).expect("a process id");
    assert!(rustix::process::test_kill_process(child).is_err(), "its program still runs");
    client.close().await;
    std::fs::remove_file(program).expect("it was made here");
}
