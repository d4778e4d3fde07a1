//! A server with real work to do: it counts what is in a directory, and hashes its large files.
//!
//! The work is synchronous, as file systems are, so it runs on tokio's blocking threads; `Sender` is
//! at home there, too.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use mcpc::{Sender, Server, State, tools};
use schemars::JsonSchema;
use serde::Serialize;
use sha2::{Digest as _, Sha256};
use thiserror::Error;
use walkdir::WalkDir;

/// Counts the files, lines and bytes of a directory, per language.
#[mcpc::background(read_only, open_world = false)]
async fn index(
    /// The directory to walk
    directory: PathBuf,
    /// Count this language only, by the name that `language_of` gives it
    language: Option<String>,
    languages: State<Languages>,
    updates: Sender,
) -> Result<Index, IndexError> {
    blocking(move || count(&directory, language.as_deref(), &languages, &updates)).await
}

/// Computes the SHA-256 of every large file of a directory and sends each one as it is known.
#[mcpc::background(read_only, open_world = false)]
async fn hash_large(
    /// The directory to walk
    directory: PathBuf,
    /// The size from which a file is large, in bytes
    #[arg(default = 1_048_576, range = 1..)]
    min_bytes: u64,
    updates: Sender,
) -> Result<Hashes, IndexError> {
    blocking(move || hash(&directory, min_bytes, &updates)).await
}

/// Says which language a file is written in, by its name.
#[mcpc::tool(read_only, open_world = false)]
async fn language_of(
    /// The name of the file, or a path to it
    file: PathBuf,
    languages: State<Languages>,
) -> String {
    languages.of(&file).to_owned()
}

#[tokio::main]
async fn main() -> mcpc::Result {
    let service = Server::new("indexer")
        .instructions("Start `index` or `hash_large` on a directory and go on; results follow.")
        .state(Languages::known())
        .tools(tools![index, hash_large, language_of])
        .build()?;
    // Over HTTP at the address that follows `--http`, or else over stdio.
    match std::env::args().skip_while(|it| it != "--http").nth(1) {
        Some(address) => service.serve_http(address).await,
        None => service.serve_stdio().await,
    }
}

#[derive(Serialize, JsonSchema)]
struct Index {
    files: u64,
    lines: u64,
    bytes: u64,
    languages: BTreeMap<String, Counts>,
}

#[derive(Default, Serialize, JsonSchema)]
struct Counts {
    files: u64,
    lines: u64,
    bytes: u64,
}

#[derive(Serialize, JsonSchema)]
struct Hashes {
    files: usize,
    bytes: u64,
}

#[derive(Serialize)]
struct Hash {
    file: String,
    bytes: u64,
    sha256: String,
}

#[derive(Debug, Error)]
enum IndexError {
    #[error("`{0}` is not a directory")]
    NotADirectory(PathBuf),
    #[error("stopped after {done} of {total} files")]
    Stopped { done: usize, total: usize },
    #[error("cannot read `{0}`")]
    Read(PathBuf, #[source] io::Error),
    #[error("the worker thread died")]
    Thread(#[from] tokio::task::JoinError),
}

/// Runs synchronous work where it blocks nobody.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, IndexError> + Send + 'static,
) -> Result<T, IndexError> {
    tokio::task::spawn_blocking(work).await?
}

fn count(
    directory: &Path,
    only: Option<&str>,
    languages: &Languages,
    updates: &Sender,
) -> Result<Index, IndexError> {
    let files = files(directory)?;
    let mut index = Index { files: 0, lines: 0, bytes: 0, languages: BTreeMap::new() };
    for (done, file) in files.iter().enumerate() {
        if updates.is_stopped() {
            return Err(IndexError::Stopped { done, total: files.len() });
        }
        let language = languages.of(file);
        if only.is_none_or(|only| only == language) {
            // A file that vanished or may not be read is not worth losing the others.
            let Ok(content) = fs::read(file) else {
                continue;
            };
            let bytes = content.len() as u64;
            let lines = lines(&content);
            let counts = index.languages.entry(language.to_owned()).or_default();
            counts.files += 1;
            counts.lines += lines;
            counts.bytes += bytes;
            index.files += 1;
            index.lines += lines;
            index.bytes += bytes;
        }
        updates.progress(done + 1, files.len(), file.display().to_string());
    }
    Ok(index)
}

/// How many lines a text has; a binary file has none.
fn lines(content: &[u8]) -> u64 {
    let is_binary = content.iter().take(8 << 10).any(|byte| *byte == 0);
    if is_binary { 0 } else { content.iter().filter(|byte| **byte == b'\n').count() as u64 }
}

fn hash(directory: &Path, min_bytes: u64, updates: &Sender) -> Result<Hashes, IndexError> {
    let mut large = files(directory)?;
    large.retain(|file| file.metadata().is_ok_and(|metadata| metadata.len() >= min_bytes));
    let mut hashes = Hashes { files: 0, bytes: 0 };
    for (done, file) in large.iter().enumerate() {
        if updates.is_stopped() {
            return Err(IndexError::Stopped { done, total: large.len() });
        }
        let (bytes, sha256) =
            sha256(file).map_err(|error| IndexError::Read(file.clone(), error))?;
        updates.blocking_send(Hash { file: file.display().to_string(), bytes, sha256 });
        hashes.files += 1;
        hashes.bytes += bytes;
        updates.progress(done + 1, large.len(), file.display().to_string());
    }
    Ok(hashes)
}

fn sha256(file: &Path) -> io::Result<(u64, String)> {
    let mut file = File::open(file)?;
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 256 << 10];
    let mut bytes = 0;
    loop {
        let read = file.read(&mut buffer)?;
        if read == 0 {
            break;
        }
        hasher.update(&buffer[..read]);
        bytes += read as u64;
    }
    let digest = hasher.finalize();
    Ok((bytes, digest.iter().map(|byte| format!("{byte:02x}")).collect()))
}

/// Every file below a directory, but for what git keeps for itself.
fn files(directory: &Path) -> Result<Vec<PathBuf>, IndexError> {
    if !directory.is_dir() {
        return Err(IndexError::NotADirectory(directory.to_owned()));
    }
    let entries = WalkDir::new(directory).sort_by_file_name().into_iter();
    let entries = entries.filter_entry(|entry| entry.file_name() != ".git");
    let files = entries.filter_map(Result::ok).filter(|entry| entry.file_type().is_file());
    Ok(files.map(walkdir::DirEntry::into_path).collect())
}

/// The languages this server knows, by the extensions of their files.
struct Languages(BTreeMap<&'static str, &'static str>);

impl Languages {
    fn known() -> Self {
        Self(BTreeMap::from([
            ("c", "C"),
            ("cpp", "C++"),
            ("css", "CSS"),
            ("go", "Go"),
            ("h", "C"),
            ("html", "HTML"),
            ("java", "Java"),
            ("js", "JavaScript"),
            ("json", "JSON"),
            ("jsonl", "JSON"),
            ("md", "Markdown"),
            ("py", "Python"),
            ("rs", "Rust"),
            ("sh", "Shell"),
            ("stderr", "Compiler output"),
            ("toml", "TOML"),
            ("ts", "TypeScript"),
            ("yml", "YAML"),
        ]))
    }

    fn of(&self, file: &Path) -> &'static str {
        let extension = file.extension().and_then(|extension| extension.to_str());
        extension.and_then(|extension| self.0.get(extension)).copied().unwrap_or("Other")
    }
}
