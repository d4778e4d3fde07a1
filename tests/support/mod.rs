//! What the test programs share: clients, and the raw connection that they have to a server.
#![allow(dead_code, unused_imports, reason = "each test program uses a part of it")]

pub(crate) mod clients;
pub(crate) mod garbage;
pub(crate) mod messages;
#[cfg(unix)]
pub(crate) mod process;
pub(crate) mod wire;

use std::path::PathBuf;

pub(crate) use clients::{Mcpc, Plain, WithProgress, WithTasks};
pub(crate) use messages::{
    CALLBACK, INITIALIZE, INITIALIZED, call, cancel, in_task, notification, parse, request, text,
    texts,
};
pub(crate) use wire::Wire;

/// The program of an example: cargo puts examples beside the folder of the tests.
pub(crate) fn example(name: &str) -> PathBuf {
    let test = std::env::current_exe().expect("a test has a path");
    let folder = test.ancestors().nth(2).expect("target/<profile>/deps/<test>");
    folder.join("examples").join(format!("{name}{}", std::env::consts::EXE_SUFFIX))
}
