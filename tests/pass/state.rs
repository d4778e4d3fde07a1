//! What a server keeps for its tools: of any type, several of them, under any name.

use std::sync::{Arc, Mutex};
use std::sync::atomic::{AtomicU64, Ordering};

use mcpc::State;

struct Database {
    rows: u64,
}

struct Generic<T>(Mutex<T>);

type Shared = State<Database>;

#[mcpc::tool]
async fn rows(database: State<Database>, calls: mcpc::State<AtomicU64>) -> u64 {
    database.rows + calls.fetch_add(1, Ordering::Relaxed)
}

#[mcpc::background]
async fn last(_words: State<Generic<Vec<String>>>, words: mcpc::State<Generic<Vec<String>>>) -> Option<String> {
    words.0.lock().ok()?.pop()
}

trait Repository: Send + Sync {
    fn rows(&self) -> u64;
}

#[mcpc::tool]
async fn of_anything(
    repository: State<Box<dyn Repository>>,
    name: State<&'static str>,
    function: State<fn(u64) -> u64>,
) -> u64 {
    function(repository.rows()) + name.len() as u64
}

#[mcpc::tool]
async fn aliased(database: Shared) -> u64 {
    database.rows
}

#[mcpc::tool]
async fn of_any(repository: State<dyn Repository>, again: State<Arc<dyn Repository>>) -> u64 {
    repository.rows() + again.rows()
}

struct Empty;

impl Repository for Empty {
    fn rows(&self) -> u64 {
        0
    }
}

#[tokio::main(flavor = "current_thread")]
pub async fn main() {
    let _ = mcpc::Server::new("states")
        .state(Database { rows: 3 })
        .state(AtomicU64::new(0))
        .state(Generic(Mutex::new(vec![String::new()])))
        .state(Arc::new(Empty) as Arc<dyn Repository>)
        .tools(mcpc::tools![rows, last, aliased, of_anything, of_any]);
    assert_eq!(rows(State::new(Database { rows: 3 }), State::new(4.into())).await, 7);
    let empty: Arc<dyn Repository> = Arc::new(Empty);
    assert_eq!(of_any(State::from(Arc::clone(&empty)), State::new(empty)).await, 0);
    assert_eq!(aliased(State::new(Database { rows: 3 })).await, 3);
}
