//! Regular expressions that a server and its clients read alike.
//!
//! JSON Schema's patterns are those of ECMAScript, in its Unicode mode; the server matches with
//! `regex-lite`. What only one of them knows is refused. (They still differ in which characters beyond
//! ASCII `.` and `\s` match.)

use regex_lite::Regex;

/// Reads a pattern.
///
/// # Errors
///
/// What is wrong with it.
pub(crate) fn parse(pattern: &str) -> Result<Regex, String> {
    let regex = Regex::new(pattern).map_err(|error| format!("invalid `pattern`: {error}"))?;
    match foreign(pattern) {
        None => Ok(regex),
        Some(part) => Err(format!(
            "`{part}` means nothing in the patterns of JSON Schema, which are JavaScript's"
        )),
    }
}

/// What stands before the rest of a pattern.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Before {
    /// Something that can be repeated.
    Atom,
    /// A repetition, which a `?` makes lazy.
    Repetition,
    /// The beginning, or something that cannot be repeated.
    Nothing,
}

/// The first part of a valid pattern that ECMAScript does not know.
fn foreign(pattern: &str) -> Option<&str> {
    let mut rest = pattern;
    let mut before = Before::Nothing;
    while let Some(first) = rest.chars().next() {
        let length = part(rest);
        let (part, behind) = rest.split_at(length);
        let (is_known, next) = match first {
            '\\' if part == "\\b" || part == "\\B" => (true, Before::Nothing),
            '\\' => (is_known_escape(part, false), Before::Atom),
            '[' => (is_known_class(part), Before::Atom),
            '(' => (is_known_group(part), Before::Nothing),
            '?' if before == Before::Repetition => (true, Before::Nothing),
            '*' | '+' | '?' | '{' => (before == Before::Atom, Before::Repetition),
            '^' | '$' | '|' => (true, Before::Nothing),
            ']' | '}' => (false, Before::Atom),
            _ => (true, Before::Atom),
        };
        if !is_known {
            return Some(part);
        }
        (rest, before) = (behind, next);
    }
    None
}

/// How long the part is that a pattern starts with: an escape, a class, the opening of a group, a
/// repetition, or a character.
fn part(rest: &str) -> usize {
    let until = |end: char| rest.find(end).map_or(rest.len(), |at| at + end.len_utf8());
    match rest.as_bytes()[0] {
        b'\\' => escape(rest),
        b'[' => class(rest),
        b'{' => until('}'),
        b'(' if rest.starts_with("(?<") || rest.starts_with("(?P<") => until('>'),
        b'(' if rest.starts_with("(?") => rest.find([':', ')']).map_or(rest.len(), |at| at + 1),
        _ => rest.chars().next().map_or(0, char::len_utf8),
    }
}

/// How long the escape is that a text starts with.
fn escape(text: &str) -> usize {
    let Some(after) = text[1..].chars().next() else { return 1 };
    let length = 1 + after.len_utf8();
    let braced = text[length..].starts_with('{').then(|| text[length..].find('}')).flatten();
    match (after, braced) {
        ('x' | 'u', Some(end)) => length + end + 1,
        ('x', None) => length + 2,
        ('u', None) => length + 4,
        _ => length,
    }
}

/// How long the class is that a text starts with.
fn class(text: &str) -> usize {
    let mut at = 1;
    while let Some(next) = text[at..].chars().next() {
        at += match next {
            '\\' => escape(&text[at..]),
            other => other.len_utf8(),
        };
        // A bracket right at the start stands for itself.
        if next == ']' && !matches!(&text[1..at], "]" | "^]") {
            return at;
        }
    }
    text.len()
}

/// Whether ECMAScript reads a class alike: its escapes, and no class in it.
fn is_known_class(class: &str) -> bool {
    let mut inside = class.strip_prefix('[').unwrap_or(class);
    inside = inside.strip_suffix(']').unwrap_or(inside);
    inside = inside.strip_prefix('^').unwrap_or(inside);
    while let Some(next) = inside.chars().next() {
        let length = if next == '\\' { escape(inside) } else { next.len_utf8() };
        let (part, rest) = inside.split_at(length);
        let is_known = match next {
            '\\' => is_known_escape(part, true),
            '[' | ']' => false,
            _ => true,
        };
        if !is_known {
            return false;
        }
        inside = rest;
    }
    true
}

fn is_known_group(opening: &str) -> bool {
    match opening.strip_prefix("(?") {
        None | Some(":") => true,
        Some(rest) => {
            rest.strip_prefix('<').and_then(|rest| rest.strip_suffix('>')).is_some_and(|name| {
                let starts_well = !name.starts_with(|c: char| c.is_ascii_digit());
                starts_well && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
            })
        }
    }
}

fn is_known_escape(escape: &str, in_class: bool) -> bool {
    match escape[1..].chars().next() {
        Some('-') => in_class,
        Some('x') => !escape.contains('{'),
        Some(letter) => "dDsSwWfnrtvu^$\\.*+?()[]{}|/".contains(letter),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn what_both_know_is_a_pattern() {
        for pattern in [
            "^[a-z][a-z0-9_-]*$",
            r"\d{4}-\d{2}-\d{2}",
            r"^(?:GET|POST) /[^\s]+$",
            r"^(?<year>\d{4})$",
            r"^\$[0-9.,]{1,12}?\.$",
            r"[\-\]\\{}*]",
            r"\u00e4|\u{1F600}|\x41",
            r"\bword\b",
            r"(ab)+?|[^/]*|\{\}",
            "größe",
            "",
        ] {
            assert!(parse(pattern).is_ok(), "{pattern}: {:?}", parse(pattern));
        }
    }

    #[test]
    fn what_only_one_knows_is_none() {
        for (pattern, part) in [
            ("(?i)abc", "(?i)"),
            ("(?i:abc)", "(?i:"),
            ("(?P<a>b)", "(?P<a>"),
            ("(?<a.b>c)", "(?<a.b>"),
            (r"\Aabc", r"\A"),
            (r"abc\z", r"\z"),
            (r"\x{41}", r"\x{41}"),
            (r"a\@b", r"\@"),
            (r"a\-b", r"\-"),
            ("a]b", "]"),
            ("a}b", "}"),
            (r"\{2}", "}"),
            ("[[:alpha:]]", "[[:alpha:]"),
            ("[]a]", "[]a]"),
            ("a**", "*"),
            ("a+*", "*"),
            ("a{2}{3}", "{3}"),
            ("^*", "*"),
            (r"\b+", "+"),
        ] {
            let error = parse(pattern).expect_err(pattern);
            assert!(error.starts_with(&format!("`{part}` means nothing")), "{pattern}: {error}");
        }
        for pattern in ["(", "[z-a]", r"\p{L}", "a**{", r"(?=a)"] {
            let error = parse(pattern).expect_err(pattern);
            assert!(error.starts_with("invalid `pattern`: "), "{pattern}: {error}");
        }
    }
}
