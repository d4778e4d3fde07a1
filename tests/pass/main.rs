//! What the attributes must go on taking, and what it means.
//!
//! They are modules of one program, as those of `trybuild` have all dependencies built for them once more.

// Of the lints of `strict_lints` and `forbidden_lints`, those that only a whole crate can have.
#![deny(non_ascii_idents, rust_2021_compatibility)]
#![forbid(future_incompatible)]
// What some of them are about, and what nobody reads.
#![allow(
    clippy::all,
    clippy::unwrap_used,
    dead_code,
    missing_docs,
    unreachable_pub,
    unused_qualifications
)]

use std::fs;
use std::path::Path;

macro_rules! files {
    ($($name:ident)*) => {
        $(
            pub mod $name;

            #[test]
            fn $name() {
                $name::main();
            }
        )*

        const NAMES: &[&str] = &[$(stringify!($name)),*];
    };
}

files! {
    all_keys
    allowed_lints
    arguments
    call
    cfg
    cfg_attr
    check_of_a_receiver
    checks
    fallible_results
    forbidden_lints
    from_a_macro
    from_rmcp
    in_a_function
    in_modules
    lists
    mut_parameter
    names_of_ours
    no_implicit_prelude
    raw_identifiers
    reexports
    renamed
    results
    send_futures
    sender
    shadowed_names
    shadowed_values
    state
    still_callable
    strict_lints
}

#[test]
fn every_file_is_a_module() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/pass");
    let files = fs::read_dir(folder).expect("it is there");
    let names = files.map(|file| file.expect("it can be read").path().with_extension(""));
    let names = names.filter_map(|name| Some(name.file_name()?.to_str()?.to_owned()));
    let mut names: Vec<_> = names.filter(|name| name != "main").collect();
    names.sort_unstable();
    assert_eq!(names, NAMES);
}
