//! What a body may hold across an await, and that its warnings are the user's.

#![deny(warnings)]

use std::cell::Cell;
use std::rc::Rc;
use std::sync::{Arc, Mutex};

#[mcpc::tool]
async fn dropped_before() -> usize {
    let count = {
        let count = Rc::new(Cell::new(1));
        count.get()
    };
    tokio::task::yield_now().await;
    count
}

#[mcpc::background]
async fn shared(numbers: Vec<u64>) -> u64 {
    let sum = Arc::new(Mutex::new(0));
    for number in &numbers {
        *sum.lock().unwrap() += number;
        tokio::task::yield_now().await;
    }
    let sum = sum.lock().unwrap();
    *sum
}

#[mcpc::tool]
#[expect(unused_variables, reason = "attributes stay on the function")]
async fn lint_levels(unused: u8) -> u8 {
    #![allow(unused_assignments)]
    1
}

#[mcpc::tool]
#[must_use]
#[inline]
#[cfg(not(any()))]
async fn attributes() -> u8 {
    1
}

#[tokio::main(flavor = "current_thread")]
pub async fn main() {
    let _ = mcpc::tools![dropped_before, shared, lint_levels, attributes];
    assert_eq!(dropped_before().await, 1);
    assert_eq!(shared(vec![1, 2]).await, 3);
}
