//! A client that does all kinds of things, by the numbers that it is given.

use std::io::{BufRead as _, BufReader, BufWriter, Write as _};
use std::process::{ChildStdin, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::ledger::{Asked, Ledger, OWN_NUMBERS, Task};
use crate::process::{Process, Sample};
use crate::support::garbage::{Numbers, garbage};
use crate::support::messages::meta;
use crate::support::{self, example};

/// How many requests, and how many tasks, are open at most.
const MOST: usize = 1000;

/// How long a server may need for anything, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// The retention of the server, and a bit.
const RETENTION: Duration = Duration::from_millis(2200);

type Action = fn(&mut Client);

/// What a client does, and how often, relative to one another.
pub(crate) const ACTIONS: [(&str, u64, Action); 16] = [
    ("echo", 20, Client::echo),
    ("rest", 15, Client::rest),
    ("mcpc", 15, Client::start_mcpc),
    ("modern", 12, Client::start_modern),
    ("token", 8, Client::start_with_token),
    ("plain", 8, Client::start_plainly),
    ("hurry", 3, Client::hurry),
    ("get", 10, Client::get),
    ("check", 8, Client::check),
    ("stop", 12, Client::stop),
    ("listen", 3, Client::listen),
    ("cancel", 12, Client::cancel),
    ("garbage", 10, Client::garbage),
    ("too-long", 1, Client::send_too_long),
    ("slow", 1, Client::read_slowly),
    ("others", 6, Client::ask_others),
];

pub(crate) struct Client {
    process: Process,
    input: BufWriter<ChildStdin>,
    numbers: Numbers,
    next: u64,
    ledger: Arc<Mutex<Ledger>>,
    /// How long the reader is to rest before it reads on, in milliseconds.
    rest: Arc<AtomicU64>,
    reader: JoinHandle<()>,
}

impl Client {
    pub(crate) fn start(seed: u64) -> Self {
        let mut command = Command::new(example("soak"));
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        // Otherwise, glibc has an arena for each of the first threads that run at once, sixteen on two
        // processors, each of which is a long time in growing to the most that it ever needed; and it keeps
        // for itself what it once had for large blocks.
        command.envs([("MALLOC_ARENA_MAX", "1"), ("MALLOC_MMAP_THRESHOLD_", "131072")]);
        let mut child = command.spawn().expect("it starts");
        let input = BufWriter::new(child.stdin.take().expect("piped"));
        let output = child.stdout.take().expect("piped");
        let process = Process::new(child);
        let (ledger, rest) = (Arc::<Mutex<Ledger>>::default(), Arc::<AtomicU64>::default());
        let reader = {
            let (ledger, rest) = (Arc::clone(&ledger), Arc::clone(&rest));
            thread::spawn(move || read(output, &ledger, &rest))
        };
        // Small seeds are to make numbers that differ from the first on.
        let numbers = Numbers::new(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15));
        let mut client = Self { process, input, numbers, next: 0, ledger, rest, reader };
        client.ledger().ask(&json!("init"), Asked::Anything);
        client.write(support::INITIALIZE.as_bytes());
        client
    }

    pub(crate) fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().expect("the reader goes on")
    }

    /// What the server holds; to be asked when it is at rest.
    pub(crate) fn sample(&mut self) -> Sample {
        self.call("held", json!({}), Asked::Held);
        self.wait_until(|ledger| ledger.unanswered().next().is_none(), |_| {});
        Sample { held: self.ledger().held / 1024, ..self.process.sample() }
    }

    /// What memory it had at every second since this was last asked, in KiB.
    pub(crate) fn take_looks(&self) -> Vec<u64> {
        self.process.take_looks()
    }

    /// Fills all that is bounded: the buffers of what is written, and the memory of requests that were
    /// cancelled.
    pub(crate) fn warm_up(&mut self) {
        for _ in 0..10 {
            let arguments = json!({"how": "await", "updates": 0, "bytes": 3 << 20, "millis": 0});
            self.call("work", arguments, Asked::Result);
        }
        let params = json!({"name": "rest", "arguments": {"how": "ignore", "millis": 0}});
        for _ in 0..12_000 {
            let id = self.new_id();
            self.request_as(id.clone(), "tools/call", params.clone(), Asked::Anything);
            self.cancel_request(&id.to_string());
        }
        self.come_to_rest();
    }

    /// Does one thing or the other until then.
    pub(crate) fn play(&mut self, until: Instant, actions: &[(&str, u64, Action)]) {
        let all: u64 = actions.iter().map(|(_, weight, _)| weight).sum();
        while Instant::now() < until {
            let mut number = self.numbers.below(all);
            let action = actions.iter().find(|(_, weight, _)| {
                let is_it = number < *weight;
                number = number.wrapping_sub(*weight);
                is_it
            });
            action.expect("their weights are all").2(self);
            if self.numbers.below(20) == 0 {
                self.flush();
                thread::sleep(Duration::from_millis(self.numbers.below(8)));
            }
            let has_room = |it: &Ledger| it.open.len() < MOST && it.tasks.len() < MOST;
            self.wait_until(has_room, Self::make_room);
        }
    }

    /// Brings everything to an end, and waits until the server has nothing more to remember.
    pub(crate) fn come_to_rest(&mut self) {
        let mut stopped = Vec::new();
        self.wait_until(
            |ledger| ledger.unanswered().next().is_none() && ledger.tasks.is_empty(),
            |client| client.end_everything(&mut stopped),
        );
        thread::sleep(RETENTION);
        // Whoever looks for a task has those swept out whose time is over.
        self.call("check_task", json!({"task_id": "none"}), Asked::Anything);
        self.wait_until(|ledger| ledger.unanswered().next().is_none(), |_| {});
        self.ledger().forget_cancelled();
        thread::sleep(Duration::from_millis(300));
    }

    /// Stops some tasks and looks how they are doing.
    fn make_room(&mut self) {
        for _ in 0..20 {
            let (id, task) = self.any_task();
            self.stop_task(&id, task);
            self.ask_about(&id, task);
        }
    }

    /// Cancels what is never answered, asks tasks to stop, and how they are doing.
    fn end_everything(&mut self, stopped: &mut Vec<String>) {
        let (cancel, tasks) = {
            let ledger = self.ledger();
            let never = ledger.unanswered().filter(|(_, open)| match open.asked {
                Asked::Listen => true,
                // A call with a token stays open as long as its task.
                Asked::Result => open.at.elapsed() > Duration::from_secs(2),
                _ => false,
            });
            let never: Vec<String> = never.map(|(id, _)| id.clone()).collect();
            (never, ledger.tasks.clone())
        };
        cancel.iter().for_each(|id| self.cancel_request(id));
        for (id, task) in tasks {
            if !stopped.contains(&id) {
                stopped.push(id.clone());
                self.stop_task(&id, task);
            }
            self.ask_about(&id, task);
        }
    }

    /// Ends the input and waits for the end of the server.
    pub(crate) fn end(self) -> (ExitStatus, Ledger) {
        let Self { mut process, input, ledger, reader, .. } = self;
        drop(input);
        reader.join().expect("no panic");
        let status = process.wait();
        let ledger = Arc::into_inner(ledger).expect("the reader is gone");
        (status, ledger.into_inner().expect("no panic"))
    }

    /// Waits, and does something meanwhile.
    fn wait_until(
        &mut self,
        is_so: impl Fn(&Ledger) -> bool,
        mut meanwhile: impl FnMut(&mut Self),
    ) {
        let started = Instant::now();
        loop {
            {
                let ledger = self.ledger();
                let fine = ledger.faults.is_empty() && ledger.oldest() < PATIENCE;
                assert!(fine, "{:#?}; {}", ledger.faults, ledger.unrest());
                if is_so(&ledger) {
                    return;
                }
                assert!(started.elapsed() < PATIENCE, "no rest: {}", ledger.unrest());
            }
            meanwhile(self);
            self.flush();
            thread::sleep(Duration::from_millis(20));
        }
    }

    fn write(&mut self, line: &[u8]) {
        self.input.write_all(line).and_then(|()| self.input.write_all(b"\n")).expect("it reads");
    }

    fn flush(&mut self) {
        self.input.flush().expect("it reads");
    }

    /// A new id: a number, a string, or now and then a long one.
    fn new_id(&mut self) -> Value {
        self.next += 1;
        let number = OWN_NUMBERS + self.next;
        match self.numbers.below(40) {
            0 => json!(format!("{number}{}", "i".repeat(self.numbers.size(4000)))),
            1..20 => json!(number),
            _ => json!(format!("r{number}")),
        }
    }

    fn call(&mut self, tool: &str, arguments: Value, asked: Asked) {
        self.request("tools/call", json!({"name": tool, "arguments": arguments}), asked);
    }

    fn request(&mut self, method: &str, params: Value, asked: Asked) {
        let id = self.new_id();
        self.request_as(id, method, params, asked);
    }

    fn request_as(&mut self, id: Value, method: &str, params: Value, asked: Asked) {
        self.ledger().ask(&id, asked);
        self.write(support::request(id, method, params).as_bytes());
    }

    fn echo(&mut self) {
        let most = if self.numbers.below(50) == 0 { 60_000 } else { 1000 };
        let bytes = self.numbers.size(most);
        self.call("echo", json!({"text": "e".repeat(bytes)}), Asked::Echo(bytes));
    }

    fn rest(&mut self) {
        const HOW: [&str; 6] =
            ["await", "await", "spawn_blocking", "block_in_place", "fail", "panic"];
        let arguments = json!({"how": self.numbers.pick(&HOW), "millis": self.numbers.below(5)});
        self.call("rest", arguments, Asked::Anything);
    }

    /// Arguments of a task.
    fn work(&mut self) -> Value {
        const HOW: [&str; 12] = [
            "await",
            "await",
            "await",
            "await",
            "await",
            "await",
            "spawn_blocking",
            "block_in_place",
            "fail",
            "panic",
            "obey",
            "ignore",
        ];
        json!({
            "how": self.numbers.pick(&HOW),
            "updates": self.numbers.below(8),
            "bytes": self.numbers.size(3000),
            "millis": self.numbers.pick(&[0, 0, 0, 1, 1, 20, 200]),
        })
    }

    fn start_mcpc(&mut self) {
        let mut arguments = self.work();
        let session = self.numbers.pick(&["s", "a session", "default"]);
        self.next += 1;
        let task = match self.numbers.below(30) {
            0 => format!("t{}{}", self.next, "t".repeat(self.numbers.size(4000))),
            _ => format!("t{}", self.next),
        };
        match self.numbers.below(3) {
            0 => arguments["_metadata"] = json!({"mcpc_session_id": session, "mcpc_task_id": task}),
            1 => arguments["_metadata"] = json!({}),
            _ => arguments["mcpc_params"] = json!({"session_id": session, "task_id": task}),
        }
        self.call("work", arguments, Asked::McpcTask);
    }

    fn start_modern(&mut self) {
        let arguments = self.work();
        let params = json!({"name": "work", "arguments": arguments, "_meta": meta()});
        self.request("tools/call", params, Asked::ModernTask);
    }

    fn start_with_token(&mut self) {
        let arguments = self.work();
        let id = self.new_id();
        let params =
            json!({"name": "work", "arguments": arguments, "_meta": {"progressToken": id}});
        self.request_as(id, "tools/call", params, Asked::Result);
    }

    fn start_plainly(&mut self) {
        let arguments = self.work();
        self.call("work", arguments, Asked::Result);
    }

    fn hurry(&mut self) {
        let mut arguments = json!({"obeys": self.numbers.below(2) == 0});
        if self.numbers.below(2) == 0 {
            return self.call("hurry", arguments, Asked::Result);
        }
        arguments["_metadata"] = json!({});
        self.call("hurry", arguments, Asked::McpcTask);
    }

    /// A task that may be running, may have ended, or was never there.
    fn any_task(&mut self) -> (String, Task) {
        let (nth, which) = (self.numbers.next(), self.numbers.below(10));
        let ledger = self.ledger();
        let nth = |all: usize| usize::try_from(nth % all as u64).expect("a place");
        match which {
            0..7 if !ledger.tasks.is_empty() => {
                let (id, task) =
                    ledger.tasks.iter().nth(nth(ledger.tasks.len())).expect("it is there");
                (id.clone(), *task)
            }
            7..9 if !ledger.recent.is_empty() => {
                (ledger.recent[nth(ledger.recent.len())].clone(), Task::Modern)
            }
            _ => ("none".to_owned(), Task::Ticket),
        }
    }

    fn get(&mut self) {
        let (id, _) = self.any_task();
        self.ask_about(&id, Task::Modern);
    }

    fn check(&mut self) {
        let (id, _) = self.any_task();
        self.ask_about(&id, Task::Ticket);
    }

    fn stop(&mut self) {
        let (id, task) = self.any_task();
        self.stop_task(&id, task);
    }

    /// The end of an MCPC task is not asked for; that it is over is what its callbacks say.
    fn ask_about(&mut self, id: &str, task: Task) {
        let is_mcpc = self.ledger().tasks.get(id) == Some(&Task::Mcpc);
        let or_anything = |asked| if is_mcpc { Asked::Anything } else { asked };
        match task {
            Task::Mcpc => {}
            Task::Modern => {
                let asked = or_anything(Asked::Get(id.to_owned()));
                self.request("tasks/get", json!({"taskId": id, "_meta": meta()}), asked);
            }
            Task::Ticket => {
                let asked = or_anything(Asked::Check(id.to_owned()));
                let seconds = self.numbers.below(2);
                self.call("check_task", json!({"task_id": id, "wait_seconds": seconds}), asked);
            }
        }
    }

    fn stop_task(&mut self, id: &str, task: Task) {
        match task {
            Task::Modern => {
                let params = json!({"taskId": id, "_meta": meta()});
                self.request("tasks/cancel", params, Asked::Anything);
            }
            Task::Mcpc | Task::Ticket => {
                self.call("stop_task", json!({"task_id": id}), Asked::Anything);
            }
        }
    }

    /// Listens to some tasks; and takes back the oldest such request when there are many.
    fn listen(&mut self) {
        let ids: Vec<String> = (0..3).map(|_| self.any_task().0).collect();
        let params = json!({"notifications": {"taskIds": ids}, "_meta": meta()});
        self.request("subscriptions/listen", params, Asked::Listen);
        let oldest = {
            let ledger = self.ledger();
            let listens = ledger.unanswered().filter(|(_, it)| matches!(it.asked, Asked::Listen));
            let listens: Vec<_> = listens.map(|(id, open)| (open.at, id.clone())).collect();
            (listens.len() > 20).then(|| listens.into_iter().min().expect("there are some").1)
        };
        if let Some(oldest) = oldest {
            self.cancel_request(&oldest);
        }
    }

    /// Cancels a request that is open, or was answered, or never was.
    fn cancel(&mut self) {
        let (nth, which) = (self.numbers.next(), self.numbers.below(3));
        let open = {
            let ledger = self.ledger();
            let open: Vec<&String> = ledger.unanswered().map(|(id, _)| id).collect();
            let at = usize::try_from(nth % (open.len().max(1) as u64)).expect("a place");
            open.get(at).map(|id| (*id).clone())
        };
        match open.filter(|_| which > 0) {
            Some(open) => self.cancel_request(&open),
            None => {
                let unknown = self.new_id().to_string();
                self.cancel_request(&unknown);
            }
        }
    }

    fn cancel_request(&mut self, id: &str) {
        self.ledger().cancel(id);
        let method = r#"{"jsonrpc":"2.0","method":"notifications/cancelled""#;
        self.write(format!(r#"{method},"params":{{"requestId":{id}}}}}"#).as_bytes());
    }

    fn garbage(&mut self) {
        self.next += 1;
        let (line, id) = garbage(&mut self.numbers, self.next);
        if let Some(id) = id {
            self.ledger().ask(&json!(id), Asked::Anything);
        }
        self.write(&line);
    }

    fn send_too_long(&mut self) {
        let bytes = 70_000 + self.numbers.size(200_000);
        self.call("echo", json!({"text": "l".repeat(bytes)}), Asked::Anything);
    }

    fn read_slowly(&mut self) {
        self.rest.store(self.numbers.below(400), Ordering::Relaxed);
    }

    fn ask_others(&mut self) {
        let method = self.numbers.pick(&["tools/list", "ping", "resources/list", "none/such"]);
        self.request(method, json!({}), Asked::Anything);
    }
}

fn read(output: ChildStdout, ledger: &Mutex<Ledger>, rest: &AtomicU64) {
    for line in BufReader::with_capacity(64 << 10, output).lines() {
        ledger.lock().expect("no panic").hear(&line.expect("UTF-8"));
        let millis = rest.swap(0, Ordering::Relaxed);
        if millis > 0 {
            thread::sleep(Duration::from_millis(millis));
        }
    }
}
