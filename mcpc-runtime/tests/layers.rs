//! The modules form layers: each uses those above it in the list, and none below.

mod sources;

use std::fs;
use std::path::Path;

use sources::files;

/// As the table in `ARCHITECTURE.md` has them.
const LAYERS: [&str; 34] = [
    "sync",
    "logging",
    "guard",
    "phrases",
    "names",
    "numbers",
    "message",
    "reply",
    "error",
    "metadata",
    "schema",
    "argument",
    "output",
    "log",
    "question",
    "outbox",
    "delivery",
    "events",
    "task",
    "context",
    "parameter",
    "tool",
    "around",
    "control",
    "registry",
    "lint",
    "transport",
    "service",
    "server",
    "http",
    "client",
    "testing",
    "model",
    "fuzzing",
];

fn rank(module: &str, what: &Path) -> usize {
    let rank = LAYERS.iter().position(|layer| *layer == module);
    rank.unwrap_or_else(|| panic!("`{module}` in {} is in no layer", what.display()))
}

#[test]
fn edges_go_up() {
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut edges = 0;
    for file in files(&sources) {
        let inside = file.strip_prefix(&sources).expect("below the sources").with_extension("");
        let module = inside.iter().next().and_then(|module| module.to_str()).expect("a module");
        if module == "lib" {
            continue;
        }
        let text = fs::read_to_string(&file).expect("a source file");
        // Documentation may point anywhere.
        let text: String =
            text.lines().filter(|line| !line.trim_start().starts_with("//")).collect();
        for (_, rest) in text.match_indices("crate::").map(|(at, it)| (at, &text[at + it.len()..]))
        {
            let used =
                rest.split(|c: char| !c.is_alphanumeric() && c != '_').next().expect("a name");
            assert!(
                rank(used, &file) <= rank(module, &file),
                "{} uses `{used}`, which is a layer below `{module}`",
                file.display()
            );
            edges += 1;
        }
    }
    assert!(edges > 30, "the test looks at too few edges to mean anything: {edges}");
}

/// A subscriber that panics must not end what logs, nor what is inside of a span.
#[test]
fn nothing_is_logged_but_by_logging() {
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut events = 0;
    for file in files(&sources).into_iter().filter(|file| !file.ends_with("logging.rs")) {
        let text = fs::read_to_string(&file).expect("a source file");
        assert!(!text.contains("tracing::"), "{}", file.display());
        for level in ["trace", "debug", "info", "warn", "error"] {
            events += text.matches(&format!("event!({level},")).count();
            // As `rustfmt` breaks a long one.
            events += text.matches(&format!("event!(\n{}{level},", " ".repeat(20))).count();
        }
    }
    assert!(events > 15, "the test looks at too few events to mean anything: {events}");
}
