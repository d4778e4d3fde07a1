//! What a tool was called with, as far as its task keeps that.

use std::hash::{DefaultHasher, Hasher as _};
use std::io;

use rmcp::model::JsonObject;

/// The arguments of a call: their beginning to be shown, and what tells whether those of another are the same.
#[derive(Clone, Debug)]
pub struct Arguments {
    /// As JSON; a long one ends with `…`.
    text: Box<str>,
    hash: u64,
}

/// How many bytes are shown.
const SHOWN: usize = 120;

impl Arguments {
    /// Those of a call.
    #[must_use]
    pub fn new(arguments: &JsonObject) -> Self {
        Self { text: in_short(arguments).into(), hash: hash(arguments) }
    }

    /// Whether these are the same, but for the order in which they were given.
    #[must_use]
    pub fn are(&self, others: &Self) -> bool {
        self.hash == others.hash
    }

    /// For people and models to read.
    #[must_use]
    pub fn in_short(&self) -> &str {
        &self.text
    }
}

fn in_short(arguments: &JsonObject) -> String {
    let mut beginning = Beginning(Vec::with_capacity(SHOWN));
    // Values are JSON, so there is one reason to stop.
    let is_cut = serde_json::to_writer(&mut beginning, arguments).is_err();
    // It may have been cut within a character.
    let whole = beginning.0.utf8_chunks().next().map_or("", |chunk| chunk.valid());
    if is_cut { format!("{whole}…") } else { whole.to_owned() }
}

/// Takes no more than there is room for.
struct Beginning(Vec<u8>);

impl io::Write for Beginning {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let taken = bytes.len().min(SHOWN - self.0.len());
        self.0.extend_from_slice(&bytes[..taken]);
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The same for every order of the arguments.
fn hash(arguments: &JsonObject) -> u64 {
    let hashes = arguments.iter().map(|(name, value)| {
        let mut hasher = Hashing(DefaultHasher::new());
        hasher.0.write(name.as_bytes());
        hasher.0.write_u8(b':');
        // Values are JSON, and all of it is taken.
        let _ = serde_json::to_writer(&mut hasher, value);
        hasher.0.finish()
    });
    hashes.fold(0, u64::wrapping_add)
}

struct Hashing(DefaultHasher);

impl io::Write for Hashing {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn arguments(value: &serde_json::Value) -> Arguments {
        Arguments::new(value.as_object().expect("an object"))
    }

    #[test]
    fn they_are_shown_in_short_and_compared_in_full() {
        let short = arguments(&json!({ "table": "a", "rows": 3 }));
        assert_eq!(short.in_short(), r#"{"table":"a","rows":3}"#);
        assert!(short.are(&arguments(&json!({ "rows": 3, "table": "a" }))));
        assert!(!short.are(&arguments(&json!({ "table": "a", "rows": 4 }))));
        let long = |end| arguments(&json!({ "text": format!("{}{end}", "å".repeat(999)) }));
        let shown = format!(r#"{{"text":"{}…"#, "å".repeat((SHOWN - 9) / 2));
        assert_eq!(long("a").in_short(), shown);
        assert!(!long("a").are(&long("b")));
    }
}
