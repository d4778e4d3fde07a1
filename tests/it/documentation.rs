//! The examples in the runtime's documentation: each stands in a file of its own, which `mcpc` compiles.

use std::fs;
use std::path::{Path, PathBuf};

use walkdir::WalkDir;

fn files(folder: &str) -> Vec<PathBuf> {
    let entries = WalkDir::new(folder).into_iter().map(|entry| entry.expect("a readable folder"));
    entries.map(walkdir::DirEntry::into_path).filter(|path| path.is_file()).collect()
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("`{}`: {error}", path.display()))
}

#[test]
fn every_example_of_the_runtime_is_shown_and_compiled() {
    let facade = read(Path::new("src/lib.rs"));
    let sources = files("mcpc-runtime/src").iter().map(|path| read(path)).collect::<String>();
    let examples = files("mcpc-runtime/docs");
    assert!(!examples.is_empty());
    for example in examples {
        let name = example.file_name().and_then(|name| name.to_str()).expect("UTF-8");
        let shown = sources.matches(&format!("docs/{name}\")]")).count();
        let compiled = facade.matches(&format!("mcpc-runtime/docs/{name}\")]")).count();
        assert_eq!((shown, compiled), (1, 1), "`{name}`: how often it is shown, and compiled");
    }
}

#[test]
fn no_example_stands_where_nobody_compiles_it() {
    for source in files("mcpc-runtime/src") {
        let text = read(&source);
        let mut lines = text.lines().map(str::trim_start).enumerate();
        let fence = lines.find(|(_, it)| it.starts_with("/// ```") || it.starts_with("//! ```"));
        assert_eq!(fence, None, "`{}`: it belongs to `mcpc-runtime/docs`", source.display());
    }
}
