"""The mutants of `tests/mutants/run`."""

from dataclasses import dataclass

RUNTIME = "mcpc-runtime/src/"


# The runtime's unit tests, which take the least time to build and to run.
UNIT = "unit"


@dataclass
class Mutant:
    """One mistake: `before` stands once in `file`."""

    name: str
    file: str
    before: str
    after: str
    # Test programs, the likeliest to fail first; after a space, the part of a test's name that is run.
    tests: tuple = ()
    # Why it may survive.
    because: str = ""
    # Whether continuous integration tries it: the unit tests find it alone.
    ci: bool = False

    def programs(self):
        """What to test it with: the unit tests come last, unless they are named."""
        return self.tests if UNIT in self.tests else (*self.tests, UNIT)


def mutant(name, file, before, after, *tests, because="", ci=False):
    return Mutant(name, RUNTIME + file, before, after, tests, because, ci)


MUTANTS = [
    # A task's life.
    mutant("an update overtakes a deferred progress", "task/mod.rs",
           "        self.log_deferred(&mut progression);\n        self.log(&progression, event, room);",
           "        self.log(&progression, event, room);", ci=True),
    mutant("the end drops a deferred progress", "task/mod.rs",
           "        self.log_deferred(&mut progression);\n        if let Some(mut worker)",
           "        if let Some(mut worker)"),
    mutant("a deferred progress wakes nobody", "task/mod.rs",
           "                self.progression().deferred = Some(event);\n                self.attention.notify_one();",
           "                self.progression().deferred = Some(event);", ci=True),
    mutant("progress passes those who wait", "task/mod.rs",
           "let room = if self.has_line() { None } else { self.delivery.try_room(&event) };",
           "let room = self.delivery.try_room(&event);",
           because="progress may overtake who waits, and whatever is sent sends a deferred progress before itself"),
    mutant("an update passes those who wait", "task/mod.rs",
           "if self.has_line() { None } else { self.delivery.room_now(event) }",
           "self.delivery.room_now(event)"),
    mutant("those who wait are not told of the end", "task/mod.rs",
           "            self.disperse();", ""),
    mutant("threads are not told of the end", "task/mod.rs",
           "            self.stop.cancel();\n            self.disperse();", "            self.disperse();"),
    mutant("a late sender goes on", "task/mod.rs",
           "            self.is_over.store(true, Ordering::SeqCst);\n", ""),
    mutant("the id is free before the end is delivered", "task/mod.rs",
           "            worker.finish(event.clone());\n            self.delivery.deliver(&event, room);\n            drop(progression);",
           "            worker.finish(event.clone());\n            drop(worker);\n            self.delivery.deliver(&event, room);\n            drop(progression);\n            let worker = ();", "wire an_id_is_free"),
    mutant("an event of the session needs no room", "task/mod.rs",
           "self.in_line(event.room()).await", "self.in_line(async { Room::NONE }).await"),
    mutant("a notification of an event needs no room", "delivery/notices.rs",
           "        self.outbox.room(notice.0.len()).await", "        let _ = notice;\n        Room::NONE", ci=True),
    mutant("a notification of an event gives its room back at once", "delivery/notices.rs",
           "None => self.outbox.push(notice, room),", "None => self.outbox.push(notice, { let _ = room; Room::NONE }),"),
    mutant("a notification of a call gives its room back at once", "delivery/notices.rs",
           "Some(gate) => gate.push_while_closed(notice, room),", "Some(gate) => gate.push_while_closed(notice, { let _ = room; Room::NONE }),"),
    mutant("an event overtakes a deferred progress", "task/mod.rs",
           "            self.log_deferred(&mut progression);\n            if progression.worker.is_some() {",
           "            if progression.worker.is_some() {"),
    mutant("an event follows the end", "task/mod.rs",
           "            if progression.worker.is_some() {\n                event.push(room);\n            }",
           "            event.push(room);"),
    mutant("the last event of a stopped task waits for room", "task/runner.rs",
           "            () = self.stop.cancelled() => Room::NONE,\n", "", ci=True),
    mutant("a dropped runner says nothing", "task/runner.rs",
           "        self.1.end(&self.0, failed(reason), Room::NONE);", "        let _ = reason;"),
    mutant("nobody can end a task from elsewhere", "task/runner.rs",
           "            worker.ended_by(task as Weak<dyn Ends>);", "            let _: Weak<dyn Ends> = task; let _ = worker;"),
    mutant("a body that never rests starves its end", "task/runner.rs",
           "                end = tokio::task::coop::unconstrained(task.overdue(trace)) => end,\n"
           "                reason = task.attend() => failed(&reason),\n"
           "                ended = body => match ended {\n"
           "                    Ok(outcome) => task.terminal(outcome),\n"
           "                    Err(panic) => failed(&trace.panicked(task, panicked(task.tool_name, &*panic))),\n"
           "                },\n",
           "                ended = body => match ended {\n"
           "                    Ok(outcome) => task.terminal(outcome),\n"
           "                    Err(panic) => failed(&trace.panicked(task, panicked(task.tool_name, &*panic))),\n"
           "                },\n"
           "                end = task.overdue(trace) => end,\n"
           "                reason = task.attend() => failed(&reason),\n",
           "lifecycle never_rests"),
    mutant("the grace cannot be ended", "task/runner.rs",
           "            () = self.ended() => {}\n            () = tokio::time::sleep", "            () = tokio::time::sleep"),
    mutant("the end waits 100 graces", "task/runner.rs",
           "() = tokio::time::sleep(self.length) => {}", "() = tokio::time::sleep(self.length * 100) => {}", ci=True),
    mutant("a timeout is a stop", "task/runner.rs",
           "                    self.progression().timed_out = true;\n", ""),
    mutant("what cannot be written does not end the task", "task/runner.rs",
           "                    return reason;", "                    let _ = reason;", "lifecycle a_value_that_is_no_json"),
    # The outbox.
    mutant("what threads hold in advance is theirs", "outbox/mod.rs",
           "            self.0.room.add_permits(self.0.prefetched.reclaim());", "            let _ = Prefetched::reclaim;"),
    mutant("who waits for room does not wake the writer", "outbox/mod.rs",
           "            if acquired.is_pending() {", "            if false {"),
    mutant("what is taken in advance is not looked for again", "outbox/prefetch.rs",
           "    if outbox.0.waiting.load(Ordering::SeqCst) > 0 {\n        outbox.wake();\n    }", ""),
    mutant("a turn gives nothing back", "outbox/prefetch.rs",
           "                give_back(left.flatten());", "                let _ = left;"),
    mutant("a thread that ends gives nothing back", "outbox/prefetch.rs",
           "        give_back(self.take());", ""),
    mutant("what is written gives no room back", "outbox/mod.rs",
           "        self.0.room.add_permits(pending.room);\n", ""),
    mutant("unread replies have no bound", "outbox/mod.rs",
           "queue.reply_bytes > REPLY_LIMIT && queue", "queue.reply_bytes > usize::MAX / 2 && queue", "slow_reader"),
    mutant("a dead connection holds up who waits for room", "outbox/mod.rs",
           "        self.0.room.close();\n", ""),
    mutant("a cancelled gate keeps its room", "outbox/gate.rs",
           "        self.0.outbox.0.room.add_permits(room);\n", "        let _ = room;\n", ci=True),
    mutant("a cancelled gate stops no task", "outbox/gate.rs",
           "        if let Some(on_cancel) = on_cancel {\n            on_cancel();\n        }", "        let _ = on_cancel;"),
    mutant("a gate drops what it held back", "outbox/gate.rs",
           "        self.0.outbox.push_message_and(reply, held);", "        drop(held);\n        self.0.outbox.push_message_and(reply, None);"),
    mutant("what only makes sense before the reply follows it", "outbox/gate.rs",
           "        if matches!(*state, GateState::Closed { .. }) {", "        let _ = &state;\n        {"),
    # The log.
    mutant("the end drives updates out", "log/events.rs",
           "                self.end = Some(Box::new(event));\n                0",
           "                let dropped = self.updates.count().min(event.result.as_str().len() / 10_000);\n                for _ in 0..dropped {\n                    self.updates.push(\"\", 0);\n                }\n                self.end = Some(Box::new(event));\n                dropped as usize",
           "tickets"),
    mutant("updates have no bound", "log/texts.rs",
           "self.ring.len().saturating_add(bytes) > limit", "self.ring.len().saturating_add(bytes) == usize::MAX && limit > 0"),
    mutant("ended tasks have no bound of bytes", "log/retained.rs",
           " || self.bytes > self.most_bytes)", ")", ci=True),
    mutant("ended tasks have no bound of number", "log/retained.rs",
           "self.by_key.len() > self.most || ", ""),
    mutant("ended tasks are kept for ever", "log/retained.rs",
           "(until <= now || ", "("),
    mutant("no task is ended from elsewhere", "log/memory.rs",
           "ended.map(|task| task.end()).count()", "ended.count()"),
    mutant("a task that comes late is not stopped", "log/memory.rs",
           "        if tasks.ending.contains(&key.owner) {\n            record.stop.cancel();\n        }", ""),
    mutant("a task whose end is being delivered counts among the running", "log/memory.rs",
           "tasks.running.len() - tasks.delivering >=", "tasks.running.len() >="),
    mutant("an id whose end is being delivered is refused", "log/memory.rs",
           "            if !same.has_ended() {", "            if !same.has_ended() || true {"),
    mutant("an owner is idle at once", "log/memory.rs",
           "                if self.running(owner) == 0 {", "                if self.running(owner) < usize::MAX {"),
    mutant("nobody hears that an owner is idle", "log/memory.rs",
           "        if is_idle {\n            shared.idle.notify_waiters();\n        }", "        let _ = is_idle;"),
    mutant("an update wakes no reader", "log/memory.rs",
           "        lock(&self.record.events).push(event, limit, Instant::now());\n        self.record.changed.notify_waiters();",
           "        lock(&self.record.events).push(event, limit, Instant::now());"),
    mutant("tasks of an owner that leaves are kept", "log/memory.rs",
           "            tasks.ended.retain(|key| key.owner != owner);\n", ""),
    # How clients are reached.
    mutant("a progress token comes before MCP's tasks", "delivery/mod.rs",
           "        _ if tasks => Way::Task,\n        (Some(gate), Some(token)) => Way::Progress(gate, token),",
           "        (Some(gate), Some(token)) => Way::Progress(gate, token),\n        _ if tasks => Way::Task,"),
    mutant("no time takes a millisecond", "delivery/mod.rs",
           "        true => work.now_or_never(),", "        true => tokio::time::timeout(time, work).await.ok(),", "tickets a_check_that_is_not_to_wait"),
    mutant("the reply follows the last report at once", "delivery/progress.rs",
           "            sleep_until(self.said_at + SETTLE).await;", "", "progress"),
    mutant("the last report is not waited for", "delivery/progress.rs",
           "        while !self.say(When::Ended) {\n            self.gate.outbox().has_reply_room().await;\n        }", "        self.say(When::Ended);", "progress", "slow_reader"),
    mutant("reports are as fast as the body", "delivery/progress.rs",
           "(Some(_), Some(_)) => self.said_at + NOTIFICATION_INTERVAL,", "(Some(_), Some(_)) => self.said_at,", "progress"),
    mutant("a silent task is silent", "delivery/progress.rs",
           "(None, _) => self.said_at + self.heartbeat,", "(None, _) => self.said_at + self.heartbeat * 1_000,", "progress"),
    mutant("events reach clients that want none", "delivery/notices.rs",
           "        if !self.wanted.0.load(Ordering::Relaxed) {\n            return None;\n        }", "", "tasks the_level_is_set"),
    mutant("events that are nested too deep are JSON", "delivery/notices.rs",
           "let text = data.is_too_deep().then(|| Json::text(data.as_str()));", "let text: Option<Json> = None;", "wire shape"),
    mutant("missed updates are not told", "delivery/reply.rs",
           "    let gap = (missed > 0).then(||", "    let gap = (missed == u64::MAX).then(||", "tickets", "slow_reader"),
    # The transport.
    mutant("one cancelled id is remembered", "transport/gates.rs",
           "const MOST: usize = 10_000;", "const MOST: usize = 1;"),
    mutant("an answer is given twice at the end", "transport/gates.rs",
           "            requests.closed = true;\n", "", ci=True),
    mutant("a cancelled call goes on", "transport/gates.rs",
           "                        gate.cancel();", "                        let _ = gate;"),
    mutant("an id is taken twice at once", "transport/gates.rs",
           "        let Entry::Vacant(vacant) = requests.unanswered.entry(id.clone()) else {",
           "        requests.unanswered.remove(id);\n        let Entry::Vacant(vacant) = requests.unanswered.entry(id.clone()) else {", "wire unanswered"),
    mutant("tasks that do not give way are not ended", "transport/end.rs",
           "let cut_off = self.0.log.end_all(self.0.owner);", "let cut_off = 0;"),
    mutant("calls that do not give way are not answered", "transport/end.rs",
           "        gates.answer_the_rest();", ""),
    mutant("the end does not wait for answers", "transport/end.rs",
           "        if gates.unanswered() > 0 {", "        if false {", "lifecycle outlasts_the_grace"),
    mutant("nothing moves", "transport/end.rs",
           "            if now == before {", "            let _ = before;\n            if now.0 <= usize::MAX {"),
    mutant("a slow reader has a limit for all", "outbox/mod.rs",
           "            if before == Some(progress) {", "            if before.is_some() {"),
    mutant("what was half written is written again", "transport/lines/writer.rs",
           "            let rest = &lines[state.written..];", "            let rest = &lines[..];", "slow_reader"),
    mutant("nothing is flushed", "transport/lines/writer.rs",
           "        ready!(Pin::new(writer).poll_flush(context))?;\n", "", "slow_reader"),
    mutant("another transport is read from however much is unread", "transport/wrapped.rs",
           "if !self.ended && !outbox.is_full() =>", "if !self.ended =>", "slow_reader"),
    mutant("a second signal is not heard", "transport/process.rs",
           "        connection.ending.hurry();\n", "", "endings a_signal_after_the_end"),
    mutant("a third signal is not heard", "transport/process.rs",
           "        () = hurry => {}\n        signal = signals.next() => std::process::exit(128 + signal),", "        () = hurry => {}", "endings a_third_signal"),
    mutant("a blocked server does not end", "transport/process.rs",
           "            () = finish(connection, spare) => {\n                if self.process.is_ours {", "            () = finish(connection, spare) => {\n                if false {", "endings all_blocked_ends_after_sigterm"),
    mutant("a thread keeps the process", "transport/process.rs",
           "            () = gone.cancelled(), if is_ours => {}", "            () = gone.cancelled(), if false => {}", "endings threads_that_go_on"),
    mutant("a signal after serving ends the application", "transport/process.rs",
           "        });\n        let signal = self.signals.next().await;\n        std::process::exit(128 + signal);", "        });\n        std::process::exit(128 + signal);", "endings signals_after_serving"),
    # The service.
    mutant("a call gets its task where it is handled", "service/intake.rs",
           "                call.extensions_mut().insert(Parcel::new(accepted));", "                let _ = (Parcel::new, accepted.is_ok());", "wire right_after_the_call"),
    mutant("a task is stopped where that is handled", "service/intake.rs",
           "                    let stop = self.stop(task_id);\n                    call.extensions_mut().insert(stop);", "                    let _ = task_id;", "wire right_after_the_call",
           because="the handler stops it as well; only what is read right after it, and handled before it, can tell"),
    mutant("requests have no bound", "service/mod.rs",
           "if self.running.fetch_add(1, Ordering::Relaxed) >= most {", "if self.running.fetch_add(1, Ordering::Relaxed) == usize::MAX {", "wire too_many_unanswered"),
    mutant("a plain tool has no end", "service/calls.rs",
           "            () = unconstrained(self.ending.grace_over()) => Err(Over),\n", "", "lifecycle outlasts_the_grace"),
    mutant("a ticket is given at the end", "service/calls.rs",
           "Answer::RanOut(_) if self.ending.has_begun() => {", "Answer::RanOut(_) if false => {", "tickets"),
    mutant("a cancelled call's task goes on", "service/calls.rs",
           "                // Nobody reads this reply any more.\n                let stop = self.shared().log.stop(&key);\n", "                let stop = crate::log::Stop::Unknown;\n", "lifecycle cancelled", "tickets cancelled"),
    # What is said before a server serves, and what it logs.
    mutant("stdio is taken when it is served", "server/start.rs",
           "    transport::take_stdio();", "", "stdio printed"),
    mutant("stdin and stdout are served twice", "transport/stdio.rs",
           "Standing::Served => Err(Error::StdioServed),", "Standing::Served => Ok(Self::take()),", "stdio served_once"),
    mutant("a panic on the way into a span is not contained", "logging.rs",
           "        contain(|| span.with_subscriber(|(id, subscriber)| subscriber.enter(id)));",
           "        span.with_subscriber(|(id, subscriber)| subscriber.enter(id));", "logging a_log_of_the_servers"),
    mutant("a span is never left", "logging.rs",
           "        contain(|| self.0.with_subscriber(|(id, subscriber)| subscriber.exit(id)));", "", "operators"),
    mutant("a body is outside of its task's span", "task/runner.rs",
           "InTurns(trace.inside(body))", "InTurns(body)", "operators a_task_has"),
    mutant("the end of a task is told twice", "task/trace.rs",
           "if self.is_told.swap(true, Ordering::Relaxed) {", "if false {", "operators a_task_has"),
    mutant("a blocked body is nothing to speak of", "task/trace.rs",
           "        if late > LATE {", "        if late > LATE * 100 {", "operators a_body"),
    mutant("each event that nobody takes is told of", "task/trace.rs",
           "if !self.is_untaken_told.swap(true, Ordering::Relaxed) {", "if true {", "operators an_event"),
    # Schemas.
    mutant("a list of types is written", "schema/portable.rs",
           "        replace_types(object);\n", "        let _ = replace_types;\n", "wire schemas::"),
    mutant("what is said of one type is said of all", "schema/portable.rs",
           "types_of_keyword(key).contains(&kind));", "!key.is_empty() && !kind.is_empty());", "wire schemas::"),
    mutant("alternatives are in alternatives", "schema/portable.rs",
           "        join_alternatives(schema.ensure_object());\n", "        let _ = join_alternatives;\n", "schemas"),
    mutant("a format is lost", "schema/formats.rs",
           "        && !is_of_rust(&format)\n", "        && !is_of_rust(&format) && false\n", "wire schemas::"),
    mutant("a type of Rust's is said in words", "schema/formats.rs",
           "        && !is_of_rust(&format)\n", "        && (true || is_of_rust(&format))\n", "wire schemas::"),
    mutant("a small schema has references", "schema/inlining.rs",
           "        self.left = self.left.checked_sub(bytes)?;", "        self.left = self.left.checked_sub(bytes * 8)?;",
           "wire large_schemas", "schemas"),
    mutant("a schema is inlined until it has 8 KiB", "schema/inlining.rs",
           ".min(size.saturating_mul(MOST_TIMES));", ".min(size.saturating_mul(MOST_TIMES * 100));",
           "wire large_schemas"),
    mutant("a type that contains itself is not kept", "schema/inlining.rs",
           "        if self.open.contains(&name) {", "        if false {", "schemas"),
    mutant("a definition is found by its plain name only", "schema/inlining.rs",
           "    if !name.contains(['%', '~']) {", "    if !name.is_empty() {", "wire large_schemas"),
    mutant("a union of objects is not an object", "schema/mod.rs",
           "                references > 0 && self.is_object(definition, references - 1)", "                let _ = (references, definition); false",
           "wire large_schemas"),
    # The linter.
    mutant("a name has no server before it", "lint/mod.rs",
           "        if length > prefix.left &&", "        if length > MOST_OF_NAME &&", ci=True),
    mutant("a definition is looked at for every reference", "lint/arguments.rs",
           "        if !self.seen.insert(name.clone()) {", "        if !self.seen.insert(name.clone()) && false {"),
    mutant("an object in a list is not one in another", "lint/arguments.rs",
           "        (own + below.unwrap_or(0)).max(referred)", "        own.max(below.unwrap_or(0)).max(referred)", "lint"),
    mutant("a definition has no depth", "lint/arguments.rs",
           "        self.of_definitions.insert(name, levels);\n        levels", "        self.of_definitions.insert(name, levels);\n        0", "lint"),
]
