//! A function can be read on one screen.

mod sources;

use std::fs;
use std::path::Path;

use sources::files;

/// From the signature to the closing brace, both included.
const MAX_LINES: usize = 60;

#[derive(Debug, PartialEq)]
struct Function {
    name: String,
    /// Where it begins, counted from 1.
    line: usize,
    lines: usize,
}

/// Every function that has a body, in text that is formatted by `rustfmt`: what begins at some indentation
/// ends with the next brace at that indentation.
fn functions(text: &str) -> Vec<Function> {
    let lines: Vec<&str> = text.lines().collect();
    let mut functions = Vec::new();
    for (start, line) in lines.iter().enumerate() {
        let Some(name) = name(line) else { continue };
        if let Some(end) = end(&lines[start..]) {
            functions.push(Function { name: name.to_owned(), line: start + 1, lines: end + 1 });
        }
    }
    functions
}

/// The name of the function whose signature begins in a line.
fn name(line: &str) -> Option<&str> {
    let mut rest = line.trim_start();
    if let Some(visible) = rest.strip_prefix("pub(") {
        rest = visible.split_once(") ")?.1;
    }
    for word in ["pub ", "const ", "async ", "unsafe ", "extern \"C\" "] {
        rest = rest.strip_prefix(word).unwrap_or(rest);
    }
    let rest = rest.strip_prefix("fn ")?;
    Some(&rest[..rest.find(['(', '<'])?])
}

/// How many lines after its first the function ends that begins in the first line; `None` if it has no body.
fn end(lines: &[&str]) -> Option<usize> {
    let indentation = indentation(lines[0]);
    for (number, line) in lines.iter().enumerate() {
        let is_outer = indentation == self::indentation(line);
        match line.chars().last() {
            Some('}') if is_outer => return Some(number),
            // A declaration; its bounds stand deeper.
            Some(';') if is_outer || !is_body(&lines[..number]) => return None,
            _ => {}
        }
    }
    panic!("`{}` does not end: is it formatted?", lines[0].trim());
}

fn indentation(line: &str) -> usize {
    line.len() - line.trim_start().len()
}

/// Whether the body of a function has begun in these lines, its first ones.
fn is_body(lines: &[&str]) -> bool {
    let outer = lines.first().map(|line| indentation(line));
    lines.iter().any(|line| Some(indentation(line)) == outer && line.ends_with('{'))
}

fn too_long(functions: &[Function]) -> Vec<&Function> {
    functions.iter().filter(|function| function.lines > MAX_LINES).collect()
}

#[test]
fn no_function_is_longer_than_a_screen() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut lengths = Vec::new();
    let mut complaints = String::new();
    for folder in ["src", "mcpc-macros/src", "mcpc-runtime/src"] {
        for file in files(&root.join(folder)) {
            let functions = functions(&fs::read_to_string(&file).expect("a source file"));
            lengths.extend(functions.iter().map(|function| function.lines));
            let file = file.strip_prefix(&root).expect("below the root").display();
            for Function { name, line, lines } in too_long(&functions) {
                complaints += &format!("\n{file}:{line}: `{name}` has {lines} lines");
            }
        }
    }
    lengths.sort_unstable();
    assert!(lengths.len() > 1000, "the test looks at too few functions: {}", lengths.len());
    let (median, longest) = (lengths[lengths.len() / 2], lengths[lengths.len() - 1]);
    eprintln!("{} functions: median {median} lines, longest {longest}", lengths.len());
    assert!(complaints.is_empty(), "{MAX_LINES} lines are the maximum:{complaints}");
}

#[test]
fn a_function_is_counted_from_its_signature_to_its_brace() {
    let text = "\
/// Declares.
trait Counted {
    fn declared(&self) -> String;

    fn declared_in_lines<T>(&self)
    where
        T: Copy;

    fn provided(&self) -> u32 {
        1
    }
}

pub(crate) const fn one_line() {}

pub async fn bounded<T>(
    value: T,
) -> T
where
    T: Copy,
{
    let fields = Fields {
        value,
    };
    fields.value
}
";
    let counted = functions(text).into_iter().map(|it| (it.name, it.line, it.lines));
    let expected = [("provided", 9, 3), ("one_line", 14, 1), ("bounded", 16, 11)];
    let expected = expected.map(|(name, line, lines)| (name.to_owned(), line, lines));
    assert_eq!(counted.collect::<Vec<_>>(), expected);
}

#[test]
fn a_function_of_one_line_more_than_the_maximum_is_too_long() {
    let of = |lines: usize| format!("fn long() {{\n{}}}\n", "    step();\n".repeat(lines - 2));
    assert_eq!(too_long(&functions(&of(MAX_LINES))), Vec::<&Function>::new());
    let functions = functions(&of(MAX_LINES + 1));
    assert_eq!(too_long(&functions).len(), 1, "{functions:?}");
}
