//! The sessions of clients up to MCP 2025-11-25, and what belongs to those whose requests stand alone.

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use foldhash::fast::RandomState;
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::outbox::Layout;
use crate::service::{Account, Shared};
use crate::transport::{Ending, Post, Why};

/// After how long a session ends in which nothing was ever asked.
const UNUSED: Duration = Duration::from_secs(60);

/// A client's session.
pub(super) struct Session {
    pub(super) id: Arc<str>,
    /// To whom it belongs, if the server tells.
    pub(super) principal: Option<Arc<str>>,
    pub(super) layout: Layout,
    pub(super) post: Post,
    pub(super) ending: Ending,
    /// Whether the client understands an event without data.
    pub(super) primes: bool,
    used: Mutex<Instant>,
    /// How many requests and streams are open.
    open: AtomicUsize,
    /// How many there ever were.
    uses: AtomicUsize,
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session").field("ending", &self.ending).finish_non_exhaustive()
    }
}

impl Session {
    pub(super) fn new(
        id: Arc<str>,
        principal: Option<Arc<str>>,
        layout: Layout,
        post: Post,
        ending: Ending,
        primes: bool,
    ) -> Arc<Self> {
        let used = Mutex::new(Instant::now());
        let (open, uses) = (AtomicUsize::new(0), AtomicUsize::new(0));
        Arc::new(Self { id, principal, layout, post, ending, primes, used, open, uses })
    }

    fn used(&self) -> MutexGuard<'_, Instant> {
        self.used.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes that somebody uses it, until what this returns is dropped.
    pub(super) fn enter(self: &Arc<Self>) -> InUse {
        self.open.fetch_add(1, Ordering::SeqCst);
        self.uses.fetch_add(1, Ordering::SeqCst);
        InUse(Arc::clone(self))
    }

    /// Whether nobody has used it for so long, and nothing has run in it. Asked now and then, as what runs counts from when
    /// it was last seen: who comes back for what was said at its end has as long as after a use.
    fn is_idle(&self, limit: Duration) -> bool {
        let is_open = self.open.load(Ordering::SeqCst) > 0;
        if is_open || self.ending.is_worked_for() || self.post.unanswered() > 0 {
            *self.used() = Instant::now();
            return false;
        }
        // Of one that only began, nobody knows whether anybody is there.
        let limit = if self.uses.load(Ordering::SeqCst) > 1 { limit } else { limit.min(UNUSED) };
        self.used().elapsed() >= limit
    }
}

/// A use of a session.
#[derive(Debug)]
pub(super) struct InUse(pub(super) Arc<Session>);

impl Drop for InUse {
    fn drop(&mut self) {
        *self.0.used() = Instant::now();
        self.0.open.fetch_sub(1, Ordering::SeqCst);
    }
}

/// All sessions, and those to whom tasks belong beyond one.
#[derive(Debug)]
pub(super) struct Sessions {
    shared: Arc<Shared>,
    /// Those whose principal nobody tells.
    anybody: Account,
    table: Mutex<Table>,
    /// Notified when a connection has ended.
    ended: Notify,
}

#[derive(Default)]
struct Table {
    // The server chooses these ids.
    by_id: HashMap<Arc<str>, Arc<Session>, RandomState>,
    /// The requests that are being answered without a session.
    visits: HashMap<u64, Post, RandomState>,
    principals: HashMap<Arc<str>, Arc<Account>>,
    count: u64,
    /// Whether all come to their end.
    is_ending: bool,
    /// How many sessions' connections are yet to end.
    serving: usize,
}

impl fmt::Debug for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Table").field("sessions", &self.by_id.len()).finish_non_exhaustive()
    }
}

impl Sessions {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        let anybody = Account::new(Arc::clone(&shared), None);
        Self { shared, anybody, table: Mutex::default(), ended: Notify::new() }
    }

    pub(super) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        // Nothing panics half-way through a change.
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// To whom the tasks of a request belong that is in no session.
    pub(super) fn account(&self, principal: Option<&Arc<str>>) -> Account {
        let Some(principal) = principal else { return self.anybody.clone() };
        let mut table = self.table();
        let account = table.principals.entry(Arc::clone(principal));
        let account = account
            .or_insert_with(|| Arc::new(Account::new(Arc::clone(&self.shared), Some(principal))));
        (**account).clone()
    }

    pub(super) fn get(&self, id: &str) -> Option<Arc<Session>> {
        self.table().by_id.get(id).cloned()
    }

    /// Adds a session, unless there are as many as there may be.
    pub(super) fn add(&self, session: &Arc<Session>, most: usize) -> bool {
        let mut table = self.table();
        if table.serving >= most || table.is_ending {
            return false;
        }
        table.serving += 1;
        table.by_id.insert(Arc::clone(&session.id), Arc::clone(session));
        true
    }

    /// Ends a session; returns whether there was one.
    pub(super) fn end(&self, id: &str) -> bool {
        let session = self.table().by_id.remove(id);
        session.is_some_and(|session| {
            session.ending.begin(Why::ClientLeft);
            true
        })
    }

    /// The connection of a session has ended.
    pub(super) fn has_ended(&self, id: &str) {
        let mut table = self.table();
        table.by_id.remove(id);
        table.serving -= 1;
        drop(table);
        self.ended.notify_waiters();
    }

    /// Notes a request that is answered without a session, until what this returns is dropped; unless there are as many
    /// as there may be.
    pub(super) fn visit(self: &Arc<Self>, post: &Post) -> Option<Visit> {
        let mut table = self.table();
        if table.visits.len() >= self.shared.max_requests || table.is_ending {
            return None;
        }
        table.count += 1;
        let number = table.count;
        table.visits.insert(number, post.clone());
        Some(Visit { sessions: Arc::clone(self), number })
    }

    pub(super) fn is_ending(&self) -> bool {
        self.table().is_ending
    }

    /// Ends what nobody has used for so long.
    pub(super) fn reap(&self, limit: Duration) {
        let mut table = self.table();
        let idle = table.by_id.values().filter(|session| session.is_idle(limit));
        let idle: Vec<_> = idle.cloned().collect();
        for session in &idle {
            table.by_id.remove(&session.id);
        }
        // One that has ended tasks finds them again, as they are in the log.
        table.principals.retain(|_, account| account.is_used());
        let others: Vec<_> = table.by_id.values().cloned().collect();
        drop(table);
        for session in others {
            session.post.outbox().forget_sent(Self::REPLAY, limit.max(Self::REPLAY));
        }
        for session in idle {
            session.ending.begin(Why::ClientLeft);
        }
    }

    /// For how long somebody who lost a stream is expected to come back for what was sent on it.
    const REPLAY: Duration = Duration::from_secs(120);

    /// Ends everything: no more sessions, every task is asked to stop, and what was asked is answered.
    pub(super) async fn end_all(&self, why: Why) {
        let (sessions, visits, accounts) = {
            let mut table = self.table();
            table.is_ending = true;
            let sessions: Vec<_> = table.by_id.values().cloned().collect();
            let visits: Vec<_> = table.visits.values().cloned().collect();
            (sessions, visits, self.accounts(&table))
        };
        for session in sessions {
            session.ending.begin(why);
        }
        for visit in visits {
            visit.ending().begin(why);
            // It has no loop that would.
            tokio::spawn(async move { visit.force().await });
        }
        futures::future::join_all(accounts.iter().map(Account::end)).await;
        loop {
            let ended = self.ended.notified();
            if self.have_ended() {
                return;
            }
            ended.await;
        }
    }

    fn have_ended(&self) -> bool {
        let table = self.table();
        table.serving == 0 && table.visits.is_empty()
    }

    fn accounts(&self, table: &Table) -> Vec<Account> {
        let principals = table.principals.values().map(|account| (**account).clone());
        principals.chain([self.anybody.clone()]).collect()
    }

    /// Ends the grace of all that was asked to stop.
    pub(super) fn end_grace(&self) {
        let table = self.table();
        for session in table.by_id.values() {
            session.ending.grace().end();
        }
        for account in self.accounts(&table) {
            account.end_grace();
        }
    }
}

/// A request that is answered without a session.
#[derive(Debug)]
pub(super) struct Visit {
    sessions: Arc<Sessions>,
    number: u64,
}

impl Drop for Visit {
    fn drop(&mut self) {
        self.sessions.table().visits.remove(&self.number);
        self.sessions.ended.notify_waiters();
    }
}
