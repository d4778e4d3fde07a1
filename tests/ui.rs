//! What users see when they get an attribute wrong.
//!
//! Each file in `ui/fail` makes one mistake; the `.stderr` file beside it is what rustc says about it.
//! `TRYBUILD=overwrite cargo test --test ui` writes those anew; read each one before it is committed.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use walkdir::WalkDir;

/// The rustc that the `.stderr` files are from: another one has other words for its own part of them.
const TOOLCHAIN: &str = "rustc 1.95.";

#[test]
fn attributes() {
    let cases = trybuild::TestCases::new();
    let toolchain = toolchain();
    if toolchain.starts_with(TOOLCHAIN) {
        cases.compile_fail("tests/ui/fail/**/*.rs");
    } else {
        eprintln!("skipped `tests/ui/fail`: it is for {TOOLCHAIN}*, and this is {toolchain}");
    }
}

#[test]
fn a_mistake_is_one_error() {
    for case in cases() {
        let expected = expected_errors(&case);
        let found = read(&case.with_extension("stderr")).lines().filter(is_headline).count();
        assert_eq!(found, expected, "errors in `{}`", case.display());
    }
}

/// With the `rust-src` component, rustc quotes it; without, it cannot.
#[test]
fn nothing_quotes_the_standard_library() {
    for case in cases() {
        let stderr = read(&case.with_extension("stderr"));
        assert!(!stderr.contains("$RUST"), "`{}` does", case.display());
    }
}

#[test]
fn every_output_has_its_case() {
    let cases = cases();
    for output in files("stderr") {
        assert!(
            cases.contains(&output.with_extension("rs")),
            "`{}` is left over",
            output.display()
        );
    }
}

/// One, unless the first line of the case says how many, and why: `// errors: 4, because ..`.
fn expected_errors(case: &Path) -> usize {
    let source = read(case);
    let Some(note) = source.strip_prefix("// errors: ") else {
        return 1;
    };
    let (number, reason) = note.split_once(", because ").expect("`// errors: 4, because ..`");
    assert!(!reason.starts_with('\n'), "`{}` gives no reason", case.display());
    number.parse().expect("a number of errors")
}

fn is_headline(line: &&str) -> bool {
    let summary = ["error: aborting due to", "error: could not compile"];
    (line.starts_with("error:") || line.starts_with("error["))
        && !summary.iter().any(|summary| line.starts_with(summary))
}

fn cases() -> Vec<PathBuf> {
    let cases = files("rs");
    assert!(!cases.is_empty(), "no cases found");
    cases
}

fn files(extension: &str) -> Vec<PathBuf> {
    let entries = WalkDir::new("tests/ui/fail").sort_by_file_name().into_iter();
    let paths = entries.map(|entry| entry.expect("a readable directory").into_path());
    paths.filter(|path| path.extension().is_some_and(|found| found == extension)).collect()
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("`{}`: {error}", path.display()))
}

fn toolchain() -> String {
    let rustc = std::env::var_os("RUSTC").unwrap_or("rustc".into());
    let output = Command::new(rustc).arg("--version").output().expect("rustc runs");
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}
