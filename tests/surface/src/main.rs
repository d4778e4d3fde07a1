//! Prints the public surface of `mcpc`, a line for each item, as users of it see it.
//!
//! usage: mcpc-surface MCPC_JSON MCPC_RUNTIME_JSON
//!
//! `mcpc` is a facade: rustdoc's JSON of it only says what it re-exports. What that is stands in the JSON of
//! `mcpc-runtime`, whose other items are nobody's business.

use std::collections::HashSet;
use std::error::Error;
use std::path::Path;

use public_api::{PublicApi, PublicItem};
use serde_json::Value;

/// Of these, a compiler knows more with every version, and nobody can name them.
const UNNAMEABLE: [&str; 2] = ["core::marker::Freeze for ", "core::marker::UnsafeUnpin for "];

/// The other package of the facade whose items it re-exports; attributes have no surface but their names.
const RUNTIME: &str = "mcpc_runtime::";

struct ReExport {
    /// The path in the runtime; of a glob, of the module.
    source: String,
    /// The path in the facade; of a glob, of the module that it stands in.
    path: String,
    is_glob: bool,
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let mut next =
        || arguments.next().ok_or("two files are expected: JSON of `mcpc` and of `mcpc-runtime`");
    let (facade, runtime) = (next()?, next()?);
    let re_exports = re_exports(&serde_json::from_slice(&std::fs::read(&facade)?)?)?;
    let mut lines = own(&listing(&facade)?, &re_exports);
    let listing = listing(&runtime)?;
    for re_export in &re_exports {
        lines.extend(seen(&listing, re_export)?.map(|item| rename(&item.to_string(), &re_exports)));
    }
    // A trait of the facade's types is listed with the trait and with the type.
    let mut listed = HashSet::new();
    lines.retain(|line| is_for_users(line) && listed.insert(line.clone()));
    for line in lines {
        println!("{line}");
    }
    Ok(())
}

fn listing(json: impl AsRef<Path>) -> Result<PublicApi, Box<dyn Error>> {
    let json = json.as_ref();
    let listing = public_api::Builder::from_rustdoc_json(json).omit_blanket_impls(true).build();
    let hint = "is `public-api` in `tests/surface/Cargo.toml` the one for this rustdoc?";
    Ok(listing.map_err(|error| format!("{} cannot be read ({error}); {hint}", json.display()))?)
}

/// What the facade re-exports of the runtime.
fn re_exports(facade: &Value) -> Result<Vec<ReExport>, Box<dyn Error>> {
    let mut found = Vec::new();
    let mut modules = vec![("mcpc".to_owned(), &facade["root"])];
    while let Some((path, id)) = modules.pop() {
        let items = item(facade, id)?["inner"]["module"]["items"].as_array();
        for id in items.ok_or("a module without items")? {
            let item = item(facade, id)?;
            if item["inner"]["module"].is_object() {
                modules.push((format!("{path}::{}", text(&item["name"])?), id));
            }
            let re_export = &item["inner"]["use"];
            if re_export.is_object() && text(&re_export["source"])?.starts_with(RUNTIME) {
                let is_glob = re_export["is_glob"] == true;
                let name = text(&re_export["name"])?;
                let path = if is_glob { path.clone() } else { format!("{path}::{name}") };
                found.push(ReExport {
                    source: text(&re_export["source"])?.to_owned(),
                    path,
                    is_glob,
                });
            }
        }
    }
    found.sort_by(|one, other| one.path.cmp(&other.path));
    Ok(found)
}

fn item<'a>(json: &'a Value, id: &Value) -> Result<&'a Value, String> {
    json["index"].get(id.to_string()).ok_or_else(|| format!("item {id} is not in the JSON"))
}

fn text(value: &Value) -> Result<&str, String> {
    value.as_str().ok_or_else(|| format!("expected a string, got {value}"))
}

/// The lines of what the facade defines itself.
fn own(facade: &PublicApi, re_exports: &[ReExport]) -> Vec<String> {
    let is_shown = |line: &String| {
        let used = line.strip_prefix("pub use ");
        // `<<..>>` is a glob.
        !used.is_some_and(|path| path.contains("<<") || re_exports.iter().any(|it| it.path == path))
    };
    facade.items().map(PublicItem::to_string).filter(is_shown).collect()
}

/// What a re-export lets users see: the item and all that belongs to it.
fn seen<'a>(
    runtime: &'a PublicApi,
    re_export: &ReExport,
) -> Result<impl Iterator<Item = &'a PublicItem>, String> {
    let named = runtime.items().find(|item| path(&item.to_string()) == Some(&re_export.source));
    let named = named.ok_or_else(|| format!("`{}` is not in the runtime", re_export.source))?;
    let mut belonging = HashSet::from([named.id()]);
    loop {
        let known = belonging.len();
        let is_inside =
            |item: &&PublicItem| item.parent_id().is_some_and(|id| belonging.contains(&id));
        let inside: Vec<_> = runtime.items().filter(is_inside).map(PublicItem::id).collect();
        belonging.extend(inside);
        if belonging.len() == known {
            break;
        }
    }
    if re_export.is_glob {
        belonging.remove(&named.id());
    }
    Ok(runtime.items().filter(move |item| belonging.contains(&item.id())))
}

/// Whether users can name the trait, where the line is an `impl` of one.
fn is_for_users(line: &str) -> bool {
    let implements = line.starts_with("impl").then(|| line.split(" for ").next()).flatten();
    let is_hidden = implements.is_some_and(|it| it.contains(RUNTIME));
    !is_hidden && !UNNAMEABLE.iter().any(|name| line.contains(name))
}

/// The path of an item that has one of its own; an `impl` does not.
fn path(line: &str) -> Option<&str> {
    if line.starts_with("impl") {
        return None;
    }
    let path = &line[line.find(RUNTIME)?..];
    let end = path.find(|c: char| !c.is_alphanumeric() && c != '_' && c != ':');
    // After a trait's, its bounds may follow a colon.
    Some(path[..end.unwrap_or(path.len())].trim_end_matches(':'))
}

/// A line with the paths that users write.
fn rename(line: &str, re_exports: &[ReExport]) -> String {
    let mut line = line.to_owned();
    for ReExport { source, path, .. } in re_exports {
        let mut renamed = String::new();
        let mut rest = line.as_str();
        while let Some(at) = rest.find(source) {
            let (before, after) = (&rest[..at], &rest[at + source.len()..]);
            let ends = !after.starts_with(|c: char| c.is_alphanumeric() || c == '_');
            renamed += before;
            renamed += if ends { path } else { source };
            rest = after;
        }
        line = renamed + rest;
    }
    line
}
