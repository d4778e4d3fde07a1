//! A server as a process, and what it said.

use std::collections::{BTreeMap, HashMap};
use std::io::{self, BufRead as _, BufReader, Read, Write as _};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use crate::support::{self, call, example, in_task, parse, request};

/// How long anything may take that is not the end itself.
const PATIENCE: Duration = Duration::from_secs(120);

/// They measure time, so one has the machine to itself.
pub(crate) static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// The example `endings` as a process. Dropping it kills it and the children that it left.
pub(crate) struct Server {
    child: Child,
    input: Option<ChildStdin>,
    output: Receiver<Vec<u8>>,
    errors: Receiver<String>,
    reads_slowly: Arc<AtomicBool>,
    pub(crate) heard: Heard,
    _alone: MutexGuard<'static, ()>,
}

impl Server {
    /// Starts a server of this grace and initializes it.
    pub(crate) fn start(grace: Duration) -> Self {
        Self::start_with(grace, &[])
    }

    pub(crate) fn start_with(grace: Duration, environment: &[(&str, &str)]) -> Self {
        let alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
        let mut command = Command::new(example("endings"));
        command.env("GRACE_MS", grace.as_millis().to_string());
        command.envs(environment.iter().copied());
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("it starts");
        let input = child.stdin.take();
        let reads_slowly = Arc::new(AtomicBool::new(false));
        let output = lines(child.stdout.take().expect("piped"), Arc::clone(&reads_slowly));
        let errors = printed(child.stderr.take().expect("piped"));
        let heard = Heard::default();
        let mut server = Self { child, input, output, errors, reads_slowly, heard, _alone: alone };
        server.send(&[support::INITIALIZE.to_owned()]);
        server.hear_until(|heard| heard.answers.contains_key("init"));
        server
    }

    pub(crate) fn send(&mut self, lines: &[String]) {
        let lines: String = lines.iter().flat_map(|line| [line.as_str(), "\n"]).collect();
        let input = self.input.as_mut().expect("it is open");
        input.write_all(lines.as_bytes()).expect("the server reads");
    }

    /// Starts tasks and calls, and returns when every task has said `created` and every call was read.
    pub(crate) fn load(&mut self, load: &Load) {
        self.send(&load.lines());
        self.send(&[call("ready", "ready", json!({}))]);
        let children = load.count("hold");
        self.hear_until(|heard| {
            heard.answers.contains_key("ready")
                && heard.events.len() == load.tasks.len()
                && heard.children.len() == children
        });
    }

    /// Listens until this is so.
    pub(crate) fn hear_until(&mut self, is_so: impl Fn(&Heard) -> bool) {
        let deadline = Instant::now() + PATIENCE;
        while !is_so(&self.heard) {
            let left = deadline.saturating_duration_since(Instant::now());
            match self.output.recv_timeout(left) {
                Ok(line) => self.heard.line(&line),
                Err(error) => {
                    let status = self.child.try_wait().expect("it was started");
                    panic!("{error}; status {status:?}; heard so far: {}", self.heard.in_short())
                }
            }
        }
    }

    /// Waits until the program has printed a line to its stderr.
    pub(crate) fn wait_for_print(&mut self, line: &str) {
        loop {
            let printed = self.errors.recv_timeout(PATIENCE);
            if printed.unwrap_or_else(|error| panic!("{error}: `{line}` was not printed")) == line {
                return;
            }
        }
    }

    pub(crate) fn end_input(&mut self) {
        self.input = None;
    }

    pub(crate) fn signal(&self, signal: Signal) {
        let id = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw).expect("an id");
        kill_process(id, signal).expect("it runs");
    }

    /// From now on, reads 100 kB every 100 ms.
    pub(crate) fn read_slowly(&self) {
        self.reads_slowly.store(true, Ordering::SeqCst);
    }

    /// The status of a server that has ended by then, after all that it said was read.
    pub(crate) fn ended(&mut self, by: Instant) -> Option<ExitStatus> {
        let status = loop {
            match self.child.try_wait().expect("it was started") {
                Some(status) => break status,
                None if Instant::now() >= by => return None,
                None => thread::sleep(Duration::from_millis(2)),
            }
        };
        while let Ok(line) = self.output.recv_timeout(PATIENCE) {
            self.heard.line(&line);
        }
        Some(status)
    }

    /// The status of a server that ends by itself, within some time.
    pub(crate) fn end_within(&mut self, limit: Duration) -> ExitStatus {
        let started = Instant::now();
        let Some(status) = self.ended(started + limit) else {
            self.output.try_iter().for_each(|line| self.heard.line(&line));
            let heard = self.heard.in_short();
            panic!("it still runs {limit:?} after it was asked to end; heard so far: {heard}");
        };
        eprintln!("ended after {:?}", started.elapsed());
        status
    }

    /// The status of a server that is killed at some time, unless it ends before.
    pub(crate) fn end_or_kill(&mut self, at: Instant) -> ExitStatus {
        self.ended(at).unwrap_or_else(|| {
            self.signal(Signal::KILL);
            self.ended(Instant::now() + PATIENCE).expect("nothing outlives this")
        })
    }

    /// What is wrong, if all that was asked of a server that has ended is to be over.
    pub(crate) fn faults(&self, load: &Load) -> Faults {
        self.with_children(self.heard.faults(load))
    }

    /// What is wrong, even if it was killed in the middle of it.
    pub(crate) fn faults_so_far(&self) -> Faults {
        self.with_children(self.heard.faults_so_far())
    }

    fn with_children(&self, mut faults: Faults) -> Faults {
        faults.note("children left", self.children_left());
        faults
    }

    /// How many children of tasks are still there a moment after the server's end.
    fn children_left(&self) -> usize {
        let deadline = Instant::now() + Duration::from_millis(500);
        loop {
            let alive = self.heard.children.iter().filter(|id| is_alive(**id)).count();
            if alive == 0 || Instant::now() >= deadline {
                return alive;
            }
            thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It has ended by itself, if all went well.
        let _ = self.child.kill();
        let _ = self.child.wait();
        for child in self.heard.children.iter().filter(|id| is_alive(**id)) {
            let id = i32::try_from(*child).ok().and_then(Pid::from_raw).expect("an id");
            let _ = kill_process(id, Signal::KILL);
        }
    }
}

/// Whether a `sleep` of this id runs.
fn is_alive(id: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
    // A zombie has ended, whether or not anybody takes note of it.
    stat.contains("(sleep)") && !stat.contains("(sleep) Z")
}

/// Reads lines, each with its end, as far as it has one.
fn lines(output: impl Read + Send + 'static, slowly: Arc<AtomicBool>) -> Receiver<Vec<u8>> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        let mut output = BufReader::with_capacity(64 << 10, Slowly { output, slowly, read: 0 });
        loop {
            let mut line = Vec::new();
            let read = output.read_until(b'\n', &mut line).expect("it is open");
            // The test may be over.
            if read == 0 || sender.send(line).is_err() {
                return;
            }
        }
    });
    receiver
}

/// Reads 100 kB every 100 ms, once it is to read slowly.
struct Slowly<R> {
    output: R,
    slowly: Arc<AtomicBool>,
    /// How much was read since the last rest.
    read: usize,
}

impl<R: Read> Read for Slowly<R> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        const SLICE: usize = 100_000;
        if self.read >= SLICE && self.slowly.load(Ordering::SeqCst) {
            self.read = 0;
            thread::sleep(Duration::from_millis(100));
        }
        let read = self.output.read(bytes)?;
        self.read += read;
        Ok(read)
    }
}

fn printed(errors: impl Read + Send + 'static) -> Receiver<String> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        for line in BufReader::new(errors).lines().map_while(Result::ok) {
            let _ = sender.send(line);
        }
    });
    receiver
}

/// What a server has to do when its end comes.
#[derive(Default)]
pub(crate) struct Load {
    /// The tool and the call of each task, whose number is its place.
    tasks: Vec<(&'static str, String)>,
    /// Calls that nothing answers but the end.
    calls: Vec<String>,
}

impl Load {
    /// As many tasks of each kind, twenty of them with a child process, and calls of each kind.
    pub(crate) fn mixed(tasks: usize, calls: usize) -> Self {
        const CHILDREN: usize = 20;
        let obeying = (tasks - CHILDREN) / 2;
        Self::default()
            .tasks(CHILDREN, "hold", &json!({"obeys": false}))
            .tasks(obeying, "obey", &json!({}))
            .tasks(tasks - CHILDREN - obeying, "ignore", &json!({}))
            .calls(calls)
    }

    pub(crate) fn tasks(mut self, count: usize, tool: &'static str, arguments: &Value) -> Self {
        for number in self.tasks.len()..self.tasks.len() + count {
            let id = format!("t{number}");
            let arguments = in_task(&id, arguments.clone());
            self.tasks.push((tool, call(id, tool, arguments)));
        }
        self
    }

    /// Most are of a plain tool; of ten, two wait for a task, one of them with a progress token.
    pub(crate) fn calls(mut self, count: usize) -> Self {
        self.calls.extend((0..count).map(|number| {
            let id = format!("c{number}");
            match number % 10 {
                0 => call(id, "obey", json!({})),
                1 => {
                    let params = json!({"name": "ignore", "_meta": {"progressToken": id}});
                    request(id, "tools/call", params)
                }
                _ => call(id, "wait", json!({})),
            }
        }));
        self
    }

    fn lines(&self) -> Vec<String> {
        self.tasks.iter().map(|(_, call)| call).chain(&self.calls).cloned().collect()
    }

    fn count(&self, tool: &str) -> usize {
        self.tasks.iter().filter(|(name, _)| *name == tool).count()
    }
}

/// What is wrong with what a server said and left, and how often.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Faults(BTreeMap<&'static str, usize>);

impl Faults {
    fn note(&mut self, fault: &'static str, count: usize) {
        if count > 0 {
            self.0.insert(fault, count);
        }
    }
}

/// What a server said so far.
#[derive(Default)]
pub(crate) struct Heard {
    /// The events of each task, in order.
    events: HashMap<String, Vec<String>>,
    /// How often each request was answered.
    answers: HashMap<String, usize>,
    /// What tasks sent.
    pub(crate) updates: Vec<Value>,
    /// The processes that tasks started.
    children: Vec<u32>,
    /// Whether the last line has no end.
    has_cut_line: bool,
}

impl Heard {
    fn line(&mut self, line: &[u8]) {
        let line = std::str::from_utf8(line).expect("UTF-8");
        let Some(whole) = line.strip_suffix('\n') else {
            self.has_cut_line = true;
            return;
        };
        let message = parse(whole);
        let Some(id) = message["id"].as_str() else { return };
        if id != support::CALLBACK {
            *self.answers.entry(id.to_owned()).or_default() += 1;
        }
        let text = message["result"]["content"][0]["text"].as_str().unwrap_or_default();
        if text.starts_with(r#"{"type":"task""#) {
            self.event(parse(text));
        }
    }

    fn event(&mut self, mut message: Value) {
        let field = |key: &str| message[key].as_str().expect("a string").to_owned();
        let (task, event, tool) = (field("task_id"), field("event"), field("tool_name"));
        if event == "update" {
            let update = message["result"].take();
            if tool == "hold" {
                self.children.push(u32::try_from(update.as_u64().expect("an id")).expect("an id"));
            }
            self.updates.push(update);
        }
        self.events.entry(task).or_default().push(event);
    }

    /// How many events of a kind came.
    pub(crate) fn count(&self, event: &str) -> usize {
        self.events.values().flatten().filter(|other| *other == event).count()
    }

    fn in_short(&self) -> String {
        let ends = self.count("complete") + self.count("failed");
        let (tasks, answers) = (self.events.len(), self.answers.len());
        format!("{tasks} tasks, of which {ends} have ended; {answers} answers")
    }

    fn faults(&self, load: &Load) -> Faults {
        let mut faults = self.faults_so_far();
        let is_over = |number: &usize| {
            self.events.get(&format!("t{number}")).is_some_and(|events| ends(events) > 0)
        };
        let tasks = (0..load.tasks.len()).filter(|number| !is_over(number));
        faults.note("tasks without an end", tasks.count());
        let is_answered = |number: &usize| self.answers.contains_key(&format!("c{number}"));
        let calls = (0..load.calls.len()).filter(|number| !is_answered(number));
        faults.note("calls without an answer", calls.count());
        faults.note("lines without an end", usize::from(self.has_cut_line));
        faults
    }

    /// What is wrong, whatever the server might still have said.
    pub(crate) fn faults_so_far(&self) -> Faults {
        let tasks = |is_wrong: fn(&[String]) -> bool| {
            self.events.values().filter(|events| is_wrong(events)).count()
        };
        let mut faults = Faults::default();
        faults.note("tasks not created first", tasks(|events| events[0] != "created"));
        faults.note("tasks with several ends", tasks(|events| ends(events) > 1));
        let goes_on = |events: &[String]| ends(&events[..events.len() - 1]) > 0;
        faults.note("tasks that go on after their end", tasks(goes_on));
        let several = self.answers.values().filter(|count| **count > 1);
        faults.note("calls with several answers", several.count());
        faults
    }
}

/// How many terminal events are among these.
fn ends(events: &[String]) -> usize {
    events.iter().filter(|event| ["complete", "failed"].contains(&event.as_str())).count()
}
